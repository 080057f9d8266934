"""What a run says at its end: verdicts, the failure block, the summary, the exit status."""

from __future__ import annotations

import socket

import pytest

from kit import GOOD_SITE, HOME, Pytest, Reply, Serve

BROKEN = {**GOOD_SITE, "/login": Reply(404), "/api/health/status": Reply.json('{"status":"ok","db":false}')}


def test_a_failure_reads_as_documented(serve: Serve, run_both: Pytest) -> None:
    site = serve(BROKEN)
    result = run_both(f"--pagesmoke=production={site.url}")
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "page-status: expected 200, got 404",
            "",
            "  target    production (local)",
            f"  address   {site.url}/login",
            "  expected  200",
            "  got       404",
            "  body      (empty)",
            "  asked     once, *",
            f"  repeat    curl *{site.url}/login",
            "  cause     *",
            "  fix       *",
            "  rule      docs/rules.md#page-status",
        ]
    )
    result.stdout.fnmatch_lines_random(
        [
            "FAILED pagesmoke.toml::test_page[[]production-/login[]] - page-status: expected 200, got 404",
            "FAILED pagesmoke.toml::test_health[[]production-/api/health/status[]] - health-unhealthy: expected *, got db: false",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "site-packages" not in result.stdout.str()
    assert "suite.py" not in result.stdout.str()


def test_on_ci_the_summary_line_stays_one_line(serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI set pytest prints the whole message of a failure there."""
    monkeypatch.setenv("CI", "true")
    result = run(f"--pagesmoke=production={serve(BROKEN).url}")
    lines = result.outlines
    failed = [index for index, line in enumerate(lines) if line.startswith("FAILED ")]
    assert failed[1] == failed[0] + 1


def test_tb_line_shows_one_line_a_failure(serve: Serve, run: Pytest) -> None:
    result = run("--tb=line", f"--pagesmoke=production={serve(BROKEN).url}")
    result.stdout.fnmatch_lines(["pagesmoke.toml:*: page-status: expected 200, got 404"])


def test_the_summary_has_a_row_a_target_then_cause_next_step_and_verification(serve: Serve, run_both: Pytest) -> None:
    good, lost = serve(GOOD_SITE), serve({"/static/app.js": Reply.script()})
    result = run_both(f"--pagesmoke=new={lost.url}", f"--pagesmoke=old={good.url}")
    assert result.ret == 1
    tail = result.outlines[result.outlines.index(next(line for line in result.outlines if "= pagesmoke =" in line)) :]
    assert [line.split()[:3] for line in tail[2:4]] == [["new", lost.url, "BROKEN"], ["old", good.url, "GOOD"]]
    result.stdout.fnmatch_lines(
        [
            "target *verdict*health*pages*assets*time",
            "new * BROKEN *404 * 0/2 * 1/1 *",
            "old * GOOD * healthy * 2/2 * 1/1 *",
            "settings  none, so the built-in checklist:*",
            "cause     no-worker:*",
            "next      see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist",
            f"verify    pytest pagesmoke.toml --pagesmoke=new={lost.url}",
        ]
    )


def test_a_site_that_is_not_there(run_both: Pytest) -> None:
    with socket.socket() as unused:  # bound and never listening: nothing else can take the port, and it refuses
        unused.bind(("127.0.0.1", 0))
        result = run_both(f"--base-url=http://127.0.0.1:{unused.getsockname()[1]}")
    assert result.ret == 1
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(["unreachable: expected 200, got connection refused*", "cause     site-unreachable:*"])


def test_a_site_that_never_answers(run: Pytest) -> None:
    """All four wait at once, each for its own ten seconds."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        result = run(f"--base-url=http://127.0.0.1:{silent.getsockname()[1]}")
    assert result.ret == 1
    assert result.duration < 20
    result.stdout.fnmatch_lines(
        ["timeout: expected 200, got no complete answer within 10 s*", "cause     site-unreachable:*"]
    )


def test_a_name_that_does_not_resolve(run: Pytest) -> None:
    result = run("--base-url=https://no-such-site.invalid")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["unreachable: expected 200, got no address for this name (DNS)", "cause     site-unreachable:*"]
    )


def test_a_site_behind_a_login(serve: Serve, run: Pytest) -> None:
    login = "https://team.cloudflareaccess.com/cdn-cgi/access/login/preview.example.com?kid=0"
    result = run(f"--base-url={serve({'*': Reply(302, headers={'location': login})}).url}")
    assert result.ret == 1
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        ["access-login: expected 200, got 302 to the Cloudflare Access login at team.cloudflareaccess.com"]
    )
    causes = [line for line in result.outlines if line.startswith("cause")]
    assert [line.split()[1] for line in causes] == ["behind-access:"]  # said once, and nothing else


def test_checks_that_are_all_skipped_are_no_green(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip)
        """
    )
    site = serve(GOOD_SITE)
    result = run_both(f"--pagesmoke={site.url}")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(["*INCOMPLETE*"])


def test_a_check_that_never_reports_is_no_green(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.skip)
        """
    )
    result = run_both(f"--pagesmoke={serve(GOOD_SITE).url}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(skipped=1, passed=3)
    result.stdout.fnmatch_lines(["*INCOMPLETE*"])


def test_workers_that_never_collect_are_no_green(pytester: pytest.Pytester, run: Pytest) -> None:
    """xdist ends with 0 where its workers die of an internal error."""
    pytester.makeconftest(
        """
        import os
        def pytest_collection(session):
            if hasattr(session.config, "workerinput"):
                os._exit(0)
        """
    )
    assert run("--pagesmoke=dist", "-n", "2", "--max-worker-restart=0").ret not in (0, None)


def test_dist_alone_needs_no_http_client(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import sys
        def pytest_unconfigure():
            assert "httpx" not in sys.modules
        """
    )
    result = run("--pagesmoke=dist")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED pagesmoke.toml::test_dist[[]dist[]] - dist-missing: *", "dist * BROKEN *0/3*"])


def test_a_followed_redirect_is_shown_beside_the_pass(serve: Serve, run: Pytest) -> None:
    replies = {**GOOD_SITE, "/login": Reply(308, headers={"location": "/login/"}), "/login/": GOOD_SITE["/login"]}
    result = run("-rP", f"--base-url={serve(replies).url}")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*followed 308 */login -> /login/"])


def test_what_a_server_sends_is_shown_harmlessly(serve: Serve, run: Pytest) -> None:
    hostile = "\x1b[2J::error::gotcha \u202e ]]>"
    result = run(
        f"--base-url={serve({'*': Reply(500, hostile, {'location': hostile.encode().decode('latin-1')[1:5]})}).url}"
    )
    assert result.ret == 1
    assert "\x1b[2J" not in result.stdout.str()
    assert "\u202e" not in result.stdout.str()
    assert not any(line.lstrip().startswith("::error::") for line in result.outlines)


def test_junit_takes_the_verdicts(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    result = run_both(f"--pagesmoke=production={serve(BROKEN).url}", "--junitxml=junit.xml")
    assert result.ret == 1
    xml = (pytester.path / "junit.xml").read_text()
    assert 'classname="pagesmoke.toml" name="test_page[production-/login]"' in xml
    assert 'message="page-status: expected 200, got 404"' in xml


def test_a_home_page_that_is_the_answer_to_everything(serve: Serve, run: Pytest) -> None:
    """The trap of the incident, from a server that is no wrangler."""
    result = run(f"--base-url={serve({'*': Reply.html(HOME)}).url}")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["cause     fallback-for-worker:*"])


def test_the_command_of_a_failure_stays_whole(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """But for tokens: the shell fills these in."""
    url = serve({}).url
    (pytester.path / "pagesmoke.toml").write_text(f'pages = ["/a?token=abc"]\n[targets.x]\nurl = "{url}"')
    run("--pagesmoke=x").stdout.fnmatch_lines([f"""  repeat    curl *'{url}/a[?]token='"$TOKEN"*"""])
