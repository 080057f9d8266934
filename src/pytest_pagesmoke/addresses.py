"""Addresses of deployments: what a user may write, and what a host name says. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from pytest_pagesmoke.model import Kind, Target
from pytest_pagesmoke.redact import without_tokens

#: What a target may be called, in the settings and in options.
TARGET_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


class BadAddress(ValueError):
    """A text is no address of a site. Says why, without quoting it, and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """An address without trailing slash and credentials; those became ``headers``."""

    url: str
    host: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_address(text: str) -> Address:
    """The address that ``text`` is. Raises BadAddress for anything that is no http(s) address of a site."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # its text quotes what it could not read, which may be a password with a '/' in it
        raise BadAddress(
            "is no address (a port that is no number, an odd bracket, or a '/' in a password: write %2F); "
            "right would be https://www.example.com"
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAddress("is no address; right would be https://www.example.com")
    if parts.query or parts.fragment:
        raise BadAddress("an address to check takes no '?' and no '#'")
    odd = not text.isprintable() or re.search(r"[\s<>\"\\^`{|}()]", text)
    if odd or not re.fullmatch(r"[^\s%]+", parts.hostname):
        raise BadAddress("has characters that no address can have; right would be https://www.example.com")
    if flaw := _flaw_of_host(parts.hostname):
        raise BadAddress(flaw)
    netloc = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None:
        netloc += f":{port}"
    headers: dict[str, str] = {}
    if credentials := credentials_in(parts):
        headers["Authorization"] = credentials
    return Address(url=f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", host=parts.hostname, headers=headers)


def credentials_in(parts: SplitResult) -> str:
    """The `Authorization` that user and password of an address stand for (RFC 7617); empty where it has none."""
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _flaw_of_host(host: str) -> str:
    """Why a host cannot be asked for as it is written, by the rules of httpx; empty where it can."""
    if re.fullmatch(r"\d+(\.\d+){3}", host, re.ASCII):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return "has an IP address that is none; right would be http://127.0.0.1:8788"
    if host.isascii():
        return ""
    import idna  # noqa: PLC0415 - few names need it

    try:
        idna.encode(host)
    except idna.IDNAError:  # a symbol, say, which browsers still find by older rules
        return "has a name that DNS does not know as it is written; right would be the form in which browsers ask for it: xn--…"
    return ""


def kind_of(host: str) -> Kind:
    """What a host name says of a deployment. A hash address counts as production: it may hold production's bindings."""
    if is_loopback(host):
        return Kind.LOCAL
    *front, _, domain, top = ["", "", "", *host.lower().rstrip(".").split(".")]
    if (domain, top) == ("pages", "dev") and any(front):
        return Kind.PRODUCTION if re.fullmatch(r"[0-9a-f]{8}", front[-1]) else Kind.PREVIEW
    return Kind.PRODUCTION


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by the name or the address that it always has."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_credentials(value: str) -> str:
    """``value`` without tokens, and with all that stands before its last `@` hidden, but for a name and a scheme: a password may hold `/` and `@`."""
    front, _, end = value.rpartition("@")
    begin = re.match(r"(?:[^/:=@]*=)?(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?", front)
    return without_tokens(f"{begin[0] if begin else ''}***@{end}" if front else value)


def hash_address(target: Target) -> tuple[str, str] | None:
    """Project and short id of a deployment's own address (`5be8c75c.example.pages.dev`); None for any other."""
    match = re.fullmatch(r"([0-9a-f]{8})\.([^.]+)\.pages\.dev", urlsplit(target.url).hostname or "")
    return (match[2], match[1]) if match else None


def may_be_of(target: Target, project: str) -> bool:
    """Whether this can be an address of the Pages project: a domain of its own does not tell."""
    match = re.fullmatch(r"(?:[^.]+\.)?([^.]+)\.pages\.dev", urlsplit(target.url).hostname or "")
    return match is None or match[1] == project
