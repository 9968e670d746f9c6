"""A recorded half year of activity, played through the real command and real workers, held against the oracle."""
