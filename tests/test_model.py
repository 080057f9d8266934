"""The derived facts of the nouns."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.model import Answer


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html; charset=utf-8", "Müller".encode(), "Müller"),
        ("text/html", b"\xef\xbb\xbfhello", "hello"),
        ("text/html; charset=ISO-8859-1", "Müller".encode("latin-1"), "Müller"),
        ('text/html; charset="windows-1252"', "10 €".encode("cp1252"), "10 €"),
        ("text/html; charset=utf-16", "hello".encode("utf-16"), "hello"),
        ("text/html; charset=utf-8", b"\xff", "\ufffd"),
        ("text/html", "hello".encode("utf-16"), "hello"),
        ("text/html; charset=nonsense", b"\xfe\xff" + "Müller".encode("utf-16-be"), "Müller"),
        # Names that Python knows, and that raise, warn or are no charsets.
        *(
            (f"text/html; charset={name}", b"\\x\xc3\xbc", "\\xü")
            for name in ("idna", "undefined", "punycode", "unicode_escape", "rot13", "base64", "utf-7", "nonsense")
        ),
    ],
)
def test_a_body_is_text_whatever_its_charset_is_called(content_type: str, body: bytes, text: str) -> None:
    assert Answer(url="", status=200, headers={"content-type": content_type}, body=body).text == text
    long = Answer(url="", status=200, headers={"content-type": content_type}, body=body + b" " * 99)
    assert long.text_up_to(7) == long.text[:7]
