"""The settings file: what it means, and every mistake in it. No network."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from kit import ROOT
from pytest_pagesmoke.checks.answer import AnswerSpec
from pytest_pagesmoke.checks.asset import AssetSpec
from pytest_pagesmoke.checks.build import BuildSpec
from pytest_pagesmoke.checks.health import HealthSpec
from pytest_pagesmoke.checks.linked import LinkedSpec
from pytest_pagesmoke.checks.not_found import NotFoundSpec
from pytest_pagesmoke.checks.page import PageSpec
from pytest_pagesmoke.checks.redirect import RedirectSpec
from pytest_pagesmoke.checks.takes import is_key
from pytest_pagesmoke.model import DistSpec, Kind, Manners
from pytest_pagesmoke.registry import LIVE_CHECKS, SINGLE_KEYS
from pytest_pagesmoke.settings import Settings, SetUpError, checklist, load
from pytest_pagesmoke.settings.dist import DistTable
from pytest_pagesmoke.settings.reading import _KEYS, _TARGET_KEYS
from pytest_pagesmoke.settings.shape import hints_of

HERE = Path(__file__).parent
SECRET = "hunter2-hunter2"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str, environment: Mapping[str, str] | None = None) -> Settings:
        (tmp_path / "pagesmoke.toml").write_text(text, "utf-8")
        return load(tmp_path, environment=environment or {})

    return read


def specs(settings: Settings, declared: str | None = None) -> list[Any]:
    return [spec for _, spec in settings.checks_of(declared).live]


def test_every_kind_of_mistake() -> None:
    """The snapshot: `make docs` writes it anew; read the diff as someone whose settings do not work."""
    environment = {
        "PREVIEW_URL": "preview.example.com (custom domain)",
        "PAGE": "",
        "ID": "abcdefgh",
        "SECRET": f"{SECRET}\n",
    }
    settings = load(HERE / "mistakes", environment=environment)
    said = [*settings.mistakes, *settings.missing_variables([("other", True)], dist=True), *settings.not_yet]
    text = "\n".join(said) + "\n"
    expected = HERE / "mistakes" / "expected.txt"
    if os.environ.get("PAGESMOKE_REWRITE") == "1":
        expected.write_text(text, "utf-8")
    assert text == expected.read_text("utf-8")
    assert SECRET not in text
    assert "pa/ss" not in text


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("5", "concurrency max_body_bytes max_files settle_rounds timeout_s worker_max_bytes worker_min_bytes"),
        pytest.param("9" * 400, "concurrency max_body_bytes max_files worker_max_bytes worker_min_bytes", id="huge"),
        ("1.5", "timeout_s"),
        ("inf", ""),
        ("true", "spa worker_serves_assets"),
        ('"x"', "compatibility_date environment files path user_agent"),
        ('""', ""),
        ('"${NOPE}"', ""),
        ("[]", "answers assets health linked not_found pages redirects"),
        ("[5]", ""),
        ("[[]]", ""),
        ("{}", "a dist forbidden headers mirrors targets"),
        ("{ path = 5 }", ""),
        ("{ x = {} }", "targets"),
        ("2026-11-30", ""),
    ],
)
def test_whatever_stands_at_a_key_is_read_or_a_mistake(read: Any, value: str, fits: str) -> None:
    keys = [*_KEYS, "dist", "targets", "targets.a", *(f"dist.{field.name}" for field in fields(DistTable))]
    keys += [f"targets.a.{key}" for key in (*_KEYS, *_TARGET_KEYS, "headers")]
    fitting = set()
    for key in keys:
        settings = read(f"{key} = {value}")
        said = [*settings.mistakes, *settings.missing_variables([("a", True), (None, True)], dist=True)]
        assert [mistake for mistake in said if not re.match(rf"{re.escape(key)}(?![a-z_])", mistake)] == []
        if not said:
            fitting.add(key.rpartition(".")[2])
    assert fitting == set(fits.split())


def test_what_each_key_takes(read: Any) -> None:
    settings = read(
        """
        pages = ["/", { path = "/login", contains = "Sign in", max_s = 0.8 }, { path = "/gone", status = 404, id = "gone" },
                 { path = "/admin", access = true }]
        assets = ["/static/app.js", { path = "/old.js", status = 404 }]
        health = [{ path = "/api/health", expect = { status = ["healthy", "ok"], "db.ok" = true, cache.ok = 1 } },
                  { path = "/ping", text = "pong" }, { path = "/up", status = 204 }]
        linked = ["/"]
        answers = [{ path = "/api/me", status = 401, contains = ["a", "b"], not_contains = "c", json = { error = "…" }, headers = { X-Robots-Tag = false, etag = true, server = "me" } }]
        redirects = [{ path = "/old", to = "/new/*", status = 301 }, { path = "/out", to = "https://www.example.net" }]
        not_found = ["/nix", { path = "/gone.pdf", status = 410 }]
        spa = true
        build = { path = "/version.json", json = "commit" }
        timeout_s = 5
        concurrency = 4
        max_body_bytes = 1_000
        user_agent = "me/1.0"
        settle_rounds = 3

        [dist]
        path = "build"
        worker = "required"
        worker_min_bytes = 1_000
        routes = "required"
        """
    )
    assert settings.mistakes == ()
    assert specs(settings) == [
        PageSpec(path="/", spa=True),
        PageSpec(path="/login", contains=("Sign in",), max_s=0.8, spa=True),
        PageSpec(path="/gone", status=404, id="gone", spa=True),
        PageSpec(path="/admin", access=True, spa=True),
        HealthSpec(path="/api/health", expect={"status": ["healthy", "ok"], "db.ok": True, "cache": {"ok": 1}}),
        HealthSpec(path="/ping", text="pong"),
        HealthSpec(path="/up", status=204),
        AssetSpec(path="/static/app.js"),
        AssetSpec(path="/old.js", status=404),
        LinkedSpec(path="/"),
        AnswerSpec(
            path="/api/me",
            status=401,
            contains=("a", "b"),
            not_contains=("c",),
            json={"error": "…"},
            headers={"x-robots-tag": False, "etag": True, "server": "me"},
            spa=True,
        ),
        RedirectSpec(path="/old", to="/new/*", status=301),
        RedirectSpec(path="/out", to="https://www.example.net"),
        NotFoundSpec(path="/nix", spa=True),
        NotFoundSpec(path="/gone.pdf", status=410, spa=True),
        BuildSpec(path="/version.json", json="commit"),
    ]
    assert settings.checks.manners == Manners(
        timeout_s=5, concurrency=4, max_body_bytes=1000, user_agent="me/1.0", settle_rounds=3
    )
    assert settings.dist == DistSpec(worker="required", worker_min_bytes=1000, routes="required")
    assert settings.dist_path == Path("build")


def test_what_a_settings_file_does_not_name_is_not_assumed(read: Any) -> None:
    settings = read("")
    assert specs(settings) == []
    assert settings.dist == DistSpec(worker="auto", worker_min_bytes=0, routes="optional")
    assert settings.checks.manners == Manners()


def test_every_kind_of_check_has_a_key(read: Any) -> None:
    """A kind that the reader forgot would be an unknown key."""
    more = {"redirects": ', to = "/x"', "build": ', json = "commit"'}
    for check in LIVE_CHECKS:
        entry = f'{{ path = "/a"{more.get(check.key, "")} }}'
        settings = read(f"{check.key} = {entry if check.key in SINGLE_KEYS else f'[{entry}]'}")
        assert settings.mistakes == ()
        assert [one.test for one, _ in settings.checks.live] == [check.test]
        assert {"path", "id"} <= {field.name for field in fields(check.spec)}


def test_a_target_overrides_what_it_names_and_shares_the_rest(read: Any) -> None:
    settings = read(
        """
        pages = ["/"]
        health = ["/api/health"]
        timeout_s = 5
        spa = true
        [targets.preview]
        url = "https://new.example.pages.dev/"
        kind = "production"
        health = []
        spa = false
        concurrency = 2
        headers = { X-Team = "a", Empty = "" }
        [targets.local]
        assets = ["/app.js"]
        """
    )
    assert settings.mistakes == ()
    assert specs(settings) == [PageSpec(path="/", spa=True), HealthSpec(path="/api/health")]
    assert specs(settings, "preview") == [PageSpec(path="/")]
    assert specs(settings, "local") == [
        PageSpec(path="/", spa=True),
        HealthSpec(path="/api/health"),
        AssetSpec(path="/app.js"),
    ]
    preview = settings.targets["preview"]
    assert preview.address is not None
    assert (preview.address.url, preview.kind) == ("https://new.example.pages.dev", Kind.PRODUCTION)
    assert preview.checks.manners == Manners(timeout_s=5, concurrency=2)
    assert preview.headers == {"X-Team": "a"}  # a header whose value is empty is left out
    assert (settings.targets["local"].address, settings.targets["local"].has_url) == (None, False)


def test_where_the_build_is_said(read: Any) -> None:
    """One place a target; a target's own stands in the place of the one for all."""
    settings = read(
        """
        build = { path = "/version.json", json = "build.commit", id = "version" }
        [targets.preview]
        url = "https://new.example.pages.dev"
        build = { path = "/", header = "X-Build" }
        [targets.production]
        url = "https://www.example.com"
        """
    )
    common = BuildSpec(path="/version.json", json="build.commit", id="version")
    assert settings.mistakes == ()
    assert specs(settings) == specs(settings, "production") == [common]
    assert specs(settings, "preview") == [BuildSpec(path="/", header="x-build")]
    assert [settings.has("build", name) for name in ("preview", "production", None)] == [True] * 3
    assert not read('[targets.x]\nbuild = { path = "/", contains = true }').has("build", None)


@pytest.mark.parametrize(
    ("build", "mistake"),
    [
        ('[{ path = "/v", json = "a" }]', "build = [ … ]: takes a path, or a table with path"),
        ('"/v"', "build: takes one of json, contains and header"),
        ('{ json = "a" }', "build.path: is missing"),
        ('{ path = "/v", json = "" }', 'build.json = "": takes a text that is not empty'),
        ('{ path = "/v", contains = "abc" }', 'build.contains = "abc": takes true or false'),
        ('{ path = "/v", contains = false }', "build: takes one of json, contains and header"),
        ('{ path = "/v", header = "x build" }', 'build.header = "x build": takes the name of a header'),
        ('{ path = "/v", json = "a", commit = "abc1234" }', "build.commit: unknown. *"),
    ],
)
def test_mistakes_in_build(read: Any, build: str, mistake: str) -> None:
    (said,) = read(f"build = {build}").mistakes
    assert fnmatch.fnmatchcase(said, mistake.replace("[", "[[]"))


def test_variables(read: Any) -> None:
    text = """
        pages = [{ path = "/", contains = ["build ${COMMIT}", "${A:-one}${B:-}$C ${-} ${"] }]
        [targets.preview]
        url = "https://${BRANCH:-main}.example.pages.dev"
        """
    settings = read(text, {"COMMIT": "5be8c75c", "BRANCH": "", "C": "x"})
    assert (settings.mistakes, settings.unset) == ((), ())
    assert specs(settings)[0].contains == ("build 5be8c75c", "one$C ${-} ${")
    address = settings.targets["preview"].address
    assert address is not None
    assert address.url == "https://main.example.pages.dev"


NEEDS = """
    pages = [{ path = "/", contains = "${COMMIT}" }]
    [dist]
    path = "${OUTPUT}"
    [targets.preview]
    url = "${PREVIEW_URL}"
    [targets.production]
    url = "https://www.example.com"
    pages = ["/"]
    """


@pytest.mark.parametrize(
    "text",
    ['pages = [{ path = "/", contains = ["${X}"] }]', 'pages = ["/${A}", "/${B}"]', 'ca_file = "${D}/ca.pem"'],
)
def test_a_text_is_judged_when_its_variable_is_set(read: Any, text: str) -> None:
    settings = read(f'[targets.preview]\nurl = "https://preview.example.com"\n{text}')
    assert settings.mistakes == ()
    assert [*settings.missing_variables([("preview", True)], dist=False)] != []
    assert [*settings.missing_variables([(None, True)], dist=False)] == []


def test_two_that_are_one_in_test_ids_are_a_mistake(read: Any) -> None:
    """pytest would number them, and no result would be found again."""
    (mistake,) = read('pages = ["/", "/ü", "/%C3%BC"]').mistakes
    assert "'/%C3%BC' stands there 2 times" in mistake
    (mistake,) = read('pages = [{ path = "/", id = "a b" }, { path = "/", id = "a%20b" }]').mistakes
    assert "give each an id of its own" in mistake


def test_and_two_that_differ_in_a_token(read: Any) -> None:
    """No test id shows one."""
    (mistake,) = read('pages = ["/a?token=abc", "/a?token=def"]').mistakes
    assert "'/a?token=***' stands there 2 times" in mistake
    assert read('pages = ["/a?token=abc", { path = "/a?token=def", id = "other" }]').mistakes == ()


@pytest.mark.parametrize(
    "text",
    [
        '[[targets]]\nheaders = { Authorization = "Bearer ${SECRET}" }',
        '[[targets.p]]\nheaders = { Authorization = "Bearer ${SECRET}" }',
        '[targets.p]\nurl = { Authorization = "Bearer ${SECRET}" }',
        '[targets.p]\nurl = ["Bearer ${SECRET}"]',
        '[targets.p]\nheaders = "Bearer ${SECRET}"',
        'answers = [{ path = "/", headers = [{ Authorization = "Bearer ${SECRET}" }] }]',
        f'[[targets]]\nheaders = {{ Cookie = "{SECRET}" }}',
    ],
)
def test_no_mistake_shows_what_a_table_holds(read: Any, text: str) -> None:
    mistakes = read(text, {"SECRET": SECRET}).mistakes
    assert mistakes
    assert SECRET not in " ".join(mistakes)


@pytest.mark.parametrize(
    "key", ["timeout_s", "spa", "targets.q", "targets.p.kind", "targets.p.url", "targets.q.assets"]
)
def test_nor_what_headers_are_made_of(read: Any, key: str) -> None:
    headers = '\n[targets.p.headers]\nAuthorization = "Bearer ${SECRET}"'
    (mistake,) = read(f'{key} = "${{SECRET}}"{headers}', {"SECRET": SECRET}).mistakes
    assert mistake.startswith(f'{key} = "${{SECRET}}" (its value is not shown): ')
    (mistake,) = read(f'{key} = "${{OTHER}}"{headers}', {"SECRET": SECRET, "OTHER": "other"}).mistakes
    assert '(now "other")' in mistake


@pytest.mark.parametrize(
    ("used", "dist", "missing"),
    [
        ([("production", True)], False, []),
        ([("preview", True)], False, ["COMMIT", "PREVIEW_URL"]),
        ([("preview", False)], False, ["COMMIT"]),  # --pagesmoke=preview=URL
        ([(None, True)], False, ["COMMIT"]),
        ([("production", True), (None, True)], False, ["COMMIT"]),
        ([], True, ["OUTPUT"]),
    ],
)
@pytest.mark.parametrize("environment", [{}, {"COMMIT": "", "OUTPUT": "", "PREVIEW_URL": ""}], ids=["unset", "empty"])
def test_only_what_the_run_uses_must_be_set(
    read: Any, used: list[tuple[str | None, bool]], dist: bool, missing: list[str], environment: Mapping[str, str]
) -> None:
    settings = read(NEEDS, environment)
    assert settings.mistakes == ()
    found = [*settings.missing_variables(used, dist=dist)]
    assert [text.split("the environment variable ")[1].split(" ")[0] for text in found] == missing


def test_access_headers_that_are_both_empty_are_left_out(read: Any) -> None:
    text = """
        [targets.preview]
        url = "https://preview.example.com"
        headers = { CF-Access-Client-Id = "${ID:-}", CF-Access-Client-Secret = "${SECRET:-}" }
        """
    assert read(text).targets["preview"].headers == {}
    assert read(text).mistakes == ()
    assert read(text, {"ID": "a", "SECRET": SECRET}).targets["preview"].headers == {
        "CF-Access-Client-Id": "a",
        "CF-Access-Client-Secret": SECRET,
    }
    for environment in ({"ID": "a"}, {"SECRET": SECRET}):
        (mistake,) = read(text, environment).mistakes
        assert "Access takes both, or none" in mistake
        assert SECRET not in mistake


def test_secrets_are_what_the_environment_gave_to_headers(read: Any) -> None:
    settings = read(
        """
        pages = [{ path = "/", contains = "${WORD}" }]
        [targets.preview]
        url = "https://preview.example.com"
        headers = { X-Api-Key = "key ${KEY}", X-Short = "${SHORT}", X-Plain = "plain-text" }
        """,
        {"KEY": SECRET, "SHORT": "short", "WORD": "a long enough word"},
    )
    assert settings.targets["preview"].secrets == {SECRET}
    assert SECRET not in repr(settings)


def test_a_ca_file_stands_beside_the_settings(read: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    (mistake,) = read('ca_file = "ca.pem"').mistakes
    assert mistake.startswith("ca_file = ")
    assert "holds no certificates that can be read" in mistake


# Where settings stand.


def test_the_nearest_file_at_or_above(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pagesmoke.toml").touch()
    assert load(below).file == tmp_path / "pagesmoke.toml"
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.ruff]")
    assert load(below).file == tmp_path / "pagesmoke.toml"
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.pagesmoke]\npages = ["/"]')
    assert load(below).file == tmp_path / "a" / "pyproject.toml"
    assert specs(load(below)) == [PageSpec(path="/")]
    named = tmp_path / "pagesmoke.toml"
    assert load(below, named=named).file == named


@pytest.mark.parametrize("text", ["[tool", "x = 1 # \xff", f"x = {'9' * 5000}", f"x = {'[' * 5000}"])
def test_a_pyproject_that_cannot_be_read_is_somebody_else_s(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    assert load(tmp_path).file is None


def test_without_a_file_the_checklist_holds(tmp_path: Path) -> None:
    for settings in (load(tmp_path), load(tmp_path, named=tmp_path / "pagesmoke.toml")):
        assert (settings.file, specs(settings), settings.dist) == (None, specs(checklist()), checklist().dist)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pagesmoke.toml": "pages = ["}, "not proper TOML: "),
        ({"pagesmoke.toml": f"timeout_s = {'9' * 5000}"}, "not proper TOML: "),
        ({"pagesmoke.toml": f"pages = {'[' * 5000}"}, "not proper TOML: too deep"),
        ({"pagesmoke.toml": 'pages = ["/"]\npages = []'}, "Cannot overwrite a value"),
        ({"pagesmoke.toml": b"# \xff"}, "not UTF-8: byte 2"),
        ({"pyproject.toml": "tool.pagesmoke = 1"}, "tool.pagesmoke is no table"),
        ({"pagesmoke.toml": "", "pyproject.toml": "[tool.pagesmoke]"}, "settings stand in one place, not in two"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, files: Mapping[str, str | bytes], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SetUpError, match=said) as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "pagesmoke.toml").write_bytes(b'\xef\xbb\xbfpages = ["/"]')
    assert specs(load(tmp_path)) == [PageSpec(path="/")]


def test_what_the_run_lays_in_is_no_key(tmp_path: Path) -> None:
    file = '{ file = "dist/a.js", size_bytes = 1, sha256 = "" }'
    (tmp_path / "pagesmoke.toml").write_text(f'assets = [{{ path = "/a.js", built = {file} }}]')
    assert load(tmp_path).mistakes == ("assets[0].built: unknown. There are: id, path, status",)


# The page about them.


def test_every_key_stands_on_its_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    keys = {*_KEYS, *_TARGET_KEYS, "headers", *(field.name for field in fields(DistTable))}
    for check in LIVE_CHECKS:
        keys |= {name for name, (_, *marks) in hints_of(check.spec).items() if is_key(marks)}
    assert sorted(key for key in keys if not re.search(rf"`{key}`|^{key} +=|`{key} =", page, re.MULTILINE)) == []


def test_the_checklist_on_its_page_is_the_checklist(read: Any) -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    shown = read(page.partition("```toml\n")[2].partition("```")[0])
    assert (specs(shown), shown.dist) == (specs(checklist()), checklist().dist)


def test_the_examples_on_its_page_are_right(read: Any) -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        assert read(block, {"PREVIEW_URL": "https://preview.example.com"}).mistakes == ()
