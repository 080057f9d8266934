"""Under xdist the controller asks, once for the run: a worker sends which check it runs, and hears what came of it.

Not with `--dist each`, where every worker looks for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

import pytest

from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.plugin.overrides import Overrides
from pytest_pagesmoke.plugin.results import sendable
from pytest_pagesmoke.verdict import Outcome

_CHANNEL_KEY: Final = "pagesmoke_asking"


def serve(node: Any, look: Callable[[str, Overrides, bool], Outcome]) -> None:
    """Controller: answer a worker's questions by ``look``. (`Any`: xdist is optional, and its nodes have no types.)"""
    channel = node.gateway.newchannel()
    node.workerinput[_CHANNEL_KEY] = channel

    def answer(question: dict[str, Any]) -> None:
        try:
            said = sendable(asdict(look(question["check"], Overrides(**question["overrides"]), question["by_target"])))
        except CancelledError:
            said = {"error": ""}
        except Exception as error:  # noqa: BLE001 - whatever it is: a worker waits for an answer, and would for ever
            said = {"error": f"{type(error).__name__}: {error}"}
        with suppress(OSError):  # the worker is gone
            channel.send(said)

    def begin(question: dict[str, Any]) -> None:
        # The callback runs in the thread that reads all of the workers' messages: it must not wait itself.
        threading.Thread(target=answer, args=[question], name="pagesmoke-answer", daemon=True).start()

    channel.setcallback(begin)


class Controller:
    """Worker: the controller, which looks for it. ``of`` is None where each process looks for itself."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    @classmethod
    def of(cls, config: pytest.Config) -> Controller | None:
        channel = getattr(config, "workerinput", {}).get(_CHANNEL_KEY)
        return None if channel is None else cls(channel)

    def look(self, check: PlannedLive, overrides: Overrides, *, by_target: bool) -> Outcome:
        """Wait for what comes of ``check``. Raises CancelledError when the run is stopped, RuntimeError for an error of ours."""
        # Builtins only can travel. What a fixture gave may be a kind of text of its own.
        laid_over = {
            "headers": {str(name): str(value) for name, value in overrides.headers.items()},
            "timeout_s": None if overrides.timeout_s is None else float(overrides.timeout_s),
            "user_agent": None if overrides.user_agent is None else str(overrides.user_agent),
        }
        self._channel.send({"check": check.id, "overrides": laid_over, "by_target": by_target})
        # Bounded by what the controller does; where that died, the channel is closed and raises.
        said: dict[str, Any] = self._channel.receive()
        if (error := said.get("error")) is not None:
            raise RuntimeError(f"the controller failed: {error}") if error else CancelledError("the run is stopped")
        return Outcome(**{**said, "record": CheckRecord(**said["record"])})
