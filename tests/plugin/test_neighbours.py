"""A project's own conftest and plugins, and the built-in checks beside them."""

from __future__ import annotations

import re

import pytest

from kit import GOOD_SITE, Pytest, Serve


def test_autouse_fixtures_and_usefixtures_do_not_reach_the_checks(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makeini("[pytest]\nusefixtures = of_the_ini")
    pytester.makeconftest(
        """
        import pytest
        @pytest.fixture(autouse=True)
        def database():
            raise RuntimeError("made for the project's own tests")
        @pytest.fixture
        def of_the_ini():
            raise RuntimeError("likewise")
        """
    )
    run_both(f"--pagesmoke={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


def test_hooks_of_the_conftest_reach_the_checks(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Also below a settings file that does not exist, for which pytest itself would leave them out."""
    pytester.makeconftest(
        """
        import pathlib
        def _note(what, item):
            with pathlib.Path("hooks.txt").open("a") as file:
                print(what, item.nodeid, file=file)
        def pytest_itemcollected(item): _note("collected", item)
        def pytest_runtest_setup(item): _note("setup", item)
        """
    )
    run_both("pagesmoke.toml::test_health", f"--pagesmoke=production={serve(GOOD_SITE).url}")
    noted = set((pytester.path / "hooks.txt").read_text().splitlines())
    check = "pagesmoke.toml::test_health[production-/api/health/status]"
    assert {f"collected {check}", f"setup {check}"} <= noted


def test_marks_of_a_project_are_honoured(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                if "health" in item.name:
                    item.add_marker(pytest.mark.xfail(reason="known"))
        """
    )
    result = run(f"--base-url={serve({**GOOD_SITE, '/api/health/status': GOOD_SITE['/']}).url}")
    result.assert_outcomes(passed=3, xfailed=1)


def test_a_projects_function_names_do_not_matter(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeini("[pytest]\npython_functions = check_*\npython_files = check_*.py")
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


def test_strict_runs_and_warnings_as_errors(serve: Serve, run_both: Pytest) -> None:
    run_both(
        "-W", "error", "--strict-markers", "--strict-config", f"--base-url={serve(GOOD_SITE).url}"
    ).assert_outcomes(passed=4)


def test_an_event_loop_in_the_main_thread_is_no_hindrance(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """As playwright's sync API leaves one running."""
    pytester.makeconftest(
        """
        import asyncio, pytest
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            loop = asyncio.new_event_loop()
            asyncio._set_running_loop(loop)
            try:
                return (yield)
            finally:
                asyncio._set_running_loop(None)
                loop.close()
        """
    )
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


@pytest.mark.parametrize("listing", ["--markers", "--fixtures", "--help"])
def test_what_is_listed_is_ours_and_public(run: Pytest, listing: str) -> None:
    output = run(listing).stdout.str()
    assert not re.search(r"(?<!pytest)_pagesmoke", output)
    if listing == "--markers":
        assert (
            "@pytest.mark.pagesmoke(only_on=None, not_on=None, writes=False): a test of a Cloudflare Pages deployment"
            in output
        )
    if listing == "--help":
        assert "--pagesmoke=WHAT" in output


def test_a_projects_required_options_are_none_of_our_business(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--env', required=True)")
    pytester.makepyfile("def test_own(): pass")
    run("--env=a").assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--base-url=https://www.example.com", "--base-url=", ""])
def test_a_projects_own_option_of_that_name_is_its_own(pytester: pytest.Pytester, run: Pytest, option: str) -> None:
    """Kept under another name, and without the ini key."""
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--base-url', dest='site', default='')")
    pytester.makepyfile(
        test_own=f"""
        import pytest
        def test_own(pytestconfig): assert pytestconfig.getoption("site") == {option.partition("=")[2]!r}
        @pytest.mark.pagesmoke(writes=True)
        def test_writes(): pass
        """
    )
    where = ["-o", f"addopts={option}"] if option else []
    result = run("-p", "no:base_url", *where)
    assert result.ret == 0
    result.assert_outcomes(passed=1, **{"deselected" if "example" in option else "skipped": 1})


def test_a_projects_own_option_is_what_is_typed(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--base-url', dest='site')")
    run("-p", "no:base_url", f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)


def test_a_projects_own_ini_key_keeps_its_default(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makeconftest(
        "def pytest_addoption(parser): parser.addini('base_url', 'ours', default='https://a.example')"
    )
    pytester.makepyfile("def test_own(base_url): assert base_url == 'https://a.example'")
    run("-p", "no:base_url").assert_outcomes(passed=1)
