"""Whole deployments for the tests: real worker processes on a real Kafka and Postgres, judged from outside."""
