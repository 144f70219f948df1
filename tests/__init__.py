"""What must hold. `python -m tests` runs all of it."""
