"""The local platform: a Kafka broker and a Postgres server for development, tests and the demo."""
