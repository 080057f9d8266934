"""A way to the network that no mock reaches: what a project's tests put in the place of httpx's methods answers these tests, and none of our questions.

pytest-httpx, respx and their like change classes of httpx and httpcore, for all threads of the process, and may have done so before
anything here was imported. But a library's module can be run once more, as it was written, and what an object has of its own
goes before what stands in its class.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from types import MethodType, ModuleType
from typing import Any, Final

import httpx

#: Where httpx has its transports.
_TRANSPORTS: Final = f"{httpx.__name__}._transports.default"
#: Passes a request on: that of the transport to that of its pool, that to a connection's.
_PASSES_ON: Final = "handle_async_request"


def unmocked_transport(**options: Any) -> httpx.AsyncHTTPTransport:  # `Any`: what httpx takes
    """An `httpx.AsyncHTTPTransport` whose requests go to whom they are for, directly or through a proxy: no mock answers, sees or counts one."""
    # Whatever stands under this name now, the module that it came from is known.
    transport: httpx.AsyncHTTPTransport = _run_once_more(_TRANSPORTS).AsyncHTTPTransport(**options)
    pool: Any = transport._pool  # noqa: SLF001 - mocks know this name, too
    pool.create_connection = functools.partial(_connection, pool.create_connection)
    _restore(pool)
    return transport


def unmocked_request(
    method: str, url: str, headers: httpx.Headers | None = None, **options: Any
) -> httpx.Request:  # `Any`: as above
    """An `httpx.Request`, whatever stands under that name now.

    It names its host itself: httpx would look at what the name stands for, and refuse one with symbols (`xn--n3h`, ☃), which browsers open.
    """
    asked = httpx.URL(url)
    given = httpx.Headers(headers)
    host = [] if "host" in given else [(b"Host", asked.netloc)]
    request: httpx.Request = _run_once_more(_TRANSPORTS).Request(method, asked, headers=[*host, *given.raw], **options)
    return request


def connections_of(transport: httpx.AsyncHTTPTransport) -> Iterator[Any]:
    """The connections that a transport has now, those to a proxy and what is inside of them, as httpcore has them."""
    for connection in transport._pool.connections:  # noqa: SLF001 - as above
        inner: Any = connection
        while inner is not None:
            yield inner
            inner = vars(inner).get("_connection")


def _connection(create: Any, origin: Any) -> Any:  # `Any`, here and below: httpcore's, which have no common type
    """A connection of a pool, be it by way of a proxy, to which there is one inside."""
    connection = create(origin)
    _restore(connection)
    if (to_proxy := vars(connection).get("_connection")) is not None:
        _restore(to_proxy)
    return connection


def _restore(sender: Any) -> None:
    """Let ``sender`` pass requests on as its library wrote it."""
    written = (vars(_as_written(kind)).get(_PASSES_ON) for kind in type(sender).__mro__)
    vars(sender)[_PASSES_ON] = MethodType(next(filter(None, written)), sender)


@functools.cache
def _as_written(kind: type) -> Any:
    """A class as it stands in its library's code: a copy, whose methods are none but the library's."""
    module = vars(kind)["__init__"].__globals__["__name__"]  # its `__module__` is where it is exported
    return getattr(_run_once_more(module), kind.__name__)


@functools.cache
def _run_once_more(name: str) -> ModuleType:
    """A copy of a module, which nobody can import. It takes a fraction of a millisecond: what it imports is there."""
    spec = importlib.util.find_spec(name)
    assert spec is not None  # it is imported already
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy
