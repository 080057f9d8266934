"""When two answers are the same page: what differs between two answers to nothing may differ, and nothing else."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from pytest_pagesmoke import differences, likeness, markup
from pytest_pagesmoke.likeness import Page
from pytest_pagesmoke.model import Answer


def page(html: str, url: str = "https://www.example.com/login") -> Page:
    return likeness.page(Answer(url=url, status=200, body=html.encode()))


def words(text: str) -> Page:
    return Page(title=(), links=frozenset(), words=tuple(text.split()))


def links(*names: str) -> Page:
    return Page(title=(), links=frozenset(names), words=())


# What a page is reduced to.


@pytest.mark.parametrize(
    ("html", "text"),
    [
        pytest.param("<p>One</p><p>Two</p>", "one two", id="words"),
        pytest.param("<p>One</p>\n\n  <p>two\u00a0three</p>", "one two three", id="white-space"),
        pytest.param("<script>var a</script><style>p{}</style><template>b</template><p>one", "one", id="invisible"),
        pytest.param("<p>one<noscript>Turn it on</noscript><!-- a -->", "one", id="noscript-and-comment"),
        pytest.param("<p>v1.2 at 10:30 one a0b1", "# at # one #", id="digits"),
        pytest.param(
            "<input type=password placeholder='Your word'><img alt=Logo>", "password your word logo", id="forms"
        ),
        pytest.param("<input type=hidden value=secret><button aria-label=Close>x</button>", "x close", id="hidden"),
        pytest.param("", "", id="empty"),
        pytest.param("\0\ufffd", "\ufffd", id="odd"),
    ],
)
def test_words(html: str, text: str) -> None:
    assert page(html).words == tuple(text.split())


@pytest.mark.parametrize(
    ("html", "own"),
    [
        pytest.param("<a href=/a>a</a><a href='/b?token=x#top'>b</a>", {"/a", "/b"}, id="without-query"),
        pytest.param(
            "<link href=/s.css><script src=/a.js></script><img src=/i.png><form action=/f>",
            {"/s.css", "/a.js", "/i.png", "/f"},
            id="kinds",
        ),
        pytest.param("<a href=https://www.example.com/a>", {"/a"}, id="absolute"),
        pytest.param("<a href=//www.example.com/a>", {"/a"}, id="without-scheme"),
        pytest.param("<a href=https://example.net/a>", set(), id="elsewhere"),
        pytest.param(
            "<a href=mailto:a@example.com><a href='javascript:a()'><a href=#top><a href><a>", set(), id="no-pages"
        ),
        pytest.param("<script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script>", set(), id="cloudflares"),
        pytest.param("<a href='http://['>", set(), id="no-address"),
        pytest.param("<a href=' /a '>", {"/a"}, id="white-space"),
        pytest.param("<svg><a href=/a><image href=/b></svg><image src=/c>", {"/a", "/c"}, id="in-a-drawing"),
    ],
)
def test_links(html: str, own: set[str]) -> None:
    assert page(html).links == own


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Sign\n in</title>", "Sign in"),
        ("<title></title>", ""),
        ("<p>no title", ""),
        ("<title>A &amp; B</title><svg><title>Logo</title></svg>", "A & B"),
    ],
)
def test_title(html: str, title: str) -> None:
    assert markup.title(Answer(url="", status=200, body=html.encode())) == title
    assert page(html).title == tuple(title.lower().split())


# Likeness.


@pytest.mark.parametrize("text", ["", "one", "one two three", "# # #"])
def test_a_page_is_the_fallback_that_it_is(text: str) -> None:
    assert likeness.is_fallback(words(text), words(text), words(text))


@pytest.mark.parametrize(
    ("candidate", "one", "other"),
    [
        pytest.param("a X c", "a Y c", "a Z c", id="word-changes"),
        pytest.param("a Y c", "a Y c", "a Z c", id="as-in-one"),
        pytest.param("a Z c", "a Y c", "a Z c", id="as-in-other"),
        pytest.param("a c", "a Y c", "a Z c", id="word-missing-where-it-changes"),
        pytest.param("a X X X c", "a Y c", "a Z c", id="more-words-where-it-changes"),
        pytest.param("a X c", "a c", "a Z c", id="word-comes-and-goes"),
        pytest.param("X a", "Y a", "Z a", id="at-the-beginning"),
        pytest.param("a X", "a Y", "a Z", id="at-the-end"),
        pytest.param("a X c X e", "a Y c Y e", "a Z c Z e", id="two-places"),
    ],
)
def test_what_changes_may_differ(candidate: str, one: str, other: str) -> None:
    assert likeness.is_fallback(words(candidate), words(one), words(other))


@pytest.mark.parametrize(
    ("candidate", "one", "other"),
    [
        pytest.param("a b d", "a b c", "a b c", id="nothing-changes"),
        pytest.param("a b", "a b c", "a b c", id="fewer"),
        pytest.param("a b c d", "a b c", "a b c", id="more"),
        pytest.param("", "a", "a", id="none"),
        pytest.param("X Y d", "a Y c", "a Z c", id="elsewhere-too"),
        pytest.param("a X d", "a Y c", "a Z c", id="the-word-behind"),
        pytest.param("b X c", "a Y c", "a Z c", id="the-word-before"),
        pytest.param("a Y c d", "a Y c", "a Z c", id="a-word-more"),
        pytest.param("c Y a", "a Y c", "a Z c", id="another-order"),
    ],
)
def test_what_does_not_change_may_not(candidate: str, one: str, other: str) -> None:
    assert not likeness.is_fallback(words(candidate), words(one), words(other))


@pytest.mark.parametrize(
    ("candidate", "one", "other", "same"),
    [
        pytest.param("ab", "ab", "ab", True, id="equal"),
        pytest.param("a", "ab", "ab", False, id="one-less"),
        pytest.param("abc", "ab", "ab", False, id="one-more"),
        pytest.param("abx", "aby", "abz", True, id="one-of-its-own"),
        pytest.param("ab", "aby", "abz", True, id="without"),
        pytest.param("abxw", "aby", "abz", False, id="two-of-its-own"),
        pytest.param("ax", "aby", "abz", False, id="a-shared-one-missing"),
    ],
)
def test_which_links_may_differ(candidate: str, one: str, other: str, same: bool) -> None:
    assert likeness.is_fallback(links(*candidate), links(*one), links(*other)) is same


def test_the_title_is_compared_like_the_words() -> None:
    def titled(title: str) -> Page:
        return Page(title=tuple(title.split()), links=frozenset(), words=("same",))

    assert likeness.is_fallback(titled("x - Example"), titled("y - Example"), titled("z - Example"))
    assert not likeness.is_fallback(titled("Sign in"), titled("y - Example"), titled("z - Example"))


def test_three_answers_that_differ_in_the_same_places_are_the_same_page_in_any_order() -> None:
    """Whatever the page and wherever it changes: thirty pages at random, the same ones each time."""
    source = random.Random(5)
    for _ in range(30):
        fixed = [f"word{chr(97 + index)}" for index in range(source.randint(1, 20))]
        changing = sorted(source.sample(range(len(fixed)), source.randint(0, len(fixed) // 3)))
        answers = []
        for name in ("first", "second", "third"):
            text = [*fixed]
            for place in changing:
                text[place] = f"{name}{fixed[place]}"
            answers.append(words(" ".join(text)))
        for candidate, one, other in permutations(answers):
            assert likeness.is_fallback(candidate, one, other)
        if len(changing) < len(fixed):
            place = next(index for index in range(len(fixed)) if index not in changing)
            foreign = [*answers[0].words]
            foreign[place] = "Sign in"
            assert not likeness.is_fallback(words(" ".join(foreign)), answers[1], answers[2])


# The bound on what comparing costs: aligning a hundred thousand words with another hundred thousand would take hours.


def many(count: int, prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{chr(97 + index % 26)}" for index in range(count))


def huge(*parts: tuple[str, ...]) -> Page:
    return Page(title=(), links=frozenset(), words=tuple(word for part in parts for word in part))


def test_huge_pages_that_share_their_beginning_and_end_are_compared_in_between() -> None:
    front, back = many(100_000, "f"), many(100_000, "b")
    one, other = huge(front, ("token",), back), huge(front, ("nonce",), back)
    assert likeness.is_fallback(huge(front, ("else",), back), one, other)
    assert not likeness.is_fallback(huge(front, ("token",), back, ("more",)), one, other)


def test_words_that_are_everywhere_align_like_all_others() -> None:
    """A difference inside a long text that two changing words surround is a difference."""
    text = ("the", "page") * 200
    one, other = (huge((name,), text, (name,)) for name in ("token", "nonce"))
    assert likeness.is_fallback(huge(("else",), text, ("else",)), one, other)
    assert not likeness.is_fallback(huge(("else",), text[:200], ("sign", "in"), text[200:], ("else",)), one, other)


def test_huge_pages_that_differ_throughout_are_two_pages() -> None:
    one = huge(many(100_000, "a"))
    assert not likeness.is_fallback(huge(many(100_000, "b")), one, one)
    assert not likeness.is_fallback(huge(many(1, "b")), one, one)
    assert not likeness.is_fallback(one, huge(many(100_000, "c")), huge(many(100_000, "d")))


def test_the_bound_itself() -> None:
    one, other = (huge(("begin",), many(differences._MAX_ALIGNED, name), ("end",)) for name in "xy")
    assert likeness.is_fallback(huge(("begin",), ("z",), ("end",)), one, other)
    one, other = (huge(("begin",), many(differences._MAX_ALIGNED + 1, name), ("end",)) for name in "xy")
    assert not likeness.is_fallback(huge(("begin",), ("z",), ("end",)), one, other)


def test_a_huge_body() -> None:
    html = "<title>Log</title>" + "<p>hello world</p>" * 50_000
    assert page(html) == page(html.replace("<p>", "\n<p class=x>"))
    assert len(page(html).words) == 100_000


DEEP = 50_000  # nested, these would take a quarter of a minute; the suite's time-out is the bound here


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("<div>" * DEEP, id="nested"),
        pytest.param("<b></div>" * DEEP, id="closed-by-others"),
        pytest.param("<path/>" * DEEP, id="closed-in-no-drawing"),
        pytest.param("<div " + " ".join(f"a{index}=1" for index in range(DEEP)) + ">", id="attributes"),
    ],
)
def test_what_would_take_a_parser_minutes_is_cut_off(hostile: str) -> None:
    whole = page(f"<title>T</title>early {hostile} late")
    assert whole.title == ("t",)
    assert whole.words[0] == "early"


def test_a_drawing_of_thousands_of_strokes_is_no_depth() -> None:
    drawing = "<svg>" + '<path d="M0 0"/>' * 5000 + "</svg>"
    unclosed = "<ul>" + "<li>one" * 5000 + "</ul>"
    state = f"<div data-page='{'x' * 10_000}'>state</div>"
    for content in (drawing, unclosed, state):
        whole = page(f"{content}<p>late")
        assert whole.words[-1] == "late"
