"""The one local server of a run, wherever its checks run: in this process, or in xdist's workers, which ask for its address."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from pytest_pagesmoke.settings import SetUpError
from pytest_pagesmoke.wrangler.server import LocalServer, NotStarted, Started
from pytest_pagesmoke.wrangler.tools import find_wrangler

CHANNEL_KEY: Final = "pagesmoke_local"
_WAIT_S: Final = 200.0  # more than LocalServer.wait ever takes; only a controller that died lets it pass


class LocalAddress(Protocol):
    """Where the local server listens."""

    def begin(self) -> None:
        """Begin to start it, and return at once."""

    def wait(self) -> Started | NotStarted:
        """Wait until it is ready or has failed."""

    def stop(self) -> None:
        """End it, where it is this process that started it."""


def local_address(config: pytest.Config, *, folder: Path, shown: Path, project: Path) -> LocalAddress:
    """Where the local server listens. Raises SetUpError where it is to start here, and there is no wrangler."""
    if hasattr(config, "workerinput"):
        return SharedAddress(config)
    return local_server(folder=folder, shown=shown, project=project)


def local_server(*, folder: Path, shown: Path, project: Path) -> LocalServer:
    """The server of the local target, of ``folder``, which is ``shown`` to the user. Raises SetUpError where there is no wrangler."""
    wrangler = find_wrangler(project)
    if wrangler is None:
        raise SetUpError(
            "--pagesmoke=local needs wrangler, and there is none in node_modules here or above, nor on the PATH. "
            "Install it: npm install --save-dev wrangler"
        )
    return LocalServer(wrangler, folder=folder, shown=shown, project=project)


def share(server: LocalAddress, node: Any) -> None:
    """Controller: answer a worker's question for the address. (`Any`: xdist is optional, and its nodes have no types.)"""
    channel = node.gateway.newchannel()
    node.workerinput[CHANNEL_KEY] = channel

    def answer() -> None:
        outcome = server.wait()
        with suppress(OSError):  # the worker is gone
            channel.send({"started": isinstance(outcome, Started), **asdict(outcome)})

    # The callback runs in the thread that reads all of the workers' messages: it must not wait itself.
    channel.setcallback(lambda _: threading.Thread(target=answer, name="pagesmoke-share", daemon=True).start())


class SharedAddress:
    """Worker: the address of the controller's server, which begins to start when the first worker asks."""

    def __init__(self, config: pytest.Config) -> None:
        # Only there where the run has a local target. (`type: ignore`: xdist sets it in its workers.)
        self._channel: Any = config.workerinput.get(CHANNEL_KEY)  # type: ignore[attr-defined]

    def begin(self) -> None:
        """Nothing: a worker does not ask ahead."""

    def stop(self) -> None:
        """Nothing: it is the controller's."""

    def wait(self) -> Started | NotStarted:
        """Wait until the controller says where it listens, or why it does not."""
        self._channel.send("where")
        said: dict[str, Any] = self._channel.receive(timeout=_WAIT_S)
        return Started(**said) if said.pop("started") else NotStarted(**said)
