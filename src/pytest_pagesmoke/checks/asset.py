"""`test_asset`: a static file answers with its own type and content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.takes import BODILESS, CheckId, FromRun, SitePath, Status
from pytest_pagesmoke.model import Answer, Built, Finding, Judgement, Probe, Remark, Rule, Seen

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
ASSET_DIFFERS = Rule(
    id="asset-differs",
    title="An asset is not that of the build output",
    cause="Another deployment is live than this build output, or the output was built again since and came out otherwise. Or something "
    "changes the file on its way: a cache that holds an older copy, a worker, a feature of the zone that re-encodes images (Polish).",
    fix="Which commit is this build output of, and which one is live (`npx wrangler pages deployment list`)? Deploy this output, or compare "
    "with that of the live one. A file that is changed on its way by intent is no asset: name it under `answers`.",
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
_SHOWN_DIGITS: Final = 12  # of a hash: enough to tell two builds apart, and to find it in what `sha256sum` prints
_MAY_BE_HTML: Final = frozenset({".html", ".htm", ".xhtml"})


@dataclass(frozen=True, kw_only=True)
class AssetSpec:
    path: SitePath
    id: CheckId = ""
    status: Status = 200
    built: Annotated[Built | None, FromRun] = None  # where the run looks at the build output, too


class AssetCheck:
    test: ClassVar[str] = "test_asset"
    key: ClassVar[str] = "assets"
    spec: ClassVar[type] = AssetSpec
    column: ClassVar[str] = "assets"
    rules: ClassVar[tuple[Rule, ...]] = (ASSET_STATUS, ASSET_TYPE, ASSET_EMPTY, ASSET_DIFFERS)

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
        elif answer.is_blank:
            yield Finding(
                rule=ASSET_EMPTY, subject=spec.path, expected="a file with content", actual=f"{answer.size_bytes} bytes"
            )
        else:
            expected, actual = wrong_type(spec.path, answer)
            if actual:
                yield Finding(rule=ASSET_TYPE, subject=spec.path, expected=expected, actual=actual)
            elif spec.built is not None and spec.status == 200:  # of 206 it may be a part
                yield from _compared(spec.path, spec.built, answer)


def _compared(path: str, built: Built, answer: Answer) -> Iterator[Finding | Remark]:
    """Judge an asset by the file of the build output, byte by byte."""
    if PurePosixPath(built.file).suffix.lower() in _MAY_BE_HTML or answer.media_type in recognise.HTML_TYPES:
        return  # zones write into all HTML: beacons, e-mail protection, new in every answer
    if built.flaw:
        yield Remark(text=f"not compared with the build output: {built.flaw}")
        return
    sha256 = hashlib.sha256(answer.body).hexdigest()
    if sha256 == built.sha256 or _ends_with(built, answer.body):
        return
    if polished := recognise.polished(answer):
        yield Remark(
            text=f"not compared with the build output: the zone re-encodes this image (cf-polished: {polished})"
        )
        return
    yield Finding(
        rule=ASSET_DIFFERS,
        subject=path,
        expected=f"the {built.size_bytes:,} bytes of {built.file} (sha256 {built.sha256[:_SHOWN_DIGITS]}…)",
        actual=f"{len(answer.body):,} bytes (sha256 {sha256[:_SHOWN_DIGITS]}…)",
        hint=_changed_by(built, answer),
    )


def _ends_with(built: Built, body: bytes) -> bool:
    """Whether the file stands behind rules that the zone puts before it."""
    end = body[max(0, len(body) - built.size_bytes) :]
    return recognise.only_adds_rules(body, end) and hashlib.sha256(end).hexdigest() == built.sha256


def _changed_by(built: Built, answer: Answer) -> str:
    """What may have changed the file on its way, beyond that it is of another build."""
    if cache := recognise.cached(answer):
        return f"a cache answered ({cache}): it may hold an older copy"
    if built.by_worker:
        return "this address goes to the worker (_routes.json), which may answer with something else than the file"
    if answer.media_type.startswith("image/"):
        return "features of the zone re-encode images: see whether the project's *.pages.dev address has the file as it was built"
    return ""


def _probe(spec: AssetSpec) -> Probe:
    return Probe(path=spec.path, follow=spec.status not in recognise.REDIRECTS)


def wrong_type(path: str, answer: Answer) -> tuple[str, str]:
    """What a file of this name should be, and what it is instead; the latter is empty where it fits."""
    suffix = PurePosixPath(path.partition("?")[0]).suffix.lower()
    expected, types = _TYPES.get(suffix, (f"a {suffix or 'static'} file", frozenset[str]()))
    is_html = recognise.looks_like_html if types else recognise.is_html_document
    if suffix not in _MAY_BE_HTML and is_html(answer.beginning):
        return expected, f"an HTML page declared {answer.media_type or 'as nothing'}"
    # Without the header browsers judge by the content, which is not HTML here.
    if types and answer.media_type and not any(_fits(answer.media_type, allowed) for allowed in types):
        return expected, answer.media_type
    return expected, ""


def _fits(media_type: str, allowed: str) -> bool:
    if allowed.startswith("+"):
        return media_type.endswith(allowed)
    return media_type.startswith(allowed) if allowed.endswith("/") else media_type == allowed
