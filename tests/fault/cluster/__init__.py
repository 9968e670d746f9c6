"""Three Kafka brokers on one machine, and proxies that hurt the way to them."""
