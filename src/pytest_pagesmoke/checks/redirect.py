"""`test_redirect`: an address leads to another one, as the settings say."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote, urlsplit

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.takes import CheckId, Destination, RedirectStatus, SitePath
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Rule, Seen
from pytest_pagesmoke.redact import MASK

REDIRECT_WRONG = Rule(
    id="redirect-wrong",
    title="An address does not lead where it should",
    cause="The line in `_redirects` is missing or was dropped, a worker answers this path (then `_redirects` does not apply), or a rule of the zone comes first.",
    fix="Look for the path in `_redirects`, and in `_routes.json`: what its `include` covers goes to the worker. `npx wrangler pages dev` prints the lines that it drops.",
)


@dataclass(frozen=True, kw_only=True)
class RedirectSpec:
    """``status`` None: any redirect will do."""

    path: SitePath
    to: Destination
    id: CheckId = ""
    status: RedirectStatus | None = None


class RedirectCheck:
    test: ClassVar[str] = "test_redirect"
    key: ClassVar[str] = "redirects"
    spec: ClassVar[type] = RedirectSpec
    column: ClassVar[str] = "redirects"
    rules: ClassVar[tuple[Rule, ...]] = (REDIRECT_WRONG,)

    def probes(self, spec: RedirectSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - one answer tells all
        yield _probe(spec)

    def judge(self, spec: RedirectSpec, seen: Seen) -> Judgement:
        observation = seen[_probe(spec)]
        # Whatever redirect comes is this check's to judge; only what is no answer of the site's is not.
        status = (
            observation.status if isinstance(observation, Answer) and recognise.location(observation) else spec.status
        )
        answer = live.site_answer(observation, subject=spec.path, status=status or 301)
        if isinstance(answer, Finding):
            yield answer
        elif not _leads(spec, answer):
            expected = f"{spec.status or 'a redirect'} to {spec.to}"
            location = answer.headers.get("location", "")
            answer.require_whole(location)
            actual = f"{answer.status} to {location}" if location else str(answer.status)
            yield Finding(rule=REDIRECT_WRONG, subject=spec.path, expected=expected, actual=actual)


def _probe(spec: RedirectSpec) -> Probe:
    return Probe(path=spec.path, follow=False)


def _leads(spec: RedirectSpec, answer: Answer) -> bool:
    target = recognise.location(answer)
    if target is None or (spec.status is not None and answer.status != spec.status):
        return False
    base = answer.url.removesuffix(spec.path)
    wanted = spec.to if "://" in spec.to else base + spec.to
    try:
        actual = _normal(target.geturl())
    except ValueError:  # a port that is no number: it leads nowhere
        return False
    if _matches(wanted, actual):
        return True
    # Pages carries the query of the question over to a destination that has none.
    query = urlsplit(_normal(answer.url)).query
    carried = f"?{query}"
    if not query or "?" in spec.to or not actual.endswith(carried):
        return False
    answer.require_whole(carried)
    return _matches(wanted, actual.removesuffix(carried))


def _matches(wanted: str, actual: str) -> bool:
    with suppress(ValueError):  # a port that is no number: "http://localhost:*/new"
        wanted = _normal(wanted)
    # What stands in a secret's place is no wildcard.
    pattern = re.escape(MASK).join(".*".join(map(re.escape, part.split("*"))) for part in wanted.split(MASK))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def _normal(address: str) -> str:
    """An address whose scheme and host are in lower case, without a default port, and with a path, encoded as it is sent."""
    parts = urlsplit(quote(address, safe=string.punctuation))
    scheme, host, port = parts.scheme.lower(), (parts.hostname or ""), parts.port
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}.get(scheme):
        netloc += f":{port}"
    return parts._replace(scheme=scheme, netloc=netloc, path=parts.path or "/").geturl()
