"""Makes ``evidence.schema.json``, the JSON Schema of ``evidence.json``, from the classes of ``model.py``.

python -m zepguard.evidence.schema
"""

from __future__ import annotations

import json
from pathlib import Path

from zepguard.evidence.model import Record

__all__ = ["SCHEMA", "main", "schema_text"]

SCHEMA = Path(__file__).with_name("evidence.schema.json")


def schema_text() -> str:
    """The text of the file."""
    schema = Record.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def main() -> None:
    """Write the file."""
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {SCHEMA}")


if __name__ == "__main__":
    main()
