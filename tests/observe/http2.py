"""HTTP/2 as a hostile server speaks it: frame by frame, behind TLS, with no state machine in between that would object."""

from __future__ import annotations

import functools
import itertools
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence

import hpack
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame, SettingsFrame

from observe.hostile import PATIENCE_S, Script, hung_up

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Fields = Iterable[tuple[str, str]]
#: What a server does with a request, whose stream has this number.
Respond = Callable[[socket.socket, int], None]
_FRAME_HEADER_BYTES = 9
_OK: Fields = ((":status", "200"),)


def offering_http2(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context of a server that takes HTTP/2 where a client offers it."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def serves_http2(respond: Respond, *, settings: dict[int, int] | None = None) -> Script:
    """Shake hands, and answer each request by ``respond``; ``settings`` are the server's."""

    def script(connection: socket.socket) -> None:
        if _exactly(connection, len(PREFACE)) != PREFACE:
            return
        send(connection, SettingsFrame(0, settings=settings or {}))
        while (frame := _next(connection)) is not None:
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                send(connection, SettingsFrame(0, flags=["ACK"]))
            if "END_STREAM" in frame.flags:  # a request of GET is one frame
                respond(connection, frame.stream_id)

    return script


def sends(*frames: Callable[[int], Frame]) -> Respond:
    """Each request gets these, whole."""

    def respond(connection: socket.socket, stream: int) -> None:
        send(connection, *(frame(stream) for frame in frames))

    return respond


def drips(start: Sequence[Callable[[int], Frame]], drop: Callable[[int], Frame], *, every_s: float = 0.02) -> Respond:
    """``start`` at once, then a frame at a time, for as long as the client has patience."""

    def respond(connection: socket.socket, stream: int) -> None:
        sends(*start)(connection, stream)
        for _ in range(int(PATIENCE_S / every_s)):
            if hung_up(connection, within_s=every_s):
                return
            send(connection, drop(stream))

    return respond


def pours(start: Sequence[Callable[[int], Frame]], frames: Iterable[Callable[[int], Frame]]) -> Respond:
    """``start``, then the frames as fast as the client takes them, whatever window it gives."""

    def respond(connection: socket.socket, stream: int) -> None:
        sends(*start)(connection, stream)
        for frame in itertools.islice(frames, 100_000):
            send(connection, frame(stream))

    return respond


def headers(fields: Fields = _OK, *flags: str, ends: bool = True) -> Callable[[int], Frame]:
    """The head of an answer, with END_STREAM the whole of it; where it ``ends``, none of it is to come in other frames."""
    return functools.partial(HeadersFrame, data=packed(fields), flags=[*flags, *["END_HEADERS"] * ends])


def continued(fields: Fields, *, ends: bool = True) -> Callable[[int], Frame]:
    """More of a head that has not ended."""
    return functools.partial(ContinuationFrame, data=packed(fields), flags=["END_HEADERS"] * ends)


def data(content: bytes, *flags: str) -> Callable[[int], Frame]:
    """A part of a body; with END_STREAM the last."""
    return functools.partial(DataFrame, data=content, flags=flags)


def packed(fields: Fields) -> bytes:
    """So that no block needs what another one put into the table."""
    return hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*field) for field in fields], huffman=False)


def send(connection: socket.socket, *frames: Frame) -> None:
    connection.sendall(b"".join(frame.serialize() for frame in frames))


def _next(connection: socket.socket) -> Frame | None:
    """The next frame; None where the client has hung up."""
    head = _exactly(connection, _FRAME_HEADER_BYTES)
    if len(head) < _FRAME_HEADER_BYTES:
        return None
    frame, length = Frame.parse_frame_header(memoryview(head))
    frame.parse_body(memoryview(_exactly(connection, length)))
    return frame


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (part := connection.recv(size - len(received))):
        received += part
    return received
