"""The outside world behind the ports of the domain: Kafka, Postgres, wire formats, the clock."""
