"""Whatever the libraries and Python can raise comes out of `explain` as a reason of the closed list, and as a line for a person."""

from __future__ import annotations

import asyncio
import gc
import importlib
import pkgutil
import socket
import ssl
import zlib
from collections.abc import Iterator
from types import SimpleNamespace

import anyio
import h2.exceptions
import h11
import hpack
import httpcore
import httpx
import hyperframe.exceptions
import idna
import pytest
import truststore

from observe.test_failures import caused_by, explained
from pytest_pagesmoke.model import Reason

#: Whose exceptions may come over what a server does.
LIBRARIES = (httpx, httpcore, h11, h2, hpack, hyperframe, idna, anyio, truststore)
MODULES = {module.__name__ for module in (*LIBRARIES, asyncio, socket, ssl, zlib)} | {"builtins", "json", "binascii"}
#: Attempts at making one, in order: what most take, and what some insist on.
ARGUMENTS: tuple[tuple[object, ...], ...] = (
    ("some words",),
    (),
    (7,),
    (7, "some words"),
    (7, 9),
    ("utf-8", b"\xff", 0, 1, "some words"),
    ("ascii", "\xff", 0, 1, "some words"),
    ("\xff", 0, 1, "some words"),
    ("some words", [ValueError("some words")]),
    ("some words", "in a document", 0),
    (b"part", 9),
    (SimpleNamespace(formatted="some words", msg="some words", type=SimpleNamespace(__name__="Error")),),
)


def every_exception() -> Iterator[type[Exception]]:
    for library in LIBRARIES:
        for module in pkgutil.walk_packages(library.__path__, f"{library.__name__}."):
            try:
                importlib.import_module(module.name)
            except Exception:  # noqa: BLE001 - a part that needs what is not installed, or another system
                continue
    gc.collect()  # else those of a module that could not be imported may be there yet, or not
    waiting: list[type[Exception]] = [Exception]
    found: dict[type[Exception], None] = {}
    while waiting:
        kind = waiting.pop()
        if kind not in found:
            found[kind] = None
            waiting += kind.__subclasses__()
    yield from (kind for kind in found if kind.__module__.partition(".")[0].lstrip("_") in MODULES)


def made(kind: type[Exception]) -> Iterator[Exception]:
    """With words and without, as far as it can be made so."""
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://127.0.0.1")
        yield kind("", request=request, response=httpx.Response(500, request=request))
    for args in ARGUMENTS:
        try:
            yield kind(*args)
        except (TypeError, ValueError, AttributeError):
            continue


def wrapped(error: Exception) -> Iterator[BaseException]:
    """The ways in which it may come."""
    yield error
    yield caused_by(httpx.ConnectError(""), error)
    yield caused_by(httpx.ReadError(""), caused_by(httpcore.ReadError(), error))
    yield ExceptionGroup("", [error])
    yield caused_by(OSError(), ExceptionGroup("", [ExceptionGroup("", [error]), ValueError()]))
    hidden = RuntimeError()
    hidden.__context__, hidden.__suppress_context__ = error, True
    yield hidden


class Speechless(Exception):
    """As exceptions are whose words are put together from what they were not given."""

    def __str__(self) -> str:
        raise AttributeError("formatted")


EXCEPTIONS = sorted(set(every_exception()), key=lambda kind: (kind.__module__, kind.__qualname__))


def test_all_are_looked_at() -> None:
    modules = {kind.__module__.partition(".")[0] for kind in EXCEPTIONS}
    assert modules >= {
        httpx.__name__,
        httpcore.__name__,
        "h11",
        "h2",
        "hpack",
        "hyperframe",
        "idna",
        "anyio",
        "ssl",
        "socket",
        "zlib",
        "builtins",
    }
    assert len(EXCEPTIONS) > 150
    assert [kind for kind in EXCEPTIONS if not [*made(kind)]] == [h11.ProtocolError]  # which is abstract


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_each_is_explained(kind: type[Exception]) -> None:
    for error in made(kind):
        for outer in wrapped(error):
            explained(outer)  # which holds the answer to what must hold for all of them


def test_one_whose_words_raise() -> None:
    assert explained(Speechless()) == (Reason.PROTOCOL, "an error that says nothing of itself (Speechless)")
    for outer in wrapped(Speechless()):
        explained(outer)
