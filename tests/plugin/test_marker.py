"""The marker: on which targets a test of the project's own runs, what never runs on production, and what is no such wish."""

from __future__ import annotations

import re

import pytest

from kit import Pytest, Serve

NO_TARGET = (
    "needs a target: --base-url=URL on the command line, or --pagesmoke=WHAT (a URL, local, a target of the settings)"
)


@pytest.fixture
def ran(pytester: pytest.Pytester) -> None:
    """A conftest that writes down what ran, to be read by `names`."""
    pytester.makeconftest(
        """
        def pytest_configure(config):
            global is_worker
            is_worker = hasattr(config, "workerinput")
        def pytest_runtest_logreport(report):
            if report.when == "call" and not is_worker and not report.skipped:
                with open("ran", "a") as file: print(report.nodeid.partition("::")[2], file=file)
        """
    )


def names(pytester: pytest.Pytester) -> list[str]:
    """What ran since the last call, sorted."""
    file = pytester.path / "ran"
    found = sorted(file.read_text().split()) if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def left_out(result: pytest.RunResult) -> list[str]:
    """What the summary says of tests that the marker kept from running."""
    lines = result.outlines
    start = next((index for index, line in enumerate(lines) if line.startswith("left out")), None)
    if start is None:
        return [line.removeprefix("pagesmoke: left out ") for line in lines if line.startswith("pagesmoke: left out ")]
    said = [lines[start].removeprefix("left out").strip()]
    for line in lines[start + 1 :]:
        if not line.startswith("          "):
            break
        said.append(line.strip())
    return said


def deselected(result: pytest.RunResult) -> int:
    """pytest's own count. (Under xdist it has none: the workers deselect.)"""
    found = re.search(r"(\d+) deselected", result.outlines[-1])
    return int(found[1]) if found else 0


# On which targets.

TESTS = """
    import pytest, unittest

    @pytest.mark.pagesmoke(only_on="main")
    def test_only_name(pagesmoke_target): pass
    @pytest.mark.pagesmoke(only_on="preview")
    def test_only_kind(pagesmoke_client): pass
    @pytest.mark.pagesmoke(only_on=["main", "preview"])
    def test_only_list(base_url): pass
    @pytest.mark.pagesmoke(only_on=("production", "nix"))
    @pytest.mark.parametrize("n", [1, 2])
    def test_only_tuple(pagesmoke_target, n): pass
    @pytest.mark.pagesmoke(not_on="main")
    def test_not_name(pagesmoke_target): pass
    @pytest.mark.pagesmoke(not_on="production")
    def test_not_kind(pagesmoke_target): pass
    @pytest.mark.pagesmoke(not_on={"preview", "main"})
    def test_not_set(pagesmoke_target): pass
    @pytest.mark.pagesmoke(only_on="production", not_on="main")
    def test_both(pagesmoke_target): pass
    @pytest.mark.pagesmoke(only_on=None, not_on=None, writes=False)
    def test_nothing(pagesmoke_target): pass
    @pytest.mark.pagesmoke
    def test_bare(pagesmoke_target): pass
    @pytest.mark.pagesmoke()
    def test_called(pagesmoke_target): pass

    @pytest.mark.pagesmoke(not_on="main")
    class TestClass:
        def test_of_class(self, pagesmoke_target): pass
        @pytest.mark.pagesmoke(only_on="production")
        def test_and_itself(self, pagesmoke_target): pass
        @pytest.mark.pagesmoke(only_on="main")
        def test_never(self, pagesmoke_target): pass

    @pytest.mark.pagesmoke(only_on="pro")
    def test_no_part_of_a_name(pagesmoke_target): pass

    @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.pagesmoke(not_on="main")), 2])
    def test_of_one_parameter(pagesmoke_target, n): pass
"""
MODULE = """
    import pytest
    pytestmark = [pytest.mark.pagesmoke(only_on="preview"), pytest.mark.pagesmoke(not_on="other")]
    def test_module(pagesmoke_target): pass
    @pytest.mark.pagesmoke(only_on="new")
    def test_module_too(pagesmoke_target): pass
    @pytest.mark.pagesmoke(only_on="main")
    def test_module_never(pagesmoke_target): pass
"""
RAN = {
    "main": "test_only_name test_only_list test_only_tuple[@-1] test_only_tuple[@-2] test_nothing test_bare test_called test_of_one_parameter[@-2]",
    "other": "test_only_tuple[@-1] test_only_tuple[@-2] test_not_name test_not_set test_both test_nothing test_bare test_called"
    " TestClass::test_of_class TestClass::test_and_itself test_of_one_parameter[@-1] test_of_one_parameter[@-2]",
    "new": "test_only_kind test_only_list test_not_name test_not_kind test_nothing test_bare test_called TestClass::test_of_class"
    " test_module test_module_too test_of_one_parameter[@-1] test_of_one_parameter[@-2]",
}


LEFT_OUT = {
    "main": {"only on preview": 3, "only on new": 1, "only on pro": 1, "not on main": 7, "not on production": 1},
    "other": {
        "only on main": 3,
        "only on preview": 2,
        "only on main or preview": 1,
        "only on new": 1,
        "only on pro": 1,
        "not on production": 1,
    },
    "new": {
        "only on main": 3,
        "only on production or nix": 2,
        "only on production": 2,
        "only on pro": 1,
        "not on preview": 1,
    },
}


@pytest.mark.usefixtures("ran")
def test_where_each_runs(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """By name and kind, on functions, classes, modules and parameters; what is left out is counted."""
    urls = {name: serve({}).url for name in RAN}
    kinds = {"main": "production", "other": "production", "new": "preview"}
    (pytester.path / "pagesmoke.toml").write_text(
        "".join(f'[targets.{name}]\nurl = "{url}"\nkind = "{kinds[name]}"\n' for name, url in urls.items())
    )
    pytester.makepyfile(test_own=TESTS, test_module=MODULE)
    result = run_both("--strict-markers", "test_own.py", "test_module.py", *(f"--pagesmoke={name}" for name in urls))
    assert result.ret == 0
    wanted = sorted(
        test.replace("@", name) if "@" in test else f"{test}[{name}]" for name in RAN for test in RAN[name].split()
    )
    assert names(pytester) == wanted
    assert sorted(left_out(result)) == sorted(
        f"{count} own test{'s' if count > 1 else ''} on {name}: {why}"
        for name, reasons in LEFT_OUT.items()
        for why, count in reasons.items()
    )
    if "workers" not in result.stdout.str():
        assert deselected(result) == sum(sum(reasons.values()) for reasons in LEFT_OUT.values()) == 3 * 21 - len(wanted)


@pytest.mark.usefixtures("ran")
def test_what_asks_for_no_fixture_of_ours(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """It runs if one of the targets is such as it wants, and none such as it must keep away from."""
    pytester.makepyfile(
        test_own="""
        import pytest, unittest
        @pytest.mark.pagesmoke(only_on="one")
        def test_only(): pass
        @pytest.mark.pagesmoke(only_on="three")
        def test_nowhere(): pass
        @pytest.mark.pagesmoke(not_on="two")
        def test_not(): pass
        @pytest.mark.pagesmoke(writes=True)
        def test_writes(): pass
        @pytest.mark.pagesmoke(only_on="two")
        class Case(unittest.TestCase):
            def test_case(self): pass
            @pytest.mark.pagesmoke(not_on="local")
            def test_not_local(self): pass
        """
    )
    result = run("test_own.py", *(f"--pagesmoke={name}={serve({}).url}" for name in ("one", "two")))
    assert result.ret == 0
    assert names(pytester) == ["Case::test_case", "test_only", "test_writes"]
    assert left_out(result) == [
        "1 own test on one: only on three",
        "1 own test on two: not on two",
        "1 own test on one: not on local",
    ]


@pytest.mark.parametrize(
    ("kind", "address", "allowed", "runs"),
    [
        ("", "http://127.0.0.1:1", False, True),
        ("", "https://www.example.com", False, False),
        ("", "https://new.example.pages.dev", False, True),
        ("", "https://5be8c75c.example.pages.dev", False, False),
        ("", "https://5be8c75c.example.pages.dev", True, True),
        ("preview", "https://5be8c75c.example.pages.dev", False, True),
    ],
)
def test_what_writes_never_runs_on_production(  # noqa: PLR0917 - a table
    pytester: pytest.Pytester, run: Pytest, kind: str, address: str, allowed: bool, runs: bool
) -> None:
    """Unless that is allowed. Nothing is asked of these addresses: the tests that would are not run to their requests."""
    if kind:
        (pytester.path / "pagesmoke.toml").write_text(f'[targets.x]\nurl = "{address}"\nkind = "{kind}"')
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.pagesmoke(writes=True)
        def test_writes(pagesmoke_target): pass
        @pytest.mark.pagesmoke(writes=True)
        def test_writes_by_itself(): pass
        @pytest.mark.pagesmoke(writes=True)
        class TestClass:
            @pytest.mark.pagesmoke(writes=False)
            def test_reads(self, base_url): pass
        """
    )
    option = "--pagesmoke=x" if kind else f"--pagesmoke=x={address}"
    result = run("test_own.py", option, *(["--pagesmoke-allow-writes"] if allowed else []))
    result.assert_outcomes(passed=3 if runs else 1, deselected=0 if runs else 2)
    assert left_out(result) == (
        [] if runs else ["2 own tests on x: changes state, and --pagesmoke-allow-writes is not given"]
    )


def test_what_writes_on_one_target_of_two(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """On production it is left out. One of no target is left out whole: nobody knows where it writes."""
    (pytester.path / "pagesmoke.toml").write_text(
        f'[targets.main]\nurl = "{serve({}).url}"\nkind = "production"\n[targets.new]\nurl = "{serve({}).url}"\n'
    )
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.pagesmoke(writes=True)
        def test_writes(pagesmoke_client): assert pagesmoke_client.post("/").status_code == 501
        @pytest.mark.pagesmoke(writes=True)
        def test_by_itself(): raise AssertionError
        @pytest.mark.pagesmoke(writes=True, only_on="new")
        def test_by_itself_on_new(): raise AssertionError
        """
    )
    result = run_both("test_own.py", "--pagesmoke=main", "--pagesmoke=new")
    result.assert_outcomes(passed=1, deselected=deselected(result))
    assert left_out(result) == ["3 own tests on main: changes state, and --pagesmoke-allow-writes is not given"]
    result = run_both("test_own.py", "--pagesmoke=main")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert left_out(result) == [
        "2 own tests on main: changes state, and --pagesmoke-allow-writes is not given",
        "1 own test on main: only on new",
    ]


@pytest.mark.usefixtures("ran")
def test_markers_that_a_conftest_adds(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makepyfile(
        conftest=(pytester.path / "conftest.py").read_text()
        + """
import pytest
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "other" in item.name: item.add_marker(pytest.mark.pagesmoke(not_on="two"))
""",
        test_own="""
        def test_other(pagesmoke_target): pass
        def test_this(pagesmoke_target): pass
        """,
    )
    result = run_both("test_own.py", *(f"--pagesmoke={name}={serve({}).url}" for name in ("one", "two")))
    assert names(pytester) == ["test_other[one]", "test_this[one]", "test_this[two]"]
    assert left_out(result) == ["1 own test on two: not on two"]


@pytest.mark.usefixtures("ran")
def test_built_in_checks_are_the_projects_to_mark(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Those are chosen by pytest's own means; the keywords are for tests of one's own."""
    result = run(f"--pagesmoke=x={serve({}).url}", "-m", "not pagesmoke")
    assert names(pytester) == []
    assert left_out(result) == []
    result.assert_outcomes(deselected=4)


# In a run that is not active.

INACTIVE = """
    import pytest, unittest
    @pytest.mark.pagesmoke(only_on="production")
    def test_production(base_url): pass
    @pytest.mark.pagesmoke(only_on=["preview", "local"])
    def test_elsewhere(base_url): pass
    @pytest.mark.pagesmoke(not_on="production")
    def test_not_production(): pass
    @pytest.mark.pagesmoke(writes=True)
    def test_writes(base_url): pass
    @pytest.mark.pagesmoke(writes=True)
    class Case(unittest.TestCase):
        def test_case(self): pass
    @pytest.mark.pagesmoke
    def test_bare(): pass
    def test_plain(): pass
"""
ALWAYS = ["test_bare", "test_plain"]
ON_PRODUCTION = ["test_production"]
ELSEWHERE = ["Case::test_case", "test_elsewhere", "test_not_production", "test_writes"]


@pytest.mark.parametrize(
    ("source", "address", "wanted"),
    [
        ("ini", "https://www.example.com", ON_PRODUCTION),
        ("environment", "https://5be8c75c.example.pages.dev/", ON_PRODUCTION),
        ("addopts", "https://new.example.pages.dev", ELSEWHERE),
        ("ini", "http://localhost:8788", ELSEWHERE),
    ],
)
@pytest.mark.usefixtures("ran")
def test_where_no_target_is_given_the_address_of_base_url_counts(  # noqa: PLR0917 - a table
    pytester: pytest.Pytester,
    run: Pytest,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    address: str,
    wanted: list[str],
) -> None:
    if source == "environment":
        monkeypatch.setenv("PYTEST_BASE_URL", address)
    lines = {"ini": f"base_url = {address}", "addopts": f"addopts = --base-url={address}"}
    pytester.makeini(f"[pytest]\n{lines.get(source, '')}")
    pytester.makepyfile(test_own=INACTIVE)
    result = run("-p", "no:base_url")  # which lays the ini key over the option
    assert result.ret == 0
    assert names(pytester) == sorted([*ALWAYS, *wanted])
    assert deselected(result) == 5 - len(wanted)
    name = "preview" if "new" in address else "production" if wanted is ON_PRODUCTION else "local"
    assert {line.partition(": ")[0] for line in left_out(result)} <= {
        f"{n} own test{'s' * (n > 1)} on {name}" for n in range(1, 5)
    }
    if wanted is ON_PRODUCTION:
        assert run("--pagesmoke-allow-writes").ret == 0
        assert names(pytester) == sorted([*ALWAYS, *ON_PRODUCTION, "Case::test_case", "test_writes"])


@pytest.mark.parametrize(("kind", "wanted"), [("production", ["test_kind"]), ("preview", ["test_name", "test_writes"])])
@pytest.mark.usefixtures("ran")
def test_where_no_target_is_given_the_settings_say_what_an_address_is(
    pytester: pytest.Pytester, run_both: Pytest, kind: str, wanted: list[str]
) -> None:
    """It could be reached in this run as well: production behind an address that looks like a preview, or the other way round."""
    address = "https://shop.example.pages.dev" if kind == "production" else "https://staging.example.com"
    pytester.makeini(f"[pytest]\nbase_url = {address}")
    pytester.path.joinpath("pagesmoke.toml").write_text(
        f'[targets.shop]\nurl = "{address}"\nkind = "{kind}"\n[targets.other]\nurl = "${{NOT_SET}}"\n'
    )
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.pagesmoke(writes=True)
        def test_writes(): pass
        @pytest.mark.pagesmoke(only_on="PRODUCTION")
        def test_kind(): pass
        @pytest.mark.pagesmoke(only_on="Shop", not_on="production")
        def test_name(): pass
        """
    )
    result = run_both("-p", "no:base_url")
    assert result.ret == 0
    assert names(pytester) == wanted
    said = {
        "production": [
            "1 own test on shop: changes state, and --pagesmoke-allow-writes is not given",
            "1 own test on shop: not on production",
        ],
        "preview": ["1 own test on shop: only on PRODUCTION"],
    }
    assert left_out(result) == said[kind]


def test_where_the_settings_are_mistaken_nothing_is_guessed(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makeini("[pytest]\nbase_url = https://shop.example.pages.dev")
    pytester.path.joinpath("pagesmoke.toml").write_text(
        '[targets.shop]\nurl = "https://shop.example.pages.dev"\nkind = 3'
    )
    pytester.makepyfile(test_own="import pytest\n@pytest.mark.pagesmoke(writes=True)\ndef test_writes(): pass")
    result = run("-p", "no:base_url")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: pagesmoke: pagesmoke.toml: targets.shop*"])
    active = run("--pagesmoke=shop")
    assert (active.ret, active.errlines) == (4, result.errlines)  # the same words
    for mark in ("", "@pytest.mark.pagesmoke\n"):  # which wishes nothing
        pytester.makepyfile(test_own=f"import pytest\n{mark}def test_plain(): pass")
        assert run("-p", "no:base_url").ret == 0


SLIPS = """
    import pytest
    @pytest.mark.pagesmoke(only_on="prodution")
    def test_kind(base_url): pass
    @pytest.mark.pagesmoke(not_on=["Stagging", "locl", "PRODUCTION"])
    def test_name(base_url): pass
    @pytest.mark.pagesmoke(only_on=["mine", "preview"])
    def test_typed(base_url): pass
    @pytest.mark.pagesmoke(not_on=["nowhere", "main", "mine2", "preproduction", "production-eu", "feature-2", "preview-"])
    def test_other(base_url): pass
"""


@pytest.mark.parametrize("active", [False, True], ids=["inactive", "active"])
def test_a_name_that_is_a_slip_is_said(pytester: pytest.Pytester, serve: Serve, run_both: Pytest, active: bool) -> None:
    """A name may be that of a target that other runs are given, so it is no mistake; but one that nearly is one is told."""
    url = serve({}).url
    (pytester.path / "pagesmoke.toml").write_text(
        f'[targets.staging]\nurl = "https://staging.example.com"\n[targets.feature-1]\nurl = "https://f.example.com"\n[targets.mine]\nurl = "{url}"\n'
    )
    pytester.makeini(f"[pytest]\nbase_url = {url}")
    pytester.makepyfile(test_own=SLIPS)
    result = run_both("-p", "no:base_url", "test_own.py", *(["--pagesmoke=mine"] if active else []))
    assert result.ret == 0
    said = " is no kind, nor a target of this run or of the settings: did you mean "
    lines = [
        line.removeprefix("pagesmoke: ").removeprefix("marker").strip() for line in result.outlines if said in line
    ]
    assert lines == [
        f"'prodution'{said}'production'?",
        f"'Stagging'{said}'staging'?",
        f"'locl'{said}'local'?",
    ]


@pytest.mark.usefixtures("ran")
def test_without_any_address_marked_tests_skip(pytester: pytest.Pytester, run_both: Pytest) -> None:
    pytester.makepyfile(test_own=INACTIVE)
    result = run_both("-rs", "--strict-markers")
    result.assert_outcomes(passed=2, skipped=5)
    assert names(pytester) == ALWAYS
    assert {line.partition(": ")[2] for line in result.outlines if line.startswith("SKIPPED")} == {NO_TARGET}


@pytest.mark.usefixtures("ran")
def test_with_the_build_output_alone_marked_tests_skip(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makepyfile(test_own=INACTIVE)
    result = run("-rs", "--pagesmoke=dist", "test_own.py")
    result.assert_outcomes(passed=2, skipped=5)
    assert names(pytester) == ALWAYS
    assert {line.partition(": ")[2] for line in result.outlines if line.startswith("SKIPPED")} == {NO_TARGET}


# What it does not take.

WRONG = {
    "onli_on='x'": "unknown keyword 'onli_on'. Did you mean 'only_on'? There are: only_on, not_on, writes",
    "write=True": "unknown keyword 'write'. Did you mean 'writes'? There are: only_on, not_on, writes",
    "xyz=1": "unknown keyword 'xyz'. There are: only_on, not_on, writes",
    "'preview'": "takes keywords alone: only_on, not_on, writes",
    "writes='yes'": "writes takes True or False, not 'yes'",
    "writes=1": "writes takes True or False, not 1",
    "writes=None": "writes takes True or False, not None",
    "only_on=3": "only_on takes the name or kind of a target, or a list of them, not 3",
    "only_on=''": "only_on takes the name or kind of a target, or a list of them, not ''",
    "only_on=[]": "only_on takes the name or kind of a target, or a list of them, not []",
    "not_on=['a', 3]": "not_on takes the name or kind of a target, or a list of them, not ['a', 3]",
    "not_on=True": "not_on takes the name or kind of a target, or a list of them, not True",
    "not_on={'a': 1}": "not_on takes the name or kind of a target, or a list of them, not {'a': 1}",
}


@pytest.mark.parametrize("active", [False, True], ids=["inactive", "active"])
def test_a_marker_that_says_nothing_it_can_mean(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest, active: bool
) -> None:
    """A collection error that says all mistakes of a file, each once; nothing of that file is run."""
    functions = "\n".join(
        f"@pytest.mark.pagesmoke({given})\n@pytest.mark.parametrize('n', [1, 2])\ndef test_{number}(n): pass"
        for number, given in enumerate(WRONG)
    )
    pytester.makepyfile(
        test_wrong=f"import pytest\n{functions}\n@pytest.mark.pagesmoke(only_on='x', nto_on='y', writes=2)\ndef test_more(): pass",
        test_class="""
        import pytest
        @pytest.mark.pagesmoke(preview=True)
        class TestClass:
            def test_one(self): pass
            def test_other(self, pagesmoke_target): pass
        """,
        test_case="""
        import pytest, unittest
        class Case(unittest.TestCase):
            @pytest.mark.pagesmoke(no_on="x")
            def test_it(self): pass
        """,
        test_module="import pytest\npytestmark = pytest.mark.pagesmoke('x')\ndef test_it(): pass\n",
        test_good="def test_good(): pass",
    )
    site = serve({})
    result = run_both(
        "--strict-markers", "-rA", "--continue-on-collection-errors", *([f"--pagesmoke={site.url}"] if active else [])
    )
    assert result.ret == 1
    said = [line for line in result.outlines if re.match(r"\w+: @pytest\.mark\.pagesmoke: ", line)]
    assert len(said) == len(set(said)) == len(WRONG) + 2 + 2 + 1 + 1
    assert set(said) == {
        *(f"test_{number}: @pytest.mark.pagesmoke: {message}" for number, message in enumerate(WRONG.values())),
        "test_more: @pytest.mark.pagesmoke: unknown keyword 'nto_on'. Did you mean 'not_on'? There are: only_on, not_on, writes",
        "test_more: @pytest.mark.pagesmoke: writes takes True or False, not 2",
        *(
            f"{name}: @pytest.mark.pagesmoke: unknown keyword 'preview'. There are: only_on, not_on, writes"
            for name in ("test_one", "test_other")
        ),
        "test_it: @pytest.mark.pagesmoke: unknown keyword 'no_on'. Did you mean 'not_on'? There are: only_on, not_on, writes",
        "test_it: @pytest.mark.pagesmoke: takes keywords alone: only_on, not_on, writes",
    }
    result.assert_outcomes(errors=4, passed=1, failed=4 if active else 0)
    assert site.asked or not active
    errors = [line for line in result.outlines if line.startswith("ERROR test_")]
    assert sorted(line.split()[1].partition("::")[0] for line in errors) == [
        "test_case.py",
        "test_class.py",
        "test_module.py",
        "test_wrong.py",
    ]
    assert run_both("test_wrong.py", *([f"--pagesmoke={site.url}"] if active else [])).ret != 0


def test_a_wrong_marker_that_a_conftest_adds(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Too late for a collection error: those tests fail, whatever else their markers say."""
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                marks = {"a": {"only_in": "preview"}, "b": {"only_on": 3}, "c": {"writes": True, "not_on": [4]}, "d": {}}
                item.add_marker(pytest.mark.pagesmoke(**marks[item.name[5]]))
        """
    )
    names = "abcd"
    pytester.makepyfile(test_own="\n".join(f"def test_{name}(base_url): assert '{name}' == 'd'" for name in names))
    for option in ([f"--pagesmoke=x={serve({}).url}"], []):
        result = run_both("test_own.py", *option)
        assert result.ret == 1
        result.assert_outcomes(errors=3, passed=1)
        result.stdout.fnmatch_lines_random(
            [
                "@pytest.mark.pagesmoke: unknown keyword 'only_in'. Did you mean 'only_on'? There are: only_on, not_on, writes",
                "@pytest.mark.pagesmoke: only_on takes the name or kind of a target, or a list of them, not 3",
                "@pytest.mark.pagesmoke: not_on takes the name or kind of a target, or a list of them, not [[]4]",
            ]
        )


def test_it_is_listed(run: Pytest) -> None:
    lines = [line for line in run("--markers").outlines if line.startswith("@pytest.mark.pagesmoke")]
    assert len(lines) == 1
    assert lines[0].startswith("@pytest.mark.pagesmoke(only_on=None, not_on=None, writes=False): a test of a ")
    for word in ("deselected", "--pagesmoke-allow-writes", "'production', 'preview', 'local'"):
        assert word in lines[0]
