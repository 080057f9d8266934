"""The client of hand-written tests: an `httpx.Client` that knows its target, keeps to a deadline, and does not write to production."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from weakref import WeakSet

import httpx

from pytest_pagesmoke import recognise
from pytest_pagesmoke.addresses import is_loopback, kind_of
from pytest_pagesmoke.model import Answer, Exchange, Kind, NoAnswer, Observation, Phase, Reason, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.observe.body import ACCEPT_ENCODING, BodyError, BodyTooLarge, read_body
from pytest_pagesmoke.observe.failures import shortened
from pytest_pagesmoke.observe.http import SAFE_METHODS, USER_AGENT, Connections, Way, by_name
from pytest_pagesmoke.redact import MASK, Secrets, without_tokens

T = TypeVar("T")
_PIECE_BYTES: Final = 1024  # of a packed body: what httpx unpacks at once is at most a thousand times that


@dataclass(frozen=True)
class _Call:
    """One call of a client, whatever requests it makes: redirects among them, and those of an `httpx.Auth`."""

    started: float  # time.monotonic()
    timeout_s: float

    @property
    def deadline(self) -> float:
        """On time.monotonic(), which is the event loop's clock, too."""
        return self.started + self.timeout_s


#: How frameworks are told to take a request for one with another method: Express, Rails, Symfony, ASP.NET, Google's APIs.
_OVERRIDING_HEADERS: Final = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
_OVERRIDING_PARAMETER: Final = "_method"

#: In the extensions of a request whose body the test reads itself; those of its redirects inherit it, an Auth's own have none.
_STREAM: Final = "pagesmoke.stream"
_CALL: Final[ContextVar[_Call | None]] = ContextVar("pagesmoke.call", default=None)


class WriteRefused(Exception):
    """A request that could change something on production was not sent."""

    __module__ = "pytest_pagesmoke"  # where users have it from, and reports say it is


class TargetClient(httpx.Client):
    """An `httpx.Client` whose base address is its target's.

    The target's headers go to its own origin alone, beside those of the test. One deadline holds for a whole exchange, redirects and
    body included: the target's `timeout_s`, or the largest part of a request's own `timeout`. It raises `httpx.TimeoutException`.
    """

    def __init__(self, target: Target, transport: TargetTransport) -> None:
        self._defaults = transport.defaults
        self._timeout_s = target.manners.timeout_s
        super().__init__(base_url=target.url, timeout=self._timeout_s, transport=transport)

    def __repr__(self) -> str:
        return f"<TargetClient {self.base_url}>"

    @property
    def headers(self) -> httpx.Headers:
        """What goes with each request, unless it has its own."""
        return super().headers

    @headers.setter
    def headers(self, headers: Any) -> None:  # `Any`: whatever httpx makes headers of
        """Headers that are given lie over our defaults, not httpx's: those ask for encodings whose decoders have no bound."""
        given = {**self._defaults, **httpx.Headers(headers)}
        httpx.Client.headers.__set__(self, given)  # type: ignore[attr-defined]  # mypy takes a property for its getter

    def _transport_for_url(self, url: httpx.URL) -> httpx.BaseTransport:  # noqa: ARG002 - httpx's signature
        """Ours for each, and no mock: respx may put one in the place of this method of httpx."""
        return self._transport

    # `Any`: httpx's own parameters, which pass through.
    def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Send a request, as httpx does."""
        parts = request.extensions.get("timeout", self.timeout.as_dict()).values()
        timeout_s = max((part for part in parts if part is not None), default=self._timeout_s)
        request.extensions = {**request.extensions, _STREAM: stream}
        token = _CALL.set(_Call(time.monotonic(), timeout_s))
        try:
            return super().send(request, stream=stream, **options)
        finally:
            _CALL.reset(token)


class TargetTransport(httpx.BaseTransport):
    """Sends the requests of a client one by one, redirects among them: whatever way one takes, it comes through here.

    ``may_write`` tells whether the test that runs now may change something on production; ``protected`` are addresses of
    production targets, which clients of other targets leave alone, too. ``begin`` is called before each exchange, and gives
    what takes note of it: a request that is refused comes to none.
    """

    def __init__(
        self,
        target: Target,
        *,
        background: Background,
        connections: Connections,
        secrets: Secrets,
        may_write: Callable[[], bool],
        protected: Iterable[str],
        begin: Callable[[], Callable[[Exchange], None]],
    ) -> None:
        self._target = target
        self._origin = _origin(httpx.URL(target.url))
        self._background = background
        self._connections = connections
        self._secrets = secrets
        self._may_write = may_write
        self._protected = frozenset(_site(httpx.URL(address)) for address in protected)
        self._open: WeakSet[_Stream] = WeakSet()
        self._begin = begin
        #: What a client sends of itself. Only the encoding whose decoder can be bounded is asked for.
        self.defaults = {
            "accept": "*/*",
            "accept-encoding": ACCEPT_ENCODING,
            "user-agent": target.manners.user_agent or USER_AGENT,
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises WriteRefused, or an exception of httpx whose text says what happened."""
        note = self._begin()
        call = _CALL.get() or _Call(time.monotonic(), self._target.manners.timeout_s)
        body = _body_of(request, call)  # first: it may run code of the test, which could still change the request
        method, address = request.method, request.url.copy_with(userinfo=b"")  # credentials in it became a header
        url = str(address)
        own = self._own(address, request.headers)
        meant = _meant_by(address, [*own.items(), *request.headers.multi_items()])
        self._refuse_writes(method, url, meant=meant, known=self._is_protected(address, request.headers))
        asked_for = request.headers.get("accept-encoding", ACCEPT_ENCODING)
        sending = _Sending(
            self._connections, self._target, call=call, method=method, url=url, body=body, asked_for=asked_for
        )

        def noted(seen: Observation, *, whole: bool = True) -> Observation:
            struck = self._secrets.struck_out(seen)
            if isinstance(struck, NoAnswer):
                struck = replace(struck, text=shortened(struck.text))
            by_httpx = {**self.defaults, "host": address.netloc.decode("ascii")}
            theirs = {n: v for n, v in request.headers.items() if v != by_httpx.get(n) and n not in _HTTPX_OWN}
            exchange = Exchange(
                target=self._target,
                method=method,
                headers=theirs,
                own=tuple(own),
                body_bytes=len(body),
                timeout_s=call.timeout_s,
                seen=struck,
                whole=whole,
            )
            note(exchange)
            return struck

        def wait(waiting: Coroutine[Any, Any, T]) -> T:
            try:
                return self._wait(waiting)
            except _Failed as failed:
                noted(NoAnswer(url=url, reason=failed.reason, text=str(failed), elapsed_s=sending.elapsed_s))
                # Without the chain of causes: it is hundreds of lines in libraries, and the text says it all.
                raise failed.error(shortened(self._secrets.out_of(str(failed))), request=request) from None

        response = wait(sending.begin(lambda: _sent_headers(request, own)))
        headers = response.headers
        redirects = response.status_code in recognise.REDIRECTS and "location" in headers
        stream: httpx.SyncByteStream
        if request.extensions.get(_STREAM) and not redirects:  # httpx reads the body of a redirect whole
            noted(sending.answer(response), whole=False)
            stream = _Stream(sending, response, wait)
            self._open.add(stream)
        else:
            raw, content = wait(sending.read(response))
            struck = noted(sending.answer(response, content))
            if isinstance(struck, Answer) and struck.body != content:
                raw = gzip.compress(struck.body) if raw != content else struck.body
            stream = httpx.ByteStream(raw)
        shown = self._shown(headers)
        if redirects:
            _look_at_location(request, shown["location"])
        reason: bytes = response.extensions["reason_phrase"]
        extensions = {
            "http_version": response.extensions["http_version"],
            "reason_phrase": self._secrets.out_of(reason.decode("latin-1")).encode("latin-1"),
        }
        return httpx.Response(response.status_code, headers=shown, stream=stream, extensions=extensions)

    def close(self) -> None:
        """Let go of the streams that the test left open: the connections are those of the whole run."""
        for stream in [*self._open]:
            stream.close()

    def _refuse_writes(self, method: str, url: str, *, meant: str, known: bool) -> None:
        """Every method is a write but those that HTTP calls safe: what an unknown one does, nobody knows here."""
        if method in SAFE_METHODS and not meant:
            return
        said = f"{method} {without_tokens(self._secrets.out_of(url))}{f' as {meant}' if meant else ''} was not sent: "
        allowed = f"({'/'.join(sorted(SAFE_METHODS))} alone)"
        if self._target.kind is not Kind.PRODUCTION:
            if known:  # no mark allows that: the test was chosen for another target
                raise WriteRefused(
                    f"{said}that is production, which a client of {self._target.name} does not change {allowed}"
                )
        elif not self._may_write():
            raise WriteRefused(
                f"{said}this client does not change production {allowed}. If {self._target.name} is none: "
                f'kind = "preview" in its settings. If the test must: @pytest.mark.pagesmoke(writes=True), and '
                "--pagesmoke-allow-writes on the command line"
            )

    def _is_protected(self, url: httpx.URL, headers: httpx.Headers) -> bool:
        """Whether a request reaches an address of production: by its own, or by its `Host` header, which a CDN goes by."""
        asked = [url]
        named = headers.get("host", "")
        if self._target.kind is not Kind.LOCAL and named:  # a server on this machine is itself, however it is called
            try:
                asked.append(httpx.URL(f"{url.scheme}://{named}"))
            except (httpx.InvalidURL, UnicodeError):
                return True  # what cannot be read may be anything
        return any(_site(each) in self._protected or self._is_pages_production(each) for each in asked)

    def _is_pages_production(self, url: httpx.URL) -> bool:
        """Whether an address is some project's production by its name alone, and not the target that was said to be none."""
        pages = url.host.rstrip(".").endswith(".pages.dev") and kind_of(url.host) is Kind.PRODUCTION
        return pages and _origin(url) != self._origin

    def _own(self, url: httpx.URL, headers: httpx.Headers) -> Mapping[str, str]:
        """The target's own headers that go along: to its own origin, and where the test gives none of its own."""
        if _origin(url) != self._origin:
            return {}
        given = dict(headers)
        return {
            name: value
            for name, value in self._target.headers.items()
            if (lower := name.lower()) == "cookie"  # joined with those of the test
            or (lower != "accept-encoding" and given.get(lower) in (None, self.defaults.get(lower)))
        }

    def _shown(self, headers: httpx.Headers) -> httpx.Headers:
        """The headers of an answer as they came, with every secret struck out."""
        encoding = headers.encoding
        return httpx.Headers([
            (name, self._secrets.out_of(value.decode(encoding)).encode(encoding)) for name, value in headers.raw
        ])  # fmt: skip

    def _wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what is done in the background; it has a deadline."""
        future = self._background.submit(waiting)
        try:
            return future.result()
        except BaseException:  # Ctrl-C among them: nothing may go on behind a test that has ended
            future.cancel()
            raise


def _meant_by(url: httpx.URL, headers: Iterable[tuple[str, str]]) -> str:
    """The method that is no safe one by which a server is asked to go instead of the request's own; empty where none is."""
    asked = [one for name, value in headers if name.lower() in _OVERRIDING_HEADERS for one in value.split(",")]
    asked += url.params.get_list(_OVERRIDING_PARAMETER)
    return next((method for one in asked if (method := one.strip().upper()) and method not in SAFE_METHODS), "")


def _site(url: httpx.URL) -> tuple[bytes, int | None]:
    """What is protected together: a host with and without `www.`, on any port; on this machine each port, however it is called."""
    host, port = _host(url)
    if _is_this_machine(host.decode("ascii")):
        return b"localhost", port
    return host.removeprefix(b"www."), None


def _is_this_machine(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        packed = socket.inet_aton(host)  # takes what a resolver takes: 127.1, 2130706433, 0x7f.1
    except OSError:
        with suppress(ValueError):
            address = ipaddress.IPv6Address(host.strip("[]"))
            mapped = address.ipv4_mapped
            return address.is_loopback or address.is_unspecified or (mapped is not None and mapped.is_loopback)
        return False
    return packed[0] == 127 or packed == bytes(4)


def _body_of(request: httpx.Request, call: _Call) -> bytes:
    """The whole body of a request, which code of the test may make piece by piece: within the deadline, too."""
    if not isinstance(request.stream, httpx.ByteStream):
        assert isinstance(request.stream, httpx.SyncByteStream)  # httpx has refused any other
        pieces = []
        for piece in request.stream:
            pieces.append(piece)
            if time.monotonic() > call.deadline:
                raise httpx.WriteTimeout(
                    f"the body of the request was not made within {call.timeout_s:g} s", request=request
                )
        request.stream = httpx.ByteStream(b"".join(pieces))
    return request.read()


def _host(url: httpx.URL) -> tuple[bytes, int | None]:
    """Who is asked, by either scheme. (httpx spells a name in one way, and leaves out a scheme's own port.)"""
    return url.raw_host.rstrip(b"."), url.port


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, *_host(url)


def _sent_headers(request: httpx.Request, own: Mapping[str, str]) -> httpx.Headers:
    """The target's own headers beside those of the test: added here, no redirect takes them along, and no request shows them."""
    headers = httpx.Headers(request.headers)
    headers.pop("transfer-encoding", None)  # the body is known as a whole
    for name, value in own.items():
        given = headers.get(name, "") if name.lower() == "cookie" else ""
        headers[name] = _joined(value, given) if given else value
    return headers


def _joined(own: str, given: str) -> str:
    """Cookies of the target, and of the test. One that a server set anew is the test's; one that it only gave back was struck out."""
    theirs = [pair.strip() for pair in given.split(";")]
    struck = {pair for pair in theirs if MASK in pair}
    newer = {_cookie_name(pair) for pair in theirs if pair not in struck}
    mine = [pair.strip() for pair in own.split(";") if _cookie_name(pair) not in newer]
    known = {MASK, *map(_cookie_name, mine)}  # all of a pair is struck out where it is all that the target has
    return "; ".join([*mine, *(pair for pair in theirs if pair not in struck or _cookie_name(pair) not in known)])


def _cookie_name(pair: str) -> str:
    return pair.partition("=")[0].strip()


def _look_at_location(request: httpx.Request, location: str) -> None:
    """Say in an exception of httpx what httpx itself says in any: it takes a location apart even where it is not to follow it."""
    try:
        url = httpx.URL(location)
        if url.scheme and not url.host:
            url.copy_with(host=request.url.host)
        request.url.join(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        text = f"the answer redirects to what is no address ({error})"
        raise httpx.RemoteProtocolError(text, request=request) from None


#: What httpx adds by itself to each request.
_HTTPX_OWN: Final = frozenset({"connection", "content-length", "transfer-encoding"})


class _Failed(Exception):
    """An exchange failed; ``error`` is the exception of httpx that says so."""

    def __init__(self, reason: Reason, text: str, error: type[httpx.RequestError]) -> None:
        super().__init__(text)
        self.reason = reason
        self.error = error


class _Sending:
    """One request on its way, in the background."""

    def __init__(
        self,
        connections: Connections,
        target: Target,
        *,
        call: _Call,
        method: str,
        url: str,
        body: bytes,
        asked_for: str,
    ) -> None:
        self._connections = connections
        self._target = target
        self._call = call
        self._method = method
        self._url = url
        self._body = body
        self._asked_for = asked_for  # the encodings
        self._chunks: AsyncIterator[bytes] | None = None
        self._way = Way()

    @property
    def elapsed_s(self) -> float:
        """Since the client was asked, earlier redirects included."""
        return time.monotonic() - self._call.started

    async def begin(self, headers: Callable[[], httpx.Headers]) -> httpx.Response:
        """The head of the answer."""

        async def begun() -> httpx.Response:
            return await self._connections.begin(
                self._target, self._url, headers(), self._way, method=self._method, body=self._body
            )

        return await self._in_time(begun())

    async def read(self, response: httpx.Response) -> tuple[bytes, bytes]:
        """The whole body: as it came, and unpacked. One in an encoding that the test itself asked for stays as it came."""
        return await self._in_time(self._read(response))

    async def _read(self, response: httpx.Response) -> tuple[bytes, bytes]:
        raw = bytearray()
        max_bytes = self._target.manners.max_body_bytes

        async def kept() -> AsyncIterator[bytes]:
            async for chunk in response.aiter_raw():
                raw.extend(chunk)
                if len(raw) > max_bytes:
                    raise BodyTooLarge(f"a body of more than {max_bytes:,} bytes")
                yield chunk

        encoding = response.headers.get("content-encoding", "")
        if self._asked_for != ACCEPT_ENCODING and "gzip" not in encoding.lower():
            encoding = ""
        try:
            content = await read_body(kept(), encoding=encoding, max_bytes=max_bytes)
        finally:
            await response.aclose()
        return bytes(raw), content

    async def chunk(self, response: httpx.Response) -> bytes | None:
        """The next part of the body, as it came; None at its end."""
        chunks = self._chunks = self._chunks or response.aiter_raw()

        async def following() -> bytes | None:
            await asyncio.sleep(0)  # thousands come out of one read with no pause between them: let the deadline in
            return await anext(chunks, None)

        return await self._in_time(following())

    def answer(self, response: httpx.Response, content: bytes = b"") -> Answer:
        """What came, as reports show it."""
        return Answer(
            url=self._url,
            status=response.status_code,
            headers=by_name(response.headers),
            body=content,
            http_version=response.http_version,
            elapsed_s=self.elapsed_s,
            timings_s=self._way.timings_s(),
        )

    async def _in_time(self, waiting: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._call.deadline):
                return await waiting
        except TimeoutError:
            phase = self._way.phase
            text = f"no complete answer within {self._call.timeout_s:g} s ({phase})"
            connected = phase in (Phase.HEADERS, Phase.BODY)
            error = httpx.ReadTimeout if connected else httpx.ConnectTimeout
            raise _Failed(Reason.TIMEOUT, text, error) from None
        except Exception as error:  # noqa: BLE001 - whatever is raised over what a server sent becomes one of httpx's own
            deadline = self._call.deadline
            why = await self._connections.explain(error, self._target, self._url, self._way, deadline=deadline)
            raise _Failed(*why, _error_of(error)) from None


def _error_of(error: Exception) -> type[httpx.RequestError]:
    if isinstance(error, httpx.RequestError):
        return type(error)
    if isinstance(error, BodyError | BodyTooLarge):
        return httpx.DecodingError
    return httpx.NetworkError if isinstance(error, OSError) else httpx.RemoteProtocolError


class _Stream(httpx.SyncByteStream):
    """The body of a streamed response, chunk by chunk, within the deadline of its exchange."""

    def __init__(
        self, sending: _Sending, response: httpx.Response, wait: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        self._sending = sending
        self._response = response
        self._wait = wait  # `Any`: a generic function is none any more once it is kept

    def __iter__(self) -> Iterator[bytes]:
        packed = "content-encoding" in self._response.headers
        while (chunk := self._wait(self._sending.chunk(self._response))) is not None:
            size = _PIECE_BYTES if packed else max(1, len(chunk))
            yield from (chunk[start : start + size] for start in range(0, len(chunk), size))

    def close(self) -> None:
        with suppress(CancelledError):  # the run is over, and all its connections with it
            self._wait(self._response.aclose())
