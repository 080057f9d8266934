"""`test_health`: an endpoint says, by value, that the backend is healthy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live, values
from pytest_pagesmoke.checks.takes import BODILESS, CheckId, Json, SitePath, Status, Text
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Rule, Seen
from pytest_pagesmoke.redact import beginning

HEALTH_STATUS = Rule(
    id="health-status",
    title="The health endpoint answers with another status",
    cause="404: this deployment has no such endpoint, or no worker to answer it. 503: the backend itself says that it is not healthy; its body says what is missing.",
    fix="Read the body above. On 404 check the build output for its worker, and the `include` list of `_routes.json`.",
)
HEALTH_NOT_JSON = Rule(
    id="health-not-json",
    title="The health endpoint does not answer JSON",
    cause="An HTML page came in its place: the site's fallback page answers every path, and no worker answers this one. Or the endpoint speaks plain text.",
    fix='Check the build output for its worker. An endpoint that answers plain text by intent says so in its settings: `{ path = …, text = "OK" }`.',
)
HEALTH_UNHEALTHY = Rule(
    id="health-unhealthy",
    title="The backend says that it is not healthy",
    cause="The endpoint answers, and names a part that fails, does not say that it is healthy, or not what the settings expect.",
    fix="Look at the part that is named: a database, a binding, a secret or an API of this environment. What this endpoint says when it "
    "is healthy stands in its settings: `expect`, or `text`.",
)
HEALTH_CACHED = Rule(
    id="health-cached",
    title="The health answer comes from a cache",
    cause="A cache rule of the zone covers this path: the answer is healthy and may be hours old.",
    fix="Exclude the path from the cache rule, and answer with `Cache-Control: no-store`.",
)

#: What `status` may say of a healthy backend, in any case.
HEALTHY_WORDS: Final = frozenset({"ok", "healthy", "pass", "up"})
#: What no part of a healthy backend says, under any key, in any case.
UNHEALTHY_WORDS: Final = frozenset(
    """
    unhealthy down error errored fail failed failing failure critical fatal dead crashed broken bad ko
    disconnected unavailable unreachable offline timeout refused degraded outage missing stopped misconfigured
    """.split()
)
#: What `not …` may say of a part that is no part of this backend.
NEEDLESS_WORDS: Final = frozenset("applicable needed required used".split())
#: Keys under which `false`, or such a word, names a mode or a switch and no part that fails.
MODE_KEYS: Final = frozenset(
    """
    maintenance debug cached readonly degraded error errors failed failure dev development test testing demo sandbox
    production prod staging local beta preview experimental draft dryrun verbose trace draining paused shutdown shuttingdown deprecated stale authenticated
    loggedin enabled required optional level loglevel severity dirty
    """.split()
)
#: Keys under which `false` is a switch, but a word is a part's: `"cache": false` and `"cache": "down"`.
FALSE_KEYS: Final = frozenset({"cache"})
#: Keys whose whole content is switches.
SWITCH_KEYS: Final = frozenset({"features", "featureflags", "flags", "toggles", "experiments"})

_NO_MORE: Final = object()
_EXPECTED: Final = "healthy (status ok, healthy, pass or up; or ok or healthy true)"


@dataclass(frozen=True, kw_only=True)
class HealthSpec:
    """``expect`` or ``text`` stand in place of the words that are usual for health."""

    path: SitePath
    id: CheckId = ""
    status: Status = 200
    expect: Json = field(default_factory=dict)
    text: Text = ""

    def __post_init__(self) -> None:
        if self.expect and self.text:
            raise ValueError("expect is for JSON and text for what is none: one of them")
        if self.status in BODILESS and (self.expect or self.text):
            raise ValueError(f"an answer of status {self.status} has no body: leave out expect and text")


class HealthCheck:
    test: ClassVar[str] = "test_health"
    key: ClassVar[str] = "health"
    spec: ClassVar[type] = HealthSpec
    column: ClassVar[str] = "health"
    rules: ClassVar[tuple[Rule, ...]] = (HEALTH_STATUS, HEALTH_NOT_JSON, HEALTH_UNHEALTHY, HEALTH_CACHED)

    def probes(self, spec: HealthSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - one answer tells all
        yield _probe(spec)

    def judge(self, spec: HealthSpec, seen: Seen) -> Judgement:
        answer = live.site_answer(seen[_probe(spec)], subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
            return
        wrong_status = live.wrong_status(answer, HEALTH_STATUS, subject=spec.path, status=spec.status)
        if finding := wrong_status or _unhealthy(spec, answer):
            yield finding
        elif cached := recognise.cached(answer):
            actual = f"one from a cache ({cached})"
            yield Finding(rule=HEALTH_CACHED, subject=spec.path, expected="a fresh answer", actual=actual)


def _probe(spec: HealthSpec) -> Probe:
    accept = "*/*" if spec.text else "application/json"
    return Probe(path=spec.path, accept=accept, follow=spec.status not in recognise.REDIRECTS, fresh=True)


def _unhealthy(spec: HealthSpec, answer: Answer) -> Finding | None:
    def broken(rule: Rule, expected: str, actual: str) -> Finding:
        return Finding(rule=rule, subject=spec.path, expected=expected, actual=actual)

    if spec.status in BODILESS:
        return None
    if spec.text:
        said = answer.text.strip()
        if said.lower() == spec.text.strip().lower():
            return None
        answer.require_whole(said)
        return broken(HEALTH_UNHEALTHY, f"the text {spec.text!r}", recognise.sketch(answer))
    try:
        body = recognise.parse_json(answer.text)
    except ValueError as error:
        return broken(HEALTH_NOT_JSON, "JSON", _no_json(answer, error))
    if spec.expect:
        if (differs := values.unlike(body, spec.expect)) is None:
            return None
        answer.require_whole(differs.found_whole)
        found = broken(HEALTH_UNHEALTHY, differs.expected, differs.actual)
        return replace(found, other_build=differs.is_other_commit)
    if opposite := contradiction(body):
        return broken(HEALTH_UNHEALTHY, _EXPECTED, opposite)
    if _says_healthy(body):
        return None
    summary = _summary(body)
    answer.require_whole(summary)
    return broken(HEALTH_UNHEALTHY, _EXPECTED, summary)


def _no_json(answer: Answer, error: ValueError) -> str:
    said = recognise.sketch(answer)
    if not said.startswith("begins "):
        return said
    # What Python says of a syntax error is about a character; what else can be wrong, `recognise` says.
    why = "" if isinstance(error, json.JSONDecodeError) else f" ({error})"
    return f"{beginning(answer.text.strip())!r}{why}"


def _says_healthy(body: object) -> bool:
    if not isinstance(body, dict):
        return False
    said = {str(key).lower(): value for key, value in body.items()}
    status = said.get("status")
    return (
        (isinstance(status, str) and status.strip().lower() in HEALTHY_WORDS)
        or said.get("ok") is True
        or said.get("healthy") is True
    )


def contradiction(body: object) -> str:
    """The first part that says the opposite of healthy, as `database: false`; empty where none does."""
    return next(_contradictions(body), "")


def _contradictions(body: object) -> Iterator[str]:
    """Every part, however deep, that says the opposite of healthy, as `database: false`.

    Iterative, and the way to a part is put together where it is shown alone: bodies may be deep, and long.
    """
    way = [""]  # the name of each part that leads to where it looks
    keys = [""]  # what each is called: a part of a list as the list is
    levels = [iter([("", body)])]
    while levels:
        name, value = next(levels[-1], ("", _NO_MORE))
        if value is _NO_MORE:
            for stack in (levels, way, keys):
                stack.pop()
            continue
        key = keys[-1] if name.isdigit() else _plain(name)
        if key in SWITCH_KEYS:
            continue
        if isinstance(value, dict | list):
            levels.append(_parts(value))
            way.append(name)
            keys.append(key)
        elif _is_opposite(value) and not _names_a_mode(key) and not (value is False and key in FALSE_KEYS):
            yield f"{'.'.join([*way[2:], name]) or 'the body'}: {beginning(json.dumps(value), 200)}"


def _parts(value: dict[Any, object] | list[object]) -> Iterator[tuple[str, object]]:
    """With their names, or their places."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return ((str(name), part) for name, part in pairs)


def _is_opposite(value: object) -> bool:
    if value is False:
        return True
    if not isinstance(value, str):
        return False
    # "error: connection refused" and "down (timeout)" as well as the bare word; but not "error-free".
    words = re.match(r"\s*([a-z]+(?:[ _][a-z]+)?)\s*(?:\Z|[:;,(]| - )", value.lower())
    if words is None:
        return False
    first, _, second = words[1].replace("_", " ").partition(" ")
    if first == "not" and second:  # "not ok", "not_ready", "not connected"
        return second not in NEEDLESS_WORDS
    return not second and first in UNHEALTHY_WORDS


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _names_a_mode(key: str) -> bool:
    bare = re.sub(r"\A(?:is|in)|mode\Z", "", key)
    # Below a key that is itself an unhealthy word, `false` is good news: {"down": false}.
    return bool({key, bare} & (MODE_KEYS | UNHEALTHY_WORDS)) or key.endswith(("error", "errors"))


def _summary(body: object) -> str:
    if isinstance(body, dict):
        said = {key: body[key] for key in body if str(key).lower() in ("status", "ok", "healthy")}
        if said:
            return ", ".join(f"{key}: {beginning(json.dumps(value), 60)}" for key, value in said.items())
        return f"JSON that says nothing of it (keys: {', '.join(map(str, list(body)[:8])) or 'none'})"
    return f"JSON without keys: {beginning(json.dumps(body), 60)}"
