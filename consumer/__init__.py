"""The service: takes activity in, evaluates ticks, publishes messages; and the command line around it."""
