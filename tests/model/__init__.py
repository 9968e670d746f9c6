"""Explicit-state models of the protocol: every history of a small deployment is looked at."""
