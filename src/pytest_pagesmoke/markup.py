"""HTML and CSS, read with bounds: the document, and what it names on its own site. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from pytest_pagesmoke import recognise
from pytest_pagesmoke.model import Answer

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

# Parsing is quadratic in the depth: 100,000 elements in each other take a minute. Real pages stay below a hundred.
_MAX_DEPTH: Final = 2000
# What is beyond takes seconds and hundreds of megabytes: pages are a tenth as long, and have a tenth as many elements.
MAX_CHARACTERS: Final = 2_000_000
_MAX_ELEMENTS: Final = 100_000
_MAX_REFERENCES: Final = 20_000
# And in the attributes of a tag. Longer tags carry data (an image, a page's state), which nobody sees as text.
_LONG_TAG: Final = re.compile(r"<[^<>]{4096,}>?")
_MAX_DRAWN: Final = 20_000
# The name is whole: else it would be tried in every length where a tag does not end.
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)(?![a-zA-Z0-9-])[^<>]*?(/?)>")
# Of these there is one, which gets the attributes of all: again quadratic.
_ROOT: Final = re.compile(r"<(html|body)\s[^<>]*>", re.IGNORECASE)
# Elements without content, and those that the next of their kind ends: many of them are no depth.
_NEVER_NESTS: Final = frozenset(
    """
    area base br col embed hr img input link meta param source track wbr
    p li dt dd option optgroup tr td th thead tbody tfoot colgroup rt rp html head body
    """.split()
)
_SENT_AS_IS: Final = "/?%:@!$&'()*+,;=[]~"
# What stands in these is not loaded by a browser that runs scripts, or not before a script takes it out.
_INERT: Final = ["noscript", "template"]
_LOADING_RELS: Final = frozenset({"stylesheet", "modulepreload", "icon", "apple-touch-icon", "mask-icon"})
_PRELOADED: Final = frozenset({"script", "style", "image", "font"})
_ROCKET_LOADER: Final = re.compile(r"\A[0-9a-f]{16,}-")  # what Cloudflare puts before a script's type, to load it later
_SCRIPT_TYPES: Final = frozenset({"", "module", "text/javascript", "application/javascript"})

# What does not end goes on to the end, as in a browser: else each of a million openings would be read as far in vain.
# What is escaped, and texts, are matched to be kept: no comment begins in them.
_CSS_COMMENT: Final = re.compile(
    r"""(\\.|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|'[^'\\\n]*(?:\\.[^'\\\n]*)*'?)|/\*.*?(?:\*/|\Z)""", re.DOTALL
)
_CANDIDATE: Final = re.compile(r"[\s,]*([^\s,]\S*)")
_DESCRIPTOR: Final = re.compile(r"[^,(]*(?:\([^)]*\)?[^,(]*)*")
_CSS_URL: Final = re.compile(r"""url\(\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)'|([^"'()\s\\]+))\s*\)""", re.IGNORECASE)
_CSS_IMPORT: Final = re.compile(r"""@import\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)')""", re.IGNORECASE)
_CSS_NAMESPACE: Final = re.compile(r"@namespace[^;]*(?:;|\Z)", re.IGNORECASE)
_CSS_FONT_FACE: Final = re.compile(r"@font-face\s*\{([^{}]*)\}", re.IGNORECASE)
_FONT_FORMATS: Final = (".woff2", ".woff")  # in the order in which today's browsers take them


def document(answer: Answer) -> LexborHTMLParser:
    """The parsed document, without tags of an absurd length, and cut off where it is too long or nests too deeply."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415 - not before there is a page to read

    text = _with_one_root(_LONG_TAG.sub("", answer.text)[:MAX_CHARACTERS])
    within: Counter[str] = Counter()
    depth = drawn = opened = 0
    for tag in _TAG.finditer(text):
        closes, name, closed = tag[1], tag[2].lower(), tag[3]
        opened += not closes
        if opened > _MAX_ELEMENTS:
            return LexborHTMLParser(text[: tag.start()])
        if name in _NEVER_NESTS:
            continue
        if not closes and closed and within["svg"]:
            drawn += 1  # `<path/>` ends itself in a drawing, and there alone; which this is, is only guessed
        elif not closes:
            within[name] += 1
            depth += 1
        elif within[name]:
            within[name] -= 1
            depth -= 1
        if depth > _MAX_DEPTH or drawn > _MAX_DRAWN:
            return LexborHTMLParser(text[: tag.start()])
    return LexborHTMLParser(text)


def _with_one_root(text: str) -> str:
    """Without the attributes that all but the first `<html …>` and `<body …>` have."""
    found: set[str] = set()

    def first(tag: re.Match[str]) -> str:
        name = tag[1].lower()
        is_first = name not in found
        found.add(name)
        return tag[0] if is_first else f"<{name}>"

    return _ROOT.sub(first, text)


def title(answer: Answer) -> str:
    """The title of an HTML answer in one line, empty where there is none."""
    node = document(answer).css_first("title")
    return " ".join(node.text().split()) if node else ""


def named_by_page(answer: Answer) -> tuple[str, ...]:
    """The scripts, styles and images that a page names on its own site, as paths from its host's root, each once."""
    tree = document(answer)
    tree.strip_tags(_INERT)
    return _own(_references(tree), answer.url, _base(tree, answer))


def code_of_page(answer: Answer) -> tuple[str, ...]:
    """The scripts and styles among them."""
    tree = document(answer)
    tree.strip_tags(_INERT)
    return _own(_code_references(tree), answer.url, _base(tree, answer))


def links(answer: Answer) -> tuple[tuple[str, str], ...]:
    """The links of a page to its own site: the text of each, and the path that it leads to, without a query."""
    tree = document(answer)
    base = _base(tree, answer)
    return tuple(
        (" ".join(node.text().split()) or (node.attributes.get("aria-label") or ""), path.partition("?")[0])
        for node in tree.css("a[href]")
        for path in _own(iter([node.attributes.get("href") or ""]), answer.url, base)
    )


def named_by_style(answer: Answer) -> tuple[str, ...]:
    """The images, fonts and styles that a stylesheet names on its own site, as paths from its host's root, each once."""
    return _own(_style_references(answer.text_up_to(MAX_CHARACTERS)), answer.url, answer.url)


def _base(tree: LexborHTMLParser, answer: Answer) -> str:
    base = tree.css_first("base[href]")
    return _join(answer.url, (base.attributes.get("href") or "") if base else "") or answer.url


def _references(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("script, link, img, source, video, input, image, use, style, [style]"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        match node.tag:
            case "script" if _is_script(attributes):
                yield attributes.get("src", "")
            case "link" if _loads(attributes):
                yield attributes.get("href", "")
                yield from candidates(attributes.get("imagesrcset", ""))
            case "img":
                yield attributes.get("src", "")
                yield from candidates(attributes.get("srcset", ""))
            case "source":  # `src` is a sound or a film's, which are no part of the check
                yield from candidates(attributes.get("srcset", ""))
            case "video":
                yield attributes.get("poster", "")
            case "input" if attributes.get("type", "").lower() == "image":
                yield attributes.get("src", "")
            case "image" | "use":  # of a drawing
                yield attributes.get("href") or attributes.get("xlink:href", "")
            case "style":
                yield from _style_references(node.text())
        yield from _style_references(attributes.get("style", ""))


def _code_references(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("script[src], link[href]"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        if node.tag == "script":
            if _is_script(attributes):
                yield attributes["src"]
        elif _loads(attributes):
            rels, kind = {*attributes.get("rel", "").lower().split()}, attributes.get("as", "").strip().lower()
            if not rels.isdisjoint({"stylesheet", "modulepreload"}) or kind in ("script", "style"):
                yield attributes["href"]


def _is_script(attributes: dict[str, str]) -> bool:
    return _ROCKET_LOADER.sub("", attributes.get("type", "").strip().lower()) in _SCRIPT_TYPES


def _loads(attributes: dict[str, str]) -> bool:
    """Whether a `<link>` makes the browser load a script, a style or an image at once."""
    rels = {*attributes.get("rel", "").lower().split()}
    preloads = "preload" in rels and attributes.get("as", "").strip().lower() in _PRELOADED
    return preloads or not rels.isdisjoint(_LOADING_RELS)


def candidates(srcset: str) -> Iterator[str]:
    """The addresses of a `srcset`, which may hold commas themselves: an address ends at white space, or at a comma before it."""
    end = 0
    while match := _CANDIDATE.match(srcset, end):
        address, end = match[1], match.end()
        yield address.rstrip(",")
        if not address.endswith(",") and (descriptor := _DESCRIPTOR.match(srcset, end)):
            end = descriptor.end()  # its width or density


def _style_references(css: str) -> Iterator[str]:
    css = _CSS_NAMESPACE.sub("", _CSS_COMMENT.sub(lambda match: match[1] or " ", css))
    for match in _CSS_IMPORT.finditer(css):
        yield match[1] or match[2] or ""
    for match in _CSS_FONT_FACE.finditer(css):
        yield from _font(match[1])
    for match in _CSS_URL.finditer(_CSS_FONT_FACE.sub("", css)):
        yield match[1] or match[2] or match[3] or ""


def _font(face: str) -> Iterator[str]:
    """The one file of a font face that a browser of today loads; the others are for older ones, and often left out."""
    files = [match[1] or match[2] or match[3] or "" for match in _CSS_URL.finditer(face)]
    for suffix in _FONT_FORMATS:
        if best := next((file for file in files if _path_of(file).endswith(suffix)), None):
            yield best
            return
    yield from files[-1:]


def _path_of(address: str) -> str:
    """The path of an address, lower case; empty for one that cannot be read."""
    try:
        return urlsplit(address).path.lower()
    except ValueError:
        return ""


def _own(references: Iterator[str], page_url: str, base: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for reference in islice(dict.fromkeys(map(str.strip, references)), _MAX_REFERENCES):
        # What begins with "#" stands in the page itself, whatever its base is.
        if not reference or reference.startswith("#"):
            continue
        if path := _own_path(_join(base, reference), page_url):
            found[path] = None
    return tuple(found)


def _own_path(address: str, page_url: str) -> str:
    try:
        parts = urlsplit(urldefrag(address)[0])
        if parts.scheme not in ("http", "https") or recognise.origin(parts) != recognise.origin(urlsplit(page_url)):
            return ""
    except ValueError:  # "http://[" and the like: it leads nowhere
        return ""
    if parts.path.startswith("/cdn-cgi/"):  # Cloudflare's, never part of the site
        return ""
    # As a browser sends it, so that one file has one name.
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SENT_AS_IS)
    page = urlsplit(page_url)
    # An empty or "#…" reference names the page itself.
    return "" if path == (page.path or "/") + (f"?{page.query}" if page.query else "") else path


def _join(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""
