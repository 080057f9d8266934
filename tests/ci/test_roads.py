"""The examples for CI, each job and each of its steps, from the push to production: on shells, a build, a wrangler and sites that are real.

What is not is said where it stands in: tests/ci/machine.py (commands), tests/ci/cloudflare.py (Cloudflare).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from ci.cloudflare import ACCESS, API_TOKEN, Cloudflare
from ci.outcome import Outcome, Step, ran
from ci.roads import GitHub, Road

ON_PUSH = {"build": "success", "preview": "success", "promote": "success", "production": "success"}


def jobs(outcome: Outcome) -> Mapping[str, str]:
    """The jobs of the run, without those that are for other events."""
    others = ("environments", "after-rollback")
    return {job: result for job, result in outcome.jobs.items() if not job.startswith(others)}


def last_of(outcome: Outcome, job: str) -> Step:
    """The job's last step that is no action."""
    return [step for step in outcome.of(job) if not step.name.startswith("actions/")][-1]


def reports(files: list[Path]) -> dict[str, set[str]]:
    """By the reports' names the kinds that there are."""
    found: dict[str, set[str]] = {}
    for file in files:
        if file.parent.name.startswith("reports") and file.suffix != ".ndjson":
            found.setdefault(file.stem, set()).add(file.suffix)
    return found


def test_the_whole_road(road: Road, cloudflare: Cloudflare) -> None:
    pushed = road.push()
    kept = road.artefacts
    assert pushed.failed() == [], pushed.why()
    assert jobs(pushed) == ON_PUSH

    # What was built was deployed twice, and nothing was built in between.
    _, preview, production = cloudflare.deployments
    assert (preview.environment, production.environment) == ("preview", "production")
    assert preview.files == production.files
    assert {"/static/app.js", "/static/version.json", "/.well-known/security.txt"} <= set(production.files)
    assert production.has_worker
    assert preview.commit == production.commit == road.machine.commit
    assert json.loads(production.files["/static/version.json"]) == {"commit": road.machine.commit}

    # Production was the old build at first, and that was seen: each of these checks was made, and waited.
    (file,) = {file for file in kept if file.name == "production.json"}
    (target,) = json.loads(file.read_text())["targets"]
    (build,) = [check for check in target["checks"] if check["test"] == "test_build"]
    assert build["outcome"] == "passed"
    assert build["attempts"] > 1
    assert build["settled_after_s"] > 0

    each = {".xml", ".json", ".md"}
    promoted = "promoted" if isinstance(road, GitHub) else "promote"
    assert reports(kept) == dict.fromkeys(["dist", "local", "preview", promoted, "production"], each)
    assert all(ET.parse(file).find("testsuite") is not None for file in kept if file.suffix == ".xml")

    watched = road.schedule()
    assert watched.failed() == [], watched.why()
    assert reports(road.artefacts) == {"production": each, "staging": each}
    # What was not rolled back to is red, though it is what production serves, at an address that is good.
    first, *_, bad = cloudflare.deployments
    road.machine.settle_scale = 100  # it is red when the time is up, and not before
    (failed,) = [step for step in road.by_hand(bad.url, first.commit).steps if step.status]
    assert failed.status == 1
    assert f"build-differs: expected build {first.commit}" in failed.output
    road.machine.settle_scale = 1

    good = cloudflare.roll_back()
    by_hand = road.by_hand(good.url, good.commit)
    assert by_hand.failed() == [], by_hand.why()
    assert reports(road.artefacts) == {"rollback": each}

    assert road.machine.left_running() == []

    # Each step of each job has run, in each shape of a matrix.
    assert ran([pushed, watched, by_hand]) == road.all_steps()

    everything = road.machine.transcript + "".join(file.read_text() for file in [*kept, *road.artefacts])
    for secret in [*ACCESS.values(), API_TOKEN]:
        assert secret not in everything


def test_a_build_without_its_worker_is_not_deployed(road: Road, cloudflare: Cloudflare) -> None:
    """The outage: the build exits 0, and leaves `dist/` without what answers the pages."""
    configuration = road.machine.repository / "vite.config.js"
    configuration.write_text(configuration.read_text().replace("'_worker.js'", "'worker.js'"))
    road.machine.commit_all("A new name")
    pushed = road.push()
    assert jobs(pushed) == {**dict.fromkeys(ON_PUSH, "skipped"), "build": "failure"}
    step = last_of(pushed, "build")
    assert "--pagesmoke=dist" in step.name or step.name == "Smoke the build output"
    assert step.status == 1
    assert "worker-missing" in step.output
    assert len(cloudflare.deployments) == 1
    assert set(reports(road.artefacts)) == {"dist"}


def test_a_deployment_that_did_not_happen_stops_the_road(road: Road, cloudflare: Cloudflare) -> None:
    """wrangler's exit status is 0: the code of the API's refusal, of which the last byte is 0."""
    cloudflare.refuses_uploads = True
    pushed = road.push()
    assert jobs(pushed) == {"build": "success", "preview": "failure", "promote": "skipped", "production": "skipped"}
    (failed,) = [step for step in pushed.steps if step.status]
    assert failed == last_of(pushed, "preview")
    assert failed.status == 4
    assert "wrangler pages deploy" in road.machine.calls.read_text()
    assert len(cloudflare.deployments) == 1
    (record,) = {file for file in road.artefacts if file.suffix == ".ndjson"}
    written = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(one["type"], one.get("code")) for one in written] == [
        ("wrangler-session", None),
        ("command-failed", 8000000),
    ]


def test_an_unhealthy_production_is_red(road: Road, cloudflare: Cloudflare) -> None:
    """Where visitors are, and nowhere else: a binding that production lacks, say."""
    cloudflare.production_is_unhealthy = True
    road.machine.settle_scale = 100  # it is red when the time is up, and not before
    pushed = road.push()
    assert jobs(pushed) == {**ON_PUSH, "production": "failure"}
    step = last_of(pushed, "production")
    assert step.status == 1
    assert re.search(r"FAILED .*test_health.* health-status: expected 200, got 503", step.output)
    assert "production" in reports(road.artefacts)
    (summary,) = [file for file in road.artefacts if file.name == "production.md"]
    assert "BROKEN" in summary.read_text()
    if isinstance(road, GitHub):
        # Beside the log: one annotation, and the same summary, below those of the jobs before.
        assert step.output.splitlines()[-1].startswith("::error ")
        (page,) = [file for file in road.artefacts if file.name == "summary.md"]
        assert page.read_text().endswith(summary.read_text())
        assert page.read_text().count("GOOD") >= 4


def test_a_pull_request_has_a_preview_of_its_own_and_no_more(road: Road, cloudflare: Cloudflare) -> None:
    outcome = road.pull_request()
    assert outcome.failed() == [], outcome.why()
    built = {**dict.fromkeys(ON_PUSH, "skipped"), "build": "success"}
    assert jobs(outcome) == {**built, "preview": "success"}
    _, preview = cloudflare.deployments
    assert (preview.environment, preview.branch, preview.commit) == ("preview", "preview-12", road.machine.commit)
    # Where there are no secrets, nothing is deployed, and nothing is red.
    assert road.would_run(for_fork=False).items() >= {**built, "preview": "success"}.items()
    assert road.would_run(for_fork=True).items() >= built.items()
    if isinstance(road, GitHub):
        assert all(found.items() >= built.items() for found in road.would_run_without_secrets())


def test_a_preview_is_not_taken_for_production(road: Road, cloudflare: Cloudflare) -> None:
    """`--branch` is not the project's production branch (any more): wrangler deploys, and production is as it was."""
    cloudflare.production_branch = "trunk"
    pushed = road.push()
    assert jobs(pushed) == {**ON_PUSH, "promote": "failure", "production": "skipped"}
    step = last_of(pushed, "promote")
    assert step.status == 4
    assert "what wrangler deployed is preview" in step.output
