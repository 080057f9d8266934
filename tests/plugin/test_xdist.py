"""Under pytest-xdist: in each mode the site is asked as in a plain run, and no result is lost; with `--dist each` from every worker."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kit import GOOD_SITE, LIGHT, Pytest, Reply, Respond, Serve, by_mapping
from reports import outcomes, valid, without_what_varies

#: In each: two targets, one of them bad, a question that two checks need, tests of the project's own, one of them failing.
MODES = (
    "",
    "-n 2 --dist=load",
    "-n 2 --dist=worksteal",
    "-n 2 --dist=loadscope",
    "-n 2 --dist=loadfile",
    "-n 2 --dist=loadgroup",
    "-n 2 --dist=no",
    "-n 2 --maxprocesses=1",
    "-n 4",
    "--tx=2*popen --dist=load",
)
SETTINGS = 'pages = ["/", "/login"]\nhealth = ["/api/health/status"]\nassets = ["/static/app.js"]\n'
ASKED_FIRST = ("/", "/login", "/api/health/status", "/static/app.js")
OWN = """
import pytest
@pytest.mark.xdist_group("own")
def test_passes(pagesmoke_client): assert pagesmoke_client.get("/own").status_code == 200
def test_fails(pagesmoke_client): assert pagesmoke_client.get("/own").status_code == 500
"""
#: A conftest by which the first process that comes there ends, in the middle of a test.
CRASHES = """
import os, pytest
def end(item):
    if os.environ.get("PYTEST_XDIST_WORKER") and {test!r} in item.name:
        try: os.close(os.open("ended", os.O_CREAT | os.O_EXCL))
        except FileExistsError: return
        os._exit(3)
@pytest.hookimpl(wrapper=True)
def pytest_runtest_{phase}(item):
    "{when}" == "before" and end(item)
    try: return (yield)
    finally: "{when}" == "after" and end(item)
"""


@pytest.fixture
def together(tmp_path: Path) -> Any:
    """Run pytest several times at once, each in a folder of its own: `together({name: (files, arguments)})`, by name exit status and output."""

    def one(name: str, files: Mapping[str, str], args: list[str]) -> tuple[int, str]:
        folder = tmp_path / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
        command = [sys.executable, "-m", "pytest", "--rootdir=.", "--pagesmoke-report=report.json", *args]
        environ = {**os.environ, "PYTEST_ADDOPTS": LIGHT}
        done = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        return done.returncode, done.stdout

    def all_of(runs: Mapping[str, tuple[Mapping[str, str], list[str]]]) -> dict[str, tuple[int, str, Any]]:
        with ThreadPoolExecutor(4) as threads:
            done = {name: threads.submit(one, name, *run) for name, run in runs.items()}
        return {
            name: (*run.result(), valid((tmp_path / name / "report.json").read_text())) for name, run in done.items()
        }

    return all_of


def in_flight_at_once(replies: Mapping[str, Reply], everywhere: threading.Barrier) -> Respond:
    """Answers each question that is known from the beginning when all of these wait at once; one that is asked again never does."""

    def respond(path: str) -> Reply:
        if path in ASKED_FIRST:
            try:
                everywhere.wait(timeout=8)
            except threading.BrokenBarrierError:
                return Reply(503)
        return replies.get(path, replies["*"])

    return respond


def test_each_mode_asks_once_all_at_once_and_reports_the_same(serve: Serve, together: Any) -> None:
    sites, runs = {}, {}
    for mode in MODES:
        name = mode.replace(" ", "") or "plain"
        everywhere = threading.Barrier(2 * len(ASKED_FIRST))
        bad = {**GOOD_SITE, "/login": Reply.html("<h1>Gone", 410), "/own": Reply(200)}
        sites[name] = [serve(in_flight_at_once(replies, everywhere)) for replies in ({**bad, **GOOD_SITE}, bad)]
        targets = [f"--pagesmoke={key}={site.url}" for key, site in zip(("good", "bad"), sites[name], strict=True)]
        runs[name] = ({"pagesmoke.toml": SETTINGS, "test_own.py": OWN}, [*targets, *shlex.split(mode)])
    found = together(runs)
    reports = {}
    for name, (status, _, report) in found.items():
        text = json.dumps(without_what_varies(report))
        for site in sites[name]:
            text = text.replace(site.url, "SITE")
            of_own = [path for path in site.paths if path == "/own"]
            assert len(of_own) == 2, name
            assert max(Counter(path for path in site.paths if path != "/own").values()) == 1, name
        reports[name] = json.loads(text)
        assert status == 1, name
    assert reports["plain"]["verdict"] == "broken"
    assert [*outcomes(reports["plain"]).values()].count("failed") == 1 + 2  # of the bad one; the project's own
    assert len(outcomes(reports["plain"])) == 2 * (4 + 2)
    for name, report in reports.items():
        assert report == reports["plain"], name


def test_a_worker_that_ends_takes_no_result_with_it(serve: Serve, together: Any) -> None:
    """In a test of the project's own, and before, in and behind a check: what the site answers is known, and asked for once."""
    lost = {**GOOD_SITE, "/login": Reply(404)}
    cases = {
        "own": ("-n 2", GOOD_SITE, {"test": "own", "phase": "call", "when": "before"}),
        "before": ("-n 2", GOOD_SITE, {"test": "/login", "phase": "setup", "when": "before"}),
        "behind": ("-n 2", lost, {"test": "/login", "phase": "call", "when": "after"}),
        "given-out-again": ("-n 2 --dist=loadscope", GOOD_SITE, {"test": "/login", "phase": "call", "when": "after"}),
        "the-last": ("-n 1 --max-worker-restart=0", GOOD_SITE, {"test": "/login", "phase": "call", "when": "before"}),
    }
    sites = {name: serve(replies) for name, (_, replies, _) in cases.items()}
    runs = {
        name: (
            {"pagesmoke.toml": SETTINGS, "test_own.py": "def test_own(): pass", "conftest.py": CRASHES.format(**where)},
            [f"--pagesmoke=x={sites[name].url}", "pagesmoke.toml", *["test_own.py"] * (name == "own"), *mode.split()],
        )
        for name, (mode, _, where) in cases.items()
    }
    left = {"own": 0, "before": 1, "behind": 1, "given-out-again": 0, "the-last": 3}
    for name, (status, output, report) in together(runs).items():
        assert status == 1, name  # of the crash, where the site is good
        assert "crashed while running" in output, name
        assert report["verdict"] == ("broken" if name == "behind" else "good"), name
        (target,) = report["targets"]
        assert [check["outcome"] for check in target["checks"] if check["path"] != "/login"] == ["passed"] * 3, name
        assert all(check["observations"] for check in target["checks"]), name
        assert {*Counter(sites[name].paths).values()} == {1}, name
        told = re.findall(
            r"^workers +one ended before it could tell of (\d) checks?: judged without it", output, re.MULTILINE
        )
        assert told == [str(left[name])] * bool(left[name]), name
        line = "pagesmoke.toml::test_page[x-/login] - page-status: expected 200, got 404"
        assert (line in " ".join(output.split())) == (name == "behind"), name


# `--dist each`.


def first_fails(path: str, reply: Reply) -> Respond:
    """Who asks first for ``path`` gets ``reply``, and nobody else."""
    good, left = by_mapping(GOOD_SITE), [reply]
    return lambda asked: left.pop() if asked == path and left else good(asked)


EACH = ("--dist=each", "--tx=2*popen")


def entries(report: Any, test: str) -> list[Any]:
    """(`Any`: JSON's values.)"""
    return [check for check in report["targets"][0]["checks"] if check["test"] == test]


def test_every_worker_asks_and_each_result_names_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, serve: Serve, run: Pytest
) -> None:
    pytester.makeconftest(
        """
        import pathlib, sys
        def pytest_unconfigure(config):
            if "httpx" in sys.modules: pathlib.Path("asked-by-" + getattr(config, "workerinput", {"workerid": "controller"})["workerid"]).touch()
        """
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    site = serve(first_fails("/api/health/status", Reply(503)))
    written = [f"--pagesmoke-report=report.{kind}" for kind in ("json", "md")]
    result = run(f"--pagesmoke=x={site.url}", *EACH, *written, "--junitxml=junit.xml")
    assert result.ret == 1
    result.assert_outcomes(passed=7, failed=1)
    assert {*Counter(site.paths).values()} == {2}
    assert {file.name for file in pytester.path.glob("asked-by-*")} == {"asked-by-gw0", "asked-by-gw1"}
    report = valid(Path("report.json").read_text())
    checks = report["targets"][0]["checks"]
    assert Counter(check["id"] for check in checks) == dict.fromkeys({check["id"] for check in checks}, 2)
    assert [check["xdist_worker"] for check in checks] == ["gw0", "gw1"] * 4
    assert [check["seen_from"] for check in checks] == ["gw0", "gw1"] * 4
    (failed,) = [check for check in checks if check["outcome"] == "failed"]
    seen = [
        report["targets"][0]["observations"][check["observations"][0]]["status"]
        for check in entries(report, "test_health")
    ]
    assert sorted(seen) == [200, 503]  # each is judged by its own
    assert seen.index(503) == ["gw0", "gw1"].index(failed["xdist_worker"])

    where, health = failed["xdist_worker"], "test_health[x-/api/health/status]"
    line = f"{failed['id']} - health-status: expected 200, got 503 (in {where})"
    result.stdout.fnmatch_lines(
        [
            "x * BROKEN *503 *2/2 *1/1 *",  # a check a cell, and not a result
            f"workers   x: failed in {where} alone: test_health[[]x-/api/health/status[]]",
            f"verify    pytest pagesmoke.toml --pagesmoke=x={site.url} --dist=each '--tx=2[*]popen'",
        ]
    )
    assert f"\n{line}\n" in Path("report.md").read_text("utf-8")
    assert line in result.outlines[-1]
    assert result.outlines[-1].startswith("::error")
    named = [
        one.attrib["value"] for one in ET.parse("junit.xml").iter("property") if one.attrib["name"] == "xdist_worker"
    ]
    assert sorted(named) == ["gw0"] * 4 + ["gw1"] * 4

    # And judged again.
    again = run("--pagesmoke-replay=report.json")
    again.assert_outcomes(passed=3, failed=1)
    again.stdout.fnmatch_lines(
        [
            f"FAILED *{health.replace('[', '[[]')} - health-status: expected 200, got 503 (in {where})",
            "x * BROKEN *503 *2/2 *1/1 *",
        ]
    )


def test_where_all_workers_see_the_same_it_is_told_once(serve: Serve, run: Pytest) -> None:
    result = run(
        f"--pagesmoke=x={serve({}).url}",
        "-n",
        "2",
        "--dist=each",
        "--pagesmoke-report=report.md",
        "--pagesmoke-report=report.json",
    )
    result.assert_outcomes(failed=8)
    result.stdout.fnmatch_lines(
        ["x * BROKEN *404 *0/2 *0/1 *", "*(x; explains 8 of 8*", "verify *--dist=each --numprocesses=2"]
    )
    assert "workers " not in result.stdout.str().partition("= pagesmoke =")[2]
    failures = [
        line for line in Path("report.md").read_text("utf-8").splitlines() if line.startswith("pagesmoke.toml::")
    ]
    assert len(failures) == 4
    assert all(line.endswith("(in gw0, gw1)") for line in failures)
    (diagnosis,) = valid(Path("report.json").read_text())["diagnosis"]
    assert len(diagnosis["evidence"]) == 4


def test_what_a_worker_that_ended_saw_stays_and_who_replaces_it_looks_from_there(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makeconftest(CRASHES.format(test="health", phase="call", when="after"))
    result = run(f"--pagesmoke=x={serve(GOOD_SITE).url}", *EACH, "--pagesmoke-report=report.json")
    assert result.ret == 1
    report = valid(Path("report.json").read_text())
    checks = report["targets"][0]["checks"]
    assert report["verdict"] == "incomplete"
    assert [check["seen_from"] for check in checks] == ["gw0", "gw1"] * 4
    (lost,) = [check for check in checks if not check["observations"]]
    assert (lost["test"], lost["outcome"], lost["actual"]) == ("test_health", "not-run", "its process ended over it")
    assert {check["xdist_worker"] for check in entries(report, "test_asset")} == {"gw0", "gw1", "gw2"} - {
        lost["seen_from"]
    }
    assert {check["xdist_worker"] for check in entries(report, "test_page")} == {"gw0", "gw1"}

    again = run("--pagesmoke-replay=report.json")
    again.assert_outcomes(passed=3, skipped=1)  # of one place it is not known


def test_a_place_that_never_reports_is_no_green(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import os, pytest
        def pytest_collection_modifyitems(items):
            if os.environ.get("PYTEST_XDIST_WORKER") == "gw1": items[0].add_marker(pytest.mark.skip)
        """
    )
    result = run(f"--pagesmoke=x={serve(GOOD_SITE).url}", *EACH)
    assert result.ret == 1
    result.assert_outcomes(passed=7, skipped=1)
    result.stdout.fnmatch_lines(["x * INCOMPLETE *"])


def test_the_local_server_is_refused(pytester: pytest.Pytester, run: Pytest) -> None:
    wrangler = pytester.path / "node_modules" / ".bin" / "wrangler"
    wrangler.parent.mkdir(parents=True)
    wrangler.write_text("#!/bin/sh\ntouch started\n")
    wrangler.chmod(0o755)
    result = run("--pagesmoke=local", *EACH)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: pagesmoke: --dist=each: every worker would ask for itself, *: leave out --dist=each *--base-url=URL*"]
    )
    assert not Path("started").exists()
    assert run("--pagesmoke=local", "--collect-only", "--dist=each").ret == 0  # without workers there are none
