"""What many shards cost: until each has its owner again when processes come and go, and the memory of one process."""
