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
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_pagesmoke import markup
from pytest_pagesmoke.model import Answer

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_INVISIBLE: Final = ["script", "style", "template", "noscript", "title"]
_LINKS: Final = {
    **dict.fromkeys(("a", "area", "link"), "href"),
    **dict.fromkeys(("script", "img", "source", "iframe", "video", "audio", "embed"), "src"),
    "form": "action",
    "object": "data",
    "button": "formaction",
}
_PROTECTED: Final = "data-cfemail"
# Bounded (by RFC 5321), and from the start of a word alone: else one of a million letters would be tried from each of them.
_LOCAL_PART: Final = r"[\w.!#$%&'*+/=?^`{|}~-]"
_E_MAIL: Final = re.compile(rf"(?<!{_LOCAL_PART}){_LOCAL_PART}{{1,64}}+@[\w-]{{1,63}}(?:\.[\w-]{{1,63}})+")
_UNREADABLE: Final = "protected@e-mail.address"  # stands where a zone's protection cannot be undone
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
    """Reduce an HTML answer to what two deployments must share to show the same: every word.

    The e-mail addresses that a zone has protected are put back, and with ``addresses_alike`` all of them are one.
    ``hosts`` are those of both deployments: a page may name itself by either.
    """
    tree = markup.document(answer)
    for node in tree.css(f"[{_PROTECTED}]"):
        node.replace_with(_unprotected(node.attributes.get(_PROTECTED) or "") or _UNREADABLE)
    if tree.body:
        tree.body.merge_text_nodes()  # what stands before and after an address is one word with it
    return _reduced(tree, hosts, _words_but_addresses if addresses_alike else _every_word)


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


def _words_but_addresses(text: str) -> tuple[str, ...]:
    return tuple(_E_MAIL.sub(_UNREADABLE, text).split())


def _every_word(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _reduced(tree: LexborHTMLParser, hosts: frozenset[str], words: Callable[[str], tuple[str, ...]]) -> Page:
    title = tree.css_first("title")
    links = {
        link
        for node in tree.css(", ".join(_LINKS))
        if (link := _own(node.attributes.get(_LINKS[node.tag or ""]) or "", hosts))
    }
    links |= {
        link
        for node in tree.css("img[srcset], source[srcset]")
        for candidate in markup.candidates(node.attributes.get("srcset") or "")
        if (link := _own(candidate, hosts))
    }
    spoken = [
        value
        for node in tree.css("input:not([type=hidden]), img, button, textarea, select")
        for name in (*_SPEAKING_ATTRIBUTES, *_labels(node))
        if (value := node.attributes.get(name))
    ]
    title_words = words(title.text()) if title else ()
    tree.strip_tags(_INVISIBLE)
    body = tree.body
    visible = body.text(separator=" ") if body else ""
    return Page(title=title_words, links=frozenset(links), words=words(" ".join([visible, *spoken])))


def _labels(node: LexborNode) -> tuple[str, ...]:
    """Where the words of a button that is no `<button>` stand; what else has a value was written by a visitor."""
    return ("value",) if node.tag == "input" and node.attributes.get("type") in ("submit", "button", "reset") else ()


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


def _within(stretch: tuple[int, int], changing: Sequence[tuple[int, int]]) -> bool:
    return any(low <= stretch[0] and stretch[1] <= high for low, high in changing)


def _changes(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]] | None:
    """The stretches of ``one`` that ``other`` has otherwise; None where so much differs that these are two pages."""
    from pytest_pagesmoke.differences import aligned  # noqa: PLC0415 - not before there are answers to compare

    found = aligned(one, other)
    return None if found is None else [(each.low, each.high) for each in found]
