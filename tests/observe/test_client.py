"""The client of hand-written tests: it never writes to production, keeps secrets and deadlines, and else is as httpx is."""

from __future__ import annotations

import asyncio
import copy
import gzip
import io
import itertools
import logging
import re
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

import httpx
import pytest

from observe.hostile import (
    PATIENCE_S,
    Certificates,
    Hostile,
    Script,
    answers,
    answers_and_closes,
    chunked,
    closes_without_an_answer,
    drips,
    gzip_bomb,
    http,
    hung_up,
    never_answers,
    pours,
    read_head,
    resets,
    resets_in_the_middle,
    takes_and_waits,
    wrapped_in_gzip,
)
from observe.recorder import Asked, Recorder
from pytest_pagesmoke.model import Answer, Exchange, Kind, Manners, NoAnswer, Reason, Target
from pytest_pagesmoke.observe import sockets
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.observe.client import TargetClient, TargetTransport, WriteRefused
from pytest_pagesmoke.observe.http import USER_AGENT, Connections
from pytest_pagesmoke.redact import secrets_of

SHORT_S: Final = 0.4  # where the deadline is what must end it
LONG_S: Final = 8.0  # where something else must, long before that
OVERTIME_S: Final = 2.0  # a bound on what must not hang; on an idle machine it is a few milliseconds
MAX_BODY_BYTES: Final = 1_000_000
ENDLESS: Final = 10**12
SAFE: Final = ("GET", "HEAD", "OPTIONS")


class Clients:
    """Makes clients as the plugin does, all with one thread and one set of connections; ``noted`` are their exchanges."""

    def __init__(self) -> None:
        self.noted: list[Exchange] = []
        self.shown: Exchange | None = None  # what a failing test would show
        self._background = Background()
        self._connections = Connections()
        self._background.at_end(self._connections.close)
        self._made: list[TargetClient] = []

    def __call__(
        self,
        url: str,
        *,
        kind: Kind = Kind.PREVIEW,
        headers: Mapping[str, str] | None = None,
        may_write: Callable[[], bool] = lambda: False,
        protected: tuple[str, ...] = (),
        manners: Manners | None = None,
    ) -> TargetClient:
        manners = manners or Manners(timeout_s=LONG_S, max_body_bytes=MAX_BODY_BYTES)
        target = Target(name=str(len(self._made)), url=url, kind=kind, headers=headers or {}, manners=manners)
        transport = TargetTransport(
            target,
            background=self._background,
            connections=self._connections,
            secrets=secrets_of([target]),
            may_write=may_write,
            protected=protected,
            begin=self._begin,
        )
        self._made.append(TargetClient(target, transport))
        return self._made[-1]

    @property
    def last(self) -> Exchange:
        return self.noted[-1]

    def _begin(self) -> Callable[[Exchange], None]:
        self.shown = None

        def note(exchange: Exchange) -> None:
            self.shown = exchange
            self.noted.append(exchange)

        return note

    def stop(self) -> None:
        self._background.stop()

    def close(self) -> None:
        for client in self._made:
            client.close()
        self.stop()
        assert not [thread for thread in threading.enumerate() if thread.name == "pagesmoke"]


@pytest.fixture
def clients(hostile: Hostile) -> Iterator[Clients]:  # noqa: ARG001 - the servers end after what is connected to them
    made = Clients()
    yield made
    made.close()


@pytest.fixture
def record(hostile: Hostile) -> Callable[..., Recorder]:
    """Start a server that takes down what it is asked."""
    return partial(Recorder, hostile)


Record = Callable[..., Recorder]


def manners(timeout_s: float) -> Manners:
    return Manners(timeout_s=timeout_s, max_body_bytes=MAX_BODY_BYTES)


# The guard.

#: A way to send a write with a client; the address is production's.
Way = Callable[[TargetClient, str], object]


class PostsFirst(httpx.Auth):
    """Asks for a token before the request itself, as OAuth does."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield httpx.Request("POST", request.url)
        yield request


class Rewrites(httpx.Auth):
    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.method = "PUT"
        yield request


class PostsAfterwards(httpx.Auth):
    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        request.method = "POST"
        request.headers["x-saw"] = str(response.status_code)
        yield request


class Wavering(httpx.Request):
    """Says GET the first times that it is asked for its method, and then the other one."""

    def __init__(self, method: str, url: str, *, times: int) -> None:
        self._methods = itertools.chain(["GET"] * times, itertools.repeat(method))
        super().__init__(method, url)

    @property
    def method(self) -> str:
        return next(self._methods)

    @method.setter
    def method(self, _: str) -> None:
        pass


def by_hook(client: TargetClient, url: str) -> object:
    client.event_hooks = {"request": [lambda request: setattr(request, "method", "DELETE")]}
    return client.get(url)


def by_auth_of_the_client(client: TargetClient, url: str) -> object:
    client.auth = PostsFirst()
    return client.get(url)


def overridden(client: TargetClient, url: str, name: str) -> object:
    return client.get(url, headers={name: "Delete"})


def by_header_of_the_client(client: TargetClient, url: str) -> object:
    client.headers["x-http-method-override"] = "PATCH"
    return client.get(url)


def by_auth_function(client: TargetClient, url: str) -> object:
    def rewrites(request: httpx.Request) -> httpx.Request:
        request.method = "POST"
        return request

    return client.get(url, auth=rewrites)


def by_hook_of_an_answer(client: TargetClient, url: str) -> object:
    """It is called when the first request has been answered; what it sends itself is one more."""
    client.event_hooks = {"response": [lambda response: sent_on(client, response.request, "POST")]}
    return client.get(url)


def sent_on(client: TargetClient, request: httpx.Request, method: str) -> object:
    client.event_hooks = {}
    return client.request(method, request.url)


def changed(client: TargetClient, url: str, method: str) -> object:
    request = client.build_request("GET", url)
    request.method = method
    return client.send(request)


def with_another_address(client: TargetClient, url: str) -> object:
    request = client.build_request("POST", "http://127.0.0.1:1/")
    request.url = httpx.URL(url)
    return client.send(request)


def while_its_body_is_read(client: TargetClient, url: str) -> object:
    def body() -> Iterator[bytes]:
        request.method = "POST"
        yield b"x"

    request = client.build_request("GET", url, content=body())
    return client.send(request)


def by_base_url(client: TargetClient, url: str) -> object:
    client.base_url = httpx.URL(url)
    return client.post("/")


def requested(client: TargetClient, url: str, method: str) -> object:
    return client.request(method, url)


def streamed(client: TargetClient, url: str, method: str) -> object:
    with client.stream(method, url) as response:
        return response.read()


def in_a_with_block(client: TargetClient, url: str) -> object:
    with client:
        return client.post(url)


def in_a_thread(client: TargetClient, url: str) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(client.post, url).result()


def in_an_event_loop(client: TargetClient, url: str) -> object:
    return asyncio.run(asyncio.to_thread(client.post, url))


def next_request_by_hand(client: TargetClient, url: str) -> object:
    """What httpx would have sent after a redirect, made a write."""
    onward = client.get(f"{url}/moved").next_request
    assert onward is not None
    onward.method = "POST"
    return client.send(onward)


def same_request_again(client: TargetClient, url: str) -> object:
    request = client.get(url).request
    request.method = "PATCH"
    return client.send(request)


def over_tls(url: str) -> str:
    return url.replace("http:", "https:")


def on_host(url: str, host: str) -> str:
    return url.replace("localhost", host)


METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
#: Methods that HTTP does not know, or that write, and spellings that only look like a safe one.
ODD_METHODS: Final = (
    "post", "Delete", "PROPFIND", "PURGE", "QUERY", "TRACE", "CONNECT", "MKCOL", "LINK", "SMOKE", "GETX", "XGET", "GET ",
    " GET", "G\u0415T", "HEAD,POST", "", "*", "GET / HTTP/1.1\r\nhost: a\r\n\r\nPOST",
)  # fmt: skip

WAYS: Final[Mapping[str, Way]] = {
    "post": TargetClient.post,
    "put": TargetClient.put,
    "patch": TargetClient.patch,
    "delete": TargetClient.delete,
    "post a form": lambda client, url: client.post(url, data={"a": "b"}),
    "post a file": lambda client, url: client.post(url, files={"a": b"b"}),
    "post, by path": lambda client, _: client.post("/"),
    "post, with basic auth": lambda client, url: client.post(url, auth=("a", "b")),
    "post, with another Host header": lambda client, url: client.post(url, headers={"host": "preview.example.com"}),
    "post, as a GET that is overridden": lambda client, url: client.post(url, headers={"x-http-method-override": "GET"}),
    **{
        f"get, overridden by {name}": partial(overridden, name=name)
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    },
    "head, overridden by the second of two": lambda client, url: client.head(url, headers={"x-http-method": "GET, PUT"}),
    "get, overridden in the query": lambda client, url: client.get(f"{url}/?a=b&_method=delete"),
    "get, overridden by a header of the client": by_header_of_the_client,
    **{f"request {method!r}": partial(requested, method=method) for method in ODD_METHODS},
    **{f"stream {method}": partial(streamed, method=method) for method in METHODS},
    **{f"method made {method!r} afterwards": partial(changed, method=method) for method in (*METHODS, "post", "get ")},
    "send build_request": lambda client, url: client.send(client.build_request("POST", url)),
    "send Request": lambda client, url: client.send(httpx.Request("POST", url)),
    "send Request, method in bytes": lambda client, url: client.send(httpx.Request(b"POST", url)),  # type: ignore[arg-type]  # what a careless test may do
    "send, streamed": lambda client, url: client.send(httpx.Request("POST", url), stream=True),
    "send, following redirects": lambda client, url: client.send(httpx.Request("PUT", url), follow_redirects=True),
    "send of httpx.Client": lambda client, url: httpx.Client.send(client, httpx.Request("POST", url)),
    "post of httpx.Client": httpx.Client.post,
    "address changed afterwards": with_another_address,
    "changed while its body is read": while_its_body_is_read,
    "event hook": by_hook,
    "auth that posts first": lambda client, url: client.get(url, auth=PostsFirst()),
    "auth of the client that posts first": by_auth_of_the_client,
    "auth that rewrites": lambda client, url: client.get(url, auth=Rewrites()),
    "auth that rewrites, streamed": lambda client, url: client.send(client.build_request("GET", url), auth=Rewrites(), stream=True),
    "auth function": by_auth_function,
    "base address set": by_base_url,
    "by https": lambda client, url: client.post(over_tls(url)),
    "host with a dot at its end": lambda client, url: client.post(on_host(url, "localhost.")),
    "host in capitals": lambda client, url: client.post(on_host(url, "LOCALHOST")),
    "host as a number": lambda client, url: client.post(on_host(url, "127.1")),
    "address with a user": lambda client, url: client.post(on_host(url, "preview.example.com:a@localhost")),
    "copied client": lambda client, url: copy.copy(client).post(url),
    "with client": in_a_with_block,
    "thread": in_a_thread,
    "event loop": in_an_event_loop,
}  # fmt: skip

#: Ways that begin with a question, which production gets.
WAYS_AFTER_A_GET: Final[Mapping[str, Way]] = {
    "next_request, by hand": next_request_by_hand,
    "the same request again": same_request_again,
    "auth that posts afterwards": lambda client, url: client.get(url, auth=PostsAfterwards()),
    "hook of an answer": by_hook_of_an_answer,
}


def production_site(asked: Asked) -> bytes:
    return http(b"", "location: /", status="302 Found") if asked.path == "/moved" else http()


class TestNoWriteReachesProduction:
    @pytest.fixture
    def production(self, record: Record) -> Recorder:
        return record(production_site)

    @pytest.fixture
    def url(self, production: Recorder) -> str:
        return f"http://localhost:{production.port}"  # by name, which can be spelt in more ways than an address

    @pytest.mark.parametrize("way", WAYS)
    def test_by(self, clients: Clients, production: Recorder, url: str, way: str) -> None:
        client = clients(url, kind=Kind.PRODUCTION)
        with pytest.raises(WriteRefused, match="was not sent: this client does not change production"):
            WAYS[way](client, url)
        assert production.asked == []
        assert clients.noted == []

    @pytest.mark.parametrize("way", WAYS_AFTER_A_GET)
    def test_after_a_get_by(self, clients: Clients, production: Recorder, url: str, way: str) -> None:
        client = clients(url, kind=Kind.PRODUCTION)
        with pytest.raises(WriteRefused):
            WAYS_AFTER_A_GET[way](client, url)
        assert production.methods == ["GET"]

    def test_by_a_request_that_wavers(self, clients: Clients, production: Recorder, url: str) -> None:
        """The method is looked at once: what is judged is what is sent."""
        client = clients(url, kind=Kind.PRODUCTION)
        for times in range(8):
            with suppress(WriteRefused):
                client.send(Wavering("POST", url, times=times))
        assert set(production.methods) == {"GET"}

    def test_nor_anybody_else(self, clients: Clients, record: Record, url: str) -> None:
        """An address that its client does not know may be production by another name."""
        elsewhere = record()
        client = clients(url, kind=Kind.PRODUCTION)
        for way in ("post", "send Request", "by https", "stream POST", "event hook"):
            with pytest.raises(WriteRefused):
                WAYS[way](client, elsewhere.url)
        assert elsewhere.asked == []

    @pytest.mark.parametrize("method", [*SAFE, "get", "Head"])
    def test_safe_methods_pass(self, clients: Clients, production: Recorder, url: str, method: str) -> None:
        client = clients(url, kind=Kind.PRODUCTION, protected=(url,))
        assert client.request(method, "/a").status_code == 200
        assert client.send(httpx.Request(method, url)).status_code == 200
        assert streamed(client, f"{url}/b", method) == b""
        assert production.methods == [method.upper()] * 3

    def test_a_safe_method_that_is_overridden_by_a_safe_one_passes(
        self, clients: Clients, production: Recorder, url: str
    ) -> None:
        client = clients(url, kind=Kind.PRODUCTION)
        for method in ("GET", "head", "", "OPTIONS, GET"):
            assert client.get("/?_method=get", headers={"X-HTTP-Method-Override": method}).status_code == 200
        assert production.methods == ["GET"] * 4

    def test_a_header_of_the_settings_overrides_nothing_either(
        self, clients: Clients, production: Recorder, url: str
    ) -> None:
        client = clients(url, kind=Kind.PRODUCTION, headers={"X-Method-Override": "DELETE"})
        with pytest.raises(WriteRefused, match=re.escape(f"GET {url}/ as DELETE was not sent")):
            client.get("/")
        assert production.asked == []

    def test_asking_by_each_name(self, clients: Clients, production: Recorder, url: str) -> None:
        client = clients(url, kind=Kind.PRODUCTION)
        assert (client.get("/").status_code, client.head("/").status_code, client.options("/").status_code) == (
            200,
        ) * 3
        assert client.get("/moved", follow_redirects=True).status_code == 200
        assert production.methods == ["GET", "HEAD", "OPTIONS", "GET", "GET"]

    def test_a_client_goes_on_after_a_refusal(self, clients: Clients, production: Recorder, url: str) -> None:
        client = clients(url, kind=Kind.PRODUCTION)
        with pytest.raises(WriteRefused):
            client.post("/")
        assert client.get("/").status_code == 200
        assert clients.shown is clients.last
        with pytest.raises(WriteRefused):
            client.post("/")
        assert clients.shown is None  # and not the request before it
        assert production.methods == ["GET"]

    def test_what_it_says(self, clients: Clients) -> None:
        client = clients("http://127.0.0.1:1", kind=Kind.PRODUCTION, headers={"Authorization": "s3cret-s3cret"})
        with pytest.raises(WriteRefused) as raised:
            client.delete("/items/7?token=abc&a=s3cret-s3cret")
        assert str(raised.value) == (
            "DELETE http://127.0.0.1:1/items/7?token=***&a=*** was not sent: this client does not change production (GET/HEAD/OPTIONS "
            'alone). If 0 is none: kind = "preview" in its settings. '
            "If the test must: @pytest.mark.pagesmoke(writes=True), and --pagesmoke-allow-writes on the command line"
        )
        assert not isinstance(raised.value, httpx.HTTPError)  # a test that catches those must not hide it


#: Ways that send one write to where they are told to, so that each can be counted where it is free.
FREE: Final[Mapping[str, Way]] = {
    name: WAYS[name]
    for name in (
        "post", "put", "patch", "delete", "post a form", "post a file", "request 'PROPFIND'", "request 'PURGE'",
        "request 'post'", "stream POST", "send build_request", "send Request", "send, streamed", "event hook",
        "method made 'PUT' afterwards", "auth that rewrites", "base address set", "copied client", "thread",
        "address changed afterwards", "changed while its body is read",
    )
}  # fmt: skip


class TestWritesThatAreFree:
    @pytest.mark.parametrize("way", FREE)
    def test_where_the_test_may_write_they_reach_production_once(
        self, clients: Clients, record: Record, way: str
    ) -> None:
        production = record()
        FREE[way](clients(production.url, kind=Kind.PRODUCTION, may_write=lambda: True), production.url)
        assert [method in SAFE for method in production.methods] == [False]

    @pytest.mark.parametrize("kind", [Kind.PREVIEW, Kind.LOCAL])
    @pytest.mark.parametrize("way", FREE)
    def test_elsewhere_they_are_free(self, clients: Clients, record: Record, way: str, kind: Kind) -> None:
        site, production = record(), record()
        FREE[way](clients(site.url, kind=kind, protected=(production.url,)), site.url)
        assert [method in SAFE for method in site.methods] == [False]
        assert production.asked == []

    def test_whether_a_test_may_write_is_asked_each_time(self, clients: Clients, record: Record) -> None:
        """A client of session scope serves tests that may, and tests that may not."""
        production = record()
        allowed = [False]
        client = clients(production.url, kind=Kind.PRODUCTION, may_write=lambda: allowed[0])
        for allowed[0], method in ((False, "POST"), (True, "PUT"), (False, "PATCH")):
            try:
                client.request(method, "/")
            except WriteRefused:
                assert not allowed[0]
        assert production.methods == ["PUT"]


#: How the address of production may be written by a site that redirects there.
SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "as it is": lambda url: url,
    "in capitals": lambda url: on_host(url, "LOCALHOST"),
    "with a dot": lambda url: on_host(url, "localhost."),
    "by https": over_tls,
    "with a user": lambda url: on_host(url, "a:b@localhost"),
    "without a scheme": lambda url: url.removeprefix("http:"),
    "with a path": lambda url: f"{url}/a/../b?c#d",
}


class TestFromAnotherTarget:
    """Clients of targets that may be written to leave production alone, too: a redirect must not do what a test may not."""

    @pytest.fixture
    def production(self, record: Record) -> Recorder:
        return record()

    @pytest.fixture
    def url(self, production: Recorder) -> str:
        return f"http://localhost:{production.port}"

    @pytest.mark.parametrize("kind", [Kind.PREVIEW, Kind.LOCAL])
    @pytest.mark.parametrize("status", [307, 308])
    @pytest.mark.parametrize("spelt", SPELLINGS)
    def test_a_post_is_not_redirected_there(  # noqa: PLR0917 - fixtures and parameters
        self, clients: Clients, record: Record, production: Recorder, url: str, spelt: str, status: int, kind: Kind
    ) -> None:
        site = record(lambda _: http(b"", f"location: {SPELLINGS[spelt](url)}", status=f"{status} Moved"))
        client = clients(site.url, kind=kind, protected=(url,))
        with pytest.raises(WriteRefused, match=r"^POST http"):
            client.post("/a", content=b"x", follow_redirects=True)
        assert (site.methods, production.asked) == (["POST"], [])

    @pytest.mark.parametrize(
        ("method", "status"),
        [
            ("PUT", 301),
            ("PUT", 307),
            ("DELETE", 301),
            ("DELETE", 308),
            ("PATCH", 307),
            ("PURGE", 301),
            ("PROPFIND", 307),
        ],
    )
    def test_nor_is_any_other_method(  # noqa: PLR0917 - fixtures and parameters
        self, clients: Clients, record: Record, production: Recorder, url: str, method: str, status: int
    ) -> None:
        site = record(lambda _: http(b"", f"location: {url}", status=f"{status} Moved"))
        client = clients(site.url, protected=(url,))
        client.follow_redirects = True
        with pytest.raises(WriteRefused):
            client.request(method, "/")
        with pytest.raises(WriteRefused):
            streamed(client, "/", method)
        assert (site.methods, production.asked) == ([method] * 2, [])

    def test_nor_by_way_of_a_third(self, clients: Clients, record: Record, production: Recorder, url: str) -> None:
        third = record(lambda _: http(b"", f"location: {url}", status="308 Moved"))
        site = record(lambda _: http(b"", f"location: {third.url}", status="308 Moved"))
        with pytest.raises(WriteRefused):
            clients(site.url, protected=(url,)).post("/", follow_redirects=True)
        assert (site.methods, third.methods, production.asked) == (["POST"], ["POST"], [])

    def test_nor_by_hand(self, clients: Clients, record: Record, production: Recorder, url: str) -> None:
        site = record(lambda _: http(b"", f"location: {url}", status="307 Moved"))
        client = clients(site.url, protected=(url,))
        onward = client.post("/", content=b"x").next_request
        assert onward is not None
        with pytest.raises(WriteRefused):
            client.send(onward)
        assert production.asked == []

    @pytest.mark.parametrize("way", [way for way in WAYS if way not in ("post, by path", "host as a number")])
    def test_nor_by(self, clients: Clients, record: Record, production: Recorder, url: str, way: str) -> None:
        """(That 127.1 is this machine only its resolver knows; production has a name.)"""
        site = record()
        with pytest.raises(WriteRefused):
            WAYS[way](clients(site.url, protected=(url,)), url)
        assert (site.asked, production.asked) == ([], [])

    @pytest.mark.parametrize("host", ["www.example.com", "WWW.example.com.", "www.example.com:80", "www.example.com:x"])
    def test_nor_by_a_host_header(self, clients: Clients, record: Record, host: str) -> None:
        """All sites of a CDN stand behind the same addresses: which one is asked, this header says."""
        site = record()
        client = clients(site.url, protected=("https://www.example.com",))
        with pytest.raises(WriteRefused):
            client.post("/", headers={"host": host})
        assert site.asked == []
        assert client.post("/", headers={"host": "preview.example.com"}).status_code == 200

    def test_a_local_server_is_itself_however_it_is_called(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url, kind=Kind.LOCAL, protected=("https://www.example.com",))
        client.post("/", headers={"host": "www.example.com"})
        assert [asked.headers["host"] for asked in site.asked] == ["www.example.com"]

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_a_post_that_becomes_a_get_goes_on(
        self, clients: Clients, record: Record, production: Recorder, url: str, status: int
    ) -> None:
        """As after a form on a preview that leads to the site itself."""
        site = record(lambda _: http(b"", f"location: {url}/done", status=f"{status} Moved"))
        client = clients(site.url, protected=(url,))
        assert client.post("/", content=b"x", follow_redirects=True).status_code == 200
        assert [(asked.method, asked.path, asked.body) for asked in production.asked] == [("GET", "/done", b"")]

    def test_a_target_that_is_production_by_address(self, clients: Clients, production: Recorder, url: str) -> None:
        """A setting that calls it a preview does not make it one."""
        with pytest.raises(WriteRefused):
            clients(url, kind=Kind.PREVIEW, protected=(f"{url}/app",)).post("/")
        assert production.asked == []

    def test_another_port_is_another_site(self, clients: Clients, record: Record, url: str) -> None:
        site = record()
        assert (
            clients(site.url, kind=Kind.LOCAL, protected=(url,)).post(f"http://localhost:{site.port}").status_code
            == 200
        )


# Headers.

TOKEN: Final = {"CF-Access-Client-Secret": "s3cret-s3cret"}


class TestHeaders:
    def test_of_the_target_go_to_its_own_origin(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url, headers=TOKEN)
        client.get("/")
        client.post("/", content=b"x")
        client.send(httpx.Request("GET", site.url))
        streamed(client, "/", "GET")
        assert [asked.headers["cf-access-client-secret"] for asked in site.asked] == ["s3cret-s3cret"] * 4

    def test_go_nowhere_else(self, clients: Clients, record: Record) -> None:
        site, other_port = record(), record()
        client = clients(site.url, headers={**TOKEN, "Cookie": "session=s3cret-s3cret"})
        client.get(other_port.url)  # another port
        client.get(f"http://localhost:{site.port}")  # another host
        for asked in (*site.asked, *other_port.asked):
            assert "s3cret" not in repr(asked)
        assert len(site.asked) == len(other_port.asked) == 1

    def test_nor_to_another_scheme(self, clients: Clients, hostile: Hostile, certificates: Certificates) -> None:
        """The same host and port by http and https: the server takes down whatever it is sent."""
        heads: list[str] = []

        def script(connection: socket.socket) -> None:
            heads.append(read_head(connection))
            connection.sendall(http())

        secure = hostile.serve(script, tls=certificates.good())
        plain = hostile.serve(script)
        ours = Manners(timeout_s=LONG_S, ca_file=str(certificates.trusted))
        clients(plain.url.replace("http:", "https:"), headers=TOKEN, manners=ours).get(plain.url)
        clients(secure.url.replace("https:", "http:"), headers=TOKEN, manners=ours).get(secure.url)
        assert (len(heads), "s3cret" in repr(heads)) == (2, False)

    def test_do_not_go_along_with_a_redirect(self, clients: Clients, record: Record) -> None:
        elsewhere = record()
        site = record(
            lambda asked: http(b"", f"location: {'/b' if asked.path == '/a' else elsewhere.url}", status="302 Found")
        )
        response = clients(site.url, headers=TOKEN).get("/a", follow_redirects=True)
        assert [asked.headers["cf-access-client-secret"] for asked in site.asked] == ["s3cret-s3cret"] * 2
        assert "s3cret" not in repr(elsewhere.asked)
        assert len(elsewhere.asked) == 1
        for request in (response.request, *(hop.request for hop in response.history)):
            assert "s3cret" not in repr(request.headers.raw)

    def test_come_back_with_a_redirect_that_comes_back(self, clients: Clients, record: Record) -> None:
        replies: dict[str, bytes] = {}
        site = record(lambda asked: replies[asked.path])
        elsewhere = record(lambda _: http(b"", f"location: {site.url}/b", status="302 Found"))
        replies.update({"/a": http(b"", f"location: {elsewhere.url}", status="302 Found"), "/b": http(b"home")})
        assert clients(site.url, headers=TOKEN).get("/a", follow_redirects=True).text == "home"
        assert ["cf-access-client-secret" in asked.headers for asked in (*site.asked, *elsewhere.asked)] == [
            True,
            True,
            False,
        ]

    @pytest.mark.parametrize("name", ["CF-Access-Client-Secret", "cf-access-client-secret"])
    def test_a_test_s_own_wins(self, clients: Clients, record: Record, name: str) -> None:
        site = record()
        client = clients(site.url, headers=TOKEN)
        client.get("/", headers={name: "wrong"})
        client.headers[name] = "for all"
        client.get("/")
        own = [[value for key, value in asked.lines if key == "cf-access-client-secret"] for asked in site.asked]
        assert own == [["wrong"], ["for all"]]

    def test_basic_auth_of_the_test_wins(self, clients: Clients, record: Record) -> None:
        site = record()
        clients(site.url, headers={"Authorization": "Bearer s3cret"}).get("/", auth=("a", "b"))
        clients(site.url, headers={"Authorization": "Bearer s3cret"}).get(
            on_host(f"http://localhost:{site.port}", "a:b@localhost")
        )
        assert [asked.headers["authorization"] for asked in site.asked] == ["Basic YTpi"] * 2

    def test_what_a_client_says_of_itself(self, clients: Clients, record: Record) -> None:
        site = record()
        clients(site.url).get("/")
        assert site.asked[0].headers == {
            "accept": "*/*",
            "accept-encoding": "gzip",
            "connection": "keep-alive",
            "host": f"127.0.0.1:{site.port}",
            "user-agent": USER_AGENT,
        }

    def test_the_target_s_beat_what_a_client_says_of_itself(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url, headers={"user-agent": "mine", "Accept": "a/b", "Accept-Encoding": "br"})
        client.get("/")
        client.get("/", headers={"User-Agent": "the test's", "accept": "c/d"})
        client.send(httpx.Request("GET", site.url))
        said = [(asked.headers["user-agent"], asked.headers["accept"]) for asked in site.asked]
        assert said == [("mine", "a/b"), ("the test's", "c/d"), ("mine", "a/b")]
        # The one encoding whose decoder can be bounded, whatever a target would have.
        assert [asked.headers.get("accept-encoding") for asked in site.asked] == ["gzip", "gzip", None]

    def test_the_settings_user_agent(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url, manners=Manners(user_agent="known/1"))
        client.get("/")
        client.get("/", headers={"user-agent": "other/1"})
        assert [asked.headers["user-agent"] for asked in site.asked] == ["known/1", "other/1"]

    def test_headers_set_on_the_client_lie_over_its_own(self, clients: Clients, record: Record) -> None:
        """httpx puts its own defaults under them, encodings that cannot be bounded among them."""
        site = record()
        client = clients(site.url, headers=TOKEN)
        client.headers = httpx.Headers({"X-A": "a"})
        client.get("/")
        assert {name: site.asked[0].headers[name] for name in ("x-a", "accept-encoding", "user-agent")} == {
            "x-a": "a",
            "accept-encoding": "gzip",
            "user-agent": USER_AGENT,
        }
        assert site.asked[0].headers["cf-access-client-secret"] == "s3cret-s3cret"

    def test_a_request_made_by_hand_goes_as_it_is(self, clients: Clients, record: Record) -> None:
        """Beside the target's headers: nothing that httpx's clients say of themselves."""
        site = record()
        clients(site.url).send(httpx.Request("GET", site.url, headers={"X-A": "a"}))
        assert set(site.asked[0].headers) - {"connection"} == {"host", "x-a"}

    def test_repeated_ones_stay(self, clients: Clients, record: Record) -> None:
        site = record()
        clients(site.url).get("/", headers=[("X-A", "1"), ("X-A", "2")])
        assert [line for line in site.asked[0].lines if line[0] == "x-a"] == [("x-a", "1"), ("x-a", "2")]

    def test_that_cannot_be_sent(self, clients: Clients, record: Record) -> None:
        site = record()
        for name, value in (
            ("Authorization", "s3cret\x0b"),
            ("Authorization", " s3cret"),
            ("Authorization", "s3crét-s3cret"),
            ("X-é", "s3cret"),
            ("X A", "s3cret"),
            ("", "s3cret"),
        ):
            with pytest.raises(httpx.HTTPError) as raised:
                clients(site.url, headers={name: value}).get("/")
            assert " " in str(raised.value)
            assert "s3cr" not in str(raised.value)
        assert site.asked == []

    def test_below_a_path(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(f"{site.url}/app", headers=TOKEN)
        client.get("/a")
        client.get("b?c=d")
        client.get(f"{site.url}/e")
        assert [asked.path for asked in site.asked] == ["/app/a", "/app/b?c=d", "/e"]
        assert all("cf-access-client-secret" in asked.headers for asked in site.asked)

    def test_of_a_host_in_another_script(
        self, clients: Clients, monkeypatch: pytest.MonkeyPatch, record: Record
    ) -> None:
        """Its name stands in IDNA form on the wire; the target is the same by either form."""
        site = record()
        look_up = socket.getaddrinfo
        names: list[object] = []

        def at_home(host: object, *rest: Any, **named: Any) -> Any:
            names.append(host)
            return look_up("127.0.0.1", *rest, **named)

        monkeypatch.setattr(sockets, "getaddrinfo", at_home)
        client = clients(f"http://Bücher.example:{site.port}", kind=Kind.LOCAL, headers=TOKEN)
        client.get("/")
        client.get(f"http://xn--bcher-kva.example:{site.port}/")
        assert {asked.headers["host"] for asked in site.asked} == {f"xn--bcher-kva.example:{site.port}"}
        assert ["cf-access-client-secret" in asked.headers for asked in site.asked] == [True, True]

    def test_a_write_to_it_is_refused_by_either_name(self, clients: Clients) -> None:
        client = clients("http://127.0.0.1:1", protected=("https://bücher.example",))
        for host in ("BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example.", "bücher。example"):
            with pytest.raises(WriteRefused):
                client.post(f"http://{host}/")


def sets_a_cookie(asked: Asked) -> bytes:
    if asked.path == "/login":
        return http(b"", "set-cookie: session=1; Path=/; HttpOnly", "location: /home", status="302 Found")
    return http(asked.headers.get("cookie", "none").encode())


class TestCookies:
    def test_persist_within_a_client_and_not_between_two(self, clients: Clients, record: Record) -> None:
        site = record(sets_a_cookie)
        first, second = clients(site.url), clients(site.url)
        first.post("/login")
        assert (first.get("/").text, second.get("/").text) == ("session=1", "none")
        assert dict(first.cookies) == {"session": "1"}

    def test_go_along_with_redirects(self, clients: Clients, record: Record) -> None:
        site = record(sets_a_cookie)
        response = clients(site.url).post("/login", data={"a": "b"}, follow_redirects=True)
        assert (response.text, response.url.path) == ("session=1", "/home")
        assert [hop.status_code for hop in response.history] == [302]

    def test_of_the_target_are_joined_with_the_client_s(self, clients: Clients, record: Record) -> None:
        site = record(sets_a_cookie)
        client = clients(site.url, headers={"Cookie": "CF_Authorization=s3cret-s3cret"})
        client.get("/login", follow_redirects=True)
        client.cookies.set("a", "b")
        client.get("/")
        own = "CF_Authorization=s3cret-s3cret"
        # In any order: httpx and its fork differ.
        sent = [sorted(asked.headers["cookie"].split("; ")) for asked in site.asked]
        assert sent == [[own], [own, "session=1"], [own, "a=b", "session=1"]]

    def test_of_the_target_are_joined_with_the_test_s(self, clients: Clients, record: Record) -> None:
        site = record(sets_a_cookie)
        client = clients(site.url, headers={"cookie": "a=s3cret-s3cret"})
        assert client.get("/", headers={"Cookie": "b=2"}).text == "***; b=2"
        assert [line for line in site.asked[0].lines if line[0] == "cookie"] == [("cookie", "a=s3cret-s3cret; b=2")]

    @pytest.mark.parametrize(
        "own", ["a=1; session=s3cret-s3cret", "session=s3cret-s3cret", "session=s3cret-s3cret; a=1"]
    )
    def test_one_of_the_target_that_a_server_gives_back_is_sent_once(
        self, clients: Clients, record: Record, own: str
    ) -> None:
        """It is struck out of the answer, and so of the client's jar: what goes to the server must be the cookie itself."""
        site = record(lambda _: http(b"", "set-cookie: session=s3cret-s3cret; Path=/"))
        client = clients(site.url, headers={"Cookie": own})
        client.get("/")
        client.get("/")
        assert [asked.headers["cookie"] for asked in site.asked] == [own] * 2

    def test_one_of_the_target_that_a_server_sets_anew_is_the_new_one(self, clients: Clients, record: Record) -> None:
        site = record(lambda _: http(b"", "set-cookie: session=renewed; Path=/"))
        client = clients(site.url, headers={"Cookie": "a=1; session=s3cret-s3cret"})
        client.get("/")
        client.get("/")
        assert site.asked[1].headers["cookie"] == "a=1; session=renewed"


# Deadlines, and what hostile servers do.

#: Servers that only the deadline can end.
FOR_EVER: Final[Mapping[str, Script]] = {
    "silent": never_answers,
    "drips a header": drips(b"HTTP/1.1 200 OK\r\nx-a: ", b"a"),
    "drips headers": drips(b"HTTP/1.1 200 OK\r\n", b"x-a: a\r\n"),
    "drips interim answers": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "drips a body": drips(http(length=ENDLESS), b"x"),
    "drips chunks": drips(chunked(), b"1\r\nx\r\n"),
    "drips a chunk's extension": drips(chunked() + b"5;", b"x"),
    "drips trailers": drips(chunked() + b"0\r\n", b"x: y\r\n"),
    "pours chunks of a byte": pours(chunked(), itertools.repeat(b"1\r\nx\r\n" * 10_000)),
    "drips gzip": drips(http(b"", "content-encoding: gzip", length=ENDLESS), wrapped_in_gzip(b"x", 1)),
    "half a body": answers(http(b"half", length=1000)),
    "redirect whose body does not end": drips(http(b"", "location: /b", status="302 Found", length=ENDLESS), b"x"),
}

#: Of these, what the test is given the head of.
BODIES_FOR_EVER: Final = FOR_EVER.keys() - {"silent", "drips a header", "drips headers", "drips interim answers"}

#: Servers whose doing is told at once: a pattern of the text, and whether a test that reads piece by piece meets it, too.
AT_ONCE: Final[dict[str, tuple[Script, str, bool]]] = {
    "closes without an answer": (closes_without_an_answer, "the server closed the connection without an answer", True),
    "resets in the middle": (resets_in_the_middle, "the connection broke before the answer was whole", True),
    "half a body, and closes": (answers_and_closes(http(b"half", length=1000)), "the answer is cut off: .*", True),
    "no HTTP": (answers_and_closes(b"220 mail.example.com ESMTP\r\n\r\n"), "the answer is not proper HTTP: .*", True),
    "pours an extension": (pours(chunked() + b"5;", itertools.repeat(b"x" * 65_536)), "the answer is not proper HTTP: .*", True),
    "pours a body": (pours(http(length=ENDLESS), itertools.repeat(b"x" * 65_536)), "a body of more than 1,000,000 bytes", False),
    "gzip bomb": (answers(http(gzip_bomb(), "content-encoding: gzip")), "a body of more than 1,000,000 bytes", False),
    "pours gzip of nothing": (
        pours(http(b"", "content-encoding: gzip", length=ENDLESS), itertools.repeat(wrapped_in_gzip(b"", 1) * 3000)),
        "a body of more than 1,000,000 bytes", False,
    ),
    "gzip bomb, redirecting": (
        answers(http(gzip_bomb(), "content-encoding: gzip", "location: /b", status="302 Found")),
        "a body of more than 1,000,000 bytes", True,
    ),
    "no gzip": (answers(http(b"<p>", "content-encoding: gzip")), r"the gzip body does not unpack \(.*\)", False),
    "gzip cut off": (answers(http(wrapped_in_gzip(b"x" * 99, 1)[:-5], "content-encoding: gzip")), "the gzip body is cut off", False),
    "another encoding": (answers(http(b"\x8b", "content-encoding: br")), "content-encoding 'br', which was not asked for", False),
    "deflate": (answers(http(b"\x8b", "content-encoding: deflate")), "content-encoding 'deflate', which was .*", False),
    "redirects to javascript:": (answers(http(b"", "location: javascript:alert(1)", status="302 Found")), ".*no address.*", True),
    "redirects to an odd name": (answers(http(b"", "location: http://a·b.example.com/", status="302 Found")), ".*no address.*", True),
    "redirects to port 99999": (answers(http(b"", "location: http://127.0.0.1:99999/", status="302 Found")), ".+ .+", True),
    "redirects to itself": (answers(*[http(b"", "location: /", status="302 Found")] * 30), "Exceeded maximum allowed redirects.", True),
}  # fmt: skip
if httpx.__name__ == "httpx":  # its fork looks for a host of this name
    AT_ONCE["redirects to a name that IDNA refuses"] = (
        answers(http(b"", "location: http://xn--zzzz--.example.com/", status="302 Found")),
        ".*no address.*",
        True,
    )


def whole(client: TargetClient, **options: Any) -> object:
    return client.get("/", follow_redirects=True, **options).content


def piecewise(client: TargetClient, **options: Any) -> object:
    with client.stream("GET", "/", follow_redirects=True, **options) as response:
        return sum(len(piece) for piece in response.iter_bytes())


def piecewise_raw(client: TargetClient, **options: Any) -> object:
    with client.stream("GET", "/", follow_redirects=True, **options) as response:
        return sum(len(piece) for piece in response.iter_raw())


READING: Final[Mapping[str, Callable[..., object]]] = {"whole": whole, "streamed": piecewise, "raw": piecewise_raw}


def refused_in_time(ask: Callable[[], object], *, within_s: float) -> httpx.HTTPError:
    """The exception that asking ends with, and what holds for all of them."""
    started = time.monotonic()
    with pytest.raises(httpx.HTTPError) as raised:
        ask()
    assert time.monotonic() - started <= within_s + OVERTIME_S
    assert " " in str(raised.value)  # words, not the name of an exception
    assert isinstance(raised.value, httpx.RequestError)
    assert str(raised.value.request.url).startswith("http://127.0.0.1:")
    assert raised.value.__cause__ is None
    return raised.value


class TestDeadline:
    @pytest.mark.parametrize("reading", READING)
    @pytest.mark.parametrize("name", FOR_EVER)
    def test_ends_what_goes_on_for_ever(self, clients: Clients, hostile: Hostile, name: str, reading: str) -> None:
        client = clients(hostile.serve(FOR_EVER[name]).url, manners=manners(SHORT_S))
        error = refused_in_time(lambda: READING[reading](client), within_s=SHORT_S)
        assert isinstance(error, httpx.ReadTimeout)
        phase = "the headers came, the body did not end" if name in BODIES_FOR_EVER else "waiting for the headers"
        assert str(error) == f"no complete answer within 0.4 s ({phase})"
        assert error.__suppress_context__
        seen = clients.last.seen
        assert isinstance(seen, NoAnswer)
        assert (seen.reason, seen.text) == (Reason.TIMEOUT, str(error))

    @pytest.mark.parametrize(
        ("name", "reading"),
        [
            *((name, "whole") for name in AT_ONCE),
            # Any other body comes piece by piece to a test that reads it so, and is decoded by httpx.
            *((name, "streamed") for name, (_, _, streams_too) in AT_ONCE.items() if streams_too),
        ],
    )
    def test_is_not_waited_for(self, clients: Clients, hostile: Hostile, name: str, reading: str) -> None:
        script, text, _ = AT_ONCE[name]
        client = clients(hostile.serve(script).url)
        error = refused_in_time(lambda: READING[reading](client), within_s=LONG_S / 2)
        assert re.fullmatch(text, str(error)), str(error)

    def test_ends_a_handshake_that_goes_on_for_ever(self, clients: Clients, hostile: Hostile) -> None:
        client = clients(over_tls(hostile.serve(takes_and_waits).url), manners=manners(SHORT_S))
        with pytest.raises(httpx.ConnectTimeout, match=r"within 0\.4 s \(in the TLS handshake\)"):
            client.get("/")

    def test_holds_over_redirects(self, clients: Clients, hostile: Hostile) -> None:
        """Each hop is well within it; all of them together are not."""
        hops = itertools.count()

        def script(connection: socket.socket) -> None:
            while read_head(connection):
                hung_up(connection, within_s=SHORT_S / 4)
                connection.sendall(http(b"", f"location: /{next(hops)}", status="302 Found"))

        url = hostile.serve(script).url
        for ask in READING.values():
            error = refused_in_time(lambda ask=ask: ask(clients(url, manners=manners(SHORT_S))), within_s=SHORT_S)  # type: ignore[misc]  # a lambda's default
            assert isinstance(error, httpx.TimeoutException)

    def test_holds_over_the_requests_of_an_auth(self, clients: Clients, hostile: Hostile) -> None:
        def script(connection: socket.socket) -> None:
            while read_head(connection):
                hung_up(connection, within_s=SHORT_S / 4)
                connection.sendall(http())

        class AsksAgain(httpx.Auth):
            def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
                for _ in range(20):
                    yield httpx.Request("GET", request.url)

        client = clients(hostile.serve(script).url)
        error = refused_in_time(lambda: client.get("/", auth=AsksAgain(), timeout=SHORT_S), within_s=SHORT_S)
        assert isinstance(error, httpx.TimeoutException)

    @pytest.mark.parametrize(
        "timeout",
        [
            SHORT_S,
            httpx.Timeout(SHORT_S),
            httpx.Timeout(0.01, read=SHORT_S),
            httpx.Timeout(None, connect=SHORT_S),
            (0.1, SHORT_S, 0.1, 0.1),
        ],
        ids=["number", "Timeout", "parts", "one part", "tuple"],
    )
    @pytest.mark.parametrize("reading", ["whole", "streamed"])
    def test_of_a_request_of_its_own(self, clients: Clients, hostile: Hostile, timeout: Any, reading: str) -> None:
        client = clients(hostile.serve(never_answers).url)
        error = refused_in_time(lambda: READING[reading](client, timeout=timeout), within_s=SHORT_S)
        assert "within 0.4 s" in str(error)

    @pytest.mark.parametrize("timeout", [None, httpx.Timeout(None)])
    def test_none_is_the_target_s_own(self, clients: Clients, hostile: Hostile, timeout: Any) -> None:
        client = clients(hostile.serve(never_answers).url, manners=manners(SHORT_S))
        refused_in_time(lambda: client.get("/", timeout=timeout), within_s=SHORT_S)
        client.timeout = httpx.Timeout(None)
        refused_in_time(lambda: client.get("/"), within_s=SHORT_S)

    def test_a_longer_one_of_a_request_holds(self, clients: Clients, hostile: Hostile) -> None:
        def script(connection: socket.socket) -> None:
            read_head(connection)
            hung_up(connection, within_s=0.3)
            connection.sendall(http(b"late"))

        client = clients(hostile.serve(script).url, manners=manners(0.1))
        assert client.get("/", timeout=LONG_S).text == "late"

    def test_set_on_the_client(self, clients: Clients, hostile: Hostile) -> None:
        client = clients(hostile.serve(never_answers).url)
        client.timeout = httpx.Timeout(SHORT_S)
        refused_in_time(lambda: client.get("/"), within_s=SHORT_S)
        refused_in_time(lambda: client.send(httpx.Request("GET", client.base_url)), within_s=SHORT_S)

    def test_holds_for_a_reader_that_takes_its_time(self, clients: Clients, hostile: Hostile) -> None:
        """What is left of the body has come long since; nothing has to be waited for."""
        client = clients(hostile.serve(answers(chunked() + b"1\r\nx\r\n" * 1000)).url)
        with client.stream("GET", "/", timeout=SHORT_S) as response:
            pieces = response.iter_raw()
            assert next(pieces) == b"x"
            threading.Event().wait(SHORT_S)  # until the deadline has passed
            with pytest.raises(httpx.ReadTimeout):
                next(pieces)

    def test_begins_with_each_request(self, clients: Clients, hostile: Hostile) -> None:
        """A request that is sent again has all its time again."""

        def script(connection: socket.socket) -> None:
            while read_head(connection):
                hung_up(connection, within_s=SHORT_S * 0.6)
                connection.sendall(http(b"x"))

        client = clients(hostile.serve(script).url, manners=manners(SHORT_S))
        request = client.build_request("GET", "/")
        assert [client.send(request).text for _ in range(2)] == ["x", "x"]

    @pytest.mark.parametrize("reading", READING)
    def test_a_client_goes_on_after_it(self, clients: Clients, hostile: Hostile, reading: str) -> None:
        def script(connection: socket.socket) -> None:
            while "GET /hang" in (head := read_head(connection)):
                connection.sendall(http(b"half", length=1000))
                hung_up(connection)
                return
            if head:
                connection.sendall(http(b"well"))

        client = clients(hostile.serve(script).url)
        for _ in range(3):
            with pytest.raises(httpx.TimeoutException):
                client.get("/hang", timeout=0.1)
            with pytest.raises(httpx.TimeoutException), client.stream("GET", "/hang", timeout=0.1) as response:
                response.read()
            assert READING[reading](client) in (b"well", 4)

    def test_refused(self, clients: Clients, hostile: Hostile) -> None:
        client = clients(hostile.refuse().url)
        for ask in READING.values():
            error = refused_in_time(partial(ask, client), within_s=LONG_S / 2)
            assert isinstance(error, httpx.ConnectError)
            assert str(error) == "connection refused: nothing listens there"
        exchange = clients.last
        assert isinstance(exchange.seen, NoAnswer)
        assert exchange.seen.reason is Reason.REFUSED

    def test_an_untrusted_certificate(self, clients: Clients, hostile: Hostile, certificates: Certificates) -> None:
        peer = hostile.serve(never_answers, tls=certificates.of_an_unknown_authority())
        ours = Manners(timeout_s=LONG_S, ca_file=str(certificates.trusted))
        with pytest.raises(httpx.ConnectError, match="the certificate's authority is not trusted here"):
            clients(peer.url, manners=ours).get("/")

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "ws://127.0.0.1/", "http:///a"])
    def test_an_address_that_is_none(self, clients: Clients, url: str) -> None:
        client = clients("http://127.0.0.1:1")
        with pytest.raises(httpx.HTTPError, match=r".+ .+"):
            client.send(httpx.Request("GET", url))


def peak_of(ask: Callable[[], object]) -> int:
    """How much memory asking takes at most, in bytes."""
    tracemalloc.start()
    try:
        ask()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestMemory:
    """A bomb of 100 MB, and bodies without end: what is held of them is bounded."""

    BOUND: Final = 12 * MAX_BODY_BYTES

    def test_of_a_bomb(self, clients: Clients, hostile: Hostile) -> None:
        gzip_bomb()
        client = clients(hostile.serve(answers(http(gzip_bomb(), "content-encoding: gzip"))).url)

        def ask() -> None:
            with pytest.raises(httpx.DecodingError):
                client.get("/")

        assert peak_of(ask) < self.BOUND

    def test_of_a_bomb_piece_by_piece(self, clients: Clients, hostile: Hostile) -> None:
        """All of it comes, a little at a time: a decoder that is given all that has arrived unpacks it at once."""
        client = clients(hostile.serve(answers(http(gzip_bomb(), "content-encoding: gzip"))).url)
        sizes: list[object] = []
        assert peak_of(lambda: sizes.append(piecewise(client))) < self.BOUND
        assert sizes == [100 << 20]

    @pytest.mark.parametrize("reading", ["whole", "streamed"])
    def test_of_a_bomb_for_an_auth(self, clients: Clients, hostile: Hostile, reading: str) -> None:
        """A request of its own is no stream of the test's: httpx reads the answer whole."""

        def script(connection: socket.socket) -> None:
            asked = read_head(connection)
            bomb = asked.startswith("POST") or reading == "whole"
            connection.sendall(http(gzip_bomb(), "content-encoding: gzip") if bomb else http(b"x"))

        client = clients(hostile.serve(script).url)

        def ask() -> None:
            with pytest.raises(httpx.DecodingError):
                READING[reading](client, auth=PostsFirst())

        assert peak_of(ask) < self.BOUND

    def test_of_a_body_without_end(self, clients: Clients, hostile: Hostile) -> None:
        script = pours(http(length=ENDLESS), itertools.repeat(b"x" * 65_536))
        client = clients(hostile.serve(script).url, manners=manners(SHORT_S))

        def ask() -> None:
            for read in READING.values():
                with pytest.raises(httpx.HTTPError):
                    read(client)

        assert peak_of(ask) < self.BOUND

    def test_of_a_bomb_in_a_redirect_that_is_streamed(self, clients: Clients, hostile: Hostile) -> None:
        """httpx reads the body of each hop whole."""
        bomb = http(gzip_bomb(), "content-encoding: gzip", "location: /b", status="302 Found")
        client = clients(hostile.serve(answers(bomb)).url)

        def ask() -> None:
            with pytest.raises(httpx.DecodingError):
                piecewise(client)

        assert peak_of(ask) < self.BOUND


class TestStaleConnections:
    """A server that ends its connections without saying so is nobody's fault; a write is sent once, whatever happens."""

    @pytest.fixture(params=["closed", "reset", "garbled", "closed under the next", "reset under the next"])
    def server(self, request: pytest.FixtureRequest, hostile: Hostile) -> tuple[str, list[str]]:
        heads: list[str] = []

        def script(connection: socket.socket) -> None:
            if not (head := read_head(connection)):
                return
            heads.append(head.partition(" ")[0])
            connection.sendall(http(b"x"))
            if request.param.endswith("under the next"):
                read_head(connection)
            if request.param.startswith("reset"):
                resets(connection)
            elif request.param == "garbled":
                connection.sendall(b"garbage\r\n\r\n")

        return hostile.serve(script).url, heads

    def test_asking_never_fails(self, clients: Clients, server: tuple[str, list[str]]) -> None:
        client = clients(server[0])
        assert {client.get("/").text for _ in range(50)} == {"x"}

    def test_each_write_arrives_once(self, clients: Clients, server: tuple[str, list[str]]) -> None:
        url, heads = server
        client = clients(url)
        assert {client.post("/").text for _ in range(50)} == {"x"}
        assert heads == ["POST"] * 50

    def test_writes_between_questions(self, clients: Clients, server: tuple[str, list[str]]) -> None:
        url, heads = server
        client = clients(url)
        for _ in range(10):
            client.get("/")
            client.put("/", content=b"")
        assert heads.count("PUT") == 10

    @pytest.mark.parametrize("script", [closes_without_an_answer, resets_in_the_middle], ids=["closes", "resets"])
    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    def test_a_write_without_an_answer_is_not_sent_again(
        self, clients: Clients, hostile: Hostile, script: Script, method: str
    ) -> None:
        peer = hostile.serve(script)
        client = clients(peer.url)
        with pytest.raises(httpx.HTTPError):
            client.request(method, "/")
        assert peer.connections == 1

    def test_questions_use_one_again_and_writes_do_not(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url)
        for _ in range(5):
            client.get("/")
        assert site.connections == 1
        for _ in range(5):
            client.post("/")
        assert site.connections == 6

    def test_many_at_once(self, clients: Clients, record: Record) -> None:
        site = record(lambda asked: http(asked.path.encode()))
        client = clients(site.url)
        client.get("/")
        with ThreadPoolExecutor(8) as pool:
            said = pool.map(
                lambda number: client.request("POST" if number % 2 else "GET", f"/{number}").text, range(60)
            )
        assert list(said) == [f"/{number}" for number in range(60)]
        assert site.methods.count("POST") == 30


# Bodies: as httpx has them.


def gzipped(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return http(wrapped_in_gzip(body, 1), "Content-Encoding: gzip", *headers, status=status)


#: Answers that a plain client and ours must take alike: each with the method that asks for it.
ANSWERS: Final[Mapping[str, tuple[str, bytes]]] = {
    "text": ("GET", http("Grüße".encode(), "Content-Type: text/plain; charset=utf-8")),
    "text in latin-1": ("GET", http("Grüße".encode("latin-1"), "Content-Type: text/plain; charset=iso-8859-1")),
    "text in a charset that is none": ("GET", http(b"x", "Content-Type: text/plain; charset=nonsense")),
    "text without a charset": ("GET", http("Grüße".encode(), "Content-Type: text/html")),
    "JSON": ("GET", http(b'{"a": 1}', "Content-Type: application/json")),
    "binary": ("GET", http(bytes(range(256)) * 100, "Content-Type: image/png")),
    "empty": ("GET", http()),
    "gzip": ("GET", gzipped(b"hello " * 1000, "Content-Type: text/plain")),
    "gzip of nothing": ("GET", gzipped(b"")),
    "gzip twice, one declared": ("GET", gzipped(wrapped_in_gzip(b"x", 1))),
    "gzip in capitals": ("GET", http(wrapped_in_gzip(b"x", 1), "content-encoding: GZIP")),
    "identity": ("GET", http(b"x", "content-encoding: identity")),
    "chunks": ("GET", chunked() + b"2;a=b\r\nab\r\n1\r\nc\r\n0\r\nx-t: y\r\n\r\n"),
    "gzip in a HEAD": ("HEAD", http(b"", "content-encoding: gzip", length=0)),
    "length in a HEAD": ("HEAD", http(b"", length=1234)),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204 with an encoding": ("GET", b"HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n"),
    "304": ("GET", b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n'),
    "404": ("GET", http(b"gone", status="404 Not Found")),
    "500 with words of its own": ("GET", http(b"", status="500 Oh No")),
    "999": ("GET", http(b"", status="999 What")),
    "no words": ("GET", http(b"", status="200 ")),
    "repeated cookies": ("GET", http(b"", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/; Secure", "set-cookie: c=3")),
    "repeated headers": ("GET", http(b"", "X-A: 1", "x-a: 2", "VARY: a", "vary: b")),
    "header in latin-1": ("GET", http(b"x", "x-a: é", "x-b: b")),
    "header in UTF-8": ("GET", http(b"x", "x-a: " + "é€".encode().decode("latin-1"))),
    "header that is empty": ("GET", http(b"x", "x-a:")),
    "links": ("GET", http(b"", 'Link: <https://example.com/2>; rel="next"')),
    "redirect": ("GET", http(b"moved", "location: /b?c=%20", status="302 Found")),
    "redirect of a write": ("POST", http(b"", "location: https://www.example.com/", status="307 Moved")),
    "redirect in latin-1": ("GET", http(b"", "location: /\u00e9", status="301 Moved")),
    "redirect without a location": ("GET", http(b"", status="302 Found")),
    "multiple choices": ("GET", http(b"choose", "location: /b", status="300 Multiple Choices")),
    "location of what was made": ("POST", http(b"", "location: /items/7", status="201 Created")),
    "interim answers": ("GET", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + http(b"x")),
    "HTTP/1.0": ("GET", b"HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nold"),
}  # fmt: skip


def facts(client: httpx.Client, response: httpx.Response) -> dict[str, object]:
    """Whatever a test can see of an answer."""
    onward = response.next_request
    return {
        "status": response.status_code,
        "reason": response.reason_phrase,
        "headers": response.headers.raw,
        "items": response.headers.multi_items(),
        "cookies": [(cookie.name, cookie.value, cookie.path, cookie.secure) for cookie in response.cookies.jar],
        "jar": sorted(client.cookies.items()),
        "content": response.content,
        "text": response.text,
        "encoding": (response.encoding, response.charset_encoding),
        "version": response.http_version,
        "url": (response.url.scheme, response.url.raw_path),
        "links": response.links,
        "kind": (response.is_success, response.is_redirect, response.has_redirect_location, response.is_error),
        "onward": onward and (onward.method, str(onward.url).replace(f":{response.url.port}", ""), onward.read()),
        "history": [hop.status_code for hop in response.history],
        "downloaded": response.num_bytes_downloaded,
        "closed": (response.is_closed, response.is_stream_consumed),
    }


class TestAsPlainHttpx:
    @pytest.fixture
    def plain(self) -> Iterator[Callable[[str], httpx.Client]]:
        made: list[httpx.Client] = []

        def make(url: str) -> httpx.Client:
            made.append(
                httpx.Client(
                    base_url=url,
                    headers={"accept-encoding": "gzip", "user-agent": USER_AGENT},
                    trust_env=False,
                    verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                )
            )
            return made[-1]

        yield make
        for client in made:
            client.close()

    @pytest.mark.parametrize("name", ANSWERS)
    def test_answers(self, clients: Clients, hostile: Hostile, plain: Callable[[str], httpx.Client], name: str) -> None:
        method, raw = ANSWERS[name]
        url = hostile.serve(answers_and_closes(raw)).url
        ours, theirs = clients(url), plain(url)
        got, wanted = ours.request(method, "/a?b=c"), theirs.request(method, "/a?b=c")
        assert facts(ours, got) == facts(theirs, wanted)
        assert 0 < got.elapsed.total_seconds() < LONG_S
        assert sorted(got.request.headers.multi_items()) == sorted(wanted.request.headers.multi_items())

    @pytest.mark.parametrize("name", ANSWERS)
    def test_answers_streamed(
        self, clients: Clients, hostile: Hostile, plain: Callable[[str], httpx.Client], name: str
    ) -> None:
        method, raw = ANSWERS[name]
        url = hostile.serve(answers_and_closes(raw)).url
        seen = []
        for client in (clients(url), plain(url)):
            with client.stream(method, "/a?b=c") as response:
                text = "".join(response.iter_text())
                seen.append((text, *[part for key, part in facts_of_head(response).items() if key != "closed"]))
            assert response.is_closed
            assert response.elapsed.total_seconds() > 0
        assert seen[0] == seen[1]

    def test_reading_by_each_way(self, clients: Clients, record: Record) -> None:
        site = record(lambda _: gzipped(b"one\ntwo\nthree"))
        client = clients(site.url)
        with client.stream("GET", "/") as response:
            assert list(response.iter_lines()) == ["one", "two", "three"]
        with client.stream("GET", "/") as response:
            assert list(response.iter_bytes(4)) == [b"one\n", b"two\n", b"thre", b"e"]
        with client.stream("GET", "/") as response:
            assert gzip.decompress(b"".join(response.iter_raw())) == b"one\ntwo\nthree"
        with client.stream("GET", "/") as response:
            assert response.read() == b"one\ntwo\nthree"
            assert response.text == "one\ntwo\nthree"
        with client.stream("GET", "/") as response:
            pass
        with pytest.raises(httpx.StreamClosed):
            response.read()
        assert client.get("/").text == "one\ntwo\nthree"

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"content": b""},
            {"content": bytes(range(256)) * 1000},
            {"content": "Grüße"},
            {"content": (part for part in (b"a", b"", b"b"))},
            {"data": {"a": "1", "b": ["2", "ü&="]}},
            {"files": {"f": ("a.bin", io.BytesIO(b"\0\1\2" * 50_000), "application/x-y")}, "data": {"a": "1"}},
            {"json": {"a": [1, None, "ü"]}},
            {"params": {"a": "ü b&", "c": ["1", "2"]}},
            {"content": b"x", "headers": {"content-type": "text/x"}},
            {"headers": {"content-length": "0"}},
            {"cookies": {"a": "b"}},
            {"auth": ("user", "word")},
        ],
        ids=["nothing", "empty", "binary", "text", "generator", "form", "files", "json", "params", "type", "length", "cookies", "auth"],
    )  # fmt: skip
    @pytest.mark.filterwarnings("ignore:Setting per-request cookies:DeprecationWarning")
    @pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT"])
    def test_requests(
        self,
        clients: Clients,
        record: Record,
        plain: Callable[[str], httpx.Client],
        method: str,
        options: Mapping[str, Any],
    ) -> None:
        """What arrives is what a plain client sends."""
        site = record()
        given = dict(options)
        if "files" in given:  # a boundary is random unless it is given
            given["headers"] = {"content-type": "multipart/form-data; boundary=xyz"}
            given["files"] = {"f": ("a.bin", io.BytesIO(b"\0\1\2" * 50_000), "application/x-y")}
        if "content" in given and not isinstance(given["content"], bytes | str):
            given["content"] = (part for part in (b"a", b"", b"b"))
            clients(site.url).request(method, "/a", **given)
            assert (site.asked[0].body, site.asked[0].headers["content-length"]) == (b"ab", "2")
            assert "transfer-encoding" not in site.asked[0].headers
            return
        for client in (clients(site.url), plain(site.url)):
            if "files" in given:
                given["files"]["f"][1].seek(0)
            client.request(method, "/a", **given)
        ours, theirs = site.asked
        assert (ours.method, ours.path, ours.body) == (theirs.method, theirs.path, theirs.body)
        assert sorted(ours.lines) == sorted(theirs.lines)

    def test_a_body_goes_along_with_a_redirect(self, clients: Clients, record: Record) -> None:
        site = record(
            lambda asked: http(b"", "location: /b", status="307 Moved") if asked.path == "/a" else http(asked.body)
        )
        client = clients(site.url)
        assert client.post("/a", json={"a": 1}, follow_redirects=True).json() == {"a": 1}
        # A generator's body is read once, and is there for the second: a plain client raises StreamConsumed.
        assert client.post("/a", content=iter([b"a", b"b"]), follow_redirects=True).text == "ab"

    def test_an_async_body_is_refused_as_ever(self, clients: Clients, record: Record) -> None:
        async def body() -> Any:
            yield b"x"

        with pytest.raises(RuntimeError, match="async"):
            clients(record().url).post("/", content=body())

    def test_an_encoding_that_a_test_asks_for_itself(self, clients: Clients, record: Record) -> None:
        site = record(lambda _: http(b"\x8b\x00\x80x\x03", "content-encoding: br"))
        response = clients(site.url).get("/", headers={"Accept-Encoding": "br"})
        assert response.headers["content-encoding"] == "br"
        assert response.num_bytes_downloaded == 5
        seen = clients.last.seen
        assert isinstance(seen, Answer)
        assert seen.body == b"\x8b\x00\x80x\x03"
        assert site.asked[0].headers["accept-encoding"] == "br"

    @pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
    def test_gzip_that_a_test_asks_for_itself_is_bounded(
        self, clients: Clients, hostile: Hostile, encoding: str
    ) -> None:
        client = clients(hostile.serve(answers(http(gzip_bomb(), f"content-encoding: {encoding}"))).url)
        with pytest.raises(httpx.DecodingError, match="a body of more than"):
            client.get("/", headers={"Accept-Encoding": "gzip, br"})

    def test_an_encoding_that_nobody_asked_for(self, clients: Clients, record: Record) -> None:
        """A request made by hand asks for none: then none may come whose decoder has no bound."""
        site = record(lambda _: http(b"x", "content-encoding: deflate"))
        client = clients(site.url)
        for request in (client.build_request("GET", "/"), httpx.Request("GET", site.url)):
            with pytest.raises(httpx.DecodingError, match="content-encoding 'deflate', which was not asked for"):
                client.send(request)

    def test_raises_for_a_status_as_ever(self, clients: Clients, record: Record) -> None:
        response = clients(record(lambda _: http(b"", status="404 Not Found")).url).get("/")
        with pytest.raises(httpx.HTTPStatusError, match="404 Not Found"):
            response.raise_for_status()

    def test_what_it_is_called(self, clients: Clients) -> None:
        client = clients("http://127.0.0.1:1/app", headers=TOKEN)
        assert repr(client) == "<TargetClient http://127.0.0.1:1/app/>"
        assert isinstance(client, httpx.Client)

    def test_closed_it_says_so(self, clients: Clients) -> None:
        client = clients("http://127.0.0.1:1")
        client.close()
        client.close()
        with pytest.raises(RuntimeError, match="closed"):
            client.get("/")


def facts_of_head(response: httpx.Response) -> dict[str, object]:
    return {
        "status": response.status_code,
        "reason": response.reason_phrase,
        "headers": response.headers.raw,
        "version": response.http_version,
        "cookies": sorted(response.cookies.items()),
        "encoding": response.encoding,
    }


# Secrets.

SECRET: Final = "s3cret-s3cret"


def echoes(asked: Asked) -> bytes:
    said = asked.headers["authorization"].encode()
    headers = [f"x-echo: {asked.headers['authorization']}", f"set-cookie: t={SECRET}", "content-type: text/plain"]
    if asked.path == "/gzip":
        return gzipped(b"you sent " + said, *headers)
    if asked.path == "/moved":
        return http(b"you sent " + said, f"location: /plain?t={SECRET}", *headers, status="302 Found")
    return http(b"you sent " + said, *headers)


class TestSecrets:
    @pytest.mark.parametrize("path", ["/plain", "/gzip", "/moved"])
    def test_are_struck_out_of_what_a_server_gives_back(self, clients: Clients, record: Record, path: str) -> None:
        site = record(echoes)
        response = clients(site.url, headers={"Authorization": f"Bearer {SECRET}"}).get(path)
        assert site.asked[0].headers["authorization"] == f"Bearer {SECRET}"
        assert response.text == "you sent ***"
        assert (response.headers["x-echo"], response.headers["set-cookie"]) == ("***", "t=***")
        shown = (
            response.headers.raw,
            response.request.headers.raw,
            str(response.next_request and response.next_request.url),
        )
        assert SECRET not in repr(shown)
        exchange = clients.last
        assert isinstance(exchange.seen, Answer)
        assert (exchange.seen.text, exchange.seen.headers["x-echo"], exchange.own) == (
            "you sent ***",
            "***",
            ("Authorization",),
        )
        assert SECRET not in repr(exchange)
        assert SECRET not in repr(exchange.seen)

    def test_are_struck_out_of_headers_where_the_body_is_streamed(self, clients: Clients, record: Record) -> None:
        with clients(record(echoes).url, headers={"Authorization": SECRET}).stream("GET", "/") as response:
            assert response.headers["x-echo"] == "***"
        assert SECRET not in repr(clients.last.seen)
        assert not clients.last.whole

    def test_are_struck_out_of_exceptions(self, clients: Clients, hostile: Hostile) -> None:
        """h11 quotes what it cannot read."""
        script = answers_and_closes(f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode())
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            clients(hostile.serve(script).url, headers={"Authorization": SECRET}).get("/")
        assert "***" in str(raised.value)
        assert SECRET not in repr((raised.value, raised.value.__cause__, clients.last.seen))

    def test_are_struck_out_of_a_redirect_that_leads_nowhere(self, clients: Clients, hostile: Hostile) -> None:
        script = answers(http(b"", f"location: javascript:{SECRET}", status="302 Found"))
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            clients(hostile.serve(script).url, headers={"Authorization": SECRET}).get("/")
        assert SECRET not in str(raised.value)

    def test_do_not_come_into_logs(
        self, clients: Clients, record: Record, hostile: Hostile, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            for name in (
                httpx.__name__,
                *(f"{core}{part}" for core in ("httpcore", "httpcore2") for part in ("", ".http11", ".connection")),
                "asyncio",
            ):
                caplog.set_level(logging.DEBUG, name)
            client = clients(record(echoes).url, headers={"Authorization": SECRET, "Cookie": f"a={SECRET}"})
            client.get("/gzip")
            client.post("/", content=b"x")
            with client.stream("GET", "/") as response:
                response.close()
            with pytest.raises(httpx.HTTPError):
                clients(hostile.serve(resets_in_the_middle).url, headers={"Authorization": SECRET}).get("/")
        assert SECRET not in caplog.text
        assert {record.name.partition(".")[0] for record in caplog.records} <= {httpx.__name__, "asyncio"}

    def test_a_project_s_own_httpx_may_log(
        self, clients: Clients, record: Record, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = record()
        clients(site.url).get("/")
        with (
            caplog.at_level(logging.DEBUG),
            httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as own,
        ):
            own.get(site.url)
        assert {"httpcore.http11", "httpcore2.http11"} & {record.name for record in caplog.records}


# What is noted.


class TestNotes:
    def test_an_exchange(self, clients: Clients, record: Record) -> None:
        site = record(lambda _: http(b"made", "x-a: a", status="201 Created"))
        client = clients(site.url, headers={**TOKEN, "Accept-Encoding": "br", "X-B": "b"})
        client.put("/a?b", content=b"12345", headers={"x-b": "mine", "X-C": "c"})
        (exchange,) = clients.noted
        assert (exchange.method, exchange.body_bytes, exchange.whole) == ("PUT", 5, True)
        assert exchange.timeout_s == LONG_S
        assert exchange.headers == {"x-b": "mine", "x-c": "c"}
        assert exchange.own == ("CF-Access-Client-Secret",)  # those that were sent
        assert isinstance(exchange.seen, Answer)
        assert (exchange.seen.url, exchange.seen.status, exchange.seen.body) == (f"{site.url}/a?b", 201, b"made")
        assert exchange.seen.elapsed_s > 0

    def test_what_httpx_adds_is_not_the_test_s(self, clients: Clients, record: Record) -> None:
        site = record()
        client = clients(site.url)
        client.post("/", content=iter([b"x"]))
        client.get("/", headers={"Host": "www.example.com"})
        assert [exchange.headers for exchange in clients.noted] == [{}, {"host": "www.example.com"}]

    def test_each_hop_is_one(self, clients: Clients, record: Record) -> None:
        elsewhere = record()
        site = record(
            lambda asked: http(b"", f"location: {'/b' if asked.path == '/a' else elsewhere.url}", status="302 Found")
        )
        clients(site.url, headers=TOKEN).get("/a", follow_redirects=True)
        assert [(exchange.seen.url, exchange.own) for exchange in clients.noted] == [
            (f"{site.url}/a", ("CF-Access-Client-Secret",)),
            (f"{site.url}/b", ("CF-Access-Client-Secret",)),
            (elsewhere.url, ()),
        ]

    def test_credentials_of_an_address_do_not_stand_in_it(self, clients: Clients, record: Record) -> None:
        site = record()
        clients(site.url).get(f"http://user:word@127.0.0.1:{site.port}/a")
        assert clients.last.seen.url == f"{site.url}/a"
        assert "word" not in repr(clients.last)

    def test_a_stream_that_breaks(self, clients: Clients, hostile: Hostile) -> None:
        client = clients(hostile.serve(resets_in_the_middle).url)
        with pytest.raises(httpx.HTTPError):
            piecewise(client)
        answered, broken = clients.noted
        assert (answered.whole, type(answered.seen), type(broken.seen)) == (False, Answer, NoAnswer)


# The thread behind it.


async def nothing() -> str:
    await asyncio.sleep(0)
    return "done"


class TestBackground:
    def test_after_its_stop_nothing_runs(self) -> None:
        background = Background()
        assert background.submit(nothing()).result(PATIENCE_S) == "done"
        background.stop()
        with pytest.raises(CancelledError):
            background.submit(nothing())

    def test_one_that_never_began_does_not_begin(self) -> None:
        background = Background()
        background.stop()
        with pytest.raises(CancelledError):
            background.submit(nothing())
        assert "pagesmoke" not in [thread.name for thread in threading.enumerate()]

    def test_closes_in_the_order_in_which_it_was_told(self) -> None:
        closed: list[tuple[int, str]] = []

        async def close(number: int) -> None:
            await asyncio.sleep(0)
            closed.append((number, threading.current_thread().name))

        background = Background()
        for number in range(3):
            background.at_end(partial(close, number))
        background.submit(nothing()).result(PATIENCE_S)
        background.stop()
        background.stop()
        assert closed == [(number, "pagesmoke") for number in range(3)]

    def test_what_never_ends_is_cancelled(self) -> None:
        began, ended = threading.Event(), threading.Event()

        async def endless() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        background = Background()
        future: Future[None] = background.submit(endless())
        assert began.wait(PATIENCE_S)
        background.stop()
        assert ended.is_set()
        assert future.cancelled()

    def test_a_client_that_waits_is_let_go(self, clients: Clients, hostile: Hostile) -> None:
        asked = threading.Event()

        def script(connection: socket.socket) -> None:
            read_head(connection)
            asked.set()
            hung_up(connection)

        client = clients(hostile.serve(script).url)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.get, "/")
            assert asked.wait(PATIENCE_S)
            clients.stop()
            with pytest.raises(CancelledError):
                waiting.result(PATIENCE_S)

    def test_a_stream_can_be_closed_after_its_stop(self, clients: Clients, record: Record) -> None:
        client = clients(record(lambda _: http(b"x")).url)
        with client.stream("GET", "/"):
            clients.stop()
        with pytest.raises(CancelledError):
            client.get("/")

    def test_an_exception_comes_out(self) -> None:
        async def fails() -> None:
            raise ValueError("x")

        background = Background()
        with pytest.raises(ValueError, match="x"):
            background.submit(fails()).result(PATIENCE_S)
        background.stop()

    def test_many_threads_begin_one(self) -> None:
        background = Background()
        start = threading.Barrier(8)

        def submit() -> str:
            start.wait(PATIENCE_S)
            return background.submit(nothing()).result(PATIENCE_S)

        with ThreadPoolExecutor(8) as pool:
            assert {future.result() for future in [pool.submit(submit) for _ in range(8)]} == {"done"}
        background.stop()
        assert "pagesmoke" not in [thread.name for thread in threading.enumerate()]
