"""The rules of engagement: pure values and functions, without I/O, clock, randomness or logging."""
