"""When the plugin is active, and that it does nothing where it is not."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from kit import GOOD_SITE, OWN_TEST, Pytest, Serve

DEAD = "http://127.0.0.1:1"
LIBRARIES = {*"asyncio attr click httpx httpcore json5 rapidfuzz rich selectolax truststore".split()}
#: What of this package every run imports.
EVERY_RUNS = {
    "pytest_pagesmoke",
    *(f"pytest_pagesmoke.{name}" for name in ("plugin", "plugin.base_url", "plugin.every_run", "plugin.fixtures")),
}


def test_inactive_it_costs_no_import(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makepyfile(
        f"""
        import sys
        def test_own():
            assert {LIBRARIES} & {{*sys.modules}} == set()
            assert {{name for name in sys.modules if name.startswith("pytest_pagesmoke")}} == {EVERY_RUNS}
        """
    )
    # No others, which bring libraries of their own: anyio asyncio, say.
    others = {each.name for each in entry_points(group="pytest11")} - {"pagesmoke"}
    result = run(*(part for name in others for part in ("-p", f"no:{name}")))
    result.assert_outcomes(passed=1)
    assert "pagesmoke ==" not in result.stdout.str()


def test_a_run_that_asks_does_without_what_it_has_no_use_for(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """httpx has a command line, whose libraries take as long to import as all the rest of it. And nothing here is to settle, to be
    compared, recorded or started, and no build output is looked at.
    """
    pytester.makefile(".toml", pagesmoke='pages = ["/"]')
    of_others = "settle settings.dist checks.same_as checks.dist recorded wrangler.server wrangler.output plugin.local plugin.built observe.folder"
    unwanted = {f"pytest_pagesmoke.{name}" for name in of_others.split()}
    pytester.makeconftest(
        f"""
        import sys
        def pytest_unconfigure():
            print("imported:", *sorted({LIBRARIES | unwanted} & {{*sys.modules}}))
        """
    )
    result = run(f"--base-url={serve(GOOD_SITE).url}")
    result.stdout.fnmatch_lines(["imported: asyncio httpcore httpx"])


@pytest.mark.parametrize("args", [["--assert=rewrite"], ["--assert=plain"], ["--pagesmoke-init"]])
def test_what_is_imported_is_loaded_as_it_was_written(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, args: list[str]
) -> None:
    """But for what every run imports: pytest takes the modules of an installed plugin for such as are to be rewritten."""
    pytester.makeconftest(
        f"""
        import atexit, pytest, sys
        pytest.register_assert_rewrite("pytest_pagesmoke")  # which pytest does itself where this package is not only linked, as here
        def tell():
            ours = [module for name, module in sys.modules.items() if name.startswith("pytest_pagesmoke")]
            loaders = {{type(module.__spec__.loader).__name__ for module in ours if module.__name__ not in {EVERY_RUNS}}}
            print("loaders:", *loaders)
        atexit.register(tell)
        """
    )
    result = run(f"--base-url={serve(GOOD_SITE).url}", *args)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["loaders: SourceFileLoader"])


@pytest.mark.parametrize(
    ("ini", "variable"),
    [(f"base_url = {DEAD}", ""), (f"addopts = --base-url={DEAD}", ""), ("", "PYTEST_BASE_URL"), ("", "PYTEST_ADDOPTS")],
)
def test_a_base_url_that_is_not_typed_does_not_activate(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, run: Pytest, ini: str, variable: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    if variable:
        monkeypatch.setenv(variable, f"--base-url={DEAD}" if variable == "PYTEST_ADDOPTS" else DEAD)
    result = run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "pagesmoke.toml" not in result.stdout.str()


def test_own_options_in_addopts_activate(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeini(f"[pytest]\naddopts = --pagesmoke={serve(GOOD_SITE).url}")
    pytester.makepyfile(OWN_TEST)
    run().assert_outcomes(passed=5)


def test_a_typed_base_url_adds_the_checks_where_nothing_else_is_collected(serve: Serve, run_both: Pytest) -> None:
    result = run_both(f"--base-url={serve(GOOD_SITE).url}")
    assert result.ret == 0
    result.assert_outcomes(passed=4)
    assert "4 items" in result.stdout.str()


def test_a_typed_base_url_leaves_a_projects_own_run_alone_but_for_one_line(
    pytester: pytest.Pytester, run_both: Pytest
) -> None:
    pytester.makepyfile(OWN_TEST)
    result = run_both("--base-url", DEAD)
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    notes = [line for line in result.outlines if line.startswith("pagesmoke")]
    command = f"pytest pagesmoke.toml --base-url={DEAD}"
    assert notes == [f"pagesmoke: --base-url reached your own tests only; the built-in checks as well: {command}"]


def test_an_own_option_adds_the_checks_to_the_projects_tests(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makepyfile(OWN_TEST)
    run_both(f"--pagesmoke={serve(GOOD_SITE).url}").assert_outcomes(passed=5)


@pytest.mark.parametrize("option", ["--base-url", "--pagesmoke"])
def test_with_other_paths_only_those_are_run(pytester: pytest.Pytester, run: Pytest, option: str) -> None:
    pytester.makepyfile(test_own=OWN_TEST)
    run("test_own.py", f"{option}={DEAD}").assert_outcomes(passed=1)


def test_testpaths_are_a_run_without_paths(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeini("[pytest]\ntestpaths = sub")
    (pytester.mkdir("sub") / "test_own.py").write_text(OWN_TEST)
    run(f"--pagesmoke={serve(GOOD_SITE).url}").assert_outcomes(passed=5)


def test_the_settings_file_named_runs_the_checks_alone(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makepyfile(OWN_TEST)
    run_both("pagesmoke.toml", f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


def test_the_settings_file_beside_other_paths(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(test_own=OWN_TEST)
    run_both("test_own.py", "pagesmoke.toml", f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=5)


def test_base_url_is_one_more_target(serve: Serve, run: Pytest) -> None:
    one, other = serve(GOOD_SITE), serve(GOOD_SITE)
    result = run(f"--pagesmoke=one={one.url}", f"--base-url={other.url}")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines([f"one * {one.url} *GOOD*", f"local * {other.url} *GOOD*"])


@pytest.mark.parametrize("args", [("-p", "no:base_url"), ("-p", "base_url"), ()])
def test_base_url_with_and_without_pytest_base_url(serve: Serve, run_both: Pytest, args: tuple[str, ...]) -> None:
    run_both(*args, f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


def test_without_autoload_it_is_loaded_by_its_name(serve: Serve, monkeypatch: pytest.MonkeyPatch, run: Pytest) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    run("-p", "pagesmoke", f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["pagesmoke.toml"], "*nothing to check: add --base-url=URL or --pagesmoke=WHAT*"),
        (["--base-url="], "*--base-url is empty*"),
        (["--pagesmoke="], "*--pagesmoke=: is neither an address nor a known name*"),
        (["--pagesmoke=www.example.com"], "*did you mean https://www.example.com?*"),
        (["--base-url=preview.example.com (custom domain)"], "*is no address*"),
        (["--pagesmoke=./a/", "--pagesmoke=./b/"], "*one build output a run, not 2*"),
        (["pagesmoke.toml::test_pages", f"--base-url={DEAD}"], "*test_pages: no such test*"),
    ],
)
def test_a_wrong_set_up_is_a_usage_error(run: Pytest, args: list[str], said: str) -> None:
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_all_mistakes_are_said_at_once(run: Pytest) -> None:
    result = run("--pagesmoke=nowhere", "--pagesmoke=ftp://example.com", "--base-url=example.com")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--pagesmoke=nowhere:*", "*--pagesmoke=ftp://example.com:*", "*--base-url=example.com:*"]
    )


def test_a_secret_in_an_address_is_shown_nowhere(serve: Serve, run: Pytest) -> None:
    site = serve({})
    address = site.url.replace("http://", "http://user:hunter2-secret@")
    result = run("-p", "no:base_url", f"--pagesmoke=x={address}", "-vv", "--setup-show", "--showlocals")
    assert result.ret == 1
    assert "hunter2" not in result.stdout.str() + result.stderr.str()
    assert site.asked[0][2]["authorization"] == "Basic dXNlcjpodW50ZXIyLXNlY3JldA=="
    result.stdout.fnmatch_lines(['*repeat *-H "Authorization: $AUTHORIZATION"*'])


def test_nor_in_the_line_that_names_the_command(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makepyfile(OWN_TEST)
    result = run("-p", "no:base_url", "--base-url=http://user:hunter2-secret@127.0.0.1:1")
    result.stdout.fnmatch_lines(["pagesmoke: *--base-url=http://127.0.0.1:1"])
    assert "hunter2" not in result.stdout.str()


@pytest.mark.parametrize("own_tests", [False, True])
def test_what_stands_in_a_file_of_arguments_is_typed(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest, own_tests: bool
) -> None:
    (pytester.path / "args").write_text(f"-q\n--base-url={serve(GOOD_SITE).url}\n")
    if own_tests:
        pytester.makepyfile("def test_own(): pass")
    run_both("pagesmoke.toml", "@args").assert_outcomes(passed=4)
    said = run_both("@args")
    said.assert_outcomes(passed=1 if own_tests else 4)
    assert ("reached your own tests only" in said.stdout.str()) is own_tests
