"""A soak: seeded faults of all kinds, mixed, on a whole deployment under load, judged from outside."""
