"""The checks that docs/writing-checks.md shows, as they stand there, against two deployments of the site that they are about."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments import LAUNCH, Environment, needs_browser
from kit import ROOT, SITE, without_what_varies
from project import Project
from pytest_pagesmoke.wrangler.server import LocalServer, Started

PAGE = (ROOT / "docs" / "writing-checks.md").read_text("utf-8")
HARBOUR = ROOT / "tests" / "sites" / "harbour"
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))


def shown(name: str) -> list[str]:
    """The blocks that the page shows as output."""
    return re.findall(rf"<!-- output: {name} -->\n```\n(.*?)```", PAGE, re.DOTALL)


def deployment(folder: Path, environment: str) -> None:
    """The harbour's site in ``folder``, which says that it is this environment."""
    (folder / "dist").mkdir(parents=True)
    shutil.copy(HARBOUR / "_worker.js", folder / "dist")
    (folder / ".dev.vars").write_text(f"ENVIRONMENT={environment}\n")


@pytest.fixture
def preview(tmp_path: Path, project: Project) -> Iterator[str]:  # noqa: ARG001 - node is on its PATH
    """The address of a second deployment, in the place of a preview."""
    deployment(tmp_path / "preview", "preview")
    wrangler = SITE / "node_modules" / ".bin" / "wrangler"
    server = LocalServer(
        wrangler, folder=tmp_path / "preview" / "dist", shown=Path("dist"), project=tmp_path / "preview"
    )
    started = server.wait()
    assert isinstance(started, Started), started
    yield started.url
    server.stop()


@pytest.fixture
def harbour(project: Project, preview: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project of the page: its site, its settings, its tests."""
    deployment(project.path, "local")
    for name, text in FILES.items():
        file = project.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (project.path / "tests" / "conftest.py").write_text(LAUNCH)
    monkeypatch.setenv("PREVIEW_URL", preview)
    monkeypatch.setenv("HARBOUR_PASSWORD", "a berth for two boats")
    return project


def ids(*targets: str) -> set[str]:
    """What the page's tests are called in a run with these targets."""
    pages = ["/-Berths and tides", "/berths-Berths", "/login-Sign in"]
    api = "berths_are_listed a_stranger_is_turned_away the_old_address_still_leads_to_the_login the_language_is_remembered"
    preview = [
        "tests/test_login.py::test_who_am_i[preview]",
        "tests/test_login.py::test_a_wrong_password_is_refused[preview]",
        "tests/test_booking.py::test_a_berth_can_be_booked_and_given_back[preview]",
    ]
    return {
        "tests/test_build.py::test_the_worker_was_built_without_debug_output",
        *(f"tests/test_pages.py::test_page[{target}-{page}]" for target in targets for page in pages),
        *(f"tests/test_api.py::test_{name}[{target}]" for target in targets for name in api.split()),
        *(f"tests/test_environment.py::test_each_deployment_has_its_own_bindings[{target}]" for target in targets),
        *(f"tests/test_many.py::test_ten_visitors_at_once[{target}]" for target in targets),
        *(preview if "preview" in targets else ()),
    }


def passed(result: pytest.RunResult) -> set[str]:
    """The ids of the project's own tests that passed."""
    found = (
        re.search(r"(tests/\S+?::.*?)\s*(?:\[ *\d+%\] *)?$", line.replace(" PASSED", ""))
        for line in result.outlines
        if " PASSED" in line
    )
    return {match[1] for match in found if match}


@pytest.mark.parametrize(("targets", "workers"), [(("local",), ()), (("local", "preview"), ("-n", "2"))])
def test_the_page_is_right(
    harbour: Project, environment: Environment, targets: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    (harbour.path / "tests" / "test_browser.py").unlink()
    options = [f"--pagesmoke={target}" for target in targets]
    result = harbour.run(*options, "-v", *workers, python=environment("pytest-asyncio"))
    assert result.ret == 0
    assert passed(result) == ids(*targets)
    result.stdout.fnmatch_lines([f"{target} * GOOD *" for target in targets])
    assert ("left out  3 own tests on local: only on preview" in result.outlines) == ("local" in targets)


@needs_browser
def test_the_browser_test_beside_is_right(harbour: Project, environment: Environment) -> None:
    options = ("--pagesmoke=local", "--pagesmoke=preview", "-v", "tests/test_browser.py")
    result = harbour.run(*options, python=environment("pytest-playwright"))
    assert result.ret == 0
    name = "tests/test_browser.py::test_a_visitor_finds_the_login"
    assert passed(result) == {f"{name}[local-chromium]", f"{name}[preview-chromium]"}
    result.stdout.fnmatch_lines(["local * GOOD *1/1*", "preview * GOOD *1/1*"])


def test_the_failure_on_the_page_is_real(harbour: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    worker = harbour.path / "dist" / "_worker.js"
    worker.write_text(worker.read_text().replace("error: 'not signed in' }, { status: 401 }", "name: null }"))
    result = harbour.run("pagesmoke.toml", "tests/test_api.py", "--pagesmoke=local")
    assert result.ret == 1
    output = without_what_varies(result.stdout.str())
    for block in (*shown("failure"), *shown("summary")):
        assert without_what_varies(block) in output
    assert len(shown("failure")) == len(shown("summary")) == 1
