"""What the engine is made of: a bill of materials, and whether anything in it is known to be vulnerable."""
