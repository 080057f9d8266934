"""What the README shows is what the example site's runs print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit import ROOT, SITE, without_what_varies
from project import Project


def shown(name: str) -> list[str]:
    """The blocks that the README shows as output of this run."""
    readme = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"<!-- output: {name} -->\n```\n(.*?)```", readme, re.DOTALL)


def written(name: str) -> list[str]:
    """The files that the README shows under this name."""
    readme = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"<!-- {name} -->\n```(?:toml|python)\n(.*?)```", readme, re.DOTALL)


@pytest.mark.parametrize("name", ["good", "broken"])
def test_the_output_in_the_readme_is_real(
    name: str, project: Project, built_site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "broken":
        del built_site["_worker.js"]
    project.write({**built_site})
    monkeypatch.setenv("COLUMNS", "80")
    output = without_what_varies(project.run("--pagesmoke=dist", "--pagesmoke=local").stdout.str())
    blocks = shown(name)
    assert blocks
    for block in blocks:
        assert without_what_varies(block) in output


def test_init_in_the_readme_is_real(
    project: Project, built_site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({**built_site})
    monkeypatch.setenv("COLUMNS", "80")
    output = project.run("--pagesmoke=local", "--pagesmoke-init").stdout.str()
    assert [output.strip()] == [block.strip() for block in shown("init")]
    (pinned,) = written("pinned")
    assert (project.path / "pagesmoke.toml").read_text() == pinned


def test_the_settings_in_the_readme_fit_the_example(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    (settings,) = written("settings")
    (project.path / "pagesmoke.toml").write_text(settings)
    result = project.run("--pagesmoke=local")
    assert result.ret == 0
    result.assert_outcomes(passed=6)
    result = project.run("--pagesmoke=preview")
    assert result.ret == pytest.ExitCode.USAGE_ERROR  # but its variables must be set
    result.stderr.fnmatch_lines(["*PREVIEW_URL is not set*", "*CF_ACCESS_CLIENT_ID is not set*"])


def test_the_mistakes_in_the_readme_are_real(project: Project) -> None:
    mistaken = """
        pages = ["/", "login"]
        helth = ["/api/health/status"]
        [targets.preview]
        url = "${PREVIEW_URL}"
        """
    (project.path / "pagesmoke.toml").write_text(mistaken)
    result = project.run("--pagesmoke=preveiw", "--pagesmoke=preview")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    # What would be right, at the end of the last line, is left out of the README.
    shortened = [line.partition("; right would be")[0] for line in result.stderr.lines if line]
    assert [shortened] == [block.splitlines() for block in shown("wrong")]


def test_the_own_tests_in_the_readme_are_real(
    project: Project, built_site: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write({**built_site})
    monkeypatch.setenv("COLUMNS", "80")
    (pinned,), (own,) = written("pinned"), written("own tests")
    (project.path / "pagesmoke.toml").write_text(pinned)
    (project.path / "tests").mkdir()
    (project.path / "tests" / "test_site.py").write_text(own)
    output = without_what_varies(project.run("--pagesmoke=local").stdout.str())
    (block,) = shown("own tests")
    assert without_what_varies(block) in output
    result = project.run("--pagesmoke=production=http://127.0.0.1:1", "--collect-only", "-q", "tests")
    result.stdout.fnmatch_lines(["pagesmoke: left out 1 own test on production: not on production"])


@pytest.mark.usefixtures("built_site")
def test_the_demo() -> None:
    """What `make demo` runs when all is set up."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    demo = subprocess.run(
        [ROOT / "examples" / "demo.sh", SITE],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,  # two starts of wrangler take ten seconds
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.endswith("demo: green where the site is whole, red where its worker is missing.\n")
