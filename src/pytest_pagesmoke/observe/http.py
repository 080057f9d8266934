"""Asking over HTTP: the only user of httpx."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from pytest_pagesmoke import __version__, recognise
from pytest_pagesmoke.addresses import credentials_in
from pytest_pagesmoke.model import THREAD, Answer, Hop, Kind, NoAnswer, Observation, Phase, Probe, Reason, Target
from pytest_pagesmoke.observe.background import LOOKING_UP, aside
from pytest_pagesmoke.observe.body import ACCEPT_ENCODING, BodyError, BodyTooLarge, read_body
from pytest_pagesmoke.observe.certificate import Certificate, tells_more, tolerant, with_details
from pytest_pagesmoke.observe.failures import explain, shortened
from pytest_pagesmoke.observe.unmocked import connections_of, unmocked_request, unmocked_transport
from pytest_pagesmoke.redact import NO_SECRETS, Secrets

#: What changes nothing, and may be sent again: HTTP calls these methods safe (RFC 9110, 9.2.1).
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
USER_AGENT: Final = f"pytest-pagesmoke/{__version__}"
_HTTP2: Final = find_spec("h2") is not None  # the extra
#: A slash and .html can be tidied in at most two steps each way; more is no tidying.
_MAX_HOPS: Final = 4
#: To read the environment, of which another thread takes a name away a few times a test.
_TRIES: Final = 10
#: From so many on an answer's headers keep the loop busy for milliseconds.
_MANY_HEADERS: Final = 1000
_CORE: Final = httpx.__name__.replace("httpx", "httpcore")  # of its fork, httpx2, too
_LOGGERS: Final = (
    "hpack.hpack",
    "hpack.table",
    *(f"{_CORE}.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


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
        self.http2 = False
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
        if event.endswith(".connect_tcp.started"):  # the connection's own, or to a proxy
            self.connected = True
            LOOKING_UP.set(lambda begins: self.enter(Phase.NAME if begins else Phase.CONNECTION))
        elif event.endswith(".connect_tcp.complete"):
            self._stream = info["return_value"]
        elif event.endswith("start_tls.started"):
            self.enter(Phase.TLS)
        elif event.endswith("start_tls.failed") and self._stream is not None:
            # httpcore closes the connection over an exception, but not when the deadline falls into the handshake.
            await self._stream.aclose()
        elif event.endswith(".send_request_headers.started"):
            self.http2 = event.startswith("http2.")
            self.enter(Phase.HEADERS)
        elif event.endswith(".send_request_headers.complete"):
            self.sent = True


class _Met(Exception):
    """A connection stands whose certificate was to be looked at."""


class _Look(Way):
    """A way that ends, before anything is sent, where a certificate shows: whoever has it was not to be trusted."""

    certificate: Certificate | None = None

    async def follow(self, event: str, info: Mapping[str, Any]) -> None:
        await super().follow(event, info)
        if event.endswith("start_tls.complete"):
            stream = info["return_value"]
            shown = stream.get_extra_info("ssl_object").getpeercert()
            await stream.aclose()
            self.certificate = shown
            raise _Met


@dataclass
class _Progress:
    """Where an exchange is, over redirects that tidy its address."""

    url: str
    way: Way
    attempts: int = 1
    started: float = field(default_factory=time.monotonic)
    hops: list[Hop] = field(default_factory=list)


class _Slot:
    """A transport for one connection, over which one exchange goes at a time.

    No client of httpx: what one does with cookies, redirects and headers of its own no question has a use for, and it raises over an odd
    `location`. No pool of many: httpcore looks at each connection several times a request, which takes longer than the network. And over
    HTTP/2 what is wrong with one exchange is wrong with all that share its connection.
    """

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._transport = transport
        self.is_free = True
        self.is_open = True

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The head of the answer. The slot is free again when its body has been read to its end, and closed when not."""
        self.is_free = False
        try:
            response = await self._transport.handle_async_request(request)
        except BaseException:  # cancelled at its deadline, too
            await self.close()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, self)
        return response

    def holds_more(self) -> bool:
        """Whether something came behind the answer: httpcore would take it for that to the next question."""
        states = (vars(connection).get("_h11_state") for connection in connections_of(self._transport))
        return any(state is not None and state.trailing_data[0] for state in states)

    async def close(self) -> None:
        self.is_open = False
        await self._transport.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, whose end makes its slot free."""

    def __init__(self, stream: httpx.AsyncByteStream, slot: _Slot) -> None:
        self._stream = stream
        self._slot = slot
        self._is_whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk
        self._is_whole = True

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._is_whole and not self._slot.holds_more():
                self._slot.is_free = True
            else:  # over HTTP/2 the server would go on, and count it among those that it allows at a time
                await self._slot.close()


class _Quiet(logging.Filter):
    """Keeps what the libraries log of our own exchanges, headers among it, out of every log; a project's own stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != THREAD


class Connections:
    """Connections to targets; used in one event loop. What the libraries log of them stays out of every log.

    Where they are not ``kept``, each request goes over one of its own: at an uneven edge, to a machine of its own.
    """

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self._quiet = _Quiet()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._quiet)
        self._slots: dict[tuple[str, str, bool, bool], list[_Slot]] = {}
        self._trusted: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._certificates: dict[tuple[str, str], asyncio.Task[Certificate | None]] = {}
        self._one_by_one = asyncio.Lock()

    async def begin(
        self,
        target: Target,
        url: str,
        headers: httpx.Headers,
        way: Way,
        *,
        method: str = "GET",
        body: bytes = b"",
        http2: bool = False,
    ) -> httpx.Response:
        """Send a request, and wait for the head of its answer; ``way`` tells how far it came.

        A connection that has served another request may have been closed, or spoilt, since then: that says nothing of this
        one, which is sent again until it goes over a connection of its own. (Each failure closes one.) What may change something is
        never sent twice, and so goes over one of its own from the beginning. ``http2``: may be spoken, where the extra is there and the server agrees.
        """
        kept = self._kept and method in SAFE_METHODS
        while True:
            way.begins()
            slot = self._slot(target, url, kept=kept, http2=http2 and kept and _HTTP2)
            follow = functools.partial(self._follow, way)
            request = unmocked_request(method, url, headers=headers, content=body or None, extensions={"trace": follow})
            try:
                response = await slot.send(request)
            except (httpx.ReadError, httpx.WriteError, httpx.ProtocolError):
                if way.connected or not kept:
                    raise
            else:
                way.enter(Phase.BODY)
                return response

    async def _follow(self, way: Way, event: str, info: Mapping[str, Any]) -> None:
        await way.follow(event, info)
        if event == "http11.receive_response_headers.complete" and len(info["return_value"][3]) > _MANY_HEADERS:
            # What the libraries do with thousands takes a while: one answer after the other, and deadlines have their turn in between.
            async with self._one_by_one:
                await asyncio.sleep(0)

    async def explain(
        self, error: Exception, target: Target, url: str, way: Way, *, deadline: float
    ) -> tuple[Reason, str]:
        """Why an exchange with ``url`` failed; of a certificate with its dates and names, if it shows them until ``deadline``."""
        reason, text = explain(error, sent=way.sent)
        proxy = proxy_for(target, url)
        if proxy and not way.sent and not isinstance(error, httpx.ProxyError):
            reason = Reason.UNREACHABLE if reason is Reason.PROTOCOL else reason  # the site has said nothing
            text = f"{text} (by way of the proxy that the environment names)"
        if proxy or not tells_more(reason, text):
            return reason, text
        parts = urlsplit(url)
        known = self._certificates.get((target.name, parts.netloc))
        if known is None:  # one look for all questions to a host
            known = asyncio.create_task(self._certificate(target, url))
            self._certificates[target.name, parts.netloc] = known
        # Where it does not show, or shows dates that Python does not know, what TLS said is all that there is.
        with suppress(TimeoutError, ValueError):
            async with asyncio.timeout_at(deadline):
                if certificate := await asyncio.shield(known):
                    now = datetime.now(UTC)
                    text = with_details(reason, text, certificate, host=parts.hostname or "", now=now)
        return reason, text

    async def _certificate(self, target: Target, url: str) -> Certificate | None:
        """The certificate that is shown there, if it is out of its time or for another name alone; None for any other failure."""
        look = _Look()
        transport = _transport("", kept=False, http2=False, verify=tolerant(target.manners.ca_file))
        request = unmocked_request("GET", url, extensions={"trace": look.follow})
        with suppress(Exception):  # _Met where it shows; which other one does not matter here
            async with asyncio.timeout(target.manners.timeout_s):
                await transport.handle_async_request(request)
        return look.certificate

    async def close(self) -> None:
        """Close every connection, and let the libraries log again."""
        for slot in itertools.chain.from_iterable(self._slots.values()):
            await slot.close()
        self._slots.clear()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._quiet)

    def _slot(self, target: Target, url: str, *, kept: bool, http2: bool) -> _Slot:
        """The first that is free, or a new one. How many there are is up to whoever asks."""
        parts = urlsplit(url)
        key = (target.name, f"{parts.scheme}://{parts.netloc}", kept, http2)
        slots = self._slots[key] = [slot for slot in self._slots.get(key, ()) if slot.is_open]
        free = next((slot for slot in slots if slot.is_free), None)
        if free is None:
            trust = self._trust(target, secure=parts.scheme == "https")
            free = _Slot(_transport(proxy_for(target, url), kept=kept, http2=http2, verify=trust))
            slots.append(free)
        return free

    def _trust(self, target: Target, *, secure: bool) -> ssl.SSLContext:
        """Once for all connections to a target: loading the store costs 30 ms."""
        if (target.name, secure) not in self._trusted:
            context = _trust_of(target) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._trusted[target.name, secure] = context
        return self._trusted[target.name, secure]


def _transport(proxy: str, *, kept: bool, http2: bool, verify: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    """A way to the network, if need be through ``proxy``. Raises httpx.ProxyError where that is none.

    None of httpx's time-outs bounds it, which are for a read each.
    """
    try:
        return unmocked_transport(
            verify=verify,
            http2=http2,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=int(kept)),
            proxy=proxy or None,
        )
    except ImportError as error:  # for SOCKS
        raise httpx.ProxyError(f"the environment names one that cannot be used ({error})") from None
    except (ValueError, httpx.InvalidURL):  # whose words may quote a part of a password
        raise httpx.ProxyError("the environment names one whose address is none") from None


def proxy_for(target: Target, url: str) -> str:
    """The proxy that the environment names for ``url``; empty where there is none. Never for this machine itself."""
    # Python reads the environment name by name, and pytest, in the main thread, takes one of its own away after each step of a test.
    for _ in range(_TRIES - 1):
        with suppress(KeyError):
            return _named_proxy(target, url)
    return _named_proxy(target, url)


def _named_proxy(target: Target, url: str) -> str:
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all", "")
    if not proxy or target.kind is Kind.LOCAL or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


class HttpObserver:
    """Asks targets, each by its manners. ``secrets`` are struck out of all that comes in.

    A connection that breaks before any answer says little of a site: the question is asked once more, and so is what fails over HTTP/2,
    then by HTTP/1.1. Not so with ``in_rounds``: then whoever asks does so again, and wants each question to go over a connection of its own.
    """

    def __init__(self, *, secrets: Secrets = NO_SECRETS, in_rounds: bool = False) -> None:
        self._secrets = secrets
        self._retries = not in_rounds
        self._connections = Connections(kept=not in_rounds)

    async def ask(self, target: Target, probe: Probe) -> Observation:
        """One exchange. Every way to fail is a NoAnswer; only cancellation is raised."""
        seen = await self._ask(target, probe)
        struck = await aside(lambda: self._secrets.struck_out(seen), [seen])
        return replace(struck, text=shortened(struck.text)) if isinstance(struck, NoAnswer) else struck

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
                    return await self._exchange(target, probe, progress, http2=self._retries)
                except Exception as error:
                    way = progress.way
                    told = explain(error, sent=way.sent)
                    # What httpcore and h2 make of HTTP/2 is not always what the site does: a server that goes on over another
                    # connection, for one. So HTTP/1.1 has the last word.
                    over_http2 = way.http2 and not isinstance(error, BodyTooLarge | BodyError | _RedirectLoop)
                    broken = way.phase is not Phase.BODY and told[0] is Reason.RESET
                    if not (self._retries and (over_http2 or broken)):
                        raise
                    progress = replace(progress, url=probe.address(target), attempts=2, hops=[])
                    try:
                        return await self._exchange(target, probe, progress, http2=False)
                    except Exception:
                        if not over_http2:
                            raise
                        return no_answer(*told)
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

    async def _exchange(self, target: Target, probe: Probe, progress: _Progress, *, http2: bool) -> Answer:
        own = {} if probe.as_stranger else target.headers
        visited: list[str] = []
        while True:
            visited.append(progress.url)
            headers = _request_headers(target, probe, progress.url)
            begun = await self._connections.begin(target, progress.url, headers, progress.way, http2=http2)
            async with aclosing(begun) as response:
                answered = by_name(response.headers)
                redirect = answered.get("location", "") if response.status_code in recognise.REDIRECTS else ""
                onward = _tidied(progress.url, redirect) if probe.follow else ""
                if not onward:
                    encoding = answered.get("content-encoding", "")
                    body = await read_body(
                        response.aiter_raw(), encoding=encoding, max_bytes=target.manners.max_body_bytes
                    )
                    return Answer(
                        url=progress.url,
                        status=response.status_code,
                        headers=answered,
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


def _request_headers(target: Target, probe: Probe, url: str) -> httpx.Headers:
    """The target's own headers go before ours, but for what the question is about, and the encoding: its decoder must be bounded."""
    # Servers that speak HTTP/1.0 keep no connection open that is not asked for.
    headers = httpx.Headers({"Connection": "keep-alive", "User-Agent": target.manners.user_agent or USER_AGENT})
    if probe.fresh:
        headers["Cache-Control"] = "no-cache"
    if not probe.as_stranger:
        headers.update(target.headers)
    headers["Accept"] = probe.accept
    headers["Accept-Encoding"] = ACCEPT_ENCODING
    if credentials := credentials_in(urlsplit(url)):  # where a redirect leads that tidies, as curl goes there
        headers["Authorization"] = credentials
    return headers


def by_name(headers: httpx.Headers) -> dict[str, str]:
    """Headers by their names in lower case, those of one name in one. (httpx looks at all of them for each name: seconds for thousands.)"""
    encoding = headers.encoding
    found: dict[str, list[str]] = {}
    for name, value in headers.raw:
        found.setdefault(name.lower().decode(encoding), []).append(value.decode(encoding))
    return {name: ", ".join(values) for name, values in found.items()}


def _tidied(url: str, redirect: str) -> str:
    """Where a redirect leads that only tidies the address; empty for any other, which is an answer."""
    try:
        onward = urljoin(url, redirect)
    except ValueError:  # "http://[" and the like
        return ""
    return onward if redirect and recognise.only_tidies(url, onward) else ""


def _path(url: str) -> str:
    return urlsplit(url).path or "/"


def _trust_of(target: Target) -> ssl.SSLContext:
    """Whom to believe: the settings' authorities, else the system's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()
    if target.manners.ca_file:
        context.load_verify_locations(cafile=target.manners.ca_file)
    elif sys.platform == "linux" and (paths.cafile or (paths.capath and any(Path(paths.capath).iterdir()))):
        context.load_default_certs()  # once: truststore would load them again in each handshake, 20 ms in this loop
    else:
        import truststore  # noqa: PLC0415 - on Linux hardly ever

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False  # as no browser does any more
    return context
