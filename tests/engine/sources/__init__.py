"""Tests of the ways in that are folders."""
