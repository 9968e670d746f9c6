"""Hypothesis without a deadline: no test may fail for the slowness of a machine."""

from hypothesis import settings

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
