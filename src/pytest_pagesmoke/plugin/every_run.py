"""What every run has of this plugin, active or not: kept small, for those that have nothing to do with it.

Whether a run asks for checks is told here; so is a marker `pagesmoke` that says nothing it can mean, which must not wait for the run where it
matters. What markers wish is read by `wishes.py`, which is imported where a test has one.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_pagesmoke.plugin.active import ActiveRun
    from pytest_pagesmoke.plugin.wishes import LeftOut

FILE_NAME: Final = "pagesmoke.toml"  # settings.FILE_NAME, which an inactive run does not import
WORKERINPUT_KEY: Final = "pagesmoke"
#: In the ini file: whether the summary of a CI job is added to.
STEP_SUMMARY_KEY: Final = "pagesmoke_step_summary"
#: Where an active run keeps its state.
ACTIVE: Final[pytest.StashKey[ActiveRun]] = pytest.StashKey()
MARKER: Final = "pagesmoke"
#: As `pytest --markers` shows it.
MARKER_LINE: Final = (
    "pagesmoke(only_on=None, not_on=None, writes=False): a test of a Cloudflare Pages deployment; every built-in check carries it. "
    "only_on, not_on: a target's name or kind ('production', 'preview', 'local'), or a list of them; elsewhere the test is deselected. "
    "writes: it changes state, and runs on production only with --pagesmoke-allow-writes (pytest-pagesmoke)."
)
NO_TARGET: Final = (
    "needs a target: --base-url=URL on the command line, or --pagesmoke=WHAT (a URL, local, a target of the settings)"
)
#: What markers have kept from running so far; not there where nobody has read any.
LEFT_OUT: Final[pytest.StashKey[LeftOut]] = pytest.StashKey()
_WORKEROUTPUT_KEY: Final = "pagesmoke_marker"


def may_be_active(config: pytest.Config) -> bool:
    """Whether anything at all was given that could ask for checks; `activation.py` tells whether it does. An xdist worker knows."""
    workerinput: dict[str, object] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        return WORKERINPUT_KEY in workerinput
    own = (value for name, value in vars(config.option).items() if name.startswith("pagesmoke"))
    return (
        any(value not in (None, False, []) for value in own)  # an empty text is a mistake, to be said
        or is_typed(config, "--base-url")
        or any(FILE_NAME in arg for arg in config.args)
    )


def is_typed(config: pytest.Config, option: str) -> bool:
    """Whether ``option`` stands on the command line itself, or in a file that it names: addopts and PYTEST_ADDOPTS are not in these."""
    return any(arg == option or arg.startswith(f"{option}=") for arg in _typed(config))


def _typed(config: pytest.Config) -> Iterator[str]:
    for arg in map(str, config.invocation_params.args):
        yield arg
        if arg.startswith("@"):  # pytest's own way, since 8.2: a line an argument
            yield from Path(config.invocation_params.dir, arg[1:]).read_text("utf-8", errors="replace").splitlines()


def base_url_of(config: pytest.Config) -> str:
    """The value of `--base-url`, by the option's name: where a project has an option of its own, that may keep it anywhere."""
    return str(config.getoption("--base-url", None) or "")


# The marker.


def _is_marked(item: object) -> bool:
    return isinstance(item, pytest.Item) and any(True for _ in item.iter_markers(MARKER))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.passed and any(map(_is_marked, report.result)):
        from pytest_pagesmoke.plugin.wishes import mistaken

        if said := mistaken(report.result):
            report.outcome, report.result, report.longrepr = "failed", [], "\n".join(said)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail for what a conftest.py added by itself, after the collection was judged."""
    if _is_marked(item):
        from pytest_pagesmoke.plugin.wishes import mistakes_of

        for mistake in mistakes_of(item):
            pytest.fail(mistake, pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run that is not active: what the ini file or the environment gives as base URL is what marked tests would reach."""
    if ACTIVE not in config.stash and any(map(_is_marked, items)):
        from pytest_pagesmoke.plugin.wishes import sort_out_what_base_url_reaches

        sort_out_what_base_url_reaches(config, items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None and (said := session.config.stash.get(LEFT_OUT, None)) is not None:
        output[_WORKEROUTPUT_KEY] = said.for_the_controller()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # `Any`: xdist's, which may not be installed
    if output := getattr(node, "workeroutput", {}).get(_WORKEROUTPUT_KEY):
        from pytest_pagesmoke.plugin.wishes import left_out_of

        left_out_of(node.config).hear(*output)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """In a run that is not active: say what was deselected, and why. (An active one says it in its summary.)"""
    if ACTIVE not in config.stash and (said := config.stash.get(LEFT_OUT, None)) is not None:
        said.write(terminalreporter)
