"""`test_asset`: a header that lies, a body that lies, and all the types that browsers take."""

from __future__ import annotations

import hashlib

import pytest

from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.model import Answer, Built, Finding, NoAnswer, Probe, Reason, Remark

CHECK = AssetCheck()
PAGE = "<!doctype html><html><head><title>Example</title></head><body><div id=root></div></body></html>"


def judge(path: str, body: str | bytes, content_type: str = "", status: int = 200, wanted: int = 200) -> list[str]:
    """The lines of all findings."""
    spec = AssetSpec(path=path, status=wanted)
    (probe,) = CHECK.probes(spec, {})
    answer = Answer(
        url="https://www.example.com" + path,
        status=status,
        headers={"content-type": content_type} if content_type else {},
        body=body if isinstance(body, bytes) else body.encode(),
    )
    findings = list(CHECK.judge(spec, {probe: answer}))
    assert all(isinstance(finding, Finding) for finding in findings)
    return [finding.line for finding in findings if isinstance(finding, Finding)]


def test_one_question() -> None:
    assert list(CHECK.probes(AssetSpec(path="/static/app.js"), {})) == [Probe(path="/static/app.js")]


# Good.


@pytest.mark.parametrize(
    "content_type",
    [
        "application/javascript",
        "text/javascript",
        "text/javascript; charset=utf-8",
        "Text/JavaScript;charset=UTF-8",
        "application/x-javascript",
        "text/x-javascript",
        "application/ecmascript",
        "application/x-ecmascript",
        "text/ecmascript",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/static/app.js", "/static/app.mjs", "/static/APP.JS", "/static/app.js?v=1.2"])
def test_every_javascript_type(path: str, content_type: str) -> None:
    assert judge(path, "console.log(1)", content_type) == []


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        pytest.param("/static/site.css", "body{}", "text/css; charset=utf-8", id="css"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "image/vnd.microsoft.icon", id="ico-of-pages"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "image/x-icon", id="ico-of-others"),
        pytest.param("/logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", id="svg"),
        pytest.param(
            "/logo.svg",
            "<?xml version='1.0'?><!-- drawn --><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' ''><svg/>",
            "image/svg+xml",
            id="svg-with-prolog",
        ),
        pytest.param("/logo.png", b"\x89PNG\r\n\x1a\n\0", "image/png", id="png"),
        pytest.param("/app.wasm", b"\0asm\1\0\0\0", "application/wasm", id="wasm"),
        pytest.param("/app.js.map", '{"version":3}', "application/json", id="map"),
        pytest.param("/manifest.json", "{}", "application/manifest+json", id="manifest"),
        pytest.param("/site.webmanifest", "{}", "application/manifest+json; charset=utf-8", id="webmanifest"),
        pytest.param("/data.json", "{}", "application/ld+json", id="linked-data"),
        pytest.param("/font.woff2", b"wOF2\0", "font/woff2", id="font"),
        pytest.param("/font.woff2", b"wOF2\0", "application/octet-stream", id="font-of-no-type"),
        pytest.param("/LICENSE", "MIT", "application/octet-stream", id="no-suffix"),
        pytest.param("/robots.txt", "User-agent: *", "text/plain", id="text"),
        pytest.param(
            "/feed.xml", "<?xml version='1.0'?><rss><channel><link>/</link></channel></rss>", "text/xml", id="feed"
        ),
        pytest.param("/widget.html", PAGE, "text/html", id="an-html-file"),
        pytest.param("/widget.HTM", PAGE, "text/html", id="an-htm-file"),
        pytest.param("/card.hbs", "<div class=card>{{title}}</div>", "application/octet-stream", id="template"),
        pytest.param(
            "/README.md", "<!-- badges --><div align=center>Example</div>\n# Example", "text/markdown", id="markdown"
        ),
        pytest.param(
            "/static/app.js", "/*! <!doctype html> */ document.write('<html>')", "text/javascript", id="html-in-js"
        ),
        pytest.param("/static/app.js", "<!-- hide me from old browsers\nrun()\n//-->", "text/javascript", id="old-js"),
        pytest.param(
            "/static/site.css", "@import url(x.css);" + " " * 70_000 + "<html>", "text/css", id="html-far-down"
        ),
    ],
)
def test_good(path: str, body: str | bytes, content_type: str) -> None:
    assert judge(path, body, content_type) == []


# Another type.


@pytest.mark.parametrize(
    ("path", "content_type", "expected", "declared"),
    [
        pytest.param("/static/app.js", "text/html; charset=utf-8", "a JavaScript type", "text/html", id="fallback"),
        pytest.param("/static/app.js", "text/javascript", "a JavaScript type", "text/javascript", id="header-lies"),
        pytest.param("/static/app.js", "", "a JavaScript type", "as nothing", id="no-header"),
        pytest.param("/static/site.css", "text/css", "text/css", "text/css", id="css"),
        pytest.param("/favicon.ico", "image/x-icon", "an image type", "image/x-icon", id="ico"),
        pytest.param("/logo.svg", "image/svg+xml", "an image type", "image/svg+xml", id="svg"),
        pytest.param("/data.json", "application/json", "a JSON type", "application/json", id="json"),
        pytest.param("/app.wasm", "application/wasm", "application/wasm", "application/wasm", id="wasm"),
        pytest.param("/font.woff2", "text/html", "a .woff2 file", "text/html", id="unknown-suffix"),
        pytest.param("/robots.txt", "text/plain", "a .txt file", "text/plain", id="text"),
        pytest.param("/LICENSE", "text/html", "a static file", "text/html", id="no-suffix"),
        pytest.param(
            "/static/app.js?page=a.html", "text/html", "a JavaScript type", "text/html", id="suffix-in-the-query"
        ),
    ],
)
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE, id="page"),
        pytest.param("\ufeff\n  " + PAGE.upper(), id="upper-case"),
        pytest.param("<!-- " + "built " * 2_000 + "-->" + PAGE, id="after-a-comment"),
        pytest.param('<?xml version="1.0"?>\n<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"/>', id="xhtml"),
    ],
)
def test_a_page_in_place_of_the_file(path: str, content_type: str, expected: str, declared: str, page: str) -> None:
    line = f"asset-type: expected {expected}, got an HTML page declared {declared}"
    assert judge(path, page, content_type) == [line]


@pytest.mark.parametrize(
    "tag", ["<html>", "<head>", "<title>Example", "<script src=/app.js>", "<link rel=icon>", "<div id=root>"]
)
def test_pages_begin_in_many_ways(tag: str) -> None:
    assert judge("/static/app.js", tag, "text/javascript") == [
        "asset-type: expected a JavaScript type, got an HTML page declared text/javascript"
    ]


@pytest.mark.parametrize(
    ("path", "body", "content_type", "expected"),
    [
        pytest.param("/static/app.js", "run()", "text/plain", "a JavaScript type", id="js-as-text"),
        pytest.param("/static/app.js", "run()", "application/json", "a JavaScript type", id="js-as-json"),
        pytest.param(
            "/static/app.js", '{"error":"not found"}', "application/json", "a JavaScript type", id="error-as-js"
        ),
        pytest.param("/static/app.js", "run()", "text/javascript-ish", "a JavaScript type", id="nearly"),
        pytest.param("/static/site.css", "body{}", "text/plain", "text/css", id="css-as-text"),
        pytest.param("/logo.svg", "<svg/>", "text/xml", "an image type", id="svg-as-xml"),
        pytest.param("/favicon.ico", b"\0\0\1\0", "application/octet-stream", "an image type", id="ico-as-anything"),
        pytest.param("/app.wasm", b"\0asm", "application/octet-stream", "application/wasm", id="wasm-as-anything"),
        pytest.param("/data.json", "{}", "text/javascript", "a JSON type", id="json-as-js"),
    ],
)
def test_a_type_that_browsers_refuse(path: str, body: str | bytes, content_type: str, expected: str) -> None:
    assert judge(path, body, content_type) == [f"asset-type: expected {expected}, got {content_type}"]


# Empty, and another status.


@pytest.mark.parametrize("path", ["/static/app.js", "/static/site.css", "/widget.html", "/data"])
@pytest.mark.parametrize(("body", "size"), [("", 0), (" \n\t", 3)])
def test_empty(path: str, body: str, size: int) -> None:
    """A good build may hold empty chunks; a file that is named here is one that somebody needs."""
    assert judge(path, body, "application/octet-stream") == [
        f"asset-empty: expected a file with content, got {size} bytes"
    ]


@pytest.mark.parametrize("status", [404, 206, 304, 500])
def test_another_status(status: int) -> None:
    assert judge("/static/app.js", "run()", "text/javascript", status) == [f"asset-status: expected 200, got {status}"]


@pytest.mark.parametrize("status", [404, 410, 403])
def test_a_file_that_must_be_gone(status: int) -> None:
    """Whatever says so is no asset, and may be a page."""
    for body in (PAGE, ""):
        assert judge("/app.js.map", body, "text/html", status, wanted=status) == []
    assert judge("/app.js.map", '{"version":3}', "application/json", 200, wanted=status) == [
        f"asset-status: expected {status}, got 200"
    ]


@pytest.mark.parametrize("status", [204, 301, 304])
def test_an_answer_that_has_no_body(status: int) -> None:
    (probe,) = CHECK.probes(AssetSpec(path="/app.js", status=status), {})
    assert probe.follow is (status != 301)
    assert judge("/app.js", "", "", status, wanted=status) == []
    assert judge("/app.js", "run()", "", 200, wanted=status) == [f"asset-status: expected {status}, got 200"]


def test_part_of_a_file_is_judged_like_the_whole() -> None:
    assert judge("/app.js", "run()", "text/javascript", 206, wanted=206) == []
    assert judge("/app.js", PAGE, "text/html", 206, wanted=206) != []
    assert judge("/app.js", "", "text/javascript", 206, wanted=206) != []


# The build output.

JS = "text/javascript"


def built(content: str | bytes, *, file: str = "dist/static/app.js", by_worker: bool = False) -> Built:
    data = content if isinstance(content, bytes) else content.encode()
    return Built(file=file, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), by_worker=by_worker)


def compare(
    held: Built | None,
    body: str | bytes,
    content_type: str = JS,
    *,
    path: str = "/static/app.js",
    status: int = 200,
    **headers: str,
) -> list[Finding | Remark]:
    """What comes of an answer beside what the build output holds."""
    spec = AssetSpec(path=path, status=status, built=held)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(
        url="https://www.example.com" + path,
        status=status,
        headers={"content-type": content_type, **named},
        body=body if isinstance(body, bytes) else body.encode(),
    )
    return list(CHECK.judge(spec, {Probe(path=path): answer}))


def rules(found: list[Finding | Remark]) -> list[str]:
    return [item.rule.id if isinstance(item, Finding) else item.text for item in found]


@pytest.mark.parametrize("content", ["run()", "run()\r\n", b"\xff\xfe\0\1", "\ufeffrun()"])
def test_the_same_bytes(content: str | bytes) -> None:
    assert compare(built(content), content) == []
    assert compare(built(content, by_worker=True), content, cf_cache_status="HIT", cf_polished="origSize=9") == []


@pytest.mark.parametrize(
    "live",
    [
        pytest.param("run(2)", id="another"),
        pytest.param("run(1) ", id="longer"),
        pytest.param("run(1", id="cut-off"),
        pytest.param("run(1)\r\n", id="another-line-end"),
        pytest.param("\ufeffrun(1)", id="byte-order-mark"),
    ],
)
def test_other_bytes(live: str) -> None:
    (finding,) = compare(built("run(1)"), live)
    assert isinstance(finding, Finding)
    assert (finding.rule.id, finding.subject, finding.hint) == ("asset-differs", "/static/app.js", "")


def test_the_line_names_the_file_the_sizes_and_enough_of_the_hashes() -> None:
    (finding,) = compare(built("run(1);" * 1000), "run(2)")
    assert isinstance(finding, Finding)
    whole = [hashlib.sha256(text.encode()).hexdigest() for text in ("run(1);" * 1000, "run(2)")]
    assert finding.line == (
        f"asset-differs: expected the 7,000 bytes of dist/static/app.js (sha256 {whole[0][:12]}…), "
        f"got 6 bytes (sha256 {whole[1][:12]}…)"
    )


def test_without_a_build_output_nothing_is_compared() -> None:
    assert compare(None, "run(2)") == []


def test_what_else_is_wrong_comes_first() -> None:
    """An error page is not "another build": what it is, says more."""
    held = built("run(1)")
    assert rules(compare(held, PAGE)) == ["asset-type"]
    assert rules(compare(held, "run(2)", "text/plain")) == ["asset-type"]
    assert rules(compare(held, "")) == ["asset-empty"]
    assert judge("/static/app.js", "run()", JS, 404) == ["asset-status: expected 200, got 404"]
    probe = Probe(path="/static/app.js")
    spec = AssetSpec(path="/static/app.js", built=held)
    late = NoAnswer(url="https://www.example.com/static/app.js", reason=Reason.TOO_LARGE, text="over 10 MiB")
    assert rules(list(CHECK.judge(spec, {probe: late}))) == ["body-too-large"]
    gone = Answer(url="https://www.example.com/static/app.js", status=404, body=b"run(1)")
    assert rules(list(CHECK.judge(spec, {probe: gone}))) == ["asset-status"]


def test_empty_in_both_is_still_empty() -> None:
    for content in ("", " \n"):
        assert rules(compare(built(content), content)) == ["asset-empty"]


@pytest.mark.parametrize("status", [206, 404, 410])
def test_only_a_whole_file_is_compared(status: int) -> None:
    """404: it must be gone, though this build output may have it."""
    assert compare(built("run(1)"), "run(2)", status=status) == []


@pytest.mark.parametrize(
    ("path", "file", "content_type"),
    [
        pytest.param("/widget.html", "dist/widget.html", "text/html; charset=utf-8", id="html-file"),
        pytest.param("/widget", "dist/widget.html", "text/html", id="by-its-pretty-address"),
        pytest.param("/widget.HTM", "dist/widget.HTM", "application/octet-stream", id="by-its-name"),
        pytest.param("/card.hbs", "dist/card.hbs", "text/html", id="by-its-type"),
        pytest.param("/old.xhtml", "dist/old.xhtml", "application/xhtml+xml", id="xhtml"),
    ],
)
def test_html_is_not_compared(path: str, file: str, content_type: str) -> None:
    """Zones write into it: a beacon at the end, addresses of e-mail protected, other values in every answer."""
    assert compare(built("<b>1</b>", file=file), "<b>1</b><script></script>", content_type, path=path) == []


@pytest.mark.parametrize(
    ("path", "content_type"), [("/logo.svg", "image/svg+xml"), ("/data.json", "application/json"), ("/LICENSE", "")]
)
def test_what_is_like_html_is_compared(path: str, content_type: str) -> None:
    assert compare(built("{}", file=f"dist{path}"), "{}", content_type, path=path) == []
    assert rules(compare(built("{}", file=f"dist{path}"), "{ }", content_type, path=path)) == ["asset-differs"]


def test_rules_that_the_zone_puts_before_those_for_robots_are_not_the_sites() -> None:
    own = "User-agent: *\nDisallow: /drafts\n"
    managed = (
        "# BEGIN Cloudflare Managed content\n\nUser-agent: GPTBot\nDisallow: /\n\n# END Cloudflare Managed Content\n\n"
    )
    held = built(own, file="dist/robots.txt")
    assert compare(held, managed + own, "text/plain", path="/robots.txt") == []
    for live in (
        managed + "User-agent: *\nAllow: /drafts\n\n",
        "Sitemap: x\n" + own,
        managed + "Allow: /\n" + own,
        managed,
    ):
        assert rules(compare(held, live, "text/plain", path="/robots.txt")) == ["asset-differs"]


def test_an_image_that_the_zone_re_encoded_is_not_compared_and_said_so() -> None:
    held = built(b"\x89PNG\1", file="dist/logo.png")
    (remark,) = compare(held, b"\x89PNG\2", "image/png", path="/logo.png", cf_polished="origSize=7")
    assert remark == Remark(
        text="not compared with the build output: the zone re-encodes this image (cf-polished: origSize=7)"
    )
    assert rules(compare(held, b"\x89PNG\2", "image/png", path="/logo.png")) == ["asset-differs"]
    assert rules(compare(built("1"), "2", cf_polished="origSize=7")) == ["asset-differs"]  # a script is no image


@pytest.mark.parametrize(
    ("content_type", "by_worker", "headers", "hint"),
    [
        pytest.param(JS, True, {"cf_cache_status": "HIT", "age": "9"}, "a cache answered (cf-cache-status HIT, age 9 s)", id="cache"),
        pytest.param(JS, True, {}, "this address goes to the worker", id="worker"),
        pytest.param("image/png", False, {}, "features of the zone re-encode images", id="image"),
        pytest.param("image/png", True, {}, "this address goes to the worker", id="image-of-the-worker"),
    ],
)  # fmt: skip
def test_the_hint_names_what_may_have_changed_it(
    content_type: str, by_worker: bool, headers: dict[str, str], hint: str
) -> None:
    path = "/logo.png" if content_type == "image/png" else "/static/app.js"
    (finding,) = compare(built("1", by_worker=by_worker), "2", content_type, path=path, status=200, **headers)
    assert isinstance(finding, Finding)
    assert finding.hint.startswith(hint)


def test_what_cannot_be_compared_is_said() -> None:
    held = Built(file="dist/static/app.js", flaw="dist/static/app.js cannot be read (Permission denied)")
    assert compare(held, "run()") == [
        Remark(text="not compared with the build output: dist/static/app.js cannot be read (Permission denied)")
    ]
    assert rules(compare(held, "")) == ["asset-empty"]
    assert compare(held, "run()", status=404) == []
