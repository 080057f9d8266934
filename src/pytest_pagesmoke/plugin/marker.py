"""The marker `pagesmoke`: on which targets a test of the project's own runs, and whether it changes anything there."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

import pytest

from pytest_pagesmoke.plugin.activation import ACTIVE, base_url_of

MARKER: Final = "pagesmoke"
#: As `pytest --markers` shows it.
LINE: Final = (
    "pagesmoke(only_on=None, not_on=None, writes=False): a test of a Cloudflare Pages deployment; every built-in check carries it. "
    "only_on, not_on: a target's name or kind ('production', 'preview', 'local'), or a list of them; elsewhere the test is deselected. "
    "writes: it changes state, and runs on production only with --pagesmoke-allow-writes (pytest-pagesmoke)."
)
NO_TARGET: Final = (
    "needs a target: --base-url=URL on the command line, or --pagesmoke=WHAT (a URL, local, a target of the settings)"
)
_KEYWORDS: Final = ("only_on", "not_on", "writes")


class Wishes:
    """What the markers of one test say, taken together: those of its module and class hold as well, the nearest `writes` decides."""

    def __init__(self, marks: list[pytest.Mark]) -> None:
        self._only_on = [_names(mark.kwargs["only_on"]) for mark in marks if mark.kwargs.get("only_on") is not None]
        self._not_on = {name for mark in marks for name in _names(mark.kwargs.get("not_on") or ())}
        self.writes = next((bool(mark.kwargs["writes"]) for mark in marks if "writes" in mark.kwargs), False)

    def misses(self, name: str, kind: str) -> str:
        """Why this target is none of those that the test is for; empty where it is one."""
        called = {name.casefold(), kind.casefold()}
        missed = (names for names in self._only_on if not called & {each.casefold() for each in names})
        return next((f"only on {' or '.join(names)}" for names in missed), "")

    def forbids(self, name: str, kind: str, *, allow_writes: bool) -> str:
        """Why the test must not run where this target is; empty where it may."""
        called = {name.casefold(), kind.casefold()}
        if unwanted := sorted(each for each in self._not_on if each.casefold() in called):
            return f"not on {unwanted[0]}"
        if self.writes and kind == "production" and not allow_writes:
            return "changes state (--pagesmoke-allow-writes runs it)"
        return ""


def wishes_of(item: pytest.Item) -> Wishes | None:
    """What a test's markers wish; None where it has none, or none with a keyword. One with a mistake in it wishes nothing: its test fails."""
    marks = [mark for mark in item.iter_markers(MARKER) if mark.kwargs and not any(_mistakes(mark))]
    return Wishes(marks) if marks else None


def leave_out(config: pytest.Config, items: list[pytest.Item], left: AbstractSet[pytest.Item]) -> None:
    """Deselect the items in ``left``, in pytest's own way: it counts them."""
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _names(value: Any) -> tuple[str, ...]:  # whatever stands in the marker: `_mistakes` has judged it
    if isinstance(value, str):
        return (value,)
    return tuple(sorted(value) if isinstance(value, AbstractSet) else value)  # of a set, each process has another order


def _mistakes(mark: pytest.Mark) -> Iterator[str]:
    if mark.args:
        yield f"takes keywords alone: {', '.join(_KEYWORDS)}"
    for keyword, value in mark.kwargs.items():
        if keyword not in _KEYWORDS:
            import difflib

            near = difflib.get_close_matches(keyword, _KEYWORDS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            yield f"unknown keyword {keyword!r}.{meant} There are: {', '.join(_KEYWORDS)}"
        elif keyword == "writes" and not isinstance(value, bool):
            yield f"writes takes True or False, not {value!r}"
        elif keyword != "writes" and not _is_names(value):
            yield f"{keyword} takes the name or kind of a target, or a list of them, not {value!r}"


def _is_names(value: object) -> bool:
    names = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return value is None or (bool(names) and all(isinstance(name, str) and name for name in names))


# Hooks, in every run, active or not: a marker that says nothing it can mean must not wait for the run where it matters.


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.passed and (mistaken := list(_mistaken(report))):
        report.outcome, report.result, report.longrepr = "failed", [], "\n".join(mistaken)
    return report


def _mistaken(report: pytest.CollectReport) -> Iterator[str]:
    said: dict[str, None] = {}  # once a test function, not once a parameter
    for item in report.result:
        if isinstance(item, pytest.Item):
            name = getattr(item, "originalname", None) or item.name
            for mark in item.iter_markers(MARKER):
                said |= dict.fromkeys(f"{name}: @pytest.mark.{MARKER}: {mistake}" for mistake in _mistakes(mark))
    yield from said


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail for what a conftest.py added by itself, after the collection was judged."""
    for mark in item.iter_markers(MARKER):
        for mistake in _mistakes(mark):
            pytest.fail(f"@pytest.mark.{MARKER}: {mistake}", pytrace=False)


def _base_url(config: pytest.Config) -> str:
    if given := base_url_of(config):
        return given
    try:
        return str(config.getini("base_url") or "")
    except ValueError:  # a project's own --base-url may come without the ini key
        return ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run that is not active: what the ini file or the environment gives as base URL is what marked tests would reach."""
    if ACTIVE in config.stash:
        return
    marked = [(item, wishes) for item in items if (wishes := wishes_of(item))]
    if not marked:
        return
    name, kind = _reached(config)
    allow_writes: bool = config.getoption("pagesmoke_allow_writes")
    left: set[pytest.Item] = set()
    for item, wishes in marked:
        if not kind:
            item.add_marker(pytest.mark.skip(reason=NO_TARGET))
        elif wishes.misses(name, kind) or wishes.forbids(name, kind, allow_writes=allow_writes):
            left.add(item)
    leave_out(config, items, left)


def _reached(config: pytest.Config) -> tuple[str, str]:
    """Name and kind of the target at the base URL, as an active run would call it; empty where there is none.

    Raises pytest.UsageError for mistakes in the settings: whether this is production must not be guessed beside them.
    """
    base_url = _base_url(config)
    if not base_url:
        return "", ""
    from pytest_pagesmoke.settings import SetUpError, load
    from pytest_pagesmoke.targets import select

    try:
        settings = load(config.invocation_params.dir)
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    if settings.mistakes:
        raise pytest.UsageError("\n  ".join([f"pagesmoke: {settings.file}:", *settings.mistakes]))
    targets = select([], base_url=base_url, declared=settings.targets).targets
    return next(((target.name, str(target.kind)) for target in targets), ("", ""))
