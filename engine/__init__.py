"""The engine: runs programs on DICOM objects. Knows DICOM, disks and clocks; never the rule language's text."""
