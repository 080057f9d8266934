"""Live targets beside the build output: assets are those that were built, or it is said where they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kit import GOOD_SITE, Pytest, Reply, Serve
from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.model import Built, Kind, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.plugin.built import BuildOutput
from pytest_pagesmoke.plugin.looking import Looking
from pytest_pagesmoke.redact import Secrets
from pytest_pagesmoke.run import Run

SCRIPT = "console.log(1);"
SITE = Target(name="production", url="https://www.example.com", kind=Kind.PRODUCTION)
BELOW = Target(name="docs", url="https://www.example.com/docs", kind=Kind.PRODUCTION)


class Output:
    """A build output in a project, and what it holds for addresses."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.secrets = Secrets(())
        self.built = BuildOutput(project / "dist", shown="dist", project=project, secrets=self.secrets)

    def write(self, **files: str | bytes) -> None:
        for name, content in files.items():
            path = self.project / "dist" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def at(self, path: str, target: Target = SITE) -> Built:
        built = self.built.behind(target, path)
        assert built is not None
        return built


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path)


def test_what_stands_at_an_address(output: Output) -> None:
    output.write(**{"static/app.js": SCRIPT, "about.html": "1", "a b.css": "12"})
    assert output.at("/static/app.js?v=1").size_bytes == len(SCRIPT)
    assert output.at("/a%20b.css").file == "dist/a b.css"
    assert output.at("/about").file == "dist/about.html"


def test_nothing_is_looked_at_before_it_is_asked_and_each_file_once(output: Output) -> None:
    output.write(**{"a.js": "1"})
    seen = output.at("/a.js")
    output.write(**{"a.js": "22", "b.js": "1"})
    assert output.at("/a.js?v=2") == seen
    assert output.at("/b.js").flaw  # that the folder has it by now is not looked for again


def test_an_address_below_a_path_of_the_site(output: Output) -> None:
    """On Pages the file stands there, too; what serves a project below a path of another site leaves that out."""
    output.write(**{"docs/a.js": "1", "a.js": "22", "b.js": "333"})
    assert (output.at("/a.js", BELOW).file, output.at("/b.js", BELOW).file) == ("dist/docs/a.js", "dist/b.js")
    assert output.at("/../b.js", BELOW).file == "dist/b.js"
    assert output.built.behind(BELOW, "/c.js") is None  # whose site that is, is not known


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8788"])
def test_the_local_server_is_compared_alike(output: Output, url: str) -> None:
    output.write(**{"a.js": "1"})
    assert output.at("/a.js", Target(name="local", url=url, kind=Kind.LOCAL)).file == "dist/a.js"


def test_links_are_followed_as_wrangler_does(output: Output) -> None:
    output.write(**{"a.js": "1"})
    (output.project / "outside.js").write_text("22")
    (output.project / "dist" / "linked.js").symlink_to("../outside.js")
    (output.project / "dist" / "dangling.js").symlink_to("nowhere.js")
    assert output.at("/linked.js").size_bytes == 2
    assert output.at("/dangling.js").flaw.startswith("there is no dist/dangling.js, ")


@pytest.mark.parametrize("file", ["_worker.js/chunk.js", "_headers", "node_modules/a.js", "functions/a.js"])
def test_what_is_never_uploaded_does_not_stand_there(output: Output, file: str) -> None:
    output.write(**{"index.html": "1", file: "1"})
    assert output.at(f"/{file}").flaw.startswith(f"there is no dist/{file}, ")


def test_a_file_that_is_not_there(output: Output) -> None:
    """Without code that might answer in its place, what does is of another deployment; with it there is nothing to say."""
    output.write(**{"a.js": "1"})
    assert output.at("/b.js?v=1") == Built(
        file="dist/b.js",
        flaw="there is no dist/b.js, and no worker for its address: what answers is of another deployment, or a copy that is left of one",
    )


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        pytest.param("", False, id="none"),
        pytest.param('{"version": 1, "include": ["/*"], "exclude": ["/static/*"]}', True, id="excluded"),
        pytest.param('{"version": 1, "include": ["/static/*"], "exclude": []}', False, id="included"),
    ],
)
def test_a_file_that_the_worker_may_answer_for(output: Output, routes: str, said: bool) -> None:
    output.write(**{"_worker.js": "export default {}", "_routes.json": routes, "static/a.js": "1"})
    assert (output.built.behind(SITE, "/static/b.js") is not None) is said
    assert output.at("/static/a.js").by_worker is not said


def test_functions_may_answer_for_any_file(output: Output) -> None:
    output.write(**{"a.js": "1"})
    (output.project / "functions").mkdir()
    (output.project / "functions" / "b.js").touch()
    assert output.built.behind(SITE, "/b.js") is None
    assert output.at("/a.js").by_worker


def test_a_file_that_redirects_put_another_one_before(output: Output) -> None:
    output.write(**{"a.js": "1", "b.js": "22", "_redirects": "/a.js /b.js 200\n/c.js /b.js 200\n/* /index.html 200\n"})
    assert output.at("/a.js").flaw == "its _redirects answers /a.js with another file"
    assert output.at("/c.js") == Built(file="dist/c.js", flaw="its _redirects answers /c.js with another file")
    assert output.at("/b.js").size_bytes == 2


def test_without_a_build_output_there_is_nothing_to_say(output: Output) -> None:
    """`test_dist` says that it is missing, once."""
    assert output.built.behind(SITE, "/a.js") is None


def test_secrets_are_struck_out_as_they_are_out_of_answers(output: Output) -> None:
    output.secrets.learn({"Cookie": "theme=dark-blue"})
    output.write(**{"a.js": "theme=dark-blue"})
    assert output.at("/a.js").size_bytes == len("***")


@pytest.fixture
def dist(pytester: pytest.Pytester) -> Path:
    """A build output that passes its own checks by the settings beside it, and holds the script of the good site."""
    (pytester.path / "pagesmoke.toml").write_text('pages = ["/"]\nassets = ["/static/app.js"]\n')
    folder = pytester.path / "dist"
    (folder / "static").mkdir(parents=True)
    (folder / "static" / "app.js").write_text(SCRIPT)
    return folder


def test_what_is_asked_ahead_knows_what_was_built(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever judges a check that was asked ahead has no other chance to compare."""
    output.write(**{"a.js": "1"})
    ahead: list[PlannedLive] = []
    monkeypatch.setattr(Run, "ask_ahead", lambda _, checks: ahead.extend(checks))
    looking = Looking(
        project=output.project,
        dist=output.project / "dist",
        secrets=output.secrets,
        local=None,
        background=Background(),
        built=output.built,
    )
    page = PlannedLive(target=SITE, check=PageCheck(), spec=PageSpec(path="/"))
    asset = PlannedLive(target=SITE, check=AssetCheck(), spec=AssetSpec(path="/a.js"))
    looking.ahead([page, asset])
    assert ahead == [page, replace(asset, spec=AssetSpec(path="/a.js", built=output.at("/a.js")))]


# Whole runs.


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


def test_a_build_output_that_is_not_chosen_is_not_compared(dist: Path, serve: Serve, run: Pytest) -> None:
    (dist / "static" / "app.js").write_text("console.log(2);")
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=2)


def test_another_folder_and_a_file_that_is_not_in_it(
    pytester: pytest.Pytester, dist: Path, serve: Serve, run: Pytest
) -> None:
    """One target has it still: said, and no failure. What a cache holds is told from another build."""
    stale = {**GOOD_SITE, "/static/app.js": Reply.script("old()", age="900")}
    (pytester.path / "pagesmoke.toml").write_text('assets = ["/static/app.js", "/gone.js"]')
    dist.rename(pytester.path / "build")
    gone = {"/gone.js": Reply.script("gone()")}
    good = serve({**GOOD_SITE, **gone})
    old = serve({**stale, **gone})
    result = run("--pagesmoke=./build/", f"--pagesmoke=new={good.url}", f"--pagesmoke=old={old.url}")
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(
        [
            "asset-differs: expected the 15 bytes of build/static/app.js (*",
            "  hint      a cache answered (age 900 s): it may hold an older copy",
            "warning   new /gone.js: not compared with the build output: there is no build/gone.js, and no worker *",
            "cause     stale-cache: *",
            "verify    pytest pagesmoke.toml --pagesmoke=build/ --pagesmoke=old=*",
        ]
    )
