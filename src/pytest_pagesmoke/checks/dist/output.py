"""`test_dist[dist]`: there is a build output."""

from __future__ import annotations

from typing import ClassVar, Final

from pytest_pagesmoke.checks.dist.files import is_asset
from pytest_pagesmoke.model import DistSpec, DistTree, Finding, Judgement, Rule

DIST_MISSING = Rule(
    id="dist-missing",
    title="There is no build output",
    cause="The build did not run, failed, or writes to another folder.",
    fix="Run the build and read what it says. Another folder: `--pagesmoke=./that/folder/`.",
)
DIST_EMPTY = Rule(
    id="dist-empty",
    title="The build output holds nothing to deploy",
    cause="The build failed after it had emptied the folder, or a cache or artifact was restored without content. Deployed like this, it wipes the site.",
    fix="Run the build and read what it says; in CI, check that the step that hands the folder over found it.",
)

_SHOWN: Final = 6


def nothing_to_deploy(tree: DistTree) -> bool:
    """Whether neither an asset nor a worker stands in the build output."""
    return tree.worker is None and not any(map(is_asset, tree.files))


class OutputCheck:
    part: ClassVar[str] = "dist"
    rules: ClassVar[tuple[Rule, ...]] = (DIST_MISSING, DIST_EMPTY)

    def judge(self, spec: DistSpec, tree: DistTree) -> Judgement:  # noqa: ARG002 - it must be there whatever is asked of it
        if tree.kind != "folder":
            actual = "no such folder" if tree.kind == "missing" else "a file"
            yield Finding(rule=DIST_MISSING, subject=tree.path, expected=f"the folder {tree.path}", actual=actual)
        elif nothing_to_deploy(tree):
            names = sorted(tree.files)
            shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
            actual = f"only {shown}" if names else "an empty folder"
            yield Finding(rule=DIST_EMPTY, subject=tree.path, expected="a build output with files", actual=actual)
