"""The pytest plugin. Inactive it costs an option and a marker: everything else is imported where a run asks for checks, or a test is marked.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from pytest_pagesmoke.plugin import base_url, every_run, fixtures


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pagesmoke", "smoke tests of Cloudflare Pages deployments (pytest-pagesmoke)")
    group.addoption(
        "--pagesmoke",
        action="append",
        default=[],
        metavar="WHAT",
        help="check WHAT: a URL, NAME=URL, 'local' (starts `wrangler pages dev` on the build output), 'dist' or a folder with a "
        "slash in it (the build output itself), @FILE (the deployment that wrangler wrote to its output file); or a target that the settings name. "
        "Repeatable: all are checked and compared.",
    )
    group.addoption(
        "--pagesmoke-build",
        metavar="COMMIT",
        help="the targets must say that they are this build: a commit, whole or abbreviated. The settings say where they do: "
        'build = { path = "/version.json", json = "commit" }.',
    )
    group.addoption(
        "--pagesmoke-init",
        action="store_true",
        help="look at what --base-url and --pagesmoke name, and at the build output and wrangler's configuration here; write it down as "
        "pagesmoke.toml. Runs no test.",
    )
    group.addoption(
        "--pagesmoke-settle",
        metavar="SECONDS",
        help="after a deployment or a rollback: keep asking until everything passes in several rounds in a row, or SECONDS are over.",
    )
    group.addoption(
        "--pagesmoke-same-as",
        metavar="URL",
        help="the site must serve what that address, or target of the settings, serves, or what the report of an earlier good run has: the last good deployment, say.",
    )
    group.addoption(
        "--pagesmoke-report",
        action="append",
        default=[],
        metavar="FILE",
        help="FILE.json: write down all that was seen, and what it came to. FILE.md: the summary, as Markdown. Repeatable.",
    )
    group.addoption(
        "--pagesmoke-replay",
        metavar="REPORT.json",
        help="judge what an earlier run saw, by its report, with today's settings. Asks nothing of any site.",
    )
    group.addoption(
        "--pagesmoke-allow-writes",
        action="store_true",
        help="let tests marked pagesmoke(writes=True) run against production, and change it.",
    )
    parser.addini(
        every_run.STEP_SUMMARY_KEY,
        type="bool",
        default=True,
        help="where GITHUB_STEP_SUMMARY is set, append the summary to that file (default: true).",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser
) -> Generator[None, object, object]:
    """Define `--base-url` as pytest-base-url does, unless it, or pytest-playwright, has: which of them, shows only when all are loaded."""
    outcome = yield
    if _is_defined(parser):  # by another plugin, with its ini key and its fixture
        return outcome
    parser.getgroup("pagesmoke").addoption(
        "--base-url",
        metavar="url",
        default=os.getenv("PYTEST_BASE_URL") or None,
        help="base url for the application under test.",
    )
    if "base_url" not in parser._inidict:  # noqa: SLF001 - no public way; a project's own key, with its default, stays
        parser.addini("base_url", help="base url for the application under test.")
    early_config.pluginmanager.register(base_url, "pagesmoke-base-url")
    return outcome


def _is_defined(parser: pytest.Parser) -> bool:
    """Whether there is a `--base-url`. (Parsing would tell in public, but fails where a project's own option is required.)"""
    groups = [*parser._groups, parser._anonymous]  # noqa: SLF001 - see above
    return any("--base-url" in option.names() for group in groups for option in group.options)


def pytest_cmdline_main(config: pytest.Config) -> pytest.ExitCode | None:
    if not config.getoption("pagesmoke_init") or config.getoption("help"):
        return None
    _load_as_written(config)
    from pytest_pagesmoke.plugin.init import init

    return init(config)


def _load_as_written(config: pytest.Config) -> None:
    """Let Python load the rest of this package as it loads any other. pytest would rewrite its assertions, none of which is a test's.

    Its loader takes six times as long: 20 ms of a run, 190 in a fresh environment.
    """
    # No public way: PYTEST_DONT_REWRITE in a module spares the rewriting, and not the loader. With --assert=plain there is nothing to do.
    getattr(config.pluginmanager.rewrite_hook, "_must_rewrite", set()).discard("pytest_pagesmoke")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", every_run.MARKER_LINE)
    config.pluginmanager.register(fixtures, "pagesmoke-fixtures")
    config.pluginmanager.register(every_run, "pagesmoke-marker")
    if not every_run.may_be_active(config):
        return  # and pays for no more imports
    _load_as_written(config)
    from pytest_pagesmoke.plugin.activation import activation_of

    activation = activation_of(config)
    if activation is not None:
        from pytest_pagesmoke.plugin.garbage import Garbage

        with Garbage(config).not_looked_for():
            from pytest_pagesmoke.plugin import active

            active.activate(config, activation)
