"""Every foreign exception -> NoAnswer, in one place, in words for a person."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import httpx

from pytest_pagesmoke.model import Reason
from pytest_pagesmoke.observe.body import BodyError, BodyTooLarge

_MAX_DEPTH: Final = 20  # chains of causes are short; a circle must not hang us
_MAX_TEXT: Final = 300
_BROKEN_OFF: Final = re.compile(r"<(?:StreamReset|ConnectionTerminated)\b")  # events of h2, as httpcore quotes them
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")  # by OpenSSL's version
EXPIRED: Final = "the certificate has expired"
NOT_YET_VALID: Final = "the certificate is not valid yet"
_TLS_WORDS: Final = {
    "certificate has expired": EXPIRED,
    "certificate is not yet valid": NOT_YET_VALID,
    "self-signed certificate in certificate chain": "the certificate's authority is not trusted here (self-signed root)",
    "self-signed certificate": "the certificate is self-signed",
    "unable to get local issuer certificate": "the certificate's authority is not trusted here",
}


def explain(error: BaseException, *, sent: bool = False) -> tuple[Reason, str]:
    """Why an exchange failed, and how to say it: one line, never empty. ``sent``: the request had gone out as it was.

    Some exceptions quote what the server sent, all of it: it is to be `shortened` when secrets have been struck out, and not before.
    """
    reason, text = _explain(list(_chain(error)), sent=sent)
    return reason, " ".join(text.split())


def shortened(text: str) -> str:
    """A line of `explain` as it is shown. What was cut off of a secret would not be known as one."""
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} …"


def _explain(chain: list[BaseException], *, sent: bool) -> tuple[Reason, str]:
    # The innermost cause knows most: httpx and httpcore wrap it in exceptions whose text is often empty.
    for cause in reversed(chain):
        if told := _explain_cause(cause, sent=sent):
            return told
    said = [
        f"{type(cause).__name__}: {words}"
        for cause in chain
        if (words := _words(cause)) and not isinstance(cause, BaseExceptionGroup)
    ]
    text = said[0] if said else f"an error that says nothing of itself ({type(chain[0]).__name__})"
    if any(isinstance(cause, httpx.NetworkError | OSError) for cause in chain):
        return Reason.UNREACHABLE, f"the connection failed ({text})"
    # What is left is raised over what the server sent: an odd header, a number that is none, a name that IDNA refuses.
    return Reason.PROTOCOL, text


def _words(error: BaseException) -> str:
    """What it says; nothing where its own way to say it raises."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whose exception it is decides what that may be
        return ""


def _explain_cause(cause: BaseException, *, sent: bool) -> tuple[Reason, str] | None:
    match cause:
        case BodyTooLarge():
            return Reason.TOO_LARGE, str(cause)
        case BodyError():
            return Reason.PROTOCOL, str(cause)
        case ssl.SSLError():
            return _explain_tls(cause)
        case socket.gaierror():
            return Reason.NO_ADDRESS, "no address for this name (DNS)"
        case ConnectionRefusedError():
            return Reason.REFUSED, "connection refused: nothing listens there"
        case ConnectionError():
            return Reason.RESET, "the connection broke before the answer was whole"
        case OSError(strerror=str(words)) if words:  # a time-out of the system's own among them: nobody is there
            return Reason.UNREACHABLE, f"the connection failed: {words}"
        case TimeoutError() | httpx.TimeoutException():
            return Reason.TIMEOUT, "no answer in time"
    return _explain_http(cause, sent=sent)


def _explain_http(cause: BaseException, *, sent: bool) -> tuple[Reason, str] | None:
    match cause:
        case httpx.ProxyError():
            return Reason.UNREACHABLE, f"the proxy does not let this run through: {cause}"
        case httpx.LocalProtocolError() if not sent:
            # Its text quotes the header, which may be a secret.
            return Reason.NOT_SENT, "a header cannot be sent: HTTP does not allow its name or value"
        case httpx.RemoteProtocolError() if "without sending a response" in str(cause):
            return Reason.RESET, "the server closed the connection without an answer"
        case httpx.RemoteProtocolError() if "without sending complete" in str(cause):
            return Reason.PROTOCOL, f"the answer is cut off: {cause}"
        case httpx.RemoteProtocolError() if _BROKEN_OFF.match(str(cause)):
            return Reason.RESET, "the server broke the exchange off before the answer was whole (HTTP/2)"
        case httpx.ProtocolError():  # over HTTP/2 httpcore calls a flaw of the answer a local one
            return Reason.PROTOCOL, f"the answer is not proper HTTP: {cause}"
    return None


def _explain_tls(error: ssl.SSLError) -> tuple[Reason, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        message = getattr(error, "verify_message", "") or _tls_text(error)
        if any(words in message.lower() for words in ("mismatch", "not valid for", "does not match")):  # by system
            return Reason.TLS_NAME, f"the certificate is for another name ({message})"
        return Reason.TLS, _TLS_WORDS.get(message.lower(), message or "the certificate was refused")
    if _tls_text(error) in _NOT_TLS:
        return Reason.PROTOCOL, "what answers there does not speak TLS (http and https mixed up?)"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Reason.RESET, "the connection broke during or after the TLS handshake"
    return Reason.TLS, f"TLS failed: {_tls_text(error) or type(error).__name__}"


def _tls_text(error: ssl.SSLError) -> str:
    """What the error says. One that is raised by Python code, as truststore does, has neither attributes nor a readable `str`."""
    return str(getattr(error, "reason", "") or error.strerror or " ".join(str(arg) for arg in error.args))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it was raised from, and what groups hold, outermost first."""
    waiting, depth = [error], 0
    while waiting and depth < _MAX_DEPTH:
        current = waiting.pop(0)
        depth += 1
        yield current
        if isinstance(current, BaseExceptionGroup):
            waiting.extend(current.exceptions)
        # A suppressed context, too: anyio hides the system's own errors in it.
        if cause := current.__cause__ or current.__context__:
            waiting.append(cause)
