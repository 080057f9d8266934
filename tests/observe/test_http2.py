"""HTTP/2, with the extra installed: the same outcomes, within the same bounds."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import h2.config
import h2.connection
import h2.events
import pytest
from hyperframe.frame import (
    ContinuationFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from observe.hostile import (
    PATIENCE_S,
    Certificates,
    Hostile,
    Peer,
    Script,
    answers,
    gzip_bomb,
    http,
    hung_up,
    wrapped_in_gzip,
)
from pytest_pagesmoke.model import THREAD, Answer, Kind, Manners, NoAnswer, Observation, Probe, Reason, Target
from pytest_pagesmoke.observe import http as observe_http
from pytest_pagesmoke.observe.http import HttpObserver

SHORT_S = 0.5
OVERTIME_S = 0.5
MAX_BODY_BYTES = 1_000_000
#: What a server's script does with one request: its connection's socket and state, the number of the stream, the path.
Respond = Callable[[socket.socket, h2.connection.H2Connection, int, str], None]
Headers = Sequence[tuple[str, str]]
Serve = Callable[[Script], Peer]

OK: Headers = [(":status", "200")]


def speaks(respond: Respond, *, settings: Mapping[int, int] | None = None) -> Script:
    """A server that answers each request by ``respond``, and says in frames whatever it wants: nothing is validated."""

    def script(connection: socket.socket) -> None:
        config = h2.config.H2Configuration(
            client_side=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        state = h2.connection.H2Connection(config)
        if settings:
            state.update_settings({**settings})
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        while received := connection.recv(65_536):
            events = state.receive_data(received)
            connection.sendall(state.data_to_send())
            for event in events:
                if isinstance(event, h2.events.RequestReceived):
                    assert event.stream_id is not None
                    path = dict(event.headers or ())[b":path"].decode("ascii")
                    respond(connection, state, event.stream_id, path)

    return script


def says(headers: Headers, body: bytes = b"") -> Respond:
    """A whole answer."""

    def respond(connection: socket.socket, state: h2.connection.H2Connection, stream: int, _path: str) -> None:
        state.send_headers(stream, headers)
        state.send_data(stream, body, end_stream=True)
        connection.sendall(state.data_to_send())

    return respond


def drips_data(connection: socket.socket, state: h2.connection.H2Connection, stream: int, _path: str) -> None:
    state.send_headers(stream, OK)
    for _ in range(int(PATIENCE_S / 0.02)):
        state.send_data(stream, b"a")
        connection.sendall(state.data_to_send())
        time.sleep(0.02)  # fails as soon as the client has hung up


def pours_data(piece: bytes, *headers: tuple[str, str]) -> Respond:
    """Pieces without end, as fast as the client lets it."""

    def respond(connection: socket.socket, state: h2.connection.H2Connection, stream: int, _path: str) -> None:
        state.send_headers(stream, [*OK, *headers])
        pieces = itertools.cycle(piece[start : start + 16_384] for start in range(0, len(piece), 16_384))
        for part in itertools.islice(pieces, 200):
            state.send_data(stream, part)
            connection.sendall(state.data_to_send())

    return respond


def pours_frames(frame: Callable[[int], bytes]) -> Respond:
    """The same frame over and over."""

    def respond(connection: socket.socket, _state: h2.connection.H2Connection, stream: int, _path: str) -> None:
        many = frame(stream) * 100
        for _ in range(1000):
            connection.sendall(many)

    return respond


def sends_frames(frames: Callable[[int], bytes]) -> Respond:
    def respond(connection: socket.socket, _state: h2.connection.H2Connection, stream: int, _path: str) -> None:
        connection.sendall(frames(stream))

    return respond


def never(_connection: socket.socket, _state: h2.connection.H2Connection, _stream: int, path: str) -> None: ...


def stays_silent(connection: socket.socket) -> None:
    while not hung_up(connection):
        pass


def gibberish(connection: socket.socket) -> None:
    connection.sendall(b"\xff" * 10_000)
    stays_silent(connection)


def continued(stream: int) -> bytes:
    return ContinuationFrame(stream, b"\x00\x01a\x01b").serialize()


def begun_headers(stream: int) -> bytes:
    return HeadersFrame(stream, b"\x88").serialize()  # `:status: 200`, and more is to come


def endless_headers(connection: socket.socket, state: h2.connection.H2Connection, stream: int, path: str) -> None:
    connection.sendall(begun_headers(stream))
    pours_frames(continued)(connection, state, stream, path)


def table_bomb(stream: int) -> bytes:
    """A header of 4 KB, put into the table of HPACK, and named a thousand times by a byte each."""
    large = b"\x40\x01a" + b"\x7f\xe1\x1e" + b"b" * 4000
    frame = HeadersFrame(stream, b"\x88" + large + b"\xbe" * 1000)
    frame.flags.add("END_HEADERS")
    return frame.serialize()


def settings(_stream: int) -> bytes:
    return SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 65_535}).serialize()


def ping(_stream: int) -> bytes:
    return PingFrame(0, b"12345678").serialize()


def gone(_stream: int) -> bytes:
    return GoAwayFrame(0, last_stream_id=0, error_code=0).serialize()


def forbidden(_stream: int) -> bytes:
    return b"\x00\x00\x01" + b"\x00\x00" + bytes(4) + b"a"  # data of no stream: the kit's own library makes none


def reset(stream: int) -> bytes:
    return RstStreamFrame(stream, error_code=7).serialize()


#: Servers that only the deadline can end, by what they do.
FOR_EVER: dict[str, Script] = {
    "never answers": speaks(never),
    "never speaks": stays_silent,
    "drips a body": speaks(drips_data),
    "pours settings": speaks(pours_frames(settings)),
    "pours pings": speaks(pours_frames(ping)),
    "speaks gibberish": gibberish,  # which begins like a frame of 16 MB
}

AT_ONCE: dict[str, tuple[Script, Reason]] = {
    "a status that is no number": (speaks(says([(":status", "abc")])), Reason.PROTOCOL),
    "headers without end": (speaks(endless_headers), Reason.PROTOCOL),
    "headers that unpack to megabytes": (speaks(sends_frames(table_bomb)), Reason.PROTOCOL),
    "a body without end": (speaks(pours_data(b"a" * 65_536)), Reason.TOO_LARGE),
    "a gzip bomb": (speaks(pours_data(gzip_bomb(), ("content-encoding", "gzip"))), Reason.TOO_LARGE),
    "layers of gzip": (
        speaks(says([*OK, ("content-encoding", ", ".join(["gzip"] * 9))], wrapped_in_gzip(b"a", 9))),
        Reason.PROTOCOL,
    ),
    "a body shorter than said": (speaks(says([*OK, ("content-length", "9")], b"a")), Reason.PROTOCOL),
    "a body longer than said": (speaks(says([*OK, ("content-length", "1")], b"aaa")), Reason.PROTOCOL),
    "sends everybody away": (speaks(sends_frames(gone)), Reason.RESET),
    "breaks off each answer": (speaks(sends_frames(reset)), Reason.RESET),
    "closes": (lambda connection: connection.close(), Reason.RESET),
    "a frame that is forbidden": (speaks(sends_frames(forbidden)), Reason.PROTOCOL),
}


@pytest.fixture
def serve(hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Start a server that says in its TLS handshake that it speaks HTTP/2."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))
    tls = certificates.good()
    tls.set_alpn_protocols(["h2"])

    def alone(script: Script) -> Script:
        """Whoever wants to speak HTTP/1.1 is sent away."""

        def converse(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            if connection.selected_alpn_protocol() == "h2":
                script(connection)

        return converse

    return lambda script: hostile.serve(alone(script), tls=tls)


@pytest.fixture
def serve_both(
    hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Script, Script], Peer]:
    """Start a server that speaks both: by the first script HTTP/2, by the second HTTP/1.1."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))
    tls = certificates.good()
    tls.set_alpn_protocols(["h2", "http/1.1"])

    def start(by_http2: Script, by_http1: Script) -> Peer:
        def script(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            (by_http2 if connection.selected_alpn_protocol() == "h2" else by_http1)(connection)

        return hostile.serve(script, tls=tls)

    return start


def ask_all(url: str, *paths: str, timeout_s: float = 5.0, at_once: int = 100) -> list[Observation]:
    """What the server answers to these, so many asked at once."""
    manners = Manners(timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES)
    asked = Target(name="site", url=url, kind=Kind.LOCAL, manners=manners)

    async def ask_them() -> list[Observation]:
        observer, room = HttpObserver(), asyncio.Semaphore(at_once)

        async def ask(path: str) -> Observation:
            async with room:
                return await observer.ask(asked, Probe(path=path))

        try:
            return await asyncio.gather(*map(ask, paths))
        finally:
            await observer.close()

    return asyncio.run(ask_them())


def test_connections_are_used_again(serve: Serve) -> None:
    server = serve(speaks(says(OK, b"good")))
    seen = ask_all(server.url, *(f"/{i}" for i in range(20)), at_once=4)
    assert [(one.http_version, one.body) for one in seen if isinstance(one, Answer)] == [("HTTP/2", b"good")] * 20
    assert server.connections == 4


def test_a_server_that_speaks_none_is_asked_as_ever(
    hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))
    server = hostile.serve(answers(http(b"good")), tls=certificates.good())
    (seen,) = ask_all(server.url, "/")
    assert isinstance(seen, Answer)
    assert (seen.http_version, seen.body) == ("HTTP/1.1", b"good")


def test_without_the_extra_it_is_not_spoken(
    hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe_http, "_HTTP2", False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.trusted))
    tls = certificates.good()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    (seen,) = ask_all(hostile.serve(answers(http(b"good")), tls=tls).url, "/")
    assert isinstance(seen, Answer)
    assert seen.http_version == "HTTP/1.1"


@pytest.mark.parametrize("name", FOR_EVER)
def test_what_goes_on_for_ever_has_a_deadline(serve: Serve, name: str) -> None:
    started = time.monotonic()
    seen = ask_all(serve(FOR_EVER[name]).url, "/a", "/b", timeout_s=SHORT_S)
    assert time.monotonic() - started <= SHORT_S + 2 * OVERTIME_S  # the last of it is to begin and to close
    for one in seen:
        assert isinstance(one, NoAnswer)
        assert one.reason is Reason.TIMEOUT
        assert one.elapsed_s <= SHORT_S + OVERTIME_S


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_wrong_has_its_reason(serve: Serve, name: str) -> None:
    """Asked once more by HTTP/1.1, which this server does not speak."""
    script, reason = AT_ONCE[name]
    server = serve(script)
    for one in ask_all(server.url, "/a", "/b"):
        assert isinstance(one, NoAnswer)
        assert one.reason is reason, one
        assert " " in one.text
        assert one.text.isprintable()
        assert one.attempts == (1 if reason is Reason.TOO_LARGE or "gzip" in name else 2)
    assert server.connections <= 4  # nobody is asked over and over


@pytest.mark.parametrize("name", [name for name, (_, reason) in AT_ONCE.items() if reason is not Reason.TOO_LARGE])
def test_http_1_1_has_the_last_word(serve_both: Callable[[Script, Script], Peer], name: str) -> None:
    """What httpcore and h2 stumble over, browsers may well take."""
    by_http2, _ = AT_ONCE[name]
    (seen,) = ask_all(serve_both(by_http2, answers(http(b"good"))).url, "/")
    if "gzip" in name:  # no matter of the protocol
        assert isinstance(seen, NoAnswer)
    else:
        assert isinstance(seen, Answer)
        assert (seen.body, seen.http_version, seen.attempts) == (b"good", "HTTP/1.1", 2)


def gone_after(answered: int) -> Script:
    """As nginx does: it sends whoever has asked so often away, before its last answer, and answers yet."""

    def respond(connection: socket.socket, state: h2.connection.H2Connection, stream: int, path: str) -> None:
        if stream >= 2 * answered - 1:
            connection.sendall(GoAwayFrame(0, last_stream_id=stream, error_code=0).serialize())
        says(OK, b"good")(connection, state, stream, path)

    return speaks(respond)


@pytest.mark.parametrize("answered", [1, 3])
def test_a_server_that_sends_away_whoever_has_asked_enough(
    serve_both: Callable[[Script, Script], Peer], answered: int
) -> None:
    server = serve_both(gone_after(answered), answers(*[http(b"good")] * 20))
    seen = ask_all(server.url, *(f"/{i}" for i in range(12)), at_once=2)
    assert [one.body for one in seen if isinstance(one, Answer)] == [b"good"] * 12


def test_what_is_left_unread_does_not_count_among_the_streams_that_are_allowed(serve: Serve) -> None:
    """A redirect has a body, too; and one that hangs is given up."""

    def respond(connection: socket.socket, state: h2.connection.H2Connection, stream: int, path: str) -> None:
        if path == "/hangs":
            return
        if not path.endswith("/"):
            state.send_headers(stream, [(":status", "308"), ("location", f"{path}/")])
            state.send_data(stream, b"moved")  # without an end
            connection.sendall(state.data_to_send())
            return
        says(OK, b"good")(connection, state, stream, path)

    server = serve(speaks(respond, settings={SettingsFrame.MAX_CONCURRENT_STREAMS: 1}))
    hanging, *moved = ask_all(server.url, "/hangs", *(f"/{i}" for i in range(6)), at_once=2, timeout_s=SHORT_S)
    assert isinstance(hanging, NoAnswer)
    assert hanging.reason is Reason.TIMEOUT
    assert [one.body for one in moved if isinstance(one, Answer)] == [b"good"] * 6


def test_one_answer_that_breaks_off_breaks_no_other(serve: Serve) -> None:
    first: list[int] = []

    def respond(connection: socket.socket, state: h2.connection.H2Connection, stream: int, path: str) -> None:
        first.append(stream)
        (sends_frames(reset) if len(first) == 1 else says(OK, b"good"))(connection, state, stream, path)

    seen = ask_all(serve(speaks(respond)).url, *(f"/{i}" for i in range(8)))
    assert len([one for one in seen if isinstance(one, Answer)]) == 7  # the one alone, as there is no other protocol


def test_no_header_comes_into_a_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """hpack logs what it packs, and how: Huffman's code hides a secret from whoever strikes it out, and from nobody else."""
    server = serve(speaks(says(OK, b"good")))
    for name in ("hpack.hpack", "hpack.table", "h2", "httpx", "httpcore", "httpcore.http2"):
        caplog.set_level(logging.DEBUG, name)
    asking = threading.Thread(target=ask_all, args=[server.url, "/"], name=THREAD)
    asking.start()
    asking.join()
    assert server.connections == 1
    ours = [record.name for record in caplog.records if record.threadName == THREAD]  # the server's go there, too
    assert [name for name in ours if name != "asyncio"] == []
