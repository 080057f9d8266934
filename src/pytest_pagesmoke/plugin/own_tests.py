"""The project's own tests in an active run: on which targets each runs, what it asks with, and what becomes of it."""

from __future__ import annotations

import enum
import re
import sys
import traceback
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest._code.code import ExceptionRepr

from pytest_pagesmoke import suite
from pytest_pagesmoke.model import OWN_TEST, CheckRecord, Exchange, Kind, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plugin import base_url_of_target
from pytest_pagesmoke.plugin.collection import TARGET_FIXTURE, CheckItem, needs
from pytest_pagesmoke.plugin.every_run import MARKER, NO_TARGET
from pytest_pagesmoke.plugin.overrides import Overrides
from pytest_pagesmoke.plugin.results import Results, attach, attach_ends, is_of_a_check
from pytest_pagesmoke.plugin.wishes import sort_out, wishes_of
from pytest_pagesmoke.redact import MASK, Secrets
from pytest_pagesmoke.say.harmless import harmless, harmless_lines
from pytest_pagesmoke.verdict import CheckFailed

if TYPE_CHECKING:
    from pytest_pagesmoke.observe.client import TargetClient
    from pytest_pagesmoke.observe.http import Connections
    from pytest_pagesmoke.wrangler.server import NotStarted

_MIN_IN_ID: Final = 8
_DIST_FIXTURE: Final = "pagesmoke_dist"
_FACTORY_FIXTURE: Final = "pagesmoke_client_factory"
_HEADERS_FIXTURE: Final = "pagesmoke_headers"
_FINISH: Final = pytest.FixtureDef.finish.__code__
#: What of a report is shown somewhere, beside the test's own id.
_SHOWN: Final = frozenset({"longrepr", "sections", "wasxfail"})
_DEFINING_BASE_URL: Final = frozenset(
    {"pytest_base_url.plugin", "pytest_playwright.pytest_playwright", "pytest_pagesmoke.plugin.base_url"}
)
#: Where a traceback stops: below these a reader finds how the request was sent, and not why the test fails.
_LIBRARIES: Final = frozenset({"httpx", "httpcore", "pytest_pagesmoke", "concurrent", "contextlib", "json"})


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The rows of the summary that a test counts for. Not ``told``: one of them, and nobody can tell which."""

    rows: tuple[str, ...] = ()
    told: bool = True


class OwnTests:
    """Hooks and state of the project's own tests. ``multiplies``: those that ask for a target run once for each.

    ``dist`` is the build output where this run looks at it, ``dist_row`` what its tests count for; ``declared`` are the targets of the settings,
    ``protected`` the addresses of production that these know; ``find`` says where the local server listens. ``asks_nothing``: why no test may
    ask anything, empty where it may.
    """

    def __init__(
        self,
        config: pytest.Config,
        *,
        targets: Sequence[Target],
        multiplies: bool,
        dist: Path | None,
        dist_row: str,
        declared: Collection[str],
        protected: Iterable[str],
        secrets: Secrets,
        find: Callable[[Target], Target | NotStarted],
        background: Background,
        results: Results,
        asks_nothing: str = "",
    ) -> None:
        self._config = config
        self._targets = {target.name: target for target in targets}
        self._multiplies = multiplies
        self._dist = dist
        self._dist_row = dist_row
        self._declared = declared
        self._protected = {*protected, *(target.url for target in targets if target.kind is Kind.PRODUCTION)} - {""}
        self._secrets = secrets
        self._find = find
        self._background = background
        self._connections: Connections | None = None
        self._allow_writes: bool = config.getoption("pagesmoke_allow_writes")
        self._running: pytest.Item | None = None
        self._last: Exchange | None = None  # of the running test, and so below
        self._asked: dict[str, None] = {}  # the targets that it asked
        self._lost = False  # it could not be told which target it is for
        self._may_undo: set[pytest.FixtureDef[Any]] = set()  # were set up for a test that may write
        #: Of a fixture that has been set up: for which test, and the rows for which that counts.
        self._ends: dict[pytest.FixtureDef[Any], tuple[pytest.Item, tuple[str, ...]]] = {}
        self._addresses = {name: target.url for name, target in self._targets.items()}
        self._results = results
        self._asks_nothing = asks_nothing
        self._base_url_counts = False

    # What the fixtures give.

    def target(self, name: str | None) -> Target:
        """The target of this name, or the only one. Skips or fails the test that asks where there is none to give."""
        if not self._targets:
            pytest.skip(NO_TARGET)
        if self._asks_nothing:
            pytest.skip(self._asks_nothing)
        if name is None and len(self._targets) > 1:
            self._lost = True
            pytest.fail(
                f"{len(self._targets)} targets ({', '.join(self._targets)}), and this test cannot be run once for each: it asks by "
                "request.getfixturevalue, or is a unittest case. Ask for pagesmoke_target as a parameter of a test function, or give one target",
                pytrace=False,
            )
        target = self._targets.get(next(iter(self._targets)) if name is None else name)
        if target is None:
            self._lost = True
            pytest.fail(f"no target {name!r} in this run, which has: {', '.join(self._targets)}", pytrace=False)
        found = self._find(target)
        if not isinstance(found, Target):
            said = "".join(f"\n  {harmless(line)}" for line in found.lines)
            pytest.fail(f"local-not-ready: the local server did not start: {found.text}{said}", pytrace=False)
        self._addresses[found.name] = found.url
        return found

    def dist(self) -> Path:
        """The build output. Skips the test that asks where this run has none."""
        if self._dist is None:
            pytest.skip("needs a build output: --pagesmoke=dist, a folder, or --pagesmoke=local")
        return self._dist

    def client(self, target: object, overrides: Overrides) -> TargetClient:
        """A client for ``target``, to be closed by whoever asked. Fails the test where a parametrization has put something else there."""
        if self._asks_nothing:
            pytest.skip(self._asks_nothing)
        if not isinstance(target, Target):
            pytest.fail(
                f"a client is made for a target, not for {target!r}. To choose targets by name: "
                f'parametrize("{TARGET_FIXTURE}", […], indirect=True)',
                pytrace=False,
            )
        from pytest_pagesmoke.observe.client import TargetClient, TargetTransport
        from pytest_pagesmoke.observe.http import Connections

        if self._connections is None:
            self._connections = Connections()
            self._background.at_end(self._connections.close)
        target = overrides.on(target)
        self._secrets.learn(target.headers)
        transport = TargetTransport(
            target,
            background=self._background,
            connections=self._connections,
            secrets=self._secrets,
            may_write=self._may_write,
            protected=self._protected,
            begin=self._begin,
        )
        return TargetClient(target, transport)

    def _may_write(self) -> bool:
        """Whether a client may change something now: for a test that is marked so, and to undo it where a fixture of such a test ends."""
        ending = _ending()
        return self._may_write_for(self._running) if ending is None else ending in self._may_undo

    def _may_write_for(self, item: pytest.Item | None) -> bool:
        wishes = wishes_of(item) if self._allow_writes and item is not None else None
        return wishes is not None and wishes.writes

    def _begin(self) -> Callable[[Exchange], None]:
        """A request begins: from now on nothing is shown of an earlier one. What takes note of it, if it is still the same attempt then."""
        attempt = self._asked
        self._last = None

        def note(exchange: Exchange) -> None:
            if self._asked is attempt:  # a test may leave a thread behind that asks for it
                self._last = exchange
                attempt[exchange.target.name] = None

        return note

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        item = self._running
        if self._may_write_for(item):
            self._may_undo.add(fixturedef)
        else:  # it was set up before, for another test
            self._may_undo.discard(fixturedef)
        self._ends.pop(fixturedef, None)
        if item is not None and (rows := self._rows_of_end(fixturedef, item)):
            self._ends[fixturedef] = item, rows
        value = yield
        if fixturedef.argname == _HEADERS_FIXTURE and isinstance(value, Mapping):
            # A test may have them without a client. Whoever gives others than texts is told so where they are read.
            texts = {name: text for name, text in value.items() if isinstance(name, str) and isinstance(text, str)}
            self._secrets.learn(texts)
        return value

    def _rows_of_end(self, fixturedef: pytest.FixtureDef[Any], item: pytest.Item) -> tuple[str, ...]:
        """What a fixture's end counts for that may come behind another test; empty where it is none of ours."""
        info: Any = getattr(item, "_fixtureinfo", None)
        if info is None or fixturedef.scope == "function" or isinstance(item, CheckItem):
            return ()
        ours = any(needs(info, [fixturedef.argname], name) for name in (TARGET_FIXTURE, _FACTORY_FIXTURE, "base_url"))
        return self._place_of(item).rows if ours else ()

    # Collection.

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Lay our `base_url` over those of the plugins that take the address typed; but not over a project's own, in a plugin of its own."""
        if self._multiplies:
            known = session._fixturemanager.getfixturedefs("base_url", session)  # noqa: SLF001 - no public way to know who defines it
            modules = {each.func.__module__ for each in known or ()}
            if not any(name.rpartition(".")[2] != "conftest" for name in modules - _DEFINING_BASE_URL):
                self._config.pluginmanager.register(base_url_of_target, "pagesmoke-base-url-of-target")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> Generator[None, object, object]:
        outcome = yield  # what a project parametrizes by itself, base_url say, decides
        known = metafunc.definition._fixtureinfo  # noqa: SLF001 - no public way to know what is left to ask for, nor to put an id first
        chosen = any(TARGET_FIXTURE in call.params for call in metafunc._calls)  # noqa: SLF001 - see above
        if self._multiplies and metafunc.module is not suite and not chosen and needs(known, known.initialnames):
            names = list(self._targets)
            metafunc.parametrize(TARGET_FIXTURE, names, ids=names, indirect=True, scope="session")
            metafunc._calls = [_target_first(call) for call in metafunc._calls]  # noqa: SLF001
        return outcome

    @pytest.hookimpl(trylast=True)  # after the project's own choice, whose markers may be new, too
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        own = ((item, self._targets_of(item)) for item in items if not isinstance(item, CheckItem))
        sort_out(self._config, items, own, known={*self._declared, *self._targets})

    def _targets_of(self, item: pytest.Item) -> list[tuple[str, str]]:
        """Name and kind of the target that a test is for; of all targets where it is of no one of them."""
        name = _target_of(item)
        known = self._targets.get(name) if isinstance(name, str) else None
        return [(target.name, target.kind) for target in ([known] if known else self._targets.values())]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        own = [item for item in session.items if not isinstance(item, CheckItem)]
        if len(self._targets) == 1 and not self._multiplies:
            # Where there is a verdict to come to, whatever is asked of the site counts. Where there is none, nothing of ours is shown.
            self._base_url_counts = len(own) < len(session.items) or any(self._place_of(item).rows for item in own)
        for item in own:
            for row in self._place_of(item).rows:
                self._results.expect(item.nodeid, row)

    def _place_of(self, item: pytest.Item) -> _Place:
        """As it is known before a test has run, and better afterwards: what it asked for by `getfixturevalue`, whom it asked."""
        names = {*getattr(item, "fixturenames", ()), *_set_up(item)}
        if self._targets and (TARGET_FIXTURE in names or (item is self._running and self._lost)):
            name = _target_of(item)
            if not isinstance(name, str | None):
                return _Place()  # the project's own object, whatever it is
            if name in self._targets:
                return _Place(rows=(name,))
            return _Place(rows=tuple(self._targets), told=name is None and len(self._targets) == 1)
        if item is self._running and self._asked:
            return _Place(rows=tuple(self._asked))
        if self._base_url_counts and _asks_for_base_url(item):
            return _Place(rows=tuple(self._targets))
        if _DIST_FIXTURE in names and self._dist is not None:
            return _Place(rows=(self._dist_row,))
        if len(self._targets) == 1 and item.get_closest_marker(MARKER) is not None:  # it asks in a way of its own
            return _Place(rows=tuple(self._targets))
        return _Place()

    # Running.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._running = item
        try:
            return (yield)
        finally:
            self._running = self._last = None  # an exchange holds a whole body

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        # Nothing of an attempt before this one: reruns have one protocol, all together.
        self._last, self._asked, self._lost = None, {}, False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        is_check = isinstance(item, CheckItem)
        place, exchange = _Place() if is_check else self._place_of(item), self._last
        # A check asks in another way: by a client there asks a fixture that ends.
        ended = self._rows_of_ends(item, call) or (tuple(self._asked) if is_check else ())
        is_ours = bool(place.rows or ended or exchange)
        if is_ours and call.excinfo is not None and not self._config.getoption("fulltrace", False):
            _cut(call.excinfo)
        report = yield
        if report.failed and exchange is not None and isinstance(report.longrepr, ExceptionRepr):
            from pytest_pagesmoke.say.failure import last_request

            report.longrepr.addsection("pagesmoke: last request", last_request(exchange))
        if ended and report.failed:
            attach_ends(report, [self._record(report, row, call) for row in ended])
        elif is_check:
            return report  # its record is of what it saw
        elif place.told or not report.failed:
            attach(report, [self._record(report, row, call) for row in place.rows])
        else:  # of none of them can be said that it is bad, nor that all was seen
            for row in place.rows:
                self._results.expect(item.nodeid, row)
        return report

    def _rows_of_ends(self, item: pytest.Item, call: pytest.CallInfo[None]) -> tuple[str, ...]:
        """The rows for which fixtures of other tests count that failed where they ended: in the set-up of this one, or its teardown."""
        if call.excinfo is None or call.when == "call":
            return ()
        ends = [self._ends[ending] for ending in _endings(call.excinfo.value) if ending in self._ends]
        return tuple(dict.fromkeys(row for other, rows in ends if other is not item for row in rows))

    def pytest_make_parametrize_id(self, val: object) -> str | None:
        """A test that is run for a secret has none in its id: that stands in every output, and in pytest's cache."""
        text = _text_in_id(val)
        struck = self._secrets.out_of_kept(text)
        # A short one is a word ("pass"), and tests are chosen by their ids.
        return struck if len(text) - len(struck) >= _MIN_IN_ID - len(MASK) else None

    @pytest.hookimpl(tryfirst=True)  # before anything shows it, writes it, or sends it to xdist's controller
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.strike(report, of_a_check=is_of_a_check(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.strike(report)

    def strike(self, report: pytest.TestReport | pytest.CollectReport, *, of_a_check: bool = False) -> None:
        """Whatever a test had in hand may stand in its report: headers of its target, an answer that it unpacked itself."""
        strike = self.struck
        if of_a_check:  # its text has a way of its own, and a command that must stay whole
            report.sections = strike(report.sections)
            return
        for name in _SHOWN & vars(report).keys():
            setattr(report, name, strike(getattr(report, name)))
        if isinstance(report, pytest.TestReport):
            report.user_properties = [self._struck_property(one) for one in report.user_properties]
        given = getattr(report, "context", None)  # of a subtest: frozen, and made anew it would show other texts
        for name in ("msg", "kwargs") if given is not None else ():
            object.__setattr__(given, name, strike(getattr(given, name, None)))

    def struck(self, value: Any) -> Any:  # `Any`: parts of a report
        """What a test shows, as it may be shown."""
        return value and self._secrets.out_of_shown(value, then=harmless_lines)

    def _struck_property(
        self, given: Any
    ) -> Any:  # `Any`: a test's own, which pytest looks at only where it writes XML
        """A name and a value of any kind, which is shown as text: as they are, unless there is something to strike."""
        if not isinstance(given, tuple) or len(given) != 2:
            return given
        name, value = given
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - its own code fails, here as it would there
            return given
        struck = self.struck(text)
        return (self.struck(name), value if struck == text else struck)

    def _record(self, report: pytest.TestReport, row: str, call: pytest.CallInfo[None]) -> CheckRecord:
        return CheckRecord(
            id=report.nodeid,
            test=OWN_TEST,
            target=row,
            address=self._addresses.get(row, ""),
            column="own tests",
            path="",
            outcome=report.outcome,
            started=call.start,
            ended=call.stop,
        )


class EarlyReaders:
    """A hook: what pytest itself makes of a test has no secrets either, for plugins that write down that (allure), and not what is told later."""

    def __init__(self, own: OwnTests) -> None:
        self._own = own

    @pytest.hookimpl(wrapper=True, trylast=True)  # the innermost: theirs are around it
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        of_a_check = call.excinfo is not None and isinstance(call.excinfo.value, CheckFailed)
        self._own.strike(report, of_a_check=of_a_check)
        if call.excinfo is not None and not of_a_check:
            # The exception itself stays as it is: the project's own hooks look at it.
            text = self._own.struck(call.excinfo.exconly())
            vars(call.excinfo)["exconly"] = lambda tryshort=False: text  # noqa: ARG005 - its signature
        return report


def _ending() -> pytest.FixtureDef[Any] | None:
    """The fixture that ends now, in this thread; the innermost of them."""
    return next(_finishing(traceback.walk_stack(sys._getframe())), None)  # noqa: SLF001 - what inspect.currentframe is


def _text_in_id(value: object) -> str:
    """What pytest makes an id of; empty where that is no text of the value's own."""
    if isinstance(value, bytes):
        return value.decode("ascii", errors="backslashreplace")
    if isinstance(value, re.Pattern):
        return str(value.pattern)
    return str(value) if isinstance(value, str | enum.Enum) else ""


def _endings(error: BaseException) -> Iterator[pytest.FixtureDef[Any]]:
    """The fixtures over whose end an exception was raised, the innermost of each traceback."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _endings(part)
    yield from [*_finishing(traceback.walk_tb(error.__traceback__))][-1:]


def _finishing(frames: Iterable[tuple[FrameType, int]]) -> Iterator[pytest.FixtureDef[Any]]:
    """The fixtures that end in these frames, in their order. (There is no public way to know.)"""
    return (frame.f_locals["self"] for frame, _ in frames if frame.f_code is _FINISH)


def _set_up(item: pytest.Item) -> Collection[str]:
    """The fixtures that a test has had so far, `request.getfixturevalue` among the ways. (There is no public way to know.)"""
    return getattr(getattr(item, "_request", None), "_fixture_defs", ())


def _target_of(item: pytest.Item) -> object:
    """What a call of a test has as its target: a name, or whatever else the project parametrized it with; None where nothing."""
    params: Mapping[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return params.get(TARGET_FIXTURE)


def _asks_for_base_url(item: pytest.Item) -> bool:
    """Whether a test asks for the base URL that was typed, and not for one of the project's own."""
    info: Any = getattr(item, "_fixtureinfo", None)
    known = info.name2fixturedefs.get("base_url") if info is not None else None
    if not known or known[-1].func.__module__ not in _DEFINING_BASE_URL:
        return False
    return needs(info, [name for name in info.initialnames if name != "_verify_url"], "base_url")


def _target_first(call: Any) -> Any:  # `Any`: the class has another name in each version of pytest
    return replace(call, _idlist=[call._idlist[-1], *call._idlist[:-1]])  # noqa: SLF001 - it was parametrized last


def _cut(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Let the traceback end where the test called into the client."""
    error: BaseException | None = excinfo.value
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        last = _last_of_the_project(error.__traceback__)
        if last is not None:
            last.tb_next = None
        error = error.__cause__ or error.__context__
    excinfo.traceback = type(excinfo.traceback)(excinfo.tb)


def _last_of_the_project(tb: TracebackType | None) -> TracebackType | None:
    last = None
    while tb is not None:
        if str(tb.tb_frame.f_globals.get("__name__", "")).partition(".")[0] not in _LIBRARIES:
            last = tb
        tb = tb.tb_next
    return last
