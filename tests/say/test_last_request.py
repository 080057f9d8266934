"""The last request of a hand-written test that failed: what is shown of it, and a command that asks the same."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import httpx
import pytest

from observe.hostile import Hostile, http
from observe.recorder import Asked, Recorder
from pytest_pagesmoke.model import Answer, Exchange, Kind, Manners, NoAnswer, Observation, Reason, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.observe.client import TargetClient, TargetTransport
from pytest_pagesmoke.observe.http import USER_AGENT, Connections
from pytest_pagesmoke.redact import NO_SECRETS
from pytest_pagesmoke.say.failure import last_request

TARGET: Final = Target(
    name="preview", url="https://a.example.pages.dev", kind=Kind.PREVIEW, manners=Manners(timeout_s=2.5)
)
URL: Final = "https://a.example.pages.dev/api/me"
CURL: Final = "curl -sS -i --compressed --max-time 2.5"


def exchange(
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    own: tuple[str, ...] = (),
    body_bytes: int = 0,
    timeout_s: float = 2.5,
    seen: Observation | None = None,
    whole: bool = True,
    target: Target = TARGET,
    url: str = URL,
) -> Exchange:
    return Exchange(
        target=target,
        method=method,
        headers=headers or {},
        own=own,
        body_bytes=body_bytes,
        timeout_s=timeout_s,
        seen=seen or Answer(url=url, status=200, elapsed_s=0.254),
        whole=whole,
    )


def repeat(*args: Any, **named: Any) -> str:
    """The command, which stands in the last line, in one piece."""
    *_, last = last_request(exchange(*args, **named)).split("\n")
    assert last.startswith("  repeat    ")
    return last[12:]


# What is shown.


def test_an_answer() -> None:
    seen = Answer(
        url=URL,
        status=403,
        headers={"server": "cloudflare", "content-type": "application/json", "x-other": "not shown"},
        body=b'\n{"error": "no"}\nmore',
        elapsed_s=0.254,
    )
    assert (
        last_request(exchange(seen=seen))
        == """\
  target    preview
  asked     GET https://a.example.pages.dev/api/me
  got       403
  headers   server: cloudflare
            content-type: application/json
  body      {"error": "no"}
  took      0.25 s
  repeat    curl -sS -i --compressed --max-time 2.5 https://a.example.pages.dev/api/me"""
    )


def test_no_answer() -> None:
    seen = NoAnswer(url=URL, reason=Reason.REFUSED, text="connection refused: nothing listens there", elapsed_s=1)
    assert (
        last_request(exchange("DELETE", seen=seen))
        == """\
  target    preview
  asked     DELETE https://a.example.pages.dev/api/me
  got       connection refused: nothing listens there
  took      1.00 s
  repeat    curl -sS -i --compressed --max-time 2.5 -X DELETE https://a.example.pages.dev/api/me"""
    )


@pytest.mark.parametrize(
    ("body", "whole", "shown"),
    [
        (b"", True, "(empty)"),
        (b" \n ", True, "(white space)"),
        (b"\0\1", True, "(2 bytes, binary)"),
        (b"", False, "(read by the test, piece by piece)"),
    ],
)
def test_the_body(body: bytes, *, whole: bool, shown: str) -> None:
    seen = Answer(url=URL, status=200, body=body)
    assert f"\n  body      {shown}\n" in last_request(exchange(seen=seen, whole=whole))


def test_a_target_with_a_name_of_its_own_shows_its_kind() -> None:
    target = Target(name="staging", url=TARGET.url, kind=Kind.PREVIEW)
    assert last_request(exchange(target=target)).startswith("  target    staging (preview)\n")


HOSTILE: Final = "a\x1b[31m\x1b]0;title\x07\r\n::error::x\u202e\u200b\x00" + "##vso[task.complete]"


def test_what_a_server_sent_is_harmless() -> None:
    seen = Answer(url=URL, status=200, headers={"server": HOSTILE, "location": HOSTILE}, body=HOSTILE.encode())
    for shown in (
        last_request(exchange(seen=seen)),
        last_request(exchange(seen=NoAnswer(url=URL, reason=Reason.PROTOCOL, text=HOSTILE))),
    ):
        for line in shown.split("\n"):
            assert line.isprintable(), line
            assert not line.lstrip().startswith("::")
        assert "##vso[" not in shown


def test_what_a_server_sent_is_not_endless() -> None:
    seen = Answer(url=URL, status=200, headers={"location": "x" * 100_000}, body=b"x" * 1_000_000)
    assert len(last_request(exchange(seen=seen))) < 3000


def test_what_a_test_sent_is_harmless() -> None:
    shown = last_request(exchange(HOSTILE, headers={"referer": HOSTILE, "x-a": HOSTILE}, url=f"{URL}?{HOSTILE}"))
    assert all(line.isprintable() for line in shown.split("\n"))
    assert re.findall(r"^  \w+", shown, re.MULTILINE) == [
        "  target",
        "  asked",
        "  got",
        "  body",
        "  took",
        "  repeat",
    ]


# The command.


@pytest.mark.parametrize(
    ("method", "body_bytes", "options"),
    [
        ("GET", 0, ""),
        ("HEAD", 0, " -I"),
        ("OPTIONS", 0, " -X OPTIONS"),
        ("POST", 0, " -X POST"),
        ("POST", 3, ' -H content-type: --data-raw "$BODY"'),
        ("PUT", 3, ' -X PUT -H content-type: --data-raw "$BODY"'),
        ("DELETE", 0, " -X DELETE"),
        ("GET", 3, ' -X GET -H content-type: --data-raw "$BODY"'),
        ("PURGE", 0, " -X PURGE"),
        ("M`id`&|$X", 0, " -X 'M`id`&|$X'"),  # HTTP allows all of these in a method
    ],
)
def test_the_method(method: str, body_bytes: int, options: str) -> None:
    assert repeat(method, body_bytes=body_bytes) == f"{CURL}{options} {URL}"


def test_plain_headers_are_shown_and_others_are_names() -> None:
    headers = {"accept": "text/html", "x-api-key": "s3cret", "authorization": "s3cret", "content-type": "a/b; c='d'"}
    command = repeat("POST", headers=headers, body_bytes=1)
    assert command == (
        f"""{CURL} -H 'accept: text/html' -H "x-api-key: $X_API_KEY" -H "authorization: $AUTHORIZATION" """
        f"""-H 'content-type: a/b; c='"'"'d'"'"'' --data-raw "$BODY" {URL}"""
    )
    assert "s3cret" not in command


def test_the_target_s_own_are_names() -> None:
    command = repeat(own=("CF-Access-Client-Id", "Cookie"))
    assert command == f'{CURL} -H "CF-Access-Client-Id: $CF_ACCESS_CLIENT_ID" -H "Cookie: $COOKIE" {URL}'


def test_one_that_the_test_sets_too_stands_once() -> None:
    command = repeat(own=("X-Token", "Accept"), headers={"x-token": "s3cret", "accept": "a/b"})
    assert command == f"""{CURL} -H "x-token: $X_TOKEN" -H 'accept: a/b' {URL}"""


def test_a_content_type_of_the_target_s_is_not_taken_back() -> None:
    assert repeat("POST", own=("Content-Type",), body_bytes=1) == (
        f'{CURL} -H "Content-Type: $CONTENT_TYPE" --data-raw "$BODY" {URL}'
    )


def test_the_settings_user_agent_and_authority() -> None:
    target = Target(name="x", url=TARGET.url, kind=Kind.PREVIEW, manners=Manners(user_agent="a b", ca_file="/c d.pem"))
    assert "-A 'a b' --cacert '/c d.pem'" in repeat(target=target)


@pytest.mark.parametrize("name", ["x-`id`", "x-$home", "2fa", "x.y", "x!#%&'*+^|~y"])
def test_the_name_of_a_header_may_be_odd(name: str) -> None:
    """HTTP allows in it much that a shell obeys; and what a shell allows in a variable's name is less."""
    command = repeat(headers={name: "s3cret"})
    (said,) = re.findall(r'-H "(.*): \$(\w+)"', command)
    assert said[1].isidentifier()
    shell = subprocess.run(
        ["sh", "-c", f'{said[1]}=value; printf %s "{said[0]}: ${said[1]}"'], capture_output=True, text=True, check=True
    )
    assert (shell.stdout, shell.stderr) == (f"{name}: value", "")


@pytest.mark.parametrize(
    "path", ["/search?q=a&b=c;d", "/it's", "/$HOME/`id`/$(id)", "/a\\b", "/a?b[]=1&c={d,e}", "/[1-3]"]
)
def test_the_shell_takes_the_address_as_it_is(path: str) -> None:
    *_, last = shlex.split(repeat(url=TARGET.url + path))
    assert last == TARGET.url + path


def test_a_token_in_the_address_is_a_variable() -> None:
    url = f"{URL}?a=b&Token=its%20s3cret&c=d"
    shown = last_request(exchange(seen=Answer(url=url, status=302, headers={"location": "/?api_key=s3cret#a"})))
    assert "s3cret" not in shown
    assert f"asked     GET {URL}?a=b&Token=***&c=d\n" in shown
    assert "location: /?api_key=***#a" in shown
    assert repeat(url=f"{URL}?a=b&Token=s3cret&c=d") == f"{CURL} '{URL}?a=b&Token='\"$TOKEN\"'&c=d'"


def test_a_deadline_of_the_request() -> None:
    assert repeat(timeout_s=30) == f"curl -sS -i --compressed --max-time 30 {URL}"


def test_a_long_address_is_whole() -> None:
    url = f"{URL}?q={'x' * 2500}"
    assert shlex.split(repeat(url=url))[-1] == url


# The command, run by a shell.

SECRET: Final = "s3cret `id` $HOME \"'\\"
BODY: Final = "@/etc/passwd\n  'a' \"b\" $HOME `id` \\n & ü\n\n"


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    servers = Hostile()
    yield servers
    servers.close()


@pytest.fixture
def ask(hostile: Hostile) -> Iterator[Callable[..., tuple[Asked, Asked]]]:
    """Ask by a client, and again by the command that is printed of it; what came of either."""
    if not shutil.which("curl"):
        pytest.skip("no curl on this machine to run the command with")
    site = Recorder(hostile, lambda asked: http(b"" if asked.method == "HEAD" else b"well", "content-type: text/plain"))
    background, connections = Background(), Connections()
    background.at_end(connections.close)
    noted: list[Exchange] = []

    def twice(
        send: Callable[[TargetClient], httpx.Response],
        *,
        own: Mapping[str, str] | None = None,
        manners: Manners | None = None,
        **variables: str,
    ) -> tuple[Asked, Asked]:
        target = Target(name="x", url=site.url, kind=Kind.PREVIEW, headers=own or {}, manners=manners or Manners())
        transport = TargetTransport(
            target,
            background=background,
            connections=connections,
            secrets=NO_SECRETS,
            may_write=lambda: False,
            protected=(),
            begin=lambda: noted.append,
        )
        with TargetClient(target, transport) as client:
            assert send(client).status_code == 200
        command = last_request(noted[-1]).rpartition("  repeat    ")[2]
        environment = {"PATH": os.environ["PATH"], "HOME": "/", **variables}
        shell = subprocess.run(
            ["sh", "-eu", "-c", command], capture_output=True, text=True, timeout=30, env=environment, check=False
        )
        assert (shell.returncode, shell.stderr) == (0, ""), shell
        assert shell.stdout.startswith("HTTP/1.1 200 OK")
        ours, theirs = site.asked
        return ours, theirs

    yield twice
    background.stop()


#: What each side says of itself; the rest must be equal.
OF_THEMSELVES: Final = frozenset({"accept-encoding", "connection", "user-agent", "content-length"})


def told(asked: Asked) -> tuple[str, str, bytes, list[tuple[str, str]]]:
    lines = [line for line in asked.lines if line[0] not in OF_THEMSELVES]
    return asked.method, asked.path, asked.body, sorted(lines)


Ask = Callable[..., tuple[Asked, Asked]]
Send = Callable[[TargetClient], httpx.Response]

SENDS: Final[Mapping[str, tuple[Send, Mapping[str, str]]]] = {
    "get": (lambda client: client.get("/a/b?c=d&e=%20f"), {}),
    "get with brackets": (lambda client: client.get("/a?b[]=1&c={d,e}&f=[1-3]"), {}),
    "get in another script": (lambda client: client.get("/ü?b=ü"), {}),
    "get with a token": (lambda client: client.get("/a?token=b%20c&d=e&sig=f"), {"TOKEN": "b%20c", "SIG": "f"}),
    "head": (lambda client: client.head("/a"), {}),
    "options": (lambda client: client.options("/a", headers={"Origin": "https://example.com"}), {}),
    "post": (lambda client: client.post("/a"), {}),
    "post a text": (lambda client: client.post("/a", content=BODY), {"BODY": BODY}),
    "post JSON": (lambda client: client.post("/a", json={"a": "ü"}), {"BODY": '{"a":"ü"}'}),
    "post a form": (lambda client: client.post("/a", data={"a": "b c"}), {"BODY": "a=b+c"}),
    "put": (lambda client: client.put("/a", content=b"x", headers={"Content-Type": "a/b"}), {"BODY": "x"}),
    "patch": (lambda client: client.patch("/a", content=b"x"), {"BODY": "x"}),
    "delete": (lambda client: client.delete("/a"), {}),
    "delete with a body": (lambda client: client.request("DELETE", "/a", content=b"x"), {"BODY": "x"}),
    "get with a body": (lambda client: client.request("GET", "/a", content=b"x"), {"BODY": "x"}),
    "purge": (lambda client: client.request("PURGE", "/a"), {}),
    "odd method": (lambda client: client.request("M`ID`&|$HOME", "/a"), {}),
    "secret header": (lambda client: client.get("/a", headers={"X-Api-Key": SECRET}), {"X_API_KEY": SECRET}),
    "odd header": (lambda client: client.get("/a", headers={"x-`id`.$a": "b"}), {"X__ID___A": "b"}),
    "empty header": (lambda client: client.get("/a", headers={"X-A": "", "Accept": ""}), {}),
    "plain headers": (lambda client: client.get("/a", headers={"Accept": "a/b", "Range": "bytes=0-1", "Referer": "it's"}), {}),
    "another host": (lambda client: client.get("/a", headers={"Host": "www.example.com"}), {}),
    "basic auth": (lambda client: client.get("/a", auth=("a", "b")), {"AUTHORIZATION": "Basic YTpi"}),
    "streamed": (lambda client: client.send(client.build_request("GET", "/a"), stream=True), {}),
    "by hand": (lambda client: client.send(httpx.Request("GET", client.base_url.join("/a"), headers={"Accept": "*/*"})), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SENDS)
def test_it_asks_the_same(ask: Ask, name: str) -> None:
    send, variables = SENDS[name]
    ours, theirs = ask(send, **variables)
    assert told(theirs) == told(ours)


@pytest.mark.parametrize("name", ["get", "head", "post a text", "put", "streamed"])
def test_with_the_target_s_headers(ask: Ask, name: str) -> None:
    send, variables = SENDS[name]
    own = {"CF-Access-Client-Secret": SECRET, "Accept": "c/d", "X-B": "b", "Accept-Encoding": "br"}
    ours, theirs = ask(send, own=own, CF_ACCESS_CLIENT_SECRET=SECRET, ACCEPT="c/d", X_B="b", **variables)
    assert told(theirs) == told(ours)
    assert theirs.headers["cf-access-client-secret"] == SECRET


def test_where_the_test_sets_one_of_the_target_s(ask: Ask) -> None:
    send = partial(TargetClient.get, url="/", headers={"x-token": "the test's"})
    ours, theirs = ask(send, own={"X-Token": "the target's"}, X_TOKEN="the test's")
    assert told(theirs) == told(ours)


@pytest.mark.parametrize("agent", ["known/1", ""])
@pytest.mark.parametrize("given", ["the test's", ""])
def test_the_user_agent(ask: Ask, agent: str, given: str) -> None:
    send = partial(TargetClient.get, url="/", headers={"user-agent": given} if given else {})
    ours, theirs = ask(send, manners=Manners(user_agent=agent))
    said = [value for name, value in theirs.lines if name == "user-agent"]
    if given or agent:
        assert said == [ours.headers["user-agent"]] == [given or agent]
    else:
        assert ours.headers["user-agent"] == USER_AGENT  # which a curl does not give itself out for
