"""`--pagesmoke-init`: look at what is there, judge it, and write it down as `pagesmoke.toml`. Runs no test."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.diagnose import COMMAND
from pytest_pagesmoke.model import Kind, Target
from pytest_pagesmoke.observe.background import Background
from pytest_pagesmoke.observe.folder import observe_folder
from pytest_pagesmoke.pin import Build, Pins, pin_build, pin_site, questions
from pytest_pagesmoke.plan import Planned, PlannedLive, plan
from pytest_pagesmoke.plugin.activation import activation_of
from pytest_pagesmoke.plugin.local import local_server
from pytest_pagesmoke.plugin.looking import Looking
from pytest_pagesmoke.plugin.set_up import deployments
from pytest_pagesmoke.recognise import REDIRECTS
from pytest_pagesmoke.redact import secrets_of
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.say.settings_file import settings_file
from pytest_pagesmoke.settings import FILE_NAME, SetUpError, stands_in
from pytest_pagesmoke.settings.reading import read_settings
from pytest_pagesmoke.targets import select
from pytest_pagesmoke.wrangler.configuration import Configuration, ConfigurationError, find_configuration, output_of
from pytest_pagesmoke.wrangler.server import NotStarted


def init(config: pytest.Config) -> pytest.ExitCode:
    """Look, judge, write. Returns OK where the file was written, TESTS_FAILED where what is there is broken.

    Raises pytest.UsageError (exit status 4) where there is a file already, or the options are wrong.
    """
    activation = activation_of(config)
    if activation is None or not (activation.what or activation.base_url):
        raise pytest.UsageError(
            "--pagesmoke-init looks at a site or a build output: add --base-url=URL or --pagesmoke=WHAT"
        )
    here = config.invocation_params.dir
    try:
        pinning = _Pinning(here, activation.what, activation.base_url)
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    try:
        text, lines, good = pinning.come_to_a_draft()
    except SetUpError as error:
        raise pytest.UsageError(f"pagesmoke: {error}") from None
    except KeyboardInterrupt:
        return pytest.ExitCode.INTERRUPTED
    finally:
        pinning.stop()
    if good:
        try:
            content = text.encode()  # before there is a file
            with (here / FILE_NAME).open("xb") as file:
                file.write(content)
        except OSError as error:
            raise pytest.UsageError(f"pagesmoke: {here / FILE_NAME} cannot be written: {error.strerror}") from None
    print("\n".join(lines))  # noqa: T201 - no terminal reporter runs where no session does
    return pytest.ExitCode.OK if good else pytest.ExitCode.TESTS_FAILED


_LEADS_AWAY: Final = (
    "the home page leads to another page; if that is right, name the page itself in a file of your own: "
    'pages = ["/that/page"], redirects = [{ path = "/", to = "/that/page" }]'
)


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A settings file, and what it was made from."""

    pins: Pins
    build: Build | None
    found: tuple[str, ...]
    targets: tuple[Target, ...]

    @property
    def text(self) -> str:
        return settings_file(self.pins, self.build, self.targets)


class _Pinning:
    """One look at what the options name."""

    def __init__(self, here: Path, what: Sequence[str], base_url: str) -> None:
        self._here = here
        if there := stands_in(here):
            raise SetUpError(f"{there} is there already, and is not written over; --pagesmoke-init makes a new file")
        self._configuration = _configuration(here)
        self._default = output_of(self._configuration, here)
        self._selection = select(
            what, base_url=base_url, default_dist=self._default, deployments=deployments(what, here)
        )
        if self._selection.mistakes:
            raise SetUpError("\n".join(self._selection.mistakes))
        self._dist = Path(here, self._selection.served)
        shown = self._selection.served
        starts = self._selection.starts_here
        self._server = local_server(folder=self._dist, shown=shown, project=here) if starts else None
        self._looking = Looking(
            project=here,
            dist=self._dist,
            secrets=secrets_of(self._selection.targets),
            local=self._server,
            background=Background(),
        )

    def stop(self) -> None:
        """Cancel what is still asked, and end the local server."""
        self._looking.stop()
        if self._server is not None:
            self._server.stop()

    def come_to_a_draft(self) -> tuple[str, list[str], bool]:
        """The file's text, what to say, and whether all that it would ask for holds."""
        homes = [self._looking.look(_home(target)) for target in self._selection.targets]
        if broken := [home.block for home in homes if home.block]:
            leads = any(home.record.status in REDIRECTS for home in homes)
            return "", _broken(broken, (_LEADS_AWAY,) if leads else ()), False
        draft = self._draft()
        if isinstance(draft, NotStarted):
            return "", _broken([draft.text], ()), False
        settings = read_settings(self._here / FILE_NAME, tomllib.loads(draft.text), {"PAGESMOKE_AUTHORIZATION": "x"})
        # A name or a folder that no settings can hold: `dist` for a target, `${` in a path.
        if unfit := [*settings.mistakes, *(text for _, text in settings.unset)]:
            raise SetUpError("what was found cannot be written down: " + "; ".join(unfit))
        selection = self._selection if draft.build is None else replace(self._selection, dist=self._selection.served)
        if broken := list(self._judged(plan(settings, selection))):
            return "", _broken(broken, draft.pins.doubts), False
        return draft.text, list(self._said(draft)), True

    def _judged(self, planned: Sequence[Planned]) -> Iterator[str]:
        """The failure blocks of these checks."""
        for check in planned:
            if block := self._looking.look(check).block:
                yield block

    def _draft(self) -> _Draft | NotStarted:
        tree = observe_folder(self._dist, project=self._here)
        # An empty folder that nobody asked about is no build output.
        is_there = bool(tree.files) or self._selection.dist is not None
        bindings = self._configuration is not None and self._configuration.needs_worker
        by_configuration = (
            f"{self._configuration.file.name} has bindings, which need a worker"
            if bindings and self._configuration
            else ""
        )
        build, found = None, ""
        if is_there:
            path = "" if self._selection.served == self._default else self._selection.served.as_posix()
            shown = replace(tree, path=self._selection.served.as_posix())
            build, found = pin_build(shown, path=path, worker_expected=by_configuration)
        expected = by_configuration
        if tree.worker is not None or tree.functions:
            expected = "there are functions/" if tree.worker is None else "the build output has a worker"
        pins = Pins()
        if self._selection.targets:
            seen = self._looking.survey(self._selection.targets[0], questions)
            if isinstance(seen, NotStarted):
                return seen
            pins = pin_site(seen, worker_expected=expected)
        # The next deployment has another address, and its file names it.
        kept = tuple(
            target
            for target in self._selection.targets
            if target.kind is not Kind.LOCAL and target.name not in self._selection.recorded
        )
        return _Draft(pins=pins, build=build, found=(*pins.found, *([found] if found else [])), targets=kept)

    def _said(self, draft: _Draft) -> Iterator[str]:
        yield from (_labelled("found", line) for line in draft.found)
        yield from (_labelled("looked for", line) for line in draft.pins.in_vain)
        yield _labelled("wrote", FILE_NAME)
        yield _labelled("next", f"{COMMAND} {' '.join(self._options(draft))}")

    def _options(self, draft: _Draft) -> Iterator[str]:
        if draft.build is not None:
            yield "--pagesmoke=dist"
        for target in self._selection.targets:
            if target in draft.targets:
                yield f"--pagesmoke={target.name}"
            else:
                yield "--pagesmoke=local" if target.starts_here else f"--base-url={target.url}"


def _home(target: Target) -> PlannedLive:
    return PlannedLive(target=target, check=PageCheck(), spec=PageSpec(path="/"))


def _configuration(here: Path) -> Configuration | None:
    try:
        return find_configuration(here)
    except ConfigurationError as error:
        raise SetUpError(str(error)) from None


def _broken(blocks: Sequence[str], doubts: Sequence[str]) -> list[str]:
    lines = [f"{block}\n" for block in blocks]
    lines += [_labelled("doubt", doubt) for doubt in doubts]
    return [*lines, "pagesmoke: what is there is broken (above), so nothing was written: it would be pinned as right"]


def _labelled(label: str, text: str) -> str:
    return f"{label:<12}{harmless(text, limit=400)}"
