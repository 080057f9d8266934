"""Facts of an answer that are Cloudflare's doing and not the site's: challenge, Access, error codes, placeholder. Pure.

Each is told by status, headers and body together, because a site may well write "nothing is here yet" on a page of its own.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from pytest_pagesmoke.model import Answer
from pytest_pagesmoke.redact import MASK, beginning

HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_FROM_CACHE: Final = frozenset({"hit", "stale", "updating"})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_MAX_ERROR_BODY_BYTES: Final = 65_536  # Cloudflare's own answers are a few kilobytes; a larger body is the site's
_BARE_CODE: Final = re.compile(r"\s*error code: (\d{3,4})\s*", re.IGNORECASE)
# Here and below a tag ends before the next `<`: else each of a thousand unclosed ones would be read to the end of the body.
_HTML_CODE: Final = re.compile(r"(?:error(?:\s+code)?:?\s*|<span[^<>]*>)(1\d{3})\b", re.IGNORECASE)
_HTML_TITLES: Final = {"worker threw exception": 1101, "worker exceeded resource limits": 1102}
# How `wrangler pages dev` shows an uncaught exception.
_LOCAL_PAGE: Final = re.compile(
    r'id="error-name">([^<]*)<.*?id="error-message">.*?<span>([^<]*)</span>\s*</h2>', re.DOTALL
)
_WORKERS_DOCS: Final = (
    "developers.cloudflare.com/workers"  # linked by wrangler's error page, and not by other tools of its maker
)
_LOCAL_FRAME: Final = re.compile(r"\s+at .*file://")
_MANAGED: Final = (b"# begin cloudflare managed content", b"# end cloudflare managed content")
#: All white space (str.isspace): to ask each character would take a millisecond of every run.
_SPACES: Final = (*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288)
_AS_SPACE: Final = dict.fromkeys(_SPACES, " ")
_FOR_EVER_S: Final = 1e9  # decades
_MAX_DIGITS: Final = 4000  # Python takes no longer integers from text
#: As objects of Python each value takes a hundred bytes, and the two characters of `{}` may be one.
_MAX_VALUES: Final = 1_000_000
_JSON_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MAX_NESTED: Final = 500  # below what any Python takes, so that all of them judge alike


def parse_json(text: str) -> object:
    """The JSON value of ``text``. Raises ValueError for anything that is not JSON (NaN, for one), and for what is beyond all measure."""
    if _has_too_many_values(text):
        raise ValueError(f"more than {_MAX_VALUES:,} values")
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_int, object_pairs_hook=_as_dict)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_bottomless(value):
        raise ValueError("nested too deeply")
    return value


def _has_too_many_values(text: str) -> bool:
    def most(json: str) -> int:  # no fewer than it has
        return json.count(",") + json.count("[") + json.count("{")

    # A script, or a page, within a string has as many of these.
    return most(text) > _MAX_VALUES and most(_JSON_STRING.sub("", text)) > _MAX_VALUES


def _is_bottomless(value: object) -> bool:
    level = [value]
    for _ in range(_MAX_NESTED):
        below = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [part for parts in below for part in parts if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _as_dict(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object. Raises ValueError for a key with two values, of which each reader takes another one.

    Two keys may have become one when secrets were struck out of them: each stays.
    """
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found.clear()
    times = Counter[str]()
    for key, value in pairs:
        times[key] += 1
        name = f"{key} ({times[key]})" if MASK in key and times[key] > 1 else key
        if found.setdefault(name, value) != value:
            raise ValueError(f"{beginning(key)!r} twice, with different values")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def is_json(text: str) -> bool:
    """Whether a body is a JSON object or array (a bare word or number could be anything)."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def looks_like_html(text: str) -> bool:
    """Whether a body is an HTML document, whatever its header says. No script, style or JSON begins like this."""
    return _begins_with(r"!doctype\s+html|html|head|body|title|meta|link|script|div", text)


def is_html_document(text: str) -> bool:
    """Whether a body is a whole HTML document: a template, or a Markdown file, may begin with a `<div>` by right."""
    return _begins_with(r"!doctype\s+html|html", text)


def _begins_with(tags: str, text: str) -> bool:
    head = re.sub(r"\A(?:\s|\ufeff|<!--.*?-->|<\?xml[^>]*\?>)+", "", text[:65_536], flags=re.DOTALL)
    return re.match(rf"<(?:{tags})\b", head, re.IGNORECASE) is not None


def has_markup(text: str) -> bool:
    """Whether there is an HTML element anywhere: a fragment is a page too, for a browser."""
    return re.search(r"<[a-z!][^<>]*>", text, re.IGNORECASE) is not None


def sketch(answer: Answer) -> str:
    """What a body is, in a few words."""
    if answer.is_blank:
        return "an empty body"
    return "an HTML page" if looks_like_html(answer.beginning) else f"begins {beginning(answer.beginning.strip())!r}"


def says(answer: Answer, text: str) -> bool:
    """Whether a body holds ``text``: as it stands there or, in HTML, as a visitor reads it (`&amp;` and line breaks resolved)."""
    for form, wanted in _forms_of(answer, text):
        if wanted in form:
            if MASK[0] in text:  # what was found may be a mask
                answer.require_whole(answer.text)
            return True
    for form, wanted in _forms_of(answer, text):
        answer.require_whole(form, wanted)
    return False


def _forms_of(answer: Answer, text: str) -> Iterator[tuple[str, str]]:
    """What a body holds, and what a visitor may read of a page, each time with what ``text`` is there. One after the other: a page may be large."""
    yield answer.text, text
    if answer.media_type not in HTML_TYPES | {""}:
        return
    wanted = _in_one_line(text)
    yield _in_one_line(html.unescape(answer.text)), wanted
    # A tag may stand within a word, or between two. A comment that does not end hides the rest, as in a browser.
    for gap in ("", " "):
        read = re.sub(r"<!--.*?(?:-->|\Z)|<[^<>]*>", gap, answer.text, flags=re.DOTALL)
        yield _in_one_line(html.unescape(read)), wanted


def _in_one_line(text: str) -> str:
    """With one space in place of all white space; to split it would make an object of each word of a page."""
    text = text.translate(_AS_SPACE).strip()
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def location(answer: Answer) -> SplitResult | None:
    """Where a redirect leads, as an absolute address; None for an answer that is no redirect or leads nowhere."""
    target = answer.headers.get("location", "")
    if answer.status not in REDIRECTS or not target:
        return None
    try:
        return urlsplit(urljoin(answer.url, target))
    except ValueError:  # "http://[" and the like: it leads nowhere
        return None


def only_tidies(url: str, target: str) -> bool:
    """Whether a redirect from ``url`` to ``target`` stays on the origin and only adds or removes a slash or `.html`."""
    try:
        before, after = urlsplit(url), urlsplit(target)
        same_origin = origin(before) == origin(after)
    except ValueError:
        return False
    return same_origin and before.query == after.query and _bare(before.path) == _bare(after.path)


def _bare(path: str) -> str:
    return re.sub(r"(?:/index)?(?:\.html)?/?\Z", "", path)


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port. Raises ValueError for a port that is not a number."""
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def is_access_login(answer: Answer) -> bool:
    """Whether Cloudflare Access sends the visitor to its login."""
    target = location(answer)
    if target is None:
        return False
    host = (target.hostname or "").lower()
    return host.endswith(".cloudflareaccess.com") or target.path.startswith("/cdn-cgi/access/login")


def cached(answer: Answer) -> str:
    """How a cache says that it answered, and not the deployment; empty where none says so."""
    state = answer.headers.get("cf-cache-status", "")
    age = answer.headers.get("age", "")
    old = re.fullmatch(r"\s*0*[1-9]\d*\s*", age) is not None
    if state.lower() not in _FROM_CACHE and not old:
        return ""
    said = (f"cf-cache-status {state}" if state else "", f"age {age} s" if age else "")
    return ", ".join(part for part in said if part)


def polished(answer: Answer) -> str:
    """What the zone says of its re-encoding of this image (Polish), whose bytes are then no longer the site's; empty where it says nothing."""
    return answer.headers.get("cf-polished", "") if answer.media_type.startswith("image/") else ""


def only_adds_rules(body: bytes, content: bytes) -> bool:
    """Whether ``body`` is ``content`` behind the rules for robots that a zone puts before a site's robots.txt (managed robots.txt)."""
    if not content or not body.endswith(content):
        return False
    begin, end = _MANAGED
    added = body[: -len(content)].strip().lower()
    return begin in added and added.endswith(end)


def retry_after_s(answer: Answer, *, wall_clock: float) -> float:
    """For how many seconds the server wants to be left alone (RFC 9110, 10.2.3); 0 where it does not say. ``wall_clock`` is time.time()."""
    said = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", said):
        return min(float(said), _FOR_EVER_S)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - wall_clock)
    except (ValueError, OverflowError):  # no date, or one beyond all time
        return 0.0


def is_challenge(answer: Answer) -> bool:
    """Whether this is a challenge to the visitor's browser (Bot Fight Mode, under-attack mode, a firewall rule)."""
    return answer.headers.get("cf-mitigated", "").lower() == "challenge"


def is_placeholder(answer: Answer) -> bool:
    """Whether this is the page that Cloudflare shows before the first deployment is live."""
    if not _from_edge(answer) or answer.size_bytes > _MAX_ERROR_BODY_BYTES:
        return False
    text = " ".join(re.sub(r"<[^<>]*>", " ", answer.text).lower().split())
    says_nothing = re.search(r"\bnothing (?:is )?here yet\b", text) is not None
    return says_nothing and ("may take some time" in text or "may not be ready yet" in text)


def is_deployment_not_found(answer: Answer) -> bool:
    """Whether Cloudflare says that this deployment does not exist (any more, or yet)."""
    return (
        answer.status == 404 and _from_edge(answer) and "<title>deployment not found" in answer.beginning[:4096].lower()
    )


def error_code(answer: Answer) -> int | None:
    """Cloudflare's own error code (1101: the worker threw, 1015: rate limit …), from JSON, bare text or HTML."""
    if answer.status < 400 or answer.size_bytes > _MAX_ERROR_BODY_BYTES:
        return None
    text = answer.text
    if text.lstrip().startswith("{"):
        return _json_code(text)
    if bare := _BARE_CODE.fullmatch(text):
        return int(bare[1])
    if _from_edge(answer) and looks_like_html(text):
        return _html_code(text)
    return None


def _json_code(text: str) -> int | None:
    try:
        body = parse_json(text)
    except ValueError:
        return None
    if isinstance(body, dict) and body.get("cloudflare_error") is True and isinstance(body.get("error_code"), int):
        return int(body["error_code"])
    return None


def _html_code(text: str) -> int | None:
    title = re.search(r"<title>([^<]*)</title>", text, re.IGNORECASE)
    words = title[1].lower() if title else ""
    for phrase, code in _HTML_TITLES.items():
        if phrase in words:
            return code
    if "cloudflare" not in words:  # a page of the site's own that happens to speak of an error
        return None
    code_in_page = _HTML_CODE.search(text)
    return int(code_in_page[1]) if code_in_page else None


def worker_exception(answer: Answer) -> str | None:
    """What the worker threw (empty where Cloudflare does not tell: error 1101 at the edge); None if it did not throw.

    `wrangler pages dev` answers with the exception itself: as text, or as a page to whom may be a browser.
    """
    if error_code(answer) == 1101:
        return ""
    if answer.status != 500 or _from_edge(answer):
        return None
    text = answer.beginning
    if answer.media_type == "text/plain":
        thrown, *stack = text.strip().splitlines() or [""]
        if any(_LOCAL_FRAME.match(line) for line in stack):
            return thrown.strip()
    if answer.media_type == "text/html" and (page := _LOCAL_PAGE.search(text)) and _WORKERS_DOCS in text:
        return f"{html.unescape(page[1].strip())}: {html.unescape(page[2].strip())}"
    return None


def _from_edge(answer: Answer) -> bool:
    return "cf-ray" in answer.headers or answer.headers.get("server", "").lower() == "cloudflare"
