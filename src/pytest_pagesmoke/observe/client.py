"""The client of hand-written tests: an `httpx.Client` that knows its target, keeps to a deadline, and does not write to production."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Final, TypeVar

import httpx

from pytest_pagesmoke.model import Answer, Exchange, Kind, NoAnswer, Observation, Reason, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.observe.body import ACCEPT_ENCODING, BodyError, BodyTooLarge, read_body
from pytest_pagesmoke.observe.failures import explain
from pytest_pagesmoke.observe.http import SAFE_METHODS, USER_AGENT, Connections, headers_of
from pytest_pagesmoke.redact import Secrets

T = TypeVar("T")
_STARTED: Final = "pagesmoke.started"  # in the extensions of a request, which those of its redirects inherit
_STREAM: Final = "pagesmoke.stream"


class WriteRefused(Exception):
    """A request that could change something on production was not sent."""

    __module__ = "pytest_pagesmoke"  # where users have it from, and reports say it is


class TargetClient(httpx.Client):
    """An `httpx.Client` whose base address is its target's.

    The target's headers go to its own origin alone, beside those of the test. One deadline holds for a whole exchange, redirects and
    body included: the target's `timeout_s`, or the largest part of a request's own `timeout`. It raises `httpx.TimeoutException`.
    """

    def __init__(self, target: Target, transport: TargetTransport) -> None:
        super().__init__(
            base_url=target.url,
            headers=transport.defaults,
            timeout=target.manners.timeout_s,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"<TargetClient {self.base_url}>"

    # `Any`: httpx's own parameters, which pass through.
    def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Send a request, as httpx does."""
        request.extensions = {**request.extensions, _STARTED: time.monotonic(), _STREAM: stream}
        return super().send(request, stream=stream, **options)


class TargetTransport(httpx.BaseTransport):
    """Sends the requests of a client one by one, redirects among them: whatever way one takes, it comes through here.

    ``may_write`` tells whether the test that runs now may change something on production; ``protected`` are addresses of
    production targets, which clients of other targets leave alone, too. ``note`` takes each exchange.
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
        note: Callable[[Exchange], None],
    ) -> None:
        self._target = target
        self._origin = _origin(httpx.URL(target.url))
        self._background = background
        self._connections = connections
        self._secrets = secrets
        self._may_write = may_write
        self._protected = frozenset(_host(httpx.URL(address)) for address in protected)
        self._note = note
        #: What a client sends of itself. Only the encoding whose decoder can be bounded is asked for.
        self.defaults = {
            "accept": "*/*",
            "accept-encoding": ACCEPT_ENCODING,
            "user-agent": target.manners.user_agent or USER_AGENT,
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises WriteRefused, or an exception of httpx whose text says what happened."""
        url = str(request.url.copy_with(userinfo=b""))  # credentials in an address became a header
        self._refuse_writes(request.method, url, known=_host(request.url) in self._protected)
        own = self._target.headers if _origin(request.url) == self._origin else {}
        sending = _Sending(self._connections, self._target, request, url, body=request.read())

        def noted(seen: Observation, *, whole: bool = True) -> Observation:
            struck = self._secrets.struck_out(seen)
            theirs = {n: v for n, v in request.headers.items() if v != self.defaults.get(n) and n not in _HTTPX_OWN}
            exchange = Exchange(
                target=self._target,
                method=request.method,
                headers=theirs,
                own=tuple(own),
                body_bytes=len(sending.body),
                seen=struck,
                whole=whole,
            )
            self._note(exchange)
            return struck

        def wait(waiting: Coroutine[Any, Any, T]) -> T:
            try:
                return self._wait(waiting)
            except _Failed as failed:
                noted(NoAnswer(url=url, reason=failed.reason, text=str(failed), elapsed_s=sending.elapsed_s))
                # Without the chain of causes: it is hundreds of lines in libraries, and the text says it all.
                raise failed.error(self._secrets.out_of(str(failed)), request=request) from None

        response = wait(sending.begin(self._headers(request, own)))
        headers = headers_of(response)
        shown = httpx.Headers([(name, self._secrets.out_of(value)) for name, value in headers.multi_items()])
        stream: httpx.SyncByteStream
        if request.extensions.get(_STREAM, True):
            noted(sending.answer(response), whole=False)
            stream = _Stream(sending, response, wait)
        else:
            raw, content = wait(sending.read(response))
            struck = noted(sending.answer(response, content))
            if isinstance(struck, Answer) and struck.body != content:
                raw = gzip.compress(struck.body) if raw != content else struck.body
            stream = httpx.ByteStream(raw)
        extensions = {name: response.extensions[name] for name in ("http_version", "reason_phrase")}
        return httpx.Response(response.status_code, headers=shown, stream=stream, extensions=extensions)

    def _refuse_writes(self, method: str, url: str, *, known: bool) -> None:
        """Every method is a write but those that HTTP calls safe: what an unknown one does, nobody knows here."""
        production = self._target.kind is Kind.PRODUCTION or known
        if method not in SAFE_METHODS and production and not self._may_write():
            raise WriteRefused(
                f"{method} {url} was not sent: this client does not change production "
                f"({'/'.join(sorted(SAFE_METHODS))} alone). If the test must: "
                "@pytest.mark.pagesmoke(writes=True), and --pagesmoke-allow-writes on the command line"
            )

    def _headers(self, request: httpx.Request, own: Mapping[str, str]) -> httpx.Headers:
        """The target's own headers below those of the test: added here, no redirect takes them along, and no request shows them."""
        headers = httpx.Headers(request.headers)
        headers.pop("transfer-encoding", None)  # the body is known as a whole
        for name, value in own.items():
            given = headers.get(name)
            if name.lower() == "cookie" and given:
                headers[name] = f"{value}; {given}"
            elif name.lower() != "accept-encoding" and given == self.defaults.get(name.lower()):
                headers[name] = value
        return headers

    def _wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what is done in the background; it has a deadline."""
        future = self._background.submit(waiting)
        try:
            return future.result()
        except BaseException:  # Ctrl-C among them: nothing may go on behind a test that has ended
            future.cancel()
            raise


def _host(url: httpx.URL) -> tuple[bytes, int | None]:
    """Who is asked, by either scheme. (httpx spells a name in one way, and leaves out a scheme's own port.)"""
    return url.raw_host.rstrip(b"."), url.port


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, *_host(url)


#: What httpx adds by itself to each request.
_HTTPX_OWN: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})


class _Failed(Exception):
    """An exchange failed; ``error`` is the exception of httpx that says so."""

    def __init__(self, reason: Reason, text: str, error: type[httpx.RequestError]) -> None:
        super().__init__(text)
        self.reason = reason
        self.error = error


class _Sending:
    """One request on its way, in the background."""

    def __init__(
        self, connections: Connections, target: Target, request: httpx.Request, url: str, *, body: bytes
    ) -> None:
        self._connections = connections
        self._target = target
        self._request = request
        self._url = url
        self.body = body
        self._started: float = request.extensions.get(_STARTED, time.monotonic())
        given = [part for part in request.extensions.get("timeout", {}).values() if part is not None]
        self._timeout_s = max(given, default=target.manners.timeout_s)
        self._chunks: AsyncIterator[bytes] | None = None
        self._came = False

    @property
    def elapsed_s(self) -> float:
        """Since the client was asked, earlier redirects included."""
        return time.monotonic() - self._started

    async def begin(self, headers: httpx.Headers) -> httpx.Response:
        """The head of the answer."""
        response = await self._in_time(
            self._connections.begin(self._target, self._url, headers, method=self._request.method, body=self.body)
        )
        self._came = True
        return response

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

        encoding = headers_of(response).get("content-encoding", "")
        if self._request.headers.get("accept-encoding") != ACCEPT_ENCODING and "gzip" not in encoding:
            encoding = ""
        try:
            content = await read_body(kept(), encoding=encoding, max_bytes=max_bytes)
        finally:
            await response.aclose()
        return bytes(raw), content

    async def chunk(self, response: httpx.Response) -> bytes | None:
        """The next part of the body, as it came; None at its end."""
        if self._chunks is None:
            self._chunks = response.aiter_raw()
        return await self._in_time(anext(self._chunks, None))

    def answer(self, response: httpx.Response, content: bytes = b"") -> Answer:
        """What came, as reports show it."""
        return Answer(
            url=self._url,
            status=response.status_code,
            headers=dict(headers_of(response)),
            body=content,
            http_version=response.http_version,
            elapsed_s=self.elapsed_s,
        )

    async def _in_time(self, waiting: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._started + self._timeout_s):  # the loop's clock is time.monotonic
                return await waiting
        except TimeoutError:
            where = (
                "the headers came, the body did not end" if self._came else "waiting for the connection or the headers"
            )
            text = f"no complete answer within {self._timeout_s:g} s ({where})"
            raise _Failed(Reason.TIMEOUT, text, httpx.ReadTimeout if self._came else httpx.ConnectTimeout) from None
        except Exception as error:  # noqa: BLE001 - whatever is raised over what a server sent becomes one of httpx's own
            raise _Failed(*explain(error), _error_of(error)) from None


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
        while (chunk := self._wait(self._sending.chunk(self._response))) is not None:
            yield chunk

    def close(self) -> None:
        with suppress(CancelledError):  # the run is over, and all its connections with it
            self._wait(self._response.aclose())
