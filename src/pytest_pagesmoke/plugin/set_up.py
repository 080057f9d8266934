"""What one run is about: the settings, the targets, what they are compared with, the checks; or every mistake in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_pagesmoke.addresses import kind_of, without_credentials
from pytest_pagesmoke.checks.build import BuildCheck
from pytest_pagesmoke.model import Answer, Kind, Recorded, Target
from pytest_pagesmoke.plan import Planned, PlannedLive, plan, without_build
from pytest_pagesmoke.plugin.activation import DEPLOYMENTS_KEY, Activation
from pytest_pagesmoke.plugin.collection import is_chosen
from pytest_pagesmoke.plugin.reporting import report_files
from pytest_pagesmoke.plugin.results import asks_from_each
from pytest_pagesmoke.redact import secrets_of, without_tokens
from pytest_pagesmoke.say.harmless import harmless
from pytest_pagesmoke.settings import FILE_NAME, SetUpError, as_named, load, mistaken
from pytest_pagesmoke.targets import Selection, files_in, select
from pytest_pagesmoke.wrangler.configuration import ConfigurationError, find_configuration, output_of

if TYPE_CHECKING:
    from pytest_pagesmoke.replay import Report
    from pytest_pagesmoke.wrangler.output import Deployment

_BUILD_LINE: Final = 'build = { path = "/version.json", json = "commit" }'


class SetUp:
    """Made once, before anything is asked. Raises SetUpError, and UsageError, for what is set up wrongly.

    ``here`` is where the run stands, ``project`` the folder of the settings; ``files`` are the reports to write, ``replay`` the one to judge again.
    """

    def __init__(self, config: pytest.Config, activation: Activation) -> None:
        self._config = config
        self._activation = activation
        self._is_worker = hasattr(config, "workerinput")
        self.here = config.invocation_params.dir
        self.files, self.replay = self._reports()
        #: What wrangler recorded: read once, by the controller where there is one.
        self.deployments = _handed(config) or deployments(activation.what, self.here)
        self.settings = load(
            self.here, named=Path(activation.file) if activation.file else None, asks=self.replay is None
        )
        file = self.settings.file
        self.project = file.parent if file else self.here
        self.selection = self._selection()
        #: The commits that targets must be, by their names.
        self.builds = self._builds()
        references, known = self._references(self.selection)
        self.secrets = secrets_of(
            [target for one in known for target in one.targets],
            [secret for one in known for secret in self._from_environment(one)],
        )
        self.planned = self._without_secrets(
            plan(
                self.settings,
                self.selection,
                file=self._file_in_ids(),
                builds=self.builds,
                references=references,
                past_cache=f"pagesmoke={int(time.time())}",
            )
        )
        self._refuse_a_report_of_nothing(references)
        if not self.planned and activation.file:
            raise SetUpError(
                f"{file} names nothing to check on {', '.join(target.name for target in self.selection.targets)}{self.idle_build()}"
            )
        names = [check.id.partition("::")[2] for check in self.planned]
        for choice in activation.chosen:
            if not any(is_chosen(name, [choice]) for name in names):
                needs = " without --pagesmoke-build=COMMIT" * (
                    not activation.build and is_chosen(choice, [BuildCheck.test])
                )
                raise SetUpError(
                    f"{FILE_NAME}::{choice}: no such test in this run{needs}, which has:\n  " + "\n  ".join(names)
                )

    def _reports(self) -> tuple[list[Path], Report | None]:
        """The files to write, and the report to judge again. Raises UsageError and SetUpError for what cannot be."""
        written, replayed = self._activation.reports, self._activation.replay
        # A worker writes none, and may be on another machine.
        files = [*map(Path, written)] if self._is_worker else report_files(written, self.here)
        for option, read in (("replay", replayed), ("same-as", self._activation.same_as)):
            if read and Path(os.path.realpath(self.here / read)) in files:
                raise SetUpError(f"--pagesmoke-report would write over the report that --pagesmoke-{option} reads")
        if not replayed:
            return files, None
        from pytest_pagesmoke.plugin.replaying import report_in

        return files, report_in(self.here / replayed, option=f"--pagesmoke-replay={replayed}")

    def _selection(self) -> Selection:
        """What the options choose among the settings. Raises SetUpError with every mistake, of the options and of the file."""
        settings = self.settings
        output, flaw = self._output()
        if self.replay is not None:
            from pytest_pagesmoke.plugin.replaying import selection_of, without_need_of_secrets

            settings = without_need_of_secrets(settings)
            selection = selection_of(self.replay, settings)
        else:
            selection = select(
                self._activation.what,
                base_url=self._activation.base_url,
                default_dist=output,
                declared=settings.targets,
                manners=settings.checks.manners,
                deployments=self.deployments,
            )
        served = self.replay is None and selection.starts_here
        mistakes = [
            *settings.mistakes,
            *settings.missing_variables(
                selection.used,
                dist=selection.dist is not None or served,
                idle=() if self._activation.build or self._wanted(selection) else (BuildCheck.key,),
            ),
        ]
        if selection.dist is not None:
            mistakes += settings.not_yet
        said = [f"{self.shown(settings.file)}: {mistake}" for mistake in mistakes] + [*selection.mistakes]
        if flaw and not selection.folder_typed and (served or selection.dist is not None):
            said.append(flaw)
        said += self._flaws_of_build(selection)
        if served and asks_from_each(self._config):
            said.append(
                "--dist=each: every worker would ask for itself, and the local server is for this machine alone: leave out --dist=each "
                "(-n spreads the tests over workers), or name what all workers reach: --base-url=URL, --pagesmoke=URL"
            )
        if said:
            raise mistaken(said)
        return selection

    def _references(self, selection: Selection) -> tuple[Mapping[str, Target | Recorded], list[Selection]]:
        """What the targets are compared with, by their names; and all that is asked in this run. Raises SetUpError."""
        given = self._activation.same_as
        if not given:
            return {}, [selection]
        if given.lower().endswith(".json") and "://" not in given:
            return self._recorded(selection), [selection]
        compared = self._compared_with(selection)
        (reference,) = compared.targets
        others = [target for target in selection.targets if target.url != reference.url]
        return {target.name: reference for target in others}, [selection, compared]

    def _recorded(self, selection: Selection) -> dict[str, Recorded]:
        """What the targets are compared with, by their names: as an earlier report holds them. Raises SetUpError for what is none."""
        given = self._activation.same_as
        if not selection.targets:
            raise SetUpError(
                f"--pagesmoke-same-as={given}: no site is looked at: add the one to compare with it, --base-url=URL"
            )
        from pytest_pagesmoke.plugin.replaying import report_in
        from pytest_pagesmoke.recorded import BadReport
        from pytest_pagesmoke.replay import as_reference

        report = report_in(Path(self.here, given), option=f"--pagesmoke-same-as={given}")
        try:
            return {target.name: as_reference(report, target.name, shown=given) for target in selection.targets}
        except BadReport as flaw:
            raise SetUpError(f"--pagesmoke-same-as={given}: {flaw}") from None

    def _refuse_a_report_of_nothing(self, references: Mapping[str, Target | Recorded]) -> None:
        """Raises SetUpError where a report holds nothing that is compared: each check would pass without having looked."""
        for name, reference in references.items():
            held = (
                reference.answer_to(check.spec.probe)
                for check in self.planned
                if isinstance(check, PlannedLive) and check.reference is not None and check.target.name == name
                if isinstance(reference, Recorded)
            )
            if isinstance(reference, Recorded) and not any(isinstance(answer, Answer) for answer in held):
                raise SetUpError(
                    f"--pagesmoke-same-as={self._activation.same_as}: holds no answer to anything that the settings name for {name}: "
                    "make it with these settings, in a run on the good deployment"
                )

    def _compared_with(self, selection: Selection) -> Selection:
        """What the targets are compared with: one target, by its address or its name. Raises SetUpError for anything else."""
        given = self._activation.same_as
        found = select([given], declared=self.settings.targets, manners=self.settings.checks.manners)
        option = f"--pagesmoke-same-as={without_credentials(given)}"
        said = [mistake.replace("--pagesmoke=", "--pagesmoke-same-as=", 1) for mistake in found.mistakes]
        if said and Path(self.here, given).is_file():
            said.append(f"{option}: the name of a report ends in .json")
        said += self.settings.missing_variables(found.used, dist=False, idle=(BuildCheck.key,))
        if not said and (found.dist is not None or found.starts_here):
            said.append(
                f"{option}: takes the address of another deployment, or a target of the settings that has a url"
            )
        elif not said and all(target.url == found.targets[0].url for target in selection.targets):
            nothing = "no site is" if not selection.targets else "that is the only site that is"
            said.append(f"{option}: {nothing} looked at: add the one to compare with it, --base-url=URL")
        if said:
            raise mistaken(said)
        (target,) = found.targets
        same = next((one for one in selection.targets if one.url == target.url), None)
        # Under a name of its own: what is asked, and the connections, go by names.
        return replace(found, targets=(same or replace(target, name=f"same-as:{target.name}"),))

    def _wanted(self, selection: Selection) -> dict[str, str]:
        """The commit that each target must be: the one that is asked for, else what wrangler deployed, or what it had to be in the run that is judged again."""
        if given := self._activation.build:
            return {target.name: given for target in selection.targets}
        recorded = {name: deployment.commit for name, deployment in selection.recorded.items()}
        then = {one.name: one.build for one in self.replay.targets} if self.replay else {}
        return {name: commit for name, commit in {**recorded, **then}.items() if commit}

    def _builds(self) -> dict[str, str]:
        """The same, where the settings say how the build is told."""
        untold = without_build(self.settings, self.selection)
        return {name: commit for name, commit in self._wanted(self.selection).items() if name not in untold}

    def without_commit(self) -> list[str]:
        """The targets that wrangler recorded without a commit, so that nobody asks them which build they are, though the settings say how."""
        untold = without_build(self.settings, self.selection)
        return [name for name in self.selection.recorded if name not in untold and name not in self.builds]

    def _flaws_of_build(self, selection: Selection) -> list[str]:
        """Why a commit was given, and some target will not be asked for it."""
        build, file = self._activation.build, self.settings.file
        if not build:
            return []
        option = f"--pagesmoke-build={build}"
        if not selection.targets:  # the build output alone; or what was meant for one is a mistake, and said already
            return (
                []
                if selection.mistakes or selection.used
                else [f"{option} is asked of a site: add --base-url=URL or --pagesmoke=WHAT (a URL, local)"]
            )
        if file is None:
            return [
                f"{option} needs a {FILE_NAME}, which says where the site names its build; --pagesmoke-init writes one from what is there; add at its top: {_BUILD_LINE}"
            ]
        missing = without_build(self.settings, selection)
        if not missing:
            return []
        place = "at its top" if file.name == FILE_NAME else "below [tool.pagesmoke]"
        return [
            f"{self.shown(file)}: no build for {', '.join(missing)}, which {option} needs; add {place}, or to a target of its own: {_BUILD_LINE}"
        ]

    def idle_build(self) -> str:
        """What is said of a `build` that no commit was given for, where there is nothing else."""
        given = BuildCheck.key in self.settings.keys | frozenset().union(*self.settings.own_keys.values())
        return (
            " but build, which is asked for with --pagesmoke-build=COMMIT"
            if given and not self._activation.build
            else ""
        )

    def _without_secrets(self, planned: Iterable[Planned]) -> tuple[Planned, ...]:
        """The checks, expecting what answers will hold: `***` for each secret. Raises SetUpError for one that would stand in a test id."""
        found: list[Planned] = []
        for check in planned:
            if self.secrets.out_of(check.param) != check.param:
                name = check.target.name if isinstance(check, PlannedLive) else check.row
                raise SetUpError(
                    f"{check.test} on {name}: its name, a path or an id holds a secret of the headers, and would show it in a test id"
                )
            found.append(
                replace(check, spec=self.secrets.out_of_spec(check.spec)) if isinstance(check, PlannedLive) else check
            )
        return tuple(found)

    def _output(self) -> tuple[Path, str]:
        """The build output, and why it is not known. As the settings have it, else wrangler's configuration, else `dist`."""
        if self.settings.dist_path is not None:
            return self.settings.dist_path, ""
        try:
            return output_of(find_configuration(self.project), self.project), ""
        except ConfigurationError as error:
            return Path("dist"), str(error)

    def known_production(self) -> list[str]:
        """The addresses of production that the settings name, whether or not this run looks there."""
        declared = [(one.address, one.kind) for one in self.settings.targets.values()]
        return [
            address.url for address, kind in declared if address and (kind or kind_of(address.host)) is Kind.PRODUCTION
        ]

    def _from_environment(self, selection: Selection) -> list[str]:
        return [secret for name in selection.declared.values() for secret in self.settings.targets[name].secrets]

    def shown(self, file: Path | None) -> str:
        """A file as whoever stands here would name it."""
        return as_named(file, self.here)

    def _file_in_ids(self) -> str:
        """The settings file as it stands in test ids: its path from the root, if it has one of its own below that."""
        file, root = self.settings.file, self._config.rootpath
        below = file is not None and file.name == FILE_NAME and file.is_relative_to(root)
        return file.relative_to(root).as_posix() if file is not None and below else FILE_NAME


def deployments(values: Iterable[str], here: Path) -> dict[str, Deployment | str]:
    """What wrangler's files that `--pagesmoke=@FILE` names hold, by their names; why not, for one that tells of no deployment."""
    if not (names := files_in(values)):
        return {}
    from pytest_pagesmoke.wrangler.output import NoDeployment, deployment_in

    found: dict[str, Deployment | str] = {}
    for name in names:
        try:
            deployment = deployment_in(here / name)
        except NoDeployment as why:
            found[name] = harmless(without_tokens(str(why)), limit=1000)  # its words are wrangler's, or a server's
        else:
            alias, branch = deployment.alias, deployment.production_branch
            found[name] = replace(
                deployment,
                alias=harmless(without_credentials(alias)),
                production_branch=harmless(without_tokens(branch)),
            )
    return found


def for_workers(deployments: Mapping[str, Deployment | str]) -> dict[str, object]:
    """What wrangler recorded, as builtins: its file may be gone, or written to, before a worker could read it."""
    return {name: one if isinstance(one, str) else asdict(one) for name, one in deployments.items()}


def _handed(config: pytest.Config) -> dict[str, Deployment | str]:
    """The same, in a worker; empty in a controller."""
    handed: dict[str, Any] = getattr(config, "workerinput", {}).get(DEPLOYMENTS_KEY, {})
    if not handed:
        return {}
    from pytest_pagesmoke.wrangler.output import Deployment

    return {name: one if isinstance(one, str) else Deployment(**one) for name, one in handed.items()}
