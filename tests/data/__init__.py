"""What several tests need: objects, built from nothing."""
