"""Campaigns: loads and faults on whole deployments, judged from outside. `make campaigns` plays them at full size."""
