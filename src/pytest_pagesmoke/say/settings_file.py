"""The settings file that `--pagesmoke-init` writes, with what was seen as comments."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pytest_pagesmoke.model import Target
from pytest_pagesmoke.pin import Build, Health, Pins
from pytest_pagesmoke.say.harmless import harmless

_WIDTH: Final = 100
_HEAD: Final = "What pytest-pagesmoke checks here. --pagesmoke-init wrote it from what it saw; it is yours to change."
_SPA: Final = (
    "A single-page application: unknown addresses answer its home page with 200. A site that has lost its worker looks the "
    "same. If this one should have a worker, or functions, remove this line."
)
_LINKED: Final = "Its scripts and styles have other names in each build: whatever this page names must load."
_NOT_FOUND: Final = "An address that cannot exist. A site that answers it like any other may have lost its worker."
_FORBIDDEN: Final = "No worker was there, so none may be."
_HALF: Final = (
    "Half of today's size ({:,} bytes), with all that it imports: a build that lost a part of the code is smaller."
)
_CREDENTIALS: Final = (
    "It was asked with a user and a password. They are no text for this file: set the variable to `Basic …`."
)


def settings_file(pins: Pins, build: Build | None, targets: Sequence[Target]) -> str:
    """The text of `pagesmoke.toml`. ``targets`` are those whose addresses are to be kept."""
    blocks = [_comment(_HEAD), *_site(pins)]
    if build is not None:
        blocks += ["", *_build(build)]
    for target in targets:
        blocks += ["", *_target(target)]
    return "\n".join(blocks) + "\n"


def _site(pins: Pins) -> Iterator[str]:
    if pins.spa:
        yield from ("", _comment(_SPA), "spa = true")
    if pins.pages:
        yield from ("", f"pages = {_value(pins.pages)}")
    if pins.health:
        yield from (_comment(f"It said: {harmless(pins.health.said)}"), f"health = [{_health(pins.health)}]")
    if pins.assets:
        yield f"assets = {_value(pins.assets)}"
    if pins.linked:
        yield from (_comment(_LINKED), f"linked = {_value(pins.linked)}")
    if pins.not_found:
        yield from (_comment(_NOT_FOUND), f"not_found = {_value(pins.not_found)}")


def _build(build: Build) -> Iterator[str]:
    yield "[dist]"
    if build.path:
        yield f"path = {_value(build.path)}"
    if build.worker == "forbidden":
        yield _comment(_FORBIDDEN)
    yield f"worker = {_value(build.worker)}"
    if build.worker_bytes is not None:
        yield from (_comment(_HALF.format(build.worker_bytes)), f"worker_min_bytes = {build.worker_bytes // 2:_}")
    if build.routes:
        yield 'routes = "required"'


def _target(target: Target) -> Iterator[str]:
    yield f"[targets.{_key(target.name)}]"
    yield f"url = {_value(target.url)}"
    if target.headers:
        yield from (_comment(_CREDENTIALS), 'headers = { Authorization = "${PAGESMOKE_AUTHORIZATION}" }')


def _health(health: Health) -> str:
    spec = health.spec
    table: dict[str, object] = {"path": spec.path}
    if spec.status != 200:
        table["status"] = spec.status
    if spec.expect:
        table["expect"] = spec.expect
    if spec.text:
        table["text"] = spec.text
    return _value(spec.path if len(table) == 1 else table)


def _comment(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False))


def _value(value: object) -> str:
    """A value as TOML writes it: its basic strings are those of JSON, but for the character 127; `${` begins a variable."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items()) + " }"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)
