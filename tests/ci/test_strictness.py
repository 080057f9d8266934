"""What runs the examples refuses what it does not know: else a job could be added that nobody runs, or a condition that nobody meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ci import github, gitlab
from ci.cloudflare import Cloudflare
from ci.expressions import Value, by_table, evaluate, filled_in, holds
from ci.machine import EXAMPLES, Machine
from ci.roads import SECRETS


class Idle(Machine):
    """One that does nothing, successfully."""

    def check_out(self, ref: str, workspace: Path) -> None:
        pass

    def shell(
        self, command: Sequence[str], script: str, workspace: Path, environment: Mapping[str, str]
    ) -> tuple[int, str]:
        del command, script, environment
        for folder in ("dist", "reports"):
            (workspace / folder).mkdir(exist_ok=True)
            (workspace / folder / "file").touch()
        return 0, ""


def workflow(folder: Path, cloudflare: Cloudflare, *change: str) -> github.Workflow:
    return github.Workflow(changed(folder, "github-actions.yml", *change), Idle(folder / "machine", cloudflare))


def pipeline(folder: Path, cloudflare: Cloudflare, *change: str) -> gitlab.Pipeline:
    return gitlab.Pipeline(changed(folder, "gitlab-ci.yml", *change), Idle(folder / "machine", cloudflare))


def changed(folder: Path, name: str, old: str, new: str) -> Path:
    """An example with one place in it changed."""
    text = (EXAMPLES / name).read_text()
    assert old in text
    (folder / "machine").mkdir()
    (folder / name).write_text(text.replace(old, new, 1))
    return folder / name


PUSH = github.Event(
    {
        "github.event_name": "push",
        "github.actor": "ada",
        "github.ref_name": "main",
        "github.event.repository.fork": False,
        "inputs.last_good_commit": None,
        "github.repository": "example/site",
        "github.sha": "1" * 40,
        "github.event.pull_request.number": None,
        "github.event.pull_request.head.sha": None,
        "github.event.pull_request.head.repo.full_name": None,
    },
    SECRETS,
)


def test_an_idle_machine_goes_the_whole_road(tmp_path: Path, cloudflare: Cloudflare) -> None:
    """So what is refused below is refused for what is changed there."""
    assert workflow(tmp_path, cloudflare, "name: pages", "name: site").run(PUSH).failed() == []


def test_a_job_that_is_added_counts(tmp_path: Path, cloudflare: Cloudflare) -> None:
    """So `all_steps` is not what has run: tests/ci/test_roads.py would say so."""
    job = "jobs:\n  more:\n    if: ${{ github.event_name == 'release' }}\n    runs-on: ubuntu-latest\n    steps:\n      - run: exit 1\n"
    workflow_ = workflow(tmp_path, cloudflare, "jobs:\n", job)
    assert ("more", 0) in workflow_.all_steps()
    assert workflow_.run(PUSH, dry=True).jobs["more"] == "skipped"


def test_an_environment_that_is_added_counts(tmp_path: Path, cloudflare: Cloudflare) -> None:
    pipeline_ = pipeline(tmp_path, cloudflare, "TARGET: [production, staging]", "TARGET: [production, staging, trial]")
    assert ("environments: [trial]", 0) in pipeline_.all_steps()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("github.event_name == 'push'", "github.event_names == 'push'"),
        ("secrets.CF_ACCESS_CLIENT_ID", "secrets.CF_ACCESS_CLIENT"),
        ("actions/checkout@v6", "actions/checkout@v3"),
        ("persist-credentials: false", "fetch-depth: 0"),
        ("timeout-minutes: 15", "continue-on-error: true"),
        ("- run: mkdir reports", "- continue-on-error: true\n        run: exit 1"),
        ("run: mkdir reports", "run: mkdir ${{ github.ref_name }}"),
        ("name: reports-preview", "name: reports-build"),
        ("needs: preview\n    if: ${{", "if: ${{ github.ref_name == 'main' &&"),
    ],
)
def test_what_is_unknown_is_refused(tmp_path: Path, cloudflare: Cloudflare, old: str, new: str) -> None:
    workflow_ = workflow(tmp_path, cloudflare, old, new)
    with pytest.raises((AssertionError, LookupError)):
        workflow_.run(PUSH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("$CI_DEFAULT_BRANCH", "$CI_DEFAULT"),
        ('"$CI_COMMIT_SHA"', '"$CI_COMMIT"'),
        ("interruptible: true", "allow_failure: true"),
    ],
)
def test_what_is_unknown_is_refused_by_the_pipeline(tmp_path: Path, cloudflare: Cloudflare, old: str, new: str) -> None:
    pipeline_ = pipeline(tmp_path, cloudflare, old, new)
    variables = {
        "CI_PIPELINE_SOURCE": "push",
        "CI_COMMIT_BRANCH": "main",
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": "1" * 40,
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": None,
        "CI_MERGE_REQUEST_PROJECT_ID": None,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": None,
    }
    with pytest.raises((AssertionError, LookupError)):
        pipeline_.run(gitlab.Trigger(variables, SECRETS))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a == 'x' && b", ""),
        ("a == 'x' || b", True),
        ("b || a", "x"),
        ("none || 'y'", "y"),
        ("a != 'x'", False),
        ("!b && !(a == 'z')", True),
        ("a == 'z' || a == 'x' && 'yes'", "yes"),
        ('$A == "x" && $A == $B', False),
        ("cancelled()", False),
    ],
)
def test_expressions(text: str, value: Value) -> None:
    table: dict[str, Value] = {"a": "x", "b": "", "none": None, "$A": "x", "$B": None, "cancelled()": False}
    assert evaluate(text, by_table(table)) == value


@pytest.mark.parametrize(("text", "filled"), [("a", "x"), ("none", ""), ("a == 'x'", "true"), ("none || a", "x")])
def test_expressions_in_a_text(text: str, filled: str) -> None:
    table: dict[str, Value] = {"a": "x", "none": None}
    assert filled_in(f"<${{{{ {text} }}}}>", by_table(table)) == f"<{filled}>"


@pytest.mark.parametrize("text", ["a == ", "a b", "(a", "a = 'x'", "unknown == 'x' && false"])
def test_expressions_that_are_refused(text: str) -> None:
    with pytest.raises((ValueError, LookupError, IndexError)):
        holds(text, by_table({"a": "x"}))
