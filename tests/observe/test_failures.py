"""Every foreign exception -> a reason and a line for a person. None may be forgotten: new ones fail here until they are thought of."""

from __future__ import annotations

import errno
import inspect
import re
import socket
import ssl
from importlib import import_module
from types import ModuleType

import h11
import httpcore
import httpx
import pytest

from kit import ROOT
from pytest_pagesmoke.checks.live import site_answer
from pytest_pagesmoke.model import Finding, NoAnswer, Reason
from pytest_pagesmoke.observe.body import BodyError, BodyTooLarge
from pytest_pagesmoke.observe.failures import explain, shortened

#: What each says if it comes alone, without a cause that knows better.
OF_HTTPX = {
    httpx.CloseError: Reason.UNREACHABLE,
    httpx.ConnectError: Reason.UNREACHABLE,
    httpx.ConnectTimeout: Reason.TIMEOUT,
    httpx.CookieConflict: Reason.PROTOCOL,
    httpx.DecodingError: Reason.PROTOCOL,
    httpx.HTTPError: Reason.PROTOCOL,
    httpx.HTTPStatusError: Reason.PROTOCOL,
    httpx.InvalidURL: Reason.PROTOCOL,
    httpx.LocalProtocolError: Reason.NOT_SENT,
    httpx.NetworkError: Reason.UNREACHABLE,
    httpx.PoolTimeout: Reason.TIMEOUT,
    httpx.ProtocolError: Reason.PROTOCOL,
    httpx.ProxyError: Reason.UNREACHABLE,
    httpx.ReadError: Reason.UNREACHABLE,
    httpx.ReadTimeout: Reason.TIMEOUT,
    httpx.RemoteProtocolError: Reason.PROTOCOL,
    httpx.RequestError: Reason.PROTOCOL,
    httpx.RequestNotRead: Reason.PROTOCOL,
    httpx.ResponseNotRead: Reason.PROTOCOL,
    httpx.StreamClosed: Reason.PROTOCOL,
    httpx.StreamConsumed: Reason.PROTOCOL,
    httpx.StreamError: Reason.PROTOCOL,
    httpx.TimeoutException: Reason.TIMEOUT,
    httpx.TooManyRedirects: Reason.PROTOCOL,
    httpx.TransportError: Reason.PROTOCOL,
    httpx.UnsupportedProtocol: Reason.PROTOCOL,
    httpx.WriteError: Reason.UNREACHABLE,
    httpx.WriteTimeout: Reason.TIMEOUT,
}
if hasattr(httpx, "SSEError"):  # in its fork
    OF_HTTPX[httpx.SSEError] = Reason.PROTOCOL
map_httpcore_exceptions = import_module(f"{httpx.__name__}._transports.default").map_httpcore_exceptions
OF_HTTPCORE = {
    httpcore.ConnectError: Reason.UNREACHABLE,
    httpcore.ConnectTimeout: Reason.TIMEOUT,
    httpcore.ConnectionNotAvailable: Reason.PROTOCOL,
    httpcore.LocalProtocolError: Reason.NOT_SENT,
    httpcore.NetworkError: Reason.UNREACHABLE,
    httpcore.PoolTimeout: Reason.TIMEOUT,
    httpcore.ProtocolError: Reason.PROTOCOL,
    httpcore.ProxyError: Reason.UNREACHABLE,
    httpcore.ReadError: Reason.UNREACHABLE,
    httpcore.ReadTimeout: Reason.TIMEOUT,
    httpcore.RemoteProtocolError: Reason.PROTOCOL,
    httpcore.TimeoutException: Reason.TIMEOUT,
    httpcore.UnsupportedProtocol: Reason.PROTOCOL,
    httpcore.WriteError: Reason.UNREACHABLE,
    httpcore.WriteTimeout: Reason.TIMEOUT,
}
OF_SSL = {
    ssl.SSLError: Reason.TLS,
    ssl.SSLCertVerificationError: Reason.TLS,
    ssl.SSLEOFError: Reason.RESET,
    ssl.SSLSyscallError: Reason.TLS,
    ssl.SSLWantReadError: Reason.TLS,
    ssl.SSLWantWriteError: Reason.TLS,
    ssl.SSLZeroReturnError: Reason.RESET,
}


def exceptions_of(module: ModuleType) -> set[type[BaseException]]:
    return {
        thing
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, BaseException) and thing.__module__.partition(".")[0] == module.__name__
    }


def of_httpx(kind: type[Exception], text: str) -> Exception:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "https://www.example.com")
        return httpx.HTTPStatusError(text, request=request, response=httpx.Response(500, request=request))
    takes_text = len(inspect.signature(kind).parameters) > 0
    return kind(text) if takes_text else kind()


def caused_by(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def explained(error: BaseException) -> tuple[Reason, str]:
    """What is made of ``error``, and what holds for all of them."""
    reason, text = explain(error)
    text = shortened(text)
    assert isinstance(reason, Reason)
    assert text.strip()
    assert text.isprintable()
    assert len(text) < 320
    return reason, text


def test_none_is_forgotten() -> None:
    assert exceptions_of(httpx) == set(OF_HTTPX)
    assert exceptions_of(httpcore) == set(OF_HTTPCORE)
    assert {kind for kind in exceptions_of(ssl) if issubclass(kind, ssl.SSLError)} == set(OF_SSL)


def test_the_docs_tell_each_reason_and_its_rule() -> None:
    rows = re.findall(
        r"^\| `([\w-]+)` \| `([\w-]+)` \|", (ROOT / "docs" / "asking.md").read_text("utf-8"), re.MULTILINE
    )
    absences = {reason.value: NoAnswer(url="", reason=reason, text="no") for reason in Reason}
    judged = {reason: site_answer(absence, subject="/", status=200) for reason, absence in absences.items()}
    assert dict(rows) == {reason: finding.rule.id for reason, finding in judged.items() if isinstance(finding, Finding)}


class TestHttpx:
    @pytest.mark.parametrize("text", ["", "some words of theirs"], ids=["silent", "with words"])
    @pytest.mark.parametrize("kind", OF_HTTPX, ids=lambda kind: kind.__name__)
    def test_each_has_its_reason(self, kind: type[Exception], text: str) -> None:
        assert explained(of_httpx(kind, text))[0] is OF_HTTPX[kind]

    @pytest.mark.parametrize("text", ["", "some words of theirs"], ids=["silent", "with words"])
    @pytest.mark.parametrize("kind", OF_HTTPCORE, ids=lambda kind: kind.__name__)
    def test_each_of_httpcore_as_httpx_hands_it_on(self, kind: type[Exception], text: str) -> None:
        with pytest.raises(Exception) as caught, map_httpcore_exceptions():  # noqa: PT011 - which one is httpx's to say
            raise kind(text)
        assert explained(caught.value)[0] is OF_HTTPCORE[kind]

    @pytest.mark.parametrize(
        ("error", "reason", "text"),
        [
            (
                httpx.RemoteProtocolError("Server disconnected without sending a response."),
                Reason.RESET, "the server closed the connection without an answer",
            ),
            (
                httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
                Reason.PROTOCOL, "the answer is cut off: peer closed connection without sending complete message body",
            ),
            (
                httpx.RemoteProtocolError("illegal status line: bytearray(b'220 mail.example.com')"),
                Reason.PROTOCOL, "the answer is not proper HTTP: illegal status line: bytearray(b'220 mail.example.com')",
            ),
            (
                httpx.ProxyError("403 Forbidden"),
                Reason.UNREACHABLE, "the proxy does not let this run through: 403 Forbidden",
            ),
            (httpx.ReadTimeout(""), Reason.TIMEOUT, "no answer in time"),
            (httpx.ReadError(""), Reason.UNREACHABLE, "the connection failed (an error that says nothing of itself (ReadError))"),
            (httpx.InvalidURL("odd"), Reason.PROTOCOL, "InvalidURL: odd"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )  # fmt: skip
    def test_says_it_in_words(self, error: Exception, reason: Reason, text: str) -> None:
        assert explained(error) == (reason, text)

    def test_a_header_that_cannot_be_sent_is_not_shown(self) -> None:
        quoted = "Illegal header value b's3cret-token '"
        error = caused_by(
            httpx.LocalProtocolError(quoted),
            caused_by(httpcore.LocalProtocolError(quoted), h11.LocalProtocolError(quoted)),
        )
        reason, text = explained(error)
        assert reason is Reason.NOT_SENT
        assert text == "a header cannot be sent: HTTP does not allow its name or value"


def verification_error(message: str) -> ssl.SSLCertVerificationError:
    """As OpenSSL, and truststore on other systems, raise it."""
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message}")
    error.verify_message = message
    return error


class TestTls:
    @pytest.mark.parametrize("args", [(), ("words",), (1, "[SSL] words"), (1, "")], ids=repr)
    @pytest.mark.parametrize("kind", OF_SSL, ids=lambda kind: kind.__name__)
    def test_each_has_its_reason(self, kind: type[ssl.SSLError], args: tuple[object, ...]) -> None:
        assert explained(kind(*args))[0] is OF_SSL[kind]

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            ("certificate has expired", "the certificate has expired"),
            ("certificate is not yet valid", "the certificate is not valid yet"),
            ("self-signed certificate", "the certificate is self-signed"),
            ("unable to get local issuer certificate", "the certificate's authority is not trusted here"),
            (
                "self-signed certificate in certificate chain",
                "the certificate's authority is not trusted here (self-signed root)",
            ),
            (
                "Hostname mismatch, certificate is not valid for 'www.example.com'.",
                "the certificate is for another name (Hostname mismatch, certificate is not valid for 'www.example.com'.)",
            ),
            (
                "“example.org” certificate name does not match input",
                "the certificate is for another name (“example.org” certificate name does not match input)",
            ),
            ("something new", "something new"),
        ],
    )
    def test_what_is_wrong_with_the_certificate(self, message: str, text: str) -> None:
        reason = Reason.TLS_NAME if "another name" in text else Reason.TLS
        assert explained(verification_error(message)) == (reason, text)
        assert explained(caused_by(httpx.ConnectError(""), verification_error(message))) == (reason, text)

    @pytest.mark.parametrize("name", ["WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"])
    def test_what_does_not_speak_tls(self, name: str) -> None:
        error = ssl.SSLError(1, f"[SSL: {name}] {name.lower()} (_ssl.c:1006)")
        error.reason = name
        reason, text = explained(error)
        assert reason is Reason.PROTOCOL
        assert text == "what answers there does not speak TLS (http and https mixed up?)"

    def test_another_failure_says_its_reason(self) -> None:
        error = ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version (_ssl.c:1006)")
        error.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
        assert explained(error) == (Reason.TLS, "TLS failed: TLSV1_ALERT_PROTOCOL_VERSION")


class TestSystem:
    @pytest.mark.parametrize("name", [name for name in dir(socket) if name.startswith("EAI_")])
    def test_each_failed_look_up(self, name: str) -> None:
        error = socket.gaierror(getattr(socket, name), "Name or service not known")
        assert explained(error) == (Reason.NO_ADDRESS, "no address for this name (DNS)")

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            (ConnectionError, Reason.RESET),
            (BrokenPipeError, Reason.RESET),
            (ConnectionAbortedError, Reason.RESET),
            (ConnectionRefusedError, Reason.REFUSED),
            (ConnectionResetError, Reason.RESET),
        ],
    )
    @pytest.mark.parametrize("args", [(), (1, "words")], ids=repr)
    def test_each_broken_connection(self, kind: type[Exception], reason: Reason, args: tuple[object, ...]) -> None:
        assert explained(kind(*args))[0] is reason
        assert explained(caused_by(httpx.ReadError(""), kind(*args)))[0] is reason

    @pytest.mark.parametrize("name", ["EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ETIMEDOUT", "EMFILE", "EACCES"])
    def test_others_say_what_the_system_says(self, name: str) -> None:
        error = OSError(getattr(errno, name), "Words of the system")
        assert explained(error) == (Reason.UNREACHABLE, "the connection failed: Words of the system")

    def test_a_deadline_is_none_of_the_system_s(self) -> None:
        assert explained(TimeoutError()) == (Reason.TIMEOUT, "no answer in time")

    def test_an_error_of_the_system_without_words(self) -> None:
        assert explained(OSError())[0] is Reason.UNREACHABLE


class TestOthers:
    """Raised over what a server sent: it is the answer that is wrong, whatever our libraries call it."""

    @pytest.mark.parametrize(
        "error",
        [
            UnicodeError("label empty or too long"),
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
            UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range(128)"),
            ValueError("invalid literal for int()"),
            ValueError(),
            KeyError("x"),
            RecursionError("maximum recursion depth exceeded"),
            MemoryError(),
            OverflowError("port must be 0-65535"),
            AssertionError(),
            ImportError("the 'socksio' package is not installed"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_is_the_answer_s_fault_with_its_name(self, error: Exception) -> None:
        reason, text = explained(error)
        assert reason is Reason.PROTOCOL
        assert type(error).__name__ in text
        assert str(error) in text

    def test_our_own(self) -> None:
        assert explained(BodyError("the gzip body is cut off")) == (Reason.PROTOCOL, "the gzip body is cut off")
        assert explained(BodyTooLarge("a body of more than 5 bytes")) == (
            Reason.TOO_LARGE,
            "a body of more than 5 bytes",
        )

    def test_a_group_says_what_it_holds(self) -> None:
        inner = ExceptionGroup("inner", [ConnectionRefusedError(111, "Connection refused")])
        assert explained(ExceptionGroup("outer", [inner]))[0] is Reason.REFUSED
        assert explained(caused_by(OSError("All connection attempts failed"), inner))[0] is Reason.REFUSED
        assert explained(ExceptionGroup("outer", [ValueError("odd")])) == (Reason.PROTOCOL, "ValueError: odd")

    def test_a_group_that_says_nothing(self) -> None:
        assert explained(ExceptionGroup("outer", [ValueError()]))[0] is Reason.PROTOCOL


class TestChain:
    def test_the_innermost_that_is_known_decides(self) -> None:
        error = caused_by(httpx.ConnectError("outer"), caused_by(OSError("middle"), socket.gaierror(-2, "inner")))
        assert explained(error)[0] is Reason.NO_ADDRESS

    def test_a_hidden_cause_counts_too(self) -> None:
        """anyio raises its own errors `from None` over those of the system."""
        with pytest.raises(RuntimeError) as caught:
            _raise_over(ConnectionResetError(104, "Connection reset by peer"))
        assert explained(caught.value)[0] is Reason.RESET

    def test_the_outermost_words_are_said_where_none_is_known(self) -> None:
        error = caused_by(httpx.InvalidURL("Invalid port"), ValueError("invalid literal"))
        assert explained(error) == (Reason.PROTOCOL, "InvalidURL: Invalid port")

    def test_a_circle_ends(self) -> None:
        one, other = ValueError("one"), ValueError("other")
        one.__cause__, other.__cause__ = other, one
        assert explained(one)[0] is Reason.PROTOCOL

    def test_a_long_chain_ends(self) -> None:
        assert explained(_chain_of(10_000))[0] is Reason.PROTOCOL

    def test_what_a_server_sent_is_one_short_line(self) -> None:
        sent = "illegal header line: " + "x\r\n\ty" * 100_000
        reason, text = explained(httpx.RemoteProtocolError(sent))
        assert reason is Reason.PROTOCOL
        assert text.startswith("the answer is not proper HTTP: illegal header line: x yx y")
        assert text.endswith(" …")


def _raise_over(hidden: Exception) -> None:
    try:
        raise hidden
    except OSError:
        raise RuntimeError from None


def _chain_of(length: int) -> BaseException:
    error: BaseException = ValueError("innermost")
    for _ in range(length):
        error = caused_by(ValueError("outer"), error)
    return error
