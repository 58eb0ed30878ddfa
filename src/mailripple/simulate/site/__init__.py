"""A campus over days and weeks: who lives there, what they do, what servers make of it.  `tables.py` is the joint."""
