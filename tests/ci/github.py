"""Runs a workflow of GitHub Actions: its jobs by what they need and by their conditions, each step as the runner would.

What it does not know, it refuses: an action, one of its inputs, a key of a step, an expression without a value.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from ci.expressions import Lookup, Value, by_table, condition, filled_in, holds
from ci.machine import Machine
from ci.outcome import Job, Outcome, Step, Yaml

#: The actions that a workflow may use, with the inputs that the test knows the meaning of.
_ACTIONS = {
    "actions/checkout@v6": {"ref", "persist-credentials"},
    "actions/setup-node@v6": {"node-version", "cache"},
    "actions/setup-python@v6": {"python-version"},
    "actions/upload-artifact@v6": {"name", "path", "if-no-files-found", "include-hidden-files"},
    "actions/download-artifact@v7": {"name", "path"},
}
_KEYS = {
    "job": {"needs", "if", "strategy", "runs-on", "timeout-minutes", "environment", "steps"},
    "step": {"name", "if", "run", "uses", "with", "env"},
}
_SHELLS = {"bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"], None: ["bash", "-e"]}


@dataclass(frozen=True)
class Event:
    """What happened, as the contexts tell it; and the secrets of each environment."""

    context: Mapping[str, Value]
    secrets: Mapping[str, Mapping[str, str]]


class Workflow:
    def __init__(self, file: Path, machine: Machine) -> None:
        self._it: Yaml = YAML(typ="safe", pure=True).load(file)
        self._machine = machine
        self._shell = _SHELLS[self._it.get("defaults", {}).get("run", {}).get("shell")]
        self._start_anew()

    @property
    def artefacts(self) -> list[Path]:
        """The files that the last run uploaded, below a folder for each upload; and the summary of its steps."""
        return [file for file in self._artefacts.rglob("*") if file.is_file()]

    def all_steps(self) -> set[tuple[str, int]]:
        """Every step there is, of every job, in every shape of a matrix."""
        return {(job.title, number) for job in self._jobs() for number, _ in enumerate(job.it["steps"])}

    def run(self, event: Event, *, dry: bool = False) -> Outcome:
        """Run what the event starts; `dry` runs no step, and only tells which jobs would."""
        self._start_anew()
        outcome = Outcome()
        for job in self._jobs():
            unknown = set(job.it) - _KEYS["job"]
            assert not unknown, f"{job.title}: the test does not know {unknown}"
            contexts = self._contexts(job, event)
            needed = [outcome.jobs[one] for one in self._needs(job)]
            so_far = "success" if all(one == "success" for one in needed) else "skipped"
            if not _goes_on(job.it, contexts, so_far):
                outcome.jobs[job.title] = "skipped"
            elif dry:
                outcome.jobs[job.title] = "success"
            else:
                outcome.steps += self._run(job, contexts)
                failed = any(step.status for step in outcome.of(job.title))
                outcome.jobs[job.title] = "failure" if failed else "success"
        return outcome

    def _start_anew(self) -> None:
        self._artefacts = self._machine.workspace()
        self._uploaded_by: dict[str, str] = {}

    def _jobs(self) -> Iterator[Job]:
        """As they stand, which is in an order in which all that a job needs comes before it."""
        for name, job in self._it["jobs"].items():
            axes: Mapping[str, list[str]] = job.get("strategy", {}).get("matrix", {})
            for values in itertools.product(*axes.values()):
                title = f"{name} ({', '.join(values)})" if values else name
                yield Job(title, name, dict(zip(axes, values, strict=True)), job)

    def _needs(self, job: Job) -> list[str]:
        needs = job.it.get("needs", [])
        return [needs] if isinstance(needs, str) else needs

    def _all_needs(self, job: Job) -> set[str]:
        direct = [one for one in self._jobs() if one.id in self._needs(job)]
        return {one.title for one in direct}.union(*map(self._all_needs, direct))

    def _contexts(self, job: Job, event: Event) -> Mapping[str, Value]:
        table: dict[str, Value] = {
            **event.context,
            **{f"matrix.{axis}": value for axis, value in job.matrix.items()},
        }
        # A job without an environment has none of these secrets: not even empty ones, here.
        environment = filled_in(job.it.get("environment", ""), by_table(table))
        table |= {f"secrets.{name}": value for name, value in event.secrets.get(environment, {}).items()}
        return table | {
            f"env.{name}": filled_in(str(value), by_table(table)) for name, value in self._it.get("env", {}).items()
        }

    def _run(self, job: Job, contexts: Mapping[str, Value]) -> Iterator[Step]:
        workspace = self._machine.workspace()
        so_far = "success"
        for number, step in enumerate(job.it["steps"]):
            unknown = set(step) - _KEYS["step"]
            assert not unknown, f"{job.title}: the test does not know {unknown}"
            if not _goes_on(step, contexts, so_far):
                continue
            lookup = by_table(contexts)
            if "run" in step:
                status, output = self._run_command(step, contexts, workspace)
                name = step.get("name", step["run"])
            else:
                status, output = self._use(job, step, lookup, workspace)
                name = f"{step['uses']} {filled_in(step.get('with', {}).get('name', ''), lookup)}".strip()
            if status:
                so_far = "failure"
            yield Step(job.title, number, name, status, output)

    def _run_command(self, step: Yaml, contexts: Mapping[str, Value], workspace: Path) -> tuple[int, str]:
        lookup = by_table(contexts)
        # What anybody may have typed (an input, a branch) is to reach the shell as a variable, and not as a part of the script.
        assert "${{" not in step["run"], step["run"]
        assert "GITHUB_ENV" not in step["run"]
        own = {name: filled_in(str(value), lookup) for name, value in step.get("env", {}).items()}
        whole = {name.removeprefix("env."): str(value) for name, value in contexts.items() if name.startswith("env.")}
        summary = self._artefacts / "summary.md"
        environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), **whole, **own}
        return self._machine.shell(self._shell, step["run"], workspace, environment)

    def _use(self, job: Job, step: Yaml, lookup: Lookup, workspace: Path) -> tuple[int, str]:
        action = step["uses"]
        given = {name: filled_in(str(value), lookup) for name, value in step.get("with", {}).items()}
        assert set(given) <= _ACTIONS[action], f"{action}: the test does not know {set(given) - _ACTIONS[action]}"
        match action.partition("@")[0]:
            case "actions/checkout":
                self._machine.check_out(given["ref"], workspace)
            case "actions/upload-artifact":
                return self._upload(job, given, workspace)
            case "actions/download-artifact":
                name = given["name"]
                assert self._uploaded_by[name] in self._all_needs(job), f"{job.title} does not wait for {name}"
                shutil.copytree(self._artefacts / name, workspace / given["path"], dirs_exist_ok=True)
        return 0, ""

    def _upload(self, job: Job, given: Mapping[str, str], workspace: Path) -> tuple[int, str]:
        name, source = given["name"], workspace / given["path"]
        assert name not in self._uploaded_by, f"{name} is uploaded twice, which the action refuses"
        hidden = None if given.get("include-hidden-files") == "True" else shutil.ignore_patterns(".*")
        if not source.is_dir() or not any(one.is_file() for one in source.rglob("*")):
            return int(given.get("if-no-files-found") == "error"), "no files were found"
        self._uploaded_by[name] = job.title
        shutil.copytree(source, self._artefacts / name, ignore=hidden)
        return 0, "\n".join(sorted(one.name for one in (self._artefacts / name).iterdir()))


def _goes_on(it: Yaml, contexts: Mapping[str, Value], so_far: str) -> bool:
    """Whether a job or a step runs, after `success`, `failure` or `skipped` of those before it."""
    states: dict[str, Value] = {
        "success()": so_far == "success",
        "failure()": so_far == "failure",
        "cancelled()": False,
        "always()": True,
    }
    text = condition(str(it.get("if", "success()")))
    if not any(state in text for state in states):
        text = f"success() && ({text})"
    return holds(text, by_table(states, contexts))
