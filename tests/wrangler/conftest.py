"""The real wrangler, on small sites that each test writes."""

from __future__ import annotations

import pytest

from kit import SITE
from project import Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    assert (SITE / "node_modules" / ".bin" / "wrangler").exists(), "run `make test`, which installs wrangler"
    return Project(pytester, monkeypatch)


@pytest.fixture
def built_site() -> dict[str, bytes]:
    """The example site's own build, to be written as it is or damaged."""
    dist = SITE / "dist"
    assert (dist / "_worker.js").is_file(), "run `make test`, which builds the example site"
    return {path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()}
