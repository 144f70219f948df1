"""The pages that are made from the code: one for each step and each finding. `python -m tests.manual` writes them."""
