"""From what TOML gave to dataclasses: every mistake with its path, its value, and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from cattrs import Converter
from cattrs.errors import AttributeValidationNote, ForbiddenExtraKeysError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, override

from pytest_pagesmoke.addresses import without_credentials
from pytest_pagesmoke.checks.takes import Takes, is_key
from pytest_pagesmoke.settings.variables import Expanded, unset_texts

Path = tuple[str | int, ...]

_MAX_SHOWN: Final = 60
_NAMES: Final = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Mistake:
    """What is wrong at ``path`` of the settings file."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}{self.text}"


class _Unfit(ValueError):
    """A value is not what its key takes."""

    def __init__(self, value: object, right: str) -> None:
        super().__init__(right)
        self.value = value
        self.right = right


def dotted(path: Path) -> str:
    """A path as it is written: `targets.preview.headers`, `pages[1].max_s`; entries are counted from 0."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return text.removeprefix(".")


def _key(name: str) -> str:
    return (
        name if name and all(char.isalnum() or char in "-_" for char in name) else json.dumps(name, ensure_ascii=False)
    )


def shown(value: object) -> str:
    """A value as the user wrote it, and what came from the environment; without passwords."""
    if isinstance(value, Expanded):
        return f"{_literal(value.written)} (now {_literal(without_credentials(value))})"
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
    try:
        return _converter().structure(value, wanted)
    except Exception as error:  # noqa: BLE001 - cattrs groups whatever its hooks raise: ours below, and its own
        mistakes.extend(_mistakes(error, path))
        return None


def _mistakes(error: BaseException, path: Path) -> Iterator[Mistake]:
    path = (*path, *_steps(error))
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _mistakes(part, path)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [name for name, (_, *marks) in hints_of(error.cl).items() if is_key(marks)]
        for key in sorted(error.extra_fields):
            yield unknown((*path, key), known)
    elif isinstance(error, _Unfit):
        yield Mistake(path, f" = {shown(error.value)}: takes {error.right}")
    elif isinstance(error, KeyError):  # cattrs: a key without a default is not there
        yield Mistake(path, ": is missing")
    else:  # of __post_init__: keys that exclude each other
        yield Mistake(path, f": {error}")


def _steps(error: BaseException) -> Iterator[str | int]:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            yield note.name
        elif isinstance(note, IterableValidationNote):
            yield note.index


def hints_of(owner: type) -> dict[str, tuple[Any, ...]]:
    """The type of each field of a dataclass, followed by what else its annotation says. (`Any`: any type.)"""
    hints = get_type_hints(owner, include_extras=True)
    found = ((field.name, hints[field.name]) for field in fields(owner))
    return {name: (hint, *(get_args(hint)[1:] if get_origin(hint) is Annotated else ())) for name, hint in found}


@cache  # a structure function of its own is written, and compiled, for each kind of table
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook_factory(is_dataclass, lambda owner: _table_hook(converter, owner))
    converter.register_structure_hook_factory(_is_tuple, lambda wanted: _list_hook(converter, wanted))
    for plain in (str, int, float, bool):
        converter.register_structure_hook(plain, _plain)
    converter.register_structure_hook_func(_is_takes, _taken)
    return converter


def _is_tuple(wanted: Any) -> bool:
    return get_origin(wanted) is tuple


def _is_takes(wanted: Any) -> bool:
    return get_origin(wanted) is Annotated and isinstance(get_args(wanted)[1], Takes)


def _hook_for(takes: Any) -> Any:  # cattrs does not export the type of an override
    return override(struct_hook=lambda value, _: _taken(value, takes))


def _table_hook(converter: Converter, owner: type) -> Callable[[Any, Any], Any]:
    """An entry: a table whose keys are the fields of ``owner``. A text stands for a table with only its `path`."""
    keys: dict[str, Any] = {}  # of overrides; `Any`, because cattrs takes its own options as keywords beside them
    for name, (hint, *marks) in hints_of(owner).items():
        if not is_key(marks):
            keys[name] = override(omit=True)
        elif takes := next((part for part in (hint, *get_args(hint)) if _is_takes(part)), None):
            keys[name] = _hook_for(takes)
    required = [f.name for f in fields(owner) if f.default is MISSING and f.default_factory is MISSING]
    structure: Callable[[Any, Any], Any] = make_dict_structure_fn(
        owner, converter, _cattrs_forbid_extra_keys=True, **keys
    )
    right = f"a table with {', '.join(required)}" if required else "a table"
    if required == ["path"]:
        right = "a path, or a table with path"

    def hook(value: Any, wanted: Any) -> Any:
        if required == ["path"] and isinstance(value, str):
            value = {"path": value}
        if not isinstance(value, dict):
            raise _Unfit(value, right)
        return structure(value, wanted)

    return hook


def _list_hook(converter: Converter, wanted: Any) -> Callable[[Any, Any], Any]:
    structure = converter.get_structure_hook(list[get_args(wanted)[0]])  # type: ignore[misc]  # a type made at run time

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):  # cattrs would take a text apart into letters
            raise _Unfit(value, "a list, in [ ]")
        return tuple(structure(value, None))

    return hook


def _plain(value: Any, wanted: type) -> Any:
    if not _is_of(value, wanted):
        raise _Unfit(value, _NAMES[wanted])
    return value


def _taken(value: Any, wanted: Any) -> Any:
    base, takes, *_ = get_args(wanted)
    if not any(_is_of(value, kind) for kind in takes.of or (base,)):
        raise _Unfit(value, takes.right)
    if next(unset_texts(value), None):
        return takes.read(value)  # what it will be, is judged when the variable is set
    if not takes.fits(value):
        raise _Unfit(value, takes.right)
    return takes.read(value)


def _is_of(value: object, wanted: type) -> bool:
    if isinstance(value, bool):  # a whole number for Python
        return wanted is bool
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(value, wanted)
