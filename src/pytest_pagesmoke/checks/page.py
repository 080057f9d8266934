"""`test_page`: a page answers as HTML of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from pytest_pagesmoke import likeness, recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.model import Answer, Finding, Judgement, Observation, Probe, Remark, Rule, Seen

PAGE_STATUS = Rule(
    id="page-status",
    title="A page answers with another status",
    cause="404 with an empty body: Pages found no such file, and no worker to ask (the worker is not in the deployment). 404 with a body: "
    "the site itself has no such page. 5xx: its worker fails.",
    fix="Check the build output (`pytest pagesmoke.toml --pagesmoke=dist`), and run it locally (`--pagesmoke=local`).",
)
PAGE_NOT_HTML = Rule(
    id="page-not-html",
    title="A page is not HTML",
    cause="The address answers 200, but with an empty body, with another content type than text/html, or with something that has no HTML in it: "
    "a browser shows nothing, source text, or a download.",
    fix="Look at the content-type header and the body above. In a worker: `c.html(…)`, or set the header.",
)
PAGE_IS_FALLBACK = Rule(
    id="page-is-fallback",
    title="A page is what the site answers to any address",
    cause="The site gives the very same page for addresses that cannot exist. Where a build output has an index.html, no 404.html and no worker, Pages "
    "answers every path with index.html and status 200: the backend is gone, and everything looks green.",
    fix="Check the build output (`pytest pagesmoke.toml --pagesmoke=dist`): has it a worker? A single-page application by intent says so in its settings.",
)

HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
ACCEPT: Final = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
#: Two addresses that cannot exist. Not below any file: there wrangler answers 502 (an artefact of its own).
IMPOSSIBLE: Final = (
    Probe(path="/pagesmoke-no-such-page", accept=ACCEPT),
    Probe(path="/pagesmoke-none-such-either", accept=ACCEPT),
)


@dataclass(frozen=True, kw_only=True)
class PageSpec:
    path: str
    status: int = 200


class PageCheck:
    test: ClassVar[str] = "test_page"
    key: ClassVar[str] = "pages"
    column: ClassVar[str] = "pages"
    rules: ClassVar[tuple[Rule, ...]] = (PAGE_STATUS, PAGE_NOT_HTML, PAGE_IS_FALLBACK)

    def subject(self, spec: PageSpec) -> str:
        return spec.path

    def probes(self, spec: PageSpec) -> Iterable[Probe]:
        yield Probe(path=spec.path, accept=ACCEPT)
        if spec.path != "/":  # the home page may well be the fallback
            yield from IMPOSSIBLE

    def judge(self, spec: PageSpec, seen: Seen) -> Judgement:
        own, *impossible = self.probes(spec)
        answer = live.site_answer(seen[own], subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
        elif finding := live.wrong_status(answer, PAGE_STATUS, subject=spec.path, status=spec.status):
            yield finding
        elif flaw := _not_html(answer):
            yield Finding(rule=PAGE_NOT_HTML, subject=spec.path, expected="an HTML page", actual=flaw)
        elif impossible:
            yield from _compare(spec, answer, [seen[probe] for probe in impossible])


def _not_html(answer: Answer) -> str:
    if not answer.body.strip():
        return "an empty body"
    if answer.media_type not in HTML_TYPES | {""}:
        return f"content type {answer.media_type}"
    text = answer.text.lstrip()
    if recognise.is_json(text) or not recognise.has_markup(text):
        return f"no HTML in the body, which begins {text[:40]!r}"
    return ""


def _turned_away(reference: Answer) -> bool:
    """Whether this says nothing of the site, which was not asked."""
    return reference.status == 429 or recognise.is_challenge(reference)


def _compare(spec: PageSpec, answer: Answer, impossible: list[Observation]) -> Judgement:
    references = [
        reference for reference in impossible if isinstance(reference, Answer) and not _turned_away(reference)
    ]
    if len(references) < len(impossible):
        yield Remark(text="not judged whether this is a fallback page: the address that cannot exist gave no answer")
        return
    # A site that answers the impossible with another status tells known addresses from unknown ones, whatever it shows.
    if any(reference.status != answer.status or _not_html(reference) for reference in references):
        return
    one, other = (likeness.page(reference) for reference in references)
    if likeness.is_fallback(likeness.page(answer), one, other):
        yield Finding(
            rule=PAGE_IS_FALLBACK,
            subject=spec.path,
            expected="a page of its own",
            actual=f"the page that {IMPOSSIBLE[0].path} answers, too (title: {likeness.title(answer) or 'none'})",
        )
