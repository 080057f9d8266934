"""Asking over HTTP: the only user of httpx."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import truststore

from pytest_pagesmoke import recognise
from pytest_pagesmoke.model import THREAD, Answer, Hop, Kind, NoAnswer, Observation, Phase, Probe, Reason, Target
from pytest_pagesmoke.observe.background import LOOKING_UP
from pytest_pagesmoke.observe.body import ACCEPT_ENCODING, read_body
from pytest_pagesmoke.observe.certificate import Certificate, tells_more, tolerant, with_details
from pytest_pagesmoke.observe.failures import explain
from pytest_pagesmoke.observe.unmocked import unmocked_client
from pytest_pagesmoke.redact import NO_SECRETS, Secrets

#: What changes nothing, and may be sent again: HTTP calls these methods safe (RFC 9110, 9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
USER_AGENT: Final = f"pytest-pagesmoke/{version('pytest-pagesmoke')}"
#: Connections. httpcore looks at each of its pool several times a request: with 64 that takes longer than the network.
_POOL_SIZE: Final = 4
_HTTP2: Final = find_spec("h2") is not None  # the extra
#: A slash and .html can be tidied in at most two steps each way; more is no tidying.
_MAX_HOPS: Final = 4
_CORE: Final = httpx.__name__.replace("httpx", "httpcore")  # of its fork, httpx2, too
_LOGGERS: Final = (httpx.__name__, *(f"{_CORE}.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_HEADERS: Final = "pagesmoke.headers"  # where a response keeps the headers as they came


class _RedirectLoop(Exception):
    """Redirects that only tidy the address, without end."""


class Way:
    """A request's way over the network, as httpcore tells it: how far it came, how long that took, and over which connection."""

    def __init__(self) -> None:
        self._spent_s: dict[Phase, float] = {}
        self._since = time.monotonic()
        self.phase = Phase.CONNECTION
        self.begins()

    def begins(self) -> None:
        """Once more, from the start: sent again, or redirected."""
        self.enter(Phase.CONNECTION)
        self.connected = False  # over one of its own
        self.sent = False
        self.shared = False  # HTTP/2: with other requests at the same time
        self._stream: Any = None

    def enter(self, phase: Phase) -> None:
        """Take note that what now goes on is ``phase``."""
        now = time.monotonic()
        self._spent_s[self.phase] = self._spent_s.get(self.phase, 0.0) + now - self._since
        self._since, self.phase = now, phase

    def timings_s(self) -> dict[str, float]:
        """How many seconds each phase has taken until now, by its name; redirects and repetitions are in it."""
        self.enter(self.phase)
        return {phase.key: self._spent_s[phase] for phase in Phase if phase in self._spent_s}

    async def follow(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of an event of httpcore's trace."""
        if event == "connection.connect_tcp.started":
            self.connected = True
            LOOKING_UP.set(lambda begins: self.enter(Phase.NAME if begins else Phase.CONNECTION))
        elif event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]
        elif event.endswith("start_tls.started"):
            self.enter(Phase.TLS)
        elif event.endswith("start_tls.failed") and self._stream is not None:
            # httpcore closes the connection over an exception, but not when the deadline falls into the handshake.
            await self._stream.aclose()
        elif event.endswith(".send_request_headers.started"):
            self.shared = event.startswith("http2.")
            self.enter(Phase.HEADERS)
        elif event.endswith(".send_request_headers.complete"):
            self.sent = True


class _Met(Exception):
    """A connection stands whose certificate was to be looked at."""


class _Look(Way):
    """A way that ends, before anything is sent, where a certificate shows: whoever has it was not to be trusted."""

    certificate: Certificate

    async def follow(self, event: str, info: Mapping[str, Any]) -> None:
        await super().follow(event, info)
        if event.endswith("start_tls.complete"):
            stream = info["return_value"]
            self.certificate = stream.get_extra_info("ssl_object").getpeercert()
            await stream.aclose()
            raise _Met


@dataclass
class _Progress:
    """Where an exchange is, over redirects that tidy its address."""

    url: str
    way: Way
    attempts: int = 1
    started: float = field(default_factory=time.monotonic)
    hops: list[Hop] = field(default_factory=list)


@dataclass
class _Pool:
    """Connections to one target, and how many exchanges go over them now."""

    client: httpx.AsyncClient
    in_use: int = 0

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The head of the answer; until its body is closed it counts."""
        self.in_use += 1
        try:
            response = await self.client.send(request, stream=True, auth=None)
        except BaseException:  # cancelled at its deadline, too
            self.in_use -= 1
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Counted(response.stream, self)
        return response


class _Counted(httpx.AsyncByteStream):
    """The body of an answer, whose end makes room in its pool."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: _Pool) -> None:
        self._stream = stream
        self._pool: _Pool | None = pool

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        if self._pool is not None:
            self._pool.in_use -= 1
            self._pool = None
        await self._stream.aclose()


class _Quiet(logging.Filter):
    """Keeps what httpx and httpcore log of our own exchanges, headers among it, out of every log; a project's own stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != THREAD


class Connections:
    """Connections to targets, in pools for each; used in one event loop. What the libraries log of them stays out of every log.

    Where they are not ``kept``, each request goes over one of its own: at an uneven edge, to a machine of its own.
    """

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self._quiet = _Quiet()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._quiet)
        self._pools: dict[tuple[str, bool, bool], list[_Pool]] = {}
        self._trusted: dict[tuple[str, bool], ssl.SSLContext] = {}

    async def begin(
        self, target: Target, url: str, headers: httpx.Headers, way: Way, *, method: str = "GET", body: bytes = b""
    ) -> httpx.Response:
        """Send a request, and wait for the head of its answer, whose headers stand in ``headers_of``; ``way`` tells how far it came.

        A connection that has served another request may have been closed, or spoilt, since then: that says nothing of this
        one, which is sent again until it goes over a connection of its own. (Each failure takes one connection out of the pool.)
        What may change something is never sent twice, and so goes over a connection of its own from the beginning.
        """
        pool = self._pool(target, secure=url.startswith("https:"), kept=self._kept and method in SAFE_METHODS)
        again = False
        while True:
            way.begins()
            request = pool.client.build_request(
                method, url, headers=headers, content=body or None, extensions={"trace": way.follow}
            )
            try:
                response = await pool.send(request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                if way.connected or method not in SAFE_METHODS:
                    raise
                # Over HTTP/2 what broke may have been this stream alone, over and over.
                if way.shared and again:
                    raise
                again = way.shared
            else:
                way.enter(Phase.BODY)
                return response

    async def explain(
        self, error: Exception, target: Target, url: str, way: Way, *, deadline: float
    ) -> tuple[Reason, str]:
        """Why an exchange with ``url`` failed; of a certificate with its dates and names, if it shows them until ``deadline``."""
        reason, text = explain(error, sent=way.sent)
        if not tells_more(reason, text):
            return reason, text
        look = _Look()
        client = self._client(target, kept=False, verify=tolerant(target.manners.ca_file))
        try:
            async with asyncio.timeout_at(deadline):
                await client.get(url, extensions={"trace": look.follow})
        except _Met:
            text = with_details(reason, text, look.certificate, now=datetime.now(UTC))
        except Exception:  # noqa: BLE001, S110 - what TLS said is all that is known, then
            pass
        finally:
            await client.aclose()
        return reason, text

    async def close(self) -> None:
        """Close every connection, and let the libraries log again."""
        for pool in itertools.chain.from_iterable(self._pools.values()):
            await pool.client.aclose()
        self._pools.clear()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._quiet)

    def _pool(self, target: Target, *, secure: bool, kept: bool) -> _Pool:
        """The first that is not full, a new one if all are, the emptiest if there are enough."""
        pools = self._pools.setdefault((target.name, secure, kept), [])
        if room := next((pool for pool in pools if pool.in_use < _POOL_SIZE), None):
            return room
        if len(pools) * _POOL_SIZE >= target.manners.concurrency:
            return min(pools, key=lambda pool: pool.in_use)
        pools.append(_Pool(self._client(target, kept=kept, verify=self._trust(target, secure=secure))))
        return pools[-1]

    def _trust(self, target: Target, *, secure: bool) -> ssl.SSLContext:
        """Once for all connections to a target: loading the store costs 30 ms."""
        if (target.name, secure) not in self._trusted:
            context = _trust(target) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._trusted[target.name, secure] = context
        return self._trusted[target.name, secure]

    def _client(self, target: Target, *, kept: bool, verify: ssl.SSLContext) -> httpx.AsyncClient:
        size = min(_POOL_SIZE, target.manners.concurrency)
        client = unmocked_client(
            # No question may depend on which other ones were answered before it.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            event_hooks={"response": [_set_headers_aside]},
            verify=verify,
            http2=kept and _HTTP2,  # whose one connection to a host would be no connection of its own
            timeout=None,  # bounded as a whole by asyncio.timeout, which httpx's time-outs (a read each) are not
            limits=httpx.Limits(max_connections=size, max_keepalive_connections=size if kept else 0),
            trust_env=target.kind is not Kind.LOCAL,  # proxies: never for this machine itself
        )
        for name in ("accept", "accept-encoding", "user-agent"):
            del client.headers[name]  # who asks says what is sent: nothing is asked for that is not in ``headers``
        return client


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
        deadline = asyncio.get_running_loop().time() + timeout_s

        def no_answer(reason: Reason, text: str) -> NoAnswer:
            return NoAnswer(
                url=progress.url,
                reason=reason,
                text=text,
                hops=tuple(progress.hops),
                elapsed_s=time.monotonic() - progress.started,
                timings_s=progress.way.timings_s(),
                attempts=progress.attempts,
            )

        try:
            async with asyncio.timeout_at(deadline):
                try:
                    return await self._exchange(target, probe, progress)
                except Exception as error:
                    broken = (
                        progress.way.phase is not Phase.BODY
                        and explain(error, sent=progress.way.sent)[0] is Reason.RESET
                    )
                    if not (broken and self._retries):
                        raise
                    progress = replace(progress, url=probe.address(target), attempts=2, hops=[])
                    return await self._exchange(target, probe, progress)
        except TimeoutError:
            return no_answer(Reason.TIMEOUT, f"no complete answer within {timeout_s:g} s ({progress.way.phase})")
        except _RedirectLoop as loop:
            return no_answer(Reason.REDIRECT_LOOP, str(loop))
        except Exception as error:  # noqa: BLE001 - whatever is raised over what a server sent is an observation, no crash
            url, way = progress.url, progress.way
            return no_answer(*await self._connections.explain(error, target, url, way, deadline=deadline))

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
                        timings_s=progress.way.timings_s(),
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
    if probe.fresh:
        headers["Cache-Control"] = "no-cache"
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
