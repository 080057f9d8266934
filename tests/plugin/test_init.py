"""`--pagesmoke-init` against servers of the test's own: what it writes, what it says, when it writes nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from kit import GOOD_SITE, HOME, LOGIN, Pytest, Reply, Serve

SHELL = Reply.html(
    "<!doctype html><title>App</title><script src=/assets/index-BQCCTuGV.js></script><div id=root></div>"
)
APPLICATION = {"/assets/index-BQCCTuGV.js": Reply.script(), "*": SHELL}


def pinned(folder: Path) -> list[str]:
    """The lines of the file that was written, without comments."""
    lines = (folder / "pagesmoke.toml").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_from_an_address_alone(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    site = serve(GOOD_SITE)
    result = run(f"--base-url={site.url}", "--pagesmoke-init")
    assert result.ret == 0
    assert result.outlines == [
        "found       the home page (Home)",
        'found       health at /api/health/status, which said {"status":"healthy"}',
        "found       unknown addresses answer 404",
        "found       the login page /login",
        "looked for  no scripts or styles: the home page names none of its own site",
        "wrote       pagesmoke.toml",
        f"next        pytest pagesmoke.toml --base-url={site.url}",
    ]
    assert pinned(pytester.path) == [
        'pages = ["/", "/login"]',
        'health = ["/api/health/status"]',
        'not_found = ["/pagesmoke-no-such-page"]',
    ]
    run("pagesmoke.toml", f"--base-url={site.url}").assert_outcomes(passed=4)


def test_what_was_seen_is_judged_and_not_asked_again(serve: Serve, run: Pytest) -> None:
    """But for the home page, which is judged before all else."""
    site = serve(GOOD_SITE)
    run(f"--base-url={site.url}", "--pagesmoke-init")
    asked = Counter(site.paths)
    assert asked.pop("/") == 2
    assert {*asked.values()} == {1}
    assert len(asked) == 8  # two that cannot exist, a login page, five of health


def test_a_single_page_application_is_written_down_with_a_warning(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    url = serve(APPLICATION).url
    result = run(f"--base-url={url}", "--pagesmoke-init")
    assert result.ret == 0
    assert pinned(pytester.path) == ["spa = true", 'pages = ["/"]', 'linked = ["/"]']
    text = " ".join((pytester.path / "pagesmoke.toml").read_text().replace("\n# ", " ").split())
    assert "A site that has lost its worker looks the same." in text
    run("pagesmoke.toml", f"--base-url={url}").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("beside", "doubt"),
    [
        ({"dist/_worker.js": "export default {}", "dist/index.html": HOME}, "the build output has a worker, and yet"),
        ({"functions/api/health.js": "export {}", "dist/index.html": HOME}, "there are functions/, and yet"),
        (
            {"wrangler.toml": '[[d1_databases]]\nbinding = "DB"'},
            "wrangler.toml has bindings, which need a worker, and yet",
        ),
    ],
)
def test_the_same_beside_what_shows_a_worker_is_broken(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, beside: dict[str, str], doubt: str
) -> None:
    for name, text in beside.items():
        (pytester.path / name).parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / name).write_text(text)
    result = run(f"--base-url={serve(APPLICATION).url}", "--pagesmoke-init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["not-found-status: expected 404, got 200", f"doubt       {doubt} one page answers*"])
    assert not (pytester.path / "pagesmoke.toml").exists()


def test_an_application_whose_worker_answers_is_healthy(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    (pytester.path / "functions").mkdir()
    (pytester.path / "functions" / "health.js").touch()
    site = serve({**APPLICATION, "/api/health": Reply.json('{"ok":true}')})
    assert run(f"--base-url={site.url}", "--pagesmoke-init").ret == 0
    assert pinned(pytester.path)[:3] == ["spa = true", 'pages = ["/"]', 'health = ["/api/health"]']


@pytest.mark.parametrize(
    ("replies", "health"),
    [
        ({"/health": Reply(200, "OK\n", {"content-type": "text/plain"})}, '[{ path = "/health", text = "OK" }]'),
        ({"/healthz": Reply(204)}, '[{ path = "/healthz", status = 204 }]'),
        (
            {"/api/status": Reply.json('{"state":"running","db":true,"version":"1.2","env":"production","up_s":7}')},
            '[{ path = "/api/status", expect = { state = "running", db = true } }]',
        ),
        ({"/api/health": Reply.json('{"n":1}'), "/health": Reply.json('{"ok":true}')}, '["/health"]'),
        (
            {
                "/api/health/status": Reply.html(HOME),
                "/api/health": Reply.json("{}", 401),
                "/health": Reply.json('{"ok":true}'),
            },
            '["/health"]',
        ),
    ],
)
def test_health_as_it_is_said(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, replies: dict[str, Reply], health: str
) -> None:
    url = serve({"/": Reply.html("<!doctype html><title>Home</title>"), **replies}).url
    assert run(f"--base-url={url}", "--pagesmoke-init").ret == 0
    assert f"health = {health}" in pinned(pytester.path)
    run("pagesmoke.toml", f"--base-url={url}").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("Sign in", "/account"),
        ("Log in to your account", "/account"),
        ("LOGIN", "/account"),
        ("Signing off", None),
        ("Blog in", None),
    ],
)
def test_the_login_page_is_the_one_that_a_link_names(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, name: str, login: str | None
) -> None:
    home = Reply.html(f"<!doctype html><title>Home</title><a href='/account?next=/'> <b>{name}</b></a>")
    run(f"--base-url={serve({'/': home, '/account': Reply.html(LOGIN)}).url}", "--pagesmoke-init")
    assert (f'pages = ["/", "{login}"]' if login else 'pages = ["/"]') in pinned(pytester.path)


def test_a_targets_address_is_kept(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """But for this machine's own: they are of today alone."""
    site = serve(GOOD_SITE)
    result = run(
        f"--pagesmoke=here={site.url}",
        f"--pagesmoke=there={site.url.replace('127.0.0.1', '127.1')}",
        "--pagesmoke-init",
    )
    assert result.ret == 0
    assert pinned(pytester.path)[-2:] == ["[targets.there]", f'url = "{site.url.replace("127.0.0.1", "127.1")}"']
    result.stdout.fnmatch_lines([f"next        pytest pagesmoke.toml --base-url={site.url} --pagesmoke=there"])


def test_a_password_is_written_nowhere(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve({**GOOD_SITE, "/api/health/status": Reply.json('{"ok":true,"you":"hunter2-hunter2"}')})
    address = site.url.replace("http://127.0.0.1", "http://me:hunter2-hunter2@127.1")
    result = run("-p", "no:base_url", f"--pagesmoke=x={address}", "--pagesmoke-init")
    assert result.ret == 0
    text = (pytester.path / "pagesmoke.toml").read_text()
    assert "hunter2" not in text + result.stdout.str() + result.stderr.str()
    assert 'headers = { Authorization = "${PAGESMOKE_AUTHORIZATION}" }' in text
    assert run("--pagesmoke=x").ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.setenv("PAGESMOKE_AUTHORIZATION", "Basic bWU6aHVudGVyMi1odW50ZXIy")
    run("--pagesmoke=x").assert_outcomes(passed=4)


def test_the_build_output_alone(pytester: pytest.Pytester, run: Pytest) -> None:
    (pytester.mkdir("build") / "index.html").write_text(HOME)
    result = run("--pagesmoke=./build/", "--pagesmoke-init")
    assert result.ret == 0
    assert pinned(pytester.path) == ["[dist]", 'path = "build"', 'worker = "forbidden"']
    run("--pagesmoke=dist").assert_outcomes(passed=3)


def test_an_empty_folder_is_no_build_output_unless_it_is_named(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.mkdir("dist")
    assert run("--pagesmoke=dist", "--pagesmoke-init").ret == 1
    assert run(f"--base-url={serve(GOOD_SITE).url}", "--pagesmoke-init").ret == 0
    assert "[dist]" not in pinned(pytester.path)


# Nothing is written.


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({"*": Reply(503)}, "page-status: expected 200, got 503"),
        ({"/": Reply.html(HOME), "*": Reply(500)}, "*-status: expected *, got 500"),
        (
            {"/": Reply.html(HOME), "/health": Reply.json('{"ok":true,"db":"down"}')},
            'health-unhealthy: *got db: "down"',
        ),
        ({"/": Reply.html(HOME), "/health": Reply.json('{"ok":true}', 503)}, "health-status: expected 200, got 503"),
        (
            {"/": Reply.html("<!doctype html><title>Home</title><script src=/app.js></script>")},
            "asset-status: expected 200, got 404",
        ),
        (
            {"*": Reply(302, "", {"location": "https://team.cloudflareaccess.com/cdn-cgi/access/login/x"})},
            "access-login: *",
        ),
    ],
)
def test_a_broken_site_is_never_pinned(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, replies: dict[str, Reply], said: str
) -> None:
    result = run(f"--base-url={serve(replies).url}", "--pagesmoke-init")
    assert result.ret == 1
    result.stdout.fnmatch_lines([said, "pagesmoke: what is there is broken (above), so nothing was written*"])
    assert not (pytester.path / "pagesmoke.toml").exists()


def test_a_home_page_that_leads_elsewhere(serve: Serve, run: Pytest) -> None:
    result = run(f"--base-url={serve({'/': Reply(302, '', {'location': '/en/'})}).url}", "--pagesmoke-init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["doubt       the home page leads to another page; if that is right, *redirects = *"])


def test_what_no_settings_can_hold_is_said(pytester: pytest.Pytester, run: Pytest) -> None:
    (pytester.mkdir("a${B}") / "index.html").write_text(HOME)
    result = run("--pagesmoke=./a${B}/", "--pagesmoke-init")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*what was found cannot be written down: dist.path = *"])
    assert not (pytester.path / "pagesmoke.toml").exists()


def test_a_dead_site(pytester: pytest.Pytester, run: Pytest) -> None:
    result = run("--base-url=http://127.0.0.1:1", "--pagesmoke-init")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["unreachable: *connection refused*"])
    assert not (pytester.path / "pagesmoke.toml").exists()


@pytest.mark.parametrize("name", ["pagesmoke.toml", "pyproject.toml"])
def test_a_file_that_is_there_is_never_written_over(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, name: str
) -> None:
    (pytester.path / name).write_text("[tool.pagesmoke]\n")
    site = serve(GOOD_SITE)
    result = run(f"--base-url={site.url}", "--pagesmoke-init")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{name} is there already*"])
    assert (pytester.path / name).read_text() == "[tool.pagesmoke]\n"
    assert site.asked == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "*--pagesmoke-init looks at a site or a build output: add --base-url=URL or --pagesmoke=WHAT"),
        (["--pagesmoke=nowhere"], "*nowhere: is neither an address nor a known name*"),
        (["--base-url="], "*--base-url is empty*"),
    ],
)
def test_wrong_options(run: Pytest, args: list[str], said: str) -> None:
    result = run(*args, "--pagesmoke-init")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


def test_no_test_is_run(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile("raise SystemExit")
    result = run_both(f"--base-url={serve(GOOD_SITE).url}", "--pagesmoke-init")
    assert result.ret == 0
    assert "collected" not in result.stdout.str()
