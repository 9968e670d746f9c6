"""What the engine is made of."""
