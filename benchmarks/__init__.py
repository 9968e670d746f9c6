"""The engine and what a user would pick instead, at the same work, on the same broker and database, in one run."""
