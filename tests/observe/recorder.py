"""A server that takes down what it is asked, whole, and answers as a test says; whatever the method."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from observe.hostile import Hostile, http

#: What a server answers, as it goes over the wire.
Answering = Callable[["Asked"], bytes]


@dataclass(frozen=True)
class Asked:
    """A request as it came. ``lines`` are its headers, with lower-case names, in their order."""

    method: str
    path: str
    lines: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by name; no test here sends one twice unless it looks at ``lines``."""
        return dict(self.lines)


class Recorder:
    """Answers one request after the other on a connection. Without ``answer``: 200, and no body."""

    def __init__(self, hostile: Hostile, answer: Answering | None = None) -> None:
        self.asked: list[Asked] = []
        self._answer = answer or (lambda _: http())
        self._peer = hostile.serve(self._converse)

    @property
    def url(self) -> str:
        return self._peer.url

    @property
    def port(self) -> int:
        return self._peer.port

    @property
    def connections(self) -> int:
        return self._peer.connections

    @property
    def methods(self) -> list[str]:
        return [asked.method for asked in self.asked]

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while start := stream.readline():
                method, path, _ = start.decode("latin-1").split(" ", 2)
                lines = []
                while (line := stream.readline().decode("latin-1").strip()) != "":
                    name, _, value = line.partition(":")
                    lines.append((name.lower(), value.strip()))
                length = int(dict(lines).get("content-length", "0"))
                asked = Asked(method=method, path=path, lines=tuple(lines), body=stream.read(length))
                self.asked.append(asked)
                connection.sendall(self._answer(asked))
