"""What a server sent, made safe to show."""

from __future__ import annotations

import re
import unicodedata

import pytest

from pytest_pagesmoke.say.harmless import harmless, harmless_lines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "expected 200, got 404",
        "caf\u00e9 \u65e5\u672c\u8a9e \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \U0001f600",
        "<script>alert(1)</script> & [link](http://example.com) | `code`",
        "a::b std::string http://[::1]:8788/",
        "# Title, ## Title, #[1], C# [draft], ##",
        "back\\slash \\x1b as text",
        "no-break\u00a0space",
    ],
)
def test_plain_text_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m", id="colour"),
        pytest.param("\x1b]8;;http://example.com\x07link", "\\x1b]8;;http://example.com\\x07link", id="terminal-link"),
        pytest.param("\x9b31m", "\\x9b31m", id="8-bit-escape"),
        pytest.param("one\ntwo\r\nthree\tfour", "one\\ntwo\\r\\nthree\\tfour", id="lines"),
        pytest.param("over\rwritten\x08", "over\\rwritten\\x08", id="overwriting"),
        pytest.param("\0\x7f\x85", "\\x00\\x7f\\x85", id="controls"),
        pytest.param("a\u202etxt.exe", "a\\u202etxt.exe", id="turned-around"),
        pytest.param("in\u200bvisible\ufeff", "in\\u200bvisible\\ufeff", id="zero-width"),
        pytest.param("a\u2028b\u2029c", "a\\u2028b\\u2029c", id="separators"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag"),
        pytest.param("\ud800 \ue000 \ufffe", "\\ud800 \\ue000 \\ufffe", id="no-characters"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_escaped(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::all is lost", "\\x3a:error::all is lost"),
        ("  ::set-output name=a::b", "  \\x3a:set-output name=a::b"),
        (":::", "\\x3a::"),
        ("a ##[error]b", "a \\x23#[error]b"),
        ("##vso[task.setvariable variable=a]b", "\\x23#vso[task.setvariable variable=a]b"),
        ("##teamcity[buildStatus]", "\\x23#teamcity[buildStatus]"),
        ("###[error]", "#\\x23#[error]"),
    ],
)
def test_what_a_ci_log_would_obey_is_shown_escaped(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_every_kind_of_character() -> None:
    """Whatever comes, what is shown is one line of visible characters."""
    blocks = (
        range(0x3100),
        range(0xD7F0, 0xE010),
        range(0xFD00, 0x1_0100),
        range(0xE_0000, 0xE_0200),
        range(0x10_FFF0, 0x11_0000),
    )
    shown = harmless("".join(chr(code) for block in blocks for code in block), limit=1_000_000)
    assert len(shown.splitlines()) == 1
    assert {unicodedata.category(char)[0] for char in set(shown)} <= set("LMNPSZ")
    assert re.search(r"[\x00-\x1f\x7f-\x9f]", shown) is None


@pytest.mark.parametrize("text", ["::error::a", "\x1b[31m", "##[error]", "a" * 300, "\u202e"])
def test_once_is_enough(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd\u2026"),
        ("a" * 10_000_000, 5, "aaaa\u2026"),
        ("\x1b" * 5, 8, "\\x1b\\x1\u2026"),
        ("a" * 240, 240, "a" * 240),
    ],
    ids=["fits", "too-long", "huge", "longer-once-escaped", "exactly"],
)
def test_at_most_so_many_characters(text: str, limit: int, shown: str) -> None:
    assert harmless(text, limit=limit) == shown


def test_the_usual_limit() -> None:
    assert len(harmless("a" * 1_000)) == 240


# In lines that stay lines.


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\nb\tc\r\n\n",
        "\x1b[31mred\x1b[0m and \x1b[01;94mmore\x1b[m and \x1b[90m \x1b[39;49;00m",
        "Gr\u00fc\u00dfe \u2603 \U0001f468\u200d\U0001f469",
        "test_own.py::test_x\n  a::b\n#[x] # #",
        "\u200c\u200d\ufeff",
    ],
)
def test_lines_stay_as_they_are(text: str) -> None:
    assert harmless_lines(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]8;;https://evil.example\x07x", r"\x1b]8;;https://evil.example\x07x"),
        ("a\x1b", r"a\x1b"),
        (
            "\x1b[8mhidden \x1b[0;8;1m \x1b[30;40m \x1b[48;5;0m\x1b[38;2;0;0;0m",
            r"\x1b[8mhidden \x1b[0;8;1m \x1b[30;40m \x1b[48;5;0m\x1b[38;2;0;0;0m",
        ),
        ("\x1b[31mred", "\x1b[31mred\x1b[0m"),
        ("a\rb\r\n", "a\\rb\r\n"),
        ("\x00\x08\x0b\x0c\x7f\x85\x9b31m", r"\x00\x08\x0b\x0c\x7f\x85\x9b31m"),
        ("\u202e\u2066\u200f\u061c\u2028", r"\u202e\u2066\u200f\u061c\u2028"),
        ("a\n::error::b", "a\n\\x3a:error::b"),
        ("a\n \t::error::b", "a\n \t\\x3a:error::b"),
        ("a ##[error]b ##teamcity[x", r"a \x23#[error]b \x23#teamcity[x"),
    ],
)
def test_what_is_obeyed_in_them_is_shown_escaped(text: str, shown: str) -> None:
    assert harmless_lines(text) == shown
