"""The marker `pagesmoke`: on which targets a test of the project's own runs, and whether it changes anything there.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import pytest

from pytest_pagesmoke.plugin.every_run import ACTIVE, base_url_of

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
#: How much a name that nothing is called must look like one that something is, to be taken for a slip: `prodution`, not `prod`.
_LIKENESS: Final = 0.8


class LeftOut:
    """What the markers of a run keep from running. In xdist the workers know it, and the controller hears it at their end."""

    def __init__(self) -> None:
        self.counts = Counter[tuple[str, str]]()  #: tests, by target and reason
        self.slips: dict[str, str] = {}  #: names that nothing is called, and which may be meant


_LEFT_OUT: Final = pytest.StashKey[LeftOut]()
_WORKEROUTPUT_KEY: Final = "pagesmoke_marker"


def left_out_of(config: pytest.Config) -> LeftOut:
    """What markers have kept from running so far."""
    return config.stash.setdefault(_LEFT_OUT, LeftOut())


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

    from pytest_pagesmoke.model import Kind  # only now: most runs have no marked test

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
    if ACTIVE in config.stash or not any(wishes_of(item) for item in items):
        return
    reached, known = _reached(config)
    sort_out(config, items, ((item, reached) for item in items), known=known)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        said = left_out_of(session.config)
        output[_WORKEROUTPUT_KEY] = ([[*key, count] for key, count in said.counts.items()], said.slips)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # `Any`: xdist's, which may not be installed
    counts, slips = getattr(node, "workeroutput", {}).get(_WORKEROUTPUT_KEY, ((), {}))
    said = left_out_of(node.config)
    # Not added up: each worker collects all.
    said.counts |= Counter({(target, why): count for target, why, count in counts})
    said.slips |= slips


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """In a run that is not active: say what was deselected, and why. (An active one says it in its summary.)"""
    if ACTIVE not in config.stash:
        write_left_out(terminalreporter, left_out_of(config))


def write_left_out(terminalreporter: pytest.TerminalReporter, said: LeftOut) -> None:
    """Say what was left out where there is no summary to say it in."""
    if said.counts or said.slips:
        from pytest_pagesmoke.say.summary import left_out

        for entry in left_out(said.counts, said.slips):
            terminalreporter.write_line(f"pagesmoke: {entry.label} {entry.text}")


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
