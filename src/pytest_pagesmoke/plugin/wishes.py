"""What markers `pagesmoke` wish: on which targets a test of the project's own runs, and whether it changes anything there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import pytest

from pytest_pagesmoke.plugin.every_run import LEFT_OUT, MARKER, NO_TARGET, base_url_of

_KEYWORDS: Final = ("only_on", "not_on", "writes")
#: How much a name that nothing is called must look like one that something is, to be taken for a slip: `prodution`, not `prod`.
_LIKENESS: Final = 0.8


class LeftOut:
    """What the markers of a run keep from running. In xdist the workers know it, and the controller hears it at their end."""

    def __init__(self) -> None:
        self.counts = Counter[tuple[str, str]]()  #: tests, by target and reason
        self.slips: dict[str, str] = {}  #: names that nothing is called, and which may be meant

    def for_the_controller(self) -> tuple[list[list[Any]], dict[str, str]]:
        """As builtins, which is all that travels."""
        return [[*key, count] for key, count in self.counts.items()], self.slips

    def hear(self, counts: Iterable[tuple[str, str, int]], slips: Mapping[str, str]) -> None:
        """What a worker says. Not added up: each collects all."""
        self.counts |= Counter({(target, why): count for target, why, count in counts})
        self.slips |= slips

    def write(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it where there is no summary to say it in."""
        if self.counts or self.slips:
            from pytest_pagesmoke.say.summary import left_out

            for entry in left_out(self.counts, self.slips):
                terminalreporter.write_line(f"pagesmoke: {entry.label} {entry.text}")


def left_out_of(config: pytest.Config) -> LeftOut:
    """What markers have kept from running so far."""
    return config.stash.setdefault(LEFT_OUT, LeftOut())


class Wishes:
    """What the markers of one test say, taken together: those of its module and class hold as well, the nearest `writes` decides."""

    def __init__(self, marks: list[pytest.Mark]) -> None:
        self._only_on = [_names(mark.kwargs["only_on"]) for mark in marks if mark.kwargs.get("only_on") is not None]
        self._not_on = {name for mark in marks for name in _names(mark.kwargs.get("not_on") or ())}
        self.writes = next((bool(mark.kwargs["writes"]) for mark in marks if "writes" in mark.kwargs), False)

    @property
    def names(self) -> set[str]:
        """All that the markers name."""
        return self._not_on.union(*self._only_on)

    def why_not(self, targets: Sequence[tuple[str, str]], *, allow_writes: bool) -> tuple[str, str] | None:
        """The target, by name, that keeps the test from running, and why; None where it runs. ``targets``: a name and a kind each.

        A test that is of no one target runs if one of them is such as it wants, and none such as it must keep away from.
        """
        missed = [(name, self.misses(name, kind)) for name, kind in targets]
        if all(why for _, why in missed):
            return missed[0]
        forbidden = ((name, self.forbids(name, kind, allow_writes=allow_writes)) for name, kind in targets)
        return next(((name, why) for name, why in forbidden if why), None)

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
            return "changes state, and --pagesmoke-allow-writes is not given"
        return ""


def wishes_of(item: pytest.Item) -> Wishes | None:
    """What a test's markers wish; None where it has none, or none with a keyword. One with a mistake in it wishes nothing: its test fails."""
    marks = [mark for mark in item.iter_markers(MARKER) if mark.kwargs and not any(_mistakes(mark))]
    return Wishes(marks) if marks else None


def sort_out(
    config: pytest.Config,
    items: list[pytest.Item],
    own: Iterable[tuple[pytest.Item, Sequence[tuple[str, str]]]],
    *,
    known: Collection[str],
) -> None:
    """Deselect, in pytest's own way, what the markers of the project's ``own`` tests keep from their targets; skip where there is none.

    ``own``: the test, and name and kind of each target that it is for. ``known``: all targets of the run and of the settings.
    """
    allow_writes: bool = config.getoption("pagesmoke_allow_writes")
    left: set[pytest.Item] = set()
    names: dict[str, None] = {}  # in the order of the tests
    said = left_out_of(config)
    for item, targets in own:
        wishes = wishes_of(item)
        if wishes is None:
            continue
        if not targets:
            item.add_marker(pytest.mark.skip(reason=NO_TARGET))
            continue
        names |= dict.fromkeys(sorted(wishes.names))
        if (why := wishes.why_not(targets, allow_writes=allow_writes)) is not None:
            left.add(item)
            said.counts[why] += 1
    said.slips |= _slips(names, known)
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        items[:] = [item for item in items if item not in left]


def _slips(names: Collection[str], known: Iterable[str]) -> dict[str, str]:
    """The names that neither a known target nor a kind is called, but nearly. (Any other may be that of a target of another run.)"""
    if not names:
        return {}
    import difflib

    from pytest_pagesmoke.model import Kind

    called = {name.casefold(): name for name in (*known, *map(str, Kind))}
    strange = [name for name in names if name.casefold() not in called]
    found = ((name, difflib.get_close_matches(name.casefold(), called, n=1, cutoff=_LIKENESS)) for name in strange)
    return {name: called[near[0]] for name, near in found if near and _looks_mistyped(name.casefold(), near[0])}


def _looks_mistyped(name: str, near: str) -> bool:
    """Whether two names differ as by a slip, and not as those of two targets do: `preproduction`, `production-eu`, `feature-2`."""
    longer, shorter = (name, near) if len(name) > len(near) else (near, name)
    letters = [re.sub(r"[\W\d_]", "", each) for each in (longer, shorter)]
    if shorter in longer:
        return len(longer) - len(shorter) == 1 and letters[0] != letters[1]
    return letters[0] != letters[1]


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


def mistaken(collected: Iterable[object]) -> list[str]:
    """What is wrong with the markers of what was collected: once a test function, not once a parameter."""
    said: dict[str, None] = {}
    for item in collected:
        if isinstance(item, pytest.Item):
            name = getattr(item, "originalname", None) or item.name
            said |= dict.fromkeys(f"{name}: {mistake}" for mistake in mistakes_of(item))
    return [*said]


def mistakes_of(item: pytest.Item) -> Iterator[str]:
    """What is wrong with the markers of a test."""
    for mark in item.iter_markers(MARKER):
        yield from (f"@pytest.mark.{MARKER}: {mistake}" for mistake in _mistakes(mark))


def sort_out_what_base_url_reaches(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run that is not active."""
    if any(wishes_of(item) for item in items):
        reached, known = _reached(config)
        sort_out(config, items, ((item, reached) for item in items), known=known)


def _base_url(config: pytest.Config) -> str:
    if given := base_url_of(config):
        return given
    try:
        return str(config.getini("base_url") or "")
    except ValueError:  # a project's own --base-url may come without the ini key
        return ""


def _reached(config: pytest.Config) -> tuple[list[tuple[str, str]], Collection[str]]:
    """Name and kind of the target at the base URL, as an active run would call it (none where there is no address); and all that targets are called.

    Raises pytest.UsageError for mistakes in the settings: whether this is production must not be guessed beside them.
    """
    base_url = _base_url(config)
    if not base_url:
        return [], ()
    from pytest_pagesmoke.settings import SetUpError, as_named, load, mistaken
    from pytest_pagesmoke.targets import select

    here = config.invocation_params.dir
    try:
        settings = load(here)
        if settings.mistakes:
            raise mistaken([f"{as_named(settings.file, here)}: {mistake}" for mistake in settings.mistakes])
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    targets = select([], base_url=base_url, declared=settings.targets).targets
    return [(target.name, str(target.kind)) for target in targets], {
        *settings.targets,
        *(target.name for target in targets),
    }
