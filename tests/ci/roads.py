"""The roads that docs/ci.md describes, from the push to production: the same on either CI.

`PYTHONPATH=tests python -m ci.roads` goes them all, and tells each step with its exit status.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from ci import github, gitlab
from ci.cloudflare import ACCESS, ACCOUNT, API_TOKEN, Cloudflare
from ci.machine import EXAMPLES, Machine
from ci.outcome import Outcome

_ACCESS = {name.upper().replace("-", "_"): value for name, value in ACCESS.items()}
_API = {"CLOUDFLARE_API_TOKEN": API_TOKEN, "CLOUDFLARE_ACCOUNT_ID": ACCOUNT}
#: What is put in by hand, once, as docs/ci.md says.
SECRETS = {"preview": {**_ACCESS, **_API}, "production": {**_ACCESS, **_API}, "staging": _ACCESS}


class Road(ABC):
    """One CI's jobs, and the events that start them."""

    def __init__(self, folder: Path, cloudflare: Cloudflare) -> None:
        self.cloudflare = cloudflare
        self.machine = Machine(folder, cloudflare)

    @property
    @abstractmethod
    def artefacts(self) -> list[Path]:
        """The files that the last run kept."""

    @abstractmethod
    def all_steps(self) -> set[tuple[str, int]]: ...

    @abstractmethod
    def push(self) -> Outcome: ...

    @abstractmethod
    def schedule(self) -> Outcome: ...

    @abstractmethod
    def by_hand(self, last_good_url: str) -> Outcome: ...

    @abstractmethod
    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        """The jobs of a pull request, or merge request."""


class GitHub(Road):
    def __init__(self, folder: Path, cloudflare: Cloudflare) -> None:
        super().__init__(folder, cloudflare)
        file = EXAMPLES / "github-actions.yml"
        self.machine.put_site(file, ".github/workflows/pages.yml")
        self._workflow = github.Workflow(file, self.machine)

    @property
    def artefacts(self) -> list[Path]:
        return self._workflow.artefacts

    def all_steps(self) -> set[tuple[str, int]]:
        return self._workflow.all_steps()

    def push(self) -> Outcome:
        return self._workflow.run(self._event("push"))

    def schedule(self) -> Outcome:
        return self._workflow.run(self._event("schedule"))

    def by_hand(self, last_good_url: str) -> Outcome:
        return self._workflow.run(self._event("workflow_dispatch", **{"inputs.last_good_url": last_good_url}))

    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        event = self._event(
            "pull_request",
            **{
                "github.event.pull_request.number": "12",
                "github.event.pull_request.head.sha": self.machine.commit,
                "github.event.pull_request.head.repo.full_name": "stranger/site" if for_fork else "example/site",
            },
        )
        return self._workflow.run(event, dry=True).jobs

    def _event(self, name: str, **more: str) -> github.Event:
        context = {
            "github.event_name": name,
            "github.ref_name": "main",
            "github.repository": "example/site",
            "github.sha": self.machine.commit,
            "github.event.pull_request.number": None,
            "github.event.pull_request.head.sha": None,
            "github.event.pull_request.head.repo.full_name": None,
        }
        return github.Event({**context, **more}, SECRETS)


class GitLab(Road):
    def __init__(self, folder: Path, cloudflare: Cloudflare) -> None:
        super().__init__(folder, cloudflare)
        file = EXAMPLES / "gitlab-ci.yml"
        self.machine.put_site(file, ".gitlab-ci.yml")
        self._pipeline = gitlab.Pipeline(file, self.machine)

    @property
    def artefacts(self) -> list[Path]:
        return self._pipeline.artefacts

    def all_steps(self) -> set[tuple[str, int]]:
        return self._pipeline.all_steps()

    def push(self) -> Outcome:
        return self._pipeline.run(self._trigger("push"))

    def schedule(self) -> Outcome:
        return self._pipeline.run(self._trigger("schedule"))

    def by_hand(self, last_good_url: str) -> Outcome:
        return self._pipeline.run(self._trigger("web", LAST_GOOD_URL=last_good_url))

    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        source = "8" if for_fork else "7"
        trigger = self._trigger(
            "merge_request_event",
            CI_COMMIT_BRANCH=None,
            CI_MERGE_REQUEST_IID="12",
            CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source,
        )
        return self._pipeline.run(trigger, dry=True).jobs

    def _trigger(self, source: str, **more: str | None) -> gitlab.Trigger:
        variables = {
            "CI_PIPELINE_SOURCE": source,
            "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": self.machine.commit,
            "CI_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": None,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": None,
        }
        return gitlab.Trigger({**variables, **more}, SECRETS)


def _tell() -> None:
    for road_of in (GitHub, GitLab):
        cloudflare = Cloudflare()
        with TemporaryDirectory() as folder:
            road = road_of(Path(folder), cloudflare)
            print(f"== {road_of.__name__}: push ==\n{road.push().told()}\n")
            print(f"== {road_of.__name__}: schedule ==\n{road.schedule().told()}\n")
            good = cloudflare.roll_back()
            print(f"== {road_of.__name__}: by hand, after a rollback ==\n{road.by_hand(good.url).told()}\n")
        cloudflare.close()


if __name__ == "__main__":
    _tell()
