"""The summary as Markdown: whole texts, and what GitHub's own renderer makes of what a server sent."""

from __future__ import annotations

from dataclasses import replace

import cmarkgfm
import pytest
from selectolax.lexbor import LexborHTMLParser

from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.say.markdown import markdown
from pytest_pagesmoke.say.summary import summarize
from records import OWN, record, run


def text(*runs: TargetRun) -> str:
    return markdown(summarize(runs, settings="pagesmoke.toml"))


def html(markup: str) -> LexborHTMLParser:
    return LexborHTMLParser(cmarkgfm.github_flavored_markdown_to_html(markup, cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))


def test_a_good_run() -> None:
    warned = record("/a", warnings=["not judged"], attempts=2)
    assert (
        text(run(record("/"), warned))
        == """\
## ✅ pagesmoke: GOOD

| target | address | verdict | pages | time |
| --- | --- | --- | --- | --- |
| x | <https://www.example.com> | **GOOD** | 2/2 | 0.5 s |

```text
settings  pagesmoke.toml
warning   x /a: not judged
retried   pagesmoke.toml::test_page[x-/a]: passed at attempt 2
```

"""
    )


def test_a_broken_run() -> None:
    """What it is, what to do, and what failed: folded in, as the cause says it."""
    assert (
        text(run(record("/", "page-status", 404), record("/b", "page-status", 404)))
        == """\
## ❌ pagesmoke: BROKEN

| target | address | verdict | pages | time |
| --- | --- | --- | --- | --- |
| x | <https://www.example.com> | **BROKEN** | 0/2 | 0.5 s |

**Cause:** no-worker: the worker is missing: without it every page and the API answer 404 with an empty body (x; explains 2 of 2 failures)

**Next:**

```text
see whether the build output has its worker: pytest pagesmoke.toml --pagesmoke=dist
```

**Verify:**

```text
pytest pagesmoke.toml --pagesmoke=x=https://www.example.com
```

<details><summary>2 failures</summary>

```text
pagesmoke.toml::test_page[x-/] - page-status: expected 200, got 404
pagesmoke.toml::test_page[x-/b] - page-status: expected 200, got 404
```

**page-status:** 404 with an empty body: Pages found no such file, and no worker to ask (the worker is not in the deployment). 404 with a body: the site itself has no such page. 5xx: its worker fails. *What to do:* Check the build output (`pytest pagesmoke.toml --pagesmoke=dist`), and run it locally (`--pagesmoke=local`).

What is called “above” here, and the answers themselves, stand in the output of the run.

</details>

```text
settings  pagesmoke.toml
```

"""
    )


def test_without_a_cause_the_failures_are_shown() -> None:
    shown = text(run(record("/"), record("/b", "page-content"), OWN))
    assert "**Cause:**" not in shown
    assert "<details open><summary>2 failures</summary>\n" in shown
    assert "```text\ntests/test_site.py::test_x\n```\n\nWhat is called" in shown  # it breaks no rule of ours
    assert "<summary>1 failure</summary>" in text(run(record("/b", "page-content")))


def test_what_is_incomplete_and_what_is_nothing() -> None:
    shown = text(replace(run(record("/")), planned=2))
    assert shown.startswith("## ⚠️ pagesmoke: INCOMPLETE\n")
    assert "**Verify:**" in shown
    assert text().startswith("## ⚠️ pagesmoke: INCOMPLETE\n\nNothing was checked.\n")


def test_of_thousands_of_failures_some_are_named() -> None:
    shown = text(run(*(record(f"/{i}", "page-content", actual="x" * 10_000) for i in range(1000))))
    assert "<summary>1000 failures</summary>" in shown
    assert "\nand 950 more\n```" in shown
    assert shown.count("pagesmoke.toml::") == 50
    assert len(shown) < 40_000
    assert "more" not in text(run(*(record(f"/{i}", "page-content") for i in range(50))))
    shown = text(run(*(record(f"/{i}", warnings=[f"not judged: {n}" for n in range(9)]) for i in range(1000))))
    assert "\nand 8951 more\n```" in shown  # with the line of the settings


HOSTILE = [
    "| a | b |",
    r"\| a \\| b",
    "```\n# head\n```",
    "``````",
    "<script>alert(1)</script>",
    "</code></pre></details><h1>x</h1>",
    "<!-- x",
    "[link](javascript:alert(1)) ![image](https://evil.example/x.png)",
    "**bold** _it_ ~~gone~~ # head",
    "&lt;b&gt; &#60;i&#62;",
    "$`x`$ $$y$$",
    "\u202eright to left\u2066 \u200b",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "::error::x\r\n::set-output name=x::y",
    "]]>",
    "x" * 100_000,
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_server_sent_is_text(hostile: str) -> None:
    """Beside the same document with a harmless word in its place: the same elements, and nothing of it is markup."""

    def page(said: str) -> str:
        named = run(
            replace(record("/", "page-content", actual=said, warnings=[said]), path=said),
            url=f"https://www.example.com/{said}",
        )
        return text(replace(named, address=f"(not {said})"), run(record("/a", id=f"x::test[{said}]", attempts=2)))

    shown, plain = html(page(hostile)), html(page("word"))
    assert [node.tag for node in shown.css("*")] == [node.tag for node in plain.css("*")]
    assert [dict(node.attributes) for node in shown.css("*")] == [dict(node.attributes) for node in plain.css("*")]
    markup = page(hostile)
    assert not set(markup) & {"\x1b", "\u202e", "\u2066", "\r", "\x07", "\u200b"}
    assert not any(line.lstrip().startswith("::") for line in markup.split("\n"))
    assert len(markup) < 20_000


def test_only_a_plain_address_is_a_link() -> None:
    def links(url: str) -> list[str | None]:
        return [node.attributes["href"] for node in html(text(run(record("/"), url=url))).css("td a")]

    assert links("https://www.example.com:8443/~a/b-c_d.e") == ["https://www.example.com:8443/~a/b-c_d.e"]
    assert links("http://[::1]:8788") == []
    assert links("https://www.example.com/*a*") == []
    cells = [node.text() for node in html(text(run(record("/"), name="_x_", url="a_b __c__ (*d*)"))).css("td")]
    assert cells[:2] == ["_x_", "a_b __c__ (*d*)"]
