"""Which file of a build output answers an address: as Pages looks for it (pages-shared, asset-server), and as wrangler uploads."""

from __future__ import annotations

import pytest

from pytest_pagesmoke.checks.dist.files import file_at, is_asset, is_rewritten, may_reach_worker
from pytest_pagesmoke.model import DistTree, WorkerFiles

FILES = {"static/app.js", "static/a b.js", "static/ü.css", "static/a%20c.js", "app.js", "LICENSE"} | {
    "index.html", "about.html", "blog/index.html", "docs.html", "docs/index.html", "static/100%.js",
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/static/app.js", "static/app.js"),
        ("/static/app.js?v=1&w=/../x", "static/app.js"),
        ("/static/app.js?", "static/app.js"),
        ("/static/%61pp.js", "static/app.js"),
        ("/static%2Fapp.js", "static/app.js"),
        ("/static/a%20b.js", "static/a b.js"),
        ("/static/ü.css", "static/ü.css"),
        ("/static/%C3%BC.css", "static/ü.css"),
        ("/static/%c3%bc.css", "static/ü.css"),
        ("/static/a%2520c.js", "static/a%20c.js"),  # decoded once
        ("/static/100%.js", "static/100%.js"),  # not decoded at all, where decodeURIComponent throws
        ("/static/../app.js", "app.js"),
        ("/static/%2e%2E/app.js", "app.js"),
        ("/static/./app.js", "static/app.js"),
        ("/../../static/app.js", "static/app.js"),
        ("/LICENSE", "LICENSE"),
        ("/", "index.html"),
        ("/static/..", "index.html"),
        ("/.", "index.html"),
        ("/about", "about.html"),
        ("/about.html", "about.html"),
        ("/about/", "about.html"),
        ("/blog", "blog/index.html"),
        ("/blog/", "blog/index.html"),
        ("/blog/.", "blog/index.html"),
        ("/docs", "docs.html"),
        ("/docs/", "docs/index.html"),
    ],
)
def test_the_file_of_an_address(path: str, file: str) -> None:
    assert file_at(path, FILES) == file


@pytest.mark.parametrize(
    "path",
    [
        "/static/App.js",  # upper and lower case count, whatever the disk says
        "/static/app.js/",
        "/static//app.js",
        "//static/app.js",
        "/static",
        "/static/",
        "/static/none.js",
        "/static/a%20c.js",
        "/static/%FF.js",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_an_address_without_a_file(path: str) -> None:
    assert file_at(path, FILES) is None


@pytest.mark.parametrize("name", ["%zz%61.js", "%61%", "%FF%61.js"])
def test_what_cannot_be_decoded_is_not_decoded_in_part(name: str) -> None:
    """As decodeURIComponent, which throws."""
    assert file_at(f"/{name}", {name}) == name


def test_dots_in_names_are_letters() -> None:
    assert file_at("/..static/...js", {"..static/...js"}) == "..static/...js"
    assert file_at("/a%2Fb/%2e%2e/c", {"a/b/c", "c"}) == "c"  # the encoded slash is none yet when dots are done


@pytest.mark.parametrize(
    "file",
    [
        "static/app.js",
        ".env",
        ".well-known/x",
        "a/_worker.js",
        "a/functions/b.js",
        "_worker.mjs",
        "_worker.js.map",
        "node_modules.js",
        "functions.js",
        ".vite/node_modules/a.js",
        "a/.b/.git/c",
        ".a/.DS_Store",
        "a/_redirects",
    ],
)
def test_uploaded(file: str) -> None:
    assert is_asset(file)


@pytest.mark.parametrize(
    "file",
    [
        "_worker.js",
        "_worker.js/index.js",
        "functions/a.js",
        ".wrangler/x",
        "_headers",
        "_redirects",
        "_routes.json",
        ".DS_Store",
        "a/.DS_Store",
        "node_modules/a.js",
        "a/node_modules/b.js",
        ".git/HEAD",
        "a/.git/HEAD",
    ],
)
def test_never_uploaded(file: str) -> None:
    assert not is_asset(file)


@pytest.mark.parametrize(
    "line",
    [
        "/static/app.js /static/app-1a2b.js 200",
        "  /static/app.js\t/other.js   200  # the newest",
        "static/app.js /other.js 200",
        "/static/%61pp.js /other.js 200",
        "/static/* /assets/:splat 200",
        "/* /all.js 200",
        "/:folder/app.js /other.js 200",
        "/static/:file.js /other.js 200",
        "/nix /nix 301\n/static/app.js /other.js 200",
    ],
)
def test_rewritten(line: str) -> None:
    assert is_rewritten("/static/app.js?v=1", line)
    assert is_rewritten("/x/../static/app.js", f"# first\r\n\r\n{line}\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "/static/app.js /other.js",  # a redirect shows in the answer
        "/static/app.js /other.js 301",
        "/* /index.html 200",  # of another host's single-page application: Pages drops it
        "/* /a/index 200",
        "/* /404.html 404",
        "/static/app.js /other.js 200!",
        "/static/app.js /other.js 200 Country=de",
        "/static/app.js https://example.com/app.js 200",
        "#/static/app.js /other.js 200",
        "/static/app.css /other.js 200",
        "/static/App.js /other.js 200",
        "/static /other.js 200",
        "/:file /other.js 200",
        "/static/app.js* /other.js # 200",
        "/static/app?js /other.js 200",
    ],
)
def test_not_rewritten(line: str) -> None:
    assert not is_rewritten("/static/app.js", line)


WORKER = DistTree(path="dist", kind="folder", worker=WorkerFiles(path="_worker.js", size_bytes=9))


def routes(include: str, exclude: str = "") -> str:
    listed = [", ".join(f'"{rule}"' for rule in rules.split()) for rules in (include, exclude)]
    return f'{{"version": 1, "include": [{listed[0]}], "exclude": [{listed[1]}]}}'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("/static/app.js", "", id="no-routes"),
        pytest.param("/static/app.js", "// none", id="no-json"),
        pytest.param("/static/app.js", "[]", id="no-object"),
        pytest.param("/static/app.js", routes("/*"), id="all"),
        pytest.param("/static/app.js", routes("/*", "/assets/*"), id="others-excluded"),
        pytest.param("/static/app.js", routes("/static/*"), id="below"),
        pytest.param("/static/app.js?v=1", routes("/static/app.js"), id="itself"),
        pytest.param("/static/app.js", routes("/*.js"), id="by-suffix"),
        pytest.param("/x/../static/app.js", routes("/static/*"), id="dots"),
        pytest.param("/static", routes("/static/*"), id="the-folder"),
        pytest.param("/static/", routes("/static"), id="with-a-slash"),
    ],
)
def test_what_may_reach_the_worker(path: str, text: str) -> None:
    assert may_reach_worker(path, WORKER, text)
    assert not may_reach_worker(path, DistTree(path="dist", kind="folder"), text)
    assert may_reach_worker(path, DistTree(path="dist", kind="folder", functions=True), "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("/static/app.js", routes("/*", "/static/*"), id="excluded"),
        pytest.param("/static/app.js?v=1", routes("/*", "/static/app.js"), id="excluded-itself"),
        pytest.param("/static/app.js", routes("/api/*"), id="not-included"),
        pytest.param("/static/app.js", routes("/static"), id="below-a-plain-rule"),
        pytest.param("/static/app.js", routes("/static/app?js"), id="no-pattern"),
        pytest.param("/staticapp.js", routes("/static/*"), id="another-folder"),
    ],
)
def test_what_does_not(path: str, text: str) -> None:
    assert not may_reach_worker(path, WORKER, text)
