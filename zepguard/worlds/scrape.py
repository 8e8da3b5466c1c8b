"""Reads a scrape into ``Metrics``."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from zepguard.worlds.world import Metrics

__all__ = ["read_metrics"]


def read_metrics(text: str) -> Metrics:
    """The series of a scrape's body, each by its name with labels in the order of the alphabet."""
    return Metrics(
        {
            _series(sample.name, sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


def _series(name: str, labels: Mapping[str, str]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"
