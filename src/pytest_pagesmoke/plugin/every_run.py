"""What every run needs to know of this plugin, active or not: kept small, for those that have nothing to do with it.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pytest_pagesmoke.plugin.active import ActiveRun

FILE_NAME: Final = "pagesmoke.toml"  # settings.FILE_NAME, which an inactive run does not import
WORKERINPUT_KEY: Final = "pagesmoke"
#: In the ini file: whether the summary of a CI job is added to.
STEP_SUMMARY_KEY: Final = "pagesmoke_step_summary"
#: Where an active run keeps its state.
ACTIVE: Final[pytest.StashKey[ActiveRun]] = pytest.StashKey()


def may_be_active(config: pytest.Config) -> bool:
    """Whether anything at all was given that could ask for checks; `activation.py` tells whether it does. An xdist worker knows."""
    workerinput: dict[str, object] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        return WORKERINPUT_KEY in workerinput
    own = (value for name, value in vars(config.option).items() if name.startswith("pagesmoke"))
    return (
        any(value not in (None, False, []) for value in own)  # an empty text is a mistake, to be said
        or is_typed(config, "--base-url")
        or any(FILE_NAME in arg for arg in config.args)
    )


def is_typed(config: pytest.Config, option: str) -> bool:
    """Whether ``option`` stands on the command line itself, or in a file that it names: addopts and PYTEST_ADDOPTS are not in these."""
    return any(arg == option or arg.startswith(f"{option}=") for arg in _typed(config))


def _typed(config: pytest.Config) -> Iterator[str]:
    for arg in map(str, config.invocation_params.args):
        yield arg
        if arg.startswith("@"):  # pytest's own way, since 8.2: a line an argument
            yield from Path(config.invocation_params.dir, arg[1:]).read_text("utf-8", errors="replace").splitlines()


def base_url_of(config: pytest.Config) -> str:
    """The value of `--base-url`, by the option's name: where a project has an option of its own, that may keep it anywhere."""
    return str(config.getoption("--base-url", None) or "")
