"""What a page and a stylesheet name on their own site: no more than a browser loads, and no less."""

from __future__ import annotations

import pytest

from pytest_pagesmoke import markup
from pytest_pagesmoke.model import Answer

PAGE = "https://www.example.com/blog/post"
STYLE = "https://www.example.com/static/css/site.css"


def by_page(html: str, url: str = PAGE) -> list[str]:
    return list(markup.named_by_page(Answer(url=url, status=200, body=html.encode())))


def by_style(css: str, url: str = STYLE) -> list[str]:
    return list(markup.named_by_style(Answer(url=url, status=200, body=css.encode())))


# What a page names.


@pytest.mark.parametrize(
    ("html", "named"),
    [
        pytest.param("<script src=/a.js></script>", "/a.js", id="script"),
        pytest.param("<script src=/a.js type=module></script>", "/a.js", id="module"),
        pytest.param("<script src=/a.js type=' Text/JavaScript '></script>", "/a.js", id="script-type"),
        pytest.param(
            "<script src=/a.js type=0123456789abcdef01234567-text/javascript></script>", "/a.js", id="rocket-loader"
        ),
        pytest.param("<link rel=stylesheet href=/a.css>", "/a.css", id="style"),
        pytest.param("<link rel='preload STYLESHEET' href=/a.css>", "/a.css", id="rel-of-two-words"),
        pytest.param("<link rel=modulepreload href=/a.js>", "/a.js", id="modulepreload"),
        pytest.param("<link rel='shortcut icon' href=/a.ico>", "/a.ico", id="icon"),
        pytest.param("<link rel=preload as=font href=/a.woff2>", "/a.woff2", id="preloaded-font"),
        pytest.param("<link rel=preload as=' Image' href=/a.png>", "/a.png", id="preloaded-image"),
        pytest.param(
            "<link rel=preload as=image imagesrcset='/a.png 1x, /b.png 2x'>", "/a.png /b.png", id="imagesrcset"
        ),
        pytest.param("<img src=/a.png>", "/a.png", id="image"),
        pytest.param("<img src=/a.png srcset='/b.png 2x'>", "/a.png /b.png", id="image-in-two-sizes"),
        pytest.param("<picture><source srcset=/a.avif><img src=/b.png></picture>", "/a.avif /b.png", id="picture"),
        pytest.param("<video poster=/a.png></video>", "/a.png", id="poster"),
        pytest.param("<input type=IMAGE src=/a.png>", "/a.png", id="image-as-button"),
        pytest.param("<svg><image href=/a.png /></svg>", "/a.png", id="image-in-a-drawing"),
        pytest.param("<svg><use xlink:href='/a.svg#b'/></svg>", "/a.svg", id="part-of-a-drawing"),
        pytest.param("<style>p{background:url(/a.png)}</style>", "/a.png", id="style-element"),
        pytest.param("<style>@import '/a.css';</style>", "/a.css", id="import-in-a-style-element"),
        pytest.param("<p style='background:url(/a.png)'>", "/a.png", id="style-attribute"),
        pytest.param("<div style='background:url(&quot;/a.png&quot;)'>", "/a.png", id="style-attribute-escaped"),
        pytest.param("<img src=/a.png style='background:url(/b.png)'>", "/a.png /b.png", id="image-with-a-style"),
    ],
)
def test_what_a_browser_loads(html: str, named: str) -> None:
    assert by_page(html) == named.split()


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<a href=/a.js>", id="link-to-a-page"),
        pytest.param("<script>import '/a.js'</script>", id="inline-script"),
        pytest.param("<script type=application/json src=/a.json></script>", id="data"),
        pytest.param("<script type=importmap src=/a.json></script>", id="import-map"),
        pytest.param("<script type=text/template src=/a.html></script>", id="template-of-a-script"),
        pytest.param("<script type=cafe-text/javascript src=/a.js></script>", id="nearly-rocket-loader"),
        pytest.param("<link rel=canonical href=/a>", id="canonical"),
        pytest.param("<link rel=alternate href=/feed.xml>", id="feed"),
        pytest.param("<link rel=prefetch as=script href=/next.js>", id="prefetch"),
        pytest.param("<link rel=preload as=fetch href=/data.json>", id="preloaded-data"),
        pytest.param("<link rel=preload href=/a.js>", id="preloaded-as-nothing"),
        pytest.param("<link as=script href=/a.js>", id="no-rel"),
        pytest.param("<p><noscript><link rel=stylesheet href=/a.css><img src=/a.png></noscript>", id="noscript"),
        pytest.param("<template><img src=/a.png><p style='background:url(/b.png)'></template>", id="template"),
        pytest.param("<!-- <script src=/a.js></script> -->", id="comment"),
        pytest.param("<!--[if IE]><script src=/ie.js></script><![endif]-->", id="for-old-browsers"),
        pytest.param("<video src=/a.mp4><source src=/b.mp4></video>", id="film"),
        pytest.param("<input type=text src=/a.png>", id="field"),
        pytest.param("<img src=''><script src></script><img>", id="empty"),
        pytest.param("<img src='#'><svg><use href='#a'/></svg><p style='fill:url(#b)'>", id="within-the-page"),
        pytest.param("<img src=data:image/png;base64,AAAA>", id="data-address"),
        pytest.param("<img src=blob:https://www.example.com/1>", id="blob"),
        pytest.param("<script src='javascript:a()'></script>", id="script-as-address"),
        pytest.param("<script src=https://cdn.example.net/a.js></script>", id="elsewhere"),
        pytest.param("<script src=//cdn.example.com/a.js></script>", id="another-host"),
        pytest.param("<img src=http://www.example.com/a.png>", id="http"),
        pytest.param("<img src=https://www.example.com:8443/a.png>", id="another-port"),
        pytest.param("<script src=/cdn-cgi/scripts/email-decode.min.js></script>", id="cloudflares"),
        pytest.param("<img src=/cdn-cgi/image/width=80/a.png>", id="cloudflares-resizing"),
        pytest.param("<img src='http://['><script src='//[::1'></script>", id="no-address"),
        pytest.param("<img src='https://www.example.com:port/a.png'>", id="port-that-is-no-number"),
        pytest.param("<img src=https://www.example.com:99999/a.png>", id="port-beyond-all"),
    ],
)
def test_what_no_browser_loads_from_this_site(html: str) -> None:
    assert by_page(html) == []


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("a.js", "/blog/a.js"),
        ("./a.js", "/blog/a.js"),
        ("../a.js", "/a.js"),
        ("../../../a.js", "/a.js"),
        ("/a.js", "/a.js"),
        (" /a.js\n", "/a.js"),
        ("/a\n.js", "/a.js"),
        ("//www.example.com/a.js", "/a.js"),
        ("https://WWW.example.com:443/a.js", "/a.js"),
        ("HTTPS://www.example.com", "/"),
        ("/a.js?v=1&amp;w=2#x", "/a.js?v=1&w=2"),
        ("?v=1", "/blog/post?v=1"),
        ("/straße.png", "/stra%C3%9Fe.png"),
        ("/a%20b.png", "/a%20b.png"),
        ("/cdn-cgi.js", "/cdn-cgi.js"),
    ],
)
def test_where_a_reference_leads(reference: str, path: str) -> None:
    assert by_page(f"<script src='{reference}'></script>") == [path]


def test_a_file_is_named_once_however_often_it_is_used() -> None:
    html = "<link rel=preload as=script href=/a.js><script src=/a.js></script><img src='/s.svg#a'><img src='/s.svg#b'>"
    assert by_page(html) == ["/a.js", "/s.svg"]


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/", "/a.js"),
        ("/app/", "/app/a.js"),
        ("assets/", "/blog/assets/a.js"),
        ("https://www.example.com/v2/", "/v2/a.js"),
        ("", "/blog/a.js"),
        ("http://[", "/blog/a.js"),
    ],
)
def test_a_base(base: str, path: str) -> None:
    """Angular's pages all have one."""
    assert by_page(f"<base href='{base}'><script src=a.js></script>") == [path]


def test_a_base_elsewhere_takes_all_that_is_relative_with_it() -> None:
    html = "<base href=https://cdn.example.net/><img src=a.png><img src=/b.png><img src=https://www.example.com/c.png>"
    assert by_page(html) == ["/c.png"]


def test_the_first_base_counts_and_none_that_is_not_there() -> None:
    html = "<base target=_top><base href=/one/><base href=/two/><img src=a.png>"
    assert by_page(html) == ["/one/a.png"]
    assert by_page("<template><base href=/x/></template><!-- <base href=/y/> --><img src=a.png>") == ["/blog/a.png"]


def test_a_part_of_the_page_itself_is_no_file_whatever_the_base() -> None:
    """Else the home page would be asked for as an image."""
    assert by_page("<base href='/'><svg><use href='#icon'/><rect style='fill:url(#shade)'/></svg>") == []


def test_the_page_itself_is_no_file() -> None:
    assert by_page("<img src=/blog/post><img src=post>") == []
    assert by_page("<img src=/blog/post><img src='?a=1'>", url=f"{PAGE}?a=1") == ["/blog/post"]


# srcset.


@pytest.mark.parametrize(
    ("srcset", "named"),
    [
        ("/a.png", "/a.png"),
        ("/a.png 1x, /b.png 2x", "/a.png /b.png"),
        ("/a.png 100w,/b.png 200w", "/a.png /b.png"),
        ("/a.png, /b.png 2x", "/a.png /b.png"),
        (",, /a.png,,  /b.png", "/a.png /b.png"),
        ("\n /a.png 1x,\n\t/b.png 2x,\n", "/a.png /b.png"),
        ("/w=1,h=2/a.png 1x, /w=2,h=4/a.png 2x", "/w=1,h=2/a.png /w=2,h=4/a.png"),
        ("/a.png,/b.png", "/a.png,/b.png"),  # one address, says the standard
        ("data:image/png;base64,AAAA 1x, /b.png 2x", "/b.png"),
        ("/a.png calc(1x, 2x), /b.png", "/a.png /b.png"),
        ("/a.png (1x, /b.png", "/a.png"),
        ("/a.png (1x) 2w (3, 4), /b.png", "/a.png /b.png"),
        ("/a.png 1x 2x", "/a.png"),
        ("", ""),
        (" , ,", ""),
    ],
)
def test_srcset(srcset: str, named: str) -> None:
    assert by_page(f"<img srcset='{srcset}'>") == named.split()


def test_a_huge_srcset() -> None:
    """Cut anew for each candidate, this would be copied a million times."""
    assert len(list(markup.candidates("/a.png 1x, " * 400_000))) == 400_000
    assert list(markup.candidates("/a.png " + "(" * 2_000_000)) == ["/a.png"]
    assert list(markup.candidates("/a.png " + "()" * 1_000_000 + ", /b.png")) == ["/a.png", "/b.png"]
    assert list(markup.candidates("," * 2_000_000)) == []


# What a stylesheet names.


@pytest.mark.parametrize(
    ("css", "named"),
    [
        pytest.param("p{background:url(/a.png)}", "/a.png", id="plain"),
        pytest.param("p{background:URL( '/a.png' )}", "/a.png", id="quoted"),
        pytest.param('p{background:url("/a b.png")}', "/a%20b.png", id="with-a-space"),
        pytest.param('p{background:url("/a(1).png")}', "/a(1).png", id="with-brackets"),
        pytest.param("p{background:url(a.png),url(../b.png)}", "/static/css/a.png,/static/b.png", id="relative"),
        pytest.param("@import '/a.css';", "/a.css", id="import"),
        pytest.param('@IMPORT"/a.css"screen;', "/a.css", id="import-tight"),
        pytest.param("@import url(/a.css) screen;", "/a.css", id="import-of-a-url"),
        pytest.param("p{mask:url(/a.svg#b)}", "/a.svg", id="part-of-a-drawing"),
        pytest.param(
            "p{background:url(/a.png)/* x */}/* y */q{background:url(/b.png)}", "/a.png,/b.png", id="comments"
        ),
        pytest.param("p{content:'/*'}q{background:url(/a.png)}", "/a.png", id="no-comment-but-a-text"),
        pytest.param(
            r".content-\[\'\'\]{}/* it's url(/b.png) */q{background:url(/a.png)}", "/a.png", id="escaped-quotes"
        ),
        pytest.param("p{content:'it\\'s /*'}q{background:url(/a.png)}", "/a.png", id="escaped-quote-in-a-text"),
        pytest.param("p{a:'\n}/* url(/b.png) */q{background:url(/a.png)}", "/a.png", id="text-without-end"),
        pytest.param("@media print{p{background:url(/a.png)}}", "/a.png", id="media"),
    ],
)
def test_a_stylesheet(css: str, named: str) -> None:
    assert by_style(css) == named.split(",")


@pytest.mark.parametrize(
    "css",
    [
        pytest.param("/* p{background:url(/a.png)} */", id="comment"),
        pytest.param("/* p{background:url(/a.png)}", id="comment-without-end"),
        pytest.param("@namespace svg url(/a);p{}", id="namespace"),
        pytest.param("p{fill:url(#a)}", id="in-the-page"),
        pytest.param("p{background:url()}q{background:url('')}", id="empty"),
        pytest.param("p{background:url(data:image/svg+xml;base64,AA==)}", id="data"),
        pytest.param("p{background:url(\"data:image/svg+xml,<svg fill='%23fff'/>\")}", id="data-quoted"),
        pytest.param("@import 'https://fonts.example.net/css';", id="elsewhere"),
        pytest.param("p{background:url(/a.png", id="without-end"),
        pytest.param("p{background:url('/a.png)}", id="quote-without-end"),
        pytest.param("p{background:url(/a b.png)}", id="unquoted-space"),
        pytest.param("/*# sourceMappingURL=site.css.map */", id="source-map"),
    ],
)
def test_nothing_to_load_from_this_site(css: str) -> None:
    assert by_style(css) == []


@pytest.mark.parametrize(
    ("src", "named"),
    [
        pytest.param("src:url(a.woff2) format('woff2'),url(a.woff) format('woff')", "a.woff2", id="the-best"),
        pytest.param("src:url(a.woff),url(a.WOFF2?v=1)", "a.WOFF2?v=1", id="the-best-is-last"),
        pytest.param("src:url(a.eot);src:url(a.eot?#iefix),url(a.woff),url(a.ttf)", "a.woff", id="for-old-browsers"),
        pytest.param("src:local(A),url(a.ttf)", "a.ttf", id="the-only-one"),
        pytest.param("src:url('http://[.woff2'),url(a.woff)", "a.woff", id="no-address"),
        pytest.param("src:local(A)", "", id="of-the-machine"),
    ],
)
def test_of_a_font_face_only_what_a_browser_of_today_takes(src: str, named: str) -> None:
    css = f"@font-face {{font-family:A;{src}}}"
    assert by_style(css) == [f"/static/css/{name}" for name in named.split()]
    assert by_style(css + "p{background:url(/b.png)}")[-1] == "/b.png"


def test_each_font_face_has_its_file() -> None:
    assert by_style("@font-face{src:url(/a.woff2)}@FONT-FACE{src:url(/b.woff2),url(/c.woff)}") == [
        "/a.woff2",
        "/b.woff2",
    ]


# What would take hours, were it read again and again.

MANY = 500_000


@pytest.mark.parametrize(
    "opening",
    ["url(", "url('", 'url("', "/* ", "@import '", "@import ", "@namespace ", "@font-face{", "'\\'", "\"'", "{", "\\"],
)
def test_css_without_end(opening: str) -> None:
    assert "/a.png" in by_style("p{background:url(/a.png)}\n" + opening * MANY)


@pytest.mark.parametrize("css", ["url({}", "url(a{}b", "@import{}", "@font-face{}", "@namespace{}"])
def test_css_of_white_space(css: str) -> None:
    assert by_style(css.format(" " * 4 * MANY)) == []


@pytest.mark.parametrize(
    "html",
    [
        "<" + "a" * 4_000,
        "<img srcset='" + "/b.png 1x, " * 300,
        "<img src='",
        "<!-- ",
        "<base href='/'>",
        "<template>",
        "<noscript>",
        "<style>",
        "<svg>",
    ],
    ids=["names", "srcset", "attribute", "comment", "base", "template", "noscript", "style", "svg"],
)
def test_html_without_end(html: str) -> None:
    assert by_page("<script src=/a.js></script>" + html * (1_000_000 // len(html)))[:1] == ["/a.js"]


def test_ten_thousand_images() -> None:
    assert len(by_page("".join(f"<img src=/{number}.png>" for number in range(10_000)))) == 10_000


def test_what_is_beyond_two_million_characters_is_not_read() -> None:
    assert by_page("<p>" + "xyzxyzxyz" * 220_000 + "<script src=/a.js></script>") == ["/a.js"]
    assert by_page("<p>" + "xyzxyzxyz" * 225_000 + "<script src=/a.js></script>") == []
    assert by_style(" " * 2_000_000 + "url(/a.png)") == []


def test_an_image_within_the_page_hides_nothing_behind_it() -> None:
    image = f"<img src=data:image/png;base64,{'A' * 3_000_000}>"
    assert by_page(f"<p>{image}<script src=/a.js></script>") == ["/a.js"]


def test_what_is_beyond_a_hundred_thousand_elements_is_not_read() -> None:
    assert by_page("<script src=/a.js></script>" + "<br>" * 99_000 + "<script src=/b.js></script>") == [
        "/a.js",
        "/b.js",
    ]
    assert by_page("<script src=/a.js></script>" + "<br>" * 100_000 + "<script src=/b.js></script>") == ["/a.js"]


@pytest.mark.parametrize("name", ["html", "body", "BODY"])
def test_an_element_of_which_there_is_one_has_the_attributes_of_the_first_tag(name: str) -> None:
    """A hundred thousand of these would take minutes."""
    tags = "".join(f"<{name} style='background: url(/{number}.png)' a{number}=1>" for number in range(15_000))
    assert by_page(tags + "<script src=/a.js></script>") == ["/0.png", "/a.js"]


def test_fifty_thousand_references() -> None:
    assert len(by_page("".join(f"<img src=/{number}>" for number in range(50_000)))) == 20_000
    assert by_page("<img src=/a>" * 50_000 + "<img src=/b>") == ["/a", "/b"]
