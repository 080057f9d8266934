"""Where fixtures of a wider scope end, behind whichever test is the last: what that counts for, what it may undo, and what it shows."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator

import pytest

from environments import Environment
from kit import GOOD_SITE, RERUNS, Pytest, Reply, Serve

SECRET = "Qz8sK2mVx91LpTr44bYwEo"


def verdicts(result: pytest.RunResult) -> dict[str, str]:
    """By target, as the summary has them."""
    found = re.findall(r"^(\w+) +http://\S+ +(GOOD|BROKEN|INCOMPLETE) ", result.stdout.str(), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize(("scope", "last"), [("session", "pagesmoke.toml"), ("module", "test_own.py")])
def test_behind_another_test_it_counts_for_its_target_and_shows_no_secret(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest, scope: str, last: str
) -> None:
    site = serve(GOOD_SITE)
    (pytester.path / "pagesmoke.toml").write_text(
        f'pages = ["/"]\n[targets.x]\nurl = "{site.url}"\nheaders = {{ Authorization = "Bearer {SECRET}" }}'
    )
    pytester.makepyfile(
        test_own=f"""
        import pytest
        @pytest.fixture(scope="{scope}")
        def account(pagesmoke_client_factory, pagesmoke_target):
            token = pagesmoke_target.headers["Authorization"]
            yield
            assert not token, "cleaning up with " + token
        def test_own(account): pass
        {"" if last == "pagesmoke.toml" else "def test_plain(): pass"}
        """
    )
    result = run_both("--pagesmoke=x", "--showlocals", "-rA")
    result.assert_outcomes(passed=2 if last == "pagesmoke.toml" else 3, errors=1)
    if " workers " not in result.stdout.str():
        result.stdout.fnmatch_lines([f"ERROR {last}::*"])
    assert result.ret == 1
    assert verdicts(result) == {"x": "BROKEN"}
    assert SECRET not in result.stdout.str()
    result.stdout.no_fnmatch_line("*own_tests.py*")
    assert "cleaning up with ***" in result.stdout.str()


BLAMED = """
    import pytest
    @pytest.fixture(scope="session")
    def account(pagesmoke_target):
        yield
        assert pagesmoke_target.name != "one"
    def test_own(account): pass
"""


def test_it_is_blamed_on_the_target_it_was_set_up_for(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """pytest ends it in the set-up of the next target's test, which then does not run: of that target not all was seen."""
    pytester.makepyfile(test_own=BLAMED)
    targets = [f"--pagesmoke={name}={serve({}).url}" for name in ("one", "two")]
    result = run("test_own.py", *targets)
    assert result.ret == 1
    assert verdicts(result) == {"one": "BROKEN", "two": "INCOMPLETE"}
    good = {"two": "GOOD", "one": "BROKEN"}
    assert verdicts(run("test_own.py", *reversed(targets))) == good
    assert verdicts(run("test_own.py", *targets, "-n", "2")) == good  # each in a worker of its own


def test_by_the_oldest_pytest_too(
    pytester: pytest.Pytester, serve: Serve, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    pytester.makepyfile(test_own=BLAMED)
    targets = [f"--pagesmoke={name}={serve({}).url}" for name in ("one", "two")]
    result = pytester.run(environment("oldest"), "-m", "pytest", "test_own.py", *targets, timeout=60)
    result.stdout.fnmatch_lines(["*pytest-8.2.*"])
    assert verdicts(result) == {"one": "BROKEN", "two": "INCOMPLETE"}


@pytest.mark.parametrize(
    ("test", "targets", "said"),
    [
        ("def test_own(account): pass", ("one", "two"), {"one": "BROKEN", "two": "GOOD"}),
        ("def test_own(account): pass\ndef test_then(pagesmoke_target): pass", ("one",), {"one": "BROKEN"}),
        ("def test_own(account): pass", ("one",), {"one": "GOOD"}),  # but it is the same test's: that it repeats
    ],
    ids=["another-target", "another-test", "the-same-test"],
)
def test_a_rerun_does_not_repeat_it(  # noqa: PLR0917 - a table
    request: pytest.FixtureRequest,
    pytester: pytest.Pytester,
    serve: Serve,
    run: Pytest,
    test: str,
    targets: tuple[str, ...],
    said: dict[str, str],
) -> None:
    """The test behind which it failed passes at its second attempt."""
    pytester.makeconftest(RERUNS)
    account = """
import pytest
ended = []
@pytest.fixture(scope="session")
def account(pagesmoke_target):
    yield
    ended.append(pagesmoke_target.name)
    assert ended != ["one"]
"""
    pytester.makepyfile(test_own=f"{account}\n{test}\n")
    result = run("test_own.py", *[f"--pagesmoke={name}={serve({}).url}" for name in targets])
    assert verdicts(result) == said
    assert result.ret == ("BROKEN" in said.values())
    result.stdout.fnmatch_lines(["*1 rerun*"])
    # The end of it is one more: the test behind it has an outcome of its own.
    judged = {"another-target": 1, "another-test": 2, "the-same-test": 1}[request.node.callspec.id] + (
        "BROKEN" in said.values()
    )
    result.stdout.fnmatch_lines([f"one *{said['one']} *{judged - (said['one'] == 'BROKEN')}/{judged} *"])


def test_of_a_fixture_that_is_none_of_ours_the_test_before_it_is_told(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.fixture(scope="module")
        def files():
            yield
            assert False
        def test_a_own(pagesmoke_target, files): pass
        def test_b_plain(): pass
        """
    )
    result = run("test_own.py", f"--pagesmoke=x={serve({}).url}")
    result.assert_outcomes(passed=2, errors=1)
    assert verdicts(result) == {"x": "GOOD"}  # nothing of that site: it is no worse for a folder that stays


def test_behind_a_check_its_traceback_ends_in_the_users_file(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    (pytester.path / "pagesmoke.toml").write_text('pages = ["/"]')
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.fixture(scope="session")
        def account(pagesmoke_client_factory, pagesmoke_target):
            client = pagesmoke_client_factory(pagesmoke_target)
            yield
            client.get("/account").raise_for_status()
        def test_own(account): pass
        """
    )
    result = run(f"--pagesmoke=x={serve(GOOD_SITE).url}")
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_page*",
            ">       client.get(*",
            "test_own.py:6: *",
            "*last request*",
            "  asked     GET *",
        ]
    )
    result.stdout.no_fnmatch_line("*_models.py*")


# What may be undone on production.

DELETE = """
import httpx, pytest
from pytest_pagesmoke import WriteRefused

def delete(client, when):
    with open("said", "a") as file:
        try: client.delete("/x")
        except (httpx.ConnectError, WriteRefused) as error: print(when, type(error).__name__, file=file)
"""


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens: what is sent there ends in a ConnectError."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


def said(pytester: pytest.Pytester) -> list[tuple[str, str]]:
    """What came of each `delete`: when, and the exception."""
    lines = (pytester.path / "said").read_text().splitlines()
    return [(when, error) for when, error in map(str.split, lines)]


def production(*names: str, url: str) -> str:
    return "".join(f'[targets.{name}]\nurl = "{url}"\nkind = "production"\n' for name in names)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--pagesmoke-allow-writes"], "begins ConnectError marked ConnectError unmarked WriteRefused narrow WriteRefused ends ConnectError"),
        (["--pagesmoke-allow-writes", "-k", "test_b"], "begins WriteRefused unmarked WriteRefused narrow WriteRefused ends WriteRefused"),
        ([], "begins WriteRefused unmarked WriteRefused narrow WriteRefused ends WriteRefused"),
    ],
    ids=["allowed", "none-is-marked", "not-allowed"],
)  # fmt: skip
def test_what_a_fixture_wrote_it_can_undo(
    pytester: pytest.Pytester, run: Pytest, nobody: str, options: list[str], expected: str
) -> None:
    """Whichever test is the last; but a test that is not marked, and its own fixtures, write nothing."""
    account = """
@pytest.fixture(scope="session")
def account(pagesmoke_client_factory, pagesmoke_target):
    client = pagesmoke_client_factory(pagesmoke_target)
    delete(client, "begins")
    yield client
    delete(client, "ends")

@pytest.fixture
def narrow(account):
    yield
    delete(account, "narrow")

@pytest.mark.pagesmoke(writes=True)
def test_a_writes(account): delete(account, "marked")

def test_b_does_not(account, narrow): delete(account, "unmarked")
"""
    pytester.makepyfile(test_own=DELETE + account)
    (pytester.path / "pagesmoke.toml").write_text(production("x", url=nobody))
    run("test_own.py", "--pagesmoke=x", *options)
    assert " ".join(map(" ".join, said(pytester))) == expected


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_it_undoes_what_was_written_and_no_other_does(
    pytester: pytest.Pytester, run: Pytest, nobody: str, workers: tuple[str, ...]
) -> None:
    """It was set up for a test that may write. It ends in the set-up of a test for another target that may not; the other way
    round, a fixture of a test that is not marked does not write, though its client has, and though the test behind which it ends may."""
    booking = """
@pytest.fixture(scope="session")
def booking(pagesmoke_client_factory, pagesmoke_target):
    client = pagesmoke_client_factory(pagesmoke_target)
    delete(client, "booked")
    yield client
    delete(client, "undone")

@pytest.fixture(scope="module")
def other(booking):
    yield
    delete(booking, "other")

@pytest.mark.pagesmoke(writes=True, only_on="one")
def test_a_books(booking): delete(booking, "marked")

def test_b_plain(other): pass

@pytest.mark.pagesmoke(writes=True)
def test_c_last(pagesmoke_target): pass
"""
    pytester.makepyfile(test_own=DELETE + booking)
    (pytester.path / "pagesmoke.toml").write_text(production("one", "two", url=nobody))
    run("test_own.py", "--pagesmoke=one", "--pagesmoke=two", "--pagesmoke-allow-writes", *workers)
    found = said(pytester)
    assert found[0] == ("booked", "ConnectError")
    assert ("marked", "ConnectError") in found
    assert {error for when, error in found if when == "other"} == {"WriteRefused"}
    assert [error for when, error in found if when == "undone"] == ["ConnectError", "WriteRefused"]


# What else ends: a worker, a process, a test whose thread goes on.


@pytest.mark.parametrize("when", ["call", "teardown"])
def test_a_worker_that_crashed_is_no_pass(pytester: pytest.Pytester, serve: Serve, run: Pytest, when: str) -> None:
    pytester.makepyfile(
        test_own=f"""
        import os, pytest
        @pytest.fixture
        def crashing():
            yield
            "{when}" == "teardown" and os._exit(3)
        def test_crash(pagesmoke_target, crashing): "{when}" == "call" and os._exit(3)
        def test_other(pagesmoke_target): pass
        """
    )
    result = run("test_own.py", f"--pagesmoke=x={serve({}).url}", "-n", "2")
    assert result.ret == 1
    assert verdicts(result) == {"x": "INCOMPLETE" if when == "call" else "BROKEN"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told_that_nobody_answers_in_it(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """The thread that asks is not in it, nor is any deadline."""
    pytester.makepyfile(
        test_own="""
        import multiprocessing
        def test_own(pagesmoke_client):
            pagesmoke_client.get("/")
            child = multiprocessing.get_context("fork").Process(target=pagesmoke_client.get, args=("/",))
            child.start()
            child.join(20)
            assert child.exitcode == 1
        """
    )
    result = run("test_own.py", f"--pagesmoke=x={serve({'*': Reply(200)}).url}", "-s")
    result.assert_outcomes(passed=1)
    assert "RuntimeError: this is another process, forked" in result.stderr.str() + result.stdout.str()


def test_what_a_thread_of_an_earlier_test_asks_is_not_shown(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makepyfile(
        test_own="""
        import threading
        release, threads = threading.Event(), []
        def test_a_leaves(pagesmoke_client_factory, pagesmoke_target):
            client, begun = pagesmoke_client_factory(pagesmoke_target), threading.Event()
            def body():
                begun.set()
                release.wait(20)
                yield b""
            threads.append(threading.Thread(target=lambda: client.request("GET", "/late", content=body())))
            threads[0].start()
            assert begun.wait(20)
        def test_b_fails(pagesmoke_client):
            pagesmoke_client.get("/mine")
            release.set()
            threads[0].join(20)
            assert False
        """
    )
    result = run("test_own.py", f"--pagesmoke=x={serve({}).url}")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  asked     GET *"])
    assert "/late" not in "".join(line for line in result.outlines if "asked" in line or "repeat" in line)


def test_secrets_wherever_a_report_shows_them(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    """Reached without a client; as what a subtest was given, a property, a reason; in a module that cannot be collected."""
    pytester.makeconftest(
        f"""
        import pytest
        @pytest.fixture(scope="session")
        def pagesmoke_headers(): return {{"Authorization": "Bearer {SECRET[::-1]}"}}
        @pytest.fixture(scope="session")
        def token(pagesmoke_headers): return pagesmoke_headers["Authorization"]
        """
    )
    pytester.makepyfile(
        test_own="""
        import os, pytest
        def test_without_a_client(token, pagesmoke_target): assert token == "no"
        def test_plain(token): assert token == "no"
        def test_subtests(pagesmoke_target, subtests):
            with subtests.test(msg="with " + os.environ["TOKEN"], token=os.environ["TOKEN"]): assert False
        def test_property(pagesmoke_target, record_property):
            record_property("token", os.environ["TOKEN"])
            assert False
        def test_xfail(pagesmoke_target): pytest.xfail("with " + os.environ["TOKEN"])
        """,
        test_import='import os\nraise ImportError(os.environ["TOKEN"])',
        test_broken='import os\nassert os.environ["TOKEN"] == "no", os.environ["TOKEN"]',
    )
    (pytester.path / "pagesmoke.toml").write_text(
        f'[targets.x]\nurl = "{serve({}).url}"\nheaders = {{ Authorization = "Bearer ${{TOKEN}}" }}'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", SECRET)
        result = run_both(
            "--pagesmoke=x",
            "test_own.py",
            "test_broken.py",
            "test_import.py",
            "-rA",
            "--junitxml=j.xml",
            "--continue-on-collection-errors",
        )
    shown = result.stdout.str() + (pytester.path / "j.xml").read_text()
    assert shown.count("***") > 6
    for secret in (SECRET, SECRET[::-1]):
        assert not [at for at in range(len(secret) - 11) if secret[at : at + 12] in shown]
