"""Builds the appliance's image and packages: standard library only, run by the builder's Python, in no wheel.

It must not import the engine, the language or the appliance: it builds them, and need not be able to run them.
"""
