"""What to check: the settings file, or the incident's checklist where there is none."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_pagesmoke.addresses import Address
from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.model import DistSpec, Kind, LiveCheck, Manners

#: The settings file, and the first part of every built-in check's id, whether or not it exists.
FILE_NAME: Final = "pagesmoke.toml"


class SetUpError(Exception):
    """The run is set up wrongly, in words for the user (exit status 4). Never raised for a bad site."""


def as_named(file: Path | None, here: Path) -> str:
    """The settings file as whoever stands ``here`` would name it."""
    if file is None:
        return FILE_NAME
    shown = os.path.relpath(file, here)
    return str(file) if shown.startswith("..") else shown


def mistaken(said: Sequence[str]) -> SetUpError:
    """One error that says all mistakes."""
    return SetUpError(said[0] if len(said) == 1 else "\n  ".join([f"{len(said)} mistakes", *said]))


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What is checked on a target, and how it is asked."""

    # One entry a check: the kind, and what it is to look at (`Any`: each kind has a spec of its own).
    live: tuple[tuple[LiveCheck[Any], Any], ...] = ()
    manners: Manners = field(default_factory=Manners)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A target of the settings file. ``has_url`` without ``address``: a variable that it needs is not set."""

    name: str
    has_url: bool
    address: Address | None
    kind: Kind | None
    headers: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)  # values from the environment that stand in its headers
    checks: Checks


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to check on every target, and in the build output, whose folder ``dist_path`` is None where the settings name none.

    ``keys`` stand at the top of the file, ``own_keys`` in each declared target for itself. ``mistakes`` hold whoever is selected; ``unset`` and ``not_yet`` only where the run would use what they concern.
    """

    file: Path | None
    checks: Checks
    dist: DistSpec
    dist_path: Path | None = None
    targets: Mapping[str, Declared] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    unset: tuple[tuple[tuple[str | int, ...], str], ...] = ()
    not_yet: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    own_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def checks_of(self, declared: str | None) -> Checks:
        """The checks of a target that the settings declare, or of any other."""
        return self.targets[declared].checks if declared else self.checks

    def has(self, key: str, declared: str | None) -> bool:
        """Whether this top-level key is given for a target that the settings declare, or for any other; be it with a mistake."""
        return key in self.keys or key in self.own_keys.get(declared or "", ())

    def missing_variables(
        self, used: Iterable[tuple[str | None, bool]], *, dist: bool, idle: Collection[str] = ()
    ) -> Iterator[str]:
        """The variables that are not set and that this run needs.

        ``used`` are the selected targets: the name of their declaration (None: not declared), and whether its address is used.
        ``idle`` are keys that this run makes no use of.
        """
        targets = list(used)
        for path, text in self.unset:
            top, name_there, key, *_ = (*map(str, path), "", "")
            if top in idle or (top == "targets" and key in idle):
                continue
            if top == "targets":
                needed = any(name == name_there and (with_url or key != "url") for name, with_url in targets)
            elif top == "dist":
                needed = dist
            else:
                needed = any(top not in self.own_keys.get(name or "", ()) for name, _ in targets)
            if needed:
                yield text


def checklist() -> Settings:
    """The checklist that the incident ended with, for a site that has no settings of its own."""
    return Settings(
        file=None,
        checks=Checks(
            live=(
                (PageCheck(), PageSpec(path="/")),
                (PageCheck(), PageSpec(path="/login")),
                (HealthCheck(), HealthSpec(path="/api/health/status")),
                (AssetCheck(), AssetSpec(path="/static/app.js")),
            ),
        ),
        dist=DistSpec(worker="required", worker_min_bytes=102_400, routes="required"),
    )


def load(
    start: Path, *, named: Path | None = None, asks: bool = True, environment: Mapping[str, str] = os.environ
) -> Settings:
    """The settings that hold for a run in ``start``: of the file ``named``, else of the nearest at or above, else the checklist.

    ``asks`` is off for a run that asks no site, and needs no certificates. Mistakes within are kept in the settings. Raises SetUpError for a file that cannot be read at all.
    """
    file = named if named is not None and named.is_file() else _nearest(start)
    if file is None:
        return checklist()
    from pytest_pagesmoke.settings.reading import read_settings  # noqa: PLC0415 - a first run has no file

    table = _tables_of(file)
    return read_settings(file, table, environment, asks=asks)


def stands_in(folder: Path) -> Path | None:
    """The file in this folder that holds settings."""
    own, shared = folder / FILE_NAME, folder / "pyproject.toml"
    if own.is_file():
        return own
    return shared if shared.is_file() and _has_table(shared) else None


def _nearest(start: Path) -> Path | None:
    return next((file for folder in (start, *start.parents) if (file := stands_in(folder))), None)


def _tables_of(file: Path) -> dict[str, Any]:
    """The table of the settings. (`Any`: whatever TOML can hold.) Raises SetUpError for a file that is no TOML, or one too many."""
    shared = file.with_name("pyproject.toml")
    if file != shared:
        if shared.is_file() and _has_table(shared):
            raise SetUpError(
                f"{file} and [tool.pagesmoke] in the pyproject.toml beside it: settings stand in one place, not in two"
            )
        return _parsed(file)
    table: object = _parsed(file)["tool"]["pagesmoke"]
    if not isinstance(table, dict):
        raise SetUpError(f"{file}: tool.pagesmoke is no table")
    return table


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SetUpError(f"{file}: not UTF-8: byte {error.start}") from None
    except ValueError as error:  # TOMLDecodeError, and that of a number with more digits than Python reads
        raise SetUpError(f"{file}: not proper TOML: {error}") from None
    except RecursionError:
        raise SetUpError(f"{file}: not proper TOML: too deep") from None
    except OSError as error:
        raise SetUpError(f"{file}: cannot be read: {error.strerror}") from None


def _has_table(pyproject: Path) -> bool:
    try:
        tool: object = tomllib.loads(pyproject.read_text("utf-8")).get("tool", {})
    except (
        ValueError,
        RecursionError,
        OSError,
    ):  # as in `_parsed`; but this is somebody else's file, not ours to judge
        return False
    return isinstance(tool, Mapping) and "pagesmoke" in tool
