"""The documents that are generated: JSON Schemas, the AsyncAPI document, and the references in `docs`."""
