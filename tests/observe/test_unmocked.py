"""Mocks of httpx, as pytest-httpx, respx and vcrpy make them, do not reach what asks. The plugins themselves: tests/plugin/test_beside.py."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from observe.hostile import Certificates, Hostile, answers, http, read_head
from pytest_pagesmoke.model import Answer, Kind, Manners, Probe, Target
from pytest_pagesmoke.observe import unmocked
from pytest_pagesmoke.observe.background import _Loop
from pytest_pagesmoke.observe.http import HttpObserver

#: What they put methods of theirs into.
MOCKED = [
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpcore.AsyncConnectionPool, "handle_async_request"),
    (httpcore.AsyncHTTPProxy, "handle_async_request"),
    (httpcore.AsyncHTTPConnection, "handle_async_request"),
]


@pytest.fixture(autouse=True, params=["imported-first", "mocked-first"])
def seen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the mocks saw. They may stand there before anything of ours is imported."""
    seen: list[str] = []

    def mocked(name: str) -> Any:
        def mock(*_: Any, **__: Any) -> None:
            seen.append(name)
            raise AssertionError(f"{name} is mocked")

        return mock

    memories = (unmocked._as_written, unmocked._run_once_more)
    if request.param == "mocked-first":
        for memory in memories:
            memory.cache_clear()
    for kind, name in MOCKED:
        monkeypatch.setattr(kind, name, mocked(f"{kind.__name__}.{name}"))
    yield seen
    assert seen == []


def body_of(url: str, *, kind: Kind = Kind.PRODUCTION, ca_file: str = "") -> bytes:
    async def ask() -> Any:
        observer = HttpObserver()
        try:
            manners = Manners(timeout_s=10, ca_file=ca_file)
            return await observer.ask(Target(name="site", url=url, kind=kind, manners=manners), Probe(path="/"))
        finally:
            await observer.close()

    with asyncio.Runner(loop_factory=_Loop) as runner:
        seen = runner.run(ask())
    assert isinstance(seen, Answer), seen
    return seen.body


def test_past_a_class_in_the_place_of_httpx_s(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake(httpx.AsyncBaseTransport):
        pass

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", Fake)
    monkeypatch.setattr(httpx, "Request", None)
    monkeypatch.setattr(f"{httpx.__name__}._transports.default.AsyncHTTPTransport", Fake)
    assert body_of(hostile.serve(answers(http(b"by the site"))).url) == b"by the site"


def test_directly(hostile: Hostile) -> None:
    assert body_of(hostile.serve(answers(http(b"by the site"))).url) == b"by the site"


def test_through_a_proxy(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", hostile.serve(answers(http(b"by the proxy"))).url)
    assert body_of("http://www.example.com") == b"by the proxy"


def test_through_a_proxys_tunnel(hostile: Hostile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = certificates.good()

    def script(connection: socket.socket) -> None:
        assert read_head(connection).startswith("CONNECT 127.0.0.1:1 ")
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as tunnel:
            read_head(tunnel)
            tunnel.sendall(http(b"behind the tunnel"))

    monkeypatch.setenv("HTTPS_PROXY", hostile.serve(script).url)
    assert body_of("https://127.0.0.1:1", ca_file=str(certificates.trusted)) == b"behind the tunnel"


def test_past_a_proxy_that_is_not_for_this_host(hostile: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert body_of(hostile.serve(answers(http(b"by the site"))).url) == b"by the site"
