"""`--pagesmoke=@FILE`: the deployment that wrangler recorded, its commit, and what is no deployment."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from kit import GOOD_SITE, ROOT, Pytest, Reply, Serve

COMMIT = "5be8c75c0ffee0d15ea5e1234567890abcdef012"
BUILD = 'build = { path = "/version.json", json = "commit" }\npages = ["/"]\n'
SITE = {**GOOD_SITE, "/version.json": Reply.json(f'{{"commit":"{COMMIT}"}}')}
SESSION = {"type": "wrangler-session", "command_line_args": ["pages", "deploy", "dist"]}


def record(url: str, *, environment: str = "preview", commit: str = COMMIT, file: str = "out.ndjson") -> str:
    """Write what wrangler does; return the option that names it."""
    detailed = {
        "type": "pages-deploy-detailed",
        "url": url,
        "alias": "https://new.example.pages.dev",
        "environment": environment,
        "production_branch": "main",
        "deployment_trigger": {"metadata": {"commit_hash": commit}},
    }
    Path(file).write_text(f"{json.dumps(SESSION)}\n{json.dumps(detailed)}\n")
    return f"--pagesmoke=@{file}"


def settings(text: str) -> None:
    Path("pagesmoke.toml").write_text(text)


def test_what_was_deployed_is_checked(serve: Serve, run_both: Pytest) -> None:
    site = serve(SITE)
    result = run_both(record(site.url), "-v")
    assert result.ret == 0
    result.stdout.fnmatch_lines_random(
        ["*pagesmoke.toml::test_page[[]preview-/login[]]*", f"preview * {site.url} * GOOD *"]
    )
    assert "/version.json" not in site.paths  # no settings say where the build is told


def test_it_must_be_the_commit_that_was_deployed(serve: Serve, run_both: Pytest) -> None:
    settings(BUILD)
    url = serve(SITE).url
    result = run_both(record(url))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["target * build  pages  time", "preview * GOOD *1/1 *1/1 *"])

    result = run_both(record(url, commit="0" * 40))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"FAILED *test_build[[]preview-/version.json[]] - build-differs: expected build {'0' * 40}, *",
            "cause     wrong-build: *",
            "verify    pytest pagesmoke.toml --pagesmoke=preview=@out.ndjson",
        ]
    )


def test_a_commit_that_is_asked_for_comes_first(serve: Serve, run: Pytest) -> None:
    settings(BUILD)
    run(record(serve(SITE).url, commit="0" * 40), f"--pagesmoke-build={COMMIT}").assert_outcomes(passed=2)


def test_other_targets_are_not_asked_for_that_commit(serve: Serve, run: Pytest) -> None:
    settings(BUILD)
    url = serve(GOOD_SITE).url
    result = run(record(serve(SITE).url), f"--pagesmoke=old={url}")
    result.assert_outcomes(passed=3)


def test_the_command_to_verify_asks_for_each_build_again(serve: Serve, run: Pytest) -> None:
    settings(BUILD)
    wrong = [
        record(serve(SITE).url, commit=digit * 40, file=f"{name}.ndjson").replace("@", f"{name}=@")
        for name, digit in (("a", "1"), ("b", "2"))
    ]
    lost = f"--pagesmoke=old={serve({}).url}"
    result = run(*wrong, lost)
    result.assert_outcomes(passed=2, failed=3)
    verify = next(line for line in result.outlines if line.startswith("verify"))
    assert verify == f"verify    pytest pagesmoke.toml {' '.join(wrong)} {lost}"
    run(*verify.split()[2:]).assert_outcomes(passed=2, failed=3)


def test_a_report_knows_which_build_it_had_to_be(serve: Serve, run: Pytest) -> None:
    """Judged again it is red, or green, as it was; another commit can be asked for."""
    settings(BUILD)
    url = serve(SITE).url
    run(record(url, commit="0" * 40), "--pagesmoke-report=r.json").assert_outcomes(passed=1, failed=1)
    assert [one["build"] for one in json.loads(Path("r.json").read_text())["targets"]] == ["0" * 40]
    again = run("--pagesmoke-replay=r.json", "--pagesmoke-report=again.json")
    again.assert_outcomes(passed=1, failed=1)
    again.stdout.fnmatch_lines(["verify    pytest pagesmoke.toml --pagesmoke-replay=r.json"])
    run("--pagesmoke-replay=again.json").assert_outcomes(passed=1, failed=1)
    run("--pagesmoke-replay=r.json", f"--pagesmoke-build={COMMIT}").assert_outcomes(passed=2)

    run(record(url), "--pagesmoke-report=r.json").assert_outcomes(passed=2)
    run("--pagesmoke-replay=r.json").assert_outcomes(passed=2)
    run(f"--pagesmoke=x={url}", "--pagesmoke-report=r.json").assert_outcomes(passed=1)
    assert [one["build"] for one in json.loads(Path("r.json").read_text())["targets"]] == [None]
    run("--pagesmoke-replay=r.json").assert_outcomes(passed=1)


def test_a_report_of_a_version_that_did_not_know_it(serve: Serve, run: Pytest) -> None:
    settings(BUILD)
    run(record(serve(SITE).url, commit="0" * 40), "--pagesmoke-report=r.json")
    report = json.loads(Path("r.json").read_text())
    del report["targets"][0]["build"]
    Path("r.json").write_text(json.dumps(report))
    run("--pagesmoke-replay=r.json").stdout.fnmatch_lines(
        ["*failed then, and not judged again: 1 of the build (--pagesmoke-build=COMMIT asks for it again)"]
    )


def test_variables_of_a_build_are_needed_by_its_replay(
    serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(BUILD.replace('"commit"', '"${KEY}"'))
    monkeypatch.setenv("KEY", "commit")
    assert run(record(serve(SITE).url), "--pagesmoke-report=r.json").ret == 0
    assert run("--pagesmoke-replay=r.json").ret == 0
    monkeypatch.delenv("KEY")
    result = run("--pagesmoke-replay=r.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*build.json = *KEY is not set, or empty"])


@pytest.mark.parametrize("commit", ["", "not a hash"])
def test_without_a_commit_it_is_not_asked_for_and_that_is_said(serve: Serve, run: Pytest, commit: str) -> None:
    settings(BUILD)
    url, said = serve(SITE).url, "build     preview: wrangler recorded no commit, so it was not asked which build it is"
    result = run(record(url, commit=commit))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([said])
    run(record(url, commit=commit), f"--pagesmoke-build={COMMIT}").stdout.no_fnmatch_line(said)
    run(record(url)).stdout.no_fnmatch_line(said)
    settings('pages = ["/"]')
    run(record(url, commit=commit)).stdout.no_fnmatch_line(said)


def test_the_command_to_verify_runs_the_tests_that_failed(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """By its address the deployment would be of another kind, and tests for one kind be left out: green."""
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.pagesmoke(only_on="preview")
        def test_own(pagesmoke_client): assert pagesmoke_client.get("/").text == "no"
        """
    )
    settings('pages = ["/"]')
    url = serve(SITE).url
    result = run(record(url).replace("@", "new=@"))
    result.assert_outcomes(passed=1, failed=1)
    verify = next(line for line in result.outlines if line.startswith("verify"))
    assert verify == "verify    pytest --lf --pagesmoke=new=@out.ndjson"
    run(*verify.split()[2:]).assert_outcomes(failed=1)


def test_the_header_tells_what_was_recorded(serve: Serve, run: Pytest) -> None:
    """A file of yesterday is seen for what it is."""
    settings(BUILD)
    option = record(serve(SITE).url)
    file = Path("out.ndjson")
    file.write_text(
        file.read_text().replace('{"type": "pages', '{"timestamp": "2026-01-01T00:00:02.000Z", "type": "pages')
    )
    said = f"recorded by wrangler at 2026-01-01T00:00:02.000Z, for https://new.example.pages.dev, build {COMMIT}"
    run(option).stdout.fnmatch_lines([f"pagesmoke: preview http://* ({said})"])


def test_workers_take_what_the_controller_read(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """The file may be written to meanwhile, and be a pipe's, or on another machine."""
    pytester.makeconftest(
        """
        import pathlib
        def pytest_configure(config):
            if hasattr(config, "workerinput"): pathlib.Path("out.ndjson").unlink(missing_ok=True)
        """
    )
    settings(BUILD)
    run(record(serve(SITE).url), "-n", "2").assert_outcomes(passed=2)
    assert not Path("out.ndjson").exists()


def test_a_variable_of_the_build_is_needed_then(serve: Serve, run: Pytest) -> None:
    settings(BUILD.replace('"commit"', '"${NOT_SET}"'))
    url = serve(SITE).url
    run(f"--pagesmoke={url}").assert_outcomes(passed=1)
    result = run(record(url))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*build.json = *NOT_SET is not set, or empty"])


def test_the_token_for_access_goes_along(serve: Serve, run: Pytest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings have no address for the preview, one by a variable that is not set, or that of its branch: wrangler's file names it."""
    monkeypatch.setenv("CF_ACCESS_CLIENT_ID", "id.access")
    monkeypatch.setenv("CF_ACCESS_CLIENT_SECRET", "not-a-real-secret")
    site = serve(SITE)
    for url in ("", 'url = "${PREVIEW_URL}"\n', 'url = "https://new.example.pages.dev"\n'):
        settings(
            f"[targets.preview]\n{url}"
            'headers = { CF-Access-Client-Id = "${CF_ACCESS_CLIENT_ID}", CF-Access-Client-Secret = "${CF_ACCESS_CLIENT_SECRET}" }\n'
            'pages = ["/"]'
        )
        run(record(site.url)).assert_outcomes(passed=1)
    assert [headers["cf-access-client-secret"] for _, _, headers in site.asked] == ["not-a-real-secret"] * 3


def test_a_folder_stands_for_its_newest_file(serve: Serve, run_both: Pytest) -> None:
    Path("ci").mkdir()
    record("http://127.0.0.1:1", file="ci/wrangler-output-2026-11-28_09-00-00_000-ffffff.json")
    record(serve(SITE).url, file="ci/wrangler-output-2026-11-28_10-00-00_000-000000.json")
    assert run_both("--pagesmoke=@ci").ret == 0


@pytest.mark.parametrize("option", ["--pagesmoke=@ci/none", "--pagesmoke=new=@ci/none"])
def test_no_deployment_is_a_usage_error(run_both: Pytest, option: str) -> None:
    result = run_both(option, "--base-url=http://127.0.0.1:1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: pagesmoke: {option}: the deployment did not happen, or wrangler wrote elsewhere: there is no such *"]
    )


def test_what_a_record_holds_is_shown_harmlessly(run_both: Pytest) -> None:
    option = record("https://0a1b2c3d.example.pages.dev")
    file, alias = Path("out.ndjson"), "https://x\x1b[31m\n::error::pwn https://u:pw12345@h/?token=abcdefghijkl"
    text = file.read_text().replace('"https://new.example.pages.dev"', json.dumps(alias))
    file.write_text(text.replace('"production_branch": "main"', f'"production_branch": {json.dumps(alias)}'))
    for more in ((), ("--pagesmoke-init",)):
        said = run_both(option.replace("@", "production=@"), *more).stderr.str()
        assert "what wrangler deployed is preview" in said
        assert not {"\x1b", "pw12345", "abcdefghijkl"} & {*re.findall("\x1b|pw12345|abcdefghijkl", said)}
        assert not re.search("^::", said, re.MULTILINE)
    file.write_text(text.replace("0a1b2c3d.", "0a1b2c3d.\u202e"))
    said = run_both(option.replace("@", "new=@")).stderr.str()
    assert "has characters that no address can have" in said
    assert "\u202e" not in said


def test_what_wrangler_says_is_shown_harmlessly(run: Pytest) -> None:
    failed = {"type": "command-failed", "message": "\x1b[2J\n::error::x https://a.example/?access_token=abcdefghijkl"}
    Path("out").write_text(json.dumps(failed))
    said = run("--pagesmoke=@out").stderr.str()
    assert r"it failed: \x1b[2J\n::error::x https://a.example/?access_token=***" in said


def test_another_environment_is_a_usage_error(run: Pytest) -> None:
    option = record("https://0a1b2c3d.example.pages.dev").replace("@", "production=@")
    result = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            f"ERROR: pagesmoke: {option}: what wrangler deployed is preview, the branch of https://new.example.pages.dev, and not production: *"
        ]
    )


def test_a_deployment_can_be_pinned(serve: Serve, run: Pytest) -> None:
    """But for its address: the next one has another."""
    option = record(serve(SITE).url)
    assert run(option, "--pagesmoke-init").ret == 0
    written = Path("pagesmoke.toml").read_text()
    assert 'pages = ["/", "/login"]' in written
    assert "[targets" not in written
    assert run(option.replace("@", "preview=@")).ret == 0


def test_nothing_is_compared_with_a_file(run: Pytest) -> None:
    result = run("--base-url=http://127.0.0.1:1", "--pagesmoke-same-as=@out.ndjson")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--pagesmoke-same-as=@out.ndjson: is neither an address nor a known name*"])


CASES = ROOT / "tests" / "cases"


def test_the_case_of_records_that_nobody_expected(serve: Serve, run: Pytest) -> None:
    """A preview, though production was meant: the record tells, whatever stands beside it."""
    file = (CASES / "ci-output-file-records" / "output.ndjson").read_text()
    Path("out").write_text(file.replace("https://0a1b2c3d.example.pages.dev", serve(GOOD_SITE).url))
    result = run("--pagesmoke=@out")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["preview * GOOD *"])
    assert run("--pagesmoke=production=@out").ret == pytest.ExitCode.USAGE_ERROR


def test_the_case_of_an_upload_that_stopped_with_exit_status_0(run: Pytest) -> None:
    shutil.copy(CASES / "ci-wrangler-exit-0" / "output.ndjson", "out")
    result = run("--pagesmoke=@out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: pagesmoke: --pagesmoke=@out: the deployment did not happen, whatever wrangler's exit status was: *recorded none"
        ]
    )
