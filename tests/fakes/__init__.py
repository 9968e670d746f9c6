"""Stand-ins for ports, each held to its port's suite."""
