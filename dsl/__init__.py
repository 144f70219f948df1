"""The rule language: text → Program. Pure; it must not know disks, networks, clocks or the console."""
