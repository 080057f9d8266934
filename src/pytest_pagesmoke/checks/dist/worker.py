"""`test_dist[worker]`: the worker is in the build output, whole."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar, Final

from pytest_pagesmoke.model import DistSpec, DistTree, Finding, Judgement, Remark, Rule

WORKER_MISSING = Rule(
    id="worker-missing",
    title="The build output has no worker",
    cause="The build failed or stopped before it wrote _worker.js; wrangler deploys what is left without a word, exit status 0, and every page and the API answer 404.",
    fix="Do not deploy this. Run the build and read what it says; the worker must stand as `_worker.js` (a file, or a folder with index.js) at the top of the output.",
)
WORKER_TOO_SMALL = Rule(
    id="worker-too-small",
    title="The worker is smaller than it should be",
    cause="The build lost a part of the code: dependencies left out of the bundle, an entry file without its routes. Or this site's worker is simply small.",
    fix="Compare with the size of a good build. The built-in checklist asks for 102,400 bytes; a site whose worker is smaller needs settings of its own: `pytest --pagesmoke=dist --pagesmoke-init` writes them, with half of the size of today.",
)

WORKER_INVALID = Rule(
    id="worker-invalid",
    title="The worker is none that can be deployed here",
    cause="The settings say that this site has no worker, and there is one: it would answer in the place of the files.",
    fix="Remove it from the build output. If the site has a worker by now, change `worker` in the settings.",
)

#: Names that people and build tools give to what should be _worker.js.
_NEAR: Final = frozenset(
    {"worker.js", "worker.mjs", "_worker.mjs", "_worker.ts", "_worker.cjs", "worker.ts", "_workers.js"}
)


class WorkerCheck:
    part: ClassVar[str] = "worker"
    rules: ClassVar[tuple[Rule, ...]] = (WORKER_MISSING, WORKER_TOO_SMALL, WORKER_INVALID)

    def judge(self, spec: DistSpec, tree: DistTree) -> Judgement:
        worker = tree.worker
        if spec.worker == "forbidden":
            if worker is not None or tree.functions:
                actual = f"{tree.path}/{worker.path}" if worker else "functions/, which are compiled to a worker"
                yield Finding(rule=WORKER_INVALID, subject="_worker.js", expected="no worker", actual=actual)
        elif worker is None:
            if tree.functions:
                if spec.worker_min_bytes:
                    yield Remark(text="the size of the worker was not judged: it is compiled from functions/ at deploy")
            elif spec.worker == "required" or _is_meant(tree):
                yield Finding(
                    rule=WORKER_MISSING,
                    subject="_worker.js",
                    expected=f"{tree.path}/_worker.js",
                    actual=_instead(tree),
                    hint=_hint(tree),
                )
        elif worker.size_bytes < spec.worker_min_bytes:
            if worker.packages:
                names = ", ".join(worker.packages[:5])
                yield Remark(
                    text=f"the size of the worker was not judged: it imports packages that wrangler bundles at deploy ({names})"
                )
            else:
                yield Finding(
                    rule=WORKER_TOO_SMALL,
                    subject=worker.path,
                    expected=f"at least {spec.worker_min_bytes:,} bytes",
                    actual=f"{worker.size_bytes:,} bytes",
                )


def _is_meant(tree: DistTree) -> bool:
    """Whether the output itself says that a worker should be there: routes to it, or what is left of it."""
    routes = bool(tree.files.get("_routes.json"))  # one of 0 bytes counts as none
    return routes or any(path == "_worker.js" or path.startswith("_worker.js/") for path in tree.files)


def _instead(tree: DistTree) -> str:
    if tree.kind != "folder":
        return "no build output"
    if tree.files.get("_worker.js") == 0:
        return "a file of 0 bytes"
    if any(path.startswith("_worker.js/") for path in tree.files):
        flaw = "whose index.js has 0 bytes" if "_worker.js/index.js" in tree.files else "without index.js"
        return f"a folder _worker.js {flaw}"
    names = sorted({path.partition("/")[0] + ("/" if "/" in path else "") for path in tree.files})
    if not names:
        return "an empty folder"
    return f"only {', '.join(names[:6])}" + (" …" if len(names) > 6 else "")


def _hint(tree: DistTree) -> str:
    names = [PurePosixPath(path) for path in sorted(tree.files)]
    for path in names:
        if path.name in _NEAR and len(path.parts) == 1:
            return f"{path} stands beside it: Pages knows the worker only as _worker.js"
    for path in names:
        if "_worker.js" in path.parts[1:]:  # a file, or a folder of that name
            folder = "/".join(path.parts[: path.parts.index("_worker.js", 1)])
            return f"{folder}/_worker.js stands further down: is {tree.path}/{folder} the folder to deploy?"
    return ""
