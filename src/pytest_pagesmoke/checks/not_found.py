"""`test_not_found`: an address that must not exist is answered as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.page import ACCEPT, IMPOSSIBLE, is_any_page
from pytest_pagesmoke.checks.takes import CheckId, FromTarget, SitePath, Status
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Rule, Seen

NOT_FOUND_STATUS = Rule(
    id="not-found-status",
    title="An address that must not exist does not answer so",
    cause="200 with the home page: the build output has no 404.html and no worker answers, so Pages gives index.html for every address. 200 with content: a file that was taken out is still "
    "there, or still in a cache (removed files live on at the edge for up to a week).",
    fix="Put a 404.html at the top of the build output, or let the worker answer 404. A single-page application by intent says `spa = true` in its settings. A removed file: "
    "look for it in the build output, then purge the zone's cache.",
)


@dataclass(frozen=True, kw_only=True)
class NotFoundSpec:
    path: SitePath
    id: CheckId = ""
    status: Status = 404
    spa: Annotated[bool, FromTarget] = False


class NotFoundCheck:
    test: ClassVar[str] = "test_not_found"
    key: ClassVar[str] = "not_found"
    spec: ClassVar[type] = NotFoundSpec
    column: ClassVar[str] = "not found"
    rules: ClassVar[tuple[Rule, ...]] = (NOT_FOUND_STATUS,)

    def probes(self, spec: NotFoundSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - all are known beforehand
        yield _own(spec)
        if spec.spa:
            yield from IMPOSSIBLE

    def judge(self, spec: NotFoundSpec, seen: Seen) -> Judgement:
        answer = live.site_answer(seen[_own(spec)], subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
        elif answer.status != spec.status:
            if spec.spa and _is_shell(answer, seen):
                return
            finding = live.wrong_status(answer, NOT_FOUND_STATUS, subject=spec.path, status=spec.status)
            assert finding is not None  # the status is another one
            yield finding
        elif recognise.is_deployment_not_found(answer):  # 404, but not the site's
            yield Finding(
                rule=NOT_FOUND_STATUS,
                subject=spec.path,
                expected=f"{spec.status} from the site itself",
                actual=f"{answer.status} (Cloudflare: Deployment Not Found)",
            )


def _own(spec: NotFoundSpec) -> Probe:
    return Probe(path=spec.path, accept=ACCEPT, follow=spec.status not in recognise.REDIRECTS)


def _is_shell(answer: Answer, seen: Seen) -> bool:
    references = [found for probe in IMPOSSIBLE if isinstance(found := seen[probe], Answer)]
    return len(references) == len(IMPOSSIBLE) and is_any_page(answer, references)
