"""`test_dist`: good and bad build outputs, as values; how they are read from a disk is another room's (tests/observe)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_pagesmoke.checks.dist.output import OutputCheck
from pytest_pagesmoke.checks.dist.routes import RoutesCheck
from pytest_pagesmoke.checks.dist.worker import WorkerCheck
from pytest_pagesmoke.model import DistCheck, DistSpec, DistTree, Finding, Remark, WorkerFiles
from pytest_pagesmoke.settings import checklist

#: What the incident's checklist asks: a worker of 102,400 bytes, and routes.
CHECKLIST = checklist().dist
#: Nothing is asked but that there is an output.
LENIENT = DistSpec()
FOLDER_WORKER = "_worker.js/index.js"


def tree(
    *files: str,
    kind: str = "folder",
    empty: Iterable[str] = (),
    worker: WorkerFiles | None = None,
    functions: bool = False,
) -> DistTree:
    """A build output with these files, of 10 bytes each but for the ``empty`` ones."""
    sizes = dict.fromkeys(files, 10) | dict.fromkeys(empty, 0)
    return DistTree(path="dist", kind=kind, files=sizes, worker=worker, functions=functions)


def a_worker(size_bytes: int = 155_055, path: str = "_worker.js", packages: tuple[str, ...] = ()) -> WorkerFiles:
    return WorkerFiles(path=path, size_bytes=size_bytes, packages=packages)


def lines(check: DistCheck[DistSpec], found: DistTree, spec: DistSpec = CHECKLIST) -> list[str]:
    """The findings' lines; warnings begin with ``remark:``."""
    judgement = check.judge(spec, found)
    return [item.line if isinstance(item, Finding) else f"remark: {item.text}" for item in judgement]


def hint(found: DistTree) -> str:
    (finding,) = WorkerCheck().judge(CHECKLIST, found)
    assert not isinstance(finding, Remark)
    return finding.hint


GOOD = tree("_worker.js", "_routes.json", "static/app.js", worker=a_worker())


@pytest.mark.parametrize("check", [OutputCheck(), WorkerCheck(), RoutesCheck()])
@pytest.mark.parametrize("spec", [CHECKLIST, LENIENT], ids=["checklist", "lenient"])
def test_a_good_build(check: DistCheck[DistSpec], spec: DistSpec) -> None:
    assert lines(check, GOOD, spec) == []


# The output.


@pytest.mark.parametrize(("kind", "actual"), [("missing", "no such folder"), ("file", "a file")])
def test_no_folder(kind: str, actual: str) -> None:
    assert lines(OutputCheck(), tree(kind=kind)) == [f"dist-missing: expected the folder dist, got {actual}"]


@pytest.mark.parametrize(
    ("found", "actual"),
    [
        pytest.param(tree(), "an empty folder", id="cache-miss"),
        pytest.param(tree("_routes.json"), "only _routes.json", id="routes-alone"),
        pytest.param(tree("_headers", "_redirects"), "only _headers, _redirects", id="rules-alone"),
        pytest.param(tree(".DS_Store", "static/.DS_Store"), "only .DS_Store, static/.DS_Store", id="finder"),
        pytest.param(tree(empty=["_worker.js"]), "only _worker.js", id="worker-of-0-bytes"),
        pytest.param(tree("_worker.js/chunks/a.js"), "only _worker.js/chunks/a.js", id="worker-without-entry"),
        pytest.param(
            tree("functions/api.js", ".wrangler/tmp/a"), "only .wrangler/tmp/a, functions/api.js", id="never-uploaded"
        ),
        pytest.param(
            tree(*(f"node_modules/{name}.js" for name in "abcdef")),
            "only " + ", ".join(f"node_modules/{name}.js" for name in "abcdef"),
            id="six-packages",
        ),
        pytest.param(
            tree(*(f"node_modules/{name}.js" for name in "abcdefg")),
            "only " + ", ".join(f"node_modules/{name}.js" for name in "abcdef") + " …",
            id="seven-packages",
        ),
    ],
)
def test_nothing_to_deploy(found: DistTree, actual: str) -> None:
    assert lines(OutputCheck(), found) == [f"dist-empty: expected a build output with files, got {actual}"]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(tree("index.html"), id="one-page"),
        pytest.param(tree(empty=["robots.txt"]), id="one-empty-file"),
        pytest.param(tree("_worker.js", worker=a_worker()), id="worker-alone"),
        pytest.param(tree(FOLDER_WORKER, worker=a_worker(path=FOLDER_WORKER)), id="folder-worker-alone"),
        pytest.param(tree("static/_routes.json"), id="the-name-further-down"),
        pytest.param(tree("a/functions/b.js"), id="functions-further-down"),
        pytest.param(tree(".env"), id="uploaded-though-it-should-not-be"),
    ],
)
def test_something_to_deploy(found: DistTree) -> None:
    assert lines(OutputCheck(), found) == []


# The worker.


@pytest.mark.parametrize(
    ("found", "actual"),
    [
        pytest.param(tree("_routes.json", "static/app.js"), "only _routes.json, static/", id="the-incident"),
        pytest.param(tree(), "an empty folder", id="empty"),
        pytest.param(tree(kind="missing"), "no build output", id="no-folder"),
        pytest.param(tree(kind="file"), "no build output", id="a-file"),
        pytest.param(tree("index.html", empty=["_worker.js"]), "a file of 0 bytes", id="0-bytes"),
        pytest.param(tree("_worker.js/index.mjs"), "a folder _worker.js without index.js", id="mjs"),
        pytest.param(
            tree("_worker.js/a.js", empty=[FOLDER_WORKER]),
            "a folder _worker.js whose index.js has 0 bytes",
            id="entry-of-0-bytes",
        ),
        pytest.param(tree(*"fedcba"), "only a, b, c, d, e, f", id="six"),
        pytest.param(tree(*"gfedcba"), "only a, b, c, d, e, f …", id="seven"),
    ],
)
def test_no_worker(found: DistTree, actual: str) -> None:
    assert lines(WorkerCheck(), found) == [f"worker-missing: expected dist/_worker.js, got {actual}"]


def test_no_worker_where_none_is_asked_for() -> None:
    assert lines(WorkerCheck(), tree("index.html"), LENIENT) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (tree("worker.js"), "worker.js stands beside it: Pages knows the worker only as _worker.js"),
        (tree("_worker.mjs", "a.js"), "_worker.mjs stands beside it: Pages knows the worker only as _worker.js"),
        (tree("_worker.ts"), "_worker.ts stands beside it: Pages knows the worker only as _worker.js"),
        (tree("site/_worker.js"), "site/_worker.js stands further down: is dist/site the folder to deploy?"),
        (tree("a/b/_worker.js/index.js"), "a/b/_worker.js stands further down: is dist/a/b the folder to deploy?"),
        (tree("a/worker.js", "index.html"), ""),
        (tree("my_worker.js"), ""),
        (tree("_worker.js/a.js"), ""),
    ],
)
def test_where_the_worker_may_be(found: DistTree, said: str) -> None:
    assert hint(found) == said


@pytest.mark.parametrize("path", ["_worker.js", FOLDER_WORKER])
@pytest.mark.parametrize(("size_bytes", "shown"), [(102_399, "102,399"), (27_500, "27,500"), (1, "1")])
def test_a_worker_below_the_bound(path: str, size_bytes: int, shown: str) -> None:
    found = tree(path, worker=a_worker(size_bytes, path))
    (finding,) = WorkerCheck().judge(CHECKLIST, found)
    assert not isinstance(finding, Remark)
    assert finding.line == f"worker-too-small: expected at least 102,400 bytes, got {shown} bytes"
    assert finding.subject == path


@pytest.mark.parametrize("size_bytes", [102_400, 567_293, 70_000_000])
def test_a_worker_above_the_bound(size_bytes: int) -> None:
    assert lines(WorkerCheck(), tree(FOLDER_WORKER, worker=a_worker(size_bytes, FOLDER_WORKER))) == []


def test_a_small_worker_where_no_size_is_asked_for() -> None:
    """SvelteKit's is 4 KB, the entry of Nuxt's folder 251 bytes."""
    assert lines(WorkerCheck(), tree("_worker.js", worker=a_worker(251)), LENIENT) == []


def test_packages_are_bundled_at_deploy_so_the_size_is_not_known() -> None:
    packages = ("hono", "marked", "zod", "a", "b", "c")
    small = tree("_worker.js", worker=a_worker(4_335, packages=packages))
    assert lines(WorkerCheck(), small) == [
        "remark: the size of the worker was not judged: it imports packages that wrangler bundles at deploy (hono, marked, zod, a, b)"
    ]
    large = tree("_worker.js", worker=a_worker(155_055, packages=packages))
    assert lines(WorkerCheck(), large) == []


def test_functions_become_the_worker_at_deploy() -> None:
    site = tree("index.html", functions=True)
    assert lines(WorkerCheck(), site) == [
        "remark: the size of the worker was not judged: it is compiled from functions/ at deploy"
    ]
    assert lines(WorkerCheck(), site, LENIENT) == []


def test_a_worker_switches_functions_off() -> None:
    both = tree("_worker.js", worker=a_worker(1), functions=True)
    assert [line.partition(":")[0] for line in lines(WorkerCheck(), both)] == ["worker-too-small"]


# The routes.


@pytest.mark.parametrize(
    ("found", "actual"),
    [
        pytest.param(tree("_worker.js", worker=a_worker()), "no such file", id="missing"),
        pytest.param(tree("static/_routes.json"), "no such file", id="further-down"),
        pytest.param(tree(empty=["_routes.json"]), "a file of 0 bytes, which counts as none", id="0-bytes"),
        pytest.param(tree(kind="missing"), "no build output", id="no-folder"),
        pytest.param(tree("_worker.js", worker=a_worker(), functions=True), "no such file", id="worker-and-functions"),
    ],
)
def test_no_routes(found: DistTree, actual: str) -> None:
    assert lines(RoutesCheck(), found) == [f"routes-missing: expected dist/_routes.json, got {actual}"]


@pytest.mark.parametrize(
    ("found", "spec"),
    [
        pytest.param(tree("index.html", functions=True), CHECKLIST, id="written-at-deploy-for-functions"),
        pytest.param(tree("_worker.js", worker=a_worker()), LENIENT, id="not-asked-for"),
        pytest.param(tree("_routes.json"), CHECKLIST, id="there-without-a-worker"),
    ],
)
def test_routes_are_good(found: DistTree, spec: DistSpec) -> None:
    """Whether a worker is there for the routes is the worker's check."""
    assert lines(RoutesCheck(), found, spec) == []


# What a settings file may say of the worker.


@pytest.mark.parametrize(
    ("site", "actual"),
    [
        pytest.param(tree("_routes.json", "static/app.js"), "only _routes.json, static/", id="routes-alone"),
        pytest.param(tree("index.html", empty=["_worker.js"]), "a file of 0 bytes", id="an-empty-worker"),
        pytest.param(tree("_worker.js/a.js"), "a folder _worker.js without index.js", id="a-folder-without-an-entry"),
    ],
)
def test_what_is_left_of_a_worker_is_missing_without_any_setting(site: DistTree, actual: str) -> None:
    """The incident: wrangler deploys it with exit status 0."""
    assert lines(WorkerCheck(), site, LENIENT) == [f"worker-missing: expected dist/_worker.js, got {actual}"]


def test_a_static_site_misses_no_worker() -> None:
    assert lines(WorkerCheck(), tree("index.html", "a/_routes.json", "a/_worker.js"), LENIENT) == []
    assert lines(WorkerCheck(), tree("_routes.json", functions=True), LENIENT) == []
    assert lines(WorkerCheck(), tree("index.html", empty=["_routes.json"]), LENIENT) == []  # counts as none


@pytest.mark.parametrize(
    ("site", "actual"),
    [
        (tree("_worker.js", worker=a_worker()), "dist/_worker.js"),
        (tree("index.html", functions=True), "functions/, which are compiled to a worker"),
    ],
)
def test_a_worker_where_none_may_be(site: DistTree, actual: str) -> None:
    spec = DistSpec(worker="forbidden", worker_min_bytes=1_000_000)
    assert lines(WorkerCheck(), site, spec) == [f"worker-invalid: expected no worker, got {actual}"]
    assert lines(WorkerCheck(), tree("index.html", "_routes.json"), spec) == []
