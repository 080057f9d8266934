"""A project folder with the real wrangler, and a way to see that none of its processes stays."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

import pytest

from kit import LIGHT, SITE


class Project:
    """A project folder with the real wrangler, and what its runs leave running."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._mark = f"PAGESMOKE_TEST={uuid.uuid4()}"
        self.path = pytester.path
        monkeypatch.setenv(*self._mark.split("="))
        monkeypatch.setenv("PYTEST_ADDOPTS", LIGHT)
        monkeypatch.setenv("COLUMNS", "200")  # pytest cuts the lines of its summary to the terminal
        # node stands beside the Python that runs the tests; wrangler in the example site's packages.
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        (self.path / "node_modules").symlink_to(SITE / "node_modules")

    def write(self, files: dict[str, str | bytes]) -> None:
        """Write the build output; paths are below dist/."""
        for name, content in files.items():
            path = self.path / "dist" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(self, *args: str, python: Path | None = None) -> pytest.RunResult:
        """A run of its own process, by another Python than this one if given. 60 s are ten times what a run with one start takes."""
        if python is not None:
            return self._pytester.run(python, "-m", "pytest", *args, timeout=60)
        return self._pytester.runpytest_subprocess(*args, timeout=60)

    def left_running(self) -> list[str]:
        """The command lines of the living processes that a run of this project has started, whoever their parent is now."""
        mine = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                    mine.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:  # gone meanwhile, or not ours to read
                continue
        return [command for command in mine if command]  # a zombie has no command line: it is dead, only not reaped
