"""Hypothesis without a deadline: no test may fail for the slowness of a machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("documents", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("documents")
