"""A local `wrangler pages dev`: started in a process group of its own, on a free port of its own, and gone without trace."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_READY: Final = re.compile(r"Ready on (http://127\.0\.0\.1:\d+)")
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_TELLING: Final = re.compile(r"\berror\b|\b\w*Error:|no such file|requires at least", re.IGNORECASE)
_MAX_LINES: Final = 400  # of its output, kept to tell why it did not start
_SHOWN_LINES: Final = 12
_START_S: Final = 60.0  # 1 to 4 s are normal; a broken worker can make wrangler wait for ever
_STOP_S: Final = 5.0  # 0.2 s are normal

#: Where each run of wrangler says what it did. `--pagesmoke=@FILE` reads there what the last one deployed, and this one deploys nothing.
_FOR_DEPLOYMENTS: Final = frozenset({"WRANGLER_OUTPUT_FILE_PATH", "WRANGLER_OUTPUT_FILE_DIRECTORY"})
_ENVIRONMENT: Final = {
    "CLOUDFLARE_CF_FETCH_ENABLED": "false",  # no look-up of workers.cloudflare.com at each start
    "WRANGLER_SEND_METRICS": "false",
    "WRANGLER_LOG": "info",  # a user's quieter level would swallow the line we wait for
    "NO_COLOR": "1",
    "FORCE_COLOR": "0",
}


@dataclass(frozen=True, kw_only=True)
class Started:
    """The server runs at ``url``. ``earlier`` holds the telling lines of a first start that failed."""

    url: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NotStarted:
    """The server does not run: ``text`` in one line, and the telling lines of the last and of the earlier start.

    ``ended`` says that wrangler ended by itself, which is worth a second start; a hang is not.
    """

    text: str
    lines: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    ended: bool = False


class LocalServer:
    """`wrangler pages dev FOLDER`. `begin` returns at once, `wait` when it is ready or has failed; `stop` ends all of it."""

    def __init__(self, wrangler: Path, *, folder: Path, shown: Path, project: Path) -> None:
        self._command = [str(wrangler), "pages", "dev", str(folder), "--ip=127.0.0.1", "--port=0", "--inspector-port=0"]
        self._folder = folder
        self._shown = shown  # the folder as the user wrote it
        self._project = project
        self._process: subprocess.Popen[str] | None = None
        self._outcome: Future[Started | NotStarted] | None = None
        self._stopped = False
        self._lock = threading.Lock()  # between the thread that starts processes and the one that stops them

    def begin(self) -> None:
        """Start it, once, however often this is called."""
        with self._lock:
            if self._outcome is not None:
                return
            self._outcome = Future()
        threading.Thread(target=self._start, name="pagesmoke-wrangler", daemon=True).start()

    def wait(self) -> Started | NotStarted:
        """Wait until it is ready or has failed; begins it where nobody has. Bounded by two starts."""
        self.begin()
        assert self._outcome is not None  # begin() has set it
        return self._outcome.result(timeout=2 * (_START_S + 2 * _STOP_S))

    def stop(self) -> None:
        """End it with all its processes, also while it starts. Returns when they are gone."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            _end_group(process)

    def _start(self) -> None:
        assert self._outcome is not None  # begin() has set it
        try:
            self._outcome.set_result(self._start_twice())
        except BaseException as error:  # noqa: BLE001 - a thread's exception would be lost, and wait() would wait for nothing
            self._outcome.set_exception(error)

    def _start_twice(self) -> Started | NotStarted:
        if not self._folder.is_dir():
            return NotStarted(text=f"there is no build output {self._shown} to serve")
        first = self._start_once()
        # A start fails now and then for no reason to be seen: once more.
        if isinstance(first, Started) or not first.ended:
            return first
        second = self._start_once()
        if isinstance(second, Started):
            return Started(url=second.url, earlier=first.lines)
        return NotStarted(text=second.text, lines=second.lines, earlier=first.lines)

    def _start_once(self) -> Started | NotStarted:
        with self._lock:
            if self._stopped:
                return NotStarted(text="stopped before it was ready")
            try:
                process = subprocess.Popen(
                    self._command,
                    cwd=self._project,
                    env={name: value for name, value in os.environ.items() if name not in _FOR_DEPLOYMENTS}
                    | _ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,  # a group of its own: Ctrl-C does not reach it before we do, and we reach all of it
                )
            except OSError as error:
                return NotStarted(text=f"{self._command[0]} cannot be run: {error}")
            self._process = process
        output = _Output(process)
        url = output.ready.result() if output.wait(_START_S) else None
        if url:
            return Started(url=url)
        hangs = process.poll() is None
        _end_group(process)
        if self._stopped:
            return NotStarted(text="stopped before it was ready")
        lines = output.telling()
        how = f"was not ready after {_START_S:g} s" if hangs else f"ended with exit status {process.returncode}"
        return NotStarted(text=f"wrangler {how}: {_headline(lines)}", lines=lines, ended=not hangs)


def _headline(lines: Sequence[str]) -> str:
    """The one line that says most: the first that is no mere heading ("Build failed with 1 error:")."""
    bare = [line.replace("✘ [ERROR]", "").strip() for line in lines]
    return next((line for line in bare if line and not line.endswith(":")), "it said nothing")


class _Output:
    """Reads all that a process prints (a full pipe would stop it), and looks for the line that says where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.ready: Future[str | None] = Future()
        self._lines: list[str] = []
        self._process = process
        threading.Thread(target=self._read, name="pagesmoke-wrangler-output", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Whether it became ready or ended in time."""
        try:
            self.ready.result(timeout=timeout_s)
        except TimeoutError:
            return False
        return True

    def telling(self) -> tuple[str, ...]:
        """The lines that say what is wrong: from the first error on, else the last ones."""
        lines = [line for line in self._lines if line.strip()]
        first = next(
            (index for index, line in enumerate(lines) if _TELLING.search(line)), max(0, len(lines) - _SHOWN_LINES)
        )
        return tuple(lines[first : first + _SHOWN_LINES])

    def _read(self) -> None:
        assert self._process.stdout is not None  # it was opened as a pipe
        with self._process.stdout as stdout:
            for raw in stdout:
                line = _ANSI.sub("", raw).rstrip()
                if len(self._lines) < _MAX_LINES:
                    self._lines.append(line)
                if not self.ready.done() and (match := _READY.search(line)):
                    self.ready.set_result(match[1])
        if not self.ready.done():
            # The pipe is closed, so the process is ending; its exit status is wanted next.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_STOP_S)
            self.ready.set_result(None)


def _end_group(process: subprocess.Popen[str]) -> None:
    """SIGTERM to the whole group, so that wrangler tidies up; SIGKILL to what is left of it."""
    for ending, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _STOP_S)):
        with suppress(ProcessLookupError, PermissionError):  # all gone already (macOS says so with EPERM)
            os.killpg(process.pid, ending)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience_s)
