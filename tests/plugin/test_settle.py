"""`--pagesmoke-settle`, from end to end: over real connections, plain and under xdist."""

from __future__ import annotations

import itertools
import math
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

import pytest

from kit import GOOD_SITE, RERUNS, Pytest, Reply, Respond, Serve, Site, by_mapping
from uneven_edge import EdgeServer, Machine, from_time

PATHS = ("/1", "/2", "/3")
SETTINGS = "".join(f'[[answers]]\npath = "{path}"\ncontains = "build 0002"\n' for path in PATHS)
COMMIT = "2" * 40
MISSING = {**GOOD_SITE, "/login": Reply.html("<!doctype html><title>Gone</title>", 404)}


pytestmark = pytest.mark.usefixtures("scaled")


@pytest.fixture
def settings(pytester: pytest.Pytester) -> None:
    (pytester.path / "pagesmoke.toml").write_text(SETTINGS)


def lines(result: pytest.RunResult, label: str) -> list[str]:
    return [line.removeprefix(label).strip() for line in result.outlines if line.startswith(f"{label} ")]


def fails_at_first(times: int, path: str, failure: Reply) -> Respond:
    """The good site, but that ``path`` fails so many times."""
    good, left = by_mapping(GOOD_SITE), [times]

    def respond(asked: str) -> Reply:
        if asked == path and left[0] > 0:
            left[0] -= 1
            return failure
        return good(asked)

    return respond


@pytest.mark.usefixtures("settings")
def test_it_waits_for_every_machine(run_both: Pytest) -> None:
    machines = [Machine(from_time(0)), Machine(from_time(0.6), "old"), Machine(from_time(1.0), "refuses")]
    with EdgeServer(machines, seed=3) as edge:
        result = run_both(f"--pagesmoke=site={edge.url}", "--pagesmoke-settle=40")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert edge.connections == edge.asked  # each question over a connection of its own
    result.stdout.fnmatch_lines(
        ["site * GOOD *", "settled * site: nothing failed from * s on, in 2 whole rounds in a row"]
    )
    late = lines(result, "retried") + lines(result, "flapped")
    assert late
    assert all(re.search(r"passed at attempt \d+, after \d+\.\d s\Z", line) for line in late)
    result.stdout.fnmatch_lines(["pagesmoke: site: * of 3 fail, * s left: test_answer[[]site-/*"])


@pytest.mark.usefixtures("settings")
def test_what_never_takes_is_broken_when_the_time_is_up(run_both: Pytest) -> None:
    with EdgeServer([Machine(from_time(math.inf), "cached")], seed=1) as edge:
        result = run_both(f"--pagesmoke=site={edge.url}", "--pagesmoke-settle=2")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["  asked     * times over * s, and failed each time; the time was up"])
    assert not [line for line in lines(result, "cause") if "not-settled" in line]
    assert lines(result, "verify") == [f"pytest pagesmoke.toml --pagesmoke=site={edge.url} --pagesmoke-settle=2"]
    assert edge.asked % (3 + 2) == 0  # whole rounds, for nothing passes; and two addresses that cannot exist
    assert edge.asked > 3 + 2


def test_a_good_site_is_asked_twice_and_by_one_process_alone(serve: Serve, run_both: Pytest) -> None:
    site = serve(GOOD_SITE)
    result = run_both(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60")
    assert result.ret == 0
    assert not lines(result, "retried") + lines(result, "flapped")
    assert site.paths.count("/login") == 2
    assert len(site.paths) == 2 * len(set(site.paths))


def test_without_it_each_question_is_asked_once_for_all_workers(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    assert run(f"--pagesmoke=site={site.url}", "-n", "3").ret == 0
    assert len(site.paths) == len(set(site.paths))


def test_in_dist_each_every_worker_asks(serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    assert run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60", "--dist=each", "--tx=2*popen").ret == 0
    assert site.paths.count("/login") == 2 * 2


def test_as_many_rounds_as_the_settings_say(serve: Serve, run: Pytest, pytester: pytest.Pytester) -> None:
    (pytester.path / "pagesmoke.toml").write_text('assets = ["/static/app.js"]\nsettle_rounds = 3')
    site = serve(GOOD_SITE)
    result = run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60")
    assert result.ret == 0
    assert site.paths.count("/static/app.js") == 3
    result.stdout.fnmatch_lines(["settled *, in 3 whole rounds in a row"])


def test_each_target_settles_by_itself(serve: Serve, run: Pytest) -> None:
    good, late = serve(GOOD_SITE), serve(fails_at_first(2, "/login", Reply(404)))
    result = run(f"--pagesmoke=good={good.url}", f"--pagesmoke=late={late.url}", "--pagesmoke-settle=60")
    assert result.ret == 0
    assert good.paths.count("/login") == 2
    assert late.paths.count("/login") == 5
    assert [line.partition(":")[0] for line in lines(result, "settled")] == ["good", "late"]
    (retried,) = lines(result, "retried")
    assert retried.startswith("pagesmoke.toml::test_page[late-/login]: passed at attempt 3, after ")


def test_only_what_failed_is_asked_again(serve: Serve, run: Pytest) -> None:
    site = serve(fails_at_first(3, "/static/app.js", Reply(500)))
    assert run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60").ret == 0
    assert site.paths.count("/static/app.js") == 1 + 3 + 2
    assert site.paths.count("/api/health/status") == 1 + 2


@pytest.mark.parametrize(
    ("answers", "rule"),
    [
        ({"*": Reply(302, headers={"location": "https://team.cloudflareaccess.com/cdn-cgi/access/login/x"})}, "access-login"),
        ({"*": Reply(301, headers={"location": "https://www.example.com/"})}, "redirect-elsewhere"),
    ],
    ids=["Access", "another host"],
)  # fmt: skip
def test_what_cannot_heal_is_not_waited_for(answers: Mapping[str, Reply], rule: str, serve: Serve, run: Pytest) -> None:
    site = serve(answers)
    result = run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=300")  # longer than a test may take
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"{rule}: expected *", "  asked     once, *; waiting cannot heal it"])
    assert site.paths.count("/login") == 1


def test_a_build_without_its_worker_is_not_waited_for_once_it_is_known_to_be_live(
    serve: Serve, run_both: Pytest, pytester: pytest.Pytester
) -> None:
    (pytester.path / "pagesmoke.toml").write_text(
        'health = ["/api/health/status"]\nbuild = { path = "/version.json", json = "commit" }\n'
    )
    version = Reply.json(f'{{"commit": "{COMMIT}"}}')
    site = serve({**GOOD_SITE, "/version.json": version, "/api/health/status": GOOD_SITE["/"]})
    result = run_both(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=300", f"--pagesmoke-build={COMMIT}")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["health-not-json: expected JSON, *", "  asked     5 times *; waiting cannot heal it"])
    assert site.paths.count("/version.json") == 5


def test_who_is_told_to_wait_waits(serve: Serve, run: Pytest) -> None:
    times: list[float] = []
    limited = fails_at_first(1, "/login", Reply(429, headers={"retry-after": "1"}))

    def respond(path: str) -> Reply:
        times.append(time.monotonic())
        return limited(path)

    assert run(f"--pagesmoke=site={serve(respond).url}", "--pagesmoke-settle=60").ret == 0
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(pauses) >= 0.9


def test_no_rerun_makes_good_what_never_settled(serve: Serve, run_both: Pytest, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(RERUNS)
    good, count = by_mapping(GOOD_SITE), [0]

    def respond(path: str) -> Reply:
        count[0] += path == "/login"
        return Reply(404) if path == "/login" and count[0] % 3 else good(path)

    result = run_both(f"--pagesmoke=site={serve(respond).url}", "--pagesmoke-settle=0.8", "pagesmoke.toml")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["site * BROKEN *", "gave up   site: after * s, the time was up"])
    assert not lines(result, "settled")


def test_x_ends_the_waiting(serve: Serve, run_both: Pytest) -> None:
    """One target is hopeless, the other would be waited for: the time limit of the test is shorter."""
    hopeless = serve(
        {"*": Reply(302, headers={"location": "https://team.cloudflareaccess.com/cdn-cgi/access/login/x"})}
    )
    result = run_both(
        "-x", f"--pagesmoke=hopeless={hopeless.url}", f"--pagesmoke=late={serve(MISSING).url}", "--pagesmoke-settle=200"
    )
    assert result.ret in (1, 2)  # under xdist it counts as interrupted


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "1e999", "60s", ""])
def test_a_time_that_is_none(given: str, run: Pytest) -> None:
    result = run("--base-url=http://127.0.0.1:9", f"--pagesmoke-settle={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --pagesmoke-settle={given}: takes a number of seconds above 0, --pagesmoke-settle=60"]
    )


def test_there_must_be_something_to_wait_for(run: Pytest, pytester: pytest.Pytester) -> None:
    result = run("--pagesmoke-settle=60")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --pagesmoke-settle is about a site, and none is named: add --base-url=URL or --pagesmoke=WHAT (a URL, local)"
        ]
    )
    pytester.makepyfile("def test_own(): pass")
    pytester.makeini("[pytest]\naddopts = --pagesmoke-settle=60")  # for the runs that have
    assert run().ret == 0


def test_where_nothing_is_waited_for_it_says_so(serve: Serve, run: Pytest, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_own(pagesmoke_client): assert pagesmoke_client.get('/').status_code == 200")
    result = run(
        "test_where_nothing_is_waited_for_it_says_so.py", f"--base-url={serve(GOOD_SITE).url}", "--pagesmoke-settle=60"
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["pagesmoke: --pagesmoke-settle waited for nothing: no built-in check of a site ran"])


def test_half_a_character_travels_from_the_controller(
    serve: Serve, run_both: Pytest, pytester: pytest.Pytester
) -> None:
    """JSON can name it, and UTF-8 has no bytes for it."""
    (pytester.path / "pagesmoke.toml").write_text('answers = [{ path = "/j", json = { error = "no" } }]')
    site = serve({"/j": Reply.json(r'{"error":"\udfff"}')})
    result = run_both(f"--pagesmoke=site={site.url}")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED pagesmoke.toml::test_answer[[]site-/j[]] - answer-json: *"])
    assert "Traceback" not in result.stdout.str()


class TestOnceMoreWithoutIt:
    """A connection that broke before any answer says little of a site."""

    def site(self, serve_edge: EdgeServer, run: Pytest, *args: str) -> pytest.RunResult:
        return run(f"--pagesmoke=site={serve_edge.url}", *args)

    @pytest.mark.usefixtures("settings")
    def test_what_broke_once_passes_and_says_so(self, run_both: Pytest) -> None:
        with _BreaksAtFirst() as edge:
            result = self.site(edge, run_both)
        assert result.ret == 0
        (late,) = lines(result, "retried")
        assert re.fullmatch(r"pagesmoke\.toml::test_answer\[site-/\d\]: passed at attempt 2", late)

    @pytest.mark.usefixtures("settings")
    def test_what_breaks_twice_fails(self, run: Pytest) -> None:
        with EdgeServer([Machine(from_time(math.inf), "refuses")], seed=1) as edge:
            result = self.site(edge, run)
        assert result.ret == 1
        assert edge.asked == 2 * (3 + 2)
        result.stdout.fnmatch_lines(["  asked     twice, * s: the first connection broke before any answer"])

    @pytest.mark.parametrize("status", [404, 500, 503])
    def test_an_answer_is_an_answer(self, status: int, serve: Serve, run: Pytest) -> None:
        site = serve(fails_at_first(1, "/login", Reply(status)))
        assert run(f"--pagesmoke=site={site.url}").ret == 1
        assert site.paths.count("/login") == 1


class _BreaksAtFirst(EdgeServer):
    """Breaks the connection of the first question to one path, and is good from then on."""

    def __init__(self) -> None:
        breaks = iter([True])
        super().__init__([Machine(lambda _, path: path != PATHS[0] or not next(breaks, False), "refuses")], seed=1)


def test_on_a_terminal_one_line_is_written_over(serve: Serve, pytester: pytest.Pytester) -> None:
    site = serve(fails_at_first(3, "/login", Reply(404)))
    shown = _on_a_terminal(pytester, f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60")
    assert re.search(r"\rsite: 1 of 4 fail, 5\d s left: test_page\[site-/login\] *\r", shown)
    assert re.search(r"\rsite: all 4 pass, asking once more to be sure, 5\d s left *\r", shown)
    assert "4 passed" in shown
    final = [re.sub(r".*\r(?!\n)", "", line) for line in shown.replace("\r\n", "\n").split("\n")]
    assert not [line for line in final if "s left" in line]  # and nothing of it is left


def _on_a_terminal(pytester: pytest.Pytester, *args: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *args],
        cwd=pytester.path, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    ends = threading.Timer(60, process.kill)
    ends.start()
    read: list[bytes] = []
    try:
        while piece := os.read(ours, 65536):
            read.append(piece)
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    finally:
        ends.cancel()
        process.wait()
        os.close(ours)
    return b"".join(read).decode()


def test_in_quiet_runs_nothing_is_said_meanwhile(serve: Serve, run: Pytest) -> None:
    site = serve(fails_at_first(1, "/login", Reply(404)))
    result = run("-q", f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60")
    assert result.ret == 0
    assert "s left" not in result.stdout.str()
    assert lines(result, "retried")


def test_what_flaps_to_the_end_is_named_and_its_cause_told(serve: Serve, run: Pytest) -> None:
    good, count = by_mapping(GOOD_SITE), [0]

    def respond(path: str) -> Reply:
        count[0] += path == "/login"
        return Reply(404) if path == "/login" and count[0] % 2 == 0 else good(path)

    site: Site = serve(respond)
    result = run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=1.5")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "  asked     * times over * s: * failed, * passed*; the time was up",
            "flapped   pagesmoke.toml::test_page[[]site-/login[]]: it failed after it had passed, * attempts",
            "cause     not-settled: *",
        ]
    )


def test_tests_of_one_s_own_run_on_what_has_settled(serve: Serve, run: Pytest, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_own(pagesmoke_client):
            assert pagesmoke_client.get("/login").status_code == 200
        """
    )
    site = serve(fails_at_first(2, "/login", Reply(404)))
    result = run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60")
    assert result.ret == 0
    result.assert_outcomes(passed=5)
