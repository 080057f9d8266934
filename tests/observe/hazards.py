"""A table of what servers can do to whoever asks them: each with the reason, or the status, that comes of it, and with the rule of a whole run."""

from __future__ import annotations

import gzip
import itertools
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from observe.hostile import (
    PATIENCE_S,
    Certificates,
    Hostile,
    Peer,
    Script,
    answers,
    answers_and_closes,
    answers_anything,
    chunked,
    drips,
    greets,
    http,
    hung_up,
    never_answers,
    path_of,
    pours,
    read_head,
    resets,
    takes_and_waits,
    wrapped_in_gzip,
)
from pytest_pagesmoke.model import Reason

#: Within how many seconds a client that asks these servers must be through with each.
TIMEOUT_S = 1.0
#: How much of a body it reads.
MAX_BODY_BYTES = 1_000_000
ENDLESS = 10**12


@dataclass(frozen=True)
class Hazard:
    """What a server does, and what is to come of it: a Reason, or the status of an answer; and the rule that a page breaks.

    With ``tls`` it does so behind a certificate of that kind; ``plain``: a client that speaks TLS meets it without.
    """

    script: Script
    outcome: Reason | int
    rule: str
    tls: str = ""
    plain: bool = False

    def serve(self, hostile: Hostile, certificates: Certificates) -> Peer:
        """A server that does it, at the address at which it is to be asked."""
        if not self.tls:
            peer = hostile.serve(self.script)
            return Peer(port=peer.port, scheme="https" if self.plain else "http")
        make: Mapping[str, Callable[[], ssl.SSLContext]] = {
            "good": certificates.good,
            "other name": certificates.of_another_name,
            "unknown authority": certificates.of_an_unknown_authority,
            "self-signed": certificates.signed_by_itself,
            "expired": lambda: certificates.valid_for_days(-9, -1),
            "not yet": lambda: certificates.valid_for_days(1, 9),
        }
        peer = hostile.serve(self.script, tls=make[self.tls]())
        return Peer(port=peer.port, scheme="http" if self.plain else "https")


def timeout(script: Script, **kinds: bool | str) -> Hazard:
    return Hazard(script, Reason.TIMEOUT, "timeout", **kinds)  # type: ignore[arg-type]  # each its own type


def invalid(script: Script) -> Hazard:
    return Hazard(script, Reason.PROTOCOL, "http-invalid")


def broken(script: Script, **kinds: bool | str) -> Hazard:
    return Hazard(script, Reason.RESET, "unreachable", **kinds)  # type: ignore[arg-type]  # each its own type


def mistrusted(tls: str, reason: Reason = Reason.TLS) -> Hazard:
    return Hazard(never_answers, reason, "tls-invalid", tls=tls)


def leads_elsewhere(location: bytes) -> Hazard:
    """A redirect that nobody can follow is an answer like any other, and leads to no page."""
    head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: "
    return Hazard(answers(head + location + b"\r\n\r\n"), 302, "redirect-elsewhere")


def html(body: bytes, *headers: str) -> bytes:
    return http(b"<!doctype html><title>x</title>" + body, "content-type: text/html", *headers)


def _bare(path: str) -> str:
    """What each of `FORMS` of a path begins with."""
    return path.removesuffix("/").removesuffix(".html").removesuffix("/index").removesuffix("/")


#: One and the same page, for whoever tidies addresses.
FORMS = ("", "/", ".html", "/index.html", "/index", ".html/", "/index/", "/index.html/")


def redirects_without_end(*, every_s: float = 0.0) -> Script:
    """From each form of an address to the next: no two hops are alike, and each only tidies."""

    def script(connection: socket.socket) -> None:
        while head := read_head(connection):
            if hung_up(connection, within_s=every_s):
                return
            path = path_of(head)
            form = FORMS.index(path.removeprefix(_bare(path)))
            onward = _bare(path) + FORMS[(form + 1) % len(FORMS)]
            connection.sendall(http(b"", f"location: {onward}", status="302 Found"))

    return script


def redirects_slowly_to_a_slow_body(connection: socket.socket) -> None:
    """Neither alone takes as long as an exchange may."""
    while head := read_head(connection):
        if path_of(head).endswith("l/"):
            break
        time.sleep(0.6 * TIMEOUT_S)
        tidied = "/index.html/" if path_of(head) == "/" else f"{_bare(path_of(head))}.html/"
        connection.sendall(http(b"", f"location: {tidied}", status="302 Found"))
    connection.sendall(http(b"", length=100))
    for _ in range(60):
        if hung_up(connection, within_s=0.01 * TIMEOUT_S):
            return
        connection.sendall(b"x")
    hung_up(connection)


def drips_a_handshake(connection: socket.socket) -> None:
    """The header of a TLS record of 16 KB, and then its bytes, one by one."""
    connection.recv(65_536)
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    for _ in range(int(PATIENCE_S / 0.02)):
        if hung_up(connection, within_s=0.02):
            return
        connection.sendall(b"\x00")


def cut_off(answer: bytes, at: int, *, reset: bool) -> Script:
    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer[:at])
        if reset:
            resets(connection)

    return script


_WHOLE = chunked("content-type: text/html") + b"5\r\nhello\r\n0\r\nx-a: b\r\n\r\n"
#: Where an answer in chunks may break off, and whether that is in its body.
_POINTS = {
    "at once": (0, False),
    "in the status line": (11, False),
    "after the status line": (17, False),
    "in a header": (30, False),
    "before the body": (_WHOLE.index(b"5\r\n"), True),
    "in a chunk's size": (_WHOLE.index(b"5\r\n") + 1, True),
    "in a chunk": (_WHOLE.index(b"llo"), True),
    "after a chunk": (_WHOLE.index(b"0\r\nx-a"), True),
    "in the trailers": (_WHOLE.index(b"-a: b"), True),
}


def _endings() -> Mapping[str, Hazard]:
    found = {}
    for name, (at, in_body) in _POINTS.items():
        found[f"closes {name}"] = (invalid if in_body else broken)(cut_off(_WHOLE, at, reset=False))
        found[f"resets {name}"] = broken(cut_off(_WHOLE, at, reset=True))
    return found


#: Those of the page of facts on HTTP, and more.
HAZARDS: Mapping[str, Hazard] = {
    # What only the deadline ends.
    "never answers": timeout(never_answers),
    "drips a body": timeout(drips(http(length=ENDLESS), b"x")),
    "drips chunks": timeout(drips(chunked(), b"1\r\nx\r\n")),
    "drips a header": timeout(drips(b"HTTP/1.1 200 OK\r\nx-a: ", b"a")),
    "drips headers": timeout(drips(b"HTTP/1.1 200 OK\r\n", b"x-a: a\r\n")),
    "drips a chunk's extension": timeout(drips(chunked() + b"5;", b"x")),
    "drips extensions": timeout(drips(chunked(), b"1;a=b;c=d\r\nx\r\n")),
    "drips trailers": timeout(drips(chunked() + b"0\r\n", b"x: y\r\n")),
    "drips interim answers": timeout(drips(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")),
    "pours interim answers": timeout(pours(b"", itertools.repeat(b"HTTP/1.1 102 Wait\r\n\r\n" * 1000))),
    "pours chunks of a byte": timeout(pours(chunked(), itertools.repeat(b"1\r\nx\r\n" * 10_000))),
    "pours gzip of nothing": timeout(
        pours(http(b"", "content-encoding: gzip", length=ENDLESS), itertools.repeat(wrapped_in_gzip(b"", 1) * 3000))
    ),
    "greets as SSH and waits": timeout(greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=True)),
    "greets as SMTP and waits": timeout(greets(b"220 mail.example.com ESMTP\r\n", then_waits=True)),
    "shakes hands without end": timeout(takes_and_waits, plain=True),
    "drips a handshake": timeout(drips_a_handshake, plain=True),
    "drips a body within TLS": timeout(drips(http(length=ENDLESS), b"x"), tls="good"),
    "redirects without end, slowly": timeout(redirects_without_end(every_s=0.4 * TIMEOUT_S)),
    "redirects slowly to a slow body": timeout(redirects_slowly_to_a_slow_body),
    # What is too much.
    "pours a body": Hazard(pours(http(length=ENDLESS), itertools.repeat(b"x" * 65_536)), Reason.TOO_LARGE, "body-too-large"),
    "pours chunks": Hazard(
        pours(chunked(), itertools.repeat(b"10000\r\n" + b"x" * 65_536 + b"\r\n")), Reason.TOO_LARGE, "body-too-large"
    ),
    "gzip that unpacks a thousandfold": Hazard(
        answers(http(gzip.compress(bytes(20_000_000), mtime=0), "content-encoding: gzip")), Reason.TOO_LARGE, "body-too-large"
    ),
    "gzip of many members": Hazard(
        answers(http(gzip.compress(bytes(300_000), mtime=0) * 50, "content-encoding: gzip")), Reason.TOO_LARGE, "body-too-large"
    ),
    "pours extensions": invalid(pours(chunked() + b"5;", itertools.repeat(b"x" * 65_536))),
    "pours a header": invalid(pours(b"HTTP/1.1 200 OK\r\nx: ", itertools.repeat(b"x" * 65_536))),
    "pours headers": invalid(pours(b"HTTP/1.1 200 OK\r\n", itertools.repeat(b"a: b\r\n" * 9999))),
    "pours trailers": invalid(pours(chunked() + b"0\r\n", itertools.repeat(b"a: b\r\n" * 9999))),
    "a header of 100 KB without end": invalid(pours(b"", [b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 110_000])),
    "redirects without end": Hazard(redirects_without_end(), Reason.REDIRECT_LOOP, "redirect-loop"),
    # Encodings that were not asked for, and layers of the one that was.
    "zstd": invalid(answers(http(b"\x28\xb5\x2f\xfd" * 1000, "content-encoding: zstd"))),
    "br": invalid(answers(http(b"\x8b" * 4000, "content-encoding: br"))),
    "deflate": invalid(answers(http(b"\x78\x9c" * 1000, "content-encoding: deflate"))),
    "900 layers of gzip": invalid(
        answers(http(wrapped_in_gzip(b"x", 900), f"content-encoding: {', '.join(['gzip'] * 900)}"))
    ),
    "900 layers, one declared": Hazard(
        answers(http(wrapped_in_gzip(b"x", 900), "content-encoding: gzip", "content-type: x/y")), 200, "page-not-html"
    ),
    # What is not HTTP, or not properly.
    "speaks SSH": broken(greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=False)),
    "speaks SMTP": invalid(greets(b"220 mail.example.com ESMTP\r\n502 5.5.2 Error\r\n\r\n", then_waits=False)),
    "speaks TLS on a plain port": Hazard(never_answers, Reason.RESET, "unreachable", tls="good", plain=True),
    "speaks HTTP on a TLS port": Hazard(answers_anything, Reason.PROTOCOL, "http-invalid", plain=True),
    "speaks SSH on a TLS port": Hazard(
        greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=True), Reason.PROTOCOL, "http-invalid", plain=True
    ),
    "speaks HTTP/0.9": broken(answers_and_closes(b"<h1>It works</h1>")),
    "speaks HTTP/0.9, long": invalid(pours(b"", itertools.repeat(b"<p>It works" * 5000))),
    "speaks HTTP/9.9": Hazard(answers_and_closes(b"HTTP/9.9 200 OK\r\n\r\n"), 200, "page-not-html"),
    "speaks HTTP/2 unasked": invalid(answers_and_closes(b"\0\0\x12\4\0\0\0\0\0" + b"\0" * 18 + b"\r\n\r\n")),
    "white space for a status line": invalid(drips(b"", b"\r\n")),
    "a status that is no number": invalid(answers(http(status="OK 200"))),
    "a status below 100": invalid(answers(http(status="099 OK"))),
    "a status of four digits": invalid(answers(http(status="2000 OK"))),
    "a status in other digits": invalid(answers(b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK\r\n\r\n")),
    "a negative length": invalid(answers(http(length=-5))),
    "a length in letters": invalid(answers(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n")),
    "a length of a hundred digits": invalid(answers(http(b"x", length=10**100))),
    "two lengths": invalid(answers(http(b"", "content-length: 7"))),
    "the same length twice": Hazard(answers(http(b"", "content-length: 0")), 200, "page-not-html"),
    "a length and chunks": Hazard(
        answers(chunked("content-length: 1", "content-type: text/html") + b"3\r\n<p>\r\n0\r\n\r\n"), 200, "page-is-fallback"
    ),
    "a length that is too short": Hazard(answers_and_closes(http(b"whole and more", length=5)), 200, "page-not-html"),
    "a length that is too long": invalid(answers_and_closes(http(b"half", length=1000))),
    "a chunk of negative size": invalid(answers(chunked() + b"-1\r\n")),
    "a chunk of 20 digits": timeout(answers(chunked() + b"f" * 20 + b"\r\nab")),
    "a chunk of 21 digits": invalid(answers(chunked() + b"f" * 21 + b"\r\nab")),
    "a NUL in a header": invalid(answers(http(b"", "x-a: a\0b"))),
    "a NUL in a header's name": invalid(answers(http(b"", "x\0a: b"))),
    "a NUL in the status line": invalid(answers(b"HTTP/1.1 200 O\0K\r\n\r\n")),
    "a bare carriage return in a header": invalid(answers(http(b"", "x-a: a\rb"))),
    "a header without a name": invalid(answers(http(b"", ": a"))),
    "a folded header": Hazard(answers(html(b"<p>", "x-a: a\r\n b")), 200, "page-is-fallback"),
    "a fold before any header": invalid(answers(b"HTTP/1.1 200 OK\r\n x-a: a\r\n\r\n")),
    "a thousand headers": Hazard(answers(html(b"<p>", *(f"x-{number}: a" for number in range(1000)))), 200, "page-is-fallback"),
    "a header of 90 KB": Hazard(answers(html(b"<p>", "x-a: " + "a" * 90_000)), 200, "page-is-fallback"),
    "a header in other letters": Hazard(answers(html(b"<p>", "x-a: é\x80\xff")), 200, "page-is-fallback"),
    "transfer that is no encoding": invalid(answers(b"HTTP/1.1 200 OK\r\ntransfer-encoding: nonsense\r\n\r\n")),
    "101": invalid(answers(http(status="101 Switching Protocols"))),
    "999": Hazard(answers(http(status="999 What")), 999, "page-status"),
    "100": timeout(answers(http(status="100 Continue"))),
    # Redirects.
    "to a host that IDNA refuses": leads_elsewhere("http://\u2028.example/".encode()),
    "to a label that is too long": leads_elsewhere(b"http://" + b"a" * 300 + b".example/"),
    "to xn-- nonsense": leads_elsewhere(b"http://xn--\xff\xff/"),
    "to javascript": leads_elsewhere(b"javascript:alert(1)"),
    "to data": leads_elsewhere(b"data:text/html,<h1>It works"),
    "to port 99999": leads_elsewhere(b"http://127.0.0.1:99999/"),
    "to port -1": leads_elsewhere(b"http://127.0.0.1:-1/"),
    "to another scheme": leads_elsewhere(b"file:///etc/passwd"),
    "to an open bracket": Hazard(answers(http(b"", "location: http://[", status="302 Found")), 302, "page-status"),
    "to nowhere": Hazard(answers(http(b"", "location: ", status="302 Found")), 302, "page-status"),
    "to a place of 90 KB": Hazard(answers(http(b"", "location: /" + "a" * 90_000, status="302 Found")), 302, "page-status"),
    "to two places": Hazard(answers(http(b"", "location: /a", "location: /b", status="302 Found")), 302, "page-status"),
    # Certificates.
    "unknown authority": mistrusted("unknown authority"),
    "self-signed": mistrusted("self-signed"),
    "expired": mistrusted("expired"),
    "not valid yet": mistrusted("not yet"),
    "for another name": mistrusted("other name", Reason.TLS_NAME),
    "breaks off the handshake": broken(lambda _: None, plain=True),
    **_endings(),
}  # fmt: skip

_MANY = 20_000
#: Bodies that are hard to read, each with the rule that a health check finds broken: none where it is healthy for all that.
BODIES: Mapping[str, tuple[bytes, str]] = {
    "brackets without end": (b"[" * _MANY, "health-not-json"),
    "nested brackets": (b"[" * _MANY + b"]" * _MANY, "health-not-json"),
    "nested objects": (b'{"status":' * _MANY, "health-not-json"),
    "many lists, each deep": (b'{"status":"ok","a":[' + b",".join([b"[" * 400 + b"]" * 400] * 100) + b"]}", ""),
    "more values than anybody needs": (b"[" + b"{}," * 600_000 + b"{}]", "health-not-json"),
    "a huge integer": (b'{"status":' + b"9" * _MANY + b"}", "health-not-json"),
    "a huge exponent": (b'{"status":"ok","a":1e' + b"9" * _MANY + b"}", ""),
    "NaN": (b'{"status":"ok","a":NaN}', "health-not-json"),
    "the same key twice": (b'{"status":"down","status":"ok"}', "health-not-json"),
    "half a surrogate": (b'{"status":"\\ud800"}', "health-unhealthy"),
    "half a surrogate for a key": (b'{"\\udfff":"down"}', "health-unhealthy"),
    "a mark of another order": (b'\xff\xfe{"status":"ok"}', "health-not-json"),
    "an odd byte of UTF-16": ('{"status":"ok"}'.encode("utf-16") + b"x", "health-not-json"),
    "UTF-7": (b"+AHsAIgBzAHQAYQB0AHUAcwAi-", "health-not-json"),
    "no UTF-8": (b'{"status":"\xed\xa0\x80\xc0\x80"}', "health-unhealthy"),
    "terminal escapes": (b'{"status":"\\u001b[2J\\u0007\\u202e::error::"}', "health-unhealthy"),
    "NULs": (bytes(_MANY), "health-not-json"),
    "openings": (b"<" * _MANY, "health-not-json"),
    "openings of comments": (b"<!--" * _MANY, "health-not-json"),
    "nested elements": (b"<div>" * _MANY, "health-not-json"),
    "many <html>": (b"".join(b"<html a%d=1>" % number for number in range(9_000)), "health-not-json"),
    "entities": (b"<p>" + b"&lt;&#x10ffff;&#99999999;" * 4_000, "health-not-json"),
    "astral letters": ("<p>😀".encode() * _MANY, "health-not-json"),
}
