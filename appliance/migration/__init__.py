"""From a CTP configuration to rules: reads config.xml and its scripts, and writes a rule file and a report.

Everything here is pure but for `scripts.py`, which reads the files that a configuration names. Any bytes make a report,
never an exception. Passwords are never copied.
"""
