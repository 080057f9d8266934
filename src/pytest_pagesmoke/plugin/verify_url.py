"""Beside pytest-base-url, in a run with `--pagesmoke=…`: its autouse fixture asks for base_url in every test, and would multiply them all."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _verify_url() -> None:
    """In place of pytest-base-url's: the built-in checks verify more than that an address answers."""
