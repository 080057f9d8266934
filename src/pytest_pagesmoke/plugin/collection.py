"""The built-in tests as pytest sees them: below `pagesmoke.toml`, whether or not that file exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr
from _pytest.scope import Scope

from pytest_pagesmoke import suite
from pytest_pagesmoke.plan import Planned, PlannedLive
from pytest_pagesmoke.verdict import CheckFailed

LIVE_FIXTURE = "_pagesmoke_check"
DIST_FIXTURE = "_pagesmoke_dist_check"
TARGET_FIXTURE = "pagesmoke_target"
OVERRIDES_FIXTURE = "_pagesmoke_overrides"


class CheckItem(pytest.Function):
    """A built-in test. Its failure is text of ours, without a traceback; it stands in `pagesmoke.toml`, not in site-packages."""

    @cached_property  # which pytest asks for ten times a test
    def ihook(self) -> pluggy.HookRelay:
        # By the folder: for a file that does not exist pytest would leave out every conftest's hooks.
        return self.session.gethookproxy(self.path.parent)

    def reportinfo(self) -> tuple[str, int, str]:
        return self.nodeid.partition("::")[0], 0, self.name  # a line there must be: reports of skipped tests name it

    def repr_failure(self, excinfo: ExceptionInfo[BaseException]) -> str | TerminalRepr:  # type: ignore[override]  # narrower in Function
        error = excinfo.value
        # pytest.fail: whoever ends a check from outside (pytest-timeout), for which our code is no cause.
        if not isinstance(error, CheckFailed | pytest.fail.Exception):
            return super().repr_failure(excinfo)
        shown = excinfo.getrepr(style="value")
        if shown.reprcrash is not None:  # the line behind FAILED in pytest's summary, and the whole of --tb=line
            if isinstance(error, CheckFailed):
                shown.reprcrash.message = error.line
            shown.reprcrash.path = self.nodeid.partition("::")[0]
        return shown


class SuiteModule(pytest.Module):
    """The shipped suite, collected as `pagesmoke.toml`."""

    tests: frozenset[str] = frozenset()
    targets: Sequence[str] = ()

    @property
    def ihook(self) -> pluggy.HookRelay:
        return self.session.gethookproxy(self.path.parent)

    def _getobj(self) -> ModuleType:
        return suite

    def funcnamefilter(self, name: str) -> bool:
        return name in self.tests

    def classnamefilter(self, name: str) -> bool:  # noqa: ARG002 - pytest's signature
        return False

    def collect(self) -> Iterable[pytest.Item]:
        for item in super().collect():
            if isinstance(item, pytest.Function):
                # As pytest itself makes it of a parametrized function, but as ours.
                yield CheckItem.from_parent(
                    self,
                    name=item.name,
                    callspec=self._with_target(item.callspec),
                    fixtureinfo=item._fixtureinfo,  # noqa: SLF001 - pytest has no public way to make a function item
                    keywords={item.callspec.id: True},
                    originalname=item.originalname,
                )

    def _with_target(self, callspec: Any) -> Any:  # `Any`: the class has another name in each version of pytest
        """Also for the target of the check, as a project's own tests are: for what a conftest.py overrides, it can tell them apart."""
        planned = callspec.params.get(LIVE_FIXTURE)
        if not isinstance(planned, PlannedLive):
            return callspec
        name = planned.target.name
        return replace(
            callspec,
            params={**callspec.params, TARGET_FIXTURE: name},
            indices={**callspec.indices, TARGET_FIXTURE: self.targets.index(name)},
            _arg2scope={**callspec._arg2scope, TARGET_FIXTURE: Scope.Session},  # noqa: SLF001 - no public way: an id says the target once
        )


def collect_checks(
    session: pytest.Session, planned: Sequence[Planned], chosen: Sequence[str], *, file: Path
) -> list[pytest.Item]:
    """The items of the planned checks; of all, or of those ``chosen`` by name (`test_page`, `test_page[production-/]`).

    ``file`` is where they stand: the settings file, whether or not it exists.
    """
    if not planned:
        return []
    # pytest's own id would be an absolute path for a file above the root.
    module: Any = SuiteModule.from_parent(_folder(session, file.parent), path=file, nodeid=planned[0].file)
    module.tests = frozenset(check.test for check in planned)
    module.targets = list(dict.fromkeys(check.target.name for check in planned if isinstance(check, PlannedLive)))
    return [item for item in module.collect() if not chosen or is_chosen(item.name, chosen)]


def _folder(session: pytest.Session, folder: Path) -> pytest.Collector:
    """The node of a folder: fixtures of a conftest.py are seen by what is below its folder's."""
    root = session.config.rootpath
    if folder == root or not folder.is_relative_to(root):
        return session
    node = pytest.Dir.from_parent(_folder(session, folder.parent), path=folder)
    _read_conftest(session, node)
    return node


def _read_conftest(session: pytest.Session, node: pytest.Dir) -> None:
    """Do what pytest does for a folder that it collects: this one is ours, and there may be nothing in it that pytest collects."""
    conftest = session.config.pluginmanager.get_plugin(str(node.path / "conftest.py"))
    fixtures: Any = session._fixturemanager  # noqa: SLF001 - pytest has no public way; `Any`: its class is private
    if conftest is not None and hasattr(fixtures, "_pending_conftests"):
        # Since pytest 9.1 a conftest's fixtures are seen below the node of its folder, and no more by the ids that begin so.
        fixtures.parsefactories(holder=conftest, node=node)


def is_chosen(name: str, chosen: Sequence[str]) -> bool:
    """Whether a test's name, or its function's, was named on the command line."""
    return name in chosen or name.partition("[")[0] in chosen


def parametrize(metafunc: pytest.Metafunc, planned: Sequence[Planned]) -> None:
    """Give a function of the suite one call for each planned check of its kind."""
    if metafunc.module is suite:
        mine = [check for check in planned if check.test == metafunc.function.__name__]
        fixture = next(name for name in (LIVE_FIXTURE, DIST_FIXTURE) if name in metafunc.fixturenames)
        metafunc.parametrize(fixture, mine, ids=[check.param for check in mine], indirect=True)


def needs(info: Any, start: Sequence[str], wanted: str = TARGET_FIXTURE) -> bool:
    """Whether fixtures ``start`` come to ask for the fixture ``wanted``.

    ``info`` is what pytest knows of a test's fixtures. (`Any`: its class is private.)
    """
    part = replace(info, initialnames=tuple(start), names_closure=[*info.names_closure])
    part.prune_dependency_tree()
    return wanted in part.names_closure


def shield(item: pytest.Item) -> None:
    """Keep a project's autouse fixtures and `usefixtures` away from a built-in test: they are made for its own tests."""
    if isinstance(item, CheckItem):
        item.fixturenames[:] = [
            name for name in item.fixturenames if name.lstrip("_").startswith("pagesmoke_") or name == "request"
        ]
