"""Package, image and container: what is laid over `/`, whether it works there, and the machine that the image makes."""
