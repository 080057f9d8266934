"""An earlier report -> what today's checks are to be judged by. Pure: no file is read here, and nothing is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from pytest_pagesmoke.addresses import TARGET_NAME, BadAddress, read_address
from pytest_pagesmoke.checks.asset import ASSET_DIFFERS
from pytest_pagesmoke.checks.build import BuildCheck
from pytest_pagesmoke.checks.same_as import SameAsCheck
from pytest_pagesmoke.model import OWN_TEST, Kind, LeftOut, Manners, Observation, Probe, Recorded, Seen, Target
from pytest_pagesmoke.plan import DIST_TEST, PlannedLive
from pytest_pagesmoke.recognise import origin, parse_json
from pytest_pagesmoke.recorded import BadReport, Part, read_entry, without_cut_body
from pytest_pagesmoke.redact import MASK, struck_spec, without_tokens
from pytest_pagesmoke.settings import Declared

SCHEMA: Final = 1
VERDICTS: Final = frozenset({"good", "broken", "incomplete"})
_MANY: Final = 1000  # a number of a schema is smaller
#: By a test, or by a rule.
_NOT_AGAIN: Final = {
    SameAsCheck.test: "of the comparison with another deployment",
    ASSET_DIFFERS.id: "of live files that were compared with the build output",
    DIST_TEST: "of the build output",
    OWN_TEST: "of tests of your own",
}


@dataclass(frozen=True, kw_only=True)
class View:
    """The answers that were got at one place: by question, and those that a check was judged by, by its id without the file.

    ``place`` is where a worker looked from that asked for itself (`--dist each`); else "".
    """

    place: str = ""
    observations: Mapping[Probe, Observation] = field(default_factory=dict, repr=False)
    of_check: Mapping[str, Seen] = field(default_factory=dict, repr=False)

    def seen_by(self, check: PlannedLive) -> Seen:
        """The answers to all that ``check``, which is `as_kept`, asks. Raises LeftOut where the report has none for a question."""
        answers = {**self.observations, **self.of_check.get(_name(check.id), {})}
        seen: dict[Probe, Observation] = {}
        while probes := [probe for probe in dict.fromkeys(check.questions(seen)) if probe not in seen]:
            for probe in probes:
                if probe not in answers:
                    asked_otherwise = any(one.path == probe.path for one in answers)
                    how = ", asked in the way of this check (accept, redirects, headers)" if asked_otherwise else ""
                    raise LeftOut(f"the report holds no answer to GET {probe.path}{how}")
                seen[probe] = answers[probe]
        return seen


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What a report holds of one target. ``url`` is empty for a local server that never started; ``declared`` is its name in the settings of then,
    ``build`` the commit that it had to be; ``views`` are what was seen of it.
    """

    name: str
    url: str
    kind: Kind
    verdict: str = ""
    declared: str = ""
    build: str = ""
    sent: tuple[str, ...] = ()
    views: tuple[View, ...] = (View(),)

    def views_of(self, check: PlannedLive) -> Sequence[View]:
        """Those by which ``check`` is judged: from the places at which it ran then, or, where it is new, from all."""
        return [view for view in self.views if _name(check.id) in view.of_check] or self.views

    def declared_today(self, targets: Mapping[str, Declared]) -> Declared | None:
        """The target of today's settings that this is: the one that it was, by name or else by address. What was none was judged by the settings' top level."""
        if not self.declared:
            return None
        by_address = (one for one in targets.values() if one.address is not None and one.address.url == self.url)
        return targets.get(self.declared) or next(by_address, None)

    def target(self, declared: Declared | None, manners: Manners) -> Target:
        """The target as today's settings have it, at the address that the report has."""
        # Their values go nowhere. The names are for the command that repeats a question.
        headers = dict.fromkeys(self.sent, "")
        if declared is not None and (declared.address is None or _same_origin(declared.address.url, self.url)):
            own = {name.lower() for name in declared.headers}
            headers = {**{name: "" for name in headers if name not in own}, **declared.headers}
        return Target(
            name=self.name,
            url=self.url,
            kind=(declared.kind if declared else None) or self.kind,
            headers=headers,
            manners=declared.checks.manners if declared else manners,
        )


def as_kept(check: PlannedLive) -> PlannedLive:
    """The check as it can be judged by a report: its address without tokens. Raises LeftOut where it expects what no report holds."""
    # A mask in what it expects stands for a secret, and fits any other.
    if struck_spec(check.spec, lambda text: without_tokens(text).replace(MASK, "")) != check.spec:
        raise LeftOut("it looks for a secret, or a token or password in an address: the report leaves out all of these")
    return replace(check, spec=replace(check.spec, path=without_tokens(check.spec.path)))


def as_reference(report: Report, target: str, *, shown: str) -> Recorded:
    """What the report holds of the target of this name, or of its only one, to be compared with. Raises BadReport where that was not good."""
    of_name = [one for one in report.targets if one.name == target]
    found = of_name or (report.targets if len(report.targets) == 1 else ())
    if not found:
        names = ", ".join(one.name for one in report.targets)
        raise BadReport(
            f"holds nothing of {target}, but of {names}: give the target the name that it has there, --pagesmoke=NAME=URL"
        )
    if found[0].verdict != "good":
        raise BadReport(
            f"says that {found[0].name} was {found[0].verdict or 'not good'}: compare with the report of a good run"
        )
    # Of several places, all of which found it good, the first.
    answers = {probe: without_cut_body(seen) for probe, seen in found[0].views[0].observations.items()}
    if not urlsplit(found[0].url).path:
        # Then an address that a page names, and one that the settings name, are one.
        answers = {replace(probe, from_root=not probe.from_root): seen for probe, seen in answers.items()} | answers
    return Recorded(address=found[0].url, file=shown, answers=answers, kept=without_tokens)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report that is judged again. ``verdict`` is that of the whole run, with all that is not judged again; ``failed_beside`` is what of that failed."""

    started: datetime
    targets: tuple[Reported, ...]
    verdict: str = ""
    failed_beside: tuple[str, ...] = ()


def read_report(text: str) -> Report:
    """The report that ``text`` is. Raises BadReport for any other text."""
    try:
        value = parse_json(text)
    except ValueError as error:
        raise BadReport(f"is no JSON ({error})") from None
    if not isinstance(value, dict):
        raise BadReport("is no report: it is no JSON object")
    schema = value.get("schema")
    if isinstance(schema, int) and SCHEMA < schema < _MANY:
        raise BadReport(f"has schema {schema}, and this version knows {SCHEMA}: update pytest-pagesmoke")
    if schema != SCHEMA or isinstance(schema, bool):
        raise BadReport(f'is no report of pytest-pagesmoke: it has no "schema": {SCHEMA}')
    it = Part(value, "")
    targets = tuple(map(_target, it.parts("targets")))
    names = [target.name for target in targets]
    if not targets:
        raise BadReport(
            "holds nothing of any site: the build output is not judged again, check it with --pagesmoke=dist"
        )
    if len({*names}) < len(names):
        raise BadReport("is damaged: two targets have one name")
    said = it.text("verdict") if it.has("verdict") else ""
    return Report(
        started=_moment(it),
        targets=targets,
        verdict=said if said in VERDICTS else "",
        failed_beside=tuple(_failed_beside(it)),
    )


def _failed_beside(it: Part) -> Iterator[str]:
    """What failed and is not judged again, each with its number."""
    targets = it.parts("targets")
    checks = [check for target in targets for check in target.parts("checks")]
    if it.has("dist"):
        checks += it.part("dist").parts("checks")
    count = Counter(check.text(key) for check in _failed(checks) for key in ("test", "rule") if check.has(key))
    yield from (f"{count[test]} {words}" for test, words in _NOT_AGAIN.items() if count[test])
    # Of an earlier version, which did not write down which build that was to be.
    unknown = [check for target in targets if not target.has("build") for check in _failed(target.parts("checks"))]
    if number := sum(check.has("test") and check.text("test") == BuildCheck.test for check in unknown):
        yield f"{number} of the build (--pagesmoke-build=COMMIT asks for it again)"


def _failed(checks: Iterable[Part]) -> list[Part]:
    return [check for check in checks if check.has("outcome") and check.text("outcome") == "failed"]


def _moment(it: Part) -> datetime:
    try:
        return datetime.fromisoformat(it.text("started")).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one at the end of all time
        it.refuse("started", "takes a date and time, 2026-01-31T08:00:00Z")


def _target(it: Part) -> Reported:
    name, kind = it.text("name"), it.text("kind")
    if not TARGET_NAME.fullmatch(name):
        it.refuse("name", "is no name of a target")
    if kind not in tuple(Kind):
        it.refuse("kind", f"takes {', '.join(Kind)}")
    url = it.text("url") if it.has("url") else ""
    try:
        url = read_address(url).url if url else ""
    except BadAddress as flaw:
        it.refuse("url", str(flaw))
    entries = [read_entry(value, f"{name}: observations[{i}]") for i, value in enumerate(it.values("observations"))]
    return Reported(
        name=name,
        url=url,
        kind=Kind(kind),
        verdict=it.text("verdict") if it.has("verdict") else "",
        declared=it.text("declared") if it.has("declared") else "",
        build=it.text("build") if it.has("build") else "",
        sent=tuple(dict.fromkeys(header for _, seen in entries for header in sorted(getattr(seen, "sent", ())))),
        views=tuple(_views(it, entries)) or (View(observations=_by_question(entries)),),
    )


def _views(it: Part, entries: Sequence[tuple[Probe, Observation]]) -> Iterator[View]:
    """One, or one a place that it was looked at from."""
    by_place: dict[str, dict[str, list[int]]] = {}
    for check in it.parts("checks"):
        indexes = [index for index in check.values("observations") if isinstance(index, int)]
        if any(not 0 <= index < len(entries) for index in indexes):
            check.refuse("observations", f"takes numbers below {len(entries)}, of this target's observations")
        place = check.text("seen_from") if check.has("seen_from") else ""
        by_place.setdefault(place, {})[_name(check.text("id"))] = indexes
    for place, checks in by_place.items():
        mine = {index for indexes in checks.values() for index in indexes}
        yield View(
            place=place,
            observations=_by_question(entry for index, entry in enumerate(entries) if not place or index in mine),
            of_check={name: _by_question(entries[index] for index in indexes) for name, indexes in checks.items()},
        )


def _name(test_id: str) -> str:
    """A test's id as it stands in a report, without the settings file, which may lie elsewhere today."""
    return without_tokens(test_id.partition("::")[2] or test_id)


def _by_question(entries: Iterable[tuple[Probe, Observation]]) -> dict[Probe, Observation]:
    """The answers, each to its question. Where two addresses differ in what was struck out of them, neither's is known."""
    found: dict[Probe, Observation] = {}
    unknown: set[Probe] = set()
    for probe, seen in entries:
        if MASK in probe.path and found.get(probe, seen) is not seen:
            unknown.add(probe)
        found[probe] = seen
    return {probe: seen for probe, seen in found.items() if probe not in unknown}


def _same_origin(one: str, other: str) -> bool:
    return origin(urlsplit(one)) == origin(urlsplit(other))
