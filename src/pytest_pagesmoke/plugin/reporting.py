"""`--pagesmoke-report`, and the summary of a CI job: what the checks saw, from whichever process, and the files that it is written to."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_pagesmoke.model import Answer, CheckRecord, Observation, Probe
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.plugin.every_run import STEP_SUMMARY_KEY
from pytest_pagesmoke.redact import Secrets
from pytest_pagesmoke.run import CheckResult
from pytest_pagesmoke.say.harmless import harmless

if TYPE_CHECKING:
    from pytest_pagesmoke.diagnose import TargetRun
    from pytest_pagesmoke.recorded import Entry
    from pytest_pagesmoke.say.summary import Summary

_STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"  # the variable that names the file
_ATTRIBUTE: Final = "pagesmoke_observations"  # of a TestReport
#: One attempt of a check: its id, and when it was begun and over.
_Attempt = tuple[str, float, float]


class _Bodies:
    """The bodies of one target that its report may hold: it keeps the smallest, and to strike secrets out of others takes a second for 4 MB."""

    def __init__(self) -> None:
        self._bytes = 0
        self._held: dict[int, tuple[Answer, list[tuple[dict[Probe, Observation], Probe]]]] = {}  # by identity
        self._cut: dict[int, tuple[weakref.ref[Answer], Answer]] = {}  # the same; and what is kept instead

    def add(self, seen: dict[Probe, Observation]) -> None:
        """Take note of what a check saw; what there is no room for is cut there."""
        from pytest_pagesmoke import recorded

        for probe, one in seen.items():
            if not isinstance(one, Answer) or not recorded.held_bytes(one):
                continue
            original, cut = self._cut.get(id(one), (None, one))
            if original is not None and original() is one:
                seen[probe] = cut
                continue
            if id(one) not in self._held:
                self._held[id(one)] = one, []
                self._bytes += len(one.body)
            self._held[id(one)][1].append((seen, probe))
        # What is struck out of a body makes it smaller: so twice of what the report will hold.
        while self._bytes > 2 * recorded.MAX_BODIES_BYTES:
            largest, places = self._held.pop(max(self._held, key=lambda known: len(self._held[known][0].body)))
            self._bytes -= len(largest.body)
            cut = recorded.beginning_of(largest)
            self._cut[id(largest)] = weakref.ref(largest), cut
            for where, probe in places:
                where[probe] = cut


class Reporting:
    """Hooks and state. ``files`` are where reports are wanted, by their endings; what was seen is kept for JSON alone."""

    def __init__(self, config: pytest.Config, files: Sequence[Path], *, secrets: Secrets) -> None:
        self._config = config
        self._adds_to_job = _is_wanted(config)
        self._json = [file for file in files if file.suffix.lower() == ".json"]
        self._markdown = [file for file in files if file.suffix.lower() == ".md"]
        self._secrets = secrets
        self._started = time.time()
        self._seen: dict[_Attempt, dict[Probe, Observation]] = {}
        self._bodies: defaultdict[str, _Bodies] = defaultdict(_Bodies)  # by target
        self._noting = threading.Lock()
        self._entries: dict[tuple[Probe, int], tuple[Observation, Entry]] = {}  # by identity: equal answers may be two
        self._of_workers: dict[_Attempt, list[Entry]] = {}
        self._sent: dict[int, int] = {}  # worker: the number of each observation, by identity; and the bytes of all
        self._sent_bytes = 0
        self._received: dict[str, list[Entry]] = {}  # controller: by worker
        #: Files that could not be written: which, and why.
        self.failed: list[str] = []
        #: The same of a CI job's summary, which nobody asked for.
        self.not_added: list[str] = []

    @property
    def wants_all(self) -> bool:
        """Whether what checks see is to be noted."""
        return bool(self._json)

    def note(self, check: PlannedLive, result: CheckResult) -> None:
        """Keep what a check saw, until the end. Called from any thread."""
        if self.wants_all:
            with self._noting:
                seen = {result.probe: result.observation, **result.seen}  # its own question first
                self._seen[check.id, result.started, result.ended] = seen
                self._bodies[check.target.name].add(seen)

    def write(
        self, runs: Sequence[TargetRun], summary: Summary, *, settings: str | None, replay_of: str | None = None
    ) -> None:
        """Write the reports of the run that are wanted, each whole or not at all; add to the summary of a CI job, if there is one."""
        if self._json:
            from pytest_pagesmoke.say.json import report, text

            document = report(
                runs,
                started=self._started,
                ended=time.time(),
                settings=settings,
                kept=self._secrets.out_of_kept,
                entries_of=self._entries_of,
                replay_of=replay_of,
            )
            self._write(self._json, text(document))
        job = os.environ.get(_STEP_SUMMARY, "") if self._adds_to_job else ""
        if self._markdown or job:
            from pytest_pagesmoke.say.markdown import markdown

            said = self._secrets.out_of_kept(markdown(summary))
            self._write(self._markdown, said)
            if job:
                self._add_to_job(job, said)

    def _write(self, files: Iterable[Path], said: str) -> None:
        for file in files:
            try:
                _write_whole(file, said)
            except OSError as error:
                self.failed.append(f"{file}: {error.strerror}")

    def _add_to_job(self, file: str, said: str) -> None:
        """Append to GitHub's summary of the job. That this cannot be written takes nothing from a site's verdict: nobody asked for it."""
        try:
            if Path(file).exists() and not Path(file).is_file():
                raise OSError(errno.EINVAL, "is no file")  # a pipe would be waited for
            with Path(file).open("a", encoding="utf-8") as job:
                job.write(f"\n{said}")  # whatever stands before it may have no end of its line
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            self.not_added.append(f"{_STEP_SUMMARY}={harmless(file)}: {getattr(error, 'strerror', None) or error}")

    def _entries_of(self, record: CheckRecord) -> list[Entry]:
        attempt = (record.id, record.started, record.ended)
        if attempt in self._of_workers:
            return self._of_workers[attempt]
        return [self._entry(probe, seen) for probe, seen in self._seen.get(attempt, {}).items()]

    def _entry(self, probe: Probe, seen: Observation) -> Entry:
        from pytest_pagesmoke.recorded import entry

        key = (probe, id(seen))
        if key not in self._entries:
            self._entries[key] = seen, entry(probe, seen, secrets=self._secrets)
        return self._entries[key][1]

    # xdist with `--dist each`: its workers ask for themselves, and the controller writes. What one saw goes along with each report, so
    # that it is there though the worker may end before the run does; an observation once. (JSON travels whatever it holds.)

    def send(self, report: pytest.TestReport, record: CheckRecord) -> None:
        """Worker: let the report of a check hold what that saw, where this process has looked."""
        attempt = (record.id, record.started, record.ended)
        if attempt not in self._seen:
            return
        from pytest_pagesmoke.recorded import bounded

        entries = self._entries_of(record)
        new = [one for one in entries if id(one) not in self._sent]
        for one in new:
            self._sent[id(one)] = len(self._sent)
        kept, self._sent_bytes = bounded(new, already_bytes=self._sent_bytes)
        vars(report)[_ATTRIBUTE] = json.dumps([attempt, [self._sent[id(one)] for one in entries], kept])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node: Any = getattr(report, "node", None)  # `Any`: xdist is optional, and its nodes have no types
        if node is not None and (sent := vars(report).pop(_ATTRIBUTE, None)):
            (test_id, started, ended), indexes, new = json.loads(sent)
            known = self._received.setdefault(node.gateway.id, [])
            known += new
            self._of_workers[test_id, started, ended] = [known[index] for index in indexes]


def _is_wanted(config: pytest.Config) -> bool:
    """Whether the job's summary may be added to. Raises pytest.UsageError for what says neither."""
    try:
        return bool(config.getini(STEP_SUMMARY_KEY))
    except (ValueError, pytest.UsageError) as error:  # of an older pytest, and of a newer one
        raise pytest.UsageError(f"{STEP_SUMMARY_KEY} in the ini file: {error}; takes true or false") from None


def report_files(values: Sequence[str], here: Path) -> list[Path]:
    """The files that the option names, each once. Raises pytest.UsageError for one that cannot be written there."""
    files: dict[Path, None] = {}
    for value in values:
        try:
            # Through symbolic links: these stay, and what they lead to is written.
            file = Path(os.path.realpath(here / value))
            is_folder = stat.S_ISDIR(file.stat().st_mode)
        except FileNotFoundError:
            is_folder = False
        except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL; or what may not be looked at
            raise pytest.UsageError(
                f"--pagesmoke-report={harmless(value)}: nothing can be written there: {getattr(error, 'strerror', None) or error}"
            ) from None
        if is_folder:
            raise pytest.UsageError(f"--pagesmoke-report={value}: is a folder")
        if not file.parent.is_dir():
            raise pytest.UsageError(f"--pagesmoke-report={value}: there is no folder {file.parent}")
        if not os.access(file.parent, os.W_OK):
            raise pytest.UsageError(f"--pagesmoke-report={value}: nothing can be written to the folder {file.parent}")
        files[file] = None
    return [*files]


def _write_whole(file: Path, content: str) -> None:
    """Whoever reads the file finds an earlier report or this one, and never a part."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.")  # a name of 255 is the longest
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as draft:
            draft.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)  # as any new file; a temporary one is its owner's alone
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
