"""All steps: one file each. Importing this package reads every file of the folder, in sorted order."""

import importlib
import pkgutil

from engine.step import all_steps

for _found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    importlib.import_module(f"{__name__}.{_found.name}")

STEPS = all_steps()
"""Every step by name."""
