"""The fixtures of the built-in tests."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.plugin.active import ACTIVE
from pytest_pagesmoke.verdict import PendingCheck


@pytest.fixture
def _pagesmoke_check(request: pytest.FixtureRequest) -> PendingCheck:
    """The check that this call of a built-in test is for."""
    return PendingCheck(request.param, request.config.stash[ACTIVE].look)
