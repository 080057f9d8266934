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

    def put_site(self, file: Path, where: str) -> None:
        """The site's repository, of whose first commit the first build is, with a second one that is to be deployed."""
        self.machine.put_site(file, where)
        self.cloudflare.first_is(self.machine.commit)
        settings = self.machine.repository / "pagesmoke.toml"
        # What the first build has not: checks of today are no checks of the deployment that is gone back to.
        settings.write_text(settings.read_text().replace("assets = [", 'assets = ["/static/new.js", '))
        (self.machine.repository / "public" / "static" / "new.js").write_text("console.log('new')\n")
        self.machine.commit_all("A new script")

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
    def by_hand(self, last_good_url: str, last_good_commit: str) -> Outcome: ...

    @abstractmethod
    def pull_request(self) -> Outcome:
        """Number 12, of a branch of the repository itself."""

    @abstractmethod
    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        """The jobs of a pull request, or merge request."""


class GitHub(Road):
    def __init__(self, folder: Path, cloudflare: Cloudflare) -> None:
        super().__init__(folder, cloudflare)
        file = EXAMPLES / "github-actions.yml"
        self.put_site(file, ".github/workflows/pages.yml")
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

    def by_hand(self, last_good_url: str, last_good_commit: str) -> Outcome:
        inputs = {"inputs.last_good_url": last_good_url, "inputs.last_good_commit": last_good_commit}
        return self._workflow.run(self._event("workflow_dispatch", **inputs))

    def pull_request(self) -> Outcome:
        return self._workflow.run(self._of_pull_request())

    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        more = {"github.event.pull_request.head.repo.full_name": "stranger/site"} if for_fork else {}
        return self._workflow.run(self._of_pull_request(**more), dry=True).jobs

    def would_run_without_secrets(self) -> list[Mapping[str, str]]:
        """The jobs of Dependabot's pull request, and of a push to a fork's own main."""
        events = [
            self._of_pull_request(**{"github.actor": "dependabot[bot]"}),
            self._event("push", **{"github.event.repository.fork": True}),
        ]
        return [self._workflow.run(event, dry=True).jobs for event in events]

    def _of_pull_request(self, **more: str | bool | None) -> github.Event:
        mine: dict[str, str | bool | None] = {
            "github.event.pull_request.number": "12",
            "github.event.pull_request.head.sha": self.machine.commit,
            "github.event.pull_request.head.repo.full_name": "example/site",
            # A merge that nobody has.
            "github.sha": "f" * 40,
        }
        return self._event("pull_request", **{**mine, **more})

    def _event(self, name: str, **more: str | bool | None) -> github.Event:
        context: dict[str, str | bool | None] = {
            "github.event_name": name,
            "github.actor": "ada",
            "github.ref_name": "main",
            "github.event.repository.fork": False,
            "inputs.last_good_commit": None,
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
        self.put_site(file, ".gitlab-ci.yml")
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

    def by_hand(self, last_good_url: str, last_good_commit: str) -> Outcome:
        given = {"LAST_GOOD_URL": last_good_url, "LAST_GOOD_COMMIT": last_good_commit}
        return self._pipeline.run(self._trigger("web", **given))

    def pull_request(self) -> Outcome:
        return self._pipeline.run(self._of_merge_request())

    def would_run(self, *, for_fork: bool) -> Mapping[str, str]:
        # It runs in the fork's own project.
        fork = {"CI_PROJECT_ID": "8", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "8"} if for_fork else {}
        return self._pipeline.run(self._of_merge_request(**fork), dry=True).jobs

    def _of_merge_request(self, **more: str) -> gitlab.Trigger:
        mine = {
            "CI_COMMIT_BRANCH": None,
            "CI_MERGE_REQUEST_IID": "12",
            "CI_MERGE_REQUEST_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7",
        }
        return self._trigger("merge_request_event", **{**mine, **more})

    def _trigger(self, source: str, **more: str | None) -> gitlab.Trigger:
        variables = {
            "CI_PIPELINE_SOURCE": source,
            "CI_COMMIT_BRANCH": "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_COMMIT_SHA": self.machine.commit,
            "CI_PROJECT_ID": "7",
            "CI_MERGE_REQUEST_IID": None,
            "CI_MERGE_REQUEST_PROJECT_ID": None,
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
            print(
                f"== {road_of.__name__}: by hand, after a rollback ==\n{road.by_hand(good.url, good.commit).told()}\n"
            )
        cloudflare.close()


if __name__ == "__main__":
    _tell()
