"""State in Postgres: migrations, the fence, and every statement that runs behind it."""
