"""`--pagesmoke-init` on five kinds of site, on the real wrangler: green after it, red after one damage to each thing pinned."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kit import ROOT
from project import Project
from pytest_pagesmoke.observe.folder import observe_folder
from wrangler.test_sites import rules

SVELTEKIT = ROOT / "tests" / "sites" / "sveltekit"
NOT_FOUND = "<!doctype html><title>Not found</title><h1>No such page</h1>"
BLOG = {
    "index.html": "<!doctype html><title>A blog</title><link rel=stylesheet href=/style.css><a href=/first-post>First post</a>",
    "first-post.html": "<!doctype html><title>First post</title><link rel=stylesheet href=style.css><h1>First post</h1>",
    "style.css": "body { margin: 2em }",
    "404.html": NOT_FOUND,
}
APPLICATION = {
    "index.html": "<!doctype html><title>Application</title><link rel=stylesheet href=/assets/index-DiwrgTda.css>"
    "<script type=module src=/assets/index-BQCCTuGV.js></script><div id=root></div>",
    "assets/index-BQCCTuGV.js": "document.getElementById('root').textContent = 'Hello'",
    "assets/index-DiwrgTda.css": "body { background: url(/assets/back-4f2a9c1d.svg) }",
    "assets/back-4f2a9c1d.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
}
HONO = """
import { Hono } from 'hono'
const app = new Hono()
app.get('/', (c) => c.html('<!doctype html><title>Home</title><a href="/account/login">Log in</a>'))
app.get('/account/login', (c) => c.html('<!doctype html><title>Log in</title><form><input type="password"></form>'))
app.get('/api/health', (c) => c.json({ ok: true }))
export default app
"""

MAINTENANCE = (
    "export default { fetch: () => new Response('<p>Maintenance', { headers: { 'content-type': 'text/html' } }) }"
)

#: What is written for each, without the comments. {bytes} is half of the worker's size.
PINNED_BLOG = """\
pages = ["/"]
assets = ["/style.css"]
not_found = ["/pagesmoke-no-such-page"]
[dist]
worker = "forbidden"
"""
PINNED_APPLICATION = """\
spa = true
pages = ["/"]
linked = ["/"]
[dist]
worker = "forbidden"
"""
PINNED_EXAMPLE = """\
pages = ["/", "/login"]
health = ["/api/health/status"]
assets = ["/static/site.css", "/static/app.js"]
not_found = ["/pagesmoke-no-such-page"]
[dist]
worker = "required"
worker_min_bytes = {bytes:_}
routes = "required"
"""
PINNED_HONO = """\
pages = ["/", "/account/login"]
health = ["/api/health"]
not_found = ["/pagesmoke-no-such-page"]
[dist]
worker = "required"
worker_min_bytes = {bytes:_}
"""
PINNED_SVELTEKIT = """\
pages = ["/", "/login"]
health = ["/api/health"]
linked = ["/"]
not_found = ["/pagesmoke-no-such-page"]
[dist]
worker = "required"
worker_min_bytes = {bytes:_}
routes = "required"
"""

Damage = Callable[[Path], None]


def gone(*names: str) -> Damage:
    def remove(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return remove


def written(name: str, text: str) -> Damage:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


def changed(name: str, *changes: tuple[str, str]) -> Damage:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (folder / name).write_text(text)

    return change


def is_pinned(project: Project, expected: str) -> str:
    """Run it, compare what it wrote, see that the run that it names is green; the comments that it wrote."""
    result = project.run("--pagesmoke=local", "--pagesmoke-init")
    assert result.ret == 0, result.stdout.str()
    command = "pytest pagesmoke.toml --pagesmoke=dist --pagesmoke=local"
    result.stdout.fnmatch_lines(["wrote       pagesmoke.toml", f"next        {command}"])
    lines = (project.path / "pagesmoke.toml").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == expected.splitlines()
    result = project.run(*command.split()[1:])
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["dist *GOOD*", "local *GOOD*"])
    assert project.left_running() == []
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))


def is_broken(project: Project, pinned: str, damage: Damage, folder: str, broken: dict[str, str]) -> None:
    """Settings as they were pinned, and a damage: these rules are broken, by test, and perhaps others."""
    (project.path / "pagesmoke.toml").write_text(pinned)
    damage(project.path / folder)
    found = rules(project.run("pagesmoke.toml", "--pagesmoke=dist", "--pagesmoke=local"))
    assert found.items() >= broken.items()


def test_a_static_blog(project: Project) -> None:
    project.write({**BLOG})
    assert "No worker was there" in is_pinned(project, PINNED_BLOG)


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (
            gone("index.html", "style.css"),
            {"test_page[local-/]": "page-status", "test_asset[local-/style.css]": "asset-status"},
        ),
        (gone("404.html"), {"test_not_found[local-/pagesmoke-no-such-page]": "not-found-status"}),
        (
            written("_worker.js", "export default { fetch: (request, env) => env.ASSETS.fetch(request) }"),
            {"test_dist[worker]": "worker-invalid"},
        ),
    ],
)
def test_a_static_blog_damaged(project: Project, damage: Damage, broken: dict[str, str]) -> None:
    project.write({**BLOG})
    is_broken(project, PINNED_BLOG, damage, "dist", broken)


def test_a_single_page_application(project: Project) -> None:
    project.write({**APPLICATION})
    comments = is_pinned(project, PINNED_APPLICATION)
    assert "A site that has lost its worker looks the same." in comments


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (gone("index.html"), {"test_page[local-/]": "page-status", "test_linked[local-/]": "linked-missing"}),
        # Missing, it is the page itself that answers, with 200.
        (gone("assets/index-BQCCTuGV.js"), {"test_linked[local-/]": "linked-missing"}),
        (gone("assets/back-4f2a9c1d.svg"), {"test_linked[local-/]": "linked-missing"}),
        (written("_worker.js", "export default {}"), {"test_dist[worker]": "worker-invalid"}),
    ],
)
def test_a_single_page_application_damaged(project: Project, damage: Damage, broken: dict[str, str]) -> None:
    project.write({**APPLICATION})
    is_broken(project, PINNED_APPLICATION, damage, "dist", broken)


def test_the_example(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    is_pinned(project, PINNED_EXAMPLE.format(bytes=len(built_site["_worker.js"]) // 2))


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (gone("_worker.js"), {"test_dist[worker]": "worker-missing", "test_page[local-/]": "page-status"}),
        (
            written("_worker.js", MAINTENANCE),
            {
                "test_dist[worker]": "worker-too-small",
                "test_page[local-/login]": "page-is-fallback",
                "test_health[local-/api/health/status]": "health-not-json",
                "test_not_found[local-/pagesmoke-no-such-page]": "not-found-status",
            },
        ),
        # The health of the example looks for this file, too.
        (
            gone("_routes.json", "static/app.js"),
            {
                "test_dist[routes]": "routes-missing",
                "test_asset[local-/static/app.js]": "asset-status",
                "test_health[local-/api/health/status]": "health-status",
            },
        ),
    ],
)
def test_the_example_damaged(
    project: Project, built_site: dict[str, bytes], damage: Damage, broken: dict[str, str]
) -> None:
    project.write({**built_site})
    is_broken(project, PINNED_EXAMPLE.format(bytes=150_000), damage, "dist", broken)


def test_a_hono_site(project: Project) -> None:
    project.write({"_worker.js": HONO})
    comments = is_pinned(project, PINNED_HONO.format(bytes=len(HONO) // 2))
    assert 'It said: {"ok":true}' in comments


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (
            changed("_worker.js", ("ok: true", "ok: false"), ("'/account/login'", "'/sign-in'"), ("'/',", "'/start',")),
            {
                "test_health[local-/api/health]": "health-unhealthy",
                "test_page[local-/account/login]": "page-status",
                "test_page[local-/]": "page-status",
            },
        ),
        (gone("_worker.js"), {"test_dist[worker]": "worker-missing"}),
        (
            changed(
                "_worker.js", ("export default app", "app.get('*', (c) => c.html('<p>Hello'))\nexport default app")
            ),
            {"test_not_found[local-/pagesmoke-no-such-page]": "not-found-status"},
        ),
    ],
)
def test_a_hono_site_damaged(project: Project, damage: Damage, broken: dict[str, str]) -> None:
    project.write({"_worker.js": HONO})
    is_broken(project, PINNED_HONO.format(bytes=200), damage, "dist", broken)


@pytest.fixture
def sveltekit(project: Project) -> Project:
    build = SVELTEKIT / ".svelte-kit"
    assert (build / "cloudflare" / "_worker.js").is_file(), "run `make test`, which builds the site"
    # All of it: the worker imports from the folders beside the build output.
    shutil.copytree(build, project.path / ".svelte-kit")
    (project.path / "node_modules").unlink()
    (project.path / "node_modules").symlink_to(SVELTEKIT / "node_modules")
    shutil.copy(SVELTEKIT / "wrangler.jsonc", project.path)
    return project


def test_a_sveltekit_site(sveltekit: Project) -> None:
    tree = observe_folder(sveltekit.path / ".svelte-kit" / "cloudflare", project=sveltekit.path)
    assert tree.worker is not None
    assert tree.worker.size_bytes > 100_000  # of the whole: the file itself has 4,335 bytes
    is_pinned(sveltekit, PINNED_SVELTEKIT.format(bytes=tree.worker.size_bytes // 2))


def _no_routes_and_styles(folder: Path) -> None:
    (folder / "_routes.json").unlink()
    shutil.rmtree(folder / "_app" / "immutable" / "assets")


@pytest.mark.parametrize(
    ("damage", "broken"),
    [
        (gone("_worker.js"), {"test_dist[worker]": "worker-missing"}),
        (written("_worker.js", "export default {}"), {"test_dist[worker]": "worker-too-small"}),
        (_no_routes_and_styles, {"test_dist[routes]": "routes-missing", "test_linked[local-/]": "linked-missing"}),
    ],
)
def test_a_sveltekit_site_damaged(sveltekit: Project, damage: Damage, broken: dict[str, str]) -> None:
    pinned = PINNED_SVELTEKIT.format(bytes=100_000)
    is_broken(sveltekit, pinned, damage, ".svelte-kit/cloudflare", broken)


# What is broken is never written down as right.


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({"_routes.json": "{}", "a.txt": "a"}, "page-status: expected 200, got 404", id="the incident"),
        pytest.param(
            {**BLOG, "_routes.json": '{"version":1,"include":["/*"],"exclude":[]}'},
            "worker-missing: expected dist/_worker.js, got only *",
            id="routes without a worker",
        ),
        pytest.param(
            {"_worker.js": HONO.replace("c.json({ ok: true })", "c.json({ ok: false })")},
            "health-unhealthy: *got ok: false",
            id="unhealthy",
        ),
        pytest.param(
            {"_worker.js": HONO.replace("c.json({ ok: true })", "c.json({ ok: false }, 503)")},
            "health-status: expected 200, got 503",
            id="a 5xx",
        ),
        pytest.param(
            {**APPLICATION, "_worker.js": "export default { fetch: (request, env) => env.ASSETS.fetch(request) }"},
            "not-found-status: expected 404, got 200",
            id="a fallback page beside a worker",
        ),
        pytest.param({"_worker.js": "export default {"}, "local-not-ready: *", id="a worker that does not start"),
    ],
)
def test_a_broken_site_is_never_pinned(project: Project, files: dict[str, str | bytes], said: str) -> None:
    project.write(files)
    result = project.run("--pagesmoke=local", "--pagesmoke-init")
    assert result.ret == 1
    result.stdout.fnmatch_lines([said, "pagesmoke: what is there is broken (above), so nothing was written*"])
    assert not (project.path / "pagesmoke.toml").exists()
    assert project.left_running() == []
