"""Management commands of the guard."""
