"""The fixture `base_url` where neither pytest-base-url nor pytest-playwright is there to define it: the same as theirs.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def base_url(pytestconfig: pytest.Config) -> str | None:
    """The address of the application under test: of --base-url, the ini key base_url or PYTEST_BASE_URL."""
    return pytestconfig.getoption("base_url") or pytestconfig.getini("base_url") or None
