"""Cleaning files by hand (`stellwerk deid`): the steps of the rules, applied to files instead of what comes in."""
