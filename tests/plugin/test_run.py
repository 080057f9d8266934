"""A run against a site: ids, outcomes, exit status, plain and under xdist."""

from __future__ import annotations

import pytest

from kit import GOOD_SITE, Serve

CHECKLIST = [
    "pagesmoke.toml::test_page[production-/]",
    "pagesmoke.toml::test_page[production-/login]",
    "pagesmoke.toml::test_health[production-/api/health/status]",
    "pagesmoke.toml::test_asset[production-/static/app.js]",
]


def test_a_good_site_is_green(pytester: pytest.Pytester, serve: Serve) -> None:
    site = serve(GOOD_SITE)
    result = pytester.runpytest_subprocess(f"--base-url={site.url}")
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["local * GOOD * healthy * 2/2 * 1/1 *"])


def test_collecting_asks_nothing(pytester: pytest.Pytester, serve: Serve) -> None:
    site = serve(GOOD_SITE)
    result = pytester.runpytest_subprocess("--collect-only", "-q", f"--pagesmoke=production={site.url}")
    assert result.ret == 0
    assert result.outlines[:4] == CHECKLIST
    assert site.asked == []
