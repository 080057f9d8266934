"""A CI's jobs, and what became of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: As YAML has them: of any shape, which the schema has judged.
Yaml = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One job; of a matrix, one of them."""

    title: str
    id: str
    matrix: Mapping[str, str]
    it: Yaml


@dataclass(frozen=True)
class Step:
    """One that ran: its job (of a matrix, one of them), its place there, its name or command, and how it ended."""

    job: str
    number: int
    name: str
    status: int
    output: str = ""


@dataclass
class Outcome:
    """One run: each job that it has with `success`, `failure` or `skipped`, and the steps that ran."""

    jobs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def failed(self) -> list[tuple[str, str, int]]:
        return [(step.job, step.name, step.status) for step in self.steps if step.status]

    def why(self) -> str:
        """What the steps said that failed."""
        return "\n".join(f"{step.job}, {step.name}:\n{step.output}" for step in self.steps if step.status)

    def of(self, job: str) -> list[Step]:
        return [step for step in self.steps if step.job == job]

    def told(self) -> str:
        """Each job that ran and its steps, for whoever reads."""
        lines = []
        for job, result in self.jobs.items():
            lines += [f"{job}: {result}"] if result != "skipped" else []
            lines += [f"  {step.status}  {step.name}" for step in self.of(job)]
        return "\n".join(lines)


def ran(outcomes: Iterable[Outcome]) -> set[tuple[str, int]]:
    return {(step.job, step.number) for outcome in outcomes for step in outcome.steps}
