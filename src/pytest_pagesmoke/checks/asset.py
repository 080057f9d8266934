"""`test_asset`: a static file answers with its own type and content."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar, Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.takes import BODILESS, CheckId, SitePath, Status
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Rule, Seen

ASSET_STATUS = Rule(
    id="asset-status",
    title="A static file answers with another status",
    cause="The file is not in the deployment, stands there under another name (upper and lower case count), or its path goes to a worker that does not pass it on.",
    fix="Look for the file in the build output. Check the `exclude` list of `_routes.json`.",
)
ASSET_TYPE = Rule(
    id="asset-type",
    title="A static file has another type",
    cause="The body is an HTML page: the file is missing, and the site's fallback page or error page came in its place. "
    "Or the content type is one that browsers refuse for such a file.",
    fix="Look for the file in the build output. If it is there, a cache may hold a page under its address: purge it.",
)
ASSET_EMPTY = Rule(
    id="asset-empty",
    title="A static file is empty",
    cause="The build wrote a file of 0 bytes, or the upload or a worker lost its content.",
    fix="Look at the file in the build output.",
)

_JAVASCRIPT: Final = frozenset(
    {
        "application/javascript",
        "text/javascript",
        "application/x-javascript",
        "text/x-javascript",
        "application/ecmascript",
        "text/ecmascript",
        "application/x-ecmascript",
        "text/x-ecmascript",
    }
)
_JSON: Final = frozenset({"application/json", "text/json", "+json"})
#: What browsers take for a file of this name; `image/` and `+json` stand for all that begins or ends so.
_TYPES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    **dict.fromkeys((".js", ".mjs"), ("a JavaScript type", _JAVASCRIPT)),
    ".css": ("text/css", frozenset({"text/css"})),
    **dict.fromkeys((".json", ".map", ".webmanifest"), ("a JSON type", _JSON)),
    ".wasm": ("application/wasm", frozenset({"application/wasm"})),
    **dict.fromkeys(
        (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico"), ("an image type", frozenset({"image/"}))
    ),
}
_MAY_BE_HTML: Final = frozenset({".html", ".htm", ".xhtml"})


@dataclass(frozen=True, kw_only=True)
class AssetSpec:
    path: SitePath
    id: CheckId = ""
    status: Status = 200


class AssetCheck:
    test: ClassVar[str] = "test_asset"
    key: ClassVar[str] = "assets"
    spec: ClassVar[type] = AssetSpec
    column: ClassVar[str] = "assets"
    rules: ClassVar[tuple[Rule, ...]] = (ASSET_STATUS, ASSET_TYPE, ASSET_EMPTY)

    def probes(self, spec: AssetSpec, seen: Seen) -> Iterable[Probe]:  # noqa: ARG002 - one answer tells all
        yield _probe(spec)

    def judge(self, spec: AssetSpec, seen: Seen) -> Judgement:
        answer = live.site_answer(seen[_probe(spec)], subject=spec.path, status=spec.status)
        if isinstance(answer, Finding):
            yield answer
        elif finding := live.wrong_status(answer, ASSET_STATUS, subject=spec.path, status=spec.status):
            yield finding
        elif spec.status in BODILESS or spec.status >= 400:  # it must be gone: what says so is no asset
            return
        elif not answer.body.strip():
            yield Finding(
                rule=ASSET_EMPTY, subject=spec.path, expected="a file with content", actual=f"{len(answer.body)} bytes"
            )
        else:
            expected, actual = wrong_type(spec.path, answer)
            if actual:
                yield Finding(rule=ASSET_TYPE, subject=spec.path, expected=expected, actual=actual)


def _probe(spec: AssetSpec) -> Probe:
    return Probe(path=spec.path, follow=spec.status not in recognise.REDIRECTS)


def wrong_type(path: str, answer: Answer) -> tuple[str, str]:
    """What a file of this name should be, and what it is instead; the latter is empty where it fits."""
    suffix = PurePosixPath(path.partition("?")[0]).suffix.lower()
    expected, types = _TYPES.get(suffix, (f"a {suffix or 'static'} file", frozenset[str]()))
    is_html = recognise.looks_like_html if types else recognise.is_html_document
    if suffix not in _MAY_BE_HTML and is_html(answer.text):
        return expected, f"an HTML page declared {answer.media_type or 'as nothing'}"
    # Without the header browsers judge by the content, which is not HTML here.
    if types and answer.media_type and not any(_fits(answer.media_type, allowed) for allowed in types):
        return expected, answer.media_type
    return expected, ""


def _fits(media_type: str, allowed: str) -> bool:
    if allowed.startswith("+"):
        return media_type.endswith(allowed)
    return media_type.startswith(allowed) if allowed.endswith("/") else media_type == allowed
