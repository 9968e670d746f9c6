"""The container image, built and run for real on a machine that has no container engine."""
