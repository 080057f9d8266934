"""The project's own tests: on which targets each runs, what it is given, what becomes of it, and what a failure shows."""

from __future__ import annotations

import json
import re
import shlex
import socket
import threading
import time
from pathlib import Path

import pytest

from kit import GOOD_SITE, HOME, RERUNS, Pytest, Reply, Serve, Site

SECRET = "hunter2-hunter2"
NO_TARGET = (
    "needs a target: --base-url=URL on the command line, or --pagesmoke=WHAT (a URL, local, a target of the settings)"
)
NO_DIST = "needs a build output: --pagesmoke=dist, a folder, or --pagesmoke=local"


def two(one: Site, other: Site) -> list[str]:
    return [f"--pagesmoke=one={one.url}", f"--pagesmoke=two={other.url}"]


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def rows(result: pytest.RunResult) -> list[list[str]]:
    """The table of the summary, cell by cell, without its column of times."""
    start = next((index for index, line in enumerate(result.outlines) if line.startswith("target  ")), None)
    assert start is not None, result.stdout.str()
    table = result.outlines[start:]
    return [re.split(" {2,}", line)[:-1] for line in table[: table.index("")]]


def settings(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pagesmoke.toml").write_text(text)


# How often each runs, and what it is called.

ASKING = """
    import pytest

    def test_target(pagesmoke_target): pass
    def test_client(pagesmoke_client): pass
    def test_base_url(base_url): pass
    def test_factory(pagesmoke_client_factory, pagesmoke_target): pass

    @pytest.mark.parametrize("page", ["/login", "/"])
    def test_page(pagesmoke_client, page): pass

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.parametrize("page", ["/a"], ids=["first"])
    def test_pages(n, page, base_url): pass

    def test_function(of_function): pass
    def test_module(of_module): pass
    def test_session(of_session): pass
    def test_parametrized_fixture(of_two): pass

    @pytest.mark.usefixtures("of_session")
    def test_used(): pass

    class TestClass:
        def test_method(self, base_url): pass

        @pytest.mark.parametrize("page", ["/a"])
        def test_page(self, page, of_function): pass

    class TestAutouse:
        @pytest.fixture(autouse=True)
        def _through(self, of_session): pass

        def test_method(self): pass
"""
AUTOUSE = """
    import pytest

    @pytest.fixture(autouse=True, scope="module")
    def _through(base_url): pass

    def test_asks_nothing_itself(): pass

    @pytest.mark.parametrize("page", ["/"])
    def test_page(page): pass
"""
NOT_ASKING = """
    import pytest, unittest

    def test_plain(): pass
    def test_tmp_path(tmp_path): pass
    def test_dist(pagesmoke_dist): pass
    def test_factory_alone(pagesmoke_client_factory): pass

    @pytest.mark.parametrize("n", [1, 2])
    def test_param(n): pass

    @pytest.mark.pagesmoke(only_on=["one", "two", "local"])
    def test_marked(): pass

    class TestClass:
        def test_method(self): pass

    class Case(unittest.TestCase):
        def test_case(self): pass
"""
FIXTURES = """
    import pytest

    @pytest.fixture
    def of_function(pagesmoke_target): return pagesmoke_target.url

    @pytest.fixture(scope="module")
    def of_module(base_url): return base_url

    @pytest.fixture(scope="session")
    def of_session(pagesmoke_target): return pagesmoke_target

    @pytest.fixture(params=["x", "y"])
    def of_two(request, of_module): return request.param
"""
ASKING_IDS = [
    "test_asking.py::test_target[@]",
    "test_asking.py::test_client[@]",
    "test_asking.py::test_base_url[@]",
    "test_asking.py::test_factory[@]",
    "test_asking.py::test_page[@-/login]",
    "test_asking.py::test_page[@-/]",
    "test_asking.py::test_pages[@-first-1]",
    "test_asking.py::test_pages[@-first-2]",
    "test_asking.py::test_function[@]",
    "test_asking.py::test_module[@]",
    "test_asking.py::test_session[@]",
    "test_asking.py::test_parametrized_fixture[@-x]",
    "test_asking.py::test_parametrized_fixture[@-y]",
    "test_asking.py::test_used[@]",
    "test_asking.py::TestClass::test_method[@]",
    "test_asking.py::TestClass::test_page[@-/a]",
    "test_asking.py::TestAutouse::test_method[@]",
    "test_autouse.py::test_asks_nothing_itself[@]",
    "test_autouse.py::test_page[@-/]",
]
NOT_ASKING_IDS = [
    "test_not_asking.py::test_plain",
    "test_not_asking.py::test_tmp_path",
    "test_not_asking.py::test_dist",
    "test_not_asking.py::test_factory_alone",
    "test_not_asking.py::test_param[1]",
    "test_not_asking.py::test_param[2]",
    "test_not_asking.py::test_marked",
    "test_not_asking.py::TestClass::test_method",
    "test_not_asking.py::Case::test_case",
]


@pytest.fixture
def asking(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        FIXTURES
        + """
    import json
    def pytest_collection_finish(session):
        with open("items.json", "w") as file:
            json.dump({item.nodeid: item.fixturenames for item in session.items}, file)
    """
    )
    pytester.makepyfile(test_asking=ASKING, test_autouse=AUTOUSE, test_not_asking=NOT_ASKING)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--pagesmoke=one={}", "--pagesmoke=two={}/below"], ["one", "two"]),
        (["--pagesmoke=one={}"], ["one"]),
        (["--pagesmoke={}/app", "--base-url={}"], ["127.0.0.1-*", "local"]),
        (["--base-url={}"], [""]),
    ],
    ids=["two", "one", "both-options", "base-url-alone"],
)
@pytest.mark.usefixtures("asking")
def test_what_asks_for_a_target_runs_once_for_each(
    serve: Serve, run: Pytest, options: list[str], names: list[str]
) -> None:
    site = serve(GOOD_SITE)
    args = [option.format(site.url) for option in options]
    result = run("--collect-only", "-q", "test_asking.py", "test_autouse.py", "test_not_asking.py", *args)
    assert result.ret == 0
    said = [re.sub(r"127\.0\.0\.1-\d+", "127.0.0.1-*", line) for line in ids(result)]
    named = [line.replace("@", name).replace("[-", "[").replace("[]", "") for name in names for line in ASKING_IDS]
    assert said == [*named, *NOT_ASKING_IDS]
    assert site.asked == []


@pytest.mark.usefixtures("asking")
def test_a_test_that_asks_for_none_is_not_touched(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    def items(*args: str) -> dict[str, list[str]]:
        # Without pytest-base-url, whose autouse fixture asks for base_url in every test.
        run("-p", "no:base_url", "--collect-only", "-q", *args)
        found: dict[str, list[str]] = json.loads((pytester.path / "items.json").read_text())
        return found

    inactive = items()
    active = items("--pagesmoke=dist", *two(serve(GOOD_SITE), serve(GOOD_SITE)))
    assert {name: active[name] for name in NOT_ASKING_IDS} == {name: inactive[name] for name in NOT_ASKING_IDS}
    assert not [names for name in NOT_ASKING_IDS for names in active[name] if "pagesmoke_target" in names]


def test_each_is_given_its_own_target(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """And a session fixture is set up once for each."""
    pytester.makeconftest(
        """
        import os, pytest
        @pytest.fixture(scope="session")
        def page(pagesmoke_client_factory, pagesmoke_target, base_url):
            with open(f"setups-{os.getpid()}", "a") as file: print(pagesmoke_target.name, file=file)
            yield pagesmoke_client_factory(pagesmoke_target).get(f"/who?{pagesmoke_target.name}").text
        """
    )
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("n", range(3))
        def test_session(page, pagesmoke_target, n): assert page == f"I am {pagesmoke_target.name}"
        class TestOther:
            def test_session(self, page, base_url): assert page and base_url.startswith("http://127.0.0.1:")
        def test_client(request, pagesmoke_client, pagesmoke_target, base_url):
            assert str(pagesmoke_client.base_url).rstrip("/") == pagesmoke_target.url == base_url
            assert pagesmoke_client.get("/who").text == f"I am {pagesmoke_target.name}"
            assert request.node.name == f"test_client[{pagesmoke_target.name}]"
            assert (pagesmoke_target.kind, str(pagesmoke_target.kind)) == ("local", "local")
        """
    )
    one, other = serve({"*": Reply(200, "I am one")}), serve({"*": Reply(200, "I am two")})
    result = run_both("test_each_is_given_its_own_target.py", *two(one, other))
    result.assert_outcomes(passed=10)
    assert "/who?one" in one.paths
    assert "/who?two" in other.paths
    assert all("two" not in path for path in one.paths)
    setups = [sorted(file.read_text().split()) for file in pytester.path.glob("setups-*")]
    assert setups
    assert all(len(set(names)) == len(names) for names in setups), setups


def test_a_projects_own_base_url_wins(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """A fixture, a mark or a hook, in a conftest, a module or a class. Where the target is asked for as well, both hold."""
    hook = """
        def pytest_generate_tests(metafunc):
            if "base_url" in metafunc.fixturenames: metafunc.parametrize("base_url", ["http://h1", "http://h2"])
        """
    tests = """
        import pytest
        @pytest.fixture
        def through(base_url): return base_url
        def test_own(base_url): assert base_url.startswith("http://h")
        def test_through(through): assert through.startswith("http://h")
        def test_both(base_url, pagesmoke_target): assert base_url.startswith("http://h") and pagesmoke_target.url
        @pytest.mark.parametrize("page", ["/"])
        def test_page(page, base_url): assert base_url.startswith("http://h")
        """
    fixture = """
        import pytest
        @pytest.fixture
        def base_url(): return "http://h1"
        """
    for folder, conftest, module in [
        ("conftest_fixture", fixture, tests),
        ("conftest_hook", hook, tests),
        ("module_fixture", "", fixture + tests),
        ("module_hook", "", hook + tests),
    ]:
        place = pytester.mkdir(folder)
        (place / "conftest.py").write_text(re.sub("(?m)^ {8}", "", conftest))
        (place / f"test_{folder}.py").write_text(re.sub("(?m)^ {8}", "", module))
    pytester.makepyfile(
        test_mark="""
        import pytest
        @pytest.mark.parametrize("base_url", ["http://h1"])
        def test_mark(base_url): assert base_url == "http://h1"
        @pytest.mark.parametrize(("page", "base_url"), [("/", "http://h1")])
        def test_marks(base_url, page, pagesmoke_client): assert base_url == "http://h1"
        class TestOwn:
            @pytest.fixture
            def base_url(self, pagesmoke_target): return f"{pagesmoke_target.url}/below"
            def test_own(self, base_url): assert base_url.endswith("/below")
        class TestNone:
            @pytest.fixture
            def base_url(self): return None
            def test_own(self, base_url): assert base_url is None
        """
    )
    result = run_both("-v", "test_mark.py", *map(str, sorted(pytester.path.glob("*_*/"))), *two(serve({}), serve({})))
    found = sorted(word for line in result.outlines if "PASSED" in line for word in line.split() if "::" in word)
    fixed = ["test_both[one]", "test_both[two]", "test_own", "test_page[/]", "test_through"]
    hooked = [
        *(f"test_both[{name}-http://{host}]" for name in ("one", "two") for host in ("h1", "h2")),
        *("test_own[http://h1]", "test_own[http://h2]"),
        *("test_page[http://h1-/]", "test_page[http://h2-/]"),
        *("test_through[http://h1]", "test_through[http://h2]"),
    ]
    assert found == sorted(
        [
            *(f"{at}/test_{at}.py::{name}" for at in ("conftest_fixture", "module_fixture") for name in fixed),
            *(f"{at}/test_{at}.py::{name}" for at in ("conftest_hook", "module_hook") for name in hooked),
            "test_mark.py::test_mark[http://h1]",
            *(f"test_mark.py::test_marks[{name}-/-http://h1]" for name in ("one", "two")),
            *(f"test_mark.py::TestOwn::test_own[{name}]" for name in ("one", "two")),
            "test_mark.py::TestNone::test_own",
        ]
    )


def test_a_projects_own_choice_of_targets_is_left_alone(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(
        test_choice="""
        import pytest
        @pytest.mark.parametrize("pagesmoke_target", ["two"], indirect=True)
        def test_indirect(pagesmoke_client, pagesmoke_target): assert pagesmoke_target.name == "two"
        @pytest.mark.parametrize("n, pagesmoke_target", [(1, "one")], indirect=["pagesmoke_target"])
        def test_two_names(pagesmoke_target, n, base_url): assert (pagesmoke_target.name, base_url) == ("one", pagesmoke_target.url)
        @pytest.mark.parametrize(argnames=("pagesmoke_target", "n"), argvalues=[("one", 1)], indirect=["pagesmoke_target"])
        class TestAll:
            def test_keywords(self, pagesmoke_target, n): assert pagesmoke_target.name == "one"
        @pytest.mark.parametrize("pagesmoke_target", ["one"], indirect=True, ids=["first"])
        @pytest.mark.parametrize("page", ["/"])
        def test_ids(pagesmoke_target, page): assert pagesmoke_target.name == "one"
        @pytest.mark.parametrize("pagesmoke_target", [3])
        def test_direct(pagesmoke_target): assert pagesmoke_target == 3
        @pytest.mark.parametrize("pagesmoke_target", ["three"], indirect=True)
        def test_unknown(pagesmoke_target): pass
        """
    )
    result = run("-v", "test_choice.py", *two(serve({}), serve({})))
    result.assert_outcomes(passed=5, errors=1)
    found = sorted(word for line in result.outlines if "PASSED" in line for word in line.split() if "::" in word)
    assert found == [
        "test_choice.py::TestAll::test_keywords[one-1]",
        "test_choice.py::test_direct[3]",
        "test_choice.py::test_ids[/-first]",
        "test_choice.py::test_indirect[two]",
        "test_choice.py::test_two_names[1-one]",
    ]
    result.stdout.fnmatch_lines(["no target 'three' in this run, which has: one, two"])
    pytester.makeconftest(
        "def pytest_generate_tests(metafunc):\n"
        "    if 'by_hook' in metafunc.definition.name:\n"
        "        metafunc.parametrize('pagesmoke_target', ['two'], indirect=True)\n"
    )
    pytester.makepyfile(test_hook="def test_by_hook(pagesmoke_target): assert pagesmoke_target.name == 'two'")
    run("test_hook.py", *two(serve({}), serve({}))).assert_outcomes(passed=1)
    # Of which target the last was to say something, nobody knows.
    assert [row[2:] for row in rows(result)[1:]] == [["INCOMPLETE", "3/3"], ["INCOMPLETE", "1/1"]]


CANNOT = """
    import pytest, unittest

    class Case(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _target(self, pagesmoke_target, base_url): self.target = pagesmoke_target
        def test_case(self): assert self.target.name == "{name}"

    class OtherCase(unittest.TestCase):
        def test_other(self): pass

    def test_getfixturevalue(request): assert request.getfixturevalue("pagesmoke_target").name == "{name}"

    @pytest.mark.parametrize("name", ["base_url", "pagesmoke_client"])
    def test_chosen_later(request, name): assert request.getfixturevalue(name)
"""
DOCTEST = """
    >>> target = getfixture("pagesmoke_target")
    >>> target.name
    '{name}'

    Nothing of the target: untouched.
"""


@pytest.mark.parametrize("option", ["--pagesmoke=local={}", "--base-url={}"])
def test_what_cannot_be_multiplied_works_with_one_target(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, option: str
) -> None:
    pytester.makepyfile(test_cannot=CANNOT.format(name="local"))
    pytester.maketxtfile(test_doc=DOCTEST.format(name="local"), test_untouched=">>> 1 + 1\n2\n")
    result = run("-v", "test_cannot.py", "test_doc.txt", "test_untouched.txt", option.format(serve({}).url))
    result.assert_outcomes(passed=7)
    assert not [word for line in result.outlines for word in line.split() if "::" in word and "local" in word]
    # With --base-url alone, base_url as a test asks for it by its name counts, and not as pytest-base-url asks for it in every test.
    assert rows(result)[1][2:] == ["GOOD", "5/5" if "pagesmoke" in option else "4/4"]


def test_what_cannot_be_multiplied_fails_with_several_saying_so(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makepyfile(test_cannot=CANNOT.format(name="local"))
    pytester.maketxtfile(test_doc=DOCTEST.format(name="local"), test_untouched=">>> 1 + 1\n2\n")
    result = run_both("test_cannot.py", "test_doc.txt", "test_untouched.txt", *two(serve({}), serve({})))
    result.assert_outcomes(passed=2, failed=4, errors=1)
    said = [line for line in result.outlines if line.startswith("2 targets (one, two), and this test cannot be run")]
    assert len(said) == 5
    assert said[0].endswith("Ask for pagesmoke_target as a parameter of a test function, or give one target")
    assert [row[2:] for row in rows(result)[1:]] == [["INCOMPLETE"]] * 2


LATE = """
    import pytest, unittest

    def test_target(request): assert not request.getfixturevalue("pagesmoke_target")

    def test_client(request): assert not request.getfixturevalue("pagesmoke_client").get("/").is_success

    class Case(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _target(self, pagesmoke_target): self.target = pagesmoke_target
        def test_case(self): assert not self.target

    @pytest.mark.pagesmoke(only_on="one")
    def test_that_asks_in_a_way_of_its_own(): assert False

    @pytest.fixture(scope="module")
    def clients(request, pagesmoke_client_factory):
        yield [pagesmoke_client_factory(request.getfixturevalue("pagesmoke_target"))]
    def test_through_a_fixture(clients): pass
    def test_asked_through_a_fixture(clients): assert not clients[0].get("/").is_success
"""


@pytest.mark.parametrize(
    ("test", "workers"),
    [*((test, ()) for test in re.findall(r"test_\w+", LATE)), ("test_asked_through_a_fixture", ("-n", "2"))],
)
def test_however_a_test_asks_it_counts(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, test: str, workers: tuple[str, ...]
) -> None:
    """With one target, beside built-in checks that all pass."""
    pytester.makepyfile(test_late=LATE)
    passes = test == "test_through_a_fixture"
    for option in ("--pagesmoke=one={}", "--base-url={}")[: 1 if workers else 2]:
        site = serve(GOOD_SITE)
        if test == "test_that_asks_in_a_way_of_its_own" and "base-url" in option:
            continue  # that target is called otherwise
        chosen = ("test_late.py", "pagesmoke.toml::test_page", "-k", f"{test} or test_page")
        result = run(option.format(site.url), *chosen, *workers)
        verdict = ["GOOD", "2/2", "1/1"] if passes else ["BROKEN", "2/2", "0/1"]
        assert rows(result)[1][2:] == verdict, option
        assert result.ret == (0 if passes else 1)


def test_a_test_that_asks_several_counts_for_each(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """By clients of a fixture of session scope, say."""
    pytester.makeconftest(
        """
        import pytest
        @pytest.fixture(scope="session")
        def clients(): return {}
        """
    )
    pytester.makepyfile(
        test_a="""
        def test_a(pagesmoke_client_factory, pagesmoke_target, clients):
            clients[pagesmoke_target.name] = pagesmoke_client_factory(pagesmoke_target)
        """,
        test_b="""
        import pytest
        def test_b(clients):
            if len(clients) < 2: pytest.skip("the other worker has them")
            assert clients["one"].get("/").text == clients["two"].get("/").text
        """,
    )
    options = two(serve({"/": Reply(200, "a")}), serve({"/": Reply(200, "b")}))
    result = run_both("test_a.py", "test_b.py", "--dist=loadgroup", *options)
    expected = [["GOOD", "1/1"]] * 2 if result.parseoutcomes().get("skipped") else [["BROKEN", "1/2"]] * 2
    assert [row[2:] for row in rows(result)[1:]] == expected


def test_names_that_make_one_id_of_two_tests(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("n", [1, 2], ids=["b-x", "x"])
        def test_own(pagesmoke_target, n): assert pagesmoke_target.name == "a-b"
        """
    )
    result = run_both("test_own.py", f"--pagesmoke=a={serve({}).url}", f"--pagesmoke=a-b={serve({}).url}")
    result.assert_outcomes(passed=2, failed=2)
    assert [row[2:] for row in rows(result)[1:]] == [["BROKEN", "0/2"], ["GOOD", "2/2"]]


REPEATING = """
    import pytest
    @pytest.fixture
    def _repeated(request): return request.param
    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(metafunc):
        metafunc.fixturenames.append("_repeated")
        metafunc.parametrize("_repeated", range(2), indirect=True, ids=["1-2", "2-2"], scope="function")
"""


def test_what_is_repeated_counts_each_time(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """As pytest-repeat does it, which adds to the ids."""
    pytester.makeconftest(REPEATING)
    pytester.makepyfile(test_own="def test_own(pagesmoke_client): assert pagesmoke_client.get('/own').is_success")
    site = serve(lambda path: GOOD_SITE.get(path, GOOD_SITE["*"]) if site.paths.count(path) < 2 else Reply(503))
    result = run_both("test_own.py", "pagesmoke.toml::test_page", f"--pagesmoke=one={site.url}")
    assert rows(result)[1][2:] == ["BROKEN", "2/4", "0/2"]
    result.stdout.fnmatch_lines(["settings  none, so the built-in checklist: *"])
    assert sorted(path for path in site.paths if path in {"/", "/login", "/own"}) == sorted(["/", "/login", "/own"] * 2)


def test_what_could_not_be_collected_did_not_pass(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(test_own="def test_own(pagesmoke_target): pass", test_broken="import nothing_of_this_name")
    options = ("--continue-on-collection-errors", *two(serve({}), serve({})))
    result = run_both("test_own.py", "test_broken.py", *options)
    assert result.ret == 1
    assert [row[2:] for row in rows(result)[1:]] == [["INCOMPLETE", "1/1"]] * 2


# Runs without a target, and without a build output.


NEEDING = """
    import pytest

    def test_target(pagesmoke_target): raise AssertionError
    def test_client(pagesmoke_client): raise AssertionError
    def test_factory(pagesmoke_client_factory, pagesmoke_target): raise AssertionError
    def test_later(request): request.getfixturevalue("pagesmoke_target")
    def test_plain(): pass
"""


def test_the_build_output_alone(pytester: pytest.Pytester, run_both: Pytest) -> None:
    """Tests that need a target skip, those of the build output have its path."""
    pytester.makepyfile(
        test_needing=NEEDING,
        test_dist="""
        from pathlib import Path
        def test_dist(pagesmoke_dist):
            assert isinstance(pagesmoke_dist, Path)
            assert (pagesmoke_dist / "index.html").read_text() == "here"
        def test_missing(pagesmoke_dist): assert (pagesmoke_dist / "no-such").exists()
        """,
    )
    (pytester.mkdir("dist") / "index.html").write_text("here")
    result = run_both("-rs", "--pagesmoke=dist", "test_needing.py", "test_dist.py")
    result.assert_outcomes(passed=2, failed=1, skipped=4)
    assert result.ret == 1
    assert sum(f": {NO_TARGET}" in line for line in result.outlines) >= 1
    assert not [line for line in result.outlines if line.startswith("SKIPPED") and NO_TARGET not in line]
    assert rows(result) == [["target", "address", "verdict", "own tests"], ["dist", "dist", "BROKEN", "1/2"]]


def test_where_the_build_output_is(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that was typed, seen from here; else that of the settings, seen from there."""
    (pytester.path / "pytest.ini").write_text("[pytest]")
    settings(pytester.path, '[dist]\npath = "out"')
    below = pytester.mkdir("below")
    for folder in (pytester.path / "out", below / "typed"):
        folder.mkdir()
        (folder / "index.html").write_text(str(folder))
    (below / "test_dist.py").write_text(
        "def test_dist(pagesmoke_dist):\n    assert (pagesmoke_dist / 'index.html').read_text() == str(pagesmoke_dist.resolve())\n"
    )
    monkeypatch.chdir(below)
    result = run("--pagesmoke=dist", "test_dist.py")
    result.assert_outcomes(passed=1)
    assert rows(result)[1] == ["dist", "out", "GOOD", "1/1"]
    result = run("--pagesmoke=./typed/", "test_dist.py")
    result.assert_outcomes(passed=1)
    assert rows(result)[1] == ["dist", "typed", "GOOD", "1/1"]
    result = run("-rs", f"--base-url={serve({}).url}", "test_dist.py")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"SKIPPED * {NO_DIST}"])


def test_the_local_server(pytester: pytest.Pytester, run_both: Pytest) -> None:
    """What it serves is the build output, too; it starts for a test that asks for it, and where it does not, that test says why."""
    wrangler = pytester.mkdir("node_modules") / ".bin" / "wrangler"
    wrangler.parent.mkdir()
    wrangler.write_text("#!/bin/sh\ntouch started\necho no luck >&2\nexit 3\n")
    wrangler.chmod(0o755)
    pytester.mkdir("dist")
    pytester.makepyfile(
        test_dist="def test_dist(pagesmoke_dist): assert pagesmoke_dist.is_dir()",
        test_site="def test_site(pagesmoke_client): pass",
    )
    result = run_both("--pagesmoke=local", "test_dist.py")
    assert rows(result)[1] == ["local", "(not started)", "GOOD", "1/1"]
    assert not (pytester.path / "started").exists()
    result = run_both("--pagesmoke=local")
    assert [row[:3] + row[-1:] for row in rows(result)[1:]] == [["local", "(not started)", "BROKEN", "1/2"]]
    result.stdout.fnmatch_lines(
        ["local-not-ready: the local server did not start: wrangler ended with exit status 3: *"]
    )
    result.stdout.fnmatch_lines(["verify    pytest --lf --pagesmoke=local"])


@pytest.mark.parametrize("source", ["none", "ini", "environment", "addopts"])
def test_a_run_that_is_not_active_skips_and_pays_nothing(
    pytester: pytest.Pytester, run: Pytest, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """What the ini file, the environment and addopts give is base_url's value, and no target."""
    if source == "environment":
        monkeypatch.setenv("PYTEST_BASE_URL", "http://127.0.0.1:1")
    lines = {"ini": "base_url = http://127.0.0.1:1", "addopts": "addopts = --base-url=http://127.0.0.1:1"}
    pytester.makeini(f"[pytest]\n{lines.get(source, '')}")
    pytester.makeconftest(
        """
        import sys
        def pytest_unconfigure():
            ours = {name for name in sys.modules if name.startswith("pytest_pagesmoke")}
            light = {"__init__", "activation", "base_url", "every_run", "fixtures", "marker"}
            print("MORE", *sorted(ours - {"pytest_pagesmoke", "pytest_pagesmoke.plugin", *(f"pytest_pagesmoke.plugin.{n}" for n in light)}))
            print("HEAVY", *sorted({"httpx", "httpcore", "selectolax", "json5", "truststore", "ssl"} & set(sys.modules)))
        """
    )
    value = None if source == "none" else "http://127.0.0.1:1"
    pytester.makepyfile(
        test_needing=NEEDING,
        test_more=f"""
        def test_dist(pagesmoke_dist): raise AssertionError
        def test_factory(pagesmoke_client_factory): raise AssertionError
        def test_base_url(base_url): assert base_url == {value!r}
        """,
    )
    # Without the plugins of libraries, which import what they like.
    result = run("-rs", "-s", "-p", "no:anyio", "-p", "no:xdist", "-p", "no:base_url")
    result.assert_outcomes(passed=2, skipped=6)
    assert result.ret == 0
    assert sum(line.startswith("SKIPPED") for line in result.outlines) >= 1
    assert not [line for line in result.outlines if line.startswith("SKIPPED") and NO_TARGET not in line]
    assert "pagesmoke  =" not in result.stdout.str()
    assert [line for line in result.outlines if line.startswith(("MORE", "HEAVY"))] == ["MORE", "HEAVY"]


def test_an_override_is_not_set_up_where_there_is_no_target(pytester: pytest.Pytester, run: Pytest) -> None:
    """It may need what only a run that checks has: a token of the environment."""
    pytester.makeconftest(
        """
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(): raise KeyError("TOKEN")
        """
    )
    pytester.makepyfile("def test_factory(pagesmoke_client_factory, pagesmoke_target): pass")
    run().assert_outcomes(skipped=1)


# Choosing.


def test_they_are_chosen_like_others(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeini("[pytest]\nmarkers = slow")
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("page", ["/login", "/"])
        def test_page(pagesmoke_client, page): pass
        @pytest.mark.slow
        def test_slow(base_url): pass
        def test_plain(): pass
        """
    )
    targets = two(serve({}), serve({}))

    def chosen(*args: str) -> list[str]:
        result = run("--collect-only", "-q", *args, *targets)
        return [line.removeprefix("test_own.py::") for line in ids(result)]

    assert chosen("test_own.py", "-k", "two") == ["test_page[two-/login]", "test_page[two-/]", "test_slow[two]"]
    assert chosen("test_own.py", "-m", "slow") == ["test_slow[one]", "test_slow[two]"]
    assert chosen("test_own.py::test_page[two-/login]", "test_own.py::test_slow") == [
        "test_page[two-/login]",
        "test_slow[two]",
        "test_slow[one]",
    ]
    deselected = ["--deselect", "test_own.py::test_page[one-/]", "--deselect", "test_own.py::test_slow"]
    assert chosen("test_own.py", *deselected) == [
        "test_page[one-/login]",
        "test_page[two-/login]",
        "test_page[two-/]",
        "test_plain",
    ]
    builtin = [line for line in chosen("-m", "pagesmoke") if not line.startswith("pagesmoke.toml::")]
    assert builtin == []  # the marker of the built-in checks is not laid on a project's tests


def test_lf_runs_what_failed(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("page", ["/a", "/b"])
        def test_page(pagesmoke_client, page): assert pagesmoke_client.get(page).status_code == 200
        """
    )
    good, broken = serve({"*": Reply(200)}), serve({"/a": Reply(200), "/b": Reply(503)})
    run_both("test_own.py", *two(good, broken)).assert_outcomes(passed=3, failed=1)
    del good.asked[:], broken.asked[:]
    run_both("--lf", "test_own.py", *two(good, broken)).assert_outcomes(failed=1)
    assert (good.asked, broken.paths) == ([], ["/b"])


def test_planning_asks_nothing_and_shows_no_secret(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    site = serve({"*": Reply(200)})
    settings(pytester.path, f'[targets.x]\nurl = "{site.url}"\nheaders = {{ Authorization = "Bearer ${{SECRET}}" }}')
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(pagesmoke_target): return {{"X-Key": "{SECRET}"}}
        @pytest.fixture(scope="session")
        def page(pagesmoke_client_factory, pagesmoke_target): return pagesmoke_client_factory(pagesmoke_target).get("/")
        """
    )
    pytester.makepyfile(test_own="def test_own(pagesmoke_client, page): assert pagesmoke_client.get('/own').is_success")
    for option in ("--setup-plan", "--collect-only"):
        result = run(option, "-vv", "--pagesmoke=x", "test_own.py")
        assert result.ret == 0
        result.stdout.fnmatch_lines(["*test_own[[]x]*"])
        assert "verdict" not in result.stdout.str()  # nothing ran: there is no verdict
        assert SECRET not in result.stdout.str()
    assert site.asked == []
    result = run("--setup-show", "-vv", "--pagesmoke=x", "test_own.py")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*SETUP*S pagesmoke_target*'x'*"])
    assert [(path, headers["authorization"], headers["x-key"]) for _, path, headers in site.asked] == [
        ("/", f"Bearer {SECRET}", SECRET),
        ("/own", f"Bearer {SECRET}", SECRET),
    ]
    assert SECRET not in result.stdout.str()


# The verdict.


OUTCOMES = """
    import pytest

    @pytest.fixture
    def broken(pagesmoke_client):
        raise RuntimeError("broken")

    @pytest.fixture
    def broken_at_its_end(pagesmoke_client):
        yield
        raise RuntimeError("broken")

    @pytest.fixture
    def skips_at_its_end():
        yield
        pytest.skip("too late")

    def test_passes(pagesmoke_client): pass
    @pytest.mark.xfail(strict=False)
    def test_xpass(pagesmoke_target): pass

    def test_skips(pagesmoke_target): pytest.skip("not today")
    @pytest.mark.skip
    def test_skipped(pagesmoke_target): pass
    @pytest.mark.xfail
    def test_xfail(pagesmoke_target): assert not pagesmoke_target

    def test_assert(pagesmoke_target): assert not pagesmoke_target
    def test_fail(pagesmoke_target): pytest.fail("no")
    def test_setup(broken): pass
    def test_teardown(broken_at_its_end): pass
    @pytest.mark.xfail(strict=True)
    def test_strict(pagesmoke_target): pass
    def test_skip_cannot_hide_it(skips_at_its_end, pagesmoke_target): assert not pagesmoke_target

    def test_plain(): assert False, "of no target"
"""


def test_each_outcome_counts(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(test_own=OUTCOMES)
    url = serve({}).url
    result = run_both("test_own.py", f"--pagesmoke=one={url}")
    assert result.ret == 1
    assert rows(result) == [["target", "address", "verdict", "own tests"], ["one", url, "BROKEN", "2/8"]]
    tail = result.outlines[next(n for n, line in enumerate(result.outlines) if line.startswith("target  ")) :]
    # No line of settings: no built-in check ran.
    assert tail[2:-1] == [
        "",
        "next      read the failures of your own tests",
        f"verify    pytest --lf --pagesmoke=one={url}",
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("test_passes or test_skips or test_skipped", ("GOOD", "1/1", 0)),
        ("test_skips or test_skipped or test_xfail", ("INCOMPLETE", "-", 0)),
        ("test_setup", ("BROKEN", "0/1", 1)),
        ("test_teardown", ("BROKEN", "0/1", 1)),
        ("test_skip_cannot_hide_it", ("BROKEN", "0/1", 1)),
    ],
)
def test_a_verdict_by_own_tests_alone(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, chosen: str, expected: tuple[str, str, int]
) -> None:
    pytester.makepyfile(test_own=OUTCOMES)
    url = serve({}).url
    result = run("test_own.py", f"--pagesmoke=one={url}", "-k", chosen)
    verdict, cell, status = expected
    assert (rows(result)[1], result.ret) == (["one", url, verdict, cell], status)


def test_a_failure_is_of_its_own_target(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Beside built-in checks, which all pass."""
    pytester.makepyfile(
        test_own="""
        def test_own(pagesmoke_target): assert pagesmoke_target.name == "one"
        def test_other(base_url): pass
        def test_plain(): pass
        """
    )
    one, other = serve(GOOD_SITE), serve(GOOD_SITE)
    result = run_both(*two(one, other))
    result.assert_outcomes(passed=12, failed=1)
    assert result.ret == 1
    assert rows(result) == [
        ["target", "address", "verdict", "health", "pages", "assets", "own tests"],
        ["one", one.url, "GOOD", "healthy", "2/2", "1/1", "2/2"],
        ["two", other.url, "BROKEN", "healthy", "2/2", "1/1", "1/2"],
    ]
    result.stdout.fnmatch_lines(
        [
            "settings  none, so the built-in checklist:*",
            "next      read the failures of your own tests",
            f"verify    pytest --lf --pagesmoke=two={other.url}",
        ]
    )


@pytest.mark.parametrize("option", ["--pagesmoke=local={}", "--base-url={}", "--pagesmoke=x={}"])
def test_the_command_to_verify_finds_the_test_that_failed(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, option: str
) -> None:
    """Its id has the target's name or has it not, as the option has it."""
    settings(pytester.path, f'[targets.x]\nurl = "{serve({}).url}"') if "x=" in option else None
    pytester.makepyfile(
        test_own="""
        def test_own(base_url, pagesmoke_client): assert pagesmoke_client.get("/").is_success
        def test_other(pagesmoke_target): pass
        """
    )
    replies = {"/": Reply(503)}
    site = serve(lambda path: replies.get(path, Reply(404)))
    result = run("test_own.py", option.format(site.url))
    result.assert_outcomes(failed=1, passed=1)
    verify = next(line for line in result.outlines if line.startswith("verify "))
    _, pytest_, *args = shlex.split(verify)
    assert pytest_ == "pytest"
    replies["/"] = Reply(200)
    run("test_own.py", *args).assert_outcomes(passed=1)


def test_verifying_by_an_address_that_the_settings_know(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """With --base-url alone the id is plain: by the target's name another test would be run."""
    url = serve({}).url
    settings(pytester.path, f'not_found = ["/nix"]\n[targets.x]\nurl = "{url}"')
    pytester.makepyfile(test_own="def test_own(base_url): assert not base_url")
    run(f"--base-url={url}").stdout.fnmatch_lines([f"verify    pytest --lf --base-url={url}"])
    run("--pagesmoke=x").stdout.fnmatch_lines(["verify    pytest --lf --pagesmoke=x"])


def test_a_rerun_counts_by_its_last_outcome(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(RERUNS)
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("path", ["/flaky", "/broken"])
        def test_own(pagesmoke_client, path): assert pagesmoke_client.get(path).is_success
        def test_asks_the_first_time(pagesmoke_client, asked=[]):
            if not asked: asked.append(pagesmoke_client.get("/once"))
            assert False
        """
    )
    site = serve(lambda path: Reply(200 if path == "/flaky" and site.paths.count(path) > 1 else 503))
    result = run("test_own.py", f"--pagesmoke=one={site.url}")
    assert site.paths == ["/flaky", "/flaky", "/broken", "/broken", "/once"]
    assert rows(result)[1] == ["one", site.url, "BROKEN", "1/3"]
    result.stdout.fnmatch_lines(["retried   test_own.py::test_own[[]one-/flaky[]]: passed at attempt 2"])
    assert [*sections(result.stdout.str())] == [f"GET {site.url}/broken"]  # and none of an earlier attempt
    result = run("test_own.py", f"--pagesmoke=one={site.url}", "-k", "flaky")
    assert rows(result)[1] == ["one", site.url, "GOOD", "1/1"]
    assert result.ret == 0


def test_a_run_that_stops_early(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        def test_a(pagesmoke_target): pass
        def test_b(pagesmoke_target): assert pagesmoke_target.name != "two"
        def test_c(pagesmoke_target): pass
        """
    )
    sites = serve({}), serve({}), serve({})
    result = run("-x", "test_own.py", *two(*sites[:2]), f"--pagesmoke=three={sites[2].url}")
    assert result.ret == 1
    assert [row[2:] for row in rows(result)[1:]] == [["GOOD", "3/3"], ["BROKEN", "1/2"], ["INCOMPLETE", "-"]]
    run_as = f"--pagesmoke=two={sites[1].url} --pagesmoke=three={sites[2].url}"
    result.stdout.fnmatch_lines([f"verify    pytest --lf {run_as}"])


def test_own_tests_that_fail_do_not_hide_the_cause(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        def test_own(pagesmoke_client): assert pagesmoke_client.get("/").is_success
        def test_without(pagesmoke_target): pass
        """
    )
    with socket.socket() as unused:  # bound and never listening: nothing else can take the port, and it refuses
        unused.bind(("127.0.0.1", 0))
        result = run(f"--pagesmoke=x=http://127.0.0.1:{unused.getsockname()[1]}")
    result.assert_outcomes(failed=5, passed=1)
    result.stdout.fnmatch_lines(["cause     site-unreachable: *", "          explains 4 of 5 failures)"])
    result.stdout.fnmatch_lines(["*httpx.ConnectError: connection refused: nothing listens there"])
    assert [line for line in result.outlines if line.startswith("next") and "own tests" in line]


BY_BASE_URL = """
    import pytest
    @pytest.fixture
    def through(base_url): return base_url
    def test_own(base_url): assert base_url
    def test_through(through): assert not through
    def test_plain(): pass
    class TestOther:
        @pytest.fixture(scope="session")
        def base_url(self): return "http://127.0.0.1:1"
        def test_elsewhere(self, base_url): assert not base_url
"""


def test_with_base_url_alone_what_asks_for_it_counts(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """And what asks for a base_url of the project's own does not, nor what asks for nothing."""
    settings(pytester.path, 'pages = ["/"]')
    pytester.makepyfile(test_own=BY_BASE_URL)
    site = serve(GOOD_SITE)
    result = run_both(f"--base-url={site.url}")
    result.assert_outcomes(passed=3, failed=2)
    assert rows(result) == [
        ["target", "address", "verdict", "pages", "own tests"],
        ["local", site.url, "BROKEN", "1/1", "1/2"],
    ]
    result.stdout.fnmatch_lines([f"verify    pytest --lf --base-url={site.url}"])


def test_in_a_project_that_is_not_ours_one_line_is_all(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makepyfile(test_own=BY_BASE_URL)
    site = serve(GOOD_SITE)
    result = run_both(f"--base-url={site.url}")
    result.assert_outcomes(passed=2, failed=2)
    assert [line for line in result.outlines if "pagesmoke" in line and not line.startswith("plugins:")] == [
        f"pagesmoke: --base-url reached your own tests only; the built-in checks as well: pytest pagesmoke.toml --base-url={site.url}"
    ]
    assert site.asked == []


# What a failure shows.


FAILING = """
    import httpx, pytest, pytest_pagesmoke, unittest
    from helper import helped

    @pytest.fixture
    def page(pagesmoke_client): return pagesmoke_client.get("/in-a-fixture").raise_for_status()
    @pytest.fixture
    def at_its_end(pagesmoke_client):
        yield
        pagesmoke_client.get("/at-its-end").raise_for_status()
    @pytest.fixture(scope="session")
    def of_session(pagesmoke_client_factory, pagesmoke_target):
        return pagesmoke_client_factory(pagesmoke_target).get("/of-session").raise_for_status()

    def test_asks_and_passes(pagesmoke_client): assert pagesmoke_client.get("/passed")
    def test_asks_nothing(pagesmoke_client): assert not pagesmoke_client.base_url  # END nothing
    def test_assert(pagesmoke_client):
        pagesmoke_client.get("/before")
        assert pagesmoke_client.get("/assert?a=1&b=2").status_code == 200  # END assert
    def test_status(pagesmoke_client): pagesmoke_client.get("/status").raise_for_status()  # END status
    def test_refused(pagesmoke_client): pagesmoke_client.get("http://127.0.0.1:1/refused")  # END refused
    def test_slow(pagesmoke_client): pagesmoke_client.get("/slow", timeout=0.2)  # END slow
    def test_write(pagesmoke_client): pagesmoke_client.post("/write")  # END write
    def test_stream(pagesmoke_client):
        with pagesmoke_client.stream("GET", "/stream") as response: response.raise_for_status()  # END stream
    def test_helper(pagesmoke_client): helped(pagesmoke_client)
    def test_fixture(page): pass
    def test_teardown(at_its_end): pass
    def test_session(of_session): pass
    def test_pytest_fail(pagesmoke_client):
        pagesmoke_client.get("/pytest-fail")
        pytest.fail("no", pytrace=False)
    def test_chain(pagesmoke_client):
        try:
            pagesmoke_client.get("/chain").raise_for_status()  # END chain
        except httpx.HTTPStatusError as error:
            raise ValueError("chained") from error  # END chained
    def test_cycle(pagesmoke_client):
        pagesmoke_client.get("/cycle")
        error = ValueError("of itself")
        error.__cause__ = error
        raise error  # END cycle
    def test_raises(pagesmoke_client):
        with pytest.raises(pytest_pagesmoke.WriteRefused): pagesmoke_client.get("/raises")  # END raises
    class Case(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _client(self, pagesmoke_client): self.client = pagesmoke_client
        def test_case(self): self.assertTrue(self.client.get("/case").is_success)  # END case
    @pytest.mark.xfail
    def test_xfail(pagesmoke_client): assert pagesmoke_client.get("/xfail").is_success
"""
ASKED = "/assert?a=1&b=2 /status /slow /stream /helper /in-a-fixture /at-its-end /of-session /pytest-fail /chain /cycle /raises /case".split()
ENDS = "nothing assert status refused slow write stream helper chain chained cycle raises case".split()


@pytest.fixture
def failing(pytester: pytest.Pytester, serve: Serve) -> Site:
    def respond(path: str) -> Reply:
        if path == "/slow":
            time.sleep(0.6)  # longer than the test's own timeout
        return Reply.html("<!doctype html><p>no", 503, server="cloudflare", cf_ray="8abc-AMS", x_other="not told")

    site = serve(respond)
    settings(pytester.path, f'[targets.live]\nurl = "{site.url}"\nkind = "production"')
    pytester.makeini("[pytest]\npythonpath = lib")
    (pytester.mkdir("lib") / "helper.py").write_text(
        "def helped(client):\n    client.get('/helper').raise_for_status()  # END helper\n"
    )
    pytester.makepyfile(test_own=FAILING)
    return site


def sections(text: str) -> dict[str, dict[str, str]]:
    """The sections of last requests, by what was asked: its lines by label."""
    found = {}
    for block in re.findall(r"(?m)^-+ pagesmoke: last request -+\n((?:  .*\n)+)", text):
        lines = {line[:12].strip(): line[12:] for line in block.splitlines() if line[:12].strip()}
        found[lines["asked"]] = lines
    return found


def test_a_failure_shows_the_last_request(failing: Site, pytester: pytest.Pytester, run_both: Pytest) -> None:
    result = run_both("test_own.py", "--pagesmoke=live", "--junitxml=junit.xml", "-rP")
    result.assert_outcomes(failed=13, errors=3, passed=2, xfailed=1)
    shown = sections(result.stdout.str())
    assert sorted(shown) == sorted([*(f"GET {failing.url}{path}" for path in ASKED), "GET http://127.0.0.1:1/refused"])
    said = shown[f"GET {failing.url}/assert?a=1&b=2"]
    assert said.pop("took").endswith(" s")
    assert said == {
        "target": "live (production)",
        "asked": f"GET {failing.url}/assert?a=1&b=2",
        "got": "503",
        "headers": "server: cloudflare",
        "body": "<!doctype html><p>no",
        "repeat": f"curl -sS -i --compressed --max-time 10 '{failing.url}/assert?a=1&b=2'",
    }
    result.stdout.fnmatch_lines(["            cf-ray: 8abc-AMS", "            content-type: text/html; charset=utf-8"])
    assert shown["GET http://127.0.0.1:1/refused"]["got"] == "connection refused: nothing listens there"
    assert shown[f"GET {failing.url}/slow"]["got"].startswith("no complete answer within 0.2 s")
    assert shown[f"GET {failing.url}/stream"]["body"] == "(read by the test, piece by piece)"
    assert rows(result)[1] == ["live", failing.url, "BROKEN", "1/17"]
    xml = (pytester.path / "junit.xml").read_text()
    assert len(re.findall("pagesmoke: last request", xml)) == len(shown)
    assert f"asked     GET {failing.url}/pytest-fail" in xml


@pytest.mark.parametrize("style", ["short", "native", "auto"])
def test_a_traceback_ends_in_the_users_file(failing: Site, run: Pytest, style: str) -> None:
    result = run("test_own.py", "--pagesmoke=live", f"--tb={style}", "--showlocals")
    shown = result.stdout.str()
    frames = re.findall(r'(?m)^(?:  File ")?([^ \n"]+\.py)(?::|", line )(\d+)', shown)
    files = {Path(name).name for name, _ in frames}
    assert {"test_own.py", "helper.py"} <= files
    if style != "native":  # which shows how pytest came to call the test
        assert files == {"test_own.py", "helper.py"}
    for name in ("httpx/", "pytest_pagesmoke/observe", "concurrent/", "contextlib.py"):
        assert name not in shown
    for end in ENDS:
        assert f"# END {end}" in shown
    assert "pytest_pagesmoke.WriteRefused: POST " in shown
    assert failing.asked


def test_full_trace_keeps_all(failing: Site, run: Pytest) -> None:
    result = run("test_own.py", "--pagesmoke=live", "--full-trace", "-k", "test_refused or test_status")
    shown = result.stdout.str()
    assert "observe/client.py" in shown
    assert "httpx/_models.py" in shown
    assert len(sections(shown)) == 2
    assert failing.asked


# What a conftest.py lays over the settings.


OVERRIDES = """
import pytest
@pytest.fixture(scope="session")
def token(): return "hunter2-hunter2"
@pytest.fixture(scope="session")
def pagesmoke_headers(pagesmoke_target, token):
    return {"Authorization": f"Bearer {token}", "X-Target": pagesmoke_target.name, "x-empty": ""}
@pytest.fixture(scope="session")
def pagesmoke_user_agent(): return "smoke/1"
"""


@pytest.mark.parametrize(
    ("place", "arg", "workers"),
    [
        (".", "pagesmoke.toml", ()),
        ("sites/shop", "sites/shop/pagesmoke.toml", ()),
        ("sites", "sites/shop/pagesmoke.toml", ()),
        ("sites", "sites/shop/pagesmoke.toml", ("-n", "2")),
    ],
    ids=["at-the-root", "beside", "above", "above-xdist"],
)
def test_overrides_reach_the_built_in_checks_and_the_client(  # noqa: PLR0917 - a table
    pytester: pytest.Pytester, serve: Serve, run: Pytest, place: str, arg: str, workers: tuple[str, ...]
) -> None:
    """Per target; secrets among them are shown nowhere. What a server echoes of them is struck out."""
    pytester.makeini("[pytest]")
    echo = Reply.html(f"<!doctype html>{SECRET}<title>{SECRET}</title>", 500, server=SECRET)
    one, other = (serve({"/": echo, "/own": echo, "/good": Reply.html(HOME)}) for _ in range(2))
    settings(
        (pytester.path / arg).parent,
        f"""
        pages = ["/", "/good"]
        [targets.one]
        url = "{one.url}"
        headers = {{ X-Target = "settings", X-Empty = "settings", X-Kept = "kept" }}
        [targets.two]
        url = "{other.url}"
        """,
    )
    (pytester.path / place).mkdir(exist_ok=True, parents=True)
    (pytester.path / place / "conftest.py").write_text(OVERRIDES)
    own = (pytester.path / arg).parent / "test_own.py"
    own.write_text(
        "def test_own(pagesmoke_client):\n"
        "    answer = pagesmoke_client.get('/own', headers={'Referer': ('hunter2-' * 2)[:-1]})\n"
        "    assert answer.text == ''\n"
    )
    result = run(
        *workers,
        arg,
        str(own),
        "--pagesmoke=one",
        "--pagesmoke=two",
        "--showlocals",
        "--setup-show",
        "-vv",
        "--junitxml=junit.xml",
    )
    result.assert_outcomes(passed=2, failed=4)
    assert [row[2:] for row in rows(result)[1:]] == [["BROKEN", "1/2", "0/1"]] * 2
    for site, name in ((one, "one"), (other, "two")):
        assert {path for _, path, _ in site.asked} >= {"/", "/good", "/own"}
        for _, path, headers in site.asked:
            seen = {n: headers.get(n) for n in ("authorization", "x-target", "x-empty", "x-kept", "user-agent")}
            kept = "kept" if name == "one" else None
            assert seen == {
                "authorization": f"Bearer {SECRET}",
                "x-target": name,
                "x-empty": None,
                "x-kept": kept,
                "user-agent": "smoke/1",
            }, path
    assert SECRET not in result.stdout.str() + result.stderr.str() + (pytester.path / "junit.xml").read_text()
    assert result.stdout.str().count('-H "Authorization: $AUTHORIZATION"') >= 4


def test_a_secret_of_an_override_is_shown_by_no_built_in_check(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """Where there is no test of the project's own that had made it known."""
    pytester.makeconftest(OVERRIDES)
    site = serve({"*": Reply.html(f"<!doctype html>{SECRET}<title>{SECRET}</title>", 500, server=SECRET)})
    result = run(f"--pagesmoke=x={site.url}", "--showlocals", "-vv")
    result.assert_outcomes(failed=4)
    assert {headers["authorization"] for _, path, headers in site.asked if path == "/"} == {f"Bearer {SECRET}"}
    assert SECRET not in result.stdout.str()


def test_overrides_hold_where_they_stand(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """What the first test of a run has laid over is not what the next one has, in another folder."""
    pytester.makeini("[pytest]")
    for folder in ("sites/shop", "tests/a", "tests/b"):
        (pytester.path / folder).mkdir(parents=True)
    for folder in ("sites/shop", "tests/a"):
        (pytester.path / folder / "conftest.py").write_text(
            f"import pytest\n@pytest.fixture(scope='session')\ndef pagesmoke_headers(): return {{'X-Of': {folder!r}}}\n"
        )
    for name in "ab":
        (pytester.path / "tests" / name / f"test_{name}.py").write_text(
            f"def test_own(pagesmoke_client): pagesmoke_client.get('/{name}')\n"
        )
    site = serve(GOOD_SITE)
    settings(pytester.path / "sites" / "shop", 'pages = ["/", "/login"]')
    run_both("tests", "sites/shop/pagesmoke.toml", f"--pagesmoke=x={site.url}").assert_outcomes(passed=4)
    assert {path: headers.get("x-of") for _, path, headers in site.asked if path in {"/", "/login", "/a", "/b"}} == {
        "/": "sites/shop",
        "/login": "sites/shop",
        "/a": "tests/a",
        "/b": None,
    }


def test_what_a_server_echoes_of_an_override_no_check_shows(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    """In a run of built-in checks alone, which make no client."""
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(): return {{"X-Api-Key": "{SECRET}"}}
        """
    )
    settings(pytester.path, 'pages = ["/"]')
    site = serve({"/": Reply.html(f"<title>{SECRET}</title>", 500, server=SECRET)})
    result = run_both("pagesmoke.toml", f"--pagesmoke=x={site.url}")
    result.assert_outcomes(failed=1)
    assert site.asked[0][2]["x-api-key"] == SECRET
    assert SECRET not in result.stdout.str()
    result.stdout.fnmatch_lines(["  body *<title>[*][*][*]</title>"])


def test_overrides_are_checked(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    wrong = {
        "pagesmoke_headers": {
            "None": "pagesmoke_headers takes a dict of texts: {'Authorization': '…'}",
            "['a']": "pagesmoke_headers takes a dict of texts: *",
            "{'X-Key': 3}": "pagesmoke_headers takes a dict of texts: *",
            "{'X-Key': 'hunter2\\\\nhunter2'}": "pagesmoke_headers: 'X-Key' has a line break in its value, which is not shown",
        },
        "pagesmoke_timeout_s": {
            "'2'": "pagesmoke_timeout_s takes a number of seconds above 0, not '2'",
            "0": "pagesmoke_timeout_s takes a number of seconds above 0, not 0",
            "-1.5": "pagesmoke_timeout_s takes a number of seconds above 0, not -1.5",
            "True": "pagesmoke_timeout_s takes a number of seconds above 0, not True",
            "float('nan')": "pagesmoke_timeout_s takes a number of seconds above 0, not nan",
            "float('inf')": "pagesmoke_timeout_s takes a number of seconds above 0, not inf",
        },
        "pagesmoke_user_agent": {
            "7": "pagesmoke_user_agent takes a text in one line, not 7",
            "''": "pagesmoke_user_agent takes a text in one line, not ''",
            "'a\\\\nb'": "pagesmoke_user_agent takes a text in one line, not 'a\\nb'",
        },
    }
    messages = []
    for name, values in wrong.items():
        for number, (value, message) in enumerate(values.items()):
            folder = pytester.mkdir(f"{name}_{number}")
            scoped = f"import pytest\n@pytest.fixture(scope='session')\ndef {name}(): return {value}\n"
            (folder / "conftest.py").write_text(scoped.replace("\\\\", "\\"))
            (folder / f"test_{name}_{number}.py").write_text("def test_it(pagesmoke_client): pass\n")
            messages.append(message)
    site = serve(GOOD_SITE)
    result = run(f"--pagesmoke=x={site.url}", *(str(path) for path in pytester.path.glob("pagesmoke_*/")))
    result.assert_outcomes(errors=len(messages))
    for message in messages:
        result.stdout.fnmatch_lines_random([message.replace("[", "[[]")])
    assert site.asked == []
    assert "hunter2" not in result.stdout.str()


def test_an_override_of_a_narrow_scope_is_pytests_own_error(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef pagesmoke_headers(): return {}")
    site = serve(GOOD_SITE)
    result = run(f"--pagesmoke=x={site.url}")
    assert result.ret == 1
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["ScopeMismatch: *function scoped fixture pagesmoke_headers*session scoped*"])
    result.stdout.fnmatch_lines(["x * INCOMPLETE *"])
    assert site.asked == []


def waiting_for(count: int) -> dict[str, threading.Barrier]:
    """For each path of the checklist: answer when as many as this wait at once."""
    everywhere = threading.Barrier(count)
    return dict.fromkeys(("/", "/login", "/api/health/status", "/static/app.js"), everywhere)


@pytest.mark.parametrize(
    ("argument", "at_once"), [("", 8), ("token", 8), ("pagesmoke_target", 4)], ids=["plain", "other", "by-target"]
)
def test_with_overrides_all_is_still_asked_at_once(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, argument: str, at_once: int
) -> None:
    """All targets' checks, where what is laid over is the same for all; else those of one. And each question once."""
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def token(): return "a"
        @pytest.fixture(scope="session")
        def pagesmoke_headers({argument}): return {{"X-Team": "a"}}
        """
    )
    barriers = waiting_for(at_once)

    def respond(path: str) -> Reply:
        if path in barriers:
            try:
                barriers[path].wait(timeout=5)
            except threading.BrokenBarrierError:
                return Reply(503)
        return GOOD_SITE.get(path, GOOD_SITE["*"])

    one, other = serve(respond), serve(respond)
    result = run(*two(one, other))
    result.assert_outcomes(passed=8)
    for site in (one, other):
        assert len(site.paths) == len(set(site.paths)) == 6
        assert {headers.get("x-team") for _, _, headers in site.asked} == {"a"}


def test_a_deadline_of_the_projects_own(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_timeout_s(): return 0.3
        """
    )
    pytester.makepyfile(test_own="def test_own(pagesmoke_client): pagesmoke_client.get('/')")

    def respond(_: str) -> Reply:
        time.sleep(0.8)  # longer than the deadline
        return Reply.html(HOME)

    result = run("test_own.py", "pagesmoke.toml::test_page", f"--base-url={serve(respond).url}")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["timeout: expected 200, got no complete answer within 0.3 s*"])
    result.stdout.fnmatch_lines(["*httpx.ReadTimeout: no complete answer within 0.3 s (waiting for the headers)*"])


# As pytest lists them.


PUBLIC = {
    "pagesmoke_target [session scope]": "The deployment under test: its `name`, `url` (without a slash at its end) and `kind` ('production', 'preview', 'local').",
    "pagesmoke_client": "An `httpx.Client` for the target: its address, headers and deadline; on production it sends GET, HEAD and OPTIONS only.",
    "pagesmoke_client_factory [session scope]": "Makes clients like pagesmoke_client, for fixtures of session scope: `pagesmoke_client_factory(pagesmoke_target)`.",
    "pagesmoke_dist [session scope]": "The build output's `Path`, in a run that checks it (`--pagesmoke=dist`, a folder) or serves it (`local`); else the test is skipped.",
    "pagesmoke_headers [session scope]": "Headers laid over those of the settings; to be overridden in a conftest.py. An empty text leaves a header out.",
    "pagesmoke_timeout_s [session scope]": "Seconds for a whole exchange, in place of the settings' timeout_s; to be overridden in a conftest.py. None: as they have it.",
    "pagesmoke_user_agent [session scope]": "The User-Agent, in place of the settings' user_agent; to be overridden in a conftest.py. None: as they have it.",
}


@pytest.mark.parametrize("option", [(), ("--pagesmoke=x=http://127.0.0.1:1",)], ids=["inactive", "active"])
def test_the_fixtures_are_listed(run: Pytest, option: tuple[str, ...]) -> None:
    result = run("--fixtures", *option)
    listed = {
        line.partition(" -- ")[0]: text.strip()
        for line, text in zip(result.outlines, result.outlines[1:], strict=False)
        if line.startswith("pagesmoke_")
    }
    assert listed == PUBLIC
    assert not re.search(r"\b_(pagesmoke|verify)", result.stdout.str())
    result.stdout.fnmatch_lines(["base_url [[]session scope] *", "    *"])


def test_failed_subtests_make_their_target_broken(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Their test itself has passed when its report is made."""
    pytester.makepyfile(
        """
        def test_parts(pagesmoke_client, subtests):
            for path in ("/", "/nope"):
                with subtests.test(path=path):
                    assert pagesmoke_client.get(path).status_code == 200
        """
    )
    result = run_both(f"--pagesmoke=site={serve(GOOD_SITE).url}", "test_failed_subtests_make_their_target_broken.py")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["site * BROKEN * 0/1 *"])


def test_verifying_a_test_that_writes(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.pagesmoke(writes=True)
        def test_own(pagesmoke_target): assert False
        def test_skips(pagesmoke_target): pytest.skip()
        """
    )
    settings(pytester.path, f'[targets.x]\nurl = "{serve({}).url}"\nkind = "production"')
    options = ("test_own.py", "--pagesmoke=x", "--pagesmoke-allow-writes")
    run(*options).stdout.fnmatch_lines(["verify    pytest --lf --pagesmoke-allow-writes --pagesmoke=x"])
    run(*options, "-p", "no:cacheprovider").stdout.fnmatch_lines(
        ["verify    pytest --pagesmoke-allow-writes --pagesmoke=x"]
    )
    run("test_own.py", "--pagesmoke=x").stdout.fnmatch_lines(
        ["verify    pytest --pagesmoke=x"]
    )  # all skipped: nothing for --lf


def test_a_base_url_in_a_plugin_of_the_projects_own_wins(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    pytester.makeconftest("pytest_plugins = ['shop_fixtures']")
    pytester.makepyfile(
        shop_fixtures="import pytest\n@pytest.fixture(scope='session')\ndef base_url(): return 'https://a.example'",
        test_own="def test_own(base_url): assert base_url == 'https://a.example'",
    )
    run_both("test_own.py", *two(serve({}), serve({}))).assert_outcomes(passed=1)


@pytest.mark.parametrize("style", ["long", "short", "native", "line", "long -n 2"])
def test_a_failing_test_shows_no_secret(pytester: pytest.Pytester, serve: Serve, run: Pytest, style: str) -> None:
    """However it came by it."""
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(): return {{"X-Api-Key": "{SECRET}"}}
        """
    )
    pytester.makepyfile(
        test_own=f"""
        import logging, pytest
        def test_headers(pagesmoke_client, pagesmoke_headers):
            print(pagesmoke_headers)
            logging.getLogger().error("%s", pagesmoke_headers)
            assert pagesmoke_headers == {{}}
        def test_unpacked(pagesmoke_client):
            with pagesmoke_client.stream("GET", "/") as response:
                text = response.read().decode()
            try: raise ValueError(text)
            except ValueError: pytest.fail(text)
        def test_said(pagesmoke_headers): pytest.fail(str(pagesmoke_headers), pytrace=False)
        def test_address(pagesmoke_client): pagesmoke_client.get("/?a={SECRET}").raise_for_status()
        """.replace(SECRET, '" + "-".join(["hunter2"] * 2) + "')
    )
    site = serve({"*": Reply.html(SECRET, 500)})
    settings(pytester.path, "")
    options = [*f"--tb={style}".split(), "--showlocals", "-vv", "--junitxml=j.xml"]
    result = run("test_own.py", f"--pagesmoke=x={site.url}", *options)
    result.assert_outcomes(failed=4)
    shown = result.stdout.str() + (pytester.path / "j.xml").read_text()
    assert SECRET not in shown
    assert shown.count("***") >= 3


def test_a_secret_that_pytest_cuts(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Without -vv it shortens what is long, wherever that is."""
    secret = "-".join(f"{number * 7919:x}" for number in range(3, 60))
    assert len(secret) > 240
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(): return {{"Authorization": "Bearer {secret}"}}
        """
    )
    pytester.makepyfile(
        test_own="""
        def test_repr(pagesmoke_client, pagesmoke_headers): assert pagesmoke_headers == 3
        def test_text(pagesmoke_client, pagesmoke_headers): assert "" .join(pagesmoke_headers.values()) == "Bearer"
        def test_length(pagesmoke_client, pagesmoke_headers): assert not list(pagesmoke_headers.values())
        def test_token(pagesmoke_client): pagesmoke_client.get("/?token=f00ba4").raise_for_status()
        """
    )
    url = f"--pagesmoke=x={serve({'*': Reply(500)}).url}"
    for options in ([], ["--showlocals"], ["-v"], ["--tb=short"]):
        result = run("test_own.py", url, "--junitxml=j.xml", *options)
        result.assert_outcomes(failed=4)
        shown = result.stdout.str() + (pytester.path / "j.xml").read_text()
        assert "..." in shown
        assert not [at for at in range(len(secret) - 11) if secret[at : at + 12] in shown]
        assert not [
            text
            for text in re.findall(r"[\w-]+(?=\.\.\.)|(?<=\.\.\.)[\w-]+", shown)
            if len(text) > 3 and text in secret
        ]
        assert "?token=***" in shown


def test_after_a_refusal_no_earlier_request_is_shown(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        def test_refused(pagesmoke_client):
            pagesmoke_client.get("/earlier")
            pagesmoke_client.post("/later")
        """
    )
    (pytester.path / "pagesmoke.toml").write_text(f'[targets.main]\nurl = "{serve({}).url}"\nkind = "production"')
    result = run_both("test_own.py", "--pagesmoke=main")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *pytest_pagesmoke.WriteRefused: POST http://127.0.0.1:*/later was not sent: *"])
    result.stdout.no_fnmatch_line("*last request*")
    result.stdout.no_fnmatch_line("*curl*")


def test_a_target_that_is_none(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("pagesmoke_target", ["x"])
        def test_client(pagesmoke_client, pagesmoke_target): pass
        def test_factory(pagesmoke_client_factory): pagesmoke_client_factory("x")
        """
    )
    result = run("test_own.py", f"--pagesmoke=x={serve({}).url}")
    result.assert_outcomes(errors=1, failed=1)
    said = "a client is made for a target, not for 'x'. To choose targets by name: parametrize(\"pagesmoke_target\", [[]…[]], indirect=True)"
    result.stdout.fnmatch_lines([said] * 2)
