"""The record codec against bytes that nobody would think of: `python -m tests.fuzz`, with a kept corpus."""
