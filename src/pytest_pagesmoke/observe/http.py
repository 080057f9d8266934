"""Asking over HTTP: the only user of httpx."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import truststore

from pytest_pagesmoke import recognise
from pytest_pagesmoke.model import THREAD, Answer, Hop, Kind, NoAnswer, Observation, Probe, Reason, Target
from pytest_pagesmoke.observe.body import ACCEPT_ENCODING, read_body
from pytest_pagesmoke.observe.failures import explain
from pytest_pagesmoke.observe.unmocked import unmocked_client
from pytest_pagesmoke.redact import NO_SECRETS, Secrets

#: What changes nothing, and may be sent again: HTTP calls these methods safe (RFC 9110, 9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
USER_AGENT: Final = f"pytest-pagesmoke/{version('pytest-pagesmoke')}"
#: A slash and .html can be tidied in at most two steps each way; more is no tidying.
_MAX_HOPS: Final = 4
_LOGGERS: Final = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_HEADERS: Final = "pagesmoke.headers"  # where a response keeps the headers as they came


class _RedirectLoop(Exception):
    """Redirects that only tidy the address, without end."""


class Phase(StrEnum):
    """How far an exchange has come, so that a time-out can say where it stood."""

    CONNECTION = "waiting for the connection"
    HEADERS = "waiting for the headers"
    BODY = "the headers came, the body did not end"


class Way:
    """A request's way over the network, as httpcore tells it: how far it came, and whether over a connection of its own."""

    def __init__(self) -> None:
        self.begins()

    def begins(self) -> None:
        """Once more, from the start: sent again, or redirected."""
        self.connected = False
        self.phase = Phase.CONNECTION
        self._stream: Any = None

    async def follow(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of an event of httpcore's trace."""
        if event == "connection.connect_tcp.started":
            self.connected = True
        elif event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        elif event.endswith("start_tls.failed") and self._stream is not None:
            # httpcore closes the connection over an exception, but not when the deadline falls into the handshake.
            await self._stream.aclose()
        elif event.endswith(".send_request_headers.started"):
            self.phase = Phase.HEADERS


@dataclass
class _Progress:
    """Where an exchange is, over redirects that tidy its address."""

    url: str
    way: Way
    attempts: int = 1
    started: float = field(default_factory=time.monotonic)
    hops: list[Hop] = field(default_factory=list)


class _Quiet(logging.Filter):
    """Keeps what httpx and httpcore log of our own exchanges, headers among it, out of every log; a project's own stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != THREAD


class Connections:
    """Connections to targets, a pool for each; used in one event loop. What the libraries log of them stays out of every log.

    Where they are not ``kept``, each request goes over one of its own: at an uneven edge, to a machine of its own.
    """

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self._quiet = _Quiet()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._quiet)
        self._clients: dict[tuple[str, bool, bool], httpx.AsyncClient] = {}

    async def begin(
        self, target: Target, url: str, headers: httpx.Headers, way: Way, *, method: str = "GET", body: bytes = b""
    ) -> httpx.Response:
        """Send a request, and wait for the head of its answer, whose headers stand in ``headers_of``; ``way`` tells how far it came.

        A connection that has served another request may have been closed, or spoilt, since then: that says nothing of this
        one, which is sent again until it goes over a connection of its own. (Each failure takes one connection out of the pool.)
        What may change something is never sent twice, and so goes over a connection of its own from the beginning.
        """
        client = self._client(target, secure=url.startswith("https:"), kept=self._kept and method in SAFE_METHODS)
        while True:
            way.begins()
            request = client.build_request(
                method, url, headers=headers, content=body or None, extensions={"trace": way.follow}
            )
            try:
                response = await client.send(request, stream=True, auth=None)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                if way.connected or method not in SAFE_METHODS:
                    raise
            else:
                way.phase = Phase.BODY
                return response

    async def close(self) -> None:
        """Close every connection, and let the libraries log again."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._quiet)

    def _client(self, target: Target, *, secure: bool, kept: bool) -> httpx.AsyncClient:
        key = (target.name, secure, kept)
        if key not in self._clients:
            concurrency = target.manners.concurrency
            client = unmocked_client(
                # No question may depend on which other ones were answered before it.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                event_hooks={"response": [_set_headers_aside]},
                verify=_trust(target)
                if secure
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # loading the store costs 30 ms
                timeout=None,  # bounded as a whole by asyncio.timeout, which httpx's time-outs (a read each) are not
                limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency if kept else 0),
                trust_env=target.kind is not Kind.LOCAL,  # proxies: never for this machine itself
            )
            for name in ("accept", "accept-encoding", "user-agent"):
                del client.headers[name]  # who asks says what is sent: nothing is asked for that is not in ``headers``
            self._clients[key] = client
        return self._clients[key]


class HttpObserver:
    """Asks targets, each by its manners. ``secrets`` are struck out of all that comes in.

    A connection that breaks before any answer says little of a site: the question is asked once more. Not so with ``in_rounds``: then
    whoever asks does so again, and wants each question to go over a connection of its own.
    """

    def __init__(self, *, secrets: Secrets = NO_SECRETS, in_rounds: bool = False) -> None:
        self._secrets = secrets
        self._retries = not in_rounds
        self._connections = Connections(kept=not in_rounds)

    async def ask(self, target: Target, probe: Probe) -> Observation:
        """One exchange. Every way to fail is a NoAnswer; only cancellation is raised."""
        return self._secrets.struck_out(await self._ask(target, probe))

    async def _ask(self, target: Target, probe: Probe) -> Observation:
        progress = _Progress(url=probe.address(target), way=Way())
        timeout_s = target.manners.timeout_s

        def no_answer(reason: Reason, text: str) -> NoAnswer:
            return NoAnswer(
                url=progress.url,
                reason=reason,
                text=text,
                hops=tuple(progress.hops),
                elapsed_s=time.monotonic() - progress.started,
                attempts=progress.attempts,
            )

        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await self._exchange(target, probe, progress)
                except Exception as error:
                    broken = progress.way.phase is not Phase.BODY and explain(error)[0] is Reason.RESET
                    if not (broken and self._retries):
                        raise
                    progress = _Progress(url=probe.address(target), way=Way(), attempts=2)
                    return await self._exchange(target, probe, progress)
        except TimeoutError:
            return no_answer(Reason.TIMEOUT, f"no complete answer within {timeout_s:g} s ({progress.way.phase})")
        except _RedirectLoop as loop:
            return no_answer(Reason.REDIRECT_LOOP, str(loop))
        except Exception as error:  # noqa: BLE001 - whatever is raised over what a server sent is an observation, no crash
            return no_answer(*explain(error))

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    async def _exchange(self, target: Target, probe: Probe, progress: _Progress) -> Answer:
        own = {} if probe.as_stranger else target.headers
        visited: list[str] = []
        while True:
            visited.append(progress.url)
            begun = await self._connections.begin(target, progress.url, _request_headers(target, probe), progress.way)
            async with aclosing(begun) as response:
                headers = dict(headers_of(response))
                redirect = headers.get("location", "") if response.status_code in recognise.REDIRECTS else ""
                onward = _tidied(progress.url, redirect) if probe.follow else ""
                if not onward:
                    encoding = headers.get("content-encoding", "")
                    body = await read_body(
                        response.aiter_raw(), encoding=encoding, max_bytes=target.manners.max_body_bytes
                    )
                    return Answer(
                        url=progress.url,
                        status=response.status_code,
                        headers=headers,
                        body=body,
                        hops=tuple(progress.hops),
                        http_version=response.http_version,
                        elapsed_s=time.monotonic() - progress.started,
                        attempts=progress.attempts,
                        sent=frozenset(name.lower() for name in own),
                    )
                progress.hops.append(Hop(status=response.status_code, url=progress.url, location=redirect))
            if onward in visited or len(progress.hops) > _MAX_HOPS:
                raise _RedirectLoop(f"redirects in a circle: {' -> '.join(_path(url) for url in (*visited, onward))}")
            progress.url = onward


async def _set_headers_aside(response: httpx.Response) -> None:
    """Keep the headers as they came. httpx takes a location apart even where it does not follow it, and raises over odd ones."""
    response.extensions[_HEADERS] = httpx.Headers(response.headers)
    response.headers.pop("location", None)


def headers_of(response: httpx.Response) -> httpx.Headers:
    """The headers of a response of `Connections`, as they came."""
    headers: httpx.Headers = response.extensions[_HEADERS]
    return headers


def _request_headers(target: Target, probe: Probe) -> httpx.Headers:
    """The target's own headers go before ours, but for what the question is about, and the encoding: its decoder must be bounded."""
    headers = httpx.Headers({"User-Agent": target.manners.user_agent or USER_AGENT})
    if not probe.as_stranger:
        headers.update(target.headers)
    headers["Accept"] = probe.accept
    headers["Accept-Encoding"] = ACCEPT_ENCODING
    return headers


def _tidied(url: str, redirect: str) -> str:
    """Where a redirect leads that only tidies the address; empty for any other, which is an answer."""
    try:
        onward = urljoin(url, redirect)
    except ValueError:  # "http://[" and the like
        return ""
    return onward if redirect and recognise.only_tidies(url, onward) else ""


def _path(url: str) -> str:
    return urlsplit(url).path or "/"


def _trust(target: Target) -> ssl.SSLContext:
    """Whom to believe: the settings' authorities, else the system's."""
    if not target.manners.ca_file:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=target.manners.ca_file)
    return context
