"""Small inputs made after public reports of people who deploy to Pages: each folder's case.toml says what happened to them."""

from __future__ import annotations

import itertools
import re
import shutil
import time
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kit import SCALE, Pytest, Reply, Serve, Site

HERE = Path(__file__).parent
CHECKLIST = ("page[/]", "page[/login]", "health", "asset")

#: The built-in checks that must fail, by rule, and the cause (None: the report names none, or none that exists yet); what is not named must pass.
SERVERS: Mapping[str, tuple[Mapping[str, str], str | None]] = {
    "health-200-but-error": ({"health[/api/health]": "health-unhealthy"}, None),
    "health-503-degraded": ({"health[/api/health]": "health-status"}, None),
    "health-cached": ({"health[/api/health]": "health-cached"}, None),
    "health-database-false": ({"health[/api/health]": "health-unhealthy"}, None),
    "health-status-ok": ({}, ""),
    "health-text-ok": ({"health[/api/health]": "health-not-json"}, None),
    "health-uppercase": ({}, ""),
    "ci-known-bad-stops-waiting": (dict.fromkeys(CHECKLIST, "access-login"), "behind-access"),
    "health-wrong-commit": ({"health[/api/health/version]": "health-unhealthy"}, "wrong-build"),
    "srv-access-302": (dict.fromkeys(CHECKLIST, "access-login"), "behind-access"),
    "srv-api-must-be-401": ({}, ""),
    "srv-bot-challenge": (dict.fromkeys(CHECKLIST, "bot-challenge"), "challenged"),
    "srv-deployment-not-found": ({"page[/]": "page-status"}, "no-such-deployment"),
    "srv-fallback-health": (
        {"page[/login]": "page-is-fallback", "health": "health-not-json", "asset": "asset-type"},
        "fallback-for-worker",
    ),
    "srv-ghost-file": ({"not_found[/private/price-list.pdf]": "not-found-status"}, "stale-cache"),
    "srv-login-pretty-url": ({}, ""),
    "srv-placeholder-200": (dict.fromkeys(CHECKLIST[:2], "placeholder"), "no-such-deployment"),
    "srv-script-type-lies": ({"asset[/assets/app-a1b2c3.js]": "asset-type"}, "stale-cache"),
    "srv-spa-ok": ({}, ""),
    "srv-stale-cache-stays": ({"page[/]": "page-content"}, "stale-cache"),
    "srv-stale-index-settles": ({"linked[/]": "linked-missing"}, ""),
    "srv-worker-1101": (dict.fromkeys(CHECKLIST, "worker-exception"), "worker-throws"),
}
#: The exit status, and a line that is said: of the target `preview` that the settings declare.
SETTINGS = {
    "set-access-optional": (0, "preview * GOOD *"),
    "set-secret-with-newline": (
        4,
        "*: targets.preview.headers.CF-Access-Client-Secret (from $CF_ACCESS_CLIENT_SECRET): has a line break*",
    ),
    "set-url-empty": (4, "*: targets.preview.url = *: the environment variable PREVIEW_URL is not set, or empty"),
    "set-url-with-suffix": (4, '*: targets.preview.url = "${PREVIEW_URL}" (now "preview*"): *right would be https://*'),
    "srv-access-token-refused": (1, "*hint *a service token was sent and refused*Service Auth*expired*"),
}
#: With `--pagesmoke-settle=SECONDS`: what must still fail, and at most how many requests it takes to know; times are scaled.
SETTLING: Mapping[str, tuple[int, Mapping[str, str], int]] = {
    "srv-per-machine": (30, {}, 100),
    "srv-stale-index-settles": (20, {}, 100),
    "ci-known-bad-stops-waiting": (300, dict.fromkeys(CHECKLIST, "access-login"), 6),
}
#: Compared with `server-other.toml`: what must fail, the cause, and what is said besides.
COMPARED: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "srv-production-not-updated": ({"same_as[/]": "same-as-differs"}, "wrong-build", "*--branch*production branch*"),
    "srv-email-obfuscation": ({}, "", "warning *email-protection*"),
}
BUILD_OUTPUTS = {
    "dist-empty-after-cache-miss": {"dist": "dist-empty", "worker": "worker-missing", "routes": "routes-missing"},
    "dist-worker-folder-ok": {},
    "dist-worker-misnamed": {"worker": "worker-missing"},
    "dist-worker-node-import-allowed": {},
    "dist-worker-small-and-good": {},
}

#: Tried in tests/plugin: wrangler's files, and what stands in other tools' outputs.
ELSEWHERE = {"ci-flaky-pass-in-junit", "ci-output-file-records", "ci-wrangler-exit-0"}

SetUp = Callable[[str], Site]
SECRET = "not-a-real-secret"  # of set-secret-with-newline


@pytest.fixture
def set_up(serve: Serve, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    """Lay a case into the folder of the run, set its variables, start its server, and let the settings' addresses lead there."""
    monkeypatch.setenv("CF_ACCESS_CLIENT_ID", "id.access")
    monkeypatch.setenv("CF_ACCESS_CLIENT_SECRET", SECRET)

    def lay(name: str) -> Site:
        shutil.copytree(HERE / name, pytester.path, dirs_exist_ok=True)
        for file in _read(name, "case.toml").get("generate", []):
            _generate(pytester.path, file)
        for variable, value in _read(name, "environment.toml").items():
            monkeypatch.setenv(variable, value)
        site = _start(serve, _read(name, "server.toml").get("answer", []))
        if (settings := pytester.path / "pagesmoke.toml").exists():
            settings.write_text(re.sub(r"https://[\w.-]+", site.url, settings.read_text()))
        return site

    return lay


def test_every_case_is_tried() -> None:
    tried = SERVERS.keys() | SETTLING.keys() | COMPARED.keys() | SETTINGS.keys() | BUILD_OUTPUTS.keys() | ELSEWHERE
    assert {path.parent.name for path in HERE.glob("*/case.toml")} == tried


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(name: str, set_up: SetUp, run: Pytest) -> None:
    wanted, cause = SERVERS[name]
    site = set_up(name)
    result = run(f"--pagesmoke=x={site.url}", "--pagesmoke-report=report.json")
    assert result.ret == bool(wanted)
    assert _failed(result) == {_id(check): rule for check, rule in wanted.items()}
    causes = [line.split()[1] for line in result.outlines if line.startswith("cause ")]
    assert cause is None or causes == ([f"{cause}:"] if cause else [])

    asked = len(site.asked)
    again = run("--pagesmoke-replay=report.json")
    assert (again.ret, _failed(again), again.parseoutcomes()) == (result.ret, _failed(result), result.parseoutcomes())
    assert len(site.asked) == asked
    if not wanted:
        same = run(f"--pagesmoke=x={site.url}", "--pagesmoke-same-as=report.json")
        assert (same.ret, _failed(same)) == (0, {})
        assert same.parseoutcomes()["passed"] > result.parseoutcomes()["passed"]


@pytest.mark.usefixtures("scaled")
@pytest.mark.parametrize("name", SETTLING)
def test_a_server_that_is_waited_for(name: str, set_up: SetUp, run: Pytest) -> None:
    seconds, wanted, most = SETTLING[name]
    site = set_up(name)
    result = run(f"--pagesmoke=x={site.url}", f"--pagesmoke-settle={seconds}")
    assert result.ret == bool(wanted)
    assert _failed(result) == {_id(check): rule for check, rule in wanted.items()}
    assert len(site.asked) <= most
    late = [line for line in result.outlines if line.startswith(("retried ", "flapped "))]
    assert bool(late) == (not wanted)


@pytest.mark.parametrize("name", COMPARED)
def test_a_server_and_another_one(
    name: str, set_up: SetUp, serve: Serve, pytester: pytest.Pytester, run: Pytest
) -> None:
    wanted, cause, said = COMPARED[name]
    site, other = set_up(name), _start(serve, _read(name, "server-other.toml")["answer"])
    with (pytester.path / "pagesmoke.toml").open("a") as settings:
        settings.write('\n[targets.x]\nkind = "production"\n')  # what is on loopback is taken for a server of one's own
    result = run(f"--pagesmoke=x={site.url}", f"--pagesmoke-same-as={other.url}")
    assert result.ret == bool(wanted)
    assert _failed(result) == {_id(check): rule for check, rule in wanted.items()}
    assert [line.split()[1] for line in result.outlines if line.startswith("cause ")] == [f"{cause}:"] * bool(cause)
    result.stdout.fnmatch_lines([said])


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str, set_up: SetUp, run: Pytest) -> None:
    status, line = SETTINGS[name]
    site = set_up(name)
    result = run("--pagesmoke=preview")
    assert result.ret == status
    (result.stderr if status == pytest.ExitCode.USAGE_ERROR else result.stdout).fnmatch_lines([line])
    assert bool(site.asked) == (status != pytest.ExitCode.USAGE_ERROR)
    assert SECRET not in f"{result.stdout}{result.stderr}"


@pytest.mark.parametrize("name", BUILD_OUTPUTS)
def test_a_build_output(name: str, set_up: SetUp, run: Pytest) -> None:
    set_up(name)
    result = run("--pagesmoke=dist")
    assert result.ret == bool(BUILD_OUTPUTS[name])
    assert _failed(result) == {f"test_dist[{part}]": rule for part, rule in BUILD_OUTPUTS[name].items()}


# What else the reports ask for: the hint, or the same input under other settings.


def test_a_misnamed_worker_is_named_in_the_hint(set_up: SetUp, run: Pytest) -> None:
    set_up("dist-worker-misnamed")
    run("--pagesmoke=dist").stdout.fnmatch_lines(["*hint *worker.js stands beside it*"])


def test_a_small_worker_is_too_small_for_the_checklist(set_up: SetUp, pytester: pytest.Pytester, run: Pytest) -> None:
    set_up("dist-worker-small-and-good")
    (pytester.path / "pagesmoke.toml").unlink()
    assert _failed(run("--pagesmoke=dist")) == {"test_dist[worker]": "worker-too-small"}


def test_the_failing_part_of_a_health_answer_is_shown(set_up: SetUp, run: Pytest) -> None:
    site = set_up("health-503-degraded")
    run(f"--pagesmoke=x={site.url}").stdout.fnmatch_lines(['  body *"missing":[[]"QUEUE_URL"]*'])


def test_health_in_plain_text_can_be_declared(set_up: SetUp, pytester: pytest.Pytester, run: Pytest) -> None:
    site = set_up("health-text-ok")
    (pytester.path / "pagesmoke.toml").write_text('health = [{ path = "/api/health", text = "ok" }]')
    assert run(f"--pagesmoke=x={site.url}").ret == 0


def test_an_open_door_is_found(set_up: SetUp, serve: Serve, run: Pytest) -> None:
    set_up("srv-api-must-be-401")
    result = run(f"--pagesmoke=x={serve({'*': Reply.json('[]')}).url}")
    assert _failed(result) == {"test_answer[x-/api/log]": "answer-status"}


@pytest.mark.parametrize(("value", "sent"), [("", 0), (SECRET, 2)])
def test_empty_secrets_are_not_sent(
    value: str, sent: int, set_up: SetUp, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = set_up("set-access-optional")
    monkeypatch.setenv("CF_ACCESS_CLIENT_ID", value)
    monkeypatch.setenv("CF_ACCESS_CLIENT_SECRET", value)
    assert run("--pagesmoke=preview").ret == 0
    assert [sum(name.startswith("cf-access-") for name in headers) for *_, headers in site.asked] == [sent]


def _id(check: str) -> str:
    paths = {"health": "/api/health/status", "asset": "/static/app.js"}
    name, _, path = check.rstrip("]").partition("[")
    return f"test_{name}[x-{path or paths[name]}]"


def _failed(result: pytest.RunResult) -> dict[str, str]:
    lines = [line.removeprefix("FAILED pagesmoke.toml::") for line in result.outlines if line.startswith("FAILED ")]
    return {test: message.partition(":")[0] for test, _, message in (line.partition(" - ") for line in lines)}


def _read(name: str, file: str) -> dict[str, Any]:
    path = HERE / name / file
    return tomllib.loads(path.read_text()) if path.exists() else {}


def _start(serve: Serve, answers: list[Mapping[str, Any]]) -> Site:
    begin = cache(time.monotonic)  # the first request: how long pytest takes to start does not count
    count = itertools.count(1)

    def fits(answer: Mapping[str, Any], path: str, number: int) -> bool:
        wanted: str = answer["path"]
        return (
            (path == wanted or (wanted.endswith("*") and path.startswith(wanted[:-1])))
            and ("when" not in answer or sends(path, **answer["when"]))
            and site.paths.count(path) <= answer.get("times", float("inf"))
            and time.monotonic() - begin() <= answer.get("until_s", float("inf")) / SCALE
            and number % answer.get("every", 1) == 0
        )

    def sends(path: str, header: str, matches: str) -> bool:
        headers = next(headers for _, asked, headers in reversed(site.asked) if asked == path)
        return header in headers and re.search(matches, headers[header]) is not None

    def respond(path: str) -> Reply:
        number = next(count)
        answer = next((answer for answer in answers if fits(answer, path, number)), None)
        return Reply(answer["status"], answer.get("body", ""), answer.get("headers", {})) if answer else Reply(404)

    return (site := serve(respond))


def _generate(folder: Path, file: Mapping[str, Any]) -> None:
    path = folder / file["path"]
    if file.get("folder"):
        path.mkdir(parents=True)
        return
    begins = file.get("begins", "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(begins + "// " + "x" * (file["bytes"] - len(begins) - 3))
