"""`${NAME}` and `${NAME:-default}` in the settings' texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Expanded(str):
    """A text that held references. ``variables`` are the names, ``values`` what came from the environment for them.

    ``unset`` are names without a value: until they are set the text has no meaning, and is judged by nobody. ``is_secret``: no output
    may show what it is now.
    """

    __slots__ = ("is_secret", "unset", "values", "variables", "written")

    written: str
    variables: tuple[str, ...]
    values: tuple[str, ...]
    unset: tuple[str, ...]
    is_secret: bool


def expand(value: Any, environment: Mapping[str, str], *, secret: Collection[str] = ()) -> Any:
    """``value``, as TOML gave it, with the references in all its texts resolved; which variables are ``secret``. (`Any`: whatever TOML can hold.)"""
    if isinstance(value, dict):
        return {key: expand(part, environment, secret=secret) for key, part in value.items()}
    if isinstance(value, list):
        return [expand(part, environment, secret=secret) for part in value]
    return _expanded(value, environment, secret) if isinstance(value, str) and _REFERENCE.search(value) else value


def variables_in(value: Any) -> Iterator[str]:
    """The names of all variables that texts in ``value`` refer to. (`Any`: as above.)"""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from variables_in(part)
    elif isinstance(value, str):
        yield from (match[1] for match in _REFERENCE.finditer(value))


def unset_texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Expanded]]:
    """Every text below ``value`` that needs a variable which is not set, with its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from unset_texts(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from unset_texts(part, (*path, index))
    elif isinstance(value, Expanded) and value.unset:
        yield path, value


def _expanded(text: str, environment: Mapping[str, str], secret: Collection[str]) -> Expanded:
    found: list[str] = []
    unset: list[str] = []

    def resolve(match: re.Match[str]) -> str:
        # Empty counts as unset: in CI a secret that is not there, and the output of a step that did not run, are empty.
        if value := environment.get(match[1]):
            found.append(value)
            return value
        if match[2] is None:
            unset.append(match[1])
        return match[2] or ""

    expanded = Expanded(_REFERENCE.sub(resolve, text))
    expanded.written = text
    expanded.variables = tuple(dict.fromkeys(variables_in(text)))
    expanded.values = tuple(found)
    expanded.unset = tuple(dict.fromkeys(unset))
    expanded.is_secret = any(name in secret for name in expanded.variables)
    return expanded
