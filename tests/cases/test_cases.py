"""Small inputs made after public reports of people who deploy to Pages: each folder's case.toml says what happened to them."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kit import Pytest, Reply, Serve

HERE = Path(__file__).parent

#: The built-in checks that must fail, by rule, and the cause; what is not named must pass.
SERVERS = {
    "srv-fallback-health": (
        {"page[/login]": "page-is-fallback", "health": "health-not-json", "asset": "asset-type"},
        "fallback-for-worker",
    ),
    "srv-access-302": (
        dict.fromkeys(("page[/]", "page[/login]", "health", "asset"), "access-login"),
        "behind-access",
    ),
    "srv-bot-challenge": (
        dict.fromkeys(("page[/]", "page[/login]", "health", "asset"), "bot-challenge"),
        "challenged",
    ),
    "srv-worker-1101": (
        dict.fromkeys(("page[/]", "page[/login]", "health", "asset"), "worker-exception"),
        "worker-throws",
    ),
}
BUILD_OUTPUTS = {
    "dist-empty-after-cache-miss": {"dist": "dist-empty", "worker": "worker-missing", "routes": "routes-missing"},
    "dist-worker-misnamed": {"worker": "worker-missing"},
    "dist-worker-small-and-good": {"worker": "worker-too-small"},
}


def test_every_case_is_tried() -> None:
    assert {path.parent.name for path in HERE.glob("*/case.toml")} == SERVERS.keys() | BUILD_OUTPUTS.keys()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(name: str, serve: Serve, run: Pytest) -> None:
    wanted, cause = SERVERS[name]
    site = serve(_answers(tomllib.loads((HERE / name / "server.toml").read_text())["answer"]))
    result = run(f"--pagesmoke=x={site.url}")
    assert result.ret == 1
    assert _failed(result) == {_id(check): rule for check, rule in wanted.items()}
    causes = [line.split()[1] for line in result.outlines if line.startswith("cause ")]
    assert causes == [f"{cause}:"]


@pytest.mark.parametrize("name", BUILD_OUTPUTS)
def test_a_build_output(name: str, pytester: pytest.Pytester, run: Pytest) -> None:
    shutil.copytree(HERE / name, pytester.path, dirs_exist_ok=True)
    for file in tomllib.loads((HERE / name / "case.toml").read_text()).get("generate", []):
        _generate(pytester.path, file)
    result = run("--pagesmoke=dist")
    assert result.ret == 1
    assert _failed(result) == {f"test_dist[{part}]": rule for part, rule in BUILD_OUTPUTS[name].items()}


def test_a_misnamed_worker_is_named_in_the_hint(pytester: pytest.Pytester, run: Pytest) -> None:
    shutil.copytree(HERE / "dist-worker-misnamed", pytester.path, dirs_exist_ok=True)
    run("--pagesmoke=dist").stdout.fnmatch_lines(["*hint *worker.js stands beside it*"])


def _id(check: str) -> str:
    paths = {"health": "/api/health/status", "asset": "/static/app.js"}
    name, _, path = check.rstrip("]").partition("[")
    return f"test_{name}[x-{path or paths[name]}]"


def _failed(result: pytest.RunResult) -> dict[str, str]:
    lines = [line.removeprefix("FAILED pagesmoke.toml::") for line in result.outlines if line.startswith("FAILED ")]
    return {test: message.partition(":")[0] for test, _, message in (line.partition(" - ") for line in lines)}


def _answers(answers: list[Mapping[str, Any]]) -> Any:
    def respond(path: str) -> Reply:
        for answer in answers:
            wanted: str = answer["path"]
            if path == wanted or (wanted.endswith("*") and path.startswith(wanted[:-1])):
                return Reply(answer["status"], answer.get("body", ""), answer.get("headers", {}))
        return Reply(404)

    return respond


def _generate(folder: Path, file: Mapping[str, Any]) -> None:
    path = folder / file["path"]
    if file.get("folder"):
        path.mkdir(parents=True)
        return
    begins = file.get("begins", "")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(begins + "// " + "x" * (file["bytes"] - len(begins) - 3))
