"""In CI: the job's summary and the Markdown file, annotations, and what JUnit XML says beside outcomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kit import GOOD_SITE, OWN_TEST, RERUNS, Pytest, Reply, Respond, Serve, by_mapping

LOST = {"/static/app.js": Reply.script()}
NO_WORKER = "::error title=pagesmoke%3A no-worker (x)::"


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The summary of a job, to which an earlier command has written."""
    file = tmp_path / "step_summary"
    file.write_text("of an earlier command")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    return file


def fails_once(path: str) -> Respond:
    good, left = by_mapping(GOOD_SITE), [Reply(404)]
    return lambda asked: left.pop() if asked == path and left else good(asked)


# Markdown.


def test_the_summary_is_added_to_the_jobs(job: Path, serve: Serve, run_both: Pytest) -> None:
    site = serve(GOOD_SITE)
    assert run_both(f"--pagesmoke=x={site.url}", "--pagesmoke-report=report.md").ret == 0
    written = Path("report.md").read_text("utf-8")
    assert written.startswith("## ✅ pagesmoke: GOOD\n")
    assert f"| x | <{site.url}> | **GOOD** | healthy | 2/2 | 1/1 |" in written
    assert job.read_text("utf-8") == f"of an earlier command\n{written}"

    assert run_both(f"--pagesmoke=x={serve(LOST).url}").ret == 1
    assert job.read_text("utf-8").count("## ") == 2
    assert "\n## ❌ pagesmoke: BROKEN\n" in job.read_text("utf-8")


def test_the_ini_file_stops_it(pytester: pytest.Pytester, job: Path, serve: Serve, run_both: Pytest) -> None:
    """And not the file that was asked for."""
    pytester.makeini("[pytest]\npagesmoke_step_summary = false")
    assert run_both(f"--pagesmoke=x={serve(GOOD_SITE).url}", "--pagesmoke-report=r.md").ret == 0
    assert job.read_text() == "of an earlier command"
    assert Path("r.md").exists()


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan", "--help"])
def test_what_runs_nothing_adds_nothing(job: Path, serve: Serve, run: Pytest, option: str) -> None:
    run(f"--pagesmoke=x={serve(GOOD_SITE).url}", option, "--pagesmoke-report=r.md")
    assert job.read_text() == "of an earlier command"
    assert not Path("r.md").exists()


def test_an_inactive_run_adds_nothing(pytester: pytest.Pytester, job: Path, run: Pytest) -> None:
    pytester.makepyfile(OWN_TEST)
    run().assert_outcomes(passed=1)
    assert job.read_text() == "of an earlier command"


def test_a_summary_that_cannot_be_written_is_no_red(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, run_both: Pytest
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(Path("nowhere", "summary")))
    result = run_both(f"--pagesmoke=x={serve(GOOD_SITE).url}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["report    could not be written: GITHUB_STEP_SUMMARY=*: No such file or directory"])


def test_a_summary_that_would_be_waited_for(monkeypatch: pytest.MonkeyPatch, serve: Serve, run: Pytest) -> None:
    os.mkfifo("pipe")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "pipe")
    result = run(f"--pagesmoke=x={serve(GOOD_SITE).url}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["report    could not be written: GITHUB_STEP_SUMMARY=pipe: is no file"])


def test_an_ini_value_that_is_none_is_said_before_anything_is_asked(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makeini("[pytest]\npagesmoke_step_summary = maybe")
    site = serve(GOOD_SITE)
    result = run_both(f"--pagesmoke=x={site.url}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: pagesmoke_step_summary in the ini file: *'maybe'*; takes true or false"])
    assert site.asked == []


@pytest.mark.usefixtures("pytester")
def test_a_folder_whose_name_is_no_text(job: Path, serve: Serve) -> None:
    folder = Path(os.fsdecode(b"d\xff"))
    folder.mkdir()
    (folder / "pagesmoke.toml").write_text('pages = ["/"]')
    command = [sys.executable, "-m", "pytest", str(folder / "pagesmoke.toml"), f"--base-url={serve(GOOD_SITE).url}"]
    # Not by pytester, which reads the output as UTF-8: pytest itself shows the name as it is.
    done = subprocess.run([*command, "-p", "no:cacheprovider"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert rb"settings  d\udcff/pagesmoke.toml" in done.stdout
    assert r"settings  d\udcff/pagesmoke.toml" in job.read_text("utf-8")


def test_a_file_that_cannot_be_written_is_one(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """It was asked for."""
    pytester.makeconftest("import shutil\ndef pytest_sessionstart(): shutil.rmtree('reports')")
    Path("reports").mkdir()
    result = run(f"--pagesmoke=x={serve(GOOD_SITE).url}", "--pagesmoke-report=reports/r.md")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["report    could not be written: *r.md: No such file or directory"])


def test_reports_of_both_kinds(serve: Serve, run_both: Pytest) -> None:
    run_both(f"--pagesmoke=x={serve(LOST).url}", "--pagesmoke-report=r.JSON", "--pagesmoke-report=R.MD")
    assert Path("r.JSON").read_text().startswith("{")
    assert "**Cause:** no-worker: " in Path("R.MD").read_text("utf-8")


def test_an_interrupted_run_is_written_too(pytester: pytest.Pytester, job: Path, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        def pytest_runtest_setup(item):
            if "login" in item.name: raise KeyboardInterrupt
        """
    )
    assert run(f"--pagesmoke=x={serve(GOOD_SITE).url}").ret == pytest.ExitCode.INTERRUPTED
    assert "pagesmoke: INCOMPLETE" in job.read_text("utf-8")


# Annotations.


@pytest.mark.parametrize("options", [(), ("-q",), ("--no-summary",), ("-p", "no:terminal")])
def test_one_annotation_a_cause(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, run_both: Pytest, options: tuple[str, ...]
) -> None:
    """Behind everything else, each at the beginning of a line."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run_both(f"--pagesmoke=x={serve(LOST).url}", *options)
    assert result.ret == 1
    said = [line for line in result.outlines if "::error" in line]
    if "no:terminal" in options:
        assert not said
        return
    assert said == [result.outlines[-1]]
    assert said[0].startswith(f"{NO_WORKER}the worker is missing: ")
    assert "%0Anext: see whether the build output has its worker: " in said[0]


@pytest.mark.parametrize("value", ["", "false", "1"])
def test_no_annotation_elsewhere(monkeypatch: pytest.MonkeyPatch, serve: Serve, run: Pytest, value: str) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", value)
    assert "::error" not in run(f"--pagesmoke=x={serve(LOST).url}").stdout.str()


def test_no_annotation_of_what_is_good_or_did_not_run(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, run_both: Pytest
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error" not in run_both(f"--pagesmoke=x={serve(GOOD_SITE).url}").stdout.str()
    assert "::error" not in run_both(f"--pagesmoke=x={serve(LOST).url}", "--collect-only").stdout.str()


def test_checks_that_came_to_no_verdict_are_annotated(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, serve: Serve, run_both: Pytest
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.skip)
        """
    )
    result = run_both(f"--pagesmoke=x={serve(GOOD_SITE).url}")
    assert result.ret == 1
    assert result.outlines[-1].startswith("::error title=pagesmoke%3A incomplete (x)::")


# JUnit XML.


def properties(file: str = "junit.xml") -> dict[str, dict[str, str]]:
    """Of each test, by its name; of the suite by an empty one."""
    (suite,) = ET.parse(file).getroot()
    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    return {
        name: {one.attrib["name"]: one.attrib["value"] for one in element.findall("./properties/property")}
        for name, element in {"": suite, **cases}.items()
    }


def test_properties_of_each_test_and_causes_on_the_suite(serve: Serve, run_both: Pytest) -> None:
    run_both(f"--pagesmoke=x={serve(LOST).url}", f"--pagesmoke=y={serve(GOOD_SITE).url}", "--junitxml=junit.xml")
    found = properties()
    assert found[""] == {
        "cause": "no-worker: the worker is missing: without it every page and the API answer 404 with an empty body "
        "(x; explains 3 of 3 failures)"
    }
    assert found["test_page[x-/login]"] == {"target": "x", "rule": "page-status", "attempts": "1"}
    assert found["test_page[y-/login]"] == {"target": "y", "attempts": "1"}
    assert found["test_health[x-/api/health/status]"]["rule"] == "health-status"
    assert len(found) == 9


@pytest.mark.usefixtures("scaled")
def test_a_pass_after_retries_is_visible(serve: Serve, run_both: Pytest) -> None:
    """The case ci-flaky-pass-in-junit."""
    site = serve(fails_once("/login"))
    assert run_both(f"--pagesmoke=x={site.url}", "--pagesmoke-settle=60", "--junitxml=junit.xml").ret == 0
    late, first = (properties()[f"test_page[x-{path}]"] for path in ("/login", "/"))
    assert (late["attempts"], first["attempts"]) == ("2", "1")
    assert float(late["settled_after_s"]) >= float(first["settled_after_s"])  # in tenths, on a machine that may be busy
    assert "rule" not in late


def test_reruns_count(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(RERUNS)
    assert run(f"--pagesmoke=x={serve(fails_once('/login')).url}", "--junitxml=junit.xml").ret == 0
    assert properties()["test_page[x-/login]"] == {"target": "x", "attempts": "2"}


def test_reruns_count_in_each_worker_by_itself(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(RERUNS)
    site = serve({**GOOD_SITE, "/login": Reply(404)})
    run(f"--pagesmoke=x={site.url}", "-n", "2", "--dist=each", "--junitxml=junit.xml")
    assert properties()["test_page[x-/login]"]["attempts"] == "2"


def test_the_projects_own_tests(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Beside properties of their own. Those that have nothing to do with a target have none of ours."""
    pytester.makepyfile(
        """
        def test_of_a_target(pagesmoke_target, record_property): record_property("mine", 1)
        def test_other(record_property): record_property("mine", 2)
        """
    )
    run_both(f"--pagesmoke=x={serve(GOOD_SITE).url}", "--junitxml=junit.xml").assert_outcomes(passed=6)
    found = properties()
    assert found["test_of_a_target[x]"] == {"mine": "1", "target": "x", "attempts": "1"}
    assert found["test_other"] == {"mine": "2"}
    assert found[""] == {}


def test_a_check_that_came_to_no_verdict_has_none(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.skip)
        """
    )
    run(f"--pagesmoke=x={serve(GOOD_SITE).url}", "--junitxml=junit.xml")
    assert properties()["test_page[x-/]"] == {}


@pytest.mark.parametrize("options", [(), ("-o", "junit_family=xunit1"), ("-o", "junit_logging=all")])
def test_it_is_xml_whatever_a_server_sent(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, run_both: Pytest, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    hostile = "".join(map(chr, [*range(32), 0x7F, 0x85, 0x2028, 0x202E, 0xFFFE, 0xFFFF, 0x1F600])) + ']]><x a="&'
    site = serve(
        {
            "/": Reply.html(hostile, 500),
            "/login": Reply(302, b"\xff\xfe\x00", {"location": "/]]>?\x07=<!--"}),
            "/api/health/status": Reply.json('{"status": "' + "\\ud800]]>\\u0000" * 9000 + '"}'),
            "/static/app.js": Reply(200, "<!doctype html>]]>\0", {"content-type": "]]>\x1b[2J"}),
        }
    )
    result = run_both(f"--pagesmoke=x={site.url}", "--junitxml=junit.xml", "--pagesmoke-report=r.md", *options)
    result.assert_outcomes(failed=4)
    assert len(properties()) == 5
    for shown in (result.stdout.str(), Path("r.md").read_text("utf-8")):
        assert not set(shown) & set("\x00\x07\x1b\x7f\x85\u2028\u202e\ufffe\uffff")


# Whatever a server sent.

HOSTILE = {
    "escapes": "\x1b[2J\x1b]8;;https://evil.example\x07here\x1b]8;;\x07\x9b31m",
    "commands": "\n::error title=x::y\r\n  ::set-env name=A::b\n##[error]z\n##vso[task.complete]\n::stop-commands::x\n",
    "xml": "]]><x a='\"&--><![CDATA[",
    "markdown": "| a | b |\n```\n# head\n<h1>x</h1><!-- [l](javascript:x) `|` ![i](https://evil.example/i.png)",
    "direction": "\u202eevil\u2066\u200f\u061c\u2028\u2029\u0085",
    "long": "y" * 100_000 + "::error::z",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_of_it_is_obeyed(
    kind: str, monkeypatch: pytest.MonkeyPatch, job: Path, serve: Serve, run_both: Pytest
) -> None:
    """In the body, as what health says, in headers, as where a redirect leads; in the terminal, a CI log, and each report."""
    hostile = HOSTILE[kind]
    in_header = hostile.encode()[:4000].decode("latin-1").replace("\r", "").replace("\n", "")
    told = {"server": in_header, "cf-ray": in_header, "location": f"/a{in_header}"}
    Path("pagesmoke.toml").write_text(
        """
        pages = ["/", { path = "/wanted", contains = "not there" }, "/moved"]
        health = ["/health"]
        assets = ["/script.js"]
        answers = [{ path = "/json", json = { a = 1 }, headers = { server = "no" } }]
        redirects = [{ path = "/old", to = "/new" }]
        """
    )
    site = serve(
        {
            "/": Reply(500, hostile, {"content-type": "text/html", "server": in_header}),
            "/wanted": Reply.html(f"<title>{hostile}</title>"),
            "/moved": Reply(302, hostile, told),
            "/health": Reply.json(json.dumps({"status": hostile, hostile: False})),
            "/script.js": Reply(200, f"<!doctype html>{hostile}", {"content-type": in_header}),
            "/json": Reply.json(json.dumps({"a": hostile}), server=in_header),
            "/old": Reply(301, hostile, told),
        }
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run_both(f"--pagesmoke=x={site.url}", "-vv", "-rA", *REPORTS)
    result.assert_outcomes(failed=7)
    outputs = [result.stdout.str(), result.stderr.str(), *(Path(name).read_text("utf-8") for name in WRITTEN)]
    for shown in [*outputs, job.read_text("utf-8")]:
        assert not {char for char in shown if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}}
        commands = [line for line in shown.split("\n") if line.lstrip().startswith("::")]
        assert all(line.startswith("::error title=pagesmoke%3A ") for line in commands)
        assert "##[" not in shown
        assert "##vso[" not in shown
        assert max(map(len, shown.split("\n"))) < 20_000 or shown.startswith("{")  # a report has bodies to judge again
    assert len(properties()) == 8


def test_nor_in_tests_of_the_projects_own(
    monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    """What they print, log, warn of and compare; the lines stay lines, and colours colours."""
    site = serve(lambda _: Reply.html(f"first\n{''.join(HOSTILE.values())}"))
    pytester.makepyfile(
        test_own="""
        import logging, warnings
        def test_own(pagesmoke_client):
            text = pagesmoke_client.get("/").text
            print("in \\x1b[32mgreen\\x1b[0m", text)
            logging.getLogger().error("%s", text)
            warnings.warn(text)
            assert text == "first\\nx"
        """
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = run_both(
        "test_own.py", f"--pagesmoke=x={site.url}", "-vv", "--log-cli-level=DEBUG", "--junitxml=junit.xml"
    )
    result.assert_outcomes(failed=1, warnings=1)
    shown = result.stdout.str().replace("\x1b[32m", "").replace("\x1b[0m", "").replace("\t", "")
    assert "in \x1b[32mgreen\x1b[0m first\n" in result.stdout.str()
    assert "##[" not in shown
    assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2028", "\x85"}
    assert [line for line in shown.split("\n") if line.lstrip().startswith("::")] == [result.outlines[-1]]
    assert len(properties()) == 2


REPORTS = ("--junitxml=junit.xml", "--pagesmoke-report=report.md", "--pagesmoke-report=report.json")
WRITTEN = ("junit.xml", "report.md", "report.json")
