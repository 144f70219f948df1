"""Each step on its own."""
