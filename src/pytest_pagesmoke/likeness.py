"""Whether a page is a site's answer to an address that cannot exist. Pure.

Two answers with the same page never have quite the same bytes: nonces, tokens, times, scripts that the edge puts in. So a
page is reduced to what a visitor would call the same: its title, its links on the own site, its visible words. And what
still differs between two answers is learned, not guessed: two impossible addresses are asked, and where those two differ
from each other, a page may differ from them and still be the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from pytest_pagesmoke import markup
from pytest_pagesmoke.model import Answer

# Aligning is quadratic. A thousand words that differ between two answers are two different pages.
_MAX_DIFFERING_WORDS: Final = 1000
_INVISIBLE: Final = ["script", "style", "template", "noscript", "title"]
_LINKS: Final = {"a": "href", "link": "href", "script": "src", "img": "src", "form": "action"}
_PROTECTED: Final = "data-cfemail"
# Bounded (by RFC 5321), for else a word of a million letters would be tried from each of them.
_E_MAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_UNREADABLE: Final = "protected@e-mail.address"  # stands where a zone's protection cannot be undone
_TIME: Final = "(time)"
_TIMES: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:[ap]m|Z)?"
    r"|\d+(?:\.\d+)?(?:ms|s|µs)|1\d{9}(?:\.\d+)?|1\d{12}",
    re.IGNORECASE,
)
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
    return _reduced(markup.document(answer), frozenset({urlsplit(answer.url).netloc}), _words)


def sight(answer: Answer, hosts: frozenset[str], *, addresses_alike: bool = False) -> Page:
    """Reduce an HTML answer to what two deployments must share to show the same: every word but times.

    The e-mail addresses that a zone has protected are put back, and with ``addresses_alike`` all of them are one.
    ``hosts`` are those of both deployments: a page may name itself by either.
    """
    tree = markup.document(answer)
    for node in tree.css(f"[{_PROTECTED}]"):
        node.replace_with(_unprotected(node.attributes.get(_PROTECTED) or "") or _UNREADABLE)
    if tree.body:
        tree.body.merge_text_nodes()  # what stands before and after an address is one word with it
    return _reduced(tree, hosts, _words_but_addresses if addresses_alike else words_of)


def has_protected_addresses(answer: Answer) -> bool:
    """Whether the zone has rewritten e-mail addresses in this page."""
    return _PROTECTED in answer.text or "/cdn-cgi/l/email-protection" in answer.text


def hides_addresses(answer: Answer) -> bool:
    """Whether an address that the zone has rewritten cannot be told from the page."""
    if _PROTECTED not in answer.text:
        return False
    nodes = markup.document(answer).css(f"[{_PROTECTED}]")
    return not all(_unprotected(node.attributes.get(_PROTECTED) or "") for node in nodes)


def _unprotected(encoded: str) -> str:
    """The address in a `data-cfemail`: hexadecimal, each byte mixed (XOR) with the first. Empty where it holds none."""
    try:
        key, *mixed = bytes.fromhex(encoded)
        address = bytes(byte ^ key for byte in mixed).decode()
    except ValueError:  # no hexadecimal, no byte at all, or no text
        return ""
    return address if "@" in address else ""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text; every time of the day, date or duration is alike."""
    return tuple(_TIME if is_time(word) else word for word in text.split())


def _words_but_addresses(text: str) -> tuple[str, ...]:
    return words_of(_E_MAIL.sub(_UNREADABLE, text))


def is_time(text: str) -> bool:
    """Whether this is a time, which differs from moment to moment: of the day, a date with it or alone, a duration, seconds of an epoch."""
    return _TIMES.fullmatch(text.strip("\"'.,;()[]")) is not None


def _reduced(tree: LexborHTMLParser, hosts: frozenset[str], words: Callable[[str], tuple[str, ...]]) -> Page:
    title = tree.css_first("title")
    links = {
        link
        for node in tree.css(", ".join(_LINKS))
        if (link := _own(node.attributes.get(_LINKS[node.tag or ""]) or "", hosts))
    }
    spoken = [
        value
        for node in tree.css("input:not([type=hidden]), img, button, textarea, select")
        for name in _SPEAKING_ATTRIBUTES
        if (value := node.attributes.get(name))
    ]
    title_words = words(title.text()) if title else ()
    tree.strip_tags(_INVISIBLE)
    body = tree.body
    visible = body.text(separator=" ") if body else ""
    return Page(title=title_words, links=frozenset(links), words=words(" ".join([visible, *spoken])))


def _words(text: str) -> tuple[str, ...]:
    return tuple("#" if re.search(r"\d", word) else word for word in text.lower().split())


def _own(link: str, hosts: frozenset[str]) -> str:
    """A link on the own site without query and fragment (they hold tokens); empty for one that leads elsewhere."""
    try:
        parts = urlsplit(link.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("", "http", "https") or parts.netloc not in hosts | {""}:
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
    stretches = _changes(one, candidate)
    if changing is None or stretches is None:
        return False
    return all(_within(stretch, changing) for stretch in stretches)


def differing(
    here: Sequence[str], here_again: Sequence[str], there: Sequence[str], there_again: Sequence[str]
) -> list[tuple[str, str]] | None:
    """The stretches in which two sides differ, there and here, and neither from its own second answer; None where all does.

    Each is given with the word before it, so that it can be found.
    """
    changing_there, changing_here = _changes(there, there_again), _changes(here, here_again)
    found = _aligned(there, here)
    if found is None:
        return None
    # A side that never says the same twice shows nothing by what it says.
    known_there, known_here = changing_there or [], changing_here or []
    return [
        (" ".join(there[max(i1 - 1, 0) : i2]), " ".join(here[max(j1 - 1, 0) : j2]))
        for i1, i2, j1, j2 in found
        if not _within((i1, i2), known_there) and not _within((j1, j2), known_here)
    ]


def _within(stretch: tuple[int, int], changing: Sequence[tuple[int, int]]) -> bool:
    return any(low <= stretch[0] and stretch[1] <= high for low, high in changing)


def _changes(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]] | None:
    """The stretches of ``one`` that ``other`` has otherwise; None where so much differs that these are two pages."""
    found = _aligned(one, other)
    return None if found is None else [(i1, i2) for i1, i2, _, _ in found]


def _aligned(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int, int, int]] | None:
    """The stretches in which two differ, in each of them; None where so much differs that these are two pages."""
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
    return [
        (start + i1, start + i2, start + j1, start + j2)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]
