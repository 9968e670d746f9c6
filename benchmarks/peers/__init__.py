"""Other ways to do the engine's job, each as well as it can be done that way."""
