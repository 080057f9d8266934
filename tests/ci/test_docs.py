"""What docs/ci.md shows is what the examples do, and what a shell says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ci.machine import EXAMPLES
from kit import ROOT

TEXT = (ROOT / "docs" / "ci.md").read_text("utf-8")
SHOWN = re.findall(r"^    \$ (.+)\n    (.+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_a_trap_is_one(command: str, output: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=10, check=False
    )
    assert done.stdout == f"{output}\n"


def test_the_traps_are_shown() -> None:
    assert len(SHOWN) == 3


def test_the_commands_are_those_of_the_example() -> None:
    example = (EXAMPLES / "github-actions.yml").read_text()
    commands = re.findall(r"^    ((?:npx wrangler|pytest) .+)$", TEXT, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert re.search(rf"{re.escape(command)}$", example, re.MULTILINE), command


def test_the_jobs_are_those_of_the_examples() -> None:
    told = re.findall(r"^\| `([a-z-]+)` \|", TEXT.partition("## ")[0], re.MULTILINE)
    yaml = YAML(typ="safe", pure=True)
    assert told == list(yaml.load(EXAMPLES / "github-actions.yml")["jobs"])
    pipeline = yaml.load(EXAMPLES / "gitlab-ci.yml")
    assert told == [name for name, job in pipeline.items() if isinstance(job, dict) and "script" in job]


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https:)([^)#]+)", TEXT):
        assert (ROOT / "docs" / link).is_file(), link
