"""Measurements, one file per question: each has a docstring and a `main()` that prints what it measured."""
