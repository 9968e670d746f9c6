"""What runs the engine: images, manifests and the local platform."""
