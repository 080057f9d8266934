"""What is wrong with a certificate, with its dates and names: TLS itself says only that something is."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
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


def with_details(reason: Reason, text: str, certificate: Certificate, *, now: datetime) -> str:
    """The same failure, with the dates and names that ``certificate`` has."""
    first, last = (_time(certificate, name) for name in ("notBefore", "notAfter"))
    if reason is Reason.TLS_NAME and (names := _names(certificate)):
        return f"the certificate is for another name: {names}"
    if text == EXPIRED:
        return f"the certificate expired on {last:%Y-%m-%d}" if last <= now else f"{EXPIRED}: one that it is signed by"
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


def _names(certificate: Certificate) -> str:
    found = [str(name) for _, name in certificate.get("subjectAltName", ())]
    more = f" and {len(found) - _SHOWN_NAMES} more" if len(found) > _SHOWN_NAMES else ""
    return ", ".join(found[:_SHOWN_NAMES]) + more
