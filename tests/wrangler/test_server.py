"""The local server's life: one start for a run, a second when the first fails, and an end without trace, however it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kit import SITE
from project import Project
from pytest_pagesmoke.wrangler.tools import find_wrangler

SLOW = "export default { async fetch() { await scheduler.wait(60_000); return new Response('late') } }"


@pytest.mark.parametrize("args", [(), ("-n", "2")], ids=["plain", "xdist"])
@pytest.mark.parametrize("options", [(), ("-x",)], ids=["to-the-end", "first-failure"])
def test_nothing_runs_on_after_failures(project: Project, args: tuple[str, ...], options: tuple[str, ...]) -> None:
    project.write({"static/app.js": "1"})
    result = project.run("--pagesmoke=local", *args, *options)
    assert result.ret in (1, 2)  # xdist answers -x with 2: it interrupts the workers
    assert "page-status: expected 200, got 404" in result.stdout.str()
    assert project.left_running() == []


def test_one_server_for_all_workers(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    starts = project.path / "starts"
    _wrap_wrangler(project, f'echo started >> "{starts}"\nexec "$REAL" "$@"')
    result = project.run("--pagesmoke=local", "-n", "2")
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    assert starts.read_text() == "started\n"


def test_ctrl_c_ends_the_server(project: Project) -> None:
    project.write({"_worker.js": SLOW})
    # Where the tests themselves run in the background of a shell, the signal is ignored, and that is inherited.
    program = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(["--pagesmoke=local"]))
"""
    run = subprocess.Popen([sys.executable, "-c", program], cwd=project.path, stdout=subprocess.PIPE, text=True)
    _wait_for(lambda: any("workerd" in command for command in project.left_running()))
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=30)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output
    assert project.left_running() == []


def test_another_server_on_the_usual_port_is_not_asked(project: Project, built_site: dict[str, bytes]) -> None:
    """A server of another project on 8788 must neither be checked nor keep ours from starting."""
    project.write({**built_site})
    stranger = subprocess.Popen(
        [sys.executable, "-m", "http.server", "8788", "--bind", "127.0.0.1", "--directory", str(project.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        result = project.run("--pagesmoke=local")
        assert result.ret == 0
        assert "127.0.0.1:8788" not in result.stdout.str()
    finally:
        stranger.terminate()
        stranger.wait(timeout=10)


def test_a_start_that_fails_once_is_tried_again_and_said(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    _wrap_wrangler(
        project,
        'if mkdir "$PWD/second" 2>/dev/null; then echo \'ERROR Address already in use (socket "direct:1:default").\'; exit 1; fi\n'
        'exec "$REAL" "$@"',
    )
    result = project.run("--pagesmoke=local")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["warning *needed a second start*Address already in use*"])


def test_both_starts_failing_shows_the_words_of_both(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    _wrap_wrangler(
        project,
        'if mkdir "$PWD/second" 2>/dev/null; then echo "ERROR the first reason"; exit 1; fi; echo "ERROR the second reason"; exit 7',
    )
    result = project.run("--pagesmoke=local", "-k", "health")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "local-not-ready: *wrangler ended with exit status 7: ERROR the second reason",
            "*it said *ERROR the second reason",
            "*the start before that:",
            "*ERROR the first reason",
        ]
    )


def test_no_wrangler_is_a_set_up_error_with_the_command_that_installs_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "node_modules").unlink()
    monkeypatch.setenv("PATH", "/nowhere")
    result = project.run("--pagesmoke=local")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*npm install --save-dev wrangler*"])


def test_wrangler_is_looked_for_upwards_then_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "packages" / "site"
    below.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_wrangler(below) is None
    for place in ("bin", "node_modules/.bin"):
        file = tmp_path / place / "wrangler"
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
        assert find_wrangler(below) == file


def _wrap_wrangler(project: Project, script: str) -> None:
    """Put a script in wrangler's place; `$REAL` is the real one."""
    (project.path / "node_modules").unlink()
    wrapper = project.path / "node_modules" / ".bin" / "wrangler"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text(f'#!/bin/sh\nREAL="{SITE}/node_modules/.bin/wrangler"\n{script}\n')
    wrapper.chmod(0o755)


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not come about in 30 s"
        time.sleep(0.05)  # a poll: /proc tells nobody when a process appears


def test_the_header_says_what_is_to_be_served(project: Project) -> None:
    result = project.run("--pagesmoke=local", "--pagesmoke=./dist/", "--collect-only")
    result.stdout.fnmatch_lines(["pagesmoke: dist dist", "pagesmoke: local wrangler pages dev dist"])


def test_it_writes_nothing_to_where_deployments_are_recorded(
    project: Project, built_site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be the last run of wrangler there, which deployed nothing."""
    project.write({**built_site})
    monkeypatch.setenv("WRANGLER_OUTPUT_FILE_PATH", str(project.path / "out.ndjson"))
    assert project.run("--pagesmoke=local").ret == 0
    assert not (project.path / "out.ndjson").exists()
