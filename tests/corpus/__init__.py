"""Synthetic ultrasound screens with made-up names, in every encoding that can be written here, and the truth."""
