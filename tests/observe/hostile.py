"""Servers that misbehave: each is a script that gets the accepted socket. On loopback, bounded, and gone at the end."""

from __future__ import annotations

import functools
import gzip
import itertools
import select
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

Script = Callable[[socket.socket], None]

#: No script goes on for longer, whatever the client does; none needs to, since every client here has a deadline.
PATIENCE_S = 10.0
_PIECES = 10_000
_BOMB_MEBIBYTES = 100


@dataclass
class Peer:
    """A running server, and how many connections it has had."""

    port: int
    scheme: str
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class Hostile:
    """Starts servers: a thread for each, and for each of their connections."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def serve(self, script: Script, *, tls: ssl.SSLContext | None = None) -> Peer:
        """A server whose connections each run ``script``; with ``tls`` after the handshake."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(listener)
        peer = Peer(port=listener.getsockname()[1], scheme="https" if tls else "http")
        self._start(functools.partial(self._accept, listener, script, tls, peer))
        return peer

    def refuse(self) -> Peer:
        """A port that refuses: taken, so that nothing else can come to listen there, but not listening."""
        taken = socket.socket()
        self._sockets.append(taken)
        taken.bind(("127.0.0.1", 0))
        return Peer(port=taken.getsockname()[1], scheme="http")

    def close(self) -> None:
        """End all of it. A script that goes on after its client has hung up is a mistake of this kit."""
        self._over.set()
        for server in self._sockets:
            with suppress(ConnectionRefusedError):
                socket.create_connection(server.getsockname(), timeout=1).close()  # wakes accept() on every system
        for thread in self._threads:
            thread.join(timeout=PATIENCE_S)
        for server in self._sockets:
            server.close()
        assert not [thread for thread in self._threads if thread.is_alive()]

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="hostile", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, script: Script, tls: ssl.SSLContext | None, peer: Peer) -> None:
        while True:
            connection, _ = listener.accept()
            if self._over.is_set():
                connection.close()
                return
            peer.connections += 1
            self._start(functools.partial(_converse, connection, script, tls))


def _converse(connection: socket.socket, script: Script, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):  # the client hung up, which is how most scripts end
        connection.settimeout(PATIENCE_S)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        script(connection)
    connection.close()


# What scripts are made of.


def read_head(connection: socket.socket) -> str:
    """The head of the next request; what there is of it when the client hangs up."""
    head = b""
    while b"\r\n\r\n" not in head and (received := connection.recv(65_536)):
        head += received
    return head.decode("latin-1")


def hung_up(connection: socket.socket, *, within_s: float = PATIENCE_S) -> bool:
    """Wait for the client to hang up; whether it has."""
    readable, _, _ = select.select([connection], [], [], within_s)
    return bool(readable) and not connection.recv(65_536)


def resets(connection: socket.socket) -> None:
    """Make its end a reset: lingering for no time is how a program asks for one."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def http(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole answer, with the length of its body unless ``length`` says another."""
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body) if length is None else length}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(*headers: str) -> bytes:
    """The head of an answer that comes in chunks."""
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "transfer-encoding: chunked", "", ""]).encode("latin-1")


def answers(*answered: bytes) -> Script:
    """Each request on a connection gets the next of these, whole; after the last the connection stays open."""

    def script(connection: socket.socket) -> None:
        for answer in answered:
            if not read_head(connection):
                return
            connection.sendall(answer)
        hung_up(connection)

    return script


def path_of(head: str) -> str:
    """What a request asks for."""
    return head.partition(" ")[2].partition(" ")[0]


def answers_by_path(answer: Callable[[str], bytes]) -> Script:
    """Each request gets what ``answer`` makes of its path; one for a page that cannot exist is told so."""

    def script(connection: socket.socket) -> None:
        while head := read_head(connection):
            path = path_of(head)
            connection.sendall(http(status="404 Not Found") if "pagesmoke-no" in path else answer(path))

    return script


def answers_and_closes(answer: bytes) -> Script:
    """One answer, and the connection is closed."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(answer)

    return script


def drips(start: bytes, drop: bytes, *, every_s: float = 0.02) -> Script:
    """``start`` at once, then a drop at a time, for as long as the client has patience."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(start)
        for _ in range(int(PATIENCE_S / every_s)):
            if hung_up(connection, within_s=every_s):
                return
            connection.sendall(drop)

    return script


def pours(start: bytes, pieces: Iterable[bytes]) -> Script:
    """``start``, then the pieces as fast as the client takes them."""

    def script(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(start)
        for piece in itertools.islice(pieces, _PIECES):
            connection.sendall(piece)

    return script


def greets(greeting: bytes, *, then_waits: bool) -> Script:
    """Speaks first, as SSH and SMTP servers do."""

    def script(connection: socket.socket) -> None:
        connection.sendall(greeting)
        read_head(connection)
        if then_waits:
            hung_up(connection)

    return script


def never_answers(connection: socket.socket) -> None:
    read_head(connection)
    hung_up(connection)


def takes_and_waits(connection: socket.socket) -> None:
    """Says nothing to whatever comes, a TLS handshake for one."""
    connection.recv(65_536)
    hung_up(connection)


def answers_anything(connection: socket.socket) -> None:
    """What a web server says to what is no HTTP."""
    connection.recv(65_536)
    connection.sendall(http(status="400 Bad Request"))
    hung_up(connection)


def closes_without_an_answer(connection: socket.socket) -> None:
    read_head(connection)


def resets_in_the_middle(connection: socket.socket) -> None:
    read_head(connection)
    connection.sendall(http(b"half", length=1000))
    resets(connection)


@functools.cache
def gzip_bomb() -> bytes:
    """Zeros that unpack to a thousand times their size; made a mebibyte at a time."""
    packer = zlib.compressobj(level=9, wbits=16 + zlib.MAX_WBITS)
    mebibyte = bytes(1 << 20)
    return b"".join([*(packer.compress(mebibyte) for _ in range(_BOMB_MEBIBYTES)), packer.flush()])


def wrapped_in_gzip(body: bytes, layers: int) -> bytes:
    for _ in range(layers):
        body = gzip.compress(body, mtime=0)  # the same bytes at any time
    return body


class Certificates:
    """Servers' certificates, by an authority that a test may trust and by one that nobody does."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self.now = datetime.now(UTC)
        self.trusted = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.trusted))

    def good(self) -> ssl.SSLContext:
        return _server_side(self._authority.issue_cert("127.0.0.1"))

    def of_another_name(self) -> ssl.SSLContext:
        return _server_side(self._authority.issue_cert("www.example.com"))

    def of_an_unknown_authority(self) -> ssl.SSLContext:
        return _server_side(self._stranger.issue_cert("127.0.0.1"))

    def signed_by_itself(self) -> ssl.SSLContext:
        """An authority's own, for this host and with no other behind it."""
        itself = trustme.CA(organization_name="127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with itself.private_key_pem.tempfile() as key, itself.cert_pem.tempfile() as certificate:
            context.load_cert_chain(certificate, key)
        return context

    def valid_for_days(self, first: int, last: int) -> ssl.SSLContext:
        """Valid between these days from today."""
        return _server_side(
            self._authority.issue_cert(
                "127.0.0.1", not_before=self.now + timedelta(days=first), not_after=self.now + timedelta(days=last)
            )
        )


def _server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
