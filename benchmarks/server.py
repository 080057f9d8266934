"""Sites on loopback that wait before they answer, in a process of their own: `python server.py DELAY_S…` prints the port of each.

They run until standard input ends. All they do is what neither curl nor pagesmoke should have to wait for: find the end of a
request (HTTP/1.1, kept alive), let the time pass, write a page.
"""

from __future__ import annotations

import asyncio
import sys
from functools import cache, partial
from typing import Final

#: Answers at once how many requests and connections there were since it was last asked; that is not counted.
TALLY: Final = "/tally"
_LETTERS: Final = bytes.maketrans(b"0123456789", b"abcdefghij")
_BACKLOG: Final = 256


class _Tally:
    def __init__(self) -> None:
        self.requests = self.connections = 0

    def taken(self) -> bytes:
        """What was counted, which begins anew."""
        told = f"{self.requests} {self.connections}".encode()
        self.requests = self.connections = 0
        return told


class _Connection(asyncio.Protocol):
    def __init__(self, loop: asyncio.AbstractEventLoop, delay_s: float, tally: _Tally) -> None:
        self._loop = loop
        self._delay_s = delay_s
        self._tally = tally
        self._unread = b""
        self._asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1]
            if path == TALLY.encode():
                self._transport.write(_reply(b"200 OK", b"text/plain", self._tally.taken()))
                continue
            self._tally.requests += 1
            self._tally.connections += not self._asked
            self._asked = True
            if self._delay_s:
                self._loop.call_later(self._delay_s, self._transport.write, _answer(path))
            else:
                self._transport.write(_answer(path))


@cache
def _answer(path: bytes) -> bytes:
    if path == b"/api/health/status":
        return _reply(b"200 OK", b"application/json", b'{"status": "healthy", "database": "ok"}')
    if path == b"/static/app.js":
        return _reply(b"200 OK", b"text/javascript", b"document.title += '!';\n" * 50)
    if path in (b"/", b"/login") or path.startswith(b"/page/"):
        return _reply(b"200 OK", b"text/html; charset=utf-8", _page(path.strip(b"/").translate(_LETTERS) or b"home"))
    return _reply(b"404 Not Found", b"text/html; charset=utf-8", _page(b"not found"))


def _page(name: bytes) -> bytes:
    """A page that has no other one's words (words with digits are alike), of some two kilobytes."""
    words = b" ".join(b"%s-%s" % (name, word) for word in (b"one", b"two", b"three", b"four", b"five", b"six") * 20)
    links = b'<nav><a href="/">home</a> <a href="/login">sign in</a></nav>'
    return b"<!doctype html><title>%s</title>%s<main><h1>%s</h1><p>%s</p></main>" % (name, links, name, words)


def _reply(status: bytes, media_type: bytes, body: bytes) -> bytes:
    head = (b"HTTP/1.1 ", status, b"\r\ncontent-type: ", media_type, b"\r\ncontent-length: %d\r\n\r\n" % len(body))
    return b"".join((*head, body))


async def _serve(delays_s: list[float]) -> None:
    loop = asyncio.get_running_loop()
    for delay_s in delays_s:
        connection = partial(_Connection, loop, delay_s, _Tally())
        server = await loop.create_server(connection, "127.0.0.1", 0, backlog=_BACKLOG)
        print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve([float(delay_s) for delay_s in sys.argv[1:]]))
