"""What a run keeps out of the garbage collector's sight, and until when."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import GOOD_SITE, Pytest, Serve

#: Notes how many objects are out of sight: at moments of the run, and whenever somebody collects garbage.
NOTES = """
    import atexit, gc
    from pathlib import Path

    def note(moment):
        with Path("noted").open("a") as file:
            print(moment, gc.get_freeze_count(), file=file)

    collect = gc.collect
    def noted(*args):
        note("collect")
        return collect(*args)
    gc.collect = noted
    atexit.register(note, "end")
    def pytest_plugin_registered(plugin_name):
        if plugin_name == "pagesmoke-active": note("made while " + ("enabled" if gc.isenabled() else "disabled"))
    def pytest_sessionstart(): note("start while " + ("enabled" if gc.isenabled() else "disabled"))
    def pytest_runtest_call(): note("call")
"""


def noted(folder: Path) -> dict[str, list[int]]:
    """How many objects were out of sight, by the moments."""
    found: dict[str, list[int]] = {}
    for line in (folder / "noted").read_text().splitlines():
        moment, _, count = line.rpartition(" ")
        found.setdefault(moment, []).append(int(count))
    return found


def test_what_stays_is_out_of_sight_until_pytest_has_cleaned_up(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makeconftest(NOTES)
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)
    seen = noted(pytester.path)
    [start], (before, *cleaning_up) = seen["start while enabled"], seen["collect"]
    assert 10_000 < start < min(seen["call"])  # what was collected, too
    assert min(before, *cleaning_up) > 10_000
    assert "made while disabled" in seen  # what is made and stays is no reason to look for garbage
    assert seen["end"] == [0]


def test_a_set_up_that_fails_leaves_nothing_out_of_sight(pytester: pytest.Pytester, run: Pytest) -> None:
    pytester.makeconftest(NOTES + "    def pytest_unconfigure(): note('last' if gc.isenabled() else 'disabled')\n")
    assert run("--base-url=none").ret == pytest.ExitCode.USAGE_ERROR
    seen = noted(pytester.path)
    assert seen["end"] == [0]
    assert "disabled" not in seen


@pytest.mark.parametrize("args", [(), ("-W", "error")])
def test_what_was_let_go_before_is_heard_of(
    pytester: pytest.Pytester, serve: Serve, run: Pytest, args: tuple[str, ...]
) -> None:
    """By pytest's own means: where a project says so, it is an error."""
    pytester.makeconftest(
        """
        class LetGo:
            def __init__(self): self.itself = self
            def __del__(self): raise ValueError("not closed")
        def pytest_collection_modifyitems(): LetGo()
        """
    )
    result = run(f"--base-url={serve(GOOD_SITE).url}", *args)
    result.stdout.fnmatch_lines(["*PytestUnraisableExceptionWarning: Exception ignored in*LetGo.__del__*"])
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if args else pytest.ExitCode.OK)


def test_a_project_s_test_sees_what_is_let_go(pytester: pytest.Pytester, serve: Serve, run_both: Pytest) -> None:
    pytester.makeconftest("class Kept: pass\nkept = Kept()\nkept.itself = kept")
    pytester.makepyfile(
        """
        import gc, weakref
        import conftest
        def test_own(pagesmoke_target):
            known = weakref.ref(conftest.kept)
            del conftest.kept
            gc.collect()
            assert known() is None
        """
    )
    run_both(
        f"--base-url={serve(GOOD_SITE).url}", "test_a_project_s_test_sees_what_is_let_go.py", "pagesmoke.toml"
    ).assert_outcomes(passed=5)


def test_what_others_keep_out_of_sight_stays_there(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(NOTES + "    gc.freeze()\n    note('frozen')\n")
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)
    seen = noted(pytester.path)
    [frozen], [end] = seen["frozen"], seen["end"]
    assert frozen >= max(seen["call"]) >= end > 0  # one by one they go, when nobody refers to them


def test_who_collects_no_garbage_does_not_begin_to(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(NOTES + "    gc.disable()\n")
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)
    assert {*noted(pytester.path)["call"]} == {0}


def test_what_a_plugin_has_not_closed_is_written_when_python_ends(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """What hangs on pytest's configuration is let go at the very end, and by no decision of ours that it stays."""
    pytester.makeconftest(
        """
        class Log:
            def __init__(self): self.file = open("log.csv", "w")
            def pytest_runtest_logreport(self, report): print(report.when, file=self.file)
        def pytest_configure(config): config.pluginmanager.register(Log())
        """
    )
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)
    assert (pytester.path / "log.csv").read_text().split() == ["setup", "call", "teardown"] * 4


def test_a_python_that_keeps_nothing_out_of_sight(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """PyPy, for one."""
    pytester.makeconftest("import gc\ndel gc.freeze, gc.unfreeze, gc.get_freeze_count")
    run(f"--base-url={serve(GOOD_SITE).url}").assert_outcomes(passed=4)
