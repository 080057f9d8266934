"""Whether this run asks for checks, and how: by options, by a typed `--base-url`, by naming `pagesmoke.toml`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import pytest

from pytest_pagesmoke.plugin.every_run import FILE_NAME, WORKERINPUT_KEY, base_url_of, is_typed

DEPLOYMENTS_KEY: Final = "pagesmoke_deployments"


@dataclass(frozen=True, kw_only=True)
class Activation:
    """What the command line asks for.

    ``file`` is the settings file that was named, empty where none was. ``collect`` is "yes", "if-alone" (a typed `--base-url`: only where nothing else is collected) or "no" (other paths were named).
    ``chosen`` are the tests named behind `pagesmoke.toml::`, empty for all; ``other_args`` the paths that are pytest's own. ``settle_s``: for how
    many seconds at most to ask until everything is stable, None where that was not asked for. ``same_as`` is what they are compared with. ``build`` is the commit that the targets must be, empty where none was given.
    ``reports`` are the files to write, ``replay`` is the report to judge again, as they were typed.
    """

    what: list[str]
    base_url: str
    collect: str
    chosen: list[str]
    other_args: list[str]
    file: str = ""
    settle_s: float | None = None
    build: str = ""
    same_as: str = ""
    reports: list[str] = field(default_factory=list)
    replay: str = ""


def activation_of(config: pytest.Config) -> Activation | None:
    """The activation, None for a run that has nothing to do with us. An xdist worker takes its controller's."""
    workerinput: dict[str, object] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        activation = workerinput.get(WORKERINPUT_KEY)
        return Activation(**activation) if isinstance(activation, dict) else None

    what: list[str] = config.getoption("pagesmoke")
    settle_s = _settle_s(config)
    build = _build(config)
    same_as: str | None = config.getoption("pagesmoke_same_as")
    if same_as is not None and not same_as.strip():
        raise pytest.UsageError(
            "--pagesmoke-same-as is empty: an unset variable? It takes the address of another deployment, or a target of the settings"
        )
    typed = is_typed(config, "--base-url")
    named, other_args, file = _split(config)
    reports = _reports(config)
    replay = _replay(config, what=what, typed=typed)
    if not (what or typed or replay or named is not None):
        # In addopts these stand for the runs that have something to check.
        for option in ("--pagesmoke-settle", "--pagesmoke-build", "--pagesmoke-same-as", "--pagesmoke-report"):
            if is_typed(config, option):
                raise pytest.UsageError(
                    f"{option} is about a site, and none is named: add --base-url=URL or --pagesmoke=WHAT (a URL, local)"
                )
        return None
    base_url = base_url_of(config) if typed else ""
    if typed and not base_url.strip():
        raise pytest.UsageError(
            "--base-url is empty: an unset variable? It takes the address to check, https://www.example.com"
        )
    if not (what or base_url or replay):
        raise pytest.UsageError(
            f"{FILE_NAME} names checks, and nothing to check: add --base-url=URL or --pagesmoke=WHAT (a URL, local, dist)"
        )

    paths_typed = config.args_source is pytest.Config.ArgsSource.ARGS
    if named is not None:
        collect = "yes"
    elif paths_typed:
        collect = "no"
    else:
        collect = "yes" if what or replay else "if-alone"
    return Activation(
        what=what,
        base_url=base_url,
        collect=collect,
        chosen=named or [],
        other_args=other_args,
        file=file,
        settle_s=None if replay else settle_s,
        build=build,
        same_as="" if replay else (same_as or "").strip(),
        reports=reports,
        replay=replay,
    )


def for_workers(activation: Activation) -> dict[str, object]:
    """The activation as builtins, which is all that travels to xdist's workers."""
    return asdict(activation)


def _settle_s(config: pytest.Config) -> float | None:
    given: str | None = config.getoption("pagesmoke_settle")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise pytest.UsageError(f"--pagesmoke-settle={given}: takes a number of seconds above 0, --pagesmoke-settle=60")
    return seconds


def _reports(config: pytest.Config) -> list[str]:
    given: list[str] = config.getoption("pagesmoke_report")
    for value in given:
        if not value.lower().endswith((".json", ".md")):
            raise pytest.UsageError(
                f"--pagesmoke-report={value}: takes a file whose name ends in .json or .md; this version writes no other reports"
            )
    return given


def _replay(config: pytest.Config, *, what: list[str], typed: bool) -> str:
    given: str | None = config.getoption("pagesmoke_replay")
    if given is None:
        return ""
    if not given.strip():
        raise pytest.UsageError("--pagesmoke-replay is empty: it takes the report to judge again, report.json")
    others = {
        "--pagesmoke": bool(what),
        "--base-url": typed,
        "--pagesmoke-settle": is_typed(config, "--pagesmoke-settle"),
        "--pagesmoke-same-as": is_typed(config, "--pagesmoke-same-as"),
        "--pagesmoke-init": bool(config.getoption("pagesmoke_init")),
    }
    if both := [option for option, is_given in others.items() if is_given]:
        raise pytest.UsageError(
            f"--pagesmoke-replay judges what an earlier run saw, and asks nothing: leave out {', '.join(both)}"
        )
    return given


def _build(config: pytest.Config) -> str:
    """The value of `--pagesmoke-build`, empty where it is not given."""
    value: str | None = config.getoption("pagesmoke_build")
    if value is None:
        return ""
    build = value.strip()
    if not build:
        raise pytest.UsageError(
            "--pagesmoke-build is empty: an unset variable? It takes the commit that the site must be, $(git rev-parse HEAD)"
        )
    if not build.isprintable() or " " in build:
        raise pytest.UsageError(
            f"--pagesmoke-build={build!r}: takes a commit's hash, whole or abbreviated, or another name of a build without white space"
        )
    return build


def _split(config: pytest.Config) -> tuple[list[str] | None, list[str], str]:
    """The tests named behind `pagesmoke.toml` (None where it is not named), all other arguments, and which file that is."""
    folders = {config.invocation_params.dir.resolve(), config.rootpath.resolve()}
    named: list[str] | None = None
    others: list[str] = []
    files: dict[str, None] = {}
    whole = False
    for arg in config.args:
        file, _, test = arg.partition("::")
        path = Path(config.invocation_params.dir, file)
        if path.name == FILE_NAME and (path.is_file() or path.parent.resolve() in folders):
            named = [*(named or []), *([test] if test else [])]
            whole = whole or not test
            if path.is_file():
                files[str(path.resolve())] = None
        else:
            others.append(arg)
    if len(files) > 1:
        raise pytest.UsageError(f"one settings file a run, not {len(files)}: {', '.join(files)}")
    return ([] if whole else named), others, next(iter(files), "")
