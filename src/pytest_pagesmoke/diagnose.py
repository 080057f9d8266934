"""A whole run -> the likely causes of what failed, each once, with what to do next. A table; pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_pagesmoke.addresses import hash_address, may_be_of
from pytest_pagesmoke.model import OWN_TEST, CheckRecord, Kind, Target
from pytest_pagesmoke.plan import DIST_TARGET
from pytest_pagesmoke.settings import FILE_NAME

COMMAND: Final = f"pytest {FILE_NAME}"
_SETTLE_S: Final = 60.0  # after a rollback, where the run did not say
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_UNREACHED: Final = frozenset({"unreachable", "timeout"})
_ABSENCE: Final = frozenset({"page-status", "health-status", "asset-status", "answer-status", "build-differs"})
_OF_ANOTHER_TIME: Final = frozenset(
    "page-content asset-type asset-differs linked-missing answer-content answer-json not-found-status build-differs".split()
)


@dataclass(frozen=True, kw_only=True)
class TargetRun:
    """All that one run saw of one target, or of the build output (``target`` is None). ``planned`` checks were to run.

    ``command`` runs the built-in checks alone, ``option`` chooses this target where the settings declare it, as ``declared``, ``file`` names the record of wrangler that it was taken from; ``build`` is the commit that
    it must be, ``build_typed`` that it was given for the run (`--pagesmoke-build`). With ``plain_ids``
    the hand-written tests have no target's name in theirs: `--base-url` alone was given. ``own_unfinished``: some of them came to
    no outcome. ``settle_s``: for how many seconds at most it was asked until it had settled; None: it was asked once. ``same_as`` is what it was compared with, as the option has it. ``workers`` are
    the options by which each of several asks for itself.
    ``unfinished`` are the records of tests that came to no outcome, ``order`` is that of all. ``replay`` is the report that was judged again.
    """

    name: str
    address: str
    target: Target | None
    planned: int
    records: tuple[CheckRecord, ...]
    option: str = ""
    file: str = ""
    declared: str | None = None
    plain_ids: bool = False
    command: str = COMMAND
    by_checklist: bool = True
    own_unfinished: bool = False
    settle_s: float | None = None
    build: str = ""
    build_typed: bool = False
    same_as: str = ""
    workers: tuple[str, ...] = ()
    replay: str = ""
    unfinished: tuple[CheckRecord, ...] = ()
    order: Mapping[str, int] = field(default_factory=dict, repr=False)  # by test id: as they were collected

    @property
    def all_records(self) -> list[CheckRecord]:
        """Of all tests that were to run, in the order in which they were collected."""
        return sorted([*self.records, *self.unfinished], key=lambda one: (self._order_of(one), one.id, one.seen_from))

    def _order_of(self, one: CheckRecord) -> int:
        # Behind an id may stand that it is of a fixture's end; pytest's own ids end in their name, or in "]".
        return self.order.get(one.id, self.order.get(one.id.partition(" (")[0], len(self.order)))

    @property
    def failures(self) -> tuple[CheckRecord, ...]:
        """What failed, hand-written tests among it."""
        # Processes report in an order of their own.
        failed = (record for record in self.records if record.outcome == "failed")
        return tuple(sorted(failed, key=lambda one: (self._order_of(one), one.seen_from)))

    @property
    def failed(self) -> tuple[CheckRecord, ...]:
        """The built-in checks that failed: they say how, so that a cause can be told."""
        return tuple(record for record in self.failures if record.test != OWN_TEST)

    @property
    def verdict(self) -> str:
        """GOOD, BROKEN, or INCOMPLETE where checks that were to run never reported, or nothing came to a verdict."""
        if self.failures:
            return "BROKEN"
        passed = any(record.outcome == "passed" for record in self.records)
        return "GOOD" if passed and len(self.records) >= self.planned else "INCOMPLETE"

    @property
    def places(self) -> list[str]:
        """From where it was looked: by their workers, with `--dist each`; else "" alone."""
        return sorted({record.seen_from for record in self.records})

    @property
    def views(self) -> list[TargetRun]:
        """What was seen from each place. Not all need see the same site: what causes a failure here may be no cause there."""
        return [
            replace(self, records=tuple(record for record in self.records if record.seen_from == place))
            for place in self.places
        ]


def worst(verdicts: Iterable[str]) -> str:
    """The verdict on the whole: BROKEN where any is, GOOD where all are; INCOMPLETE also where there are none."""
    given = {*verdicts}
    return next((one for one in ("BROKEN", "INCOMPLETE", "GOOD") if one in given), "INCOMPLETE")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One likely cause, the failures that it explains of those of its targets, and the next steps: lines for a person, commands among them.

    ``where`` is ``targets``, each with the places that it fits at, if those are not all.
    """

    cause: str
    text: str
    targets: tuple[str, ...]
    where: tuple[str, ...]
    explained: tuple[CheckRecord, ...]
    failed: int
    next: tuple[str, ...]

    @property
    def explains(self) -> int:
        """How many failures it explains."""
        return len(self.explained)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What it explains, a line each."""
        return tuple(with_places((_evidence(record), record) for record in self.explained))


@dataclass(frozen=True, kw_only=True)
class _Cause:
    """A row of the table: what a target's failures must look like, which of them it explains, and what to say."""

    id: str
    fits: Callable[[TargetRun], bool]
    explained: Callable[[CheckRecord], bool]
    text: str
    next: Callable[[TargetRun, Sequence[TargetRun]], tuple[str, ...]]


def diagnose(runs: Sequence[TargetRun]) -> list[Diagnosis]:
    """The causes that fit, each once for all targets that it fits."""
    found: list[Diagnosis] = []
    for cause in _CAUSES:
        by_run = [(run, [view for view in run.views if view.failed and cause.fits(view)]) for run in runs]
        fitting = [view for _, views in by_run for view in views]
        if fitting:
            steps = [step for view in fitting for step in cause.next(view, runs)]
            explained = [record for view in fitting for record in view.failed if cause.explained(record)]
            found.append(
                Diagnosis(
                    cause=cause.id,
                    text=cause.text,
                    targets=tuple(run.name for run, views in by_run if views),
                    where=tuple(_where(run, views) for run, views in by_run if views),
                    explained=tuple(explained),
                    failed=sum(len(run.failures) for run, views in by_run if views),
                    next=tuple(dict.fromkeys(steps)),
                )
            )
    return found


def _where(run: TargetRun, views: Sequence[TargetRun]) -> str:
    places = [place for view in views for place in view.places]
    return run.name if places == run.places else f"{run.name} as seen from {', '.join(places)}"


def with_places(lines: Iterable[tuple[str, CheckRecord]]) -> list[str]:
    """Lines about records, each once, with the places that it is about: none where all was looked at from one."""
    places: dict[str, set[str]] = {}
    for line, record in lines:
        places.setdefault(line, set()).add(record.seen_from)
    return [f"{line} (in {', '.join(sorted(known))})" if any(known) else line for line, known in places.items()]


def _evidence(record: CheckRecord) -> str:
    return f"{record.id}: {record.rule}: expected {record.expected}, got {record.actual}"


def verify_command(runs: Sequence[TargetRun], *, own: Sequence[str] = ("--lf",)) -> str:
    """The command that checks what failed again; ``own`` are options of a run with hand-written tests."""
    if again := next((run for run in runs if run.replay), None):
        build = [f"--pagesmoke-build={again.build}"] if again.build_typed else []
        of_it = [f"--pagesmoke-replay={again.replay}", *build]
        return " ".join([again.command, *map(shlex.quote, of_it)])
    options: list[str] = []
    base_url = False
    compared = any(record.rule in _BESIDE_BUILD_OUTPUT for run in runs for record in run.failed)
    bad = [run for run in runs if run.verdict != "GOOD" or (compared and run.target is None)]
    failed = any(record.test == OWN_TEST for run in bad for record in run.failures)
    with_own = failed or any(run.own_unfinished for run in bad)
    for run in bad:
        if run.target is None:
            options.append("--pagesmoke=dist" if run.address == DIST_TARGET else f"--pagesmoke={run.address}/")
        # By any other option its own tests would have other ids, and --lf not find them.
        elif with_own and run.plain_ids:
            options.append(f"--base-url={run.target.url}")
        # By its address it would be of another kind, without its headers, and asked for no build.
        elif run.file:
            options.append(run.file)
        elif run.option:
            options.append(run.option)
        elif run.target.starts_here:
            options.append("--pagesmoke=local")
        # Of two of these pytest would take the last.
        elif run.name == run.target.kind and not base_url and not with_own:
            base_url = True
            options.append(f"--base-url={run.target.url}")
        else:
            options.append(f"--pagesmoke={run.name}={run.target.url}")
    if with_own:  # what never ran, --lf does not know
        commands = ["pytest", *(option for option in own if option != "--lf" or failed)]
    else:
        commands = [*{run.command: None for run in runs}]
    return " ".join([*commands, *map(shlex.quote, [*options, *_options_of_all(bad, runs)])])


def _options_of_all(bad: Sequence[TargetRun], runs: Sequence[TargetRun]) -> Iterator[str]:
    """The options that hold for all targets alike: those of this run. Who is told to roll back checks that it is that deployment, and waits for it."""
    first = next((run for run in bad if run.target is not None), None)
    if first is None:
        return
    back = next((good.address for run in bad for good in _to_go_back_to(run, runs)), "")
    settle_s = _SETTLE_S if first.settle_s is None and back else first.settle_s
    if first.build_typed and not back:  # what is gone back to is another build
        yield f"--pagesmoke-build={first.build}"
    if same_as := first.same_as or back:
        yield f"--pagesmoke-same-as={same_as}"
    if settle_s is not None:
        yield f"--pagesmoke-settle={settle_s:g}"
    yield from first.workers  # from elsewhere all may be well


def _to_go_back_to(run: TargetRun, runs: Sequence[TargetRun]) -> list[TargetRun]:
    """The deployments of this run that a broken production can be rolled back to."""
    if run.target is None or run.target.kind is not Kind.PRODUCTION:
        return []
    if not any(_lost_worker(view) or _fallback(view) for view in run.views):
        return []
    return [good for good in runs if _roll_back(run.target, good)]


def _absent(record: CheckRecord) -> bool:
    return record.rule in _ABSENCE and record.status == 404


def _empty_404(record: CheckRecord) -> bool:
    return _absent(record) and record.body_bytes == 0


def _lost_worker(run: TargetRun) -> bool:
    if run.target is None:  # without any build output the worker is the least of it
        rules = {record.rule for record in run.failed}
        return "worker-missing" in rules and not rules & {"dist-missing", "dist-empty"}
    asked = [record for record in run.records if record.column in ("pages", "health")]
    return bool(asked) and all(_empty_404(record) for record in asked)


def _explained_by_lost_worker(record: CheckRecord) -> bool:
    return _empty_404(record) or record.rule == "worker-missing"


def _html_instead(record: CheckRecord) -> bool:
    return record.rule == "page-is-fallback" or (
        record.rule in ("health-not-json", "asset-type") and record.status == 200 and record.media_type in _HTML
    )


def _fallback(run: TargetRun) -> bool:
    return any(_html_instead(record) and record.rule != "asset-type" for record in run.failed)


def _only(rules: frozenset[str]) -> Callable[[TargetRun], bool]:
    """Fits where nothing else was met: one answer that is the site's own speaks against a cause in front of the site.

    What hand-written tests met is not known: they fail and pass for reasons of their own.
    """
    return lambda run: all(record.rule in rules for record in run.records if record.test != OWN_TEST)


def _any(rules: frozenset[str]) -> Callable[[TargetRun], bool]:
    return lambda run: any(record.rule in rules for record in run.failed)


def _of(rules: frozenset[str]) -> Callable[[CheckRecord], bool]:
    return lambda record: record.rule in rules


def _checklist_does_not_fit(run: TargetRun) -> bool:
    home_is_good = any(record.path == "/" and record.outcome == "passed" for record in run.records)
    no_health = any(record.column == "health" and _absent(record) for record in run.failed)
    return run.by_checklist and home_is_good and no_health and all(_absent(record) for record in run.failed)


def _stale(record: CheckRecord) -> bool:
    """Whether a copy of another time may be what is wrong: it says something else than the deployment should."""
    if record.rule == "same-as-differs":
        return record.only_cached  # it was asked past the cache as well
    return bool(record.cached) and (record.rule in _OF_ANOTHER_TIME or record.other_build)


def _unsettled(record: CheckRecord) -> bool:
    """Whether it passed now and failed then, up to the end."""
    return record.outcome == "failed" and bool(record.given_up) and record.flapped


def _wrong_build(record: CheckRecord) -> bool:
    return (record.other_build or record.rule in _BESIDE_BUILD_OUTPUT) and not _stale(record)


def _not_live(record: CheckRecord) -> bool:
    return record.rule == "placeholder" or record.tell == "deployment-not-found"


def _next_for_lost_worker(run: TargetRun, runs: Sequence[TargetRun]) -> tuple[str, ...]:
    steps = []
    if run.target is not None and run.target.kind is Kind.PRODUCTION:
        steps += [step for good in runs for step in _roll_back(run.target, good)]
    dist = next((other for other in runs if other.target is None), None)
    if dist is None or dist.verdict == "INCOMPLETE":
        steps.append(f"see whether the build output has its worker: {run.command} --pagesmoke=dist")
    elif dist.verdict == "BROKEN":
        steps.append("do not deploy this build output: run the build again and read what it says")
    elif run.target is not None:
        steps.append("the build output here is good: deploy it again, to a preview first, and check that")
    return tuple(steps)


def _roll_back(broken: Target, good: TargetRun) -> list[str]:
    """How to go back to a deployment that passes, if it is known by its own address. (wrangler has no command for it.)

    That an earlier one is not the build of today is no flaw in it.
    """
    address = hash_address(good.target) if good.target else None
    another_build = bool(good.failures) and all(map(_wrong_build, good.failures))
    if address is None or not (good.verdict == "GOOD" or (another_build and len(good.records) >= good.planned)):
        return []
    project, short_id = address
    if not may_be_of(broken, project):
        return []
    api = f"https://api.cloudflare.com/client/v4/accounts/$CLOUDFLARE_ACCOUNT_ID/pages/projects/{project}/deployments/$DEPLOYMENT_ID/rollback"
    return [
        f"roll back to {short_id}, which passes every check{' but that it is another build' * another_build}, if it is listed as a production deployment; its whole id ($DEPLOYMENT_ID) is the one that begins so in",
        f"  npx wrangler pages deployment list --project-name={project} --environment=production --json",
        f'  curl -X POST -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" "{api}"',
        f"  or in the dashboard: https://dash.cloudflare.com/?to=/:account/pages/view/{project}",
    ]


def _next_for_no_settings(run: TargetRun, _: Sequence[TargetRun]) -> tuple[str, ...]:
    address = f"--base-url={run.target.url}" if run.target and run.target.url else "--pagesmoke=local"
    return (
        f"pin what this site has: pytest {address} --pagesmoke-init",
        f"if it should have these addresses, what answers them is missing: {run.command} --pagesmoke=dist",
    )


def _next_for_fallback(run: TargetRun, runs: Sequence[TargetRun]) -> tuple[str, ...]:
    address = f"--base-url={run.target.url}" if run.target and run.target.url else "--pagesmoke=local"
    if run.by_checklist:
        intent = f"if it is a single-page application by intent, pin that: pytest {address} --pagesmoke-init"
    else:
        intent = "if it is a single-page application by intent: spa = true in the settings"
    return (*_next_for_lost_worker(run, runs), intent)


def _say(*steps: str) -> Callable[[TargetRun, Sequence[TargetRun]], tuple[str, ...]]:
    return lambda _run, _runs: steps


def _next_for_exception(run: TargetRun, _: Sequence[TargetRun]) -> tuple[str, ...]:
    if run.target and run.target.kind is Kind.LOCAL:
        return (
            "the failures name the exception; if it is a binding, a variable or a secret that is missing here: wrangler's configuration, .dev.vars",
        )
    return (
        "read the exception: npx wrangler pages deployment tail",
        "compare this environment's bindings, variables and secrets with those of one that works",
    )


def _next_for_wrong_build(run: TargetRun, runs: Sequence[TargetRun]) -> tuple[str, ...]:
    of_commit = _next_for_other_commit(run) if any(record.other_build for record in run.failed) else ()
    compared = any(record.rule in _BESIDE_BUILD_OUTPUT for record in run.failed)
    return (*of_commit, *(_next_for_other_files(run, runs) if compared else ()))


def _next_for_other_files(run: TargetRun, runs: Sequence[TargetRun]) -> tuple[str, ...]:
    dist = next((other.address for other in runs if other.target is None), "the build output")
    if run.target is not None and run.target.starts_here:
        return (
            f"this server serves {dist} itself: see what answers those addresses in its files' place, the worker or functions/",
        )
    return (
        "see which commit is live, and whether its deployment succeeded: npx wrangler pages deployment list",
        f"if that is the commit that {dist} is to be of, build it again and compare once more",
        "if another one is live, the new one is not deployed yet, went to another project or branch, or was rolled back",
    )


def _next_for_access(run: TargetRun, _: Sequence[TargetRun]) -> tuple[str, ...]:
    if run.target and any(name.lower().startswith("cf-access-") for name in run.target.headers):
        return (
            "the service token was sent and refused: is its policy of kind Service Auth (not Allow), has it expired, is it of this application?",
        )
    return (
        "give this run a service token: headers with CF-Access-Client-Id and CF-Access-Client-Secret in the target's settings",
        "or check an address that is not protected",
    )


def _next_for_other_commit(run: TargetRun) -> tuple[str, ...]:
    if run.target and run.target.kind is Kind.LOCAL:
        return ("build again, and start the server anew: what is served here is of another build",)
    steps = [
        "see whether the wanted build was deployed, and as what: npx wrangler pages deployment list",
        "if it is not listed, or failed: its build or its deployment did not succeed; read what that said",
    ]
    if run.target and hash_address(run.target):
        return (*steps, "this address is that of one deployment, for ever: a new one has another")
    if run.target and run.target.kind is Kind.PRODUCTION:
        steps.append(
            "if it is listed as a preview: the branch given with --branch is not the project's production branch; deploy with the one that is"
        )
    if run.settle_s is None:
        steps.append("if it is there, and new, or was rolled back to: wait for it, with --pagesmoke-settle=60")
    return tuple(steps)


def _next_for_unreachable(run: TargetRun, _: Sequence[TargetRun]) -> tuple[str, ...]:
    if run.target and run.target.kind is Kind.LOCAL:
        return ("start the server that should answer there, or let pagesmoke start one: --pagesmoke=local",)
    return (
        "look at the address for a typing mistake, and whether this machine reaches other sites",
        "check the project's own address, https://PROJECT.pages.dev: if that is good, the domain is at fault and not the deployment",
    )


_ACCESS: Final = frozenset({"access-login"})
_CHALLENGE: Final = frozenset({"bot-challenge"})
_THROTTLE: Final = frozenset({"rate-limited"})
_THROWS: Final = frozenset({"worker-exception"})
_TLS: Final = frozenset({"tls-invalid"})
#: What is only found where the same run looks at the build output: without it the command to verify would be green, mended or not.
_BESIDE_BUILD_OUTPUT: Final = frozenset({"asset-differs"})

_CAUSES: Final = (
    _Cause(
        id="no-worker",
        fits=_lost_worker,
        explained=_explained_by_lost_worker,
        text="the worker is missing: without it every page and the API answer 404 with an empty body",
        next=_next_for_lost_worker,
    ),
    _Cause(
        id="fallback-for-worker",
        fits=_fallback,
        explained=_html_instead,
        text="one page (index.html) answers addresses that should have answers of their own: this is what a lost worker looks like beside an index.html",
        next=_next_for_fallback,
    ),
    _Cause(
        id="worker-throws",
        fits=_any(_THROWS),
        explained=_of(_THROWS),
        text="the worker throws an exception",
        next=_next_for_exception,
    ),
    _Cause(
        id="site-unreachable",
        fits=_only(_UNREACHED),
        explained=_of(_UNREACHED),
        text="nothing answers at this address, or not in time",
        next=_next_for_unreachable,
    ),
    _Cause(
        id="certificate",
        fits=_only(_TLS),
        explained=_of(_TLS),
        text="the certificate cannot be trusted, so nothing was asked",
        next=_say("look at the domain's state in the dashboard: the project's Custom domains"),
    ),
    _Cause(
        id="behind-access",
        fits=_any(_ACCESS),
        explained=_of(_ACCESS),
        text="Cloudflare Access asks for a login; what is behind it was not reached",
        next=_next_for_access,
    ),
    _Cause(
        id="challenged",
        fits=_any(_CHALLENGE),
        explained=_of(_CHALLENGE),
        text="Cloudflare takes this run for a bot; what is behind its challenge was not reached",
        next=_say("check the project's own address, https://PROJECT.pages.dev, which has no Bot Fight Mode"),
    ),
    _Cause(
        id="throttled",
        fits=_any(_THROTTLE),
        explained=_of(_THROTTLE),
        text="a rate limit turned this run away",
        next=_say("wait as long as retry-after says, then run again"),
    ),
    _Cause(
        id="stale-cache",
        fits=lambda run: any(_stale(record) for record in run.failed),
        explained=_stale,
        text="a cache at the edge answers with an older copy",
        next=_say(
            "purge the zone's cache (dashboard: Caching, Configuration, Purge); deploying again does not change what it holds"
        ),
    ),
    _Cause(
        id="wrong-build",
        fits=lambda run: any(_wrong_build(record) for record in run.failed),
        explained=_wrong_build,
        text="another build answers than the one that is wanted",
        next=_next_for_wrong_build,
    ),
    _Cause(
        id="no-such-deployment",
        fits=lambda run: any(_not_live(record) for record in run.failed),
        explained=_not_live,
        text="no deployment is live at this address (not yet, or no more)",
        next=_say(
            "wait a minute and run again",
            "if it stays: see whether a production deployment succeeded: npx wrangler pages deployment list",
        ),
    ),
    _Cause(
        id="not-settled",
        fits=lambda run: any(_unsettled(record) for record in run.failed),
        explained=_unsettled,
        text="answers of two kinds took turns until the time was up: it is not live on every machine of the edge yet, or it fails now and then",
        next=_say(
            "give it more time: --pagesmoke-settle takes seconds; if it goes on so, it is the site that fails now and then"
        ),
    ),
    _Cause(
        id="no-settings",
        fits=_checklist_does_not_fit,
        explained=_absent,
        text="the home page is good and the other usual addresses are absent: the built-in checklist may not fit this site",
        next=_next_for_no_settings,
    ),
)
