"""From a planned check to its outcome: wait for the site or the local server, or look at the build output; judge; put it in words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks.asset import AssetSpec
from pytest_pagesmoke.model import Answer, CheckRecord, Finding, NoAnswer, Reason, Remark, Seen, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import DIST_TARGET, Planned, PlannedDist, PlannedLive
from pytest_pagesmoke.redact import Secrets, without_tokens
from pytest_pagesmoke.run import CheckResult, Observer, Questions, Run, judge
from pytest_pagesmoke.verdict import Outcome

if TYPE_CHECKING:
    from pytest_pagesmoke.plugin.built import BuildOutput
    from pytest_pagesmoke.plugin.local import LocalAddress
    from pytest_pagesmoke.settle import Progress
    from pytest_pagesmoke.wrangler.server import NotStarted, Started

_MAX_SAID: Final = 1000  # characters of what was expected and seen, in reports


class Looking:
    """Looks at what one process is to check: sites, and the build output ``dist`` of the project in ``project``.

    ``local`` is the local server, or its address as an xdist worker hears of it. Live assets are compared with ``built``, if given.
    ``note``, if given, hears of each result, with all that was seen.
    """

    def __init__(
        self,
        *,
        project: Path,
        dist: Path,
        secrets: Secrets,
        local: LocalAddress | None,
        background: Background,
        settle_s: float | None = None,
        progress: Callable[[list[Progress]], None] = lambda _: None,
        built: BuildOutput | None = None,
        note: Callable[[PlannedLive, CheckResult], None] | None = None,
    ) -> None:
        self._project = project
        self._dist = dist
        self._secrets = secrets
        self._local = local
        self._built = built
        self._settle_s = settle_s
        self._progress = progress
        self._note = note or (lambda *_: None)
        if settle_s is None:
            self._run = Run(self._make_observer, background, remembers=note is not None)
        else:
            from pytest_pagesmoke.settling import SettlingRun

            self._run = SettlingRun(self._make_observer, background, settle_s=settle_s, remembers=note is not None)
        self._beginning = threading.Lock()  # xdist's controller looks for several workers at once
        self._of_local: list[PlannedLive] = []  # what is asked when the local server is ready

    def ahead(self, checks: Iterable[Planned]) -> None:
        """Ask now for all these checks; `look` waits for each. The local server begins to start meanwhile."""
        live = [self._with_built(check) for check in checks if isinstance(check, PlannedLive)]
        self._of_local += [check for check in live if check.target.starts_here]
        if self._local is not None and self._of_local:
            self._local.begin()
        self._run.ask_ahead(check for check in live if not check.target.starts_here)

    def look(self, planned: Planned) -> Outcome:
        """Come to a verdict. A bad site, or none, is a verdict too."""
        if isinstance(planned, PlannedDist):
            return self._look_at_dist(planned)
        return self._look_live(self._with_built(planned))

    def survey(self, target: Target, questions: Questions) -> Seen | NotStarted:
        """What ``target`` answers to ``questions``; why not, where it is the local server and that does not start."""
        found = self.find(target)
        return self._run.see(found, questions) if isinstance(found, Target) else found

    def find(self, target: Target) -> Target | NotStarted:
        """``target`` at its address, which the local server has when it is ready."""
        if not target.starts_here:
            return target
        from pytest_pagesmoke.wrangler.server import NotStarted

        assert self._local is not None  # the local target is never looked at without
        server = self._local.wait()
        return server if isinstance(server, NotStarted) else replace(target, url=server.url)

    def stop(self) -> None:
        """Cancel what is still asked."""
        self._run.stop()

    def _make_observer(self) -> Observer:
        from pytest_pagesmoke.observe.http import HttpObserver  # imports httpx: a run of dist checks alone does without

        return HttpObserver(secrets=self._secrets, in_rounds=self._settle_s is not None)

    def _with_built(self, planned: PlannedLive) -> PlannedLive:
        """The check, knowing what the build output holds for its address. Not before it is to run: planning looks at nothing."""
        if self._built is None or not isinstance(planned.spec, AssetSpec):
            return planned
        return replace(planned, spec=replace(planned.spec, built=self._built.behind(planned.target, planned.spec.path)))

    def _look_live(self, planned: PlannedLive) -> Outcome:
        if not planned.target.starts_here:
            return self._noted(planned, self._result(planned))
        from pytest_pagesmoke.wrangler.server import NotStarted

        assert self._local is not None  # the local target is never planned without
        began = time.time()
        server = self._local.wait()
        if isinstance(server, NotStarted):
            return self._noted(planned, _not_started(planned, server, began))
        with self._beginning:
            waiting, self._of_local = self._of_local, []
            self._run.ask_ahead(replace(check, target=replace(check.target, url=server.url)) for check in waiting)
        planned = replace(planned, target=replace(planned.target, url=server.url))
        return self._noted(planned, _after_second_start(self._result(planned), server))

    def _noted(self, planned: PlannedLive, result: CheckResult) -> Outcome:
        self._note(planned, result)
        return self._without_parts(live_outcome(planned, result))

    def _without_parts(self, outcome: Outcome) -> Outcome:
        """In words without parts of secrets, which a server may have cut out. It was judged with them: a part may be a part of something else."""
        said, record = self._secrets.out_of_said, outcome.record
        record = replace(
            record,
            expected=said(record.expected),
            actual=said(record.actual),
            warnings=[said(warning) for warning in record.warnings],
        )
        return replace(
            outcome, record=record, line=said(outcome.line), block=said(outcome.block), note=said(outcome.note)
        )

    def _result(self, planned: PlannedLive) -> CheckResult:
        try:
            return self._run.result(planned, self._progress)
        finally:
            self._progress([])

    def _look_at_dist(self, planned: PlannedDist) -> Outcome:
        from pytest_pagesmoke.observe.folder import observe_folder

        started = time.time()
        shown = planned.spec.path.as_posix()  # as the user wrote it, not where it lies
        tree = replace(observe_folder(self._dist, project=self._project), path=shown)
        judgement = list(planned.check.judge(planned.spec, tree))
        findings = [item for item in judgement if isinstance(item, Finding)]
        record = CheckRecord(
            id=planned.id,
            test=planned.test,
            target=DIST_TARGET,
            address=shown,
            column=DIST_TARGET,
            path=planned.check.part,
            outcome="failed" if findings else "passed",
            warnings=[item.text for item in judgement if isinstance(item, Remark)],
            started=started,
            ended=time.time(),
        )
        if not findings:
            return Outcome(record=record)
        from pytest_pagesmoke.say.failure import dist_failure

        return _failed(record, findings[0], dist_failure(findings[0], folder=shown))


def live_outcome(planned: PlannedLive, result: CheckResult) -> Outcome:
    """A check's result in words, and as a record."""
    # Not before there is an answer: what it says is loaded while the others are on their way.
    from pytest_pagesmoke.say.failure import live_failure, tidied
    from pytest_pagesmoke.say.waiting import how_it_was_asked

    observation = result.observation
    answer = observation if isinstance(observation, Answer) else None
    record = CheckRecord(
        id=planned.id,
        test=planned.test,
        target=planned.target.name,
        address=planned.target.url,
        column=planned.check.column,
        path=without_tokens(result.probe.path),
        outcome="failed" if result.findings else "passed",
        warnings=[without_tokens(remark.text) for remark in result.remarks],
        status=answer.status if answer else None,
        media_type=answer.media_type if answer else "",
        body_bytes=answer.size_bytes if answer else None,
        cached=answer is not None and bool(recognise.cached(answer)),
        tell="deployment-not-found" if answer and recognise.is_deployment_not_found(answer) else "",
        started=result.started,
        ended=result.ended,
        attempts=result.attempts,
        settled_after_s=result.history.after_s if result.history and not result.findings else None,
        flapped=result.history is not None and result.history.flapped,
        given_up=result.given_up.value if result.given_up else "",
    )
    if not result.findings:
        return Outcome(record=record, note=tidied(observation))
    block = live_failure(
        result.findings[0],
        target=planned.target,
        probe=result.probe,
        observation=observation,
        asked=how_it_was_asked(
            elapsed_s=observation.elapsed_s,
            attempts=result.attempts,
            history=result.history,
            given_up=result.given_up or "",
        ),
    )
    return _failed(record, result.findings[0], block)


def _failed(record: CheckRecord, finding: Finding, block: str) -> Outcome:
    from pytest_pagesmoke.say.failure import one_line

    record = replace(
        record,
        rule=finding.rule.id,
        expected=_shortened(without_tokens(finding.expected)),
        actual=_shortened(without_tokens(finding.actual)),
        other_build=finding.other_build,
        only_cached=finding.only_cached,
    )
    return Outcome(record=record, line=one_line(finding), block=block)


def _shortened(text: str) -> str:
    """A header of a server's, say, may be as long as a page."""
    return text if len(text) <= _MAX_SAID else f"{text[:_MAX_SAID]} …"


def _not_started(planned: PlannedLive, server: NotStarted, began: float) -> CheckResult:
    """The result of a check whose server does not run: there is no answer to any of its questions."""
    earlier = ["", "the start before that:", *server.earlier] if server.earlier else []
    absence = NoAnswer(
        url="(not started)",
        reason=Reason.NOT_STARTED,
        text=server.text,
        detail="\n".join([*server.lines, *earlier]),
        elapsed_s=time.time() - began,
    )
    seen = dict.fromkeys(planned.questions({}), absence)
    return judge(planned, seen, started=began, ended=time.time())


def _after_second_start(result: CheckResult, server: Started) -> CheckResult:
    if not server.earlier:
        return result
    remark = Remark(text=f"the local server needed a second start; the first said: {server.earlier[0]}")
    return replace(result, remarks=(*result.remarks, remark))
