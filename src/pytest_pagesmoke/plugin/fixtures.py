"""The fixtures: those of hand-written tests, those that a conftest.py may override, and what the built-in tests stand on.

They are there in every run. One that is not active skips what needs a target, and imports nothing for it.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pagesmoke.plugin.every_run import ACTIVE, NO_TARGET

if TYPE_CHECKING:
    from pytest_pagesmoke.model import Target
    from pytest_pagesmoke.observe.client import TargetClient
    from pytest_pagesmoke.plugin.active import ActiveRun
    from pytest_pagesmoke.plugin.overrides import Overrides
    from pytest_pagesmoke.verdict import PendingCheck


@pytest.fixture(scope="session")
def _pagesmoke_active(request: pytest.FixtureRequest) -> ActiveRun:
    """The state of a run that is active. Asked for first: in any other run nothing more is set up, nor of what a conftest.py overrides."""
    active = request.config.stash.get(ACTIVE, None)
    if active is None:
        pytest.skip(NO_TARGET)
    return active


@pytest.fixture(scope="session")
def pagesmoke_target(request: pytest.FixtureRequest, _pagesmoke_active: ActiveRun) -> Target:
    """The deployment under test: its `name`, `url` (without a slash at its end) and `kind` ('production', 'preview', 'local').

    A test that asks for it, or for a fixture that does, runs once for each `--pagesmoke=…`, the target's name in its id; with
    `--base-url` alone once, with its plain id. Without a target it is skipped.
    """
    return _pagesmoke_active.own.target(getattr(request, "param", None))


@pytest.fixture
def pagesmoke_client(
    _pagesmoke_active: ActiveRun, pagesmoke_target: Target, _pagesmoke_overrides: Overrides
) -> Iterator[TargetClient]:
    """An `httpx.Client` for the target: its address, headers and deadline; on production it sends GET, HEAD and OPTIONS only.

    The target's headers go to its own origin alone. `timeout_s` (seconds) bounds a whole exchange, redirects and body included, and
    raises `httpx.TimeoutException`. Anything but the three methods raises `pytest_pagesmoke.WriteRefused` on production, unless the
    test is marked `pagesmoke(writes=True)` and the run has `--pagesmoke-allow-writes`. A test that fails shows its last request.
    """
    client = _pagesmoke_active.own.client(pagesmoke_target, _pagesmoke_overrides)
    yield client
    client.close()


@pytest.fixture(scope="session")
def pagesmoke_client_factory(
    _pagesmoke_active: ActiveRun,
    pagesmoke_headers: dict[str, str],
    pagesmoke_timeout_s: float | None,
    pagesmoke_user_agent: str | None,
) -> Iterator[Callable[[Target], TargetClient]]:
    """Makes clients like pagesmoke_client, for fixtures of session scope: `pagesmoke_client_factory(pagesmoke_target)`.

    Each has cookies of its own. They are closed at the end of the run. Whether one may write, the test that runs decides: mark each
    that a fixture writes for. Where a fixture ends that was set up for such a test, it may undo what it wrote, whichever test was the last.
    """
    from pytest_pagesmoke.plugin.overrides import read_overrides

    overrides = read_overrides(pagesmoke_headers, pagesmoke_timeout_s, pagesmoke_user_agent)
    clients: list[TargetClient] = []

    def make(target: Target) -> TargetClient:
        clients.append(_pagesmoke_active.own.client(target, overrides))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def pagesmoke_dist(_pagesmoke_active: ActiveRun) -> Path:
    """The build output's `Path`, in a run that checks it (`--pagesmoke=dist`, a folder) or serves it (`local`); else the test is skipped."""
    return _pagesmoke_active.own.dist()


@pytest.fixture(scope="session")
def pagesmoke_headers() -> dict[str, str]:
    """Headers laid over those of the settings; to be overridden in a conftest.py. An empty text leaves a header out."""
    return {}


@pytest.fixture(scope="session")
def pagesmoke_timeout_s() -> float | None:
    """Seconds for a whole exchange, in place of the settings' timeout_s; to be overridden in a conftest.py. None: as they have it."""
    return None


@pytest.fixture(scope="session")
def pagesmoke_user_agent() -> str | None:
    """The User-Agent, in place of the settings' user_agent; to be overridden in a conftest.py. None: as they have it."""
    return None


@pytest.fixture(scope="session")
def _pagesmoke_overrides_take_session_scope(
    pagesmoke_headers: dict[str, str],
    pagesmoke_timeout_s: float | None,
    pagesmoke_user_agent: str | None,
) -> None:
    """Makes pytest refuse an override of a narrower scope: all checks of a target are asked at once, with the same."""


@pytest.fixture
def _pagesmoke_overrides(
    _pagesmoke_overrides_take_session_scope: None,
    pagesmoke_headers: dict[str, str],
    pagesmoke_timeout_s: float | None,
    pagesmoke_user_agent: str | None,
) -> Overrides:
    """What is laid over the settings where this test stands. (Of session scope, it would be what the first test of the run had.)"""
    from pytest_pagesmoke.plugin.overrides import read_overrides

    return read_overrides(pagesmoke_headers, pagesmoke_timeout_s, pagesmoke_user_agent)


@pytest.fixture
def _pagesmoke_check(
    request: pytest.FixtureRequest, _pagesmoke_active: ActiveRun, _pagesmoke_overrides: Overrides
) -> PendingCheck:
    """The check of a running site that this call of a built-in test is for."""
    return _pagesmoke_active.pending(request.param, _pagesmoke_overrides)


@pytest.fixture
def _pagesmoke_dist_check(request: pytest.FixtureRequest, _pagesmoke_active: ActiveRun) -> PendingCheck:
    """The check of the build output that this call of a built-in test is for."""
    return _pagesmoke_active.pending(request.param)
