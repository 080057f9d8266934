"""`test_linked`: the scripts, styles and images that a page names on its own site load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final
from urllib.parse import SplitResult, urlsplit

from pytest_pagesmoke import markup, recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.asset import wrong_type
from pytest_pagesmoke.checks.page import ACCEPT, not_html
from pytest_pagesmoke.checks.takes import CheckId, SitePath
from pytest_pagesmoke.model import Answer, Finding, Judgement, Observation, Probe, Remark, Rule, Seen
from pytest_pagesmoke.redact import MASK

LINKED_MISSING = Rule(
    id="linked-missing",
    title="A page names files that do not load",
    cause="The page is of another build than the files: an old page from a cache, or an upload that is not whole. Or the file stands in the build output under another name "
    "(upper and lower case count), or not at all.",
    fix="Look for the file in the build output. If it is there, deploy again; if the page is older than the deployment (`cf-cache-status`, `age`), purge the zone's cache.",
)

#: Pages name dozens. What is beyond is not looked at, and that is said.
_MAX_NAMED: Final = 500
_MAX_HOPS: Final = 5
_SHOWN: Final = 8


@dataclass(frozen=True, kw_only=True)
class LinkedSpec:
    path: SitePath
    id: CheckId = ""


class LinkedCheck:
    test: ClassVar[str] = "test_linked"
    key: ClassVar[str] = "linked"
    spec: ClassVar[type] = LinkedSpec
    column: ClassVar[str] = "linked"
    rules: ClassVar[tuple[Rule, ...]] = (LINKED_MISSING,)

    def probes(self, spec: LinkedSpec, seen: Seen) -> Iterable[Probe]:
        yield _page(spec)
        page = seen.get(_page(spec))
        if isinstance(page, Answer) and page.status == 200:
            for name in islice(filter(_is_known, _named(page, seen)), _MAX_NAMED):
                yield from _way(name, seen)

    def judge(self, spec: LinkedSpec, seen: Seen) -> Judgement:
        page = live.site_answer(seen[_page(spec)], subject=spec.path, status=200)
        if isinstance(page, Finding):
            yield page
            return
        if finding := live.wrong_status(page, LINKED_MISSING, subject=spec.path, status=200):
            yield finding
            return
        if flaw := not_html(page):
            yield Finding(rule=LINKED_MISSING, subject=spec.path, expected="an HTML page to look through", actual=flaw)
            return
        every_name = list(_named(page, seen))
        known = [*filter(_is_known, every_name)]
        names = known[:_MAX_NAMED]
        missing = {name: flaw for name in names if (flaw := _flaw(name, seen))}
        if missing:
            told = [f"{name} ({flaw})" for name, flaw in missing.items()]
            more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
            yield Finding(
                rule=LINKED_MISSING,
                subject=spec.path,
                expected=f"the {len(names)} files that {spec.path} names to load"
                if len(names) > 1
                else f"{names[0]} to load",
                actual=f"{len(told)} missing: {', '.join(told[:_SHOWN])}{more}",
            )
        elif len(known) < len(every_name):
            yield Remark(text="a file whose name holds a secret of the headers was not looked at")
        elif not names:
            yield Remark(text="the page names no script, style or image of its own site: nothing to load")
        elif len(known) > len(names):
            yield Remark(text=f"only the first {_MAX_NAMED} of the files that the page names were looked at")


def _page(spec: LinkedSpec) -> Probe:
    return Probe(path=spec.path, accept=ACCEPT)


def _file(name: str) -> Probe:
    return Probe(path=name, from_root=True)


def _named(page: Answer, seen: Seen) -> Iterator[str]:
    """What the page names, and then what its stylesheets name; as far as it is known by now."""
    direct = markup.named_by_page(page)
    found = dict.fromkeys(direct)
    for name in direct:
        style = _end(name, seen)
        if isinstance(style, Answer) and style.status == 200 and style.media_type == "text/css":
            found |= dict.fromkeys(markup.named_by_style(style))
    yield from found


def _is_known(name: str) -> bool:
    """Whether this is a file's name as the site has it: a password that is a word may have been struck out of it."""
    return MASK not in name.partition("?")[0]


def _way(name: str, seen: Seen) -> Iterator[Probe]:
    """The questions that lead to a file, through redirects on its own site, as a browser follows them."""
    for _ in range(_MAX_HOPS):
        yield _file(name)
        onward = _onward(seen.get(_file(name)))
        if not onward:
            return
        name = onward


def _end(name: str, seen: Seen) -> Observation | None:
    last = None
    for probe in _way(name, seen):
        last = seen.get(probe, last)
    return last


def _onward(observation: Observation | None) -> str:
    """Where a redirect on the own site leads; empty for anything else."""
    target = recognise.location(observation) if isinstance(observation, Answer) else None
    if target is None or not isinstance(observation, Answer) or recognise.is_access_login(observation):
        return ""
    try:
        if recognise.origin(target) != recognise.origin(urlsplit(observation.url)):
            return ""
    except ValueError:
        return ""
    return (target.path or "/") + (f"?{target.query}" if target.query else "")


def _is_address(target: SplitResult) -> bool:
    try:
        scheme, host, _ = recognise.origin(target)
    except ValueError:  # a port that is no number
        return False
    return scheme in ("http", "https") and bool(host)


def _flaw(name: str, seen: Seen) -> str:
    """Why a file does not load; empty for one that does."""
    answer = _end(name, seen)
    if not isinstance(answer, Answer):
        return answer.text if answer else "not asked"
    target = recognise.location(answer)
    if target and not recognise.is_access_login(answer):
        if _onward(answer):
            return "redirects without end"
        # Elsewhere it is another site's.
        return "" if _is_address(target) else f"{answer.status} to {target.geturl()}, which leads nowhere"
    if answer.status != 200:
        return str(answer.status)
    _, actual = wrong_type(name, answer)
    return actual
