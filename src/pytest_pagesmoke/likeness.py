"""Whether a page is a site's answer to an address that cannot exist. Pure.

Two answers with the same page never have quite the same bytes: nonces, tokens, times, scripts that the edge puts in. So a
page is reduced to what a visitor would call the same: its title, its links on the own site, its visible words. And what
still differs between two answers is learned, not guessed: two impossible addresses are asked, and where those two differ
from each other, a page may differ from them and still be the same one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlsplit

from pytest_pagesmoke import markup
from pytest_pagesmoke.model import Answer

# Aligning is quadratic. A thousand words that differ between two answers are two different pages.
_MAX_DIFFERING_WORDS: Final = 1000
_INVISIBLE: Final = ["script", "style", "template", "noscript", "title"]
_LINKS: Final = {"a": "href", "link": "href", "script": "src", "img": "src", "form": "action"}
# What a visitor sees of a form, though it is no text: a login page may consist of nothing else.
_SPEAKING_ATTRIBUTES: Final = ("type", "placeholder", "alt", "aria-label")


@dataclass(frozen=True)
class Page:
    """What two answers must share to be the same page. Words that hold a digit (times, ids, counters) are all ``#``."""

    title: tuple[str, ...]
    links: frozenset[str]
    words: tuple[str, ...]


def page(answer: Answer) -> Page:
    """Reduce an HTML answer to its `Page`."""
    tree = markup.document(answer)
    title = tree.css_first("title")
    host = urlsplit(answer.url).netloc
    links = {
        link
        for node in tree.css(", ".join(_LINKS))
        if (link := _own(node.attributes.get(_LINKS[node.tag or ""]) or "", host))
    }
    spoken = [
        value
        for node in tree.css("input:not([type=hidden]), img, button, textarea, select")
        for name in _SPEAKING_ATTRIBUTES
        if (value := node.attributes.get(name))
    ]
    title_words = _words(title.text()) if title else ()
    tree.strip_tags(_INVISIBLE)
    body = tree.body
    visible = body.text(separator=" ") if body else ""
    return Page(title=title_words, links=frozenset(links), words=_words(" ".join([visible, *spoken])))


def _words(text: str) -> tuple[str, ...]:
    return tuple("#" if re.search(r"\d", word) else word for word in text.lower().split())


def _own(link: str, host: str) -> str:
    """A link on the own site without query and fragment (they hold tokens); empty for one that leads elsewhere."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("", "http", "https") or parts.netloc not in ("", host):
        return ""
    return "" if parts.path.startswith("/cdn-cgi/") else parts.path


def is_fallback(candidate: Page, one: Page, other: Page) -> bool:
    """Whether ``candidate`` is the page that the site gave to two addresses that cannot exist, ``one`` and ``other``."""
    shared_links = one.links & other.links
    own_links = max(len(one.links - shared_links), len(other.links - shared_links))
    return (
        shared_links <= candidate.links
        and len(candidate.links - shared_links) <= own_links
        and _differs_only_where(candidate.title, one.title, other.title)
        and _differs_only_where(candidate.words, one.words, other.words)
    )


def _differs_only_where(candidate: Sequence[str], one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether each place in ``one`` that ``candidate`` has otherwise is a place that ``other`` has otherwise too."""
    changing = _changes(one, other)
    differing = _changes(one, candidate)
    if changing is None or differing is None:
        return False
    return all(any(low <= start and end <= high for low, high in changing) for start, end in differing)


def _changes(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]] | None:
    """The stretches of ``one`` that ``other`` has otherwise; None where so much differs that these are two pages."""
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    middle, counterpart = one[start : len(one) - end], other[start : len(other) - end]
    if max(len(middle), len(counterpart)) > _MAX_DIFFERING_WORDS:
        return None
    matcher = SequenceMatcher(None, middle, counterpart, autojunk=False)
    return [(start + i1, start + i2) for tag, i1, i2, _, _ in matcher.get_opcodes() if tag != "equal"]
