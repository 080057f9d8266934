"""Healthy and broken sites on the real `wrangler pages dev`: each must be told apart from its look-alikes."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from project import Project

SPA = "<!doctype html><title>Example</title><script type='module' src='/assets/app-a1b2c3.js'></script><div id='root'></div>"


def rules(result: pytest.RunResult) -> dict[str, str]:
    """The rule of each failed check, by the check's name."""
    failed = [line for line in result.outlines if line.startswith("FAILED ")]
    pairs = (line.removeprefix("FAILED pagesmoke.toml::").split(" - ", 1) for line in failed)
    return {test: message.partition(":")[0] for test, message in pairs}


def test_the_good_build(project: Project, built_site: dict[str, bytes]) -> None:
    project.write({**built_site})
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    assert result.ret == 0
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["dist *GOOD*3/3*", "local *GOOD*healthy*2/2*1/1*"])
    assert project.left_running() == []


def test_a_worker_that_changes_a_file(project: Project, built_site: dict[str, bytes]) -> None:
    """The file is in the build output, and something else answers its address."""
    worker = WORKER.replace("HEALTH", "{ status: 'healthy' }").ljust(102_400)
    project.write(
        {**built_site, "_worker.js": worker, "_routes.json": '{"version": 1, "include": ["/*"], "exclude": []}'}
    )
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    assert rules(result) == {"test_asset[local-/static/app.js]": "asset-differs"}
    result.stdout.fnmatch_lines(["  hint * this address goes to the worker *", "cause     wrong-build:*"])


def test_addresses_lead_to_the_files_that_are_compared(project: Project) -> None:
    """As the asset server looks for them. Each file has a content of its own, so that another one would not pass."""
    paths = {
        "/static/app.js?v=1": "static/app.js",
        "/static/%62.js": "static/b.js",
        "/static/c%20d.css": "static/c d.css",
        "/static/%C3%BC.js": "static/ü.js",
        "/static%2Fe.js": "static/e.js",
        "/x/../static/f.js": "static/f.js",
        "/x/%2e%2e/static/g.js": "static/g.js",
        "/LICENSE": "LICENSE",
        "/logo.svg": "logo.svg",
        "/.well-known/security.txt": ".well-known/security.txt",
    }
    files = {
        file: f"<svg><!-- {file} --></svg>" if file.endswith("svg") else f"/* {file} */" for file in paths.values()
    }
    project.write({**files, "index.html": "<!doctype html><h1>Home", "alias.js": "/* alias */"})
    project.write({"target.js": "/* target */", "_redirects": "/alias.js /target.js 200\n/* /index.html 200\n"})
    listed = [*paths, "/alias.js"]  # and no link: `pages dev` serves none, though wrangler uploads what it leads to
    (project.path / "pagesmoke.toml").write_text(f"assets = {json.dumps(listed)}")
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    assert rules(result) == {}
    result.assert_outcomes(passed=3 + len(listed))
    # All are compared, but for the one that the build output itself sends elsewhere.
    assert result.stdout.str().count("not compared") == 1
    result.stdout.fnmatch_lines(
        ["warning   local /alias.js: not compared *_redirects answers /alias.js with another file"]
    )


def test_the_incident_no_worker_and_no_index(project: Project, built_site: dict[str, bytes]) -> None:
    del built_site["_worker.js"]
    project.write({**built_site})
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    assert result.ret == 1
    assert rules(result) == {
        "test_dist[worker]": "worker-missing",
        "test_page[local-/]": "page-status",
        "test_page[local-/login]": "page-status",
        "test_health[local-/api/health/status]": "health-status",
    }
    result.stdout.fnmatch_lines(["cause     no-worker:*", "next      do not deploy this build output*"])
    assert project.left_running() == []


def test_no_worker_but_an_index(project: Project) -> None:
    """The trap: Pages answers everything with index.html and 200, and every status is green."""
    project.write({"index.html": "<!doctype html><title>Example</title><h1>Welcome</h1>", "_routes.json": "{}"})
    result = project.run("--pagesmoke=local")
    assert result.ret == 1
    assert rules(result) == {
        "test_page[local-/login]": "page-is-fallback",
        "test_health[local-/api/health/status]": "health-not-json",
        "test_asset[local-/static/app.js]": "asset-type",
    }
    result.stdout.fnmatch_lines(["cause     fallback-for-worker:*", "next      *--pagesmoke=dist*"])


def test_the_same_with_a_nonce_in_every_answer(project: Project) -> None:
    worker = """
        export default { fetch() {
            const nonce = crypto.randomUUID(), at = new Date().toISOString()
            return new Response(`<!doctype html><title>Example</title><script nonce="${nonce}">1</script>
                <h1>Welcome</h1><form><input type="hidden" name="csrf" value="${nonce}"></form>
                <p>Request ${nonce} at ${at}</p><a href="/login?from=${nonce}">Sign in</a>`,
                { headers: { "content-type": "text/html" } })
        } }"""
    project.write({"_worker.js": worker})
    result = project.run("--pagesmoke=local")
    assert rules(result) == {
        "test_page[local-/login]": "page-is-fallback",
        "test_health[local-/api/health/status]": "health-not-json",
        "test_asset[local-/static/app.js]": "asset-type",
    }
    assert "fallback-for-worker" in result.stdout.str()
    assert "explains 3 of 3 failures" in " ".join(result.stdout.str().split())


def test_a_worker_that_throws(project: Project) -> None:
    project.write({"_worker.js": "export default { fetch(request, env) { return env.DB.prepare('select 1') } }"})
    result = project.run("--pagesmoke=local")
    assert result.ret == 1
    assert set(rules(result).values()) == {"worker-exception"}
    result.assert_outcomes(failed=4)
    # The exception itself is what one wants to read, whether wrangler shows it as a page or as text.
    shown = "worker-exception: expected 200, got 500: the worker threw TypeError: Cannot read properties of undefined *"
    result.stdout.fnmatch_lines([shown] * 4)
    result.stdout.fnmatch_lines(["cause     worker-throws:*"])


WORKER = """
const html = (title, body) =>
    new Response(`<!doctype html><title>${title}</title>${body}`, { headers: { "content-type": "text/html" } })
export default { fetch(request) {
    switch (new URL(request.url).pathname) {
        case "/": return html("Home", "<h1>Home</h1>")
        case "/login": return html("Sign in", "<form><input type=password></form>")
        case "/static/app.js": return new Response("1", { headers: { "content-type": "text/javascript" } })
        case "/api/health/status": return Response.json(HEALTH)
    }
    return html("Not found", "<h1>Not found</h1>")
} }
"""


@pytest.mark.parametrize(
    ("health", "wanted"),
    [
        ("{ status: 'healthy' }", {}),
        ("{ status: 'unhealthy' }", {"test_health[local-/api/health/status]": "health-unhealthy"}),
        ("{ status: 'ok', db: false }", {"test_health[local-/api/health/status]": "health-unhealthy"}),
    ],
)
def test_a_worker_is_judged_by_what_it_says_of_its_health(
    project: Project, health: str, wanted: Mapping[str, str]
) -> None:
    """Also: this worker answers 200 to unknown addresses, which makes a page of its own no fallback."""
    project.write({"_worker.js": WORKER.replace("HEALTH", health)})
    assert rules(project.run("--pagesmoke=local")) == wanted


def test_a_worker_as_a_folder(project: Project, built_site: dict[str, bytes]) -> None:
    project.write(
        {
            "_worker.js/index.js": "export { default } from './chunks/app.js'",
            "_worker.js/chunks/app.js": built_site.pop("_worker.js"),
            **built_site,
        }
    )
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    result.assert_outcomes(passed=7)
    assert result.ret == 0


def test_a_static_blog(project: Project) -> None:
    """Healthy, but not what the checklist was made for: red, and the cause says so."""
    project.write(
        {
            "index.html": "<!doctype html><title>Blog</title><h1>Posts</h1><a href='/first'>First</a>",
            "first.html": "<!doctype html><title>First</title><h1>First</h1>",
            "404.html": "<!doctype html><title>Not found</title><h1>Not found</h1>",
        }
    )
    result = project.run("--pagesmoke=local")
    assert result.ret == 1
    assert rules(result) == {
        "test_page[local-/login]": "page-status",
        "test_health[local-/api/health/status]": "health-status",
        "test_asset[local-/static/app.js]": "asset-status",
    }
    result.stdout.fnmatch_lines(["cause     no-settings:*", "next      *--pagesmoke-init*"])
    result.stdout.no_fnmatch_line("cause     no-worker*")


def test_a_single_page_application(project: Project) -> None:
    """Without settings it cannot be told from a lost worker; the next steps tell how to settle that."""
    project.write({"index.html": SPA, "assets/app-a1b2c3.js": "1"})
    result = project.run("--pagesmoke=local")
    assert result.ret == 1
    assert rules(result)["test_page[local-/login]"] == "page-is-fallback"
    output = result.stdout.str()
    cause = output[output.index("cause     fallback-for-worker:") :]
    assert "--pagesmoke=dist" in cause
    assert "--pagesmoke-init" in cause


def test_a_worker_that_does_not_compile(project: Project) -> None:
    project.write({"_worker.js": "export default { fetch( }"})
    result = project.run("--pagesmoke=local")
    assert result.ret == 1
    assert set(rules(result).values()) == {"local-not-ready"}
    # wrangler's own words, from its second start and from its first.
    result.stdout.fnmatch_lines(
        [
            '*wrangler ended with exit status 1: Expected identifier but found "}"',
            "*it said*",
            "*the start before that:*",
        ]
    )
    assert project.left_running() == []


def test_no_build_output(project: Project) -> None:
    result = project.run("--pagesmoke=dist", "--pagesmoke=local")
    assert result.ret == 1
    assert rules(result) == {
        "test_dist[dist]": "dist-missing",
        "test_dist[worker]": "worker-missing",
        "test_dist[routes]": "routes-missing",
        **dict.fromkeys(
            (
                "test_page[local-/]",
                "test_page[local-/login]",
                "test_health[local-/api/health/status]",
                "test_asset[local-/static/app.js]",
            ),
            "local-not-ready",
        ),
    }
