"""The kit's HTTP/2 is HTTP/2: a client that knows nothing of it takes what it says, and notices what is wrong."""

from __future__ import annotations

import ssl

import httpx
import pytest

from observe.hostile import Certificates, Hostile
from observe.http2 import Respond, continued, data, headers, offering_http2, sends, serves_http2

OK = [(":status", "200"), ("content-type", "text/plain")]


def ask(hostile: Hostile, certificates: Certificates, respond: Respond) -> list[httpx.Response]:
    """Two answers over one connection."""
    peer = hostile.serve(serves_http2(respond), tls=offering_http2(certificates.good()))
    trust = ssl.create_default_context(cafile=str(certificates.trusted))
    with httpx.Client(http2=True, http1=False, verify=trust, timeout=5, trust_env=False) as client:
        found = [client.get(peer.url) for _ in range(2)]
    assert peer.connections == 1
    return found


@pytest.mark.parametrize(
    "respond",
    [
        sends(headers(OK), data(b"hel"), data(b"lo", "END_STREAM")),
        sends(headers(OK, ends=False), continued([("x-a", "b")]), data(b"hello", "END_STREAM")),
    ],
    ids=["whole head", "continued head"],
)
def test_an_answer(hostile: Hostile, certificates: Certificates, respond: Respond) -> None:
    for response in ask(hostile, certificates, respond):
        assert (response.http_version, response.status_code, response.text) == ("HTTP/2", 200, "hello")


@pytest.mark.parametrize(
    "respond",
    [sends(data(b"a body without a head", "END_STREAM")), sends(headers(OK), continued([("x-a", "b")]))],
    ids=["no head", "continued after its end"],
)
def test_what_is_wrong_is_noticed(hostile: Hostile, certificates: Certificates, respond: Respond) -> None:
    with pytest.raises(httpx.ProtocolError):  # httpcore calls it the client's own fault
        ask(hostile, certificates, respond)
