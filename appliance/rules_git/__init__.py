"""Rules from a Git repository: looked at every few minutes, taken over whole or not at all, and only ever forwards."""
