"""Faults on a real stack of processes: start, stop, and proof that they happened."""
