"""Input that can't be used, played to a real deployment."""
