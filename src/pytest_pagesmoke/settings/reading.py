"""A settings file's table -> Settings, with every mistake in it."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from pytest_pagesmoke.addresses import TARGET_NAME, Address, BadAddress, read_address
from pytest_pagesmoke.checks.takes import (
    Count,
    FromTarget,
    HeaderText,
    Rounds,
    Seconds,
    Text,
    is_header_name,
    one_of,
)
from pytest_pagesmoke.model import DistSpec, Kind, LiveCheck, Manners, in_test_id
from pytest_pagesmoke.redact import without_tokens
from pytest_pagesmoke.registry import LIVE_CHECKS, SINGLE_KEYS
from pytest_pagesmoke.settings import Checks, Declared, Settings
from pytest_pagesmoke.settings.shape import Mistake, dotted, hints_of, read, shown, unknown
from pytest_pagesmoke.settings.variables import Expanded, expand, unset_texts, variables_in

_TWINS: Final = ("cf-access-client-id", "cf-access-client-secret")
_SECRET_LENGTH: Final = 8  # shorter values from the environment are words, and would be struck out everywhere

_MANNERS: Final[dict[str, Any]] = {
    "timeout_s": Seconds,
    "concurrency": Count,
    "max_body_bytes": Count,
    "user_agent": HeaderText,
    "ca_file": Text,
    "settle_rounds": Rounds,
}
#: Every key that stands at the top, or in a target for that target alone. (`Any`: a type each.)
_KEYS: Final[dict[str, Any]] = {
    **{
        check.key: check.spec if check.key in SINGLE_KEYS else tuple[check.spec, ...]  # type: ignore[name-defined]  # a type made at run time
        for check in LIVE_CHECKS
    },
    "spa": bool,
    **_MANNERS,
}
_TARGET_KEYS: Final[dict[str, Any]] = {
    "url": Text,
    "kind": Annotated[str, one_of(*Kind)],
}


def read_settings(
    file: Path, table: Mapping[str, Any], environment: Mapping[str, str], *, asks: bool = True
) -> Settings:
    """The settings that ``table``, of ``file``, holds. (`Any`: whatever TOML can hold.)"""
    return _Reading(file, expand(table, environment, secret=_in_headers(table)), asks=asks).settings()


class _Reading:
    """One file, read once: each step adds its mistakes, and goes on."""

    def __init__(self, file: Path, table: dict[str, Any], *, asks: bool) -> None:
        self._file = file
        self._asks = asks
        self._table = table
        self._mistakes: list[Mistake] = []

    def settings(self) -> Settings:
        for key in self._table.keys() - _KEYS.keys() - {"dist", "targets"}:
            if key in {*_TARGET_KEYS, "headers"}:
                self._mistakes.append(Mistake((key,), ": is a target's: it stands below [targets.NAME]"))
            else:
                self._mistakes.append(unknown((key,), [*_KEYS, "dist", "targets"]))
        common = self._values(self._table, ())
        targets = self._targets(common)
        dist, dist_path, not_yet = self._dist()
        return Settings(
            file=self._file,
            checks=_checks(common),
            dist=dist,
            dist_path=dist_path,
            targets=targets,
            mistakes=tuple(map(str, sorted(self._mistakes, key=self._place))),
            unset=tuple(self._unset()),
            not_yet=not_yet,
            keys=frozenset(self._table),
            own_keys={name: frozenset(table) for name, table in _target_tables(self._table).items()},
        )

    def _dist(self) -> tuple[DistSpec, Path | None, tuple[str, ...]]:
        """What the build output is to have, its folder, and, in words, what no check of this version judges."""
        if "dist" not in self._table:
            return DistSpec(), None, ()
        from pytest_pagesmoke.settings.dist import DistTable, not_yet  # noqa: PLC0415 - a site's settings do without

        table = self._table["dist"]
        dist = self._read(table, DistTable, ("dist",)) or DistTable()
        spec = DistSpec(worker=dist.worker, worker_min_bytes=dist.worker_min_bytes, routes=dist.routes)
        keys = [name for name in not_yet() if name in table] if isinstance(table, dict) else []
        said = tuple(f"{dotted(('dist', key))}: no check of this version judges it (CHANGELOG.md)" for key in keys)
        return spec, Path(dist.path) if dist.path else None, said

    def _read(self, value: object, wanted: Any, path: tuple[str | int, ...]) -> Any:
        return read(value, wanted, path, self._mistakes)

    def _values(self, table: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        """The values of the keys that stand at the top or in a target; those that do not fit are left out."""
        found = {
            key: value
            for key, wanted in _KEYS.items()
            if key in table and (value := self._read(table[key], wanted, (*path, key))) is not None
        }
        found |= {key: (found[key],) for key in SINGLE_KEYS & found.keys()}
        for check in LIVE_CHECKS:
            self._refuse_twice(found.get(check.key, ()), (*path, check.key))
        ca_file = found.get("ca_file", "")
        if ca_file and not _is_unset(ca_file):
            found["ca_file"] = str(self._file.parent / ca_file)
            if self._asks and (flaw := _not_certificates(found["ca_file"])):
                self._mistakes.append(Mistake((*path, "ca_file"), f" = {shown(ca_file)}: {flaw}"))
        return found

    def _refuse_twice(self, specs: tuple[Any, ...], path: tuple[str | int, ...]) -> None:
        # As they stand in test ids: "/ü" and "/%C3%BC" are one there. What is not known yet is compared when it is.
        given = [spec.id or spec.path for spec in specs]
        subjects = [
            in_test_id(without_tokens(one)) if not _is_unset(one) else f"{index} unset"
            for index, one in enumerate(given)
        ]
        for subject, count in Counter(subjects).items():
            if count > 1:
                index = len(subjects) - 1 - subjects[::-1].index(subject)
                text = f': {subject!r} stands there {count} times; give each an id of its own: {{ path = …, id = "…" }}'
                self._mistakes.append(Mistake((*path, index), text))

    def _targets(self, common: Mapping[str, Any]) -> dict[str, Declared]:
        raw = self._table.get("targets", {})
        if not isinstance(raw, dict):
            self._mistakes.append(Mistake(("targets",), f" = {shown(raw)}: takes tables: [targets.production]"))
            return {}
        tables = _target_tables(self._table)
        for name in raw.keys() - tables.keys():
            self._mistakes.append(Mistake(("targets", name), f" = {shown(raw[name])}: takes a table with the key url"))
        return {name: self._target(name, table, common) for name, table in tables.items()}

    def _target(self, name: str, table: Mapping[str, Any], common: Mapping[str, Any]) -> Declared:
        path = ("targets", name)
        if not TARGET_NAME.fullmatch(name):
            self._mistakes.append(
                Mistake(path, ": a name is of letters, digits, '.', '_' and '-', beginning with a letter or digit")
            )
        if name == "dist":
            self._mistakes.append(Mistake(path, ": this name is the build output's"))
        for key in table.keys() - _KEYS.keys() - _TARGET_KEYS.keys() - {"headers"}:
            self._mistakes.append(unknown((*path, key), [*_KEYS, *_TARGET_KEYS, "headers"]))
        own = {
            key: self._read(table[key], wanted, (*path, key)) for key, wanted in _TARGET_KEYS.items() if key in table
        }
        headers = self._headers(table.get("headers", {}), (*path, "headers"))
        return Declared(
            name=name,
            has_url="url" in table,
            address=self._address(own.get("url"), (*path, "url")),
            kind=Kind(own["kind"]) if own.get("kind") in tuple(Kind) else None,
            headers=headers,
            secrets=frozenset(
                value
                for header in headers.values()
                for value in (header.values if isinstance(header, Expanded) else ())
                if len(value) >= _SECRET_LENGTH
            ),
            checks=_checks({**common, **self._values(table, path)}),
        )

    def _address(self, url: str | None, path: tuple[str, ...]) -> Address | None:
        if url is None or _is_unset(url):
            return None
        try:
            return read_address(url)
        except BadAddress as flaw:
            self._mistakes.append(Mistake(path, f" = {shown(url)}: {flaw}"))
            return None

    def _headers(self, headers: object, path: tuple[str, ...]) -> dict[str, str]:
        """The headers that are to be sent. No mistake in them shows a value: it may be a secret."""
        if not isinstance(headers, dict):
            self._mistakes.append(Mistake(path, ": takes a table of header names, each with its value"))
            return {}
        for name, value in headers.items():
            if flaw := _flaw_of_header(name, value):
                origin = ", ".join(f"${variable}" for variable in getattr(value, "variables", ()))
                self._mistakes.append(
                    Mistake((*path, name), f"{f' (from {origin})' if origin else ''}: {flaw}; the value is not shown")
                )
        headers = {name: value for name, value in headers.items() if isinstance(value, str)}
        for name, count in Counter(map(str.lower, headers)).items():
            if count > 1:
                self._mistakes.append(Mistake((*path, name), ": stands there twice; upper and lower case are the same"))
        # An unset variable is a mistake of its own where the target is used; until then the header counts as there.
        sent = {
            name: value
            for name, value in headers.items()
            if value.strip() or (isinstance(value, Expanded) and value.unset)
        }
        there = {name.lower() for name in sent}
        for name, twin in (_TWINS, _TWINS[::-1]):
            if name in there and twin not in there:
                self._mistakes.append(Mistake(path, f": {name} without {twin}: Access takes both, or none"))
        return sent

    def _unset(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for path, text in unset_texts(self._table):
            names = ", ".join(text.unset)
            said = f" = {shown(text.written)}: the environment variable {names} is not set, or empty"
            yield path, str(Mistake(path, said))

    def _place(self, mistake: Mistake) -> tuple[int, ...]:
        """Where in the file the mistake stands, so that mistakes are said in the order of the file."""
        place: list[int] = []
        table: Any = self._table
        for step in mistake.path:
            if isinstance(table, dict) and step in table:
                place.append(list(table).index(step))
                table = table[step]
            elif isinstance(table, list) and isinstance(step, int) and step < len(table):
                place.append(step)
                table = table[step]
        return tuple(place)


def _target_tables(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    targets = table.get("targets")
    return (
        {name: target for name, target in targets.items() if isinstance(target, dict)}
        if isinstance(targets, dict)
        else {}
    )


def _in_headers(table: Mapping[str, Any]) -> frozenset[str]:
    """The variables that headers are made of."""
    return frozenset(variables_in([target.get("headers") for target in _target_tables(table).values()]))


def _is_unset(text: str) -> bool:
    return isinstance(text, Expanded) and bool(text.unset)


def _checks(values: Mapping[str, Any]) -> Checks:
    live: list[tuple[LiveCheck[Any], Any]] = []
    for check in LIVE_CHECKS:
        from_target = {name: values[name] for name in _from_target(check.spec) if name in values}
        live += [(check, replace(spec, **from_target)) for spec in values.get(check.key, ())]
    return Checks(live=tuple(live), manners=Manners(**{key: values[key] for key in _MANNERS if key in values}))


def _from_target(spec: type) -> list[str]:
    return [name for name, (hint, *marks) in hints_of(spec).items() if FromTarget in marks]


def _flaw_of_header(name: str, value: object) -> str:
    if not is_header_name(name):
        return "HTTP allows no such name"
    if not isinstance(value, str):
        return "its value is no text"
    if re.search(r"[\r\n]", value):
        return "has a line break"
    if value != value.strip() and not _is_unset(value):  # "Bearer ${TOKEN}" may end in a space until TOKEN is set
        return "begins or ends with white space"
    return "has a character that no header can have" if re.search(r"[^\x20-\x7e\t]", value) else ""


def _not_certificates(file: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError) as error:  # ssl.SSLError among them
        return f"holds no certificates that can be read ({getattr(error, 'reason', None) or error})"
    return ""
