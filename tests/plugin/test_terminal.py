"""What a terminal shows, as wide as it is, with colours or without, loud or quiet; beside a plugin that shows it otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from environments import Environment
from kit import GOOD_SITE, OWN_TEST, Pytest, Reply, Serve

LOST = {"/static/app.js": Reply.script()}
#: As many columns as a table can well have.
SETTINGS = """
pages = ["/", "/login"]
health = ["/api/health/status"]
assets = ["/static/app.js"]
linked = ["/"]
answers = [{ path = "/robots.txt", status = 404 }]
redirects = [{ path = "/old", to = "/new" }]
not_found = ["/no-such-page"]
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, run: Pytest) -> Pytest:
    """The same, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return run


def summary_of(result: pytest.RunResult) -> list[str]:
    """Its lines, from its title on."""
    begins = next(index for index, line in enumerate(result.outlines) if line.strip("=") == " pagesmoke ")
    return result.outlines[begins + 1 :]


def test_in_80_columns(serve: Serve, terminal: Pytest) -> None:
    """But for commands, which stay whole to be copied."""
    Path("pagesmoke.toml").write_text(SETTINGS)
    site = serve(LOST)
    result = terminal(f"--pagesmoke=5be8c75c={site.url}", f"--pagesmoke=production={serve(GOOD_SITE).url}", "--tb=no")
    shown = summary_of(result)
    assert [line for line in shown if len(line) > 80 and "pytest " not in line] == []
    assert shown[0].split() == ["target", "verdict", "time", "address"]
    assert shown[1].endswith(f" {site.url}")
    assert shown[2:4] == [
        "  health 404, pages 0/2, assets 1/1, linked 0/1, answers 1/1, redirects 0/1,",
        "  not found 1/1",
    ]


def test_on_a_wide_terminal(serve: Serve, run: Pytest) -> None:
    Path("pagesmoke.toml").write_text(SETTINGS)
    result = run(f"--pagesmoke=x={serve(LOST).url}")
    assert summary_of(result)[0].split()[:3] == ["target", "address", "verdict"]
    assert len([line for line in summary_of(result) if line.startswith("  ")]) == 1  # the end of the cause


@pytest.mark.parametrize("options", [("--color=no",), (), ("-q",), ("-qq",), ("-v",)])
def test_without_colour_where_there_is_none(serve: Serve, terminal: Pytest, options: tuple[str, ...]) -> None:
    result = terminal(f"--pagesmoke=x={serve(LOST).url}", *options)
    assert "\x1b" not in result.stdout.str() + result.stderr.str()
    assert any(line.startswith("x  ") for line in summary_of(result))


def test_in_colour(serve: Serve, terminal: Pytest) -> None:
    result = terminal(f"--pagesmoke=x={serve(LOST).url}", f"--pagesmoke=y={serve(GOOD_SITE).url}", "--color=yes")
    shown = {line.removeprefix("\x1b[31m").removeprefix("\x1b[32m")[:1]: line for line in result.outlines}
    assert shown["x"].startswith("\x1b[31mx ")
    assert shown["y"].startswith("\x1b[32my ")
    assert any(line.startswith("\x1b[31mcause     no-worker") for line in result.outlines)
    assert any(line.startswith("verify    ") for line in result.outlines)


def test_colour_can_be_switched_off_for_all(monkeypatch: pytest.MonkeyPatch, serve: Serve, terminal: Pytest) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in terminal(f"--pagesmoke=x={serve(LOST).url}").stdout.str()


def test_characters_that_a_terminal_has_not(monkeypatch: pytest.MonkeyPatch, serve: Serve, terminal: Pytest) -> None:
    """They are escaped: no error of ours, or of Python's, takes the verdict's place."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    Path("pagesmoke.toml").write_text('pages = [{ path = "/", contains = "Grüße ☃" }]')
    result = terminal(f"--pagesmoke=x={serve({'/': Reply.html('<p>Häuser ☃')}).url}")
    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert any("x " in line and "BROKEN" in line for line in summary_of(result))


@pytest.mark.parametrize("option", ["-q", "-qq", "--no-header", "--no-summary"])
def test_the_verdict_stands_in_every_run(serve: Serve, terminal: Pytest, option: str) -> None:
    """Whatever pytest leaves out of its own. (`--no-summary` is about pytest's; since 9.1 those of plugins stay.)"""
    result = terminal(f"--pagesmoke=x={serve(LOST).url}", option)
    assert result.ret == 1
    assert summary_of(result)[1].split()[2] == "BROKEN"


def test_the_oldest_pytest_shows_no_summary_where_none_is_wanted(
    environment: Environment, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """And comes to its verdict all the same."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    python = environment("oldest")
    option = f"--pagesmoke=x={serve(LOST).url}"
    result = pytester.run(python, "-m", "pytest", option, "--no-summary", "--pagesmoke-report=r.md", timeout=60)
    assert result.ret == 1
    assert result.outlines[-1].startswith("::error title=pagesmoke%3A no-worker (x)::")
    assert "**Cause:** no-worker" in Path("r.md").read_text("utf-8")


def test_beside_pytest_sugar(
    environment: Environment, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    python, site = environment("pytest-sugar"), serve(LOST)
    for options in ((), ("-n", "2")):
        result = pytester.run(
            python, "-m", "pytest", "--force-sugar", f"--pagesmoke=x={site.url}", *options, timeout=60
        )
        assert result.ret == 1
        assert "pytest-sugar 1." in result.outlines[0]
        shown = "\n".join(summary_of(result))
        assert "x       http://127.0.0.1:" in shown
        assert "\ncause     no-worker: " in shown
        assert "\nverify    pytest pagesmoke.toml --pagesmoke=x=" in shown
        result.stdout.fnmatch_lines_random(["*page-status: expected 200, got 404*"])


# The header.


def header(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("pagesmoke: ")]


def test_the_header_names_targets_and_settings(serve: Serve, run_both: Pytest) -> None:
    site = serve(GOOD_SITE)
    assert header(run_both("pagesmoke.toml", f"--base-url={site.url}"))[1:] == [f"pagesmoke: local {site.url}"]
    result = run_both(f"--pagesmoke=x={site.url}", f"--base-url={site.url}")
    assert header(result) == [
        "pagesmoke: no settings file, so the built-in checklist",
        f"pagesmoke: x {site.url}",
        f"pagesmoke: local {site.url}",
    ]
    Path("pagesmoke.toml").write_text(f'pages = ["/"]\n[targets.live]\nurl = "{site.url}"')
    assert header(run_both("--pagesmoke=live", "-q")) == []
    assert header(run_both("--pagesmoke=live")) == ["pagesmoke: settings pagesmoke.toml", f"pagesmoke: live {site.url}"]


def test_the_header_before_anything_is_asked(run: Pytest) -> None:
    Path("pagesmoke.toml").write_text('pages = ["/"]\nbuild = { path = "/v", json = "commit" }')
    result = run(
        "--collect-only",
        "--pagesmoke=dist",
        "--pagesmoke-build=5be8c75c",
        "--pagesmoke=y=https://a:secret@www.example.com",
    )
    assert header(result) == [
        "pagesmoke: settings pagesmoke.toml",
        "pagesmoke: dist dist",
        "pagesmoke: y https://www.example.com (build 5be8c75c)",
    ]


def test_the_header_of_a_replay(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    run(f"--pagesmoke=x={site.url}", "--pagesmoke-report=r.json")
    assert header(run("--pagesmoke-replay=r.json"))[1:] == ["pagesmoke: report r.json", f"pagesmoke: x {site.url}"]


def test_no_header_in_a_run_that_may_be_none_of_ours(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(OWN_TEST)
    assert header(run()) == []
    assert header(run(f"--base-url={serve(GOOD_SITE).url}"))[:-1] == []  # the last line says that the checks stayed out


def test_the_header_where_nothing_else_was_collected(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    result = run(f"--base-url={site.url}")
    assert header(result) == ["pagesmoke: no settings file, so the built-in checklist", f"pagesmoke: local {site.url}"]
    assert result.outlines.index("collected 4 items") < result.outlines.index(header(result)[0])
