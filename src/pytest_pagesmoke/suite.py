"""What is checked: the built-in tests, one for each kind of check. Each runs once for each target and entry of the settings."""

import pytest

from pytest_pagesmoke.verdict import PendingCheck, expect_passed

pytestmark = pytest.mark.pagesmoke


def test_dist(_pagesmoke_check: PendingCheck) -> None:
    """The build output is whole: it exists, and holds its worker and its routes."""
    expect_passed(_pagesmoke_check)


def test_page(_pagesmoke_check: PendingCheck) -> None:
    """A page answers 200 with HTML of its own, which is not the site's answer to any address."""
    expect_passed(_pagesmoke_check)


def test_health(_pagesmoke_check: PendingCheck) -> None:
    """The health endpoint answers 200 with JSON that says healthy, fresh and in every part."""
    expect_passed(_pagesmoke_check)


def test_asset(_pagesmoke_check: PendingCheck) -> None:
    """A static file answers 200 with content of its own type."""
    expect_passed(_pagesmoke_check)
