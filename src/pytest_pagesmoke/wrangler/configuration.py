"""A project's wrangler configuration: where it stands, and what it says of the build output."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_NAMES: Final = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")  # in wrangler's order
_BINDINGS: Final = (
    "ai analytics_engine_datasets browser d1_databases durable_objects hyperdrive kv_namespaces mtls_certificates queues "
    "r2_buckets send_email services vectorize"
).split()


class ConfigurationError(Exception):
    """The configuration cannot be read, in words for the user."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What matters here of one file. ``output`` is the folder that it names for the build output, relative to ``file``'s."""

    file: Path
    output: str = ""
    needs_worker: bool = False  # it has bindings, which only a worker or functions can use


def find_configuration(project: Path) -> Configuration | None:
    """The configuration that wrangler takes for ``project``: a redirect first, then the nearest file at or above. Raises ConfigurationError."""
    for folder in (project, *project.parents):
        for file in _candidates(folder):
            return _read(file)
    return None


def output_of(configuration: Configuration | None, project: Path) -> Path:
    """Where the build output is, seen from ``project``: as the configuration has it, else `dist`."""
    if configuration is None or not configuration.output:
        return Path("dist")
    return Path(os.path.relpath(configuration.file.parent / configuration.output, project))


def _candidates(folder: Path) -> Iterator[Path]:
    redirect = folder / ".wrangler" / "deploy" / "config.json"
    if redirect.is_file():
        target = _parsed(redirect).get("configPath")
        if not isinstance(target, str) or not (redirect.parent / target).is_file():
            raise ConfigurationError(f"{redirect} leads to {target!r}, where no file is: build again, or remove it")
        yield (redirect.parent / target).resolve()
    yield from (file for name in _NAMES if (file := folder / name).is_file())


def _read(file: Path) -> Configuration:
    table = _parsed(file)
    output = table.get("pages_build_output_dir")
    return Configuration(
        file=file,
        output=output if isinstance(output, str) else "",
        needs_worker=any(table.get(name) for name in _BINDINGS),
    )


def _parsed(file: Path) -> dict[str, Any]:
    """The file's table. (`Any`: whatever JSON or TOML can hold.)"""
    try:
        text = file.read_text("utf-8-sig")
        table: object = tomllib.loads(text) if file.suffix == ".toml" else _json(text)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of tomllib, json5 and the decoder alike
        raise ConfigurationError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file} holds no table")
    return table


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        import json5  # noqa: PLC0415 - for comments and trailing commas alone; 11 ms

        return json5.loads(text)
