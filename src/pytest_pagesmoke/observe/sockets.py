"""Sockets of our own: what keeps a project's tests from the network (pytest-socket) is not meant for what asks behind them.

Such a guard stands in the place of Python's classes and functions, for all threads of the process, and comes and goes with each test.
So these are made from what lies below.
"""

from __future__ import annotations

import _socket
import socket
from types import FunctionType, SimpleNamespace
from typing import Any, Final

# Python's own: a guard that stands in its place already is derived from it. (`Any`: mypy takes no value for a base.)
_Plain: Any = next(kind for kind in socket.socket.__mro__ if kind.__module__ == "socket")

#: Looks a name up: `socket.getaddrinfo` calls this.
getaddrinfo: Final = _socket.getaddrinfo


class OwnSocket(_Plain):  # type: ignore[misc]  # see above
    """A socket that connects, whatever `socket.socket` and its methods are at the time."""

    connect = _socket.socket.connect


# `Any`, here and below: code and globals are those of functions alone, and mypy takes a function for what can be called.
def with_own_sockets(function: Any) -> Any:
    """The same function of a library, but that the sockets which it makes are ours."""
    return _with(function, SimpleNamespace(**{**vars(socket), "socket": OwnSocket, "socketpair": _socketpair}))


def _with(function: Any, sockets: Any) -> Any:
    its_globals = {**function.__globals__, "socket": sockets}
    return FunctionType(function.__code__, its_globals, function.__name__, function.__defaults__, function.__closure__)


#: In its own module `socket` is the class.
_socketpair: Final = _with(socket.socketpair, OwnSocket)
