"""All steps: one file each. Importing this package reads every file of the folder, in sorted order."""

import importlib
import pkgutil

from engine.step import all_chores, all_steps

for _found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    importlib.import_module(f"{__name__}.{_found.name}")

STEPS = all_steps()
"""Every step that takes an object, by name."""

CHORES = all_chores()
"""Every step that works by the clock, by name."""
