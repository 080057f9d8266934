"""From what TOML gave to dataclasses: every mistake with its path, its value, and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from pytest_pagesmoke.addresses import without_credentials
from pytest_pagesmoke.checks.takes import Takes, is_key
from pytest_pagesmoke.settings.variables import Expanded, unset_texts

Path = tuple[str | int, ...]

_MAX_SHOWN: Final = 60
#: What a type takes that says no more.
_PLAIN: Final = {bool: Takes("true or false")}


@dataclass(frozen=True)
class Mistake:
    """What is wrong at ``path`` of the settings file."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}{self.text}"


def dotted(path: Path) -> str:
    """A path as it is written: `targets.preview.headers`, `pages[1].max_s`; entries are counted from 0."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return text.removeprefix(".")


def _key(name: str) -> str:
    return (
        name if name and all(char.isalnum() or char in "-_" for char in name) else json.dumps(name, ensure_ascii=False)
    )


def shown(value: object) -> str:
    """A value as the user wrote it, and what came from the environment; without passwords, and without what headers are made of."""
    if isinstance(value, Expanded):
        now = "its value is not shown" if value.is_secret else f"now {_literal(without_credentials(value))}"
        return f"{_literal(value.written)} ({now})"
    return _literal(without_credentials(value) if isinstance(value, str) else value)


def _literal(value: object) -> str:
    # What tables and lists hold is not shown: among it may be a header's value.
    if isinstance(value, dict):
        return f"{{ {', '.join(map(_key, value))} … }}" if value else "{}"
    if isinstance(value, list):
        return "[ … ]" if value else "[]"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def unknown(path: Path, known: Iterable[str]) -> Mistake:
    """The mistake of a key that does not exist."""
    names = sorted(known)
    near = difflib.get_close_matches(str(path[-1]), names, n=1)
    meant = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(names)}"
    return Mistake(path, f": unknown. {meant}")


def read(value: object, wanted: Any, path: Path, mistakes: list[Mistake]) -> Any:
    """``value`` as the type ``wanted``; None where it does not fit, with every mistake added to ``mistakes``. (`Any`: any type.)"""
    if isinstance(wanted, type) and is_dataclass(wanted):
        return _read_table(value, wanted, path, mistakes)
    if get_origin(wanted) is tuple:
        return _read_list(value, get_args(wanted)[0], path, mistakes)
    kind, takes, *_ = get_args(wanted) if get_origin(wanted) is Annotated else (wanted, _PLAIN[wanted])
    if not any(_is_of(value, one) for one in takes.of or (kind,)) or not _fits(value, takes):
        mistakes.append(_unfit(path, value, takes.right))
        return None
    return takes.read(value)


def _fits(value: object, takes: Takes) -> bool:
    return takes.fits(value) or any(unset_texts(value))  # what it will be, is judged when the variable is set


def _read_table(value: object, owner: type, path: Path, mistakes: list[Mistake]) -> Any:
    """An entry: a table whose keys are the fields of ``owner``. A text stands for a table with only its `path`."""
    required = _required_of(owner)
    if required == ["path"] and isinstance(value, str):
        value = {"path": value}
    if not isinstance(value, dict):
        table = f"a table with {', '.join(required)}" if required else "a table"
        mistakes.append(_unfit(path, value, f"a path, or {table}" if required == ["path"] else table))
        return None
    keys = {name: hint for name, (hint, *marks) in hints_of(owner).items() if is_key(marks)}
    before = len(mistakes)
    found = {name: read(value[name], hint, (*path, name), mistakes) for name, hint in keys.items() if name in value}
    mistakes += [Mistake((*path, name), ": is missing") for name in required if name not in value]
    mistakes += [unknown((*path, name), keys) for name in value if name not in keys]
    if len(mistakes) > before:
        return None
    try:
        return owner(**found)
    except ValueError as error:  # of __post_init__: keys that exclude each other
        mistakes.append(Mistake(path, f": {error}"))
        return None


def _read_list(value: object, wanted: Any, path: Path, mistakes: list[Mistake]) -> Any:
    if not isinstance(value, list):
        mistakes.append(_unfit(path, value, "a list, in [ ]"))
        return None
    before = len(mistakes)
    entries = tuple(read(entry, wanted, (*path, index), mistakes) for index, entry in enumerate(value))
    return None if len(mistakes) > before else entries


def _unfit(path: Path, value: object, right: str) -> Mistake:
    return Mistake(path, f" = {shown(value)}: takes {right}")


@cache  # for each entry of a list it is the same; so is the next
def hints_of(owner: type) -> dict[str, tuple[Any, ...]]:
    """The type of each field of a dataclass (of `X | None` X: TOML has no None), followed by what else its annotation says. (`Any`: any type.)"""
    hints = get_type_hints(owner, include_extras=True)
    given = ((field.name, hints[field.name]) for field in fields(owner))
    found = ((name, get_args(hint)[0] if NoneType in get_args(hint) else hint) for name, hint in given)
    return {name: (hint, *(get_args(hint)[1:] if get_origin(hint) is Annotated else ())) for name, hint in found}


@cache
def _required_of(owner: type) -> list[str]:
    return [field.name for field in fields(owner) if field.default is MISSING and field.default_factory is MISSING]


def _is_of(value: object, wanted: type) -> bool:
    if isinstance(value, bool):  # a whole number for Python
        return wanted is bool
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(value, wanted)
