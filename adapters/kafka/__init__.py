"""Kafka behind the ports: activity and ticks in, one transactional producer per shard out, the topics themselves."""
