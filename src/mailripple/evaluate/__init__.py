"""How good is it?  Detectors and the rules that others use, on simulated campuses whose truth is known."""
