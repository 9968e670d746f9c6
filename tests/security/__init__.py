"""Encrypted connections, credentials and least rights: real servers that ask for them, and what a refusal says."""
