"""Live targets beside the build output: assets are those that were built, or it is said where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import GOOD_SITE, Pytest, Serve

SCRIPT = "console.log(1);"


@pytest.fixture
def dist(pytester: pytest.Pytester) -> Path:
    """A build output that passes its own checks by the settings beside it, and holds the script of the good site."""
    (pytester.path / "pagesmoke.toml").write_text('pages = ["/"]\nassets = ["/static/app.js"]\n')
    folder = pytester.path / "dist"
    (folder / "static").mkdir(parents=True)
    (folder / "static" / "app.js").write_text(SCRIPT)
    return folder


def test_the_assets_of_the_build_output_are_live(dist: Path, serve: Serve, run_both: Pytest) -> None:
    site = serve(GOOD_SITE)
    result = run_both("--pagesmoke=dist", f"--pagesmoke=production={site.url}")
    result.assert_outcomes(passed=5)
    assert "not compared" not in result.stdout.str()

    (dist / "static" / "app.js").write_text("console.log(2);")
    result = run_both("--pagesmoke=dist", f"--pagesmoke=production={site.url}")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "asset-differs: expected the 15 bytes of dist/static/app.js (sha256 *…), got 15 bytes (sha256 *…)",
            "FAILED pagesmoke.toml::test_asset[[]production-/static/app.js] - asset-differs: *",
            "cause     wrong-build: *",
            "next      *npx wrangler pages deployment list",
            f"verify    pytest pagesmoke.toml --pagesmoke=dist --pagesmoke=production={site.url}",
        ]
    )
