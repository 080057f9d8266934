"""`--pagesmoke-build`: which runs ask the site which build it is, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import GOOD_SITE, OWN_TEST, Pytest, Reply, Serve

COMMIT = "5be8c75c0ffee0d15ea5e1234567890abcdef012"
OTHER = "0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a"
BUILD = 'build = { path = "/version.json", json = "commit" }'
LINE = '*build = { path = "/version.json", json = "commit" }*'
DEAD = "--base-url=http://127.0.0.1:1"
SITE = {**GOOD_SITE, "/version.json": Reply.json(f'{{"commit":"{COMMIT}"}}')}


def settings(folder: Path, text: str) -> None:
    (folder / "pagesmoke.toml").write_text(text)


@pytest.mark.parametrize("commit", [COMMIT, COMMIT[:7].upper(), f" {COMMIT}\n"])
def test_the_wanted_build(pytester: pytest.Pytester, serve: Serve, run: Pytest, commit: str) -> None:
    settings(pytester.path, BUILD)
    site = serve(SITE)
    result = run(f"--base-url={site.url}", f"--pagesmoke-build={commit}", "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["pagesmoke.toml::test_build[[]local-/version.json] PASSED*", "local *GOOD *1/1 *"])
    assert site.paths == ["/version.json"]


def test_another_build(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    settings(pytester.path, f'{BUILD}\npages = ["/"]')
    option = f"--pagesmoke=x={serve(SITE).url}"
    result = run_both(option, f"--pagesmoke-build={OTHER}", "--junitxml=report.xml")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            f'FAILED pagesmoke.toml::test_build[[]x-/version.json] - build-differs: expected build {OTHER}, got commit: "{COMMIT}"',
            "target * verdict  build  pages  time",
            "x * BROKEN   0/1    1/1 *",
            "cause     wrong-build: *",
            "next      build again, and start the server anew: *",
            f"verify    pytest pagesmoke.toml {option} --pagesmoke-build={OTHER}",
        ]
    )
    assert "build-differs" in (pytester.path / "report.xml").read_text()
    # The command that the summary names asks the same again, and so does --lf.
    run_both("pagesmoke.toml", option, f"--pagesmoke-build={OTHER}", "--lf").assert_outcomes(failed=1)


def test_a_build_that_names_a_variable(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Needed where the site is asked, and not before."""
    settings(pytester.path, 'pages = ["/"]\nbuild = { path = "/version.json", json = "${NOT_SET}" }')
    url = serve(SITE).url
    run(f"--base-url={url}").assert_outcomes(passed=1)
    result = run(f"--base-url={url}", f"--pagesmoke-build={COMMIT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pagesmoke.toml: build.json = *NOT_SET is not set, or empty"])
    settings(
        pytester.path, f'pages = ["/"]\n[targets.x]\nurl = "{url}"\nbuild = {{ path = "/v", json = "${{NOT_SET}}" }}'
    )
    run("--pagesmoke=x").assert_outcomes(passed=1)


def test_without_a_commit_it_is_not_asked(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    settings(pytester.path, f'pages = ["/"]\n{BUILD}')
    site = serve(SITE)
    run_both(f"--base-url={site.url}").assert_outcomes(passed=1)
    assert "/version.json" not in site.paths


@pytest.mark.parametrize("args", [["pagesmoke.toml"], []])
def test_settings_of_nothing_else_say_what_is_missing(pytester: pytest.Pytester, run: Pytest, args: list[str]) -> None:
    """Never exit status 0 for a run that checks nothing."""
    settings(pytester.path, BUILD)
    result = run(*args, DEAD)
    assert result.ret == (pytest.ExitCode.USAGE_ERROR if args else pytest.ExitCode.NO_TESTS_COLLECTED)
    said = "*pagesmoke.toml names nothing to check on local but build, which is asked for with --pagesmoke-build=COMMIT"
    (result.stderr if args else result.stdout).fnmatch_lines([said])


@pytest.mark.parametrize("test", ["test_build", "test_build[local-/version.json]"])
def test_chosen_by_its_id_it_needs_the_commit(pytester: pytest.Pytester, serve: Serve, run: Pytest, test: str) -> None:
    settings(pytester.path, f'{BUILD}\npages = ["/"]')
    option = f"--base-url={serve(SITE).url}"
    run(f"pagesmoke.toml::{test}", option, f"--pagesmoke-build={COMMIT}").assert_outcomes(passed=1)
    result = run(f"pagesmoke.toml::{test}", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*: no such test in this run without --pagesmoke-build=COMMIT, which has:"])
    result = run("pagesmoke.toml::test_health", option)
    result.stderr.fnmatch_lines(["*: no such test in this run, which has:"])
    result = run("pagesmoke.toml::test_build[nowhere]", option, f"--pagesmoke-build={COMMIT}")
    result.stderr.fnmatch_lines(["*: no such test in this run, which has:"])


# Wrong set-ups: nothing is asked of any site.


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            [f"--pagesmoke-build={COMMIT}"],
            "*--pagesmoke-build is about a site, and none is named: add --base-url=URL or --pagesmoke=WHAT*",
        ),
        ([f"--pagesmoke-build={COMMIT}", "pagesmoke.toml"], "*names checks, and nothing to check: add --base-url=URL*"),
        (
            [f"--pagesmoke-build={COMMIT}", "--pagesmoke=dist"],
            "*--pagesmoke-build=* is asked of a site: add --base-url=URL*",
        ),
        (
            [f"--pagesmoke-build={COMMIT}", "--pagesmoke=./dist/"],
            "*--pagesmoke-build=* is asked of a site: add --base-url=URL*",
        ),
        (["--pagesmoke-build=", DEAD], "*--pagesmoke-build is empty: an unset variable?*"),
        (["--pagesmoke-build= \n", DEAD], "*--pagesmoke-build is empty: an unset variable?*"),
        (["--pagesmoke-build="], "*--pagesmoke-build is empty: an unset variable?*"),
        (["--pagesmoke-build=abc 1234", DEAD], "*--pagesmoke-build='abc 1234': takes a commit's hash*"),
        (["--pagesmoke-build=abc\n1234", DEAD], r"*--pagesmoke-build='abc\n1234': takes a commit's hash*"),
        (["--pagesmoke-build=abc\x1b[31m", DEAD], r"*--pagesmoke-build='abc\x1b*31m': takes a commit's hash*"),
    ],
)
def test_a_wrong_set_up(pytester: pytest.Pytester, run: Pytest, args: list[str], said: str) -> None:
    settings(pytester.path, BUILD)
    pytester.makepyfile(OWN_TEST)
    result = run(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_without_settings_it_says_what_to_add(serve: Serve, run_both: Pytest) -> None:
    site = serve(SITE)
    result = run_both(f"--base-url={site.url}", f"--pagesmoke-build={COMMIT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*--pagesmoke-build={COMMIT} needs a pagesmoke.toml*--pagesmoke-init writes one{LINE}"]
    )
    assert site.asked == []


def test_settings_without_build_say_what_to_add(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    settings(pytester.path, 'pages = ["/"]')
    site = serve(SITE)
    result = run(f"--base-url={site.url}", f"--pagesmoke-build={COMMIT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*pagesmoke.toml: no build for local, which --pagesmoke-build={COMMIT} needs; add at its top*{LINE}"]
    )
    assert site.asked == []


def test_in_pyproject_the_line_stands_below_its_table(pytester: pytest.Pytester, run: Pytest) -> None:
    (pytester.path / "pyproject.toml").write_text('[tool.pagesmoke]\npages = ["/"]')
    result = run(DEAD, f"--pagesmoke-build={COMMIT}")
    result.stderr.fnmatch_lines([f"*pyproject.toml: no build for local, *add below [[]tool.pagesmoke]{LINE}"])


def test_the_targets_without_a_build_are_named(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    one, other = serve(SITE), serve({**GOOD_SITE, "/version": Reply(200, OTHER)})
    targets = f"""
        pages = ["/"]
        [targets.one]
        url = "{one.url}"
        {BUILD}
        [targets.other]
        url = "{other.url}"
        """
    settings(pytester.path, targets)
    option = f"--pagesmoke-build={COMMIT}"
    result = run("--pagesmoke=one", "--pagesmoke=other", DEAD, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pagesmoke.toml: no build for other, local, which *"])
    assert one.asked == other.asked == []
    run("--pagesmoke=one", option).assert_outcomes(passed=2)
    # Each is asked where its own settings say.
    settings(pytester.path, targets + 'build = { path = "/version", contains = true }')
    run("--pagesmoke=one", "--pagesmoke=other", option).assert_outcomes(passed=3, failed=1)
    assert "/version" not in one.paths
    assert "/version.json" not in other.paths


def test_a_build_with_a_mistake_is_not_missing_as_well(pytester: pytest.Pytester, run: Pytest) -> None:
    settings(pytester.path, 'build = { path = "/version.json" }')
    result = run(DEAD, f"--pagesmoke-build={COMMIT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pagesmoke.toml: build: takes one of json, contains and header"])
    assert "no build for" not in result.stderr.str()


def test_a_target_that_does_not_exist_is_the_only_mistake(pytester: pytest.Pytester, run: Pytest) -> None:
    settings(pytester.path, BUILD)
    result = run("--pagesmoke=nowhere", f"--pagesmoke-build={COMMIT}")
    result.stderr.fnmatch_lines(["*--pagesmoke=nowhere: is neither*"])
    assert "is asked of a site" not in result.stderr.str()


# Where the option stands.


def test_in_addopts_it_counts(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    settings(pytester.path, BUILD)
    pytester.makeini(f"[pytest]\naddopts = --pagesmoke-build={COMMIT}")
    run(f"--base-url={serve(SITE).url}").assert_outcomes(passed=1)
    assert run().ret == pytest.ExitCode.NO_TESTS_COLLECTED  # it stands there for the runs that have a site
    run(f"--base-url={serve(SITE).url}", f"--pagesmoke-build={OTHER}").assert_outcomes(failed=1)  # the last counts


def test_a_base_url_that_is_not_typed_names_no_site(
    pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch, run: Pytest
) -> None:
    settings(pytester.path, BUILD)
    site = serve(SITE)
    monkeypatch.setenv("PYTEST_BASE_URL", site.url)
    result = run(f"--pagesmoke-build={COMMIT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is about a site, and none is named*"])
    assert site.asked == []


def test_a_commit_that_is_a_secret_is_shown_nowhere(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared with answers in which it is struck out, too."""
    monkeypatch.setenv("BUILD", COMMIT)
    good, bad = serve(SITE), serve({"/version.json": Reply.json(f'{{"commit":"{OTHER}"}}')})
    for site in (good, bad):
        settings(
            pytester.path,
            f'{BUILD}\n[targets.x]\nurl = "{site.url}"\nheaders = {{ Authorization = "Bearer ${{BUILD}}" }}',
        )
        result = run("--pagesmoke=x", f"--pagesmoke-build={COMMIT}", "-vv", "--setup-show")
        assert result.ret == (site is bad)
        assert COMMIT not in result.stdout.str() + result.stderr.str()


def test_waiting_is_for_the_wanted_build(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Everything is good from the first moment on, but that it is the last deployment which still answers."""
    settings(pytester.path, f'pages = ["/"]\n{BUILD}')

    def respond(path: str) -> Reply:
        old = path == "/version.json" and site.paths.count(path) <= 2
        return Reply.json(f'{{"commit":"{OTHER}"}}') if old else SITE[path]

    site = serve(respond)
    result = run(f"--base-url={site.url}", f"--pagesmoke-build={COMMIT}", "--pagesmoke-settle=30")
    result.assert_outcomes(passed=2)
    assert site.paths.count("/version.json") > 2
