"""Secrets are planted in every way in which a run comes by them, and sought in everything that it writes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from kit import Pytest, Reply, Serve

#: Whose value is secret, and what of it no output may hold.
ACCESS, COOKIE, PASSWORD, LAID_OVER, KEY = (
    "4f1c9e/+ 27d0b8=36a5&x\"'<é>-access",
    "c00kie-0f-8d2e6b174ac95f30",
    "p4ss:w0rd/@-6e1f0c9a27b3d845",
    "l41d-0ver-5b8e2d7f90c1a364",
    "k3y-of-an-api-1f7a9c3e5b2d8046",
)
ENCODED = quote(PASSWORD, safe="")
SECRETS = (ACCESS, COOKIE, PASSWORD, LAID_OVER, KEY)
#: What holds them, to be read by the run, and is no output of it.
PLANTED = {"conftest.py", "pagesmoke.toml", "test_own.py"}
PART = 12

SETTINGS = """
pages = ["/", "/echo"]
health = [{{ path = "/health", expect = {{ token = "no" }} }}]
answers = [{{ path = "/json", contains = "not there", json = {{ a = 1 }}, headers = {{ x-echo = "no" }} }}]
build = {{ path = "/json", json = "token" }}
redirects = [{{ path = "/away", to = "/there" }}]
[targets.x]
url = "{url}"
headers = {{ CF-Access-Client-Id = "id-of-access", CF-Access-Client-Secret = "${{ACCESS}}", Cookie = "session=${{COOKIE}}", X-Own = "${{KEY}}" }}
"""
CONFTEST = """
import pytest
@pytest.fixture(scope="session")
def pagesmoke_headers(): return {{"Authorization": "Bearer {laid_over}"}}
"""
OWN = """
import logging, os, pytest, warnings
def test_printed(pagesmoke_client):
    print(pagesmoke_client.get("/echo").text[:4000])
def test_own(pagesmoke_client, pagesmoke_target, pagesmoke_headers, caplog):
    access, headers = os.environ["ACCESS"], dict(pagesmoke_client.headers)
    said = pagesmoke_client.get("/echo")
    text, parts = said.text, said.text.split("|")
    logging.getLogger("own").error("it said %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.exception("it failed")
    warnings.warn(f"it said {text}")
    print(text, headers)
    assert parts == [access, "something else"]
@pytest.mark.parametrize("token", [os.environ["COOKIE"], "other"])
def test_param(pagesmoke_client, token, record_testsuite_property):
    record_testsuite_property("token", token)
    assert pagesmoke_client.get("/echo?x=" + os.environ["KEY"]).headers["x-echo"] == os.environ["KEY"]
"""


def forms(secret: str) -> set[str]:
    """How a server, or a log, may show it: plain, for an address, in base64, in that behind a user's name."""
    plain = secret.encode()
    encoded = (base64.b64encode(plain), base64.urlsafe_b64encode(plain), base64.b64encode(b"user:" + plain))
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), *(text.decode() for text in encoded)}


def parts(text: str) -> Iterator[str]:
    yield from (text[at : at + PART] for at in range(len(text) - PART + 1))


def found_in(text: str) -> set[str]:
    """The parts of secrets that stand in a text."""
    shown = (form.removeprefix("dXNlcjo") for secret in SECRETS for form in forms(secret))  # "user:" is none
    return {part for form in shown for part in parts(form) if part in text}


def leaks(outputs: dict[str, str], *, whole: bool = False) -> dict[str, set[str]]:
    """What each output holds of secrets: parts; of the JSON report whole ones, as what a server cut out of them may be a part of its page, too."""
    forms_ = {form for secret in SECRETS for form in forms(secret)}
    found = {
        name: {form for form in forms_ if form in text} if whole or name.endswith(".json") else found_in(text)
        for name, text in outputs.items()
    }
    return {name: parts for name, parts in found.items() if parts}


def echo(path: str) -> Reply:
    """All that is secret, in each form, whole and cut; in the body, in headers, and where it leads."""
    each = [*SECRETS, *(form for secret in SECRETS for form in sorted(forms(secret)))]
    cut = [part for secret in (COOKIE, LAID_OVER) for part in (secret[:16], secret[5:21], secret[-16:])]
    said = "|".join([*cut, *each])
    in_header = quote("|".join([*cut, *SECRETS]), safe="|:/@")
    headers = {"x-echo": in_header, "server": in_header, "set-cookie": f"a={quote(COOKIE)}", "cf-ray": quote(ACCESS)}
    if path == "/away":
        return Reply(302, said, {**headers, "location": f"https://user:{ENCODED}@a.example/?q={in_header}"})
    if path in ("/json", "/health"):
        return Reply.json('{"status": "down", "token": "' + said.replace('"', '\\"') + '"}', 200, x_echo=in_header)
    return Reply(
        200 if path == "/" else 500,
        f"<!doctype html><title>{said}</title>{said}",
        {**headers, "content-type": "text/html"},
    )


@pytest.fixture
def planted(pytester: pytest.Pytester, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project whose every secret its site gives back; the option that checks it, with a password in its address."""
    url = serve(echo).url
    pytester.makeconftest(CONFTEST.format(laid_over=LAID_OVER))
    pytester.makepyfile(test_own=OWN)
    Path("pagesmoke.toml").write_text(SETTINGS.format(url=url))
    for name, value in {"ACCESS": ACCESS, "COOKIE": COOKIE, "KEY": KEY}.items():
        monkeypatch.setenv(name, quote(value) if name == "ACCESS" else value)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "step_summary.md"))
    return f"--pagesmoke=y={url.replace('//', f'//user:{ENCODED}@')}"


def written() -> dict[str, str]:
    """Every file below the run's folder that it wrote, the cache of pytest among them."""
    files = (file for file in Path().rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {
        file.as_posix(): file.read_bytes().decode(errors="replace")
        for file in files
        if file.name not in PLANTED and "runpytest-" not in file.as_posix()
    }


OUTPUTS = {
    "junit.xml",
    "report.json",
    "report.md",
    "step_summary.md",
    "log.txt",
    ".pytest_cache/v/cache/lastfailed",
    ".pytest_cache/v/cache/nodeids",
}
LOUD = ["-vv", "--showlocals", "-rA", "--durations=0", "-W", "always"]
FILES = [
    "--junitxml=junit.xml",
    "-o",
    "junit_logging=all",
    "--pagesmoke-report=report.json",
    "--pagesmoke-report=report.md",
]
LOGS = [
    "--log-level=DEBUG",
    "--log-file=log.txt",
    "--log-file-level=DEBUG",
    "--log-cli-level=DEBUG",
    "-o",
    "log_cli=true",
]


def test_the_seeker_finds_what_is_there() -> None:
    for secret in SECRETS:
        assert all(found_in(f"x{form[-PART:]}y") for form in forms(secret))
    assert not found_in("nothing of it, but *** and id-of-access")


def test_no_output_holds_a_part_of_a_secret(planted: str, run_both: Pytest) -> None:
    result = run_both("--pagesmoke=x", planted, *LOUD, *FILES, *LOGS)
    assert result.ret == 1
    outputs = {**written(), "stdout": result.stdout.str(), "stderr": result.stderr.str()}
    assert outputs.keys() >= OUTPUTS
    assert leaks(outputs) == {}
    for name in OUTPUTS - {
        ".pytest_cache/v/cache/nodeids",
        ".pytest_cache/v/cache/lastfailed",
        "step_summary.md",
        "report.md",
    }:
        assert "***" in outputs[name], f"{name}: nothing of what was given back reached it"
    assert "::error " in outputs["stdout"]
    assert "curl " in outputs["stdout"]
    assert "Captured log call" in outputs["stdout"]


@pytest.mark.parametrize("option", ["--setup-show", "--setup-plan", "--collect-only", "--fixtures"])
def test_nor_does_what_pytest_shows_of_fixtures(planted: str, run: Pytest, option: str) -> None:
    """But for parameters that a test's own author gave it, which pytest shows as they are."""
    result = run("--pagesmoke=x", planted, option, "-vv", "-k", "not test_param")
    shown = result.stdout.str() + result.stderr.str() + "".join(written().values())
    assert "pagesmoke_" in shown or "test_page" in shown
    assert not found_in(shown)


def test_nor_does_a_comparison_a_replay_or_one_that_waits(planted: str, run: Pytest, serve: Serve) -> None:
    other = serve(lambda path: Reply.html(f"other {path}"))
    for options in (
        ["--pagesmoke=x", planted, f"--pagesmoke-same-as={other.url}", "--pagesmoke-report=report.json"],
        ["--pagesmoke-replay=report.json"],
        ["--pagesmoke=x", planted, "--pagesmoke-settle=1"],
        ["--pagesmoke=x", planted, f"--pagesmoke-build={KEY}"],
        ["--pagesmoke=x", f"--base-url=http://user:{ENCODED}@127.0.0.1:1/?a"],
    ):
        result = run(*options, "-vv", "--showlocals", *FILES[:3])
        assert result.ret in (1, 4, 5)
        outputs = {**written(), "stdout": result.stdout.str(), "stderr": result.stderr.str()}
        # Who judges a report again need not have the secrets.
        assert leaks(outputs, whole="--pagesmoke-replay=report.json" in options) == {}, options


#: What shares twelve characters and more with cookies that people have: a moment, the site's own address.
DATED = """
pages = [{{ path = "/", contains = "Built 2026-11-28T11:22:31Z" }}]
health = [{{ path = "/health", expect = {{ status = "ok", version = "v2026-11-28T11:22" }} }}]
[targets.x]
url = "{url}"
headers = {{ Cookie = "consent=2026-11-28T10%3A00%3A00; return_to={quoted}%2Fdashboard; sid=9f8e7d6c5b4a39281706" }}
"""


def test_a_site_that_shares_words_with_a_secret_is_judged_alike(serve: Serve, run: Pytest) -> None:
    """Live, again, and beside its own report; and its address, and commands with it, stay whole."""
    replies = {
        "/": Reply.html("<title>Home</title>Built 2026-11-28T11:22:31Z"),
        "/health": Reply.json('{"status":"ok","version":"v2026-11-28T11:22"}', cache_control="no-store"),
    }
    url = serve(replies).url
    Path("pagesmoke.toml").write_text(DATED.format(url=url, quoted=quote(url, safe="")))
    files = ("--pagesmoke-report=r.json", "--pagesmoke-report=r.md")
    assert run("--pagesmoke=x", *files).ret == 0
    assert f"| x | <{url}> | **GOOD** |" in Path("r.md").read_text("utf-8")
    assert run("--pagesmoke-replay=r.json").ret == 0
    assert run("--pagesmoke=x", "--pagesmoke-same-as=r.json").ret == 0
    broken = serve({})
    run("--pagesmoke=x", f"--pagesmoke=y={broken.url}", "--pagesmoke-report=r.md")
    assert f"--pagesmoke=y={broken.url}\n" in Path("r.md").read_text("utf-8")


def test_a_projects_own_tests_see_their_logs_as_they_are(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    """Records, and what caplog has of them: a test that nothing secret is logged must be able to fail."""
    pytester.makepyfile(
        """
        import logging
        log = logging.getLogger("own")
        def test_text(caplog):
            log.error("connect %s", "postgres://app:hunter2@db/x?token=abcdefghijkl")
            assert "hunter2" in caplog.text and "abcdefghijkl" in caplog.text
        def test_records(caplog):
            log.error("\\x1b[2J::1 %s %d", "/a?token=abcdefghijkl", 200)
            log.error({"event": "x", "url": "/a?token=abcdefghijkl"})
            one, other = caplog.records
            assert one.args == ("/a?token=abcdefghijkl", 200)
            assert one.getMessage() == "\\x1b[2J::1 /a?token=abcdefghijkl 200"
            assert other.msg["event"] == "x"
        """
    )
    options = ("--log-cli-level=DEBUG", "--log-file=log.txt", "-rA")
    result = run_both(*options, f"--pagesmoke=x={serve(lambda _: Reply(404)).url}", "-k", "own or text or records")
    result.assert_outcomes(passed=2)
    shown = result.stdout.str() + "".join(file.read_text() for file in Path().glob("log.txt"))
    assert "hunter2" not in shown
    assert "abcdefghijkl" not in shown
    assert "\x1b[2J" not in shown


def test_what_a_tests_own_objects_hold_stays(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """A property may be of any kind, and of an object that is asked with afterwards. (Under xdist pytest itself takes plain ones alone.)"""
    pytester.makepyfile(
        """
        import dataclasses, pytest, sys, typing
        @dataclasses.dataclass
        class Cfg:
            url: str
            more: object = None
        @dataclasses.dataclass(slots=True)
        class Slots: x: str
        class Named(typing.NamedTuple): x: str
        CFG = Cfg("https://x/?token=abcdefghijkl")
        CFG.more = CFG
        @pytest.mark.parametrize("value", [sys.version_info, Slots("x"), Named("https://x/?token=abcdefghijkl"), CFG, 1, None, {"a": 1}], ids=range(7))
        def test_own(record_property, value):
            record_property("it", value)
        def test_after(): assert CFG.url == "https://x/?token=abcdefghijkl"
        """
    )
    result = run(f"--pagesmoke=x={serve(lambda _: Reply(404)).url}", "--junitxml=junit.xml", "-k", "own or after")
    result.assert_outcomes(passed=8)
    assert "abcdefghijkl" not in Path("junit.xml").read_text()
    assert Path("junit.xml").read_text().count("token=***") == 2


def test_ids_of_tests_that_are_run_for_a_secret(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Struck, and told apart; a word that is a password by chance is a word."""
    pytester.makepyfile(
        test_own=f"""
        import enum, pytest, re
        @pytest.mark.parametrize("it", ["{COOKIE}", "a {COOKIE} b", "{COOKIE}", "password", 1, "{COOKIE[:7]}"])
        def test_own(it): pass
        class E(enum.Enum):
            A = 1
            def __str__(self): return "{COOKIE}"
        @pytest.mark.parametrize("it", [b"{COOKIE}", re.compile("{COOKIE}"), E.A, "/?access_token=abcdefghijkl", E])
        def test_other(it): pass
        """
    )
    url = serve(lambda _: Reply(404)).url
    Path("pagesmoke.toml").write_text(
        f'[targets.x]\nurl = "{url.replace("//", "//user:pass@")}"\nheaders = {{ Cookie = "sid={COOKIE}" }}'
    )
    result = run_both("test_own.py", "--pagesmoke=x", "-v")
    result.assert_outcomes(passed=11)
    assert not found_in(result.stdout.str())
    assert "abcdefghijkl" not in result.stdout.str()
    assert "test_own.py::test_other[E]" in result.stdout.str()
    for name in ("***0", "a *** b", "***1", "password", "1", COOKIE[:7]):
        assert f"test_own.py::test_own[{name}]" in result.stdout.str()


def test_properties_that_are_none_are_left_to_who_reads_them(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """pytest looks at them only where it writes XML."""
    pytester.makepyfile(
        test_own="""
        class Bad:
            def __str__(self): raise RuntimeError("of its own")
        def test_own(request):
            request.node.user_properties += [("bad", Bad()), {"case": 1}, ("a", "b", "c")]
        """
    )
    run("test_own.py", f"--pagesmoke=x={serve(lambda _: Reply(404)).url}").assert_outcomes(passed=1)


def test_a_project_may_set_the_colours_of_its_live_log(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import logging
        def pytest_sessionstart(session):
            logs = session.config.pluginmanager.get_plugin("logging-plugin")
            logs.log_cli_handler.formatter.add_color_level(logging.INFO, "cyan")
        """
    )
    option = f"--pagesmoke=x={serve(lambda _: Reply(404)).url}"
    pytester.makepyfile(test_own="import logging\ndef test_own(): logging.info('it goes on')")
    result = run(option, "-o", "log_cli=true", "--log-cli-level=INFO", "--color=yes")
    assert result.ret == 1
    assert "\x1b[36mINFO" in result.stdout.str()
