"""Beside the plugins that a project's own tests use: none of them changes what the built-in checks see, or is changed by them.

docs/plugins.md lists them, with what is shown here.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import environments
from environments import Environment
from kit import GOOD_SITE, ROOT, Reply, Respond, Serve, Site, by_mapping
from observe.hostile import Hostile, chunked, drips

TOKEN = "t0ken-of-the-target-5d1c8f"
PATIENCE_S = 10.0
SETTINGS = """
pages = ["/", "{login}"]
health = ["/api/health/status"]
assets = ["/static/app.js"]
concurrency = {concurrency}
timeout_s = 30
[targets.x]
url = "{url}"
headers = {{ Authorization = "Bearer ${{TOKEN}}" }}
"""


@dataclass(frozen=True)
class Project:
    """A folder with settings and tests, and runs of pytest there with the plugins named installed."""

    pytester: pytest.Pytester
    environment: Environment

    def run(self, plugins: tuple[str, ...], *args: str) -> pytest.RunResult:
        options = ("--pagesmoke=x", "--pagesmoke-report=report.json", "-v", *args)
        return self.pytester.run(self.environment(*plugins), "-m", "pytest", *options, timeout=60)

    def write(self, url: str, *, login: str = "/login", concurrency: int = 16, **files: str) -> None:
        Path("pagesmoke.toml").write_text(SETTINGS.format(url=url, login=login, concurrency=concurrency))
        self.pytester.makepyfile(**files)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, environment: Environment) -> Project:
    monkeypatch.setenv("COLUMNS", "200")  # pytest cuts the lines of its summary to the terminal
    monkeypatch.setenv("TOKEN", TOKEN)
    return Project(pytester, environment)


def checks() -> dict[str, dict[str, Any]]:
    """What the report says of each test, by its id."""
    (target,) = json.loads(Path("report.json").read_text("utf-8"))["targets"]
    return {check["id"]: check for check in target["checks"]}


# Checks in flight, while a test of the project has mocks on, or sockets off.

#: After the first check, a test of the project's own runs, and after that the other checks.
BETWEEN = """
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: (item.name != "test_page[x-/]", not item.nodeid.startswith("test_own")))
"""
#: In that test: until all other checks are asked.
WHILE_THEY_ARE_ASKED = f"""
import pathlib, time
def while_they_are_asked():
    pathlib.Path("go").touch()
    deadline = time.monotonic() + {PATIENCE_S}
    while not pathlib.Path("asked").exists():
        assert time.monotonic() < deadline, "not all is asked"
        time.sleep(0.01)
"""


def waiting(serve: Serve) -> Site:
    """A good site that answers nothing but its home page before it is told to go on, and tells when all of it has been asked."""
    folder, good, asked = Path.cwd(), by_mapping(GOOD_SITE), set()

    def respond(path: str) -> Reply:
        deadline = time.monotonic() + PATIENCE_S
        while path != "/" and not (folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        asked.add(path)
        if asked >= GOOD_SITE.keys() - {"*"}:
            (folder / "asked").touch()
        return good(path)

    return serve(respond)


#: The mocks that respx makes of httpx, and those that it makes of httpcore (by default).
BOTH = """
import respx
MOCKS = [respx.mock(using="httpx"), respx.mock(assert_all_called=False)]
"""
#: A conftest, and the head of a test file.
MOCKED: Mapping[str, tuple[str, str]] = {
    "respx-at-import-of-conftest": (f"{BOTH}\nfor mock in MOCKS: mock.start()", "from conftest import MOCKS"),
    "respx-at-import-of-a-test-and-for-the-session": (
        f"""
import pytest
{BOTH}
@pytest.fixture(scope="session", autouse=True)
def mocks():
    with MOCKS[1]:
        yield
""",
        "from conftest import MOCKS; MOCKS[0].start()",
    ),
}
WITH_RESPX = """
import httpx
def test_own(pagesmoke_client):
    route = MOCKS[0].get("https://api.example/price").respond(json=1)
    while_they_are_asked()
    assert pagesmoke_client.get("/client").status_code == 404
    assert httpx.get("https://api.example/price").json() == 1
    assert route.call_count == MOCKS[0].calls.call_count == 1
    assert MOCKS[1].calls.call_count == 0
"""
WITH_PYTEST_HTTPX = """
import httpx
def test_own(httpx_mock, pagesmoke_client):
    httpx_mock.add_response(url="https://api.example/price", json=1)
    while_they_are_asked()
    assert pagesmoke_client.get("/client").status_code == 404
    assert httpx.get("https://api.example/price").json() == 1
    assert len(httpx_mock.get_requests()) == 1
"""


@pytest.mark.parametrize("mocked", [*MOCKED, "pytest-httpx"])
def test_no_mock_answers_a_check(project: Project, serve: Serve, mocked: str) -> None:
    """Nor sees one: mocks fail a test over requests that they do not know. `pagesmoke_client` asks the site, too."""
    site = waiting(serve)
    conftest, test = MOCKED.get(mocked, ("", ""))
    own = WITH_RESPX if mocked in MOCKED else WITH_PYTEST_HTTPX
    # One at a time: what is asked behind the first check begins while the mocks stand there.
    project.write(site.url, concurrency=1, conftest=BETWEEN + conftest, test_own=test + WHILE_THEY_ARE_ASKED + own)
    result = project.run(("respx", "pytest-httpx"), "-p", "no:randomly")
    result.assert_outcomes(passed=5)
    assert "/client" in site.paths
    assert {check["status"] for check in checks().values()} == {200, None}  # of the project's own, none


GUARDS = {
    # By the option, by a fixture, and by a call before anything else.
    "off": (
        ["--disable-socket"],
        "import pytest_socket; pytest_socket.disable_socket()",
        "socket_disabled",
        "socket.socket()",
    ),
    "elsewhere": (["--allow-hosts=203.0.113.1"], "", "tmp_path", "socket.create_connection(('127.0.0.1', 9))"),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_pytest_socket_is_for_the_projects_own_tests(project: Project, serve: Serve, guard: str) -> None:
    """Whoever names a site on the command line wants it asked. The name is looked up, too."""
    options, conftest, fixture, forbidden = GUARDS[guard]
    own = f"""
import pytest, socket
def test_own({fixture}, pagesmoke_client):
    with pytest.raises(RuntimeError, match="A test tried to use socket"):
        {forbidden}
    while_they_are_asked()
    assert pagesmoke_client.get("/client").status_code == 404
"""
    site = waiting(serve)
    url = site.url.replace("127.0.0.1", "localhost")
    project.write(url, concurrency=1, conftest=f"{conftest}\n{BETWEEN}", test_own=WHILE_THEY_ARE_ASKED + own)
    result = project.run(("pytest-socket",), *options)
    result.assert_outcomes(passed=5, warnings=1)  # of pytest-socket: what it blocked
    assert "/client" in site.paths


# A test that hangs.


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    servers = Hostile()
    yield servers
    servers.close()


@pytest.mark.parametrize("options", [("--timeout-method=signal",), ("--timeout-method=thread", "-n", "2")])
def test_pytest_timeout_ends_a_check_that_hangs(
    project: Project, serve: Serve, hostile: Hostile, options: tuple[str, ...]
) -> None:
    """By a signal, or with the process in which it runs: that of a worker, whom xdist replaces. The rest goes on."""
    slow = hostile.serve(drips(chunked(), b"1\r\nx\r\n"))
    Path("pagesmoke.toml").write_text(
        f"timeout_s = 4\npages = ['/', '/login']\n[targets.x]\nurl = '{serve(GOOD_SITE).url}'\n"
        f"[targets.y]\nurl = '{slow.url}'\npages = ['/slow']"
    )
    project.pytester.makeconftest("""
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if "slow" in item.name: item.add_marker(pytest.mark.timeout(0.5))
""")
    started = time.monotonic()
    result = project.run(("pytest-timeout",), "--pagesmoke=y", *options)
    assert time.monotonic() - started < 20
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    # In a process of its own it came to no verdict; under xdist another one judges.
    result.stdout.fnmatch_lines(["x * GOOD *", "y * BROKEN *" if "-n" in options else "y * INCOMPLETE *"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert "expect_passed" not in result.stdout.str()  # no traceback through what waits


# An order of its own.


def test_pytest_randomly_leaves_the_projects_tests_behind_the_checks_that_wait(project: Project) -> None:
    """They look at a site once, and it has settled by then."""
    project.write("http://127.0.0.1:1", test_own="def test_own(): pass")
    for seed in (1, 4):  # which put that of the project first
        listing = ("--collect-only", "-q", "-q", "--pagesmoke-settle=9")
        result = project.run(("pytest-randomly",), f"--randomly-seed={seed}", *listing)
        ids = [line for line in result.outlines if "::" in line]
        assert [test_id.partition("::")[0] for test_id in ids] == [*["pagesmoke.toml"] * 4, "test_own.py"]


# All of them at once.

ALL = (
    "allure-pytest",
    "pytest-asyncio",
    "pytest-cov",
    "pytest-html",
    "pytest-httpx",
    "pytest-randomly",
    "pytest-rerunfailures",
    "pytest-socket",
    "pytest-sugar",
    "pytest-timeout",
    "respx",
)
OPTIONS = [
    "--alluredir=allure",
    "--cov=app",
    "--cov-report=term",
    "--disable-socket",
    "--allow-unix-socket",  # an event loop of their own begins with a pair of them
    "--html=report.html",
    "--self-contained-html",
    "--randomly-seed=1",
    "--reruns=1",
    "--timeout=30",
]
APP = """
import httpx
URL = "https://api.example/price"
def price(): return httpx.get(URL).json()
async def later():
    async with httpx.AsyncClient() as client:
        return (await client.get(URL)).json()
"""
OWN = """
import logging, os, pytest
from app import URL, later, price
def test_price(httpx_mock):
    httpx_mock.add_response(url=URL, json=1)
    assert price() == 1
@pytest.mark.anyio
async def test_later(respx_mock):
    respx_mock.get(URL).respond(json=2)
    assert await later() == 2
def test_leaks(pagesmoke_client):
    logging.getLogger("own").error("logged %s", os.environ["TOKEN"])
    print("printed", os.environ["TOKEN"])
    assert pagesmoke_client.get("/of-the-target").text == os.environ["TOKEN"]
"""
#: Its address has a part of the secret by chance. It must stay whole where the check tells how to ask once more.
LOGIN = "/of-the-target"


def with_failures() -> Respond:
    """A site whose login page is gone and shows what it was sent, and whose health comes back when it is asked once more."""
    asked: Counter[str] = Counter()
    site = {**GOOD_SITE, LOGIN: Reply.html(f"<p>Bearer {TOKEN}", 500)}

    def respond(path: str) -> Reply:
        asked[path] += 1
        return Reply(503) if path == "/api/health/status" and asked[path] == 1 else by_mapping(site)(path)

    return respond


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"),
        ("-p", "no:asyncio", "-n", "2"),  # anyio's plugin takes the asynchronous test
    ],
    ids=["plain", "xdist"],
)
def test_all_at_once(project: Project, serve: Serve, options: tuple[str, ...]) -> None:
    site = serve(with_failures())
    backend = "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'"
    project.write(site.url, login=LOGIN, app=APP, conftest=backend, test_own=OWN)
    result = project.run(ALL, *OPTIONS, *options)
    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()

    # A rerun asks anew, and only what failed.
    asked = Counter(site.paths)
    assert {path: asked[path] for path in asked if not path.startswith("/pagesmoke-")} == {
        "/": 1,
        LOGIN: 2 + 2,  # by the check, and by the project's own test
        "/api/health/status": 2,
        "/static/app.js": 1,
    }
    assert {name.partition("::")[2]: (one["outcome"], one["attempts"]) for name, one in checks().items()} == {
        "test_page[x-/]": ("passed", 1),
        "test_page[x-/of-the-target]": ("failed", 2),
        "test_health[x-/api/health/status]": ("passed", 2),
        "test_asset[x-/static/app.js]": ("passed", 1),
        "test_leaks[x]": ("failed", 2),
    }
    result.stdout.fnmatch_lines_random(["retried *test_health*: passed at attempt 2", "app.py * 100%"])

    # What others make of it.
    line = "page-status: expected 200, got 500"
    assert line in Path("report.html").read_text("utf-8")
    results = [json.loads(file.read_text("utf-8")) for file in Path("allure").glob("*-result.json")]
    by_name = {one["name"]: one for one in sorted(results, key=lambda one: one["stop"])}
    assert {name: one["status"] for name, one in by_name.items()} == {
        "test_page[x-/]": "passed",
        "test_page[x-/of-the-target]": "failed",  # and not "broken", as allure says of tests that are themselves
        "test_health[x-/api/health/status]": "passed",
        "test_asset[x-/static/app.js]": "passed",
        "test_price": "passed",
        "test_later": "passed",
        "test_leaks[x]": "failed",
    }
    check = by_name["test_page[x-/of-the-target]"]
    assert line in check["statusDetails"]["message"]
    assert f" {site.url}{LOGIN}\n" in check["statusDetails"]["trace"]
    # By these allure knows a test again, in the next run.
    assert {one["value"] for one in check["parameters"]} == {"pagesmoke.toml::test_page[x-/of-the-target]", "'x'"}
    written = [Path("report.html"), *Path("allure").iterdir()]
    assert [file.name for file in written if TOKEN in file.read_text("utf-8", "replace")] == []


# What the docs say of it.

#: In environments, and no plugins beside which pagesmoke is tried here: a library, and what the suite itself is written with.
NO_NEIGHBOURS = {"httpx2", "hypothesis"}


def rows() -> dict[str, list[str]]:
    """The table of docs/plugins.md: by the plugin's name, its other cells."""
    lines = (ROOT / "docs" / "plugins.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {name: others for name, *others in cells[2:]}


def test_the_table_has_each_plugin_in_the_version_that_is_tried() -> None:
    locks = [ROOT / "requirements.lock", ROOT / "requirements-neighbours.lock"]
    locked = dict(re.findall(r"^([\w-]+)==([^ ]+)", "".join(lock.read_text("utf-8") for lock in locks), re.MULTILINE))
    # Two that are in each environment: one comes along with httpx, one is an extra.
    tried = (environments._OPTIONAL.keys() - NO_NEIGHBOURS) | {"anyio", "pytest-xdist"}
    assert {name: cells[0] for name, cells in rows().items()} == {name: locked[name] for name in tried}


def test_the_table_names_tests_that_there_are() -> None:
    named = [test for cells in rows().values() for test in re.findall(r"`(tests/[^`]+)`", cells[-1])]
    assert len(named) >= len(rows())
    for test in named:
        file, _, name = test.partition("::")
        assert (f"def {name}(" if name else "def test_") in (ROOT / file).read_text("utf-8"), test
