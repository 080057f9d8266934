"""`base_url` in a run with `--pagesmoke=…`: the target's, so that tests that ask for it run once for each.

A module, and registered when the session starts: so it comes before the plugins' fixtures of this name, and after a conftest's.
"""

from __future__ import annotations

import pytest

from pytest_pagesmoke.model import Target


@pytest.fixture(scope="session")
def base_url(pagesmoke_target: Target) -> str:
    """The address of the target under test."""
    return pagesmoke_target.url
