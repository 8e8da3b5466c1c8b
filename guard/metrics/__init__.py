"""Prometheus metrics: what each process counts, what the record counts, and how both are served."""

from guard.metrics.instruments import REGISTRY

__all__ = ["REGISTRY"]
