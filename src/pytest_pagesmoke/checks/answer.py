"""`test_answer`: an address answers as the settings say, whatever it is: an API, a feed, a door that must stay shut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live, values
from pytest_pagesmoke.checks.page import IMPOSSIBLE, mistaken_for
from pytest_pagesmoke.checks.takes import CheckId, FromTarget, Headers, Json, SitePath, Status, Texts
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Rule, Seen
from pytest_pagesmoke.redact import tells_secret

ANSWER_STATUS = Rule(
    id="answer-status",
    title="An address answers with another status",
    cause="200 where 401 or 403 is right: what should be protected is open. 404: this deployment has no such address, or no worker to answer it. 5xx: its worker fails.",
    fix="Repeat it with the curl command above. On 404 check the build output for its worker, and the `include` list of `_routes.json`.",
)
ANSWER_CONTENT = Rule(
    id="answer-content",
    title="An answer does not hold what it should, or holds what it must not",
    cause="Another build is live than the one that was meant, a cache still holds an older answer, or the text was changed by intent. Or one page answers every address, because the worker is gone.",
    fix="Repeat it with the curl command above. If the text was changed by intent, change `contains` or `not_contains` in the settings.",
)
ANSWER_JSON = Rule(
    id="answer-json",
    title="An answer's JSON is not as it should be",
    cause="The API answers other values than the settings expect, or something that is no JSON: an HTML page comes where no worker answers.",
    fix="Repeat it with the curl command above, and compare with `json` in the settings (a subset: keys beyond it do not matter).",
)
ANSWER_HEADER = Rule(
    id="answer-header",
    title="An answer's header is not as it should be",
    cause="The worker, `_headers` or a rule of the zone sets it otherwise. `_headers` does not apply to what a worker answers; preview addresses "
    "carry `x-robots-tag: noindex` of Cloudflare's own.",
    fix="Look for the header in `_headers` (files) or the worker's code (all else).",
)


@dataclass(frozen=True, kw_only=True)
class AnswerSpec:
    path: SitePath
    id: CheckId = ""
    status: Status = 200
    contains: Texts = ()
    not_contains: Texts = ()
    json: Json = field(default_factory=dict)
    headers: Headers = field(default_factory=dict)
    access: bool = False
    spa: Annotated[bool, FromTarget] = False

    def __post_init__(self) -> None:
        if self.access and (self.contains or self.not_contains or self.json or self.headers or self.status != 200):
            raise ValueError("access = true asks for the Access login and nothing else: leave out the other keys")


class AnswerCheck:
    test: ClassVar[str] = "test_answer"
    key: ClassVar[str] = "answers"
    spec: ClassVar[type] = AnswerSpec
    column: ClassVar[str] = "answers"
    rules: ClassVar[tuple[Rule, ...]] = (ANSWER_STATUS, ANSWER_CONTENT, ANSWER_JSON, ANSWER_HEADER)

    def probes(self, spec: AnswerSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - one answer tells all
        yield _probe(spec)
        if _may_be_mistaken(spec):
            yield from IMPOSSIBLE

    def judge(self, spec: AnswerSpec, seen: Seen) -> Judgement:
        observation = seen[_probe(spec)]
        if spec.access:
            yield from live.judge_access(observation, ANSWER_STATUS, subject=spec.path)
            return
        answer = live.site_answer(observation, subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
        elif finding := live.wrong_status(answer, ANSWER_STATUS, subject=spec.path, status=spec.status):
            yield finding
        elif (
            _may_be_mistaken(spec)
            and recognise.looks_like_html(answer.beginning)
            and (page := (yield from mistaken_for(answer, [seen[probe] for probe in IMPOSSIBLE])))
        ):
            yield Finding(rule=ANSWER_CONTENT, subject=spec.path, expected="an answer of its own", actual=page)
        elif told := _wrong_body(spec, answer) or _wrong_header(spec, answer):
            rule, expected, actual = told
            yield Finding(rule=rule, subject=spec.path, expected=expected, actual=actual)


def _may_be_mistaken(spec: AnswerSpec) -> bool:
    """Whether it would be wrong if this were what the site answers to any address."""
    return spec.status == 200 and spec.path != "/" and not (spec.spa or spec.access)


def _probe(spec: AnswerSpec) -> Probe:
    accept = "application/json" if spec.json else "*/*"
    follow = spec.status not in recognise.REDIRECTS
    return Probe(path=spec.path, accept=accept, follow=follow, as_stranger=spec.access)


def _wrong_body(spec: AnswerSpec, answer: Answer) -> tuple[Rule, str, str] | None:
    for text in spec.contains:
        if not recognise.says(answer, text):
            return ANSWER_CONTENT, f"a body with {text!r}", f"a body without it ({recognise.sketch(answer)})"
    for text in spec.not_contains:
        if recognise.says(answer, text):
            return ANSWER_CONTENT, f"a body without {text!r}", "a body with it"
    if not spec.json:
        return None
    try:
        body = recognise.parse_json(answer.text)
    except ValueError:
        return ANSWER_JSON, "JSON", recognise.sketch(answer)
    if (differs := values.missing_part(body, spec.json)) is None:
        return None
    answer.require_whole(differs.found_whole)
    return ANSWER_JSON, differs.expected, differs.actual


def _wrong_header(spec: AnswerSpec, answer: Answer) -> tuple[Rule, str, str] | None:
    for name, wanted in spec.headers.items():
        there = name in answer.headers
        if isinstance(wanted, bool):
            fits = there is wanted
            expected = f"a header {name}" if wanted else f"no {name}"
        else:
            fits = there and answer.headers[name].strip() == wanted.strip()
            expected = f"{name} as the settings have it" if tells_secret(name) else f"{name}: {wanted}"
        if not fits:
            if there and isinstance(wanted, str):
                answer.require_whole(answer.headers[name])
            return ANSWER_HEADER, expected, _shown(name, answer) if there else f"no {name}"
    return None


def _shown(name: str, answer: Answer) -> str:
    return f"a {name} (its value is not shown)" if tells_secret(name) else f"{name}: {answer.headers[name]}"
