"""Asking over HTTP: whatever a server does is an observation, in time, and never an exception."""

from __future__ import annotations

import asyncio
import gc
import itertools
import queue
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import httpx
import pytest

from kit import Reply, Serve
from observe.hostile import (
    PATIENCE_S,
    Certificates,
    Hostile,
    Script,
    answers,
    answers_and_closes,
    answers_anything,
    chunked,
    closes_without_an_answer,
    drips,
    greets,
    gzip_bomb,
    http,
    hung_up,
    never_answers,
    pours,
    read_head,
    resets,
    resets_in_the_middle,
    takes_and_waits,
    wrapped_in_gzip,
)
from pytest_pagesmoke.checks.asset import AssetSpec
from pytest_pagesmoke.model import (
    Answer,
    Hop,
    Judgement,
    Kind,
    Manners,
    NoAnswer,
    Observation,
    Phase,
    Probe,
    Reason,
    Rule,
    Seen,
    Target,
)
from pytest_pagesmoke.observe import http as http_module
from pytest_pagesmoke.observe import sockets
from pytest_pagesmoke.observe.background import Background, _Loop
from pytest_pagesmoke.observe.http import Connections, HttpObserver, Way, by_name, proxy_for
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.redact import secrets_of
from pytest_pagesmoke.run import Run

SHORT_S = 0.5  # where the deadline is what must end it
LONG_S = 5.0  # where something else must, long before that
OVERTIME_S = 1.0  # half a second is the promise; twice that for a machine with other things to do
MAX_BODY_BYTES = 1_000_000


def target(url: str, *, kind: Kind = Kind.LOCAL, headers: Mapping[str, str] | None = None) -> Target:
    return Target(name="site", url=url, kind=kind, headers=headers or {})


def ask_all(asked: Target, *probes: Probe, timeout_s: float = LONG_S) -> list[Observation]:
    """The observations of these questions, one after the other, by one observer."""

    manners = replace(asked.manners, timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES, concurrency=4)

    async def one_by_one() -> list[Observation]:
        observer = HttpObserver()
        try:
            return [await observer.ask(replace(asked, manners=manners), probe) for probe in probes]
        finally:
            await observer.close()

    started = time.monotonic()
    with asyncio.Runner(loop_factory=_Loop) as runner:  # the loop that `Run` asks in
        observations = runner.run(one_by_one())
    assert time.monotonic() - started <= len(probes) * timeout_s + OVERTIME_S
    return observations


def ask(url: str, path: str = "/", *, timeout_s: float = LONG_S, kind: Kind = Kind.LOCAL) -> Observation:
    (observation,) = ask_all(target(url, kind=kind), Probe(path=path), timeout_s=timeout_s)
    assert 0 <= observation.elapsed_s <= timeout_s + OVERTIME_S
    return observation


def answer_of(url: str, path: str = "/") -> Answer:
    observation = ask(url, path)
    assert isinstance(observation, Answer), observation
    return observation


def failure_of(url: str, path: str = "/", *, timeout_s: float = LONG_S, kind: Kind = Kind.LOCAL) -> NoAnswer:
    """The failure to get an answer, with what holds for all of them."""
    observation = ask(url, path, timeout_s=timeout_s, kind=kind)
    assert isinstance(observation, NoAnswer), observation
    assert " " in observation.text  # words, not the name of an exception
    assert observation.text.isprintable()
    return observation


def gzipped(body: bytes, *, length: int | None = None) -> bytes:
    return http(body, "content-encoding: gzip", length=length)


def over_tls(url: str) -> str:
    return url.replace("http:", "https:")


HEADERS_MISSING = "waiting for the headers"
BODY_MISSING = "the headers came, the body did not end"
ENDLESS = 10**12

#: Servers that only the deadline can end: each with how far the exchange came.
FOR_EVER: Mapping[str, tuple[Script, str]] = {
    "never answers": (never_answers, HEADERS_MISSING),
    "drips a header": (drips(b"HTTP/1.1 200 OK\r\nx-a: ", b"a"), HEADERS_MISSING),
    "drips headers": (drips(b"HTTP/1.1 200 OK\r\n", b"x-a: a\r\n"), HEADERS_MISSING),
    "drips interim answers": (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), HEADERS_MISSING),
    "pours interim answers": (pours(b"", itertools.repeat(b"HTTP/1.1 102 Wait\r\n\r\n" * 1000)), HEADERS_MISSING),
    "sends half a body": (answers(http(b"half", length=1000)), BODY_MISSING),
    "drips a body": (drips(http(length=ENDLESS), b"x"), BODY_MISSING),
    "drips a body of no length": (drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), BODY_MISSING),
    "drips chunks": (drips(chunked(), b"1\r\nx\r\n"), BODY_MISSING),
    "drips a chunk": (drips(chunked() + b"ffffff\r\n", b"x"), BODY_MISSING),
    "drips a chunk's extension": (drips(chunked() + b"5;", b"x"), BODY_MISSING),
    "drips trailers": (drips(chunked() + b"0\r\n", b"x: y\r\n"), BODY_MISSING),
    "pours chunks of a byte": (pours(chunked(), itertools.repeat(b"1\r\nx\r\n" * 10_000)), BODY_MISSING),
    "drips gzip": (drips(gzipped(b"", length=ENDLESS), wrapped_in_gzip(b"x", 1)), BODY_MISSING),
    "pours gzip of nothing": (
        pours(gzipped(b"", length=ENDLESS), itertools.repeat(wrapped_in_gzip(b"", 1) * 3000)),
        BODY_MISSING,
    ),
    "greets as SSH and waits": (greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=True), HEADERS_MISSING),
    "greets as SMTP and waits": (greets(b"220 mail.example.com ESMTP\r\n", then_waits=True), HEADERS_MISSING),
}

CUT_OFF = "the answer is cut off: peer closed connection without sending complete message body"
NOT_HTTP = "the answer is not proper HTTP: "
POURED = b"x" * 65_536

#: Servers whose doing is told at once: each with the reason, and a pattern of the text.
AT_ONCE: Mapping[str, tuple[Script, Reason, str]] = {
    "closes without an answer": (closes_without_an_answer, Reason.RESET, "the server closed the connection without an answer"),
    "resets in the middle": (resets_in_the_middle, Reason.RESET, "the connection broke before the answer was whole"),
    "greets as SSH and closes": (greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=False), Reason.RESET, "the server closed .*"),
    "speaks SMTP": (
        greets(b"220 mail.example.com ESMTP\r\n502 5.5.2 Error\r\n\r\n", then_waits=False),
        Reason.PROTOCOL, NOT_HTTP + "illegal status line.*220 mail.example.com ESMTP.*",
    ),
    "speaks HTTP/0.9": (answers_and_closes(b"<h1>It works"), Reason.RESET, "the server closed .*"),
    "speaks HTTP/2": (answers_and_closes(b"HTTP/2 200 OK\r\n\r\n"), Reason.PROTOCOL, NOT_HTTP + ".*"),
    "body shorter than said": (
        answers_and_closes(http(b"half", length=1000)),
        Reason.PROTOCOL, CUT_OFF + r" \(received 4 bytes, expected 1000\)",
    ),
    "chunk shorter than said": (answers_and_closes(chunked() + b"5\r\nab"), Reason.PROTOCOL, CUT_OFF + ".*"),
    "no last chunk": (answers_and_closes(chunked() + b"1\r\nx\r\n"), Reason.PROTOCOL, CUT_OFF + ".*"),
    "chunk size not a number": (answers(chunked() + b"zz\r\nab"), Reason.PROTOCOL, NOT_HTTP + "illegal chunk header.*"),
    "status not a number": (answers(http(status="abc OK")), Reason.PROTOCOL, NOT_HTTP + "illegal status line.*abc OK.*"),
    "status of two digits": (answers(http(status="20 OK")), Reason.PROTOCOL, NOT_HTTP + "illegal status line.*20 OK.*"),
    "status below 100": (answers(http(status="099 OK")), Reason.PROTOCOL, NOT_HTTP + ".*"),
    "switches protocols": (answers(http(status="101 Switching Protocols")), Reason.PROTOCOL, NOT_HTTP + ".*"),
    "header of 200 KB": (answers(http(b"", "x-a: " + "a" * 200_000)), Reason.PROTOCOL, NOT_HTTP + "Receive buffer too long"),
    "odd header of 90 KB": (answers(http(b"", "é" * 90_000)), Reason.PROTOCOL, NOT_HTTP + "illegal header line: .* …"),
    "header with a null": (answers(http(b"", "x-a: a\0b")), Reason.PROTOCOL, NOT_HTTP + "illegal header line.*"),
    "header without a colon": (answers(http(b"", "x-a")), Reason.PROTOCOL, NOT_HTTP + "illegal header line.*"),
    "two lengths": (answers(http(b"", "content-length: 7")), Reason.PROTOCOL, NOT_HTTP + "conflicting Content-Length.*"),
    "length below nothing": (answers(http(length=-5)), Reason.PROTOCOL, NOT_HTTP + "bad Content-Length"),
    "odd transfer": (
        answers(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"),
        Reason.PROTOCOL, NOT_HTTP + "Only Transfer-Encoding: chunked is supported",
    ),
    "pours a status line": (pours(b"", itertools.repeat(POURED)), Reason.PROTOCOL, NOT_HTTP + "Receive buffer too long"),
    "pours a header": (pours(b"HTTP/1.1 200 OK\r\nx: ", itertools.repeat(POURED)), Reason.PROTOCOL, NOT_HTTP + ".*too long"),
    "pours headers": (pours(b"HTTP/1.1 200 OK\r\n", itertools.repeat(b"a: b\r\n" * 9999)), Reason.PROTOCOL, NOT_HTTP + ".*"),
    "pours an extension": (pours(chunked() + b"5;", itertools.repeat(POURED)), Reason.PROTOCOL, NOT_HTTP + ".*too long"),
    "pours trailers": (pours(chunked() + b"0\r\n", itertools.repeat(b"a: b\r\n" * 9999)), Reason.PROTOCOL, NOT_HTTP + ".*"),
    "pours a body": (pours(http(length=ENDLESS), itertools.repeat(POURED)), Reason.TOO_LARGE, "a body of more than 1,000,000 bytes"),
    "gzip bomb": (answers(gzipped(gzip_bomb())), Reason.TOO_LARGE, "a body of more than 1,000,000 bytes"),
    "gzip cut off": (answers(gzipped(wrapped_in_gzip(b"x" * 99, 1)[:-5])), Reason.PROTOCOL, "the gzip body is cut off"),
    "gzip that is none": (answers(gzipped(b"<!doctype html>")), Reason.PROTOCOL, r"the gzip body does not unpack \(.*\)"),
    "two layers of gzip declared": (
        answers(http(wrapped_in_gzip(b"x", 2), "content-encoding: gzip, gzip")),
        Reason.PROTOCOL, "content-encoding 'gzip, gzip', which was not asked for",
    ),
    "zstd": (answers(http(b"\x28\xb5\x2f\xfd", "content-encoding: zstd")), Reason.PROTOCOL, "content-encoding 'zstd', .*"),
    "br": (answers(http(b"\x8b", "content-encoding: br")), Reason.PROTOCOL, "content-encoding 'br', which was not asked for"),
}  # fmt: skip

#: Odd, but an answer: what each is taken for.
ANSWERS: Mapping[str, tuple[bytes, int, bytes]] = {
    "body longer than said": (http(b"whole and more", length=5), 200, b"whole"),
    "gzip in gzip, one layer declared": (gzipped(wrapped_in_gzip(b"x", 2)), 200, wrapped_in_gzip(b"x", 1)),
    "gzip in 900 layers": (gzipped(wrapped_in_gzip(b"x", 900)), 200, wrapped_in_gzip(b"x", 899)),
    "status that nobody knows": (http(status="999 What"), 999, b""),
    "header of 90 KB": (http(b"x", "x-a: " + "a" * 90_000), 200, b"x"),
    "header that is not ASCII": (http(b"x", "x-a: é"), 200, b"x"),
    "folded header": (http(b"x", "x-a: a\r\n b"), 200, b"x"),
    "a thousand headers": (http(b"x", *[f"x-{number}: a" for number in range(1000)]), 200, b"x"),
    "interim answers first": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 3 + http(b"x"), 200, b"x"),
    "no content, yet an encoding": (b"HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n", 204, b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
    "chunks with extensions and trailers": (chunked() + b"1;a=b\r\nx\r\n0\r\nx-a: y\r\n\r\n", 200, b"x"),
}


class TestHostile:
    @pytest.mark.parametrize("name", FOR_EVER)
    def test_the_deadline_ends_what_goes_on_for_ever(self, hostile: Hostile, name: str) -> None:
        script, phase = FOR_EVER[name]
        failure = failure_of(hostile.serve(script).url, timeout_s=SHORT_S)
        assert failure.reason is Reason.TIMEOUT
        assert failure.text == f"no complete answer within 0.5 s ({phase})"
        assert failure.elapsed_s >= SHORT_S

    def test_it_holds_for_both_times_that_something_is_asked(self, hostile: Hostile) -> None:
        """And so does what is told of how long it took."""
        earlier: list[None] = []

        def script(connection: socket.socket) -> None:
            read_head(connection)
            earlier.append(None)
            hung_up(connection, within_s=SHORT_S / 2 if len(earlier) == 1 else PATIENCE_S)

        failure = failure_of(hostile.serve(script).url, timeout_s=SHORT_S)
        assert (failure.reason, failure.attempts) == (Reason.TIMEOUT, 2)
        assert failure.elapsed_s >= SHORT_S
        assert failure.timings_s["headers"] >= SHORT_S * 0.9

    def test_thousands_of_headers_hold_up_nobody(self, hostile: Hostile) -> None:
        """Looked up one by one in all of them, they take seconds of the loop that asks, for each answer."""
        names = [f"{number:x}" for number in range(14_000)]
        noisy = target(hostile.serve(answers(http(b"x", *(f"{name}:" for name in names), "b:last"))).url)

        async def ask() -> list[Observation]:
            observer = HttpObserver()
            try:
                return await asyncio.gather(*(observer.ask(noisy, Probe(path=f"/{number}")) for number in range(8)))
            finally:
                await observer.close()

        for answer in asyncio.run(ask()):
            assert isinstance(answer, Answer), answer
            assert list(answer.headers) == [*names, "content-length"]
            assert answer.headers["b"] == ", last"

    @pytest.mark.parametrize("number", [10, 14_000])
    def test_deadlines_have_their_turn_between_answers_of_thousands_of_headers(self, number: int) -> None:
        """Sixteen of that kind that come at once would hold them up by more than half a second."""
        head = (b"HTTP/1.1", 200, b"OK", [(b"a", b"")] * number, b"")
        turns: list[None] = []

        async def take_turns() -> None:
            while True:
                turns.append(None)
                await asyncio.sleep(0)

        async def follow() -> int:
            connections = Connections()
            taking = asyncio.create_task(take_turns())
            event = "http11.receive_response_headers.complete", {"return_value": head}
            await asyncio.gather(*(connections._follow(Way(), *event) for _ in range(16)))
            taking.cancel()
            await connections.close()
            return len(turns)

        assert (asyncio.run(follow()) >= 16) == (number > 1000)

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [("A", "1"), ("b", "2"), ("a", "3")],
            [("Set-Cookie", "a=1"), ("set-cookie", "b=2")],
            [(b"a", "\u00fc".encode()), (b"b", b"x")],
            [(b"a", b"\xfc"), (b"A", b"\xff")],
        ],
    )
    def test_what_headers_say_by_their_names_is_what_httpx_says(self, headers: Any) -> None:
        assert by_name(httpx.Headers(headers)) == dict(httpx.Headers(headers))

    @pytest.mark.parametrize("name", AT_ONCE)
    def test_what_is_wrong_is_told_at_once(self, hostile: Hostile, name: str) -> None:
        script, reason, text = AT_ONCE[name]
        server = hostile.serve(script)
        failure = failure_of(server.url)
        assert failure.reason is reason
        assert re.fullmatch(text, failure.text), failure.text
        assert failure.url == f"{server.url}/"
        # Once more, where the connection broke before any answer.
        assert (
            server.connections
            == failure.attempts
            == (2 if reason is Reason.RESET and name != "resets in the middle" else 1)
        )

    def test_who_asks_in_rounds_asks_each_once_and_over_a_connection_of_its_own(self, hostile: Hostile) -> None:
        async def ask(url: str) -> list[Observation]:
            observer = HttpObserver(in_rounds=True)
            try:
                return [await observer.ask(target(url), Probe(path=path)) for path in ("/a", "/b")]
            finally:
                await observer.close()

        broken = hostile.serve(AT_ONCE["closes without an answer"][0])
        assert [seen.attempts for seen in asyncio.run(ask(broken.url))] == [1, 1]
        assert broken.connections == 2
        good = hostile.serve(answers(http(b"good")))
        assert all(isinstance(seen, Answer) for seen in asyncio.run(ask(good.url)))
        assert good.connections == 2

    @pytest.mark.parametrize("name", ANSWERS)
    def test_what_is_odd_may_be_an_answer(self, hostile: Hostile, name: str) -> None:
        raw, status, body = ANSWERS[name]
        answer = answer_of(hostile.serve(answers(raw)).url)
        assert (answer.status, answer.body, answer.hops) == (status, body, ())

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_refused(self, hostile: Hostile, host: str) -> None:
        """`localhost` has two addresses, and two refusals come in a group."""
        failure = failure_of(hostile.refuse().url.replace("127.0.0.1", host))
        assert (failure.reason, failure.text) == (Reason.REFUSED, "connection refused: nothing listens there")

    def test_cancelling_is_no_failure_to_answer(self, hostile: Hostile) -> None:
        async def cancel() -> None:
            asked = asyncio.Event()
            loop = asyncio.get_running_loop()

            def script(connection: socket.socket) -> None:
                loop.call_soon_threadsafe(asked.set)
                never_answers(connection)

            observer = HttpObserver()
            asking = asyncio.create_task(observer.ask(target(hostile.serve(script).url), Probe(path="/")))
            await asked.wait()
            asking.cancel()
            try:
                await asking
            finally:
                await observer.close()

        with pytest.raises(asyncio.CancelledError), asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(cancel())


class TestTls:
    """Only on Linux does OpenSSL, and the variable SSL_CERT_FILE, decide whom truststore trusts."""

    pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system's own trust store decides here")

    @pytest.fixture(autouse=True)
    def _trust(self, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))

    def test_good(self, hostile: Hostile, certificates: Certificates) -> None:
        answer = answer_of(hostile.serve(answers(http(b"good")), tls=certificates.good()).url)
        assert (answer.status, answer.body) == (200, b"good")

    def test_an_authority_of_the_settings_stands_in_the_system_s_place(
        self, hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        manners = Manners(ca_file=str(certificates.trusted))
        asked = [
            target(hostile.serve(answers(http(b"good")), tls=tls).url)
            for tls in (certificates.good(), certificates.of_an_unknown_authority())
        ]
        good, strange = (ask_all(replace(one, manners=manners), Probe(path="/"))[0] for one in asked)
        assert isinstance(good, Answer)
        assert isinstance(strange, NoAnswer)
        assert strange.reason is Reason.TLS
        (without,) = ask_all(asked[0], Probe(path="/"))
        assert isinstance(without, NoAnswer)

    def test_of_an_unknown_authority(self, hostile: Hostile, certificates: Certificates) -> None:
        failure = failure_of(hostile.serve(never_answers, tls=certificates.of_an_unknown_authority()).url)
        assert (failure.reason, failure.text) == (Reason.TLS, "the certificate's authority is not trusted here")

    def test_of_another_name(self, hostile: Hostile, certificates: Certificates) -> None:
        failure = failure_of(hostile.serve(never_answers, tls=certificates.of_another_name()).url)
        assert (failure.reason, failure.text) == (
            Reason.TLS_NAME,
            "the certificate is for another name: www.example.com",
        )

    @pytest.mark.parametrize(
        ("first", "last", "text"),
        [
            (-9, -1, "the certificate expired on {last:%Y-%m-%d}"),
            (1, 9, "the certificate is not valid before {first:%Y-%m-%d %H:%M} UTC"),
        ],
        ids=["expired", "not yet"],
    )
    def test_out_of_its_time(
        self, hostile: Hostile, certificates: Certificates, first: int, last: int, text: str
    ) -> None:
        certificate = certificates.valid_for_days(first, last)
        dates = {"first": certificates.now + timedelta(days=first), "last": certificates.now + timedelta(days=last)}
        failure = failure_of(hostile.serve(never_answers, tls=certificate).url)
        assert (failure.reason, failure.text) == (Reason.TLS, text.format(**dates))

    def test_who_is_not_trusted_is_sent_nothing(self, hostile: Hostile, certificates: Certificates) -> None:
        """Not either when its certificate is looked at."""
        heard = queue.SimpleQueue[bytes]()
        script: Script = lambda connection: heard.put(connection.recv(65_536))  # noqa: E731
        peer = hostile.serve(script, tls=certificates.of_another_name())
        secret = target(peer.url, headers={"Authorization": "Bearer abcdefghijkl"})
        (failure,) = ask_all(secret, Probe(path="/"))
        assert isinstance(failure, NoAnswer)
        assert failure.text.endswith(": www.example.com")
        assert heard.get(timeout=PATIENCE_S) == b""

    def test_a_certificate_that_does_not_show_a_second_time(self, hostile: Hostile, certificates: Certificates) -> None:
        """The fault is known from the first: the verdict stays, within the deadline."""
        again = itertools.count()

        def script(connection: socket.socket) -> None:
            if next(again):
                takes_and_waits(connection)
            else:
                certificates.valid_for_days(-9, -1).wrap_socket(connection, server_side=True)

        failure = failure_of(over_tls(hostile.serve(script).url), timeout_s=SHORT_S)
        assert (failure.reason, failure.text) == (Reason.TLS, "the certificate has expired")

    @pytest.mark.parametrize(
        "script", [answers_anything, greets(b"SSH-2.0-OpenSSH_9.6\r\n", then_waits=True)], ids=["HTTP", "SSH"]
    )
    def test_something_else_on_a_tls_port(self, hostile: Hostile, script: Script) -> None:
        failure = failure_of(over_tls(hostile.serve(script).url))
        assert failure.reason is Reason.PROTOCOL
        assert failure.text == "what answers there does not speak TLS (http and https mixed up?)"

    def test_tls_on_a_plain_port(self, hostile: Hostile, certificates: Certificates) -> None:
        url = hostile.serve(never_answers, tls=certificates.good()).url.replace("https:", "http:")
        assert failure_of(url).reason is Reason.RESET

    def test_a_handshake_that_does_not_end(self, hostile: Hostile) -> None:
        left = threading.Event()

        def script(connection: socket.socket) -> None:
            takes_and_waits(connection)
            left.set()

        failure = failure_of(over_tls(hostile.serve(script).url), timeout_s=SHORT_S)
        assert failure.reason is Reason.TIMEOUT
        assert left.wait(OVERTIME_S)  # httpcore alone would keep the connection, until Python finds and reports it

    def test_a_handshake_that_breaks(self, hostile: Hostile) -> None:
        failure = failure_of(over_tls(hostile.serve(lambda _: None).url))
        assert failure.reason is Reason.RESET

    @pytest.mark.parametrize("name", ["drips a body", "never answers"])
    def test_the_deadline_holds_within_tls(self, hostile: Hostile, certificates: Certificates, name: str) -> None:
        script, phase = FOR_EVER[name]
        failure = failure_of(hostile.serve(script, tls=certificates.good()).url, timeout_s=SHORT_S)
        assert failure.text == f"no complete answer within 0.5 s ({phase})"

    @pytest.mark.parametrize("name", ["closes without an answer", "resets in the middle", "body shorter than said"])
    def test_breaking_within_tls(self, hostile: Hostile, certificates: Certificates, name: str) -> None:
        script, reason, text = AT_ONCE[name]
        failure = failure_of(hostile.serve(script, tls=certificates.good()).url)
        assert failure.reason is reason
        assert re.fullmatch(text, failure.text), failure.text


class TestTidyingRedirects:
    """A redirect that only adds or removes a slash or .html on the same origin is followed, and shown."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_is_followed_whatever_its_status(self, serve: Serve, status: int) -> None:
        site = serve({"/blog": Reply(status, "moved", {"location": "/blog/"}), "/blog/": Reply.html("there")})
        answer = answer_of(site.url, "/blog")
        assert (answer.url, answer.status, answer.body) == (f"{site.url}/blog/", 200, b"there")
        assert answer.hops == (Hop(status=status, url=f"{site.url}/blog", location="/blog/"),)
        assert site.paths == ["/blog", "/blog/"]

    @pytest.mark.parametrize(
        ("path", "location", "onward"),
        [
            ("/blog/", "/blog", "/blog"),
            ("/login.html", "/login", "/login"),
            ("/login", "/login.html", "/login.html"),
            ("/blog/index.html", "/blog/", "/blog/"),
            ("/blog", "blog/", "/blog/"),
            ("/blog/", "../blog", "/blog"),
            ("/blog?page=2", "/blog/?page=2", "/blog/?page=2"),
            ("/%C3%BC", "/%C3%BC/", "/%C3%BC/"),
            ("/blog", "{site}/blog/", "/blog/"),
            ("/blog", "{site}/blog/#top", "/blog/"),
        ],
    )
    def test_is_followed_wherever_it_tidies_to(self, serve: Serve, path: str, location: str, onward: str) -> None:
        replies: dict[str, Reply] = {onward: Reply.html("there")}
        site = serve(lambda asked: replies.get(asked) or Reply(404))
        replies[path] = Reply(308, "", {"location": location.format(site=site.url)})
        assert answer_of(site.url, path).body == b"there"
        assert site.paths == [path, onward]

    def test_two_in_a_row(self, serve: Serve) -> None:
        site = serve({
            "/blog/index.html": Reply(308, "", {"location": "/blog/index"}),
            "/blog/index": Reply(308, "", {"location": "/blog/"}),
            "/blog/": Reply.html("there"),
        })  # fmt: skip
        answer = answer_of(site.url, "/blog/index.html")
        assert [hop.location for hop in answer.hops] == ["/blog/index", "/blog/"]

    def test_only_a_redirect_s_location_is_one(self, serve: Serve) -> None:
        site = serve({"/blog": Reply(201, "made", {"location": "/blog/"})})
        assert (answer_of(site.url, "/blog").status, site.paths) == (201, ["/blog"])

    def test_its_own_body_is_not_waited_for(self, hostile: Hostile) -> None:
        def script(connection: socket.socket) -> None:
            if read_head(connection).startswith("GET /blog/ "):
                connection.sendall(http(b"there"))
            else:
                connection.sendall(http(b"", "location: /blog/", status="308 Moved", length=ENDLESS))
            hung_up(connection)

        assert answer_of(hostile.serve(script).url, "/blog").body == b"there"

    @pytest.mark.parametrize("location", ["/blog", "", "?", "#top", "{site}/blog", "./blog", "/x/../blog"])
    def test_to_itself(self, serve: Serve, location: str) -> None:
        replies: dict[str, Reply] = {}
        site = serve(lambda asked: replies.get(asked) or Reply(404))
        replies["/blog"] = Reply(302, "", {"location": location.format(site=site.url)})
        observation = ask(site.url, "/blog")
        if not location:  # no location at all: it is an answer
            assert isinstance(observation, Answer)
            return
        assert isinstance(observation, NoAnswer)
        assert observation.reason is Reason.REDIRECT_LOOP
        assert observation.text.startswith("redirects in a circle: /blog -> /blog")
        assert (
            len(site.asked) <= 2
        )  # an address with another fragment is the same to the server, and one question more to us

    def test_a_slash_in_a_circle(self, serve: Serve) -> None:
        site = serve({"/a": Reply(308, "", {"location": "/a/"}), "/a/": Reply(308, "", {"location": "/a"})})
        failure = failure_of(site.url, "/a")
        assert (failure.reason, failure.text) == (Reason.REDIRECT_LOOP, "redirects in a circle: /a -> /a/ -> /a")
        assert [hop.location for hop in failure.hops] == ["/a/", "/a"]

    def test_without_end(self, serve: Serve) -> None:
        """Each address is another one, and each only tidies."""
        names = ["/a", "/a/", "/a.html", "/a/index.html", "/a/index", "/a/index/", "/a/index.html/"]
        onward = itertools.pairwise(names)
        site = serve({path: Reply(308, "", {"location": location}) for path, location in onward})
        assert failure_of(site.url, "/a").reason is Reason.REDIRECT_LOOP
        assert len(site.asked) == 5

    def test_a_failure_behind_it_shows_it(self, hostile: Hostile) -> None:
        def script(connection: socket.socket) -> None:
            if not read_head(connection).startswith("GET /blog/ "):
                connection.sendall(http(b"", "location: /blog/", status="308 Moved"))
                read_head(connection)
            hung_up(connection)

        server = hostile.serve(script)
        failure = failure_of(server.url, "/blog", timeout_s=SHORT_S)
        assert failure.reason is Reason.TIMEOUT
        assert failure.url == f"{server.url}/blog/"
        assert failure.hops == (Hop(status=308, url=f"{server.url}/blog", location="/blog/"),)


class TestOtherRedirects:
    """They are not followed, however odd: the check's own finding says what came."""

    @pytest.mark.parametrize(
        "location",
        [
            "/elsewhere",
            "/blog2/",
            "/blog?page=2",
            "https://www.example.com/",
            "//www.example.com/blog/",
            "http://127.0.0.1:1/blog/",
            "javascript:alert(1)",
            "data:text/html,hello",
            "mailto:someone@example.com",
            "http://[",
            "//[::1/",
            "http://127.0.0.1:99999/blog/",
            "http://127.0.0.1:port/blog/",
            "http://a·b.example.com/",
            "http://xn--zzzz--.example.com/",
            "http://" + "a" * 64 + ".example.com/",
            "http://www..example.com/",
            ":",
            "x" * 50_000,
            "/é/",
        ],
        ids=lambda location: location[:40],
    )
    def test_is_an_answer(self, hostile: Hostile, location: str) -> None:
        server = hostile.serve(answers(http(b"moved", f"location: {location}", status="302 Found")))
        answer = answer_of(server.url, "/blog")
        assert (answer.status, answer.body, answer.hops) == (302, b"moved", ())
        assert answer.headers["location"] == location
        assert server.connections == 1

    def test_two_locations(self, hostile: Hostile) -> None:
        raw = http(b"", "location: /blog/", "location: /blog/", status="302 Found")
        answer = answer_of(hostile.serve(answers(raw)).url, "/blog")
        assert (answer.status, answer.headers["location"]) == (302, "/blog/, /blog/")

    def test_another_origin_gets_nothing(self, hostile: Hostile) -> None:
        """The same host at another port may be anybody's: it must see neither the question nor the secrets in its headers."""
        other = hostile.serve(answers(http()))
        server = hostile.serve(answers(http(b"", f"location: {other.url}/blog/", status="308 Moved")))
        assert answer_of(server.url, "/blog").status == 308
        assert other.connections == 0


class TestRequest:
    def sent(self, serve: Serve, headers: Mapping[str, str], probe: Probe) -> dict[str, str]:
        site = serve({"*": Reply()})
        ask_all(target(site.url, headers=headers), probe)
        ((method, path, sent),) = site.asked
        assert (method, path) == ("GET", probe.path)
        return sent

    def test_what_it_says_of_itself(self, serve: Serve) -> None:
        sent = self.sent(serve, {}, Probe(path="/", accept="application/json"))
        assert sent["accept"] == "application/json"
        assert sent["accept-encoding"] == "gzip"
        assert re.fullmatch(r"pytest-pagesmoke/\d+\.\S+", sent["user-agent"])
        assert "cookie" not in sent
        assert "referer" not in sent

    def test_a_name_with_symbols(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        """The snowman has a site of its own, though the rules for names (IDNA) know it no more."""
        site, look_up = serve({"*": Reply()}), sockets.getaddrinfo
        monkeypatch.setattr(sockets, "getaddrinfo", lambda _, *rest: look_up("127.0.0.1", *rest))
        url = site.url.replace("127.0.0.1", "xn--n3h.example")
        answer_of(url)
        ((_, _, sent),) = site.asked
        assert sent["host"] == url.removeprefix("http://")

    def test_a_target_s_headers_are_sent_once(self, hostile: Hostile) -> None:
        heads: list[str] = []

        def script(connection: socket.socket) -> None:
            heads.append(read_head(connection))
            connection.sendall(http())

        headers = {"user-agent": "mine", "X-Token": "s3cret", "accept-encoding": "br", "accept": "x/y"}
        ask_all(target(hostile.serve(script).url, headers=headers), Probe(path="/", accept="text/html"))
        lines = sorted(line.lower() for line in heads[0].split("\r\n") if line and not line.startswith(("GET", "Host")))
        assert lines == [
            "accept-encoding: gzip",  # the one encoding whose decoder is bounded
            "accept: text/html",  # the question's own
            "connection: keep-alive",
            "user-agent: mine",
            "x-token: s3cret",
        ]

    def test_headers_go_along_on_the_same_origin(self, serve: Serve) -> None:
        site = serve({"/a": Reply(308, "", {"location": "/a/"}), "*": Reply()})
        ask_all(target(site.url, headers={"CF-Access-Client-Secret": "s3cret"}), Probe(path="/a", accept="text/html"))
        assert [sent["cf-access-client-secret"] for _, _, sent in site.asked] == ["s3cret", "s3cret"]
        assert [sent["accept"] for _, _, sent in site.asked] == ["text/html", "text/html"]

    def test_credentials_of_a_redirect_that_tidies(self, serve: Serve) -> None:
        """They are sent where it leads, before the target's own, as curl sends them."""
        asked = target("", headers={"Authorization": "Bearer s3cret"})
        replies = {"*": Reply()}
        site = serve(replies)
        host = site.url.removeprefix("http://")
        replies["/a"] = Reply(301, "", {"location": f"http://m%20e:p%40ss@{host}/a/"})
        ask_all(replace(asked, url=site.url), Probe(path="/a"))
        assert [sent["authorization"] for _, _, sent in site.asked] == ["Bearer s3cret", "Basic bSBlOnBAc3M="]

    def test_no_header_goes_to_another_origin(self, serve: Serve) -> None:
        """Another port, another host, down to http: no redirect is followed there, and none of it is asked."""
        elsewhere = serve({"*": Reply()})
        targets = (elsewhere.url, elsewhere.url.replace("127.0.0.1", "localhost"), "//127.0.0.2/", "http://127.0.0.1/")
        site = serve({f"/{index}": Reply(302, "", {"location": url}) for index, url in enumerate(targets)})
        asked = target(site.url, headers={"X-Token": "s3cret", "Cookie": "session=s3cret"})
        for observation in ask_all(asked, *(Probe(path=f"/{index}") for index in range(len(targets)))):
            assert isinstance(observation, Answer)
            assert observation.status == 302
        assert elsewhere.asked == []
        assert {sent["cookie"] for _, _, sent in site.asked} == {"session=s3cret"}

    def test_a_stranger_has_none_of_the_target_s_headers(self, serve: Serve) -> None:
        site = serve({"*": Reply()})
        asked = target(site.url, headers={"X-Token": "s3cret", "User-Agent": "mine"})
        known, stranger = ask_all(asked, Probe(path="/"), Probe(path="/", as_stranger=True))
        assert isinstance(known, Answer)
        assert isinstance(stranger, Answer)
        assert known.sent == frozenset({"x-token", "user-agent"})
        assert stranger.sent == frozenset()
        assert [sent.get("x-token") for _, _, sent in site.asked] == ["s3cret", None]
        assert site.asked[1][2]["user-agent"].startswith("pytest-pagesmoke/")

    def test_no_copy_is_asked_for_where_only_now_counts(self, serve: Serve) -> None:
        site = serve({"*": Reply()})
        ask_all(target(site.url), Probe(path="/"), Probe(path="/", fresh=True))
        ask_all(target(site.url, headers={"cache-control": "max-age=0"}), Probe(path="/", fresh=True))
        assert [sent.get("cache-control") for _, _, sent in site.asked] == [None, "no-cache", "max-age=0"]

    def test_a_redirect_is_the_answer_where_it_is_what_is_asked_for(self, serve: Serve) -> None:
        site = serve({"/a": Reply(308, "", {"location": "/a/"})})
        (observation,) = ask_all(target(site.url), Probe(path="/a", follow=False))
        assert isinstance(observation, Answer)
        assert (observation.status, observation.hops, site.paths) == (308, (), ["/a"])

    def test_what_a_page_names_is_asked_from_the_root_of_its_host(self, serve: Serve) -> None:
        site = serve({"*": Reply()})
        ask_all(target(f"{site.url}/app"), Probe(path="/a"), Probe(path="/a", from_root=True))
        assert site.paths == ["/app/a", "/a"]

    def test_secrets_are_struck_out_where_answers_come_in(self, serve: Serve) -> None:
        site = serve({"/": Reply(200, "you sent s3cret-s3cret", {"x-echo": "s3cret-s3cret"})})
        asked = target(site.url, headers={"Authorization": "Bearer s3cret-s3cret"})

        async def ask_one() -> Observation:
            observer = HttpObserver(secrets=secrets_of([asked]))
            try:
                return await observer.ask(asked, Probe(path="/"))
            finally:
                await observer.close()

        answer = asyncio.run(ask_one())
        assert isinstance(answer, Answer)
        assert (answer.body, answer.headers["x-echo"]) == (b"you sent ***", "***")
        assert site.asked[0][2]["authorization"] == "Bearer s3cret-s3cret"

    @pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\ncontent-encoding: ", b"HTTP/1.1 200 OK\r\nx"])
    def test_no_part_of_a_secret_is_left_where_a_text_is_shortened(self, hostile: Hostile, start: bytes) -> None:
        """What a server sent is quoted in some failures, which are cut off: a secret that is cut is known no more."""
        secret = "".join(f"{i:x}Zq" for i in range(200))  # longer than what is shown
        for before in (0, 5, 200, 280):
            head = start + b", ".join([b"x"] * (before // 3)) + b" " + secret.encode() + b"\r\n\r\n"
            asked = target(hostile.serve(answers_and_closes(head)).url, headers={"Authorization": f"Bearer {secret}"})

            async def ask_one(asked: Target = asked) -> Observation:
                observer = HttpObserver(secrets=secrets_of([asked]))
                try:
                    return await observer.ask(asked, Probe(path="/"))
                finally:
                    await observer.close()

            failure = asyncio.run(ask_one())
            assert isinstance(failure, NoAnswer)
            assert len(failure.text) < 350
            assert not [i for i in range(len(secret) - 8) if secret[i : i + 8].lower() in failure.text.lower()]

    @pytest.mark.parametrize("value", ["s3cret ", "\ts3cret", "s3c\x0bret"])
    def test_a_value_that_cannot_be_sent_is_not_shown(self, serve: Serve, value: str) -> None:
        site = serve({"*": Reply()})
        (observation,) = ask_all(target(site.url, headers={"Authorization": value}), Probe(path="/"))
        assert isinstance(observation, NoAnswer)
        assert observation.text == "a header cannot be sent: HTTP does not allow its name or value"
        assert "s3c" not in repr(observation)
        assert site.asked == []

    def test_a_cookie_is_not_carried_from_one_question_to_the_next(self, serve: Serve) -> None:
        """What a check sees must not depend on which other checks were asked before it."""
        site = serve({"*": Reply(headers={"set-cookie": "session=1; path=/"})})
        first, _ = ask_all(target(site.url), Probe(path="/a"), Probe(path="/b"))
        assert isinstance(first, Answer)
        assert first.headers["set-cookie"] == "session=1; path=/"
        assert [sent for _, _, sent in site.asked if "cookie" in sent] == []

    def test_a_path_is_sent_as_a_browser_would(self, serve: Serve) -> None:
        site = serve({"*": Reply()})
        paths = ["/a%2Fb", "/a?b=%20&c", "/a/../b", "/ü", "/a b"]
        ask_all(target(site.url), *[Probe(path=path) for path in paths])
        assert site.paths == ["/a%2Fb", "/a?b=%20&c", "/b", "/%C3%BC", "/a%20b"]


class TestAnswer:
    def test_holds_what_came(self, hostile: Hostile) -> None:
        raw = http(wrapped_in_gzip(b"<p>", 1), "X-A: 1", "x-a: 2", "Content-Encoding: gzip", "Content-Type: text/html")
        server = hostile.serve(answers(raw))
        answer = answer_of(server.url, "/a?b")
        assert answer.url == f"{server.url}/a?b"
        assert answer.headers["x-a"] == "1, 2"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.media_type == "text/html"
        assert answer.body == b"<p>"
        assert answer.http_version == "HTTP/1.1"


class TestTimings:
    """How long each phase took: where a slow server waits shows, and all of them are the whole."""

    def of(self, hostile: Hostile, slow: Phase, tls: ssl.SSLContext | None = None) -> Mapping[str, float]:
        def script(connection: socket.socket) -> None:
            head, end = http(b"good")[:-1], b"d"
            for phase, said in ((Phase.TLS, b""), (Phase.HEADERS, head), (Phase.BODY, end)):
                if phase is slow:
                    time.sleep(SHORT_S)
                if phase is Phase.TLS:
                    talk = tls.wrap_socket(connection, server_side=True) if tls else connection
                    read_head(talk)
                talk.sendall(said)
            hung_up(talk)
            talk.close()

        url = hostile.serve(script).url
        seen = answer_of(over_tls(url) if tls else url)
        assert sum(seen.timings_s.values()) == pytest.approx(seen.elapsed_s, abs=0.1)
        return seen.timings_s

    @pytest.mark.parametrize("slow", [Phase.HEADERS, Phase.BODY])
    def test_of_a_slow_server(self, hostile: Hostile, slow: Phase) -> None:
        timings_s = self.of(hostile, slow)
        assert [*timings_s] == ["connection", "headers", "body"]
        assert timings_s[slow.key] >= SHORT_S * 0.9
        assert timings_s["connection"] < SHORT_S / 2

    def test_of_a_slow_handshake(
        self, hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))
        timings_s = self.of(hostile, Phase.TLS, certificates.good())
        assert [*timings_s] == ["connection", "tls", "headers", "body"]
        assert timings_s["tls"] >= SHORT_S * 0.9

    def test_of_a_name(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        look_up = sockets.getaddrinfo

        def slowly(*args: Any, **options: Any) -> Any:
            time.sleep(SHORT_S)
            return look_up(*args, **options)

        url = serve({"*": Reply()}).url.replace("127.0.0.1", "localhost")
        monkeypatch.setattr(sockets, "getaddrinfo", slowly)
        timings_s = answer_of(url).timings_s
        assert [*timings_s] == ["name", "connection", "headers", "body"]
        assert timings_s["name"] >= SHORT_S * 0.9


class TestConnections:
    def test_are_used_again(self, hostile: Hostile) -> None:
        server = hostile.serve(answers(http(b"a"), http(b"b")))
        assert bodies(ask_all(target(server.url), Probe(path="/a"), Probe(path="/b"))) == [b"a", b"b"]
        assert server.connections == 1

    @pytest.mark.parametrize("many", [1, 3, 4, 5, 16, 40])
    def test_as_many_at_once_as_there_may_be(self, hostile: Hostile, many: int) -> None:
        """The server answers nobody before all have asked; then all of them ask again, over the same connections."""
        all_have_asked = threading.Barrier(many)

        def script(connection: socket.socket) -> None:
            for _ in range(2):
                read_head(connection)
                all_have_asked.wait(PATIENCE_S)
                connection.sendall(http(b"good"))
            hung_up(connection)

        server = hostile.serve(script)
        asked = replace(target(server.url), manners=Manners(timeout_s=LONG_S, concurrency=many))

        async def twice() -> list[Observation]:
            observer = HttpObserver()
            try:
                return [
                    seen
                    for _ in range(2)
                    for seen in await asyncio.gather(*(observer.ask(asked, Probe(path="/")) for _ in range(many)))
                ]
            finally:
                await observer.close()

        assert [seen for seen in asyncio.run(twice()) if not isinstance(seen, Answer)] == []
        assert server.connections == many

    def test_what_comes_behind_an_answer_is_none_to_the_next_question(self, hostile: Hostile) -> None:
        """A server that answers twice."""

        def script(connection: socket.socket) -> None:
            while path := read_head(connection).partition(" ")[2].partition(" ")[0]:
                body = http(path.encode())
                connection.sendall(body + http(b"more") if path == "/twice" else body)

        server = hostile.serve(script)
        probes = [Probe(path=path) for path in ("/a", "/twice", "/b", "/c")]
        assert bodies(ask_all(target(server.url), *probes)) == [b"/a", b"/twice", b"/b", b"/c"]
        assert server.connections == 2

    def test_one_that_was_closed_meanwhile_is_nobody_s_fault(self, hostile: Hostile) -> None:
        """The server closes each connection after its answer, and does not say so."""
        server = hostile.serve(answers_and_closes(http(b"x")))
        probes = [Probe(path=f"/{number}") for number in range(30)]
        assert bodies(ask_all(target(server.url), *probes)) == [b"x"] * 30

    @pytest.mark.parametrize("ending", ["closed", "reset", "garbled"])
    def test_one_that_breaks_under_the_next_question(self, hostile: Hostile, ending: str) -> None:
        """The question is sent again over a connection of its own, whose answer counts."""

        def script(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(http(b"x"))
            read_head(connection)
            if ending == "reset":
                resets(connection)
            elif ending == "garbled":
                connection.sendall(b"garbage\r\n\r\n")

        server = hostile.serve(script)
        assert bodies(ask_all(target(server.url), Probe(path="/a"), Probe(path="/b"))) == [b"x", b"x"]
        assert server.connections == 2

    def test_what_was_left_on_one_does_not_spoil_the_next_answer(self, hostile: Hostile) -> None:
        server = hostile.serve(answers(http(b"whole and more", length=5), http(b"second")))
        assert bodies(ask_all(target(server.url), Probe(path="/a"), Probe(path="/b"))) == [b"whole", b"whole"]

    def test_the_deadline_holds_when_it_is_sent_again(self, hostile: Hostile) -> None:
        def script(connection: socket.socket) -> None:
            if "GET /a " in read_head(connection):
                connection.sendall(http(b"x"))
                read_head(connection)
            else:
                hung_up(connection)

        _, second = ask_all(target(hostile.serve(script).url), Probe(path="/a"), Probe(path="/b"), timeout_s=SHORT_S)
        assert isinstance(second, NoAnswer)
        assert second.reason is Reason.TIMEOUT


def bodies(observations: list[Observation]) -> list[bytes | str]:
    return [seen.body if isinstance(seen, Answer) else seen.text for seen in observations]


class TestProxies:
    NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

    def use(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        for name in self.NAMES:
            monkeypatch.setenv(name, url)

    def test_are_not_used_for_this_machine(
        self, hostile: Hostile, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = hostile.serve(answers(http(b"by the proxy")))
        self.use(monkeypatch, proxy.url)
        site = serve({"/": Reply.html("by the site")})
        assert answer_of(site.url).body == b"by the site"
        assert proxy.connections == 0

    def test_are_used_for_others(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        heads: list[str] = []

        def script(connection: socket.socket) -> None:
            heads.append(read_head(connection))
            connection.sendall(http(b"by the proxy"))

        self.use(monkeypatch, hostile.serve(script).url)
        observation = ask("http://www.example.com", kind=Kind.PRODUCTION)
        assert isinstance(observation, Answer)
        assert observation.body == b"by the proxy"
        assert heads[0].startswith("GET http://www.example.com/ HTTP/1.1\r\n")

    def test_each_target_and_host_has_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://plain.example:1")
        monkeypatch.setenv("https_proxy", "http://secure.example:2")
        monkeypatch.setenv("no_proxy", "inside.example.com")
        remote, local = target("", kind=Kind.PREVIEW), replace(target("", kind=Kind.LOCAL), name="local")
        wanted = [
            (remote, "http://www.example.com", "http://plain.example:1"),
            (remote, "https://www.example.com", "http://secure.example:2"),
            (remote, "https://inside.example.com", ""),
            (local, "http://www.example.com", ""),
        ]
        for asked, url, proxy in wanted:
            assert proxy_for(asked, f"{url}/path") == proxy

    @pytest.mark.parametrize("reads", ["getproxies", "proxy_bypass"])
    def test_what_leaves_the_environment_meanwhile_hinders_nobody(
        self, monkeypatch: pytest.MonkeyPatch, reads: str
    ) -> None:
        """As pytest's own PYTEST_CURRENT_TEST does, in another thread, after each step of a test."""
        monkeypatch.setenv("http_proxy", "http://plain.example:1")
        read, left = getattr(http_module, reads), [KeyError("PYTEST_CURRENT_TEST")] * 3

        def read_name_by_name(*args: Any) -> Any:
            if left:
                raise left.pop()
            return read(*args)

        monkeypatch.setattr(http_module, reads, read_name_by_name)
        assert proxy_for(target("", kind=Kind.PREVIEW), "http://www.example.com/") == "http://plain.example:1"
        assert left == []

    def test_one_that_answers_twice(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        """What comes behind an answer is none to the next question, whoever sent it."""

        def script(connection: socket.socket) -> None:
            while url := read_head(connection).partition(" ")[2].partition(" ")[0]:
                connection.sendall(http(url.encode()) + http(b"more"))

        self.use(monkeypatch, hostile.serve(script).url)
        site = target("http://www.example.com", kind=Kind.PRODUCTION)
        seen = bodies(ask_all(site, Probe(path="/a"), Probe(path="/b")))
        assert seen == [b"http://www.example.com/a", b"http://www.example.com/b"]

    def test_one_that_refuses(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, hostile.serve(answers(http(status="403 Forbidden"))).url)
        failure = failure_of("https://www.example.com", kind=Kind.PRODUCTION)
        assert failure.reason is Reason.UNREACHABLE
        assert failure.text == "the proxy does not let this run through: 403 Forbidden"

    def test_one_that_hangs(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, hostile.serve(never_answers).url)
        failure = failure_of("https://www.example.com", kind=Kind.PRODUCTION, timeout_s=SHORT_S)
        assert failure.reason is Reason.TIMEOUT

    def test_one_that_nobody_answers_at(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, hostile.refuse().url.replace("127.0.0.1", "user:s3cret@127.0.0.1"))
        failure = failure_of("https://www.example.com", kind=Kind.PRODUCTION)
        by_way = "(by way of the proxy that the environment names)"
        assert (failure.reason, failure.text) == (
            Reason.REFUSED,
            f"connection refused: nothing listens there {by_way}",
        )

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://127.0.0.1:1",
            "socks5://127.0.0.1:1",
            "http://[::1",
            "http://127.0.0.1:99999",
            "ftp://a:s3cret@b",
            "http://u:s3cret#x@b:1",
        ],
    )
    def test_one_that_cannot_be_used(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.use(monkeypatch, url)
        failure = failure_of("https://www.example.com", kind=Kind.PRODUCTION)
        assert failure.reason is Reason.UNREACHABLE
        assert "proxy" in failure.text
        assert "s3cret" not in failure.text

    def test_a_password_that_no_address_may_hold(self, hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
        """httpx takes it; not everybody does."""
        self.use(monkeypatch, hostile.refuse().url.replace("127.0.0.1", "u:x[s3cret@127.0.0.1"))
        failure = failure_of("https://www.example.com", kind=Kind.PRODUCTION)
        assert failure.reason is Reason.REFUSED
        assert "s3cret" not in failure.text

    @pytest.mark.parametrize(
        "hosts", ["127.0.0.1", "localhost,127.0.0.1,[::1]", "::1/128,fe80::/10,127.0.0.1", "*", " 127.0.0.1 , x"]
    )
    def test_a_host_that_needs_none(self, serve: Serve, monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
        self.use(monkeypatch, "http://127.0.0.1:1")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, hosts)
        site = serve({"/": Reply.html("by the site")})
        seen = ask(site.url, kind=Kind.PRODUCTION)
        assert isinstance(seen, Answer)


class TestStopping:
    """`Run` and the observer together: nothing of either is left, whatever was going on. (Warnings are errors here.)"""

    SCRIPTS: Mapping[str, Script] = {
        "nothing": answers(http()),
        **{name: script for name, (script, _) in FOR_EVER.items() if name.startswith("drips")},
        **{name: AT_ONCE[name][0] for name in ("gzip bomb", "pours a body", "two lengths", "resets in the middle")},
        "handshake": takes_and_waits,
    }

    def test_in_the_middle_of_everything(self, hostile: Hostile) -> None:
        run = Run(HttpObserver, Background())
        manners = Manners(timeout_s=PATIENCE_S, max_body_bytes=1000)
        checks = []
        for name, script in self.SCRIPTS.items():
            url = hostile.serve(script).url
            site = Target(
                name=name, url=over_tls(url) if name == "handshake" else url, kind=Kind.LOCAL, manners=manners
            )
            checks += [PlannedLive(target=site, check=_AskCheck(), spec=AssetSpec(path=path)) for path in ("/a", "/b")]
        run.ask_ahead(checks)
        assert run.result(checks[0]).findings == ()
        started = time.monotonic()
        run.stop()
        assert time.monotonic() - started < OVERTIME_S
        assert "pagesmoke" not in [thread.name for thread in threading.enumerate()]
        gc.collect()


class _AskCheck:
    """One question, and no judgement."""

    test: ClassVar[str] = "test_ask"
    key: ClassVar[str] = "ask"
    spec: ClassVar[type] = AssetSpec
    column: ClassVar[str] = "ask"
    rules: ClassVar[tuple[Rule, ...]] = ()

    def probes(self, spec: AssetSpec, _seen: Seen) -> Iterable[Probe]:
        return [Probe(path=spec.path)]

    def judge(self, _spec: AssetSpec, _seen: Seen) -> Judgement:
        return iter(())


class SlowResolver:
    """A name server that does not answer, until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        self.asked.set()
        self.let_go.wait(PATIENCE_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class TestNames:
    """No name is looked up in earnest: that would leave this machine."""

    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowResolver]:
        resolver = SlowResolver()
        monkeypatch.setattr(sockets, "getaddrinfo", resolver.getaddrinfo)
        yield resolver
        resolver.let_go.set()
        for thread in threading.enumerate():
            if thread.name == "pagesmoke-dns":
                thread.join(PATIENCE_S)

    def test_one_that_does_not_resolve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_such_name(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(sockets, "getaddrinfo", no_such_name)
        failure = failure_of("http://no-such-site.invalid", kind=Kind.PRODUCTION)
        assert (failure.reason, failure.text) == (Reason.NO_ADDRESS, "no address for this name (DNS)")

    def test_a_resolver_that_raises_something_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def odd(*_: Any, **__: Any) -> Any:
            raise RuntimeError("no look-ups today")

        monkeypatch.setattr(sockets, "getaddrinfo", odd)
        failure = failure_of("http://no-such-site.invalid", kind=Kind.PRODUCTION)
        assert failure.text == "RuntimeError: no look-ups today"

    @pytest.mark.usefixtures("slow")
    def test_the_deadline_holds_for_a_slow_resolver(self) -> None:
        """`ask_all` measures that the loop can be closed, too, while the resolver still hangs."""
        failure = failure_of("http://no-such-site.invalid", kind=Kind.PRODUCTION, timeout_s=SHORT_S)
        assert failure.reason is Reason.TIMEOUT
        assert failure.text == "no complete answer within 0.5 s (looking up the name)"
        assert failure.timings_s["name"] >= SHORT_S / 2

    def test_a_process_does_not_wait_for_a_slow_resolver(self) -> None:
        program = """
import asyncio, threading
from pytest_pagesmoke.model import Kind, Manners, Probe, Target
from pytest_pagesmoke.observe import sockets
from pytest_pagesmoke.observe.http import HttpObserver
from pytest_pagesmoke.observe.background import _Loop

sockets.getaddrinfo = lambda *_, **__: threading.Event().wait(60)
observer = HttpObserver()
target = Target(name="site", url="http://no-such-site.invalid", kind=Kind.PRODUCTION, manners=Manners(timeout_s=0.1))
with asyncio.Runner(loop_factory=_Loop) as runner:
    print(runner.run(observer.ask(target, Probe(path="/"))).reason)
    runner.run(observer.close())
"""
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
        assert (ended.stdout, ended.stderr) == ("timeout\n", "")
