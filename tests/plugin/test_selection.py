"""Built-in checks are tests like others: they have ids, can be chosen, deselected, rerun; collecting asks nothing."""

from __future__ import annotations

import pytest

from kit import GOOD_SITE, Pytest, Reply, Serve

CHECKS = [
    "pagesmoke.toml::test_page[production-/]",
    "pagesmoke.toml::test_page[production-/login]",
    "pagesmoke.toml::test_health[production-/api/health/status]",
    "pagesmoke.toml::test_asset[production-/static/app.js]",
]
DIST_CHECKS = [f"pagesmoke.toml::test_dist[{part}]" for part in ("dist", "worker", "routes")]


def passed(result: pytest.RunResult) -> list[str]:
    """The ids that passed, from `-v`'s lines, plain or of a worker."""
    lines = [line.split() for line in result.outlines if " PASSED" in line]
    return sorted(word for words in lines for word in words if word.startswith("pagesmoke.toml::"))


def test_collecting_lists_every_check_and_asks_nothing(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    result = run("--collect-only", "-q", f"--pagesmoke=production={site.url}", "--pagesmoke=dist")
    assert result.ret == 0
    assert result.outlines[:7] == [*DIST_CHECKS, *CHECKS]
    assert site.asked == []


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_planning_asks_nothing(serve: Serve, run: Pytest, option: str) -> None:
    site = serve(GOOD_SITE)
    assert run(option, f"--base-url={site.url}").ret == 0
    assert site.asked == []


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["-k", "health"], CHECKS[2:3]),
        (["-k", "login or asset"], [CHECKS[3], CHECKS[1]]),
        (["-m", "pagesmoke"], sorted(CHECKS)),
        (["--deselect", "pagesmoke.toml::test_page"], sorted(CHECKS[2:])),
        ([CHECKS[1]], CHECKS[1:2]),
        (["pagesmoke.toml::test_page", CHECKS[3]], [CHECKS[3], *CHECKS[:2]]),
        (["./pagesmoke.toml"], sorted(CHECKS)),
        (["-n", "2", "-k", "login or asset"], [CHECKS[3], CHECKS[1]]),
        (["-n", "2", "pagesmoke.toml::test_page", CHECKS[3]], [CHECKS[3], *CHECKS[:2]]),
    ],
)
def test_choosing(serve: Serve, run: Pytest, args: list[str], wanted: list[str]) -> None:
    site = serve(GOOD_SITE)
    result = run("-v", f"--pagesmoke=production={site.url}", *args)
    assert result.ret == 0
    assert passed(result) == wanted
    assert ("/static/app.js" in site.paths) == (CHECKS[3] in wanted)  # what is not chosen is not asked


def test_a_marker_expression_leaves_them_out(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile("def test_own(): pass")
    site = serve(GOOD_SITE)
    run_both(f"--pagesmoke={site.url}", "-m", "not pagesmoke").assert_outcomes(passed=1)
    assert site.asked == []


@pytest.mark.parametrize("own_test_fails", [True, False])
def test_lf_runs_what_failed(pytester: pytest.Pytester, serve: Serve, run_both: Pytest, own_test_fails: bool) -> None:
    """Also where a test of the project failed in the same run."""
    pytester.makepyfile(f"def test_own(): assert {not own_test_fails}")
    replies = {**GOOD_SITE, "/login": Reply(500)}
    site = serve(lambda path: replies.get(path, Reply(404)))
    first = run_both(f"--pagesmoke=production={site.url}")
    first.assert_outcomes(passed=3 + (not own_test_fails), failed=1 + own_test_fails)
    again = run_both(f"--pagesmoke=production={site.url}", "--lf")
    again.assert_outcomes(failed=1 + own_test_fails)
    assert CHECKS[1] in again.stdout.str()

    replies["/login"] = GOOD_SITE["/login"]
    run_both(f"--pagesmoke=production={site.url}", "--lf", "-v", "pagesmoke.toml").assert_outcomes(passed=1)


def test_from_a_folder_below_the_root_the_ids_are_the_same(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makeini("[pytest]")
    (pytester.mkdir("below") / "empty.txt").touch()
    pytester.chdir()
    site = serve(GOOD_SITE)
    result = run("--rootdir=.", "below", "pagesmoke.toml::test_health", f"--pagesmoke=production={site.url}", "-v")
    assert passed(result) == CHECKS[2:3]


def test_a_rerun_asks_anew(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """What --reruns does: the same item once more, in the same session."""
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol
        def pytest_runtest_protocol(item, nextitem):
            runtestprotocol(item, nextitem=nextitem, log=False)
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
            return True
        """
    )
    count = {"/api/health/status": 0}

    def respond(path: str) -> Reply:
        count[path] = count.get(path, 0) + 1
        return GOOD_SITE[path] if count[path] > 1 else Reply(503)

    site = serve(respond)
    result = run(f"--base-url={site.url}", "pagesmoke.toml::test_health")
    result.assert_outcomes(passed=1)
    assert count["/api/health/status"] == 2


def test_each_question_is_asked_once(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    run(f"--base-url={site.url}")
    assert len(site.paths) == len(set(site.paths)) == 6  # four checks, and two addresses that cannot exist
    assert {method for method, _, _ in site.asked} == {"GET"}
