"""What root does on the machine for the appliance: one file per verb of `stellwerk machine`, each a unit of its own.

They start quickly and trust nothing that the service has written: they import nothing of the engine but `engine.files`,
and read by `appliance/machine/letters.py`.
"""
