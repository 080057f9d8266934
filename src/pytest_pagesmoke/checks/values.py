"""Whether JSON has the values that the settings ask for. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_pagesmoke.checks import commits
from pytest_pagesmoke.redact import beginning

_ABSENT: Final = object()
_MAX_SHOWN: Final = 60


def flattened(expected: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and what must stand there: `{ db = { ok = true } }` and `{ "db.ok" = true }` say the same."""
    for key, value in expected.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:  # an empty one is a value: `errors = {}`
            yield from flattened(value, f"{path}.")
        else:
            yield path, value


def at(body: object, path: str) -> object:
    """What stands in ``body`` at a dotted path, in which a number is an index into an array; `ABSENT` where nothing does."""
    if isinstance(body, dict) and path in body:  # a key that has a dot in its name
        return body[path]
    if isinstance(body, dict):
        dots = (index for index, char in enumerate(path) if char == ".")
        found = (at(body[path[:dot]], path[dot + 1 :]) for dot in dots if path[:dot] in body)
        return next((value for value in found if value is not _ABSENT), _ABSENT)
    head, _, rest = path.partition(".")
    if isinstance(body, list) and head.isdecimal() and len(head) < 10 and int(head) < len(body):
        return at(body[int(head)], rest) if rest else body[int(head)]
    return _ABSENT


def same(actual: object, wanted: object) -> bool:
    """Whether two JSON values are equal, in all their parts. `true` is not 1, as it would be in Python."""
    if isinstance(actual, dict) and isinstance(wanted, dict):
        return actual.keys() == wanted.keys() and all(same(actual[key], wanted[key]) for key in wanted)
    if isinstance(actual, list) and isinstance(wanted, list):
        return len(actual) == len(wanted) and all(map(same, actual, wanted))
    if isinstance(actual, bool) or isinstance(wanted, bool):
        return actual is wanted
    return actual == wanted


@dataclass(frozen=True)
class Unlike:
    """A value that is not as expected: where it is (empty for the whole), what may stand there, and what does."""

    path: str
    options: Sequence[object]
    found: object

    @property
    def expected(self) -> str:
        """What may stand there, in words."""
        return f"{self._where}{' or '.join(map(shown, self.options))}"

    @property
    def actual(self) -> str:
        """What stands there, in words."""
        return f"{self._where}{shown(self.found)}"

    @property
    def _where(self) -> str:
        return f"{self.path}: " if self.path else ""

    @property
    def found_whole(self) -> str:
        """What stands there, however long."""
        return _whole(self.found)

    @property
    def is_other_commit(self) -> bool:
        """Whether it is a commit's hash, as those expected are, and of none of them."""
        named = (self.found, *self.options)
        hashes = [value for value in named if isinstance(value, str) and commits.is_surely_hash(value)]
        return len(hashes) == len(named) and not any(commits.same(hashes[0], wanted) for wanted in hashes[1:])


def unlike(body: object, expected: Mapping[str, Any]) -> Unlike | None:
    """The first value that is not as expected; a list in ``expected`` means any of. None where all fit."""
    for path, wanted in flattened(expected):
        actual = at(body, path)
        options = wanted if isinstance(wanted, list) and wanted else [wanted]  # `errors = []`: that there are none
        if not any(same(actual, option) for option in options):
            return Unlike(path, options, actual)
    return None


def missing_part(body: object, part: object, path: str = "") -> Unlike | None:
    """The first place where ``part`` is not contained in ``body``.

    Objects may have more keys; arrays must have as many elements, each containing its own.
    """
    if isinstance(part, dict) and isinstance(body, dict):
        pairs = [(f"{path}.{key}".lstrip("."), body.get(key, _ABSENT), value) for key, value in part.items()]
    elif isinstance(part, list) and isinstance(body, list) and len(part) == len(body):
        pairs = [(f"{path}.{index}".lstrip("."), body[index], value) for index, value in enumerate(part)]
    elif isinstance(part, dict | list) or not same(body, part):
        return Unlike(path, [part], body)
    else:
        return None
    return next((found for where, actual, wanted in pairs if (found := missing_part(actual, wanted, where))), None)


def shown(value: object) -> str:
    """A value as JSON, cut off where it is long."""
    text = _whole(value)
    return text if len(text) <= _MAX_SHOWN else f"{beginning(text, _MAX_SHOWN - 1)}…"


def _whole(value: object) -> str:
    return "absent" if value is _ABSENT else json.dumps(value, ensure_ascii=False)
