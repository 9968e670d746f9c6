"""The commands of `engage`, a module each, and what they share."""
