"""The worker's own HTTP port: asking for cycles, what they did, and how the worker is."""
