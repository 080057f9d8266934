"""Runs a pipeline of GitLab CI: its jobs by rules and needs, each job's commands in one shell, as the runner would.

What it does not know, it refuses: a key of a job, a variable without a value.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from ci.expressions import Value, by_table, holds
from ci.machine import Machine
from ci.outcome import Job, Outcome, Step, Yaml

_PIPELINE = {"stages", "variables", "default"}
_KEYS = set(
    "extends stage image needs rules environment variables before_script script artifacts parallel resource_group interruptible".split()
)
#: What the runner writes above a job's commands, for Bash.
_HEAD = "set -eo pipefail\nset +o noclobber\n"


@dataclass(frozen=True)
class Trigger:
    """Why a pipeline runs, as its predefined variables tell it (None: not set); and the secrets of each environment."""

    variables: Mapping[str, str | None]
    secrets: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class _Job(Job):
    @property
    def commands(self) -> list[str]:
        return [*self.it.get("before_script", []), *self.it["script"]]

    @property
    def needs(self) -> Mapping[str, bool]:
        """The jobs that it waits for, each with whether it gets their artefacts."""
        given: list[Yaml] = [{"job": one} if isinstance(one, str) else one for one in self.it.get("needs", [])]
        return {one["job"]: one.get("artifacts", True) for one in given}


class Pipeline:
    def __init__(self, file: Path, machine: Machine) -> None:
        self._it: Yaml = YAML(typ="safe", pure=True).load(file)
        self._machine = machine
        self._artefacts: dict[str, Path] = {}

    @property
    def artefacts(self) -> list[Path]:
        """The files that the last run kept, below a folder for each job."""
        return [file for kept in self._artefacts.values() for file in kept.rglob("*") if file.is_file()]

    def all_steps(self) -> set[tuple[str, int]]:
        """Every command there is, of every job, in every shape of a matrix."""
        return {(job.title, number) for job in self._jobs() for number, _ in enumerate(job.commands)}

    def run(self, trigger: Trigger, *, dry: bool = False) -> Outcome:
        """Run what the trigger starts; `dry` runs nothing, and only tells which jobs would."""
        outcome = Outcome()
        self._artefacts = {}
        stages: list[str] = self._it["stages"]
        for job in sorted(self._jobs(), key=lambda one: stages.index(one.it["stage"])):
            unknown = set(job.it) - _KEYS
            assert not unknown, f"{job.title}: the test does not know {unknown}"
            assert "needs" in job.it or job.it["stage"] == stages[0], f"{job.title} waits for whole stages"
            needed = [outcome.jobs[one] for one in job.needs]
            if not self._is_in(job, trigger) or any(one != "success" for one in needed):
                outcome.jobs[job.title] = "skipped"
            elif dry:
                outcome.jobs[job.title] = "success"
            else:
                outcome.steps += self._run(job, trigger)
                failed = any(step.status for step in outcome.of(job.title))
                outcome.jobs[job.title] = "failure" if failed else "success"
        return outcome

    def _jobs(self) -> Iterator[_Job]:
        for name, own in self._it.items():
            if name in _PIPELINE or name.startswith("."):
                continue
            job = {**self._it[own["extends"]], **own} if "extends" in own else own
            matrices: list[Mapping[str, list[str]]] = job.get("parallel", {}).get("matrix", [{}])
            for axes in matrices:
                for values in itertools.product(*axes.values()):
                    title = f"{name}: [{', '.join(values)}]" if values else name
                    yield _Job(title, name, dict(zip(axes, values, strict=True)), job)

    def _is_in(self, job: _Job, trigger: Trigger) -> bool:
        table: dict[str, Value] = {f"${name}": value for name, value in trigger.variables.items()}
        # All are evaluated before any counts, so that all their variables are looked up.
        held = [holds(rule["if"], by_table(table)) for rule in job.it["rules"]]
        return any(held)

    def _environment(self, job: _Job, trigger: Trigger) -> dict[str, str]:
        whole = {name: one["value"] for name, one in self._it.get("variables", {}).items()}
        # What is typed when a pipeline is started by hand wins over what stands in the file.
        given = {name: value for name, value in trigger.variables.items() if value is not None}
        variables = {**whole, **job.it.get("variables", {}), **job.matrix, **given}
        name = _expanded(job.it.get("environment", {}).get("name", ""), variables)
        return {**variables, **trigger.secrets.get(name, {}), "GITLAB_CI": "true"}

    def _run(self, job: _Job, trigger: Trigger) -> Iterator[Step]:
        workspace = self._machine.workspace()
        environment = self._environment(job, trigger)
        self._machine.check_out(environment["CI_COMMIT_SHA"], workspace)
        for needed, gets in job.needs.items():
            if gets:
                shutil.copytree(self._artefacts[needed], workspace, dirs_exist_ok=True)
        for command in job.commands:
            _refuse_unknown(command, {**dict.fromkeys(trigger.variables, ""), **environment})
        begun = self._machine.workspace() / "begun.txt"
        lines = [f"echo {number} >> '{begun}'\n{command}\n" for number, command in enumerate(job.commands)]
        status, output = self._machine.shell(["bash"], _HEAD + "".join(lines), workspace, environment)
        numbers = [int(line) for line in begun.read_text().split()]
        for number in numbers:
            is_last = number == numbers[-1]
            yield Step(job.title, number, job.commands[number], is_last * status, output if is_last else "")
        self._keep(job, workspace, failed=status != 0)

    def _keep(self, job: _Job, workspace: Path, *, failed: bool) -> None:
        artefacts = job.it["artifacts"]
        if failed and artefacts.get("when", "on_success") != "always":
            return
        kept = self._artefacts[job.title] = self._machine.workspace()
        junit = artefacts["reports"]["junit"]
        for pattern in [*artefacts["paths"], *([junit] if isinstance(junit, str) else junit)]:
            found = list(workspace.glob(pattern.rstrip("/")))
            # A build that failed has no build output to keep; of what ran there is a report.
            assert found or failed, f"{job.title}: there is no {pattern} to keep"
            for one in found:
                target = kept / one.relative_to(workspace)
                target.parent.mkdir(parents=True, exist_ok=True)
                if one.is_dir():
                    shutil.copytree(one, target, dirs_exist_ok=True)
                else:
                    shutil.copy(one, target)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: variables[match[1]], text)


def _refuse_unknown(command: str, variables: Mapping[str, str]) -> None:
    """A variable that nobody sets is empty in the shell: nothing would fail, and something else be tested."""
    for name in re.findall(r"\$\{?(\w+)", command):
        assert name in variables, f"{command}: ${name} stands in no table of the test"
