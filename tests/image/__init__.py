"""Package, image and container: what is laid over `/`, and whether it works there."""
