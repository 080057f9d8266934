"""Servers that misbehave, and certificates, for the tests of what observes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from observe.hostile import Certificates, Hostile


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    servers = Hostile()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))
