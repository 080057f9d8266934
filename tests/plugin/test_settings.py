"""Runs with a settings file: where its checks stand, what they are called, what they are asked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import GOOD_SITE, HOME, OWN_TEST, Pytest, Reply, Serve

SECRET = "hunter2-hunter2"


def settings(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pagesmoke.toml").write_text(text)


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_the_settings_are_what_is_checked(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    site = serve(GOOD_SITE)
    settings(
        pytester.path,
        f"""
        pages = ["/", {{ path = "/login", contains = "Sign in", max_s = 30 }}]
        health = [{{ path = "/api/health/status", expect = {{ status = "healthy" }} }}]
        assets = ["/static/app.js"]
        linked = ["/"]
        answers = [{{ path = "/api/health/status", json = {{ status = "healthy" }} }}]
        not_found = ["/nix", "/nix.pdf"]
        [targets.mine]
        url = "{site.url}"
        """,
    )
    result = run_both("--pagesmoke=mine", "-v")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(["mine * GOOD *healthy  2/2 *1/1 *1/1 *1/1 *2/2*", "settings  pagesmoke.toml"])


def test_every_mistake_is_said_at_once_before_anything_is_asked(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    site = serve(GOOD_SITE)
    settings(
        pytester.path,
        f"""
        paegs = ["/"]
        [targets.production]
        url = "{site.url}"
        pages = ["login"]
        [targets.preview]
        url = "${{PREVIEW_URL}}"
        """,
    )
    result = run_both("--pagesmoke=production", "--pagesmoke=preview", "--pagesmoke=preveiw")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "*pagesmoke.toml: paegs: unknown. Did you mean 'pages'?",
            '*pagesmoke.toml: targets.production.pages[[]0].path = "login": takes a path*',
            "*pagesmoke.toml: targets.preview.url = *the environment variable PREVIEW_URL is not set, or empty",
            "*--pagesmoke=preveiw: is neither an address nor a known name (did you mean preview?)*",
        ]
    )
    assert site.asked == []


def test_targets_by_name_by_address_and_by_both(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    one, other = serve(GOOD_SITE), serve(GOOD_SITE)
    settings(
        pytester.path,
        f"""
        pages = ["/"]
        [targets.one]
        url = "{one.url}"
        headers = {{ X-Team = "a" }}
        pages = ["/", "/login"]
        """,
    )
    assert ids(run("--pagesmoke=one", "--collect-only", "-q")) == [
        "pagesmoke.toml::test_page[one-/]",
        "pagesmoke.toml::test_page[one-/login]",
    ]
    # By its address it is the same target, however that was given.
    run(f"--base-url={one.url}/").stdout.fnmatch_lines(["one * GOOD *2/2*"])
    # Its name at another address: the same target elsewhere, without the headers, which are for its own origin alone.
    run(f"--pagesmoke=one={other.url}").stdout.fnmatch_lines([f"one *{other.url} * GOOD *2/2*"])
    run(f"--pagesmoke=one={one.url}/app").stdout.fnmatch_lines([f"one *{one.url}/app *"])
    # Another address has nothing of it.
    run(f"--pagesmoke=two={other.url}").stdout.fnmatch_lines([f"two *{other.url} * GOOD *1/1*"])
    assert [headers.get("x-team") for _, _, headers in one.asked] == ["a"] * len(one.asked)
    assert {headers.get("x-team") for _, _, headers in other.asked} == {None}


def test_a_target_whose_address_the_command_line_gives_has_its_headers(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    site = serve(GOOD_SITE)
    settings(pytester.path, 'pages = ["/"]\n[targets.x]\nurl = "${NOT_SET}"\nheaders = { X-Team = "a" }')
    run(f"--pagesmoke=x={site.url}").assert_outcomes(passed=1)
    assert site.asked[0][2]["x-team"] == "a"


def test_a_target_called_local_with_an_address_starts_nothing(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    site = serve(GOOD_SITE)
    settings(pytester.path, f'pages = ["/"]\n[targets.local]\nurl = "{site.url}"')
    run("--pagesmoke=local").stdout.fnmatch_lines([f"local *{site.url} * GOOD*"])
    assert "/" in site.paths


def test_the_kind_is_the_settings_own(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    site = serve({"*": Reply(503)})
    settings(pytester.path, f'pages = ["/"]\n[targets.x]\nurl = "{site.url}"\nkind = "preview"')
    run("--pagesmoke=x").stdout.fnmatch_lines(["  target    x (preview)"])


# The settings file is the test file.


@pytest.mark.parametrize("option", ["--base-url", "--pagesmoke"])
def test_a_run_without_paths_adds_it(pytester: pytest.Pytester, serve: Serve, run: Pytest, option: str) -> None:
    settings(pytester.path, 'pages = ["/"]')
    pytester.makepyfile(OWN_TEST)
    run(f"{option}={serve(GOOD_SITE).url}").assert_outcomes(passed=2)


def test_testpaths_are_a_run_without_paths(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    settings(pytester.path, 'pages = ["/"]')
    pytester.makeini("[pytest]\ntestpaths = tests")
    (pytester.mkdir("tests") / "test_own.py").write_text(OWN_TEST)
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=2)


def test_headers_of_the_settings_go_before_a_password_in_the_address(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    site = serve(GOOD_SITE)
    address = site.url.replace("http://", "http://me:hunter2-hunter2@")
    settings(
        pytester.path,
        f'pages = ["/nix"]\n[targets.x]\nurl = "{address}"\nheaders = {{ authorization = "Bearer abcdefgh" }}',
    )
    result = run("--pagesmoke=x")
    assert site.asked[0][2]["authorization"] == "Bearer abcdefgh"
    assert result.stdout.str().count('-H "') == result.stdout.str().count('-H "authorization: $AUTHORIZATION"') == 1


@pytest.mark.parametrize(
    ("args", "passed"),
    [
        (["tests"], 1),
        (["tests", "pagesmoke.toml"], 2),
        (["pagesmoke.toml"], 1),
        (["."], 2),
        (["pagesmoke.toml::test_page"], 1),
        (["pagesmoke.toml::test_page[local-/]"], 1),
        (["-n", "2", "tests", "pagesmoke.toml"], 2),
        (["-n", "2", "pagesmoke.toml::test_page[local-/]"], 1),
    ],
)
def test_only_what_was_named_is_run(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, args: list[str], passed: int
) -> None:
    settings(pytester.path, 'pages = ["/"]')
    (pytester.mkdir("tests") / "test_own.py").write_text(OWN_TEST)
    run(*args, f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=passed)


def test_a_file_further_down_has_its_path_in_the_ids(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    settings(pytester.path / "sites" / "shop", 'pages = ["/"]')
    pytester.makeini("[pytest]")
    base_url = f"--base-url={serve({'/': Reply(503)}).url}"
    result = run_both("sites/shop/pagesmoke.toml", base_url)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED sites/shop/pagesmoke.toml::test_page[[]local-/] - page-status: expected 200, got 503",
            "settings  sites/shop/pagesmoke.toml",
            "verify    pytest sites/shop/pagesmoke.toml --base-url=*",
        ]
    )
    run_both("--lf", "sites/shop/pagesmoke.toml", base_url).assert_outcomes(failed=1)


def test_a_file_above_the_root_and_one_in_pyproject_have_their_bare_name(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(GOOD_SITE).url
    below = pytester.mkdir("below")
    (below / "pytest.ini").write_text("[pytest]")
    settings(pytester.path, 'pages = ["/"]')
    monkeypatch.chdir(below)
    assert ids(run(f"--pagesmoke=x={url}", "--collect-only", "-q")) == ["pagesmoke.toml::test_page[x-/]"]
    result = run("pagesmoke.toml::test_page[x-/]", f"--pagesmoke=x={url}")
    result.assert_outcomes(passed=1)
    (below / "pyproject.toml").write_text('[tool.pagesmoke]\npages = ["/login"]')
    result = run("pagesmoke.toml", f"--pagesmoke=x={url}", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["pagesmoke.toml::test_page[[]x-/login] PASSED*", "settings  [[]tool.pagesmoke] in pyproject.toml"]
    )


def test_two_files_named_are_an_error(pytester: pytest.Pytester, run: Pytest) -> None:
    for name in ("a", "b"):
        settings(pytester.path / name, 'pages = ["/"]')
    result = run("a/pagesmoke.toml", "b/pagesmoke.toml", "--base-url=http://127.0.0.1:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*one settings file a run, not 2*"])


def test_a_file_that_names_nothing_for_the_target_is_an_error(pytester: pytest.Pytester, run: Pytest) -> None:
    """Never exit status 0 for a run that checks nothing."""
    settings(pytester.path, "spa = true")
    result = run("pagesmoke.toml", "--base-url=http://127.0.0.1:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pagesmoke.toml names nothing to check on local*"])


def test_it_may_be_there_for_the_projects_own_tests_alone(pytester: pytest.Pytester, run_both: Pytest) -> None:
    settings(pytester.path, "spa = true")
    result = run_both("--base-url=http://127.0.0.1:1")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["pagesmoke: pagesmoke.toml names nothing to check on local"])
    pytester.makepyfile("def test_own(pagesmoke_target): assert pagesmoke_target.name == 'local'")
    result = run_both("--base-url=http://127.0.0.1:1")
    assert result.ret == 0
    assert "names nothing" not in result.stdout.str()


def test_an_id_of_its_own(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    settings(
        pytester.path,
        'answers = [{ path = "/", id = "home page" }, { path = "/", id = "again", headers = { etag = false } }]',
    )
    result = run(f"--base-url={serve(GOOD_SITE).url}", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(["*test_answer[[]local-home%20page]*", "*test_answer[[]local-again]*"])


# The build output.


def test_where_the_build_output_is(pytester: pytest.Pytester, run: Pytest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the settings have it, else wrangler's configuration, else dist; from the settings' folder, wherever the run stands."""
    below = pytester.mkdir("below")
    (pytester.path / "pytest.ini").write_text("[pytest]")
    settings(pytester.path, "")
    monkeypatch.chdir(below)
    for folder in ("dist", "public", "build"):
        (pytester.path / folder).mkdir()
        (pytester.path / folder / "index.html").write_text(HOME)
    run("--pagesmoke=dist").stdout.fnmatch_lines(["dist *dist *GOOD*"])
    (pytester.path / "wrangler.jsonc").write_text('{ // comments\n"pages_build_output_dir": "./public", }')
    run("--pagesmoke=dist").stdout.fnmatch_lines(["dist *public *GOOD*"])
    settings(pytester.path, '[dist]\npath = "build"')
    run("--pagesmoke=dist").stdout.fnmatch_lines(["dist *build *GOOD*"])
    (below / "build").mkdir()
    (below / "build" / "_routes.json").touch()
    run("--pagesmoke=./build/").stdout.fnmatch_lines(["dist-empty: *"])
    result = run("--pagesmoke=./no-such/")  # what is typed is seen from where it is typed
    result.stdout.fnmatch_lines(["dist *no-such *BROKEN*", "verify    pytest pagesmoke.toml --pagesmoke=no-such/"])


def test_a_key_that_nothing_judges_yet_is_refused_where_it_would_matter(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    settings(pytester.path, 'pages = ["/"]\n[dist]\nfiles = "index.html"')
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=1)
    result = run("--pagesmoke=dist")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pagesmoke.toml: dist.files: no check of this version judges it*"])


# Secrets.


def test_a_secret_is_sent_to_its_own_origin_and_shown_nowhere(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    elsewhere = serve(GOOD_SITE)
    echo = Reply.html(f"<!doctype html><title>{SECRET}</title>{SECRET}", 500, x_echo=SECRET, server=SECRET)
    away = Reply(302, "", {"location": f"{elsewhere.url}/?secret={SECRET}"})
    site = serve({"/": echo, "/login": away, "/a": Reply(308, "", {"location": "/a/"}), "/a/": Reply.html(HOME)})
    settings(
        pytester.path,
        f"""
        pages = ["/", "/login", "/a", {{ path = "/admin", access = true }}]
        [targets.x]
        url = "{site.url}"
        headers = {{ CF-Access-Client-Id = "id.access", CF-Access-Client-Secret = "${{SECRET}}", Cookie = "session=abcdefgh12" }}
        """,
    )
    result = run_both("--pagesmoke=x", "-vv", "--setup-show", "--showlocals", "--junitxml=report.xml")
    assert result.ret == 1
    output = result.stdout.str() + result.stderr.str() + (pytester.path / "report.xml").read_text()
    assert SECRET not in output
    assert "abcdefgh12" not in output
    assert "$CF_ACCESS_CLIENT_SECRET" in output
    asked = {path: headers.get("cf-access-client-secret") for _, path, headers in site.asked}
    assert asked["/"] == asked["/login"] == asked["/a"] == asked["/a/"] == SECRET
    assert asked["/admin"] is None  # whether a stranger is let in
    assert elsewhere.asked == []


def test_what_the_settings_expect_shows_no_secret_either(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is compared with answers in which it is struck out: a leak is found, and a value that is a secret by chance is not missed."""
    monkeypatch.setenv("SECRET", SECRET)
    site = serve(
        {"/": Reply.html(f"<!doctype html>{SECRET}"), "/health": Reply.json(f'{{"ok":true,"env":"{SECRET}"}}')}
    )
    expected = """
        answers = [{ path = "/", not_contains = "${SECRET}" }]
        pages = [{ path = "/health", contains = "${SECRET}" }]
        health = [{ path = "/health", expect = { env = "${SECRET}" } }, { path = "/", id = "no", text = "${SECRET}" }]
        """
    target = f'[targets.x]\nurl = "{site.url}"\nheaders = {{ Authorization = "Bearer ${{SECRET}}" }}'
    settings(pytester.path, f"{expected}\n{target}")
    result = run("--pagesmoke=x", "--junitxml=report.xml", "--log-cli-level=DEBUG", "-vv")
    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines_random(["*test_answer* - answer-content: *", "*test_page* - page-not-html: *"])
    assert SECRET not in result.stdout.str() + (pytester.path / "report.xml").read_text()
    assert "httpcore" not in result.stdout.str()  # whose DEBUG lines hold headers
    settings(pytester.path, f'pages = ["/x?key=${{SECRET}}"]\n{target}')
    result = run("--pagesmoke=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_page on x: its name, a path or an id holds a secret of the headers*"])
    assert SECRET not in result.stderr.str()


def test_a_secret_with_a_line_break_is_never_sent(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(GOOD_SITE)
    monkeypatch.setenv("SECRET", f"{SECRET}\n")
    settings(pytester.path, f'pages = ["/"]\n[targets.x]\nurl = "{site.url}"\nheaders = {{ X-Key = "${{SECRET}}" }}')
    result = run("--pagesmoke=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*targets.x.headers.X-Key (from $SECRET): has a line break; the value is not shown"])
    assert SECRET not in result.stderr.str()
    assert site.asked == []


def test_manners(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    site = serve({"*": Reply.html(HOME + "x" * 2000)})
    settings(
        pytester.path,
        f"""
        pages = ["/"]
        user_agent = "smoke/1"
        [targets.x]
        url = "{site.url}"
        [targets.y]
        url = "{site.url}/y"
        max_body_bytes = 1_000
        user_agent = "other/2"
        """,
    )
    result = run("--pagesmoke=x", "--pagesmoke=y")
    result.stdout.fnmatch_lines(["body-too-large: *more than 1,000 bytes*", "*-A other/2*", "x *GOOD*", "y *BROKEN*"])
    assert {headers["user-agent"] for _, _, headers in site.asked} == {"smoke/1", "other/2"}
