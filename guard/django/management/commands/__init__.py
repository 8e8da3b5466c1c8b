"""``zep_mode``."""
