"""What is to be checked: option values -> targets and the build output. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pytest_pagesmoke.model import Kind, Target
from pytest_pagesmoke.settings import SetUpError

_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*")
_NAMED_URL: Final = re.compile(r"(?P<name>[^/:=]*)=(?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://.*)", re.DOTALL)
_WHAT: Final = (
    "a URL (https://www.example.com), NAME=URL, `local` (starts `wrangler pages dev` on the build output), "
    "`dist` or a folder with a slash in it (./build/)"
)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What one run looks at. ``dist`` is the build output to check, ``served`` the one that the local server serves."""

    targets: tuple[Target, ...]
    dist: Path | None
    served: Path


def select(values: Sequence[str], *, base_url: str = "", default_dist: Path = Path("dist")) -> Selection:
    """Read the values of ``--pagesmoke`` and of ``--base-url``. Raises SetUpError that lists every mistake."""
    mistakes: list[str] = []
    targets: list[Target] = []  # in the order given; an empty name is chosen below
    folders: list[Path] = []
    for value in values:
        try:
            read = _read(value, default_dist)
        except SetUpError as mistake:
            mistakes.append(f"--pagesmoke={_without_credentials(value)}: {mistake}")
        else:
            if isinstance(read, Target):
                targets.append(read)
            else:
                folders.append(read)
    firsts = [_first_label(target) for target in targets]
    if base_url:
        try:
            targets.append(_target(base_url))
            firsts.append(str(targets[-1].kind))
        except SetUpError as mistake:
            mistakes.append(f"--base-url={_without_credentials(base_url)}: {mistake}")

    targets = _with_names(targets, firsts)
    mistakes += _collisions(targets, folders)
    if mistakes:
        raise SetUpError("\n".join(mistakes))
    dist = folders[0] if folders else None
    return Selection(targets=tuple(targets), dist=dist, served=dist or default_dist)


def _collisions(targets: Sequence[Target], folders: Sequence[Path]) -> Iterator[str]:
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            yield f"{count} targets have the name {name!r}: give each its own, --pagesmoke=NAME=URL"
        if name == "dist" and folders:
            yield "the name 'dist' is the build output's in this run: give the target another one, --pagesmoke=NAME=URL"
    if len(set(folders)) > 1:
        yield f"one build output a run, not {len(set(folders))}: {', '.join(map(str, folders))}"


def _read(value: str, default_dist: Path) -> Target | Path:
    """One value of ``--pagesmoke``: a target, or the folder of a build output."""
    if value == "local":
        return Target(name="local", url="", kind=Kind.LOCAL)
    if value == "dist":
        return default_dist
    if match := _NAMED_URL.fullmatch(value):
        return replace(_target(match["url"]), name=_checked_name(match["name"]))
    if "://" in value:
        return _target(value)
    # user:password@… is no folder: as one it would be shown whole.
    if "/" in value and not re.match(r"[^/]*:[^/]*@", value):
        return Path(value)
    meant = f" (did you mean https://{value}?)" if re.fullmatch(r"[\w.-]*\.[\w-]+(?::\d+)?", value) else ""
    raise SetUpError(f"is neither an address nor a known name{meant}; right would be {_WHAT}")


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SetUpError(
            f"the name {name!r} is not of letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return name


def _target(url: str) -> Target:
    """A target for this address, still without a name. Raises SetUpError for anything that is no http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text quotes what it could not read, which may be a password with a '/' in it
        raise SetUpError(
            "is no address (a port that is no number, an odd bracket, or a '/' in a password: write %2F); "
            "right would be https://www.example.com"
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetUpError("is no address; right would be https://www.example.com")
    if parts.query or parts.fragment:
        raise SetUpError("an address to check takes no '?' and no '#'")
    if re.search(r"[\s\x00-\x20\x7f<>\"\\^`{|}()]", url) or not re.fullmatch(r"[^\s%]+", parts.hostname):
        raise SetUpError("has characters that no address can have; right would be https://www.example.com")
    netloc = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is not None:
        netloc += f":{port}"
    headers: dict[str, str] = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    clean = f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
    return Target(name="", url=clean, kind=kind_of(parts.hostname), headers=headers)


def kind_of(host: str) -> Kind:
    """What a host name says of a deployment. A hash address counts as production: it may hold production's bindings."""
    if _is_loopback(host):
        return Kind.LOCAL
    *front, _, domain, top = ["", "", "", *host.lower().rstrip(".").split(".")]
    if (domain, top) == ("pages", "dev") and any(front):
        return Kind.PRODUCTION if re.fullmatch(r"[0-9a-f]{8}", front[-1]) else Kind.PREVIEW
    return Kind.PRODUCTION


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_names(targets: Sequence[Target], firsts: Sequence[str]) -> list[Target]:
    """Targets with the names that they were given or, by first choice, take; two that would be equal take the whole host."""
    wanted = Counter(target.name or first for target, first in zip(targets, firsts, strict=True))
    return [
        target if target.name else replace(target, name=first if wanted[first] == 1 else _whole_host(target))
        for target, first in zip(targets, firsts, strict=True)
    ]


def _first_label(target: Target) -> str:
    host = urlsplit(target.url).hostname or ""
    is_name = "." in host and not re.fullmatch(r"[\d.]+", host)
    return host.partition(".")[0] if is_name else _whole_host(target)


def _whole_host(target: Target) -> str:
    parts = urlsplit(target.url)
    host = (parts.hostname or "").replace(":", "-").strip("-") or "0"  # an IPv6 address: [::1] is 1, [::] is 0
    return f"{host}-{parts.port}" if parts.port else host


def _without_credentials(value: str) -> str:
    """``value`` with all that stands before its last `@` hidden, but for a name and a scheme: a password may hold `/` and `@`."""
    front, _, end = value.rpartition("@")
    begin = re.match(r"(?:[^/:=@]*=)?(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?", front)
    return f"{begin[0] if begin else ''}***@{end}" if front else value


def hash_address(target: Target) -> tuple[str, str] | None:
    """Project and short id of a deployment's own address (`5be8c75c.example.pages.dev`); None for any other."""
    match = re.fullmatch(r"([0-9a-f]{8})\.([^.]+)\.pages\.dev", urlsplit(target.url).hostname or "")
    return (match[2], match[1]) if match else None


def may_be_of(target: Target, project: str) -> bool:
    """Whether this can be an address of the Pages project: a domain of its own does not tell."""
    match = re.fullmatch(r"(?:[^.]+\.)?([^.]+)\.pages\.dev", urlsplit(target.url).hostname or "")
    return match is None or match[1] == project
