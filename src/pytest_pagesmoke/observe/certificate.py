"""What is wrong with a certificate, with its dates and names: TLS itself says only that something is."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pytest_pagesmoke.model import Reason
from pytest_pagesmoke.observe.failures import EXPIRED, NOT_YET_VALID

#: As `ssl.SSLSocket.getpeercert` has it. (`Any`: texts, and tuples of them to any depth.)
Certificate = Mapping[str, Any]

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for
_SHOWN_NAMES: Final = 3


def tells_more(reason: Reason, text: str) -> bool:
    """Whether a certificate, looked at, says more of this failure than TLS did."""
    return reason is Reason.TLS_NAME or text in (EXPIRED, NOT_YET_VALID)


def with_details(reason: Reason, text: str, certificate: Certificate, *, host: str, now: datetime) -> str:
    """The same failure of ``host``, with the dates and names that ``certificate`` has: if it has that fault, and is not another machine's."""
    first, last = (_time(certificate, name) for name in ("notBefore", "notAfter"))
    names = [str(name) for _, name in certificate.get("subjectAltName", ())]
    if reason is Reason.TLS_NAME and names and not any(_is_for(name, host) for name in names):
        return f"the certificate is for another name: {_shown(names)}"
    if text == EXPIRED and last <= now:
        return f"the certificate expired on {last:%Y-%m-%d}"
    if text == NOT_YET_VALID and first > now:
        return f"the certificate is not valid before {first:%Y-%m-%d %H:%M} UTC"
    return text


def tolerant(ca_file: str) -> ssl.SSLContext:
    """Whom to believe (``ca_file``, else the system), whatever the date and the name: Python shows no certificate that it refuses."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.check_hostname = False
    context.verify_flags |= _NO_CHECK_TIME
    return context


def _time(certificate: Certificate, name: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate[name]), UTC)


def _is_for(name: str, host: str) -> bool:
    """Whether a name of a certificate may be that of ``host``; an asterisk stands for its first label."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
