"""A whole deployment without clock or I/O: a seed decides all that happens, and the plain rules judge it."""
