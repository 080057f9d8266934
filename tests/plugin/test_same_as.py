"""`--pagesmoke-same-as`, from end to end."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest

from kit import GOOD_SITE, HOME, Pytest, Reply, Respond, Serve, by_mapping

FILES = {
    "/static/app.js": Reply.script("let build = 2;"),
    "/static/site.css": Reply(200, "p{}", {"content-type": "text/css"}),
}
NEW: Mapping[str, Reply] = {
    **GOOD_SITE,
    **FILES,
    "/": Reply.html(HOME + "<script src=/static/app.js></script><link rel=stylesheet href=/static/site.css>"),
}
OLD = {**NEW, "/static/app.js": Reply.script("let build = 1;")}


def lines(result: pytest.RunResult, label: str) -> list[str]:
    return [line.removeprefix(label).strip() for line in result.outlines if line.startswith(f"{label} ")]


def failed(result: pytest.RunResult) -> list[str]:
    found = [line.split()[1].partition("::")[2] for line in result.outlines if line.startswith("FAILED ")]
    return sorted(found)


def test_what_serves_the_same_passes(serve: Serve, run_both: Pytest) -> None:
    here, there = serve(NEW), serve(NEW)
    result = run_both(f"--pagesmoke=here={here.url}", f"--pagesmoke-same-as={there.url}")
    assert result.ret == 0
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["target * same as *", f"here * {here.url} * GOOD *"])
    assert set(there.paths) == {"/", "/login", "/api/health/status", "/static/app.js", "/static/site.css"}
    assert there.paths.count("/login") == 2  # once more, to see what changes by itself
    assert there.paths.count("/static/site.css") == 1  # a file is the same each time


def test_another_file_fails_where_it_is_named_and_where_it_is_configured(serve: Serve, run_both: Pytest) -> None:
    here, there = serve(OLD), serve(NEW)
    result = run_both(f"--pagesmoke=here={here.url}", f"--pagesmoke-same-as={there.url}")
    assert result.ret == 1
    assert failed(result) == ["test_same_as[here-/]", "test_same_as[here-/static/app.js]"]
    result.stdout.fnmatch_lines(
        [
            f"same-as-differs: expected what {there.url} serves, got /static/app.js: other bytes",
            "  differs   - /static/app.js: 14 bytes, sha256 ????????????",
            "            + /static/app.js: 14 bytes, sha256 ????????????",
        ]
    )
    assert lines(result, "verify") == [
        f"pytest pagesmoke.toml --pagesmoke=here={here.url} --pagesmoke-same-as={there.url}"
    ]
    assert [line.split(":")[0] for line in lines(result, "cause")] == ["wrong-build"]


def test_a_target_of_the_settings_with_its_headers(
    serve: Serve, run: Pytest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "not-a-real-token")
    here, there = serve(NEW), serve(NEW)
    (pytester.path / "pagesmoke.toml").write_text(
        f'pages = ["/login"]\n[targets.good]\nurl = "{there.url}"\nheaders = {{ Authorization = "Bearer ${{TOKEN}}" }}'
    )
    result = run(f"--pagesmoke=here={here.url}", "--pagesmoke-same-as=good", "-vv", "--setup-show")
    assert result.ret == 0
    assert {headers.get("authorization") for _, _, headers in there.asked} == {"Bearer not-a-real-token"}
    assert {headers.get("authorization") for _, _, headers in here.asked} == {None}
    assert "not-a-real-token" not in result.stdout.str()


def test_a_stale_cache_is_told_from_a_wrong_deployment(serve: Serve, run: Pytest, pytester: pytest.Pytester) -> None:
    (pytester.path / "pagesmoke.toml").write_text('pages = ["/login"]')
    good, stale = by_mapping(NEW), Reply.html("<!doctype html><title>Old</title>", cf_cache_status="HIT", age="9000")
    here = serve(lambda path: stale if path == "/login" else good(path.partition("?")[0]))
    result = run(f"--pagesmoke=here={here.url}", f"--pagesmoke-same-as={serve(NEW).url}")
    assert result.ret == 1
    assert failed(result) == ["test_same_as[here-/login]"]
    assert [line.split(":")[0] for line in lines(result, "cause")] == ["stale-cache"]
    assert [path for path in here.paths if path.startswith("/login?pagesmoke=")]


def test_of_two_targets_the_one_that_is_compared_with_is_not_compared(serve: Serve, run: Pytest) -> None:
    here, there = serve(NEW), serve(NEW)
    result = run(f"--pagesmoke=here={here.url}", f"--pagesmoke=there={there.url}", f"--pagesmoke-same-as={there.url}")
    assert result.ret == 0
    result.assert_outcomes(passed=4 + 4 + 4)
    assert there.paths.count("/login") == 2  # its own check's, and once more


def test_it_settles_when_it_is_the_same(serve: Serve, run: Pytest) -> None:
    old, new = by_mapping(OLD), by_mapping(NEW)
    asked: list[str] = []

    def respond(path: str) -> Reply:
        asked.append(path)
        return (old if asked.count("/static/app.js") <= 2 else new)(path)

    result = run(
        f"--pagesmoke=here={serve(respond).url}", f"--pagesmoke-same-as={serve(NEW).url}", "--pagesmoke-settle=60"
    )
    assert result.ret == 0
    assert any("test_same_as" in line for line in lines(result, "retried"))


@pytest.mark.parametrize(
    ("given", "args", "said"),
    [
        ("", ["--base-url=http://127.0.0.1:9"], "--pagesmoke-same-as is empty: an unset variable?*"),
        ("dist", ["--base-url=http://127.0.0.1:9"], "*--pagesmoke-same-as=dist: takes the address of another deployment*"),
        ("local", ["--base-url=http://127.0.0.1:9"], "*--pagesmoke-same-as=local: takes the address of another deployment*"),
        ("production", ["--base-url=http://127.0.0.1:9"], "*--pagesmoke-same-as=production: is neither an address nor a known name*"),
        ("ftp://x.example.com", ["--base-url=http://127.0.0.1:9"], "*--pagesmoke-same-as=ftp:*"),
        ("http://127.0.0.1:9", ["--base-url=http://127.0.0.1:9"], "*: that is the only site that is looked at: add the one to compare with it*"),
        ("http://127.0.0.1:8", ["--pagesmoke=dist"], "*: no site is looked at: add the one to compare with it*"),
        ("http://127.0.0.1:8", [], "*--pagesmoke-same-as is about a site, and none is named: add --base-url=URL*"),
    ],
)  # fmt: skip
def test_what_it_does_not_take(given: str, args: list[str], said: str, run: Pytest) -> None:
    result = run(*args, f"--pagesmoke-same-as={given}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said}"])


def test_a_report_by_another_name(pytester: pytest.Pytester, run: Pytest) -> None:
    (pytester.path / "good").touch()
    result = run("--base-url=http://127.0.0.1:9", "--pagesmoke-same-as=good")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--pagesmoke-same-as=good: the name of a report ends in .json*"])


def test_the_last_good_deployment_as_a_file(serve: Serve, run_both: Pytest) -> None:
    good, here = serve(NEW), serve(OLD)
    assert run_both(f"--pagesmoke=here={good.url}", "--pagesmoke-report=good.json").ret == 0
    asked = len(good.asked)
    result = run_both(f"--pagesmoke=here={good.url}", "--pagesmoke-same-as=good.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["warning   here /: not compared with * in good.json: /static/site.css (the report holds no answer to *"]
    )
    asked = len(good.asked)
    result = run_both(f"--pagesmoke=other={here.url}", "--pagesmoke-same-as=good.json")
    assert result.ret == 1
    assert failed(result) == ["test_same_as[other-/]", "test_same_as[other-/static/app.js]"]
    result.stdout.fnmatch_lines(
        [f"same-as-differs: expected what {good.url}/static/app.js served, by good.json, got other bytes"]
    )
    assert len(good.asked) == asked  # it may be long gone


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{}", "is no report of pytest-pagesmoke: *"),
        ("", "is no JSON *"),
    ],
)
def test_a_file_that_is_no_report(content: str | None, said: str, run: Pytest, pytester: pytest.Pytester) -> None:
    if content is not None:
        (pytester.path / "good.json").write_text(content)
    result = run("--base-url=http://127.0.0.1:9", "--pagesmoke-same-as=good.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: pagesmoke: --pagesmoke-same-as=good.json: {said}"])


def test_the_report_must_be_of_a_good_run(serve: Serve, run: Pytest) -> None:
    broken = serve({**NEW, "/login": Reply(404)})
    assert run(f"--pagesmoke=x={broken.url}", "--pagesmoke-report=bad.json").ret == 1
    result = run(f"--pagesmoke=x={broken.url}", "--pagesmoke-same-as=bad.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *: says that x was broken: compare with the report of a good run"])
    assert (
        run(f"--pagesmoke=one={serve(NEW).url}", f"--pagesmoke=two={serve(NEW).url}", "--pagesmoke-report=two.json").ret
        == 0
    )
    result = run(f"--pagesmoke=x={broken.url}", "--pagesmoke-same-as=two.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *: holds nothing of x, but of one, two: give the target the name that it has there, *"]
    )


def test_what_is_compared_follows_from_the_settings(run: Pytest, pytester: pytest.Pytester) -> None:
    """Each address once, and the home page always; but nothing that a stranger is to be kept from: Access answers him."""
    (pytester.path / "pagesmoke.toml").write_text(
        'pages = ["/login", { path = "/admin", access = true }]\nanswers = [{ path = "/login", id = "again" }, "/api/me"]\nredirects = [{ path = "/old", to = "/new" }]'
    )
    result = run("--collect-only", "-q", "--pagesmoke=x=http://127.0.0.1:9", "--pagesmoke-same-as=http://127.0.0.1:8")
    found = [line.partition("::")[2] for line in result.outlines if "test_same_as" in line]
    assert found == ["test_same_as[x-/]", "test_same_as[x-/login]", "test_same_as[x-/api/me]"]


def test_a_home_page_behind_access_is_not_compared(run: Pytest, pytester: pytest.Pytester) -> None:
    (pytester.path / "pagesmoke.toml").write_text('pages = [{ path = "/", access = true }, "/login"]')
    result = run("--collect-only", "-q", "--pagesmoke=x=http://127.0.0.1:9", "--pagesmoke-same-as=http://127.0.0.1:8")
    assert [line.partition("::")[2] for line in result.outlines if "test_same_as" in line] == ["test_same_as[x-/login]"]


def test_a_report_is_compared_as_far_as_it_goes(serve: Serve, run: Pytest, pytester: pytest.Pytester) -> None:
    site = serve(NEW)
    settings = pytester.path / "pagesmoke.toml"
    settings.write_text('health = ["/api/health/status"]')
    assert run(f"--pagesmoke=x={site.url}", "--pagesmoke-report=good.json").ret == 0
    settings.write_text('health = ["/api/health/status"]\npages = ["/login"]')
    result = run(f"--pagesmoke=x={site.url}", "--pagesmoke-same-as=good.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["warning   x /login: not compared with *: the report holds no answer to GET /login"])
    settings.write_text('pages = ["/login"]')
    result = run(f"--pagesmoke=x={site.url}", "--pagesmoke-same-as=good.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *=good.json: holds no answer to anything that the settings name for x: *"])


def test_an_old_answer_beside_a_new_one_is_not_what_changes_by_nature(serve: Serve, run_both: Pytest) -> None:
    new, old, count = by_mapping(NEW), by_mapping({**NEW, "/": Reply.html(HOME.replace("Home", "Old"))}), [0]

    def respond(path: str) -> Reply:
        count[0] += path == "/"
        return (old if path == "/" and count[0] % 2 else new)(path)

    result = run_both(f"--pagesmoke=x={serve(respond).url}", f"--pagesmoke-same-as={serve(NEW).url}")
    assert result.ret == 1
    assert failed(result) == ["test_same_as[x-/]"]


def test_what_two_answers_do_not_show_to_change_is_asked_more_often(serve: Serve, run: Pytest) -> None:
    """A counter of whole seconds stands still for two questions that are asked at once."""

    def counting(since: int) -> Respond:
        site, asked = by_mapping(NEW), itertools.count()
        return lambda path: (
            Reply.json(f'{{"status":"ok","uptime":{since + next(asked) // 2}}}')
            if path == "/api/health/status"
            else site(path)
        )

    here, there = serve(counting(0)), serve(counting(1000))
    result = run(f"--pagesmoke=x={here.url}", f"--pagesmoke-same-as={there.url}")
    assert result.ret == 0
    assert here.paths.count("/api/health/status") == 1 + 4  # as the health check asks, too
    assert here.paths.count("/login") == 2


@pytest.mark.usefixtures("scaled")
def test_a_reference_behind_access_is_not_waited_for(serve: Serve, run: Pytest) -> None:
    login = Reply(302, headers={"location": "https://team.cloudflareaccess.com/cdn-cgi/access/login/x"})
    result = run(
        f"--pagesmoke=x={serve(NEW).url}", f"--pagesmoke-same-as={serve({'*': login}).url}", "--pagesmoke-settle=300"
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*asked     once, *; waiting cannot heal it"])
