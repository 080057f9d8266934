"""How the waiting goes, shown while a test waits: one line that is written over on a terminal, plain lines anywhere else."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import pytest

from pytest_pagesmoke.say.waiting import progress_line

if TYPE_CHECKING:
    from pytest_pagesmoke.settle import Progress

_EVERY_S: Final = 10.0  # a log is read afterwards: it takes what changed, and now and then a sign of life


class ProgressLine:
    """Call it with where the waiting stands, again and again; with nothing when it is over.

    Under xdist the tests wait in other processes, whose outcomes are written meanwhile: then it writes whole lines only.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._writing = threading.Lock()  # under xdist several tests wait at once
        self._rewrites = False
        self._said: dict[str, tuple[object, float]] = {}  # by target: what was said last, and when

    def __call__(self, progress: Sequence[Progress]) -> None:
        reporter: pytest.TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or reporter.verbosity < 0:
            return
        under_xdist = self._config.pluginmanager.has_plugin("dsession")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        with self._writing, capture.global_and_fixture_disabled() if capture and not under_xdist else nullcontext():
            if reporter.isatty and not under_xdist:
                self._rewrite(reporter, progress)
            else:
                self._add(reporter, progress)

    def _rewrite(self, reporter: pytest.TerminalReporter, progress: Sequence[Progress]) -> None:
        if not (progress or self._rewrites):
            return
        if not self._rewrites:
            reporter.ensure_newline()
        # A line that wraps could not be written over.
        now = time.monotonic()
        text = "; ".join(progress_line(one, now=now) for one in progress)[: shutil.get_terminal_size().columns - 1]
        reporter.rewrite(text, erase=True)
        self._rewrites = bool(progress)
        if not progress:
            reporter.rewrite("")
        reporter.flush()

    def _add(self, reporter: pytest.TerminalReporter, progress: Sequence[Progress]) -> None:
        now = time.monotonic()
        for one in progress:
            state = (one.failing, bool(one.rounds))
            said, when = self._said.get(one.target, (None, now))
            if one.rounds and (state != said or now - when >= _EVERY_S):
                self._said[one.target] = (state, now)
                reporter.ensure_newline()
                if reporter._tw.width_of_current_line:  # noqa: SLF001 - dots of xdist's, of which the reporter does not know
                    reporter.write_line("")
                reporter.write_line(f"pagesmoke: {progress_line(one, now=now)}")
                reporter.flush()
