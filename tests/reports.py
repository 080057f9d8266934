"""Reports as tests look at them: held to the schema that the package ships, and compared but for what varies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

import pytest_pagesmoke

SCHEMA: Any = json.loads(
    (Path(pytest_pagesmoke.__file__).parent / "report.schema.json").read_text()
)  # `Any`: JSON's values
#: Where two runs of one site may differ.
VARIES = ("started", "duration_s", "elapsed_s", "timings_s", "settled_after_s", "xdist_worker", "date")


def strict(schema: Any) -> Any:
    """The schema, but that it allows no key that it does not name. (`Any`: JSON's values.)"""
    if isinstance(schema, dict):
        closed = (
            {"additionalProperties": False} if "properties" in schema and "additionalProperties" not in schema else {}
        )
        return {key: strict(value) for key, value in schema.items()} | closed
    return [strict(part) for part in schema] if isinstance(schema, list) else schema


def valid(text: str) -> Any:
    """A report, held to the schema. (`Any`: JSON's values.)"""
    document = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(strict(SCHEMA)).validate(document)
    assert text.isascii()
    return document


def without_what_varies(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_what_varies(part) for key, part in value.items() if key not in VARIES}
    return [without_what_varies(part) for part in value] if isinstance(value, list) else value


def outcomes(document: Any) -> Mapping[str, str]:
    return {
        check["id"].partition("::")[2]: check["outcome"] for target in document["targets"] for check in target["checks"]
    }
