"""What a settings key takes: types with their meaning. The settings reader says `right` where a value does not fit."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pytest_pagesmoke.recognise import REDIRECTS


@dataclass(frozen=True)
class Takes:
    """The meaning of a key beyond its type. ``fits`` judges a value that already has the type; ``read`` makes the final one."""

    right: str
    fits: Callable[[Any], bool] = lambda _: True
    read: Callable[[Any], Any] = lambda value: value
    of: tuple[type, ...] = ()  # the types that TOML may give, where they are not those of the field


#: Statuses whose answers have no body to judge.
BODILESS: Final = frozenset({204, 205, 304, *REDIRECTS})


class FromTarget:
    """Marks a field that is no key of an entry: the target's key of that name stands for all its entries."""


class FromRun:
    """Marks a field that is no key of an entry: the run itself lays it in, from an option or from what else it looks at."""


def is_key(marks: Iterable[object]) -> bool:
    """Whether a field with these marks is a key of its entry."""
    return not any(mark in (FromTarget, FromRun) for mark in marks)


def is_site_path(value: str) -> bool:
    """Whether this is a path that a site can be asked for."""
    # "//host/…" would be another host, and a browser sends nothing from the "#" on.
    return value.startswith("/") and not value.startswith("//") and not re.search(r"[\s\x00-\x1f\x7f#\\]", value)


def _is_destination(value: str) -> bool:
    if value.startswith("/"):
        return not value.startswith("//") and not re.search(r"[\s\x00-\x1f\x7f]", value)
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", value)
    except ValueError:
        return False


def _one_or_many(value: str | list[Any]) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _is_texts(value: str | list[Any]) -> bool:
    texts = _one_or_many(value)
    return bool(texts) and all(isinstance(text, str) and text for text in texts)


def _are_headers(value: Mapping[str, object]) -> bool:
    fit = all(is_header_name(name) and isinstance(wanted, str | bool) for name, wanted in value.items())
    return fit and len({name.lower() for name in value}) == len(value)


def is_header_name(name: str) -> bool:
    """Whether HTTP allows it."""
    return re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is not None


def _is_json(value: object) -> bool:
    """Whether JSON can say it: TOML has dates, and numbers that are none, beyond."""
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and value - value == 0)


SitePath = Annotated[
    str, Takes("a path on the site: it begins with one '/', and has no space and no '#' in it", is_site_path)
]
Destination = Annotated[str, Takes("a path beginning with '/', or an address; * stands for anything", _is_destination)]
CheckId = Annotated[str, Takes("a name for the test id", lambda value: bool(value.strip()))]
Texts = Annotated[
    tuple[str, ...], Takes("a text, or a list of texts, none of them empty", _is_texts, _one_or_many, (str, list))
]
Text = Annotated[str, Takes("a text that is not empty", lambda value: bool(value.strip()))]
Status = Annotated[int, Takes("a status from 200 to 599", lambda value: 200 <= value <= 599)]
RedirectStatus = Annotated[int, Takes("301, 302, 303, 307 or 308", lambda value: value in REDIRECTS)]
Seconds = Annotated[float, Takes("a number of seconds above 0", lambda value: 0 < value <= sys.float_info.max)]
Json = Annotated[
    Mapping[str, Any],
    Takes("a table of JSON values that is not empty", lambda value: bool(value) and _is_json(value), of=(dict,)),
]
Headers = Annotated[
    Mapping[str, str | bool],
    Takes(
        "a table of header names, each once, with its value, or true (must be there) or false (must not)",
        _are_headers,
        lambda value: {name.lower(): wanted for name, wanted in value.items()},
        (dict,),
    ),
]
TextTable = Annotated[
    Mapping[str, str],
    Takes(
        "a table of texts",
        lambda value: all(isinstance(text, str) for text in value.values()),
        of=(dict,),
    ),
]
HeaderName = Annotated[str, Takes("the name of a header", is_header_name, str.lower)]
HeaderText = Annotated[
    str,
    Takes(
        "a text that a header can hold", lambda value: re.fullmatch(r"[\x20-\x7e]*\S[\x20-\x7e]*", value) is not None
    ),
]
Size = Annotated[int, Takes("a whole number of bytes", lambda value: value >= 0)]
Count = Annotated[int, Takes("a whole number above 0", lambda value: value > 0)]
Rounds = Annotated[int, Takes("a whole number from 1 to 100", lambda value: 1 <= value <= 100)]


def one_of(*words: str) -> Takes:
    """One of a few words."""
    return Takes(" or ".join(f'"{word}"' for word in words), lambda value: value in words)
