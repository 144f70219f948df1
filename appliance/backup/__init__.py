"""Backup and restore: one encrypted file with all that cannot be made anew, the images apart."""
