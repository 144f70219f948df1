"""Builds the appliance's image and packages. Run by the builder's own Python, standard library only; never in the wheel.

It must not import the engine, the language or the appliance: it builds them, and need not be able to run them.
"""
