"""Faults of Kafka, of its topics, of ticks, rules and records, with real workers."""
