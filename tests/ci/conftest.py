"""A Cloudflare on loopback, and the road to it on either CI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.cloudflare import Cloudflare
from ci.roads import GitHub, GitLab, Road
from kit import SITE


@pytest.fixture
def cloudflare() -> Iterator[Cloudflare]:
    cloudflare = Cloudflare()
    yield cloudflare
    cloudflare.close()


@pytest.fixture(params=[GitHub, GitLab], ids=["github", "gitlab"])
def road(request: pytest.FixtureRequest, tmp_path: Path, cloudflare: Cloudflare) -> Road:
    assert (SITE / "node_modules" / ".bin" / "wrangler").exists(), "run `make test`, which installs wrangler"
    road: Road = request.param(tmp_path, cloudflare)
    return road
