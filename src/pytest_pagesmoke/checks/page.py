"""`test_page`: a page answers as HTML of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pytest_pagesmoke import likeness, markup, recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.takes import BODILESS, CheckId, FromTarget, Seconds, SitePath, Status, Texts
from pytest_pagesmoke.model import Answer, Finding, Judgement, Observation, Probe, Remark, Rule, Seen
from pytest_pagesmoke.redact import beginning

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
PAGE_CONTENT = Rule(
    id="page-content",
    title="A page does not say what it should",
    cause="Another build is live than the one that was meant, a cache still holds an older page, or the text on the page was changed by intent.",
    fix="Compare with the build output. If a cache answers (`cf-cache-status`, `age` above), purge it. If the text was changed by intent, change `contains` in the settings.",
)
PAGE_SLOW = Rule(
    id="page-slow",
    title="A page takes longer than it may",
    cause="The worker waits for something (a database, an API), starts up slowly, or the network between here and there is slow: the time is "
    "that of the whole exchange, connection, redirects and body included.",
    fix="Repeat it with the curl command above. If `max_s` in the settings is too tight for the place that this run comes from, widen it.",
)
PAGE_IS_FALLBACK = Rule(
    id="page-is-fallback",
    title="A page is what the site answers to any address",
    cause="The site gives the very same page for addresses that cannot exist. Where a build output has an index.html, no 404.html and no worker, Pages "
    "answers every path with index.html and status 200: the backend is gone, and everything looks green.",
    fix="Check the build output (`pytest pagesmoke.toml --pagesmoke=dist`): has it a worker? A single-page application by intent says so in its settings: `spa = true`.",
)

ACCEPT: Final = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
#: Two addresses that cannot exist. Not below any file: there wrangler answers 502 (an artefact of its own).
IMPOSSIBLE: Final = (
    Probe(path="/pagesmoke-no-such-page", accept=ACCEPT),
    Probe(path="/pagesmoke-none-such-either", accept=ACCEPT),
)


@dataclass(frozen=True, kw_only=True)
class PageSpec:
    path: SitePath
    id: CheckId = ""
    status: Status = 200
    contains: Texts = ()
    max_s: Seconds | None = None
    access: bool = False
    spa: Annotated[bool, FromTarget] = False

    def __post_init__(self) -> None:
        if self.access and (self.contains or self.max_s is not None or self.status != 200):
            raise ValueError(
                "access = true asks for the Access login and nothing else: leave out status, contains and max_s"
            )


class PageCheck:
    test: ClassVar[str] = "test_page"
    key: ClassVar[str] = "pages"
    spec: ClassVar[type] = PageSpec
    column: ClassVar[str] = "pages"
    rules: ClassVar[tuple[Rule, ...]] = (PAGE_STATUS, PAGE_NOT_HTML, PAGE_CONTENT, PAGE_SLOW, PAGE_IS_FALLBACK)

    def probes(self, spec: PageSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - all are known beforehand
        yield _own(spec)
        if _may_be_mistaken(spec):
            yield from IMPOSSIBLE

    def judge(self, spec: PageSpec, seen: Seen) -> Judgement:
        observation = seen[_own(spec)]
        if spec.access:
            yield from live.judge_access(observation, PAGE_STATUS, subject=spec.path)
            return
        answer = live.site_answer(observation, subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
        elif finding := live.wrong_status(answer, PAGE_STATUS, subject=spec.path, status=spec.status):
            yield finding
        elif spec.status not in BODILESS and (flaw := not_html(answer)):
            yield Finding(rule=PAGE_NOT_HTML, subject=spec.path, expected="an HTML page", actual=flaw)
        elif _may_be_mistaken(spec) and (
            page := (yield from mistaken_for(answer, [seen[probe] for probe in IMPOSSIBLE]))
        ):
            yield Finding(rule=PAGE_IS_FALLBACK, subject=spec.path, expected="a page of its own", actual=page)
        elif missing := next((text for text in spec.contains if not recognise.says(answer, text)), ""):
            actual = f"a page without it (title: {markup.title(answer) or 'none'})"
            yield Finding(rule=PAGE_CONTENT, subject=spec.path, expected=f"a page with {missing!r}", actual=actual)
        elif spec.max_s is not None and answer.elapsed_s > spec.max_s:
            expected = f"an answer within {spec.max_s:g} s"
            spent = ", ".join(f"{phase} {took_s:.2f} s" for phase, took_s in answer.timings_s.items())
            yield Finding(
                rule=PAGE_SLOW,
                subject=spec.path,
                expected=expected,
                actual=f"{answer.elapsed_s:.2f} s",
                hint=f"where the time went: {spent}" * bool(spent),
            )


def _own(spec: PageSpec) -> Probe:
    follow = spec.status not in recognise.REDIRECTS
    return Probe(path=spec.path, accept=ACCEPT, follow=follow, as_stranger=spec.access)


def _may_be_mistaken(spec: PageSpec) -> bool:
    """Whether it would be wrong if the site gave this page to any address. The home page may well be its fallback; what must be 404 is."""
    return not (spec.path == "/" or spec.spa or spec.access or spec.status in BODILESS or spec.status >= 400)


def not_html(answer: Answer) -> str:
    """What makes an answer no HTML page; empty for one that is."""
    if answer.is_blank:
        return "an empty body"
    if answer.media_type not in recognise.HTML_TYPES | {""}:
        return f"content type {answer.media_type}"
    text = answer.text_up_to(markup.MAX_CHARACTERS).lstrip()
    if recognise.is_json(text) or not recognise.has_markup(text):
        return f"no HTML in the body, which begins {beginning(text)!r}"
    return ""


def _turned_away(reference: Answer) -> bool:
    """Whether this says nothing of the site, which was not asked."""
    return reference.status == 429 or recognise.is_challenge(reference)


def mistaken_for(answer: Answer, impossible: list[Observation]) -> Generator[Remark, None, str]:
    """What the answer is, if it is the site's answer to any address; else empty."""
    references = [
        reference for reference in impossible if isinstance(reference, Answer) and not _turned_away(reference)
    ]
    if len(references) < len(impossible):
        yield Remark(text="not judged whether this is a fallback page: the address that cannot exist gave no answer")
        return ""
    if not is_any_page(answer, references):
        return ""
    return f"the page that {IMPOSSIBLE[0].path} answers, too (title: {markup.title(answer) or 'none'})"


def is_any_page(answer: Answer, references: Sequence[Answer]) -> bool:
    """Whether this is the page that the site gave to both addresses that cannot exist, ``references``."""
    # A site that answers the impossible with another status tells known addresses from unknown ones, whatever it shows.
    if any(reference.status != answer.status or not_html(reference) for reference in references):
        return False
    pages = [likeness.page(one) for one in (answer, *references)]
    for one, page in zip((answer, *references), pages, strict=True):
        one.require_whole(" ".join((*page.title, *page.words)))
    return likeness.is_fallback(*pages)
