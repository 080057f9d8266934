"""`test_dist[routes]`: `_routes.json`, which says what goes to the worker, is in the build output."""

from __future__ import annotations

from typing import ClassVar

from pytest_pagesmoke.model import DistSpec, DistTree, Finding, Judgement, Rule

ROUTES_MISSING = Rule(
    id="routes-missing",
    title="The build output has no _routes.json",
    cause="The build did not copy or write it. Without it every request runs the worker, static files too: slower, counted, and wrong where the worker does not pass them on.",
    fix='Put it where the build copies files from (Vite: public/). A site without one by intent says so in its settings: leave out `routes = "required"`.',
)


class RoutesCheck:
    part: ClassVar[str] = "routes"
    rules: ClassVar[tuple[Rule, ...]] = (ROUTES_MISSING,)

    def judge(self, spec: DistSpec, tree: DistTree) -> Judgement:
        generated = tree.functions and tree.worker is None  # wrangler writes it at deploy, not into the output
        if spec.routes != "required" or generated or tree.files.get("_routes.json"):
            return
        if tree.kind != "folder":
            actual = "no build output"
        else:
            actual = "a file of 0 bytes, which counts as none" if "_routes.json" in tree.files else "no such file"
        yield Finding(rule=ROUTES_MISSING, subject="_routes.json", expected=f"{tree.path}/_routes.json", actual=actual)
