"""Peace with pytest-base-url and pytest-playwright, which have a `--base-url` and a `base_url` of their own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import pytest

from environments import LAUNCH, Environment, needs_browser
from kit import GOOD_SITE, OWN_TEST, Serve

BASE_URL, PLAYWRIGHT = "pytest-base-url", "pytest-playwright"
#: By the names with which `-p` knows them.
DISTRIBUTIONS = {"base_url": BASE_URL, "playwright": PLAYWRIGHT}

#: What a project of each kind of neighbourhood has installed.
INSTALLED = [(), (BASE_URL,), (PLAYWRIGHT,), (BASE_URL, PLAYWRIGHT)]
plain_and_xdist = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "xdist"])
# Under xdist, three times as slow, with all of them alone.
every_neighbourhood = pytest.mark.parametrize(
    ("installed", "workers"),
    [*((installed, ()) for installed in INSTALLED), (INSTALLED[-1], ("-n", "2"))],
    ids=["none", "base_url", "playwright", "both", "both-xdist"],
)


@dataclass(frozen=True)
class Project:
    """An empty folder, and runs of pytest there with the plugins named installed."""

    pytester: pytest.Pytester
    environment: Environment

    def run(self, installed: tuple[str, ...], *args: str) -> pytest.RunResult:
        # Without the plugin of a library that we need: it takes a tenth of such a short run.
        return self.pytester.run(
            self.environment(*installed), "-m", "pytest", "-p", "no:anyio", "-v", *args, timeout=60
        )


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, environment: Environment) -> Project:
    monkeypatch.setenv("COLUMNS", "200")  # pytest cuts the lines of its summary to the terminal
    return Project(pytester, environment)


def ids_of(result: pytest.RunResult) -> Counter[str]:
    """The ids of the tests that ran, and how often each did."""
    lines = [re.search(r"(\S+::\S+)", line) for line in result.outlines if " PASSED" in line or " FAILED" in line]
    return Counter(line[1] for line in lines if line)


def own_lines(result: pytest.RunResult) -> list[str]:
    """What a run has of us: lines, and headlines of sections."""
    return [line for line in result.outlines if re.match(r"(=+ )?pagesmoke", line)]


# The daily run of a project that has a base_url, over all ways in which the plugins can come together.


@dataclass(frozen=True)
class Loading:
    """Which plugins stand beside us, and how they are loaded: by autoload, with these arguments before it, or without it."""

    installed: tuple[str, ...]
    args: tuple[str, ...]
    autoload: bool = True

    def has(self, plugin: str) -> bool:
        loaded = DISTRIBUTIONS[plugin] in self.installed if self.autoload else plugin in self.args
        return loaded and f"no:{plugin}" not in self.args

    def __str__(self) -> str:
        names = "+".join(name for name, installed in DISTRIBUTIONS.items() if installed in self.installed) or "none"
        asked = ",".join(arg for arg in self.args if arg != "-p") or "as-installed"
        return f"{names}-{'' if self.autoload else 'no-autoload:'}{asked}"


def _p(*names: str) -> tuple[str, ...]:
    return tuple(arg for name in names for arg in ("-p", name))


AS_INSTALLED = [Loading(installed, ()) for installed in INSTALLED[:3]]


def _loadings() -> list[Loading]:
    both = (BASE_URL, PLAYWRIGHT)
    autoloaded = [
        *AS_INSTALLED,
        Loading(both, ()),
        # `-p` loads before autoload does, whose own order is that of the folder's entries: any.
        *[Loading(installed, _p("pagesmoke")) for installed in INSTALLED[1:]],
        Loading((BASE_URL,), _p("base_url")),
        Loading((PLAYWRIGHT,), _p("playwright")),
        Loading(both, _p("base_url", "playwright")),
        Loading(both, _p("playwright", "base_url")),
        Loading((BASE_URL,), _p("no:base_url")),
        Loading((PLAYWRIGHT,), _p("no:playwright")),
        Loading(both, _p("no:base_url")),
        Loading(both, _p("no:playwright")),
        Loading(both, _p("no:base_url", "no:playwright")),
    ]
    named = [
        Loading(both, _p(*order), autoload=False)
        for others in [(), ("base_url",), ("playwright",), ("base_url", "playwright")]
        for order in permutations(("pagesmoke", *others))
    ]
    return [*autoloaded, *named]


@dataclass(frozen=True)
class Source:
    """Where the address comes from; X stands for it."""

    name: str
    args: tuple[str, ...] = ()
    ini: str = ""
    environ: tuple[str, str] | None = None

    @property
    def typed(self) -> bool:
        return bool(self.args)


SOURCES = [
    Source("option", args=("--base-url=X",)),
    Source("two-words", args=("--base-url", "X")),
    Source("ini", ini="base_url = X"),
    Source("variable", environ=("PYTEST_BASE_URL", "X")),
    Source("addopts", ini="addopts = --base-url=X"),
    Source("addopts-variable", environ=("PYTEST_ADDOPTS", "--base-url=X")),
    Source("nowhere"),
]


@dataclass(frozen=True)
class DailyRun:
    loading: Loading
    source: Source
    workers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.loading}-{self.source.name}-{'xdist' if self.workers else 'plain'}"


def _daily_runs() -> list[DailyRun]:
    """What takes minutes as a whole, without what would show nothing new.

    With the plugins as they are installed, of which each has another one hand out the address, every source, plain and under xdist.
    Any other loading with two sources, by turns; and under xdist, three times as slow, every third with one: a worker can lack a
    plugin or its order, or it can lack the address.
    """
    runs: list[DailyRun] = []
    for number, loading in enumerate(_loadings()):
        for turn, source in enumerate(SOURCES):
            whole = loading in AS_INSTALLED
            mine = (turn - 2 * number) % len(SOURCES)
            if whole or mine < 2:
                runs.append(DailyRun(loading, source, ()))
            if whole or (mine == 0 and number % 3 == 0):
                runs.append(DailyRun(loading, source, ("-n", "2")))
    return runs


@pytest.mark.parametrize("daily", _daily_runs(), ids=str)
def test_the_daily_run_of_a_project_sees_one_line_of_us_at_most(
    project: Project, monkeypatch: pytest.MonkeyPatch, serve: Serve, daily: DailyRun
) -> None:
    loading, source, workers = daily.loading, daily.source, daily.workers
    site = serve(GOOD_SITE)
    address: str | None = site.url if source.name != "nowhere" else None
    if loading.has("base_url") and source.name in {"ini", "nowhere"}:
        # Its own ways, which are not ours to change: it does not read the ini key in xdist's workers, and its default is "".
        address = None if workers else (address or "")
    project.pytester.makeini(f"[pytest]\n{source.ini.replace('X', site.url)}")
    if source.environ:
        monkeypatch.setenv(source.environ[0], source.environ[1].replace("X", site.url))
    args = (*loading.args, *(arg.replace("X", site.url) for arg in source.args), *workers)
    if not loading.autoload:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        args = ("-p", "xdist", *args) if workers else args

    tests = f"{OWN_TEST}\ndef test_address(base_url): assert base_url == {address!r}\n"
    expected = {"test_it.py::test_own": 1, "test_it.py::test_address": 1}
    if loading.has("playwright"):
        # Its fixture of this name starts the driver, half a second that what is looked at here does not need.
        context = {"base_url": address} if address else {}
        tests += f"""
import pytest
@pytest.fixture(scope="session")
def playwright(): return None
def test_context(browser_context_args): assert browser_context_args == {context!r}
"""
        expected["test_it.py::test_context"] = 1
    project.pytester.makepyfile(test_it=tests)

    result = project.run(loading.installed, *args)

    assert result.ret == 0
    assert ids_of(result) == expected
    assert site.paths == []
    assert result.errlines == []
    command = f"pytest pagesmoke.toml --base-url={site.url}"
    line = f"pagesmoke: --base-url reached your own tests only; the built-in checks as well: {command}"
    assert own_lines(result) == ([line] if source.typed else [])


@pytest.mark.parametrize("installed", INSTALLED, ids=["none", "base_url", "playwright", "both"])
def test_what_is_not_installed_is_not_there_for_xdists_workers_either(
    project: Project, installed: tuple[str, ...]
) -> None:
    """That the environments of these tests are what they say: xdist hands its own import path on to its workers."""
    project.pytester.makepyfile(
        f"""
        import importlib.metadata, importlib.util, os
        def found(name):
            try:
                importlib.metadata.distribution(name)
            except importlib.metadata.PackageNotFoundError:
                return False
            return True
        def test_installed():
            assert os.environ["PYTEST_XDIST_WORKER"]
            assert found("pytest-pagesmoke") and not found("pytest-asyncio")
            for name, module in [({BASE_URL!r}, "pytest_base_url"), ({PLAYWRIGHT!r}, "pytest_playwright")]:
                assert found(name) == (name in {installed!r}), name
                assert bool(importlib.util.find_spec(module)) == (name in {installed!r}), module
        """
    )
    project.run(installed, "-n", "2").assert_outcomes(passed=1)


# A Playwright suite, with a real browser.

PLAYWRIGHT_SUITE = """
def test_home(page):
    page.goto("/")
    assert page.title() == "Home"
    page.get_by_role("link", name="Sign in").click()
    page.wait_for_url("**/login")

def test_that_fails(page):
    page.goto("/login")
    assert page.title() == "Another"

def test_other(base_url): assert base_url
"""


def _without_times(result: pytest.RunResult) -> list[str]:
    """The lines of a run, without what differs from one to the next, and without the list of its plugins."""
    lines = [line for line in result.outlines if not line.startswith("plugins: ")]
    return [re.sub(r"^=+ (.*) in [\d.]+s =+$", r"\1", line) for line in lines]


@needs_browser
@pytest.mark.parametrize("installed", INSTALLED[2:], ids=["playwright", "both"])
@pytest.mark.parametrize("ini", [False, True], ids=["typed", "ini"])
def test_the_output_of_a_playwright_suite_is_the_same_but_for_one_line(
    project: Project, serve: Serve, installed: tuple[str, ...], ini: bool
) -> None:
    site = serve(GOOD_SITE)
    project.pytester.makeconftest(LAUNCH)
    project.pytester.makepyfile(test_site=PLAYWRIGHT_SUITE)
    project.pytester.makeini(f"[pytest]\nbase_url = {site.url}" if ini else "[pytest]")
    args = ["-ra", "-p", "no:cacheprovider", *([] if ini else [f"--base-url={site.url}"])]
    without = project.run(installed, *args, "-p", "no:pagesmoke")
    asked = Counter(site.paths)
    site.asked.clear()

    result = project.run(installed, *args)

    result.assert_outcomes(passed=2, failed=1)
    ours = own_lines(result)
    assert len(ours) == (0 if ini else 1)
    assert [line for line in _without_times(result) if line not in ours] == _without_times(without)
    assert result.errlines == without.errlines
    assert Counter(site.paths) == asked


# Several targets: a test that asks for base_url runs once for each.


@every_neighbourhood
def test_a_test_that_asks_for_base_url_runs_once_a_target(
    project: Project, serve: Serve, installed: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    """And no other: pytest-base-url has a fixture for every test, `_verify_url`, that asks for base_url, too."""
    one, two = serve(GOOD_SITE), serve(GOOD_SITE)
    with_playwright = PLAYWRIGHT in installed
    project.pytester.makepyfile(
        test_it=f"""
        import pytest, unittest
        URLS = {{"one": {one.url!r}, "two": {two.url!r}}}
        def test_own(): pass
        @pytest.mark.parametrize("n", [1, 2])
        def test_numbers(n): pass
        class TestCase(unittest.TestCase):
            def test_case(self): pass
        def test_address(base_url, request): assert base_url == URLS[request.node.callspec.id]
        @pytest.fixture
        def login_url(base_url): return base_url + "/login"
        def test_through_a_fixture(login_url, request): assert login_url == URLS[request.node.callspec.id] + "/login"
        @pytest.fixture(scope="session")
        def playwright(): return None
        if {with_playwright}:
            def test_context(browser_context_args, request):
                assert browser_context_args == {{"base_url": URLS[request.node.callspec.id]}}
        """
    )
    result = project.run(installed, "test_it.py", f"--pagesmoke=one={one.url}", f"--pagesmoke=two={two.url}", *workers)
    once = ["test_own", "test_numbers[1]", "test_numbers[2]", "TestCase::test_case"]
    asking = ["test_address", "test_through_a_fixture", *(["test_context"] if with_playwright else [])]
    each = [f"{name}[{target}]" for name in asking for target in ("one", "two")]
    assert ids_of(result) == dict.fromkeys([f"test_it.py::{name}" for name in [*once, *each]], 1)
    assert result.ret == 0
    assert one.paths == two.paths == []


@needs_browser
@pytest.mark.parametrize("installed", INSTALLED[2:], ids=["playwright", "both"])
@plain_and_xdist
def test_a_playwright_suite_runs_once_a_target_in_its_browser(
    project: Project, serve: Serve, installed: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    one, two = serve(GOOD_SITE), serve(GOOD_SITE)
    project.pytester.makeconftest(LAUNCH)
    project.pytester.makepyfile(
        test_it=f"""
        URLS = {{"one": {one.url!r}, "two": {two.url!r}}}
        def test_own(): pass
        def test_home(page, request):
            page.goto("/")
            assert page.url == URLS[({{*URLS}} & {{*request.node.callspec.id.split("-")}}).pop()] + "/"
        """
    )
    result = project.run(installed, "test_it.py", f"--pagesmoke=one={one.url}", f"--pagesmoke=two={two.url}", *workers)
    names = sorted("-".join(sorted(re.split(r"[\[\]-]", test_id)[1:-1])) for test_id in ids_of(result).elements())
    assert names == ["", "chromium-one", "chromium-two"]
    assert result.ret == 0
    assert one.paths.count("/") == two.paths.count("/") == 1


@every_neighbourhood
def test_a_projects_own_base_url_wins(
    project: Project, serve: Serve, installed: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    """However a project gives it: its tests run as often as that says, and not once a target."""
    one, two = serve(GOOD_SITE), serve(GOOD_SITE)
    seen = "def test_{0}(base_url, request): assert base_url == {1}"
    named = "'http://' + request.node.callspec.id"
    files = {
        "conftest.py": "",
        "fixture/conftest.py": "import pytest\n@pytest.fixture(scope='session')\ndef base_url(): return 'http://own'",
        "fixture/test_fixture.py": seen.format("fixture", "'http://own'"),
        "params/conftest.py": """
import pytest
@pytest.fixture(scope="session", params=["a", "b"])
def base_url(request): return "http://" + request.param
""",
        "params/test_params.py": seen.format("params", named),
        "test_module.py": "import pytest\n@pytest.fixture\ndef base_url(): return 'http://mine'\n"
        + seen.format("module", "'http://mine'"),
        "test_mark.py": "import pytest\n@pytest.mark.parametrize('base_url', ['http://a', 'http://b', 'http://c'], ids='abc')\n"
        + seen.format("mark", named),
        "hook/conftest.py": """
def pytest_generate_tests(metafunc):
    if "base_url" in metafunc.fixturenames and metafunc.function.__name__ != "test_own":
        metafunc.parametrize("base_url", ["http://a", "http://b"], ids="ab", scope="session")
""",
        "hook/test_hook.py": f"{seen.format('hook', named)}\n{OWN_TEST}",
        "built/conftest.py": """
import pytest
@pytest.fixture(scope="session")
def base_url(pagesmoke_target): return pagesmoke_target.url + "/de"
""",
        "built/test_built.py": f"URLS = {{'one': {one.url!r}, 'two': {two.url!r}}}\n"
        + seen.format("built", "URLS[request.node.callspec.id] + '/de'"),
    }
    for name, text in files.items():
        path = Path(project.pytester.path, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    result = project.run(installed, ".", f"--pagesmoke=one={one.url}", f"--pagesmoke=two={two.url}", *workers)
    expected = [
        "fixture/test_fixture.py::test_fixture",
        *[f"params/test_params.py::test_params[{name}]" for name in "ab"],
        "test_module.py::test_module",
        *[f"test_mark.py::test_mark[{name}]" for name in "abc"],
        *[f"hook/test_hook.py::test_hook[{name}]" for name in "ab"],
        "hook/test_hook.py::test_own",
        # Its own, made from ours: it asks for the target.
        *[f"built/test_built.py::test_built[{name}]" for name in ("one", "two")],
    ]
    assert ids_of(result) == dict.fromkeys(expected, 1)
    assert result.ret == 0
    assert one.paths == two.paths == []


def test_async_tests_of_pytest_asyncio_run_once_a_target(project: Project, serve: Serve) -> None:
    one, two = serve(GOOD_SITE), serve(GOOD_SITE)
    project.pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    project.pytester.makepyfile(
        test_it=f"""
        import asyncio
        URLS = {{"one": {one.url!r}, "two": {two.url!r}}}
        async def test_own(): await asyncio.sleep(0)
        async def test_address(base_url, request): assert base_url == URLS[request.node.callspec.id]
        """
    )
    result = project.run(("pytest-asyncio", BASE_URL), f"--pagesmoke=one={one.url}", f"--pagesmoke=two={two.url}")
    result.assert_outcomes(passed=11)
    own = {test_id for test_id in ids_of(result) if test_id.startswith("test_it.py")}
    assert own == {f"test_it.py::{name}" for name in ("test_own", "test_address[one]", "test_address[two]")}


@every_neighbourhood
def test_all_of_it_with_the_oldest_pytest(
    project: Project, serve: Serve, installed: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    """Which had another way of keeping options apart, among other things."""
    site = serve(GOOD_SITE)
    project.pytester.makepyfile(
        test_it=f"""
        import pytest
        def test_oldest(): assert pytest.version_tuple[:2] == (8, 2)
        def test_address(base_url): assert base_url == {site.url!r}
        def test_client(pagesmoke_client): assert pagesmoke_client.get("/").status_code == 200
        @pytest.mark.pagesmoke(only_on="nowhere")
        def test_nowhere(pagesmoke_client): pass
        """
    )
    alone = ["test_it.py::test_oldest", "test_it.py::test_address", "test_it.py::test_client"]
    daily = project.run(("oldest", *installed), f"--base-url={site.url}", *workers)
    assert daily.ret == 0
    assert ids_of(daily) == Counter(alone)

    several = project.run(
        ("oldest", *installed), f"--pagesmoke=one={site.url}", f"--pagesmoke=two={site.url}", *workers
    )
    assert several.ret == 0
    own = {name for name in ids_of(several) if name.startswith("test_it.py")}
    assert own == {alone[0], *(f"{name}[{target}]" for name in alone[1:] for target in ("one", "two"))}
    several.stdout.fnmatch_lines(
        ["one * GOOD * healthy * 2/2 * 1/1 * 2/2 *", "left out  1 own test on one: only on nowhere"]
    )


def test_where_warnings_are_errors_none_is_ours(project: Project, serve: Serve) -> None:
    """With the fixture `base_url` that is there where no other plugin has one."""
    address = serve(GOOD_SITE).url
    project.pytester.makepyfile(
        test_it="""
        def test_address(base_url): assert base_url
        class TestOfAClass:
            def test_address(self, base_url): assert base_url
        """
    )
    project.run((), "-W", "error", "-o", f"base_url={address}").assert_outcomes(passed=2)
    project.run((), "-W", "error", f"--base-url={address}", "test_it.py", "pagesmoke.toml").assert_outcomes(passed=6)
