"""Tests of rules from a Git repository."""
