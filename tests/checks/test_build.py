"""`test_build`: a site that says which build it is, in all the ways in which it may; and one that does not."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_pagesmoke.checks import commits
from pytest_pagesmoke.checks.build import BuildCheck, BuildSpec
from pytest_pagesmoke.checks.page import IMPOSSIBLE
from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Reason, Remark

SITE = "https://www.example.com"
CHECK = BuildCheck()
COMMIT = "5be8c75c0ffee0d15ea5e1234567890abcdef012"
OTHER = "0d1e2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a"
SHELL = "<!doctype html><title>Example</title><h1>Hello</h1>"


def answer(body: str = "", status: int = 200, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(url=f"{SITE}/version.json", status=status, headers=sent, body=body.encode())


def page(body: str, **headers: str) -> Answer:
    return answer(body, 200, content_type="text/html", **headers)


def judge(
    seen: Observation,
    *,
    commit: str = COMMIT,
    path: str = "/version.json",
    anywhere: Observation | None = None,
    **where: Any,
) -> list[Finding | Remark]:
    """What is found; ``anywhere`` is what addresses that cannot exist answer. (`Any`: whatever a settings entry has.)"""
    spec = BuildSpec(path=path, commit=commit, **where or {"json": "commit"})
    known: dict[Probe, Observation] = {}
    while new := [probe for probe in CHECK.probes(spec, known) if probe not in known]:
        known |= {probe: seen if probe.path == path else anywhere or answer(status=404) for probe in new}
    return list(CHECK.judge(spec, known))


def only(*args: Any, **kwargs: Any) -> Finding:
    """The one finding. (`Any`: as `judge` has it.)"""
    (finding,) = judge(*args, **kwargs)
    assert isinstance(finding, Finding)
    assert finding.rule.id == "build-differs"
    return finding


# What names one commit.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMMIT, COMMIT),
        (COMMIT, COMMIT.upper()),
        (COMMIT, f" {COMMIT}\n"),
        (COMMIT, COMMIT[:7]),
        (COMMIT, COMMIT[:12].upper()),
        (COMMIT[:7], COMMIT[:8]),
        ("0123456789" * 4, "0123456"),  # digits alone
        ("a" * 64, "a" * 39),  # SHA-256
        ("abc12", "ABC12"),
        ("v1.2.3", "v1.2.3"),
        ("main-123", "main-123\n"),
        ("1", "1"),
    ],
)
def test_one_commit(one: str, other: str) -> None:
    assert commits.same(one, other)
    assert commits.same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMMIT, OTHER),
        (COMMIT, f"{COMMIT}0"),  # it is whole, and no abbreviation
        (COMMIT, COMMIT[:6]),  # fewer digits than git's own
        (COMMIT, COMMIT[1:]),  # a part, and not the beginning
        (COMMIT, f"{COMMIT[:7]}0"),
        (COMMIT, f"{COMMIT[:7]}-dirty"),
        (COMMIT, ""),
        (COMMIT[:7], ""),
        ("abc12", "abc123"),
        ("a" * 65, "a" * 39),
        ("v1.2.3", "v1.2.30"),
        ("v1.2.3", "V1.2.3"),
        ("main-123", "main-1234"),
        ("main", "main-123"),
        ("release-abc1234", "abc1234"),
        ("1", "12"),
        ("", "abc1234"),
        ("abc123\uff14", "abc1234"),  # a wide digit, which is none here
    ],
)
def test_two_commits(one: str, other: str) -> None:
    assert not commits.same(one, other)
    assert not commits.same(other, one)


# Asking.


@pytest.mark.parametrize(
    ("where", "accept"),
    [({"json": "commit"}, "application/json"), ({"contains": True}, "*/*"), ({"header": "x-build"}, "*/*")],
)
def test_its_own_question(where: dict[str, Any], accept: str) -> None:
    spec = BuildSpec(path="/version.json", commit=COMMIT, **where)
    assert list(CHECK.probes(spec, {})) == [Probe(path="/version.json", accept=accept, fresh=True)]


@pytest.mark.parametrize("where", [{}, {"json": "commit", "header": "x-build"}, {"json": "a", "contains": True}])
def test_it_is_said_in_one_place(where: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="takes one of json, contains and header"):
        BuildSpec(path="/version.json", **where)


# JSON.


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (f'{{"commit":"{COMMIT}"}}', "commit"),
        (f'{{"commit":"{COMMIT[:7]}"}}', "commit"),
        (f'{{"commit":" {COMMIT.upper()}\\n","env":"unknown"}}', "commit"),
        (f'\ufeff{{"build":{{"git.sha":"{COMMIT}"}}}}', "build.git.sha"),
        (f'[{{"commit":"{OTHER}"}},{{"commit":"{COMMIT}"}}]', "1.commit"),
    ],
)
def test_json(body: str, where: str) -> None:
    assert judge(answer(body), json=where) == []
    assert judge(answer(body), json=where, commit=COMMIT[:8]) == []


def test_the_number_of_a_build() -> None:
    assert judge(answer('{"build":1234}'), json="build", commit="1234") == []
    assert only(answer('{"build":1235}'), json="build", commit="1234").actual == "build: 1235"
    assert only(answer('{"build":true}'), json="build", commit="True").actual == "build: true"
    assert only(answer('{"build":1}'), json="build", commit="true").actual == "build: 1"


def test_another_commit() -> None:
    finding = only(answer(f'{{"commit":"{OTHER}"}}'))
    assert finding.line == f'build-differs: expected build {COMMIT}, got commit: "{OTHER}"'
    assert (finding.other_build, finding.hint) == (True, "")
    assert only(answer('{"commit":"v1.2.2"}'), commit="v1.2.3").other_build


WRITE = """let the build write it: printf '{"commit":"%s"}' "${CF_PAGES_COMMIT_SHA:-$(git rev-parse HEAD)}" > dist/version.json"""


@pytest.mark.parametrize(
    ("body", "actual"),
    [
        pytest.param("{}", "commit: absent", id="absent"),
        pytest.param('{"commit":null}', "commit: null", id="null"),
        pytest.param('{"commit":""}', 'commit: ""', id="empty"),
        pytest.param('{"commit":" "}', 'commit: " "', id="white-space"),
        pytest.param('{"commit":[]}', "commit: []", id="list"),
        pytest.param('{"commit":{}}', "commit: {}", id="table"),
        pytest.param('{"commit":1.5}', "commit: 1.5", id="number"),
        pytest.param('{"commit":false}', "commit: false", id="false"),
        pytest.param('{"commit":"unknown"}', 'commit: "unknown"', id="unknown"),
        pytest.param('{"commit":"$CF_PAGES_COMMIT_SHA"}', 'commit: "$CF_PAGES_COMMIT_SHA"', id="not-expanded"),
        pytest.param('{"commit":"v1.2.3"}', 'commit: "v1.2.3"', id="a-tag"),
        pytest.param(f'{{"commit":"{COMMIT}-dirty"}}', f'commit: "{COMMIT}-dirty"', id="dirty"),
        pytest.param(f'"{COMMIT}"', "commit: absent", id="no-table"),
        pytest.param("", "an empty body", id="empty-body"),
        pytest.param(COMMIT, f"a text that is no JSON (begins '{COMMIT}')", id="text"),
        pytest.param('{"commit":', """a text that is no JSON (begins '{"commit":')""", id="cut-off"),
        pytest.param('{"commit":NaN}', """a text that is no JSON (begins '{"commit":NaN}')""", id="nan"),
        pytest.param("[" * 100_000, f"a text that is no JSON (begins '{'[' * 40}')", id="bottomless"),
    ],
)
def test_a_site_that_does_not_say(body: str, actual: str) -> None:
    """That is not known to be another build; the hint says what to add to the site."""
    finding = only(answer(body))
    assert finding.line == f"build-differs: expected build {COMMIT}, got {actual}"
    assert (finding.other_build, finding.hint) == (False, WRITE)


@pytest.mark.parametrize("word", ["unknown", "dev", "HEAD", "undefined", ""])
def test_a_word_for_no_build_is_not_another_one(word: str) -> None:
    assert not only(answer(f'{{"commit":"{word}"}}'), commit="v1.2.3").other_build


def test_a_name_cannot_be_held_against_a_hash() -> None:
    finding = only(answer(f'{{"commit":"{COMMIT}"}}'), commit="v1.2.3")
    assert not finding.other_build
    assert finding.hint == 'the site says a commit\'s hash: give that, --pagesmoke-build="$(git rev-parse HEAD)"'


@pytest.mark.parametrize(("said", "commit"), [(COMMIT[:6], COMMIT), (COMMIT, COMMIT[:6]), (COMMIT, COMMIT[:4].upper())])
def test_too_short_a_hash_is_told(said: str, commit: str) -> None:
    finding = only(answer(f'{{"commit":"{said}"}}'), commit=commit)
    assert (finding.hint, finding.other_build) == ("a hash counts from 7 digits on", False)


def test_json_that_leads_to_a_table() -> None:
    finding = only(answer(f'{{"commit":{{"n":1,"sha":"{COMMIT}"}}}}'))
    assert finding.hint == 'json names the way to a text: json = "commit.sha"'


# A header.


@pytest.mark.parametrize(
    "value",
    [
        COMMIT,
        COMMIT[:7],
        f" {COMMIT} ",
        f'"{COMMIT}"',
        f'W/"{COMMIT}"',
        f"{COMMIT}, {COMMIT}",
        f'"{COMMIT}","{COMMIT}"',
    ],
)
def test_a_header(value: str) -> None:
    assert judge(answer(SHELL, x_build=value), header="x-build") == []


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (OTHER, True),
        (f'W/"{OTHER}"', True),
        (f"{COMMIT}, {OTHER}", False),
        (f'"{COMMIT}', False),
        ("", False),
        ('"', False),
        ('""', False),
    ],
)
def test_a_header_that_says_something_else(value: str, other: bool) -> None:
    finding = only(answer(SHELL, x_build=value), header="x-build")
    assert (finding.actual, finding.other_build) == (f"x-build: {value}", other)


def test_no_header() -> None:
    finding = only(answer(f'{{"x-build":"{COMMIT}"}}'), header="x-build")
    assert (finding.actual, finding.other_build) == ("no x-build", False)
    assert finding.hint == (
        r"let the worker set it; for a file, let the build write it: printf '/version.json\n  x-build: %s\n'"
        ' "${CF_PAGES_COMMIT_SHA:-$(git rev-parse HEAD)}" >> dist/_headers'
    )


def test_a_comma_in_a_name() -> None:
    assert judge(answer(x_build="main,1"), header="x-build", commit="main,1") == []


# A text.


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        (COMMIT, COMMIT),
        (f"{COMMIT}\n", COMMIT[:7]),
        (f"build {COMMIT[:7]}", COMMIT),
        (f"<!-- {COMMIT[:12].upper()} -->", COMMIT),
        (f"defaced {OTHER} ({COMMIT[:7]}).", COMMIT),
        (f'<link href="/app-{COMMIT[:8]}.css">', COMMIT),
        (f"build {COMMIT[:8]}... of today", COMMIT),
        (f"compare/{OTHER}...{COMMIT}", COMMIT),
        ("release v1.2.3.", "v1.2.3"),
        ("main-123", "main-123"),
        ("abc12", "abc12"),
    ],
)
def test_a_text(text: str, commit: str) -> None:
    assert judge(answer(text), contains=True, commit=commit) == []


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        (f"a{COMMIT}", COMMIT),  # a part of a longer word
        (f"{COMMIT}0", COMMIT),
        (f"{COMMIT[:7]}g", COMMIT),
        (f"_{COMMIT}", COMMIT),
        (f"é{COMMIT}", COMMIT),
        (COMMIT[:6], COMMIT),
        (f"{COMMIT[:7]}-dirty", COMMIT),
        (f"{COMMIT}+dirty", COMMIT),
        (f"{COMMIT}-modified", COMMIT),
        (f"{COMMIT}+local", COMMIT),
        (f"https://github.com/x/y/compare/{COMMIT}...{'b' * 40}", COMMIT),
        ("v1.2.3~beta", "v1.2.3"),
        ("v1.2.3@next", "v1.2.3"),
        ("v1.2.30", "v1.2.3"),
        ("v1.2.3.4", "v1.2.3"),
        ("v1.2.3-rc1", "v1.2.3"),
        ("xv1.2.3", "v1.2.3"),
        ("try-main-123", "main-123"),
        ("main-123", "main"),
        ("V1.2.3", "v1.2.3"),
        ("v1x2", "v1.2"),
        ("", "v1.2.3"),
    ],
)
def test_a_text_that_only_looks_like_it(text: str, commit: str) -> None:
    assert not only(answer(text), contains=True, commit=commit).hint.startswith("a cache")


def test_a_text_of_another_commit() -> None:
    finding = only(answer(f"build {OTHER}, {OTHER}"), contains=True)
    assert (finding.actual, finding.other_build, finding.hint) == (f"a text with {OTHER}", True, "")
    many = only(answer(" ".join(f"{digit}bcdef0" for digit in "12345")), contains=True)
    assert many.actual == "a text with 1bcdef0, 2bcdef0, 3bcdef0, …"


@pytest.mark.parametrize("text", ["Hello", "call 5551234567", "1234567"])
def test_a_text_that_names_no_commit(text: str) -> None:
    finding = only(answer(text), contains=True, path="/version.txt")
    assert (finding.actual, finding.other_build) == (f"a text that names no commit (begins {text!r})", False)
    assert finding.hint == (
        'let the build write it: echo "${CF_PAGES_COMMIT_SHA:-$(git rev-parse HEAD)}" > dist/version.txt'
    )


def test_what_reads_it_takes_no_long() -> None:
    """A body may be ten megabytes of digits."""
    assert only(answer("a" * 5_000_000), contains=True).actual.startswith("a text that names no commit")
    assert only(answer("a-" * 2_000_000), contains=True, commit="a-b").actual.startswith("a text without it")


@pytest.mark.parametrize(
    ("path", "where", "hint"),
    [
        ("/version.json?x=1", {"json": "build.commit"}, """printf '{"build":{"commit":"%s"}}' "${CF"""),
        ("/it's.json", {"json": "commit"}, """> 'dist/it'"'"'s.json'"""),
        ("/api/version", {"json": "git.sha"}, "let /api/version say it under 'git.sha': the build knows it as "),
        ("/", {"contains": True}, "let / say it in a comment, say: the build knows it as "),
        ("/about.html", {"contains": True}, "let /about.html say it in a comment, say: the build knows it as "),
    ],
)
def test_what_to_add_to_the_site(path: str, where: dict[str, Any], hint: str) -> None:
    assert hint in only(answer("{}"), path=path, **where).hint


# What else may come.


@pytest.mark.parametrize("where", [{"json": "commit"}, {"contains": True}, {"header": "x-build"}])
def test_another_status(where: dict[str, Any]) -> None:
    """Whatever it says: a page for what is not found may hold the commit of the build."""
    body, headers = f'{{"commit":"{COMMIT}"}}', {"x_build": COMMIT}
    finding = only(answer(body, 404, **headers), **where)
    assert finding.line == f"build-differs: expected build {COMMIT}, got 404"
    assert finding.hint.startswith("let the ")
    assert not finding.other_build
    assert only(answer(body, 503, **headers), **where).hint == ""
    assert only(answer("", 302, location="/login"), **where).actual == "302 to /login"


def test_no_answer_and_none_of_the_sites() -> None:
    absence = NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="none")
    (finding,) = judge(absence)
    assert isinstance(finding, Finding)
    assert finding.rule.id == "timeout"
    (finding,) = judge(answer(status=403, cf_mitigated="challenge"))
    assert isinstance(finding, Finding)
    assert finding.rule.id == "bot-challenge"


@pytest.mark.parametrize("where", [{"json": "commit"}, {"contains": True}])
def test_the_page_that_answers_any_address(where: dict[str, Any]) -> None:
    """There is no such file in this deployment, or no worker to answer; what the home page says of it proves nothing."""
    shell = page(f"{SHELL}<!-- {OTHER} -->")
    finding = only(shell, anywhere=shell, **where)
    assert finding.actual == "the page that /pagesmoke-no-such-page answers, too (title: Example)"
    assert not finding.other_build
    remark, unknown = judge(shell, anywhere=answer("slow down", 429), **where)
    assert isinstance(remark, Remark)
    assert isinstance(unknown, Finding)
    assert not unknown.actual.startswith("the page that")
    assert only(shell, **where).actual == ("an HTML page" if "json" in where else f"a text with {OTHER}")


def test_the_page_of_a_single_page_application_may_name_its_build() -> None:
    """It is what any address answers, by right."""
    shell = page(f"{SHELL}<!-- {OTHER} -->")
    for path in ("/about", "/about.html", "/v1.0/"):
        finding = only(shell, anywhere=shell, path=path, contains=True)
        assert (finding.actual, finding.other_build) == (f"a text with {OTHER}", True)
    # Without any hash in it, it is only what stands in the place of an answer.
    assert only(page(SHELL), anywhere=page(SHELL), path="/api/version", contains=True).actual.startswith(
        "the page that"
    )


@pytest.mark.parametrize(
    ("seen", "path", "where"),
    [
        pytest.param(page(f"{SHELL}{COMMIT}"), "/version", {"contains": True}, id="right"),
        pytest.param(page(SHELL), "/", {"contains": True}, id="home"),
        pytest.param(page(SHELL), "/version", {"header": "x-build"}, id="header"),
        pytest.param(answer("{}"), "/version", {"json": "commit"}, id="no-page"),
        pytest.param(answer(SHELL, 404), "/v", {"json": "a"}, id="404"),
    ],
)
def test_it_asks_for_no_more_than_it_needs(seen: Answer, path: str, where: dict[str, Any]) -> None:
    spec = BuildSpec(path=path, commit=COMMIT, **where)
    (own,) = CHECK.probes(spec, {})
    assert list(CHECK.probes(spec, {own: seen})) == [own]


def test_a_page_in_its_place_is_looked_into() -> None:
    spec = BuildSpec(path="/version.json", commit=COMMIT, json="commit")
    (own,) = CHECK.probes(spec, {})
    assert list(CHECK.probes(spec, {own: page(SHELL)})) == [own, *IMPOSSIBLE]


def test_a_cache_that_answers() -> None:
    """Its answer is of another time: of which, it says itself."""
    cached = {"cf_cache_status": "HIT", "age": "300"}
    said = "a cache answered (cf-cache-status HIT, age 300 s), and not the deployment"
    assert only(answer(f'{{"commit":"{OTHER}"}}', 200, **cached)).hint == said
    assert only(answer("{}", 200, **cached)).hint == f"{said}; {WRITE}"
    assert only(answer("", 404, **cached)).hint == f"{said}; {WRITE}"
    (remark,) = judge(answer(f'{{"commit":"{COMMIT}"}}', 200, **cached))
    assert remark == Remark(
        text="a cache answered (cf-cache-status HIT, age 300 s): this was the build when it asked the deployment"
    )
