"""A help desk with memory."""

from helpdesk.desk import Answer, Desk

__all__ = ["Answer", "Desk"]
