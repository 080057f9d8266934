"""`--pagesmoke-report` and `--pagesmoke-replay`, from end to end."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from kit import GOOD_SITE, HOME, Pytest, Reply, Serve, Site, by_mapping
from pytest_pagesmoke.plugin.reporting import report_files
from reports import outcomes, valid, without_what_varies

BROKEN = {**GOOD_SITE, "/login": Reply(404), "/api/health/status": Reply.json('{"status":"ok","db":false}')}
OWN = """
import pytest
def test_one(pagesmoke_client): assert pagesmoke_client.get("/").status_code == 200
def test_two(pagesmoke_target): pytest.skip("not now")
def test_three(pagesmoke_client): assert pagesmoke_client.get("/").text == "no"
"""


def read(pytester: pytest.Pytester, name: str = "report.json") -> Any:
    return valid((pytester.path / name).read_text())


def test_a_plain_run_and_two_workers_report_the_same(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """Two targets, the build output, tests of the project's own, among them one that is skipped and one that cannot be asked."""
    pytester.makepyfile(OWN)
    pytester.makeconftest(
        """
        from pathlib import Path
        def pytest_sessionfinish(session):  # before the controller hears that this one is done
            if hasattr(session.config, "workerinput"):
                Path(f"report-was-there-{Path('xdist.json').exists()}").touch()
        """
    )
    (pytester.mkdir("dist") / "index.html").write_text(HOME)
    good, broken = serve(GOOD_SITE), serve(BROKEN)
    what = (f"--pagesmoke=new={broken.url}", "--pagesmoke=dist", f"--pagesmoke=old={good.url}")
    assert run(*what, "--pagesmoke-report=plain.json").ret == 1
    asked = len(good.asked), len(broken.asked)
    assert run(*what, "--pagesmoke-report=xdist.json", "-n", "2").ret == 1
    assert (len(good.asked), len(broken.asked)) == (2 * asked[0], 2 * asked[1])
    plain, xdist = read(pytester, "plain.json"), read(pytester, "xdist.json")
    assert without_what_varies(plain) == without_what_varies(xdist)
    assert plain["verdict"] == "broken"
    assert plain["dist"]["verdict"] == "broken"
    assert [target["name"] for target in plain["targets"]] == ["new", "old"]
    assert outcomes({"targets": plain["targets"][:1]}) == {
        "test_page[new-/]": "passed",
        "test_page[new-/login]": "failed",
        "test_health[new-/api/health/status]": "failed",
        "test_asset[new-/static/app.js]": "passed",
        "test_one[new]": "passed",
        "test_two[new]": "skipped",
        "test_three[new]": "failed",
    }
    workers = {check["xdist_worker"] for target in xdist["targets"] for check in target["checks"]}
    assert workers <= {"gw0", "gw1"}
    assert workers
    health = next(check for check in plain["targets"][0]["checks"] if check["test"] == "test_health")
    assert (health["rule"], health["actual"]) == ("health-unhealthy", "db: false")
    assert health["headers"] == {"content-type": "application/json"}
    seen = plain["targets"][0]["observations"][health["observations"][0]]
    assert seen["body"] == BROKEN["/api/health/status"].body
    login = next(check for check in plain["targets"][0]["checks"] if check["path"] == "/login")
    asked_for = [plain["targets"][0]["observations"][index]["path"] for index in login["observations"]]
    assert asked_for == ["/login", "/pagesmoke-no-such-page", "/pagesmoke-none-such-either"]  # its own question first
    assert {file.name for file in pytester.path.glob("report-was-there-*")} == {"report-was-there-False"}


def test_it_is_written_after_minus_x_with_what_never_ran(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest
) -> None:
    (pytester.path / "pagesmoke.toml").write_text("answers = [" + ",".join(f'"/{i}"' for i in range(12)) + "]")
    result = run_both("-x", f"--pagesmoke=site={serve({}).url}", "--pagesmoke-report=report.json")
    assert result.ret != 0
    document = read(pytester)
    assert document["verdict"] == "broken"
    assert document["settings"] == "pagesmoke.toml"
    assert [*outcomes(document)] == [f"test_answer[site-/{i}]" for i in range(12)]
    assert {*outcomes(document).values()} == {"failed", "not-run"}
    last = document["targets"][0]["checks"][-1]
    assert (last["outcome"], last["attempts"], last["observations"], last["elapsed_s"]) == ("not-run", 0, [], None)


def test_it_is_written_after_an_interruption(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makeconftest(
        """
        def pytest_runtest_logreport(report):
            if "test_health" in report.nodeid and report.when == "setup":
                raise KeyboardInterrupt
        """
    )
    assert (
        run(f"--base-url={serve(GOOD_SITE).url}", "--pagesmoke-report=report.json").ret == pytest.ExitCode.INTERRUPTED
    )
    document = read(pytester)
    assert document["verdict"] == "incomplete"
    assert [*outcomes(document).values()] == ["passed", "passed", "not-run", "not-run"]


def test_what_could_not_be_collected_did_not_run(pytester: pytest.Pytester, serve: Serve) -> None:
    pytester.makepyfile(test_bad="import no_such_module")
    result = pytester.runpytest_inprocess(f"--pagesmoke=site={serve(GOOD_SITE).url}", "--pagesmoke-report=report.json")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    (target,) = read(pytester)["targets"]
    assert target["verdict"] == "incomplete"
    left = {check["id"]: (check["test"], check["outcome"], check["actual"]) for check in target["checks"]}
    assert left["test_bad.py"] == ("user", "not-run", "it could not be collected")


def test_over_what_a_process_ended_did_not_run(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    pytester.makepyfile(test_own="import os\ndef test_crash(pagesmoke_target): os._exit(1)")
    assert run(f"--pagesmoke=site={serve(GOOD_SITE).url}", "--pagesmoke-report=report.json", "-n", "1").ret == 1
    (target,) = read(pytester)["targets"]
    left = {check["id"]: (check["test"], check["outcome"], check["actual"]) for check in target["checks"]}
    assert left["test_own.py::test_crash[site]"] == ("user", "not-run", "its process ended over it")


def test_where_workers_ask_for_themselves_theirs_is_in_it(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    result = run(f"--pagesmoke=site={serve(BROKEN).url}", "--dist=each", "-n", "2", "--pagesmoke-report=report.json")
    assert result.ret == 1
    (target,) = read(pytester)["targets"]
    health = next(check for check in target["checks"] if check["test"] == "test_health")
    assert target["observations"][health["observations"][0]]["body"] == BROKEN["/api/health/status"].body
    assert all(check["observations"] for check in target["checks"])


def test_of_a_run_that_waited_it_holds_the_last_round(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    (pytester.path / "pagesmoke.toml").write_text('answers = [{ path = "/api", contains = "ready" }]')
    times = itertools.count(1)
    good = by_mapping(GOOD_SITE)
    site = serve(lambda path: Reply(200, f"no {next(times)}") if path == "/api" else good(path))
    assert run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=2", "--pagesmoke-report=report.json").ret == 1
    (target,) = read(pytester)["targets"]
    (check,) = target["checks"]
    assert check["attempts"] > 1
    assert check["given_up"] == "the time was up"
    assert target["observations"][check["observations"][0]]["body"] == f"no {next(times) - 1}"


@pytest.mark.usefixtures("scaled")
def test_a_run_that_waited_has_large_bodies_whole(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """As any run has (of what was judged, only the beginning is kept where no report may want more)."""
    (pytester.path / "pagesmoke.toml").write_text('pages = ["/large"]')
    large = Reply.html(f"<h1>Large</h1><p>{'word ' * 20_000}</p>")
    site = serve({**GOOD_SITE, "/large": large})
    assert run(f"--pagesmoke=site={site.url}", "--pagesmoke-settle=60", "--pagesmoke-report=report.json").ret == 0
    (target,) = read(pytester)["targets"]
    assert large.body in [seen["body"] for seen in target["observations"]]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--pagesmoke-report=a.html"], "*--pagesmoke-report=a.html: takes a file whose name ends in .json or .md*"),
        (["--pagesmoke-report=none/a.json"], "*--pagesmoke-report=none/a.json: there is no folder *none"),
        (["--pagesmoke-replay=r.json"], "*--pagesmoke-replay judges what an earlier run saw, *: leave out --pagesmoke"),
    ],
)
def test_what_is_set_up_wrongly_is_said_before_anything_is_asked(
    pytester: pytest.Pytester, serve: Serve, args: list[str], said: str
) -> None:
    site = serve(GOOD_SITE)
    result = pytester.runpytest_inprocess(f"--pagesmoke={site.url}", *args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert site.asked == []


def test_a_report_that_cannot_be_written_is_no_green(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    folder = pytester.mkdir("out")
    pytester.makepyfile(f"def test_own():\n    import shutil\n    shutil.rmtree({str(folder)!r})")
    result = run(f"--pagesmoke={serve(GOOD_SITE).url}", "--pagesmoke-report=out/a.json", "--pagesmoke-report=b.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["report * could not be written: *a.json: No such file or directory"])
    read(pytester, "b.json")
    assert not [*pytester.path.glob(".*.json*")]


COOKIE, TOKEN, PASSWORD, LAID_OVER = "c00kie+/ =&<x>", "t0ken-of-access", "hunter2/secret", "laid-over-secret"


def test_no_secret_stands_in_it(
    pytester: pytest.Pytester, serve: Serve, run_both: Pytest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that gives back all that it gets, in every way: a debug page."""
    asked: list[Site] = []
    secrets = [COOKIE, TOKEN, PASSWORD, LAID_OVER, "anything-of-the-environment"]
    forms = [
        form
        for secret in (*secrets, f"user:{PASSWORD}")
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
    ]

    def respond(_path: str) -> Reply:
        sent = "\n".join(f"{name}: {value}" for name, value in asked[0].asked[-1][2].items())
        body = f"<h1>Debug</h1><pre>{sent}\n{' '.join(forms)}</pre>"
        return Reply.html(body, 500, x_echo=" ".join(forms), set_cookie="sid=sid-of-the-site")

    site = serve(respond)
    asked.append(site)
    monkeypatch.setenv("ANY", "anything-of-the-environment")
    monkeypatch.setenv("TOKEN", TOKEN)
    (pytester.path / "pagesmoke.toml").write_text(
        f"""
        pages = ["/", "/login"]
        answers = [{{ path = "/a", contains = "${{ANY}}" }}]
        [targets.site]
        url = "{site.url}"
        headers = {{ X-Any = "${{ANY}}", CF-Access-Client-Id = "{TOKEN}", CF-Access-Client-Secret = "${{TOKEN}}", Cookie = "a={COOKIE}" }}
        """
    )
    pytester.makeconftest(
        f"import pytest\n@pytest.fixture(scope='session')\ndef pagesmoke_headers(): return {{'X-Api-Key': {LAID_OVER!r}}}"
    )
    pytester.makepyfile(
        f"""
        import pytest
        @pytest.mark.parametrize("given", [{TOKEN!r}])
        def test_own(pagesmoke_client, given):
            text = pagesmoke_client.get("/").text
            assert text == given
        """
    )
    address = site.url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@")
    result = run_both("--pagesmoke=site", f"--pagesmoke=other={address}", "--pagesmoke-report=report.json")
    assert result.ret == 1
    said = (pytester.path / "report.json").read_text()
    valid(said)
    plain = json.dumps(json.loads(said), ensure_ascii=False)
    assert [form for form in forms if form.rstrip("=") in said or form.rstrip("=") in plain] == []
    assert "sid-of-the-site" not in said
    assert "***" in said


def replayed(pytester: pytest.Pytester, serve: Serve, run: Pytest, replies: Any) -> Site:
    """A site, and report.json of it. (`Any`: as `serve` takes it.)"""
    site = serve(replies)
    run(f"--pagesmoke=site={site.url}", "--pagesmoke-report=report.json")
    read(pytester)
    site.asked.clear()
    return site


def test_a_replay_judges_by_todays_settings_and_asks_nothing(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    """Plain and with two workers; what the report does not hold is skipped, and no green."""
    site = replayed(pytester, serve, run, GOOD_SITE)
    pytester.makepyfile(OWN)
    (pytester.path / "pagesmoke.toml").write_text(
        """
        pages = ["/", { path = "/login", contains = "Log out" }, "/new"]
        user_agent = "us/${NOT_SET_HERE}"
        ca_file = "not-here.pem"
        [targets.site]
        url = "https://www.example.com"
        headers = { Authorization = "Bearer ${NOT_SET_HERE}" }
        ca_file = "${NOT_SET_HERE}"
        """
    )
    before = (pytester.path / "report.json").read_text()
    reports = []
    for workers in ([], ["-n", "2"]):
        result = run("--pagesmoke-replay=report.json", "--pagesmoke-report=again.json", *workers)
        assert result.ret == 1
        result.assert_outcomes(passed=1, failed=1, skipped=4)
        started = json.loads(before)["started"]
        result.stdout.fnmatch_lines(
            [
                "page-content: expected a page with 'Log out', got *",
                "  repeat *curl *",
                f"site * {site.url} * BROKEN *",
                f"replay    report.json of {started[:10]} {started[11:16]} UTC, of a run that was GOOD: nothing was asked",
                "skipped   pagesmoke.toml::test_page[[]site-/new]: the report holds no answer to GET /new",
                "verify    pytest pagesmoke.toml --pagesmoke-replay=report.json",
            ]
        )
        reports.append(read(pytester, "again.json"))
    assert site.asked == []
    assert (pytester.path / "report.json").read_text() == before
    plain, xdist = map(without_what_varies, reports)
    assert plain == xdist
    assert plain["replay_of"] == "report.json"
    new = next(check for check in plain["targets"][0]["checks"] if check["path"] == "/new")
    assert (new["outcome"], new["actual"]) == ("skipped", "the report holds no answer to GET /new")


def test_a_replay_judges_a_target_as_it_was_judged_then(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    """By the settings of the target that it was, or of none: not by whatever has its name."""
    site = serve({"/": GOOD_SITE["/"]})
    settings = pytester.path / "pagesmoke.toml"
    good, bad = 'pages = ["/"]', 'pages = ["/missing"]'
    for own, of_all, given in (
        # By its address alone it is none of the targets, though it is called as one.
        (good, bad, f"--base-url={site.url}"),
        (bad, good, f"--pagesmoke=local={site.url}"),
    ):
        settings.write_text(f"{of_all}\n[targets.local]\nurl = 'http://localhost:1'\n{own}")
        for args in ([given, "--pagesmoke-report=report.json"], ["--pagesmoke-replay=report.json"]):
            result = run(*args)
            assert result.ret == 1
            result.stdout.fnmatch_lines(["local * BROKEN *"])


def test_a_replay_of_what_the_report_does_not_hold_is_no_green(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    site = replayed(pytester, serve, run, GOOD_SITE)
    settings = pytester.path / "pagesmoke.toml"
    settings.write_text('pages = ["/", "/new"]')
    result = pytester.runpytest_inprocess("--pagesmoke-replay=report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["site * INCOMPLETE *"])
    settings.write_text('pages = ["/new"]')
    result = pytester.runpytest_inprocess("--pagesmoke-replay=report.json")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["site * INCOMPLETE *"])
    assert site.asked == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "*--pagesmoke-replay=r.json: cannot be read: No such file or directory"),
        (b"\xff", "*--pagesmoke-replay=r.json: is no text"),
        (
            b'{"schema": 2}',
            "*--pagesmoke-replay=r.json: has schema 2, and this version knows 1: update pytest-pagesmoke",
        ),
    ],
)
def test_what_is_no_report_is_a_usage_error(pytester: pytest.Pytester, content: bytes | None, said: str) -> None:
    if content is not None:
        (pytester.path / "r.json").write_bytes(content)
    result = pytester.runpytest_inprocess("--pagesmoke-replay=r.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--pagesmoke-replay="], "*--pagesmoke-replay is empty*"),
        (["--pagesmoke-replay=r.json", "--base-url=http://127.0.0.1:1"], "*leave out --base-url"),
        (["--pagesmoke-replay=r.json", "--pagesmoke-settle=5"], "*leave out --pagesmoke-settle"),
        (["--pagesmoke-replay=r.json", "--pagesmoke-same-as=http://127.0.0.1:1"], "*leave out --pagesmoke-same-as"),
        (["--pagesmoke-replay=r.json", "--pagesmoke-init"], "*leave out --pagesmoke-init"),
        (
            ["--pagesmoke-replay=r.json", "--pagesmoke-report=./x/../r.json"],
            "*would write over the report that --pagesmoke-replay reads",
        ),
        (
            ["--base-url=http://127.0.0.1:1", "--pagesmoke-same-as=r.json", "--pagesmoke-report=link.json"],
            "*would write over the report that --pagesmoke-same-as reads",
        ),
        (["--pagesmoke-report=r.json"], "*--pagesmoke-report is about a site, and none is named*"),
        (["--pagesmoke=http://127.0.0.1:1", "--pagesmoke-report=x.json"], "*--pagesmoke-report=x.json: is a folder"),
        (["--pagesmoke=http://127.0.0.1:1", "--pagesmoke-report=r.html"], "*--pagesmoke-report=r.html: takes a file *"),
    ],
)
def test_what_does_not_go_together(pytester: pytest.Pytester, args: list[str], said: str) -> None:
    (pytester.path / "r.json").write_text("{}")
    (pytester.path / "link.json").symlink_to("r.json")
    pytester.mkdir("x.json")
    pytester.mkdir("x")
    result = pytester.runpytest_inprocess(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert (pytester.path / "r.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "a\0.json"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(pytest.UsageError, match=r"nothing can be written there: (File name too long|embedded null)"):
        report_files([name], tmp_path)


def test_the_longest_name(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    name = "x" * 250 + ".json"
    assert run(f"--pagesmoke=site={serve(GOOD_SITE).url}", f"--pagesmoke-report={name}").ret == 0
    read(pytester, name)


def test_a_report_that_an_editor_has_put_a_mark_before(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    replayed(pytester, serve, run, GOOD_SITE)
    file = pytester.path / "report.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert run("--pagesmoke-replay=report.json").ret == 0


def test_a_replay_says_what_the_run_said_by_what_is_not_judged_again(
    pytester: pytest.Pytester, serve: Serve, run: Pytest
) -> None:
    pytester.makepyfile("def test_own(pagesmoke_target): assert 0")
    replayed(pytester, serve, run, GOOD_SITE)
    next(pytester.path.glob("test_*.py")).unlink()
    result = run("--pagesmoke-replay=report.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "replay    report.json of *, of a run that was BROKEN: nothing was asked",
            "          failed then, and not judged again: 1 of tests of your own",
        ]
    )


def test_a_symbolic_link_stays_one(pytester: pytest.Pytester, serve: Serve, run: Pytest) -> None:
    (pytester.path / "kept").mkdir()
    link = pytester.path / "report.json"
    link.symlink_to("kept/first.json")
    run(f"--base-url={serve(GOOD_SITE).url}", "--pagesmoke-report=report.json")
    assert link.is_symlink()
    read(pytester, "kept/first.json")


def test_a_folder_that_takes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this may be allowed everything."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(pytest.UsageError, match="nothing can be written to the folder"):
        report_files(["a.json"], tmp_path)


def test_a_file_that_is_named_twice_is_written_once(tmp_path: Path) -> None:
    assert report_files(["a.json", "./a.json"], tmp_path) == [tmp_path / "a.json"]


def test_in_addopts_they_stand_for_runs_that_have_something_to_check(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = --pagesmoke-report=none/report.json --pagesmoke-settle=5")
    pytester.makepyfile("def test_own(): pass")
    assert pytester.runpytest_inprocess().ret == 0
    result = pytester.runpytest_inprocess("--pagesmoke-replay=r.json", "-o", "addopts=--pagesmoke-settle=5")
    result.stderr.fnmatch_lines(["*--pagesmoke-replay=r.json: cannot be read*"])


def test_where_tests_are_only_listed_nothing_is_written(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "--collect-only", "--pagesmoke=http://127.0.0.1:1", "--pagesmoke-report=a.json"
    )
    assert result.ret == 0
    assert not (pytester.path / "a.json").exists()
