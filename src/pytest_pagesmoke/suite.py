"""What is checked: the built-in tests, one for each kind of check. Each runs once for each target and entry of the settings."""

import pytest

from pytest_pagesmoke.verdict import PendingCheck, expect_passed

pytestmark = pytest.mark.pagesmoke


def test_dist(_pagesmoke_dist_check: PendingCheck) -> None:
    """The build output is whole: it exists, and holds its worker and its routes."""
    expect_passed(_pagesmoke_dist_check)


def test_page(_pagesmoke_check: PendingCheck) -> None:
    """A page answers with HTML of its own, which says what it should and is not the site's answer to any address."""
    expect_passed(_pagesmoke_check)


def test_health(_pagesmoke_check: PendingCheck) -> None:
    """The health endpoint answers, fresh, that the backend is healthy in every part."""
    expect_passed(_pagesmoke_check)


def test_asset(_pagesmoke_check: PendingCheck) -> None:
    """A static file answers 200 with content of its own type."""
    expect_passed(_pagesmoke_check)


def test_linked(_pagesmoke_check: PendingCheck) -> None:
    """The scripts, styles and images that a page names on its own site load."""
    expect_passed(_pagesmoke_check)


def test_answer(_pagesmoke_check: PendingCheck) -> None:
    """An address answers with the status, content, JSON and headers that the settings name."""
    expect_passed(_pagesmoke_check)


def test_redirect(_pagesmoke_check: PendingCheck) -> None:
    """An address leads to another one."""
    expect_passed(_pagesmoke_check)


def test_not_found(_pagesmoke_check: PendingCheck) -> None:
    """An address that must not exist is answered as one."""
    expect_passed(_pagesmoke_check)


def test_build(_pagesmoke_check: PendingCheck) -> None:
    """The site says that it is the build which `--pagesmoke-build` names."""
    expect_passed(_pagesmoke_check)


def test_same_as(_pagesmoke_check: PendingCheck) -> None:
    """An address serves what another deployment serves there."""
    expect_passed(_pagesmoke_check)
