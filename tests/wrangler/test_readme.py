"""What the README shows is what the example site's two runs print."""

from __future__ import annotations

import re

import pytest

from kit import ROOT
from project import Project


def shown(name: str) -> list[str]:
    """The blocks that the README shows as output of this run."""
    readme = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"<!-- output: {name} -->\n```\n(.*?)```", readme, re.DOTALL)


def without_what_varies(text: str) -> str:
    """Ports and times differ from run to run, and with the times the width of pytest's rules."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"\d+\.\d+ ?s\b", "N s", text)
    text = re.sub(r"=+ (.*?) =+", r"= \1 =", text)
    return "\n".join(re.sub(r"  +", "  ", line).rstrip() for line in text.splitlines())


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
