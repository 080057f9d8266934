"""The build output that a run looks at beside live targets: what it holds for the address of an asset."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from pytest_pagesmoke.checks.dist.files import file_at, is_asset, is_rewritten, may_reach_worker
from pytest_pagesmoke.model import Built, DistTree, Target
from pytest_pagesmoke.observe.folder import observe_file, observe_folder, text_of
from pytest_pagesmoke.redact import Secrets


class BuildOutput:
    """Looks at the folder, and into each of its files, once: when the first check asks for it.

    ``shown`` is the folder as the user wrote it. ``secrets`` are struck out of its files as they are out of answers.
    """

    def __init__(self, folder: Path, *, shown: str, project: Path, secrets: Secrets) -> None:
        self._folder = folder
        self._shown = shown
        self._project = project
        self._secrets = secrets
        self._seen: dict[str, Built] = {}

    def behind(self, target: Target, path: str) -> Built | None:
        """What ``target`` should serve at ``path``; None where the build output does not tell."""
        if self._tree.kind != "folder":  # test_dist says so, once
            return None
        prefix = urlsplit(target.url).path
        # On Pages a file stands at its whole address. What serves a project below a path of another site leaves that path out.
        for asked in dict.fromkeys((f"{prefix}{path}", path)):
            name = file_at(asked, self._assets)
            if is_rewritten(asked, self._redirects):
                shown = self._named(name or asked.lstrip("/"))
                return Built(file=shown, flaw=f"its _redirects answers {asked} with another file")
            if name is not None:
                return replace(self._content(name), by_worker=may_reach_worker(asked, self._tree, self._routes))
        if prefix or may_reach_worker(path, self._tree, self._routes):
            return None
        shown = self._named(path.partition("?")[0].lstrip("/"))
        return Built(
            file=shown,
            flaw=f"there is no {shown}, and no worker for its address: what answers is of another deployment, or a copy that is left of one",
        )

    @cached_property
    def _tree(self) -> DistTree:
        return observe_folder(self._folder, project=self._project)

    @cached_property
    def _assets(self) -> frozenset[str]:
        return frozenset(filter(is_asset, self._tree.files))

    @cached_property
    def _redirects(self) -> str:
        return self._direction("_redirects")

    @cached_property
    def _routes(self) -> str:
        return self._direction("_routes.json")

    def _direction(self, name: str) -> str:
        return (
            text_of(self._folder / name) if name in self._tree.files else ""
        )  # a FIFO is none of them: reading it would never end

    def _content(self, name: str) -> Built:
        if name not in self._seen:
            path, shown = self._folder / name, self._named(name)
            self._seen[name] = observe_file(path, shown=shown, struck=self._secrets.out_of_bytes)
        return self._seen[name]

    def _named(self, name: str) -> str:
        return f"{self._shown.rstrip('/')}/{name}"
