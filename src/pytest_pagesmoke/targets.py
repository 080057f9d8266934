"""What is to be checked: option values and the settings' targets -> targets and the build output. Pure."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_pagesmoke.addresses import TARGET_NAME, Address, BadAddress, kind_of, read_address, without_credentials
from pytest_pagesmoke.model import Kind, Manners, Target
from pytest_pagesmoke.recognise import origin
from pytest_pagesmoke.redact import without_tokens
from pytest_pagesmoke.settings import Declared

if TYPE_CHECKING:
    from pytest_pagesmoke.wrangler.output import Deployment

_NAMED_FILE: Final = re.compile(r"(?:(?P<name>[^/:=@]*)=)?@(?P<file>.*)", re.DOTALL)
_NAMED_URL: Final = re.compile(r"(?P<name>[^/:=]*)=(?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://.*)", re.DOTALL)
_WHAT: Final = (
    "a URL (https://www.example.com), NAME=URL, `local` (starts `wrangler pages dev` on the build output), "
    "`dist` or a folder with a slash in it (./build/), @FILE (the deployment that wrangler recorded there)"
)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What one run looks at. ``dist`` is the build output to check, ``served`` the one that the local server serves.

    ``folder_typed`` tells that these were given as a folder, relative to where the run stands. ``declared`` maps the names of
    targets to those that the settings have for them, ``options`` to how such a one is asked for; ``used`` are the declarations that the run needs, each with whether its
    address is needed too (None: a target that the settings do not declare). ``recorded`` are the deployments that
    wrangler recorded, by the names of targets, ``files`` the options that name them.
    """

    targets: tuple[Target, ...]
    dist: Path | None
    served: Path
    folder_typed: bool = False
    declared: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    used: tuple[tuple[str | None, bool], ...] = ()
    recorded: Mapping[str, Deployment] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()

    @property
    def starts_here(self) -> bool:
        """Whether the local server is one of the targets."""
        return any(target.starts_here for target in self.targets)


class _Mistake(Exception):
    """A value of an option is none that it takes."""


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """One target as its option value has it. ``name`` is empty where none was given, ``first`` the one that it takes then."""

    target: Target
    first: str
    declared: Declared | None = None
    option: str = ""
    recorded: Deployment | None = None
    file: str = ""  # the option that names wrangler's


def files_in(values: Iterable[str]) -> list[str]:
    """The files of wrangler's that values of ``--pagesmoke`` name (`@FILE`): whoever selects reads them before."""
    return [match["file"] for value in values if (match := _NAMED_FILE.fullmatch(value)) and match["file"]]


def select(
    values: Sequence[str],
    *,
    base_url: str = "",
    default_dist: Path = Path("dist"),
    declared: Mapping[str, Declared] | None = None,
    manners: Manners | None = None,
    deployments: Mapping[str, Deployment | str] | None = None,
) -> Selection:
    """Read the values of ``--pagesmoke`` and of ``--base-url``, with the targets that the settings declare.

    ``manners`` are those of targets that the settings do not declare. ``deployments`` are what `files_in` names holds, or why it holds none.
    What is wrong stands in ``mistakes``, all of it.
    """
    return _Selecting(default_dist, declared or {}, manners or Manners(), deployments or {}).select(values, base_url)


class _Selecting:
    def __init__(
        self,
        default_dist: Path,
        declared: Mapping[str, Declared],
        manners: Manners,
        deployments: Mapping[str, Deployment | str],
    ) -> None:
        self._default_dist = default_dist
        self._declared = declared
        self._manners = manners
        self._deployments = deployments
        self._used: list[tuple[str | None, bool]] = []

    def select(self, values: Sequence[str], base_url: str) -> Selection:
        mistakes: list[str] = []
        wanted: list[_Wanted] = []
        folders: list[Path] = []
        typed = False
        for value in values:
            try:
                if value == "dist":
                    folders.append(self._default_dist)
                elif (folder := self._folder(value)) is not None:
                    folders.append(folder)
                    typed = True
                else:
                    wanted += self._read(value)
            except (_Mistake, BadAddress) as mistake:
                # Before the `@` of a file stands no password.
                shown = without_tokens(value) if _NAMED_FILE.fullmatch(value) else without_credentials(value)
                mistakes.append(f"--pagesmoke={shown}: {mistake}")
        if base_url:
            try:
                wanted.append(self._by_address(read_address(base_url), by_kind=True))
            except BadAddress as mistake:
                mistakes.append(f"--base-url={without_credentials(base_url)}: {mistake}")
        targets = _with_names(wanted)
        mistakes += _collisions(targets, folders, with_files=any(one.file for one in wanted))
        dist = folders[0] if folders else None
        return Selection(
            targets=tuple(targets),
            dist=dist,
            served=dist or self._default_dist,
            folder_typed=typed,
            declared={
                target.name: one.declared.name for target, one in zip(targets, wanted, strict=True) if one.declared
            },
            options={target.name: one.option for target, one in zip(targets, wanted, strict=True) if one.option},
            used=tuple(self._used),
            recorded={target.name: one.recorded for target, one in zip(targets, wanted, strict=True) if one.recorded},
            files={target.name: one.file for target, one in zip(targets, wanted, strict=True) if one.file},
            mistakes=tuple(mistakes),
        )

    def _folder(self, value: str) -> Path | None:
        # user:password@… is no folder: as one it would be shown whole.
        is_other = "://" in value or re.match(r"[^/]*:[^/]*@", value) or _NAMED_FILE.fullmatch(value)
        is_folder = "/" in value and not is_other
        return Path(value) if is_folder else None

    def _read(self, value: str) -> Iterator[_Wanted]:
        """One value of ``--pagesmoke``: a target, or none where a variable of its address is not set (said elsewhere)."""
        if value in self._declared or value == "local":
            yield from self._by_name(value)
        elif (match := _NAMED_FILE.fullmatch(value)) and (not match["file"] or match["file"] in self._deployments):
            yield self._deployed(match["name"], match["file"])
        elif match := _NAMED_URL.fullmatch(value):
            yield self._named(_checked_name(match["name"]), read_address(match["url"]))
        elif "://" in value:
            yield self._by_address(read_address(value))
        else:
            raise _Mistake(self._unknown(value))

    def _by_name(self, name: str) -> Iterator[_Wanted]:
        declared = self._declared.get(name)
        self._used.append((name if declared else None, True))
        if declared is not None and declared.address is not None:
            yield self._wanted(declared.address, name=name, declared=declared)
        elif declared is not None and declared.has_url:
            return
        elif name == "local":
            manners = declared.checks.manners if declared else self._manners
            headers = declared.headers if declared else {}
            target = Target(name=name, url="", kind=Kind.LOCAL, headers=headers, manners=manners)
            yield _Wanted(target=target, first=name, declared=declared)
        else:
            raise _Mistake(
                f"the settings have this target, but no url for it: --pagesmoke={name}=URL, or url = … there"
            )

    def _named(self, name: str, address: Address, *, trusted: bool = False) -> _Wanted:
        """A target with a name of the option's own. Where the settings declare that name, this is that target, at this address."""
        declared = self._declared.get(name)
        self._used.append((name if declared else None, False))
        return self._wanted(address, name=name, declared=declared, trusted=trusted)

    def _deployed(self, name: str | None, file: str) -> _Wanted:
        """What wrangler has deployed: under the name given, or that of the environment where it did."""
        if not file:
            raise _Mistake("names no file: an unset variable? It takes the file that wrangler wrote, @wrangler.ndjson")
        deployment = self._deployments[file]
        if isinstance(deployment, str):
            raise _Mistake(deployment)
        address = read_address(deployment.url)
        if name is not None:
            self._refuse_another_environment(_checked_name(name), deployment, address)
        name = name or deployment.environment
        if not name:
            return replace(self._by_address(address), recorded=deployment)
        # Headers go along, whatever address the settings have: which deployment this is, nobody has mistyped.
        one = self._named(name, address, trusted=True)
        # A kind of the settings' own stays: previews that share production's database, say.
        known = one.declared is not None and one.declared.kind is not None
        kind = one.target.kind if known or not deployment.environment else Kind(deployment.environment)
        return replace(
            one,
            target=replace(one.target, kind=kind),
            option=f"--pagesmoke={name}={address.url}",
            recorded=deployment,
            file=f"--pagesmoke={name}=@{file}",
        )

    def _refuse_another_environment(self, name: str, deployment: Deployment, address: Address) -> None:
        """Raises _Mistake where a name stands for one environment, and wrangler deployed to the other."""
        declared = self._declared.get(name)
        # A kind that is only guessed by an address says nothing: that of a deployment's own counts as production.
        known = declared.kind if declared else None
        meant = name if name in (Kind.PRODUCTION, Kind.PREVIEW) else str(known or "")
        if meant and not deployment.environment:
            raise _Mistake(
                f"wrangler did not record which environment it deployed to, so that nobody knows whether this is {meant}: "
                f"use a newer wrangler (record pages-deploy-detailed), or name the address, {name}={address.url}"
            )
        if meant and meant != deployment.environment:
            alias = f", the branch of {deployment.alias}" if deployment.alias else ""
            branch = f" (the project's production branch is {deployment.production_branch!r})"
            raise _Mistake(
                f"what wrangler deployed is {deployment.environment}{alias}, and {'not' if name == meant else f'{name} is'} {meant}: "
                f"the --branch that it is given decides{branch if deployment.production_branch else ''}"
            )

    def _by_address(self, address: Address, *, by_kind: bool = False) -> _Wanted:
        same = (one for one in self._declared.values() if one.address is not None and one.address.url == address.url)
        declared = next(same, None)
        self._used.append((declared.name if declared else None, True))
        return self._wanted(address, name=declared.name if declared else "", declared=declared, by_kind=by_kind)

    def _wanted(
        self,
        address: Address,
        *,
        name: str = "",
        declared: Declared | None = None,
        by_kind: bool = False,
        trusted: bool = False,
    ) -> _Wanted:
        its_own = declared is not None and (
            trusted or declared.address is None or _same_origin(declared.address, address)
        )
        # Headers of the settings go to the origin that the settings name, and to no other.
        own = dict(declared.headers) if declared is not None and its_own else {}
        taken = {header.lower() for header in own}
        target = Target(
            name=name,
            url=address.url,
            kind=(declared.kind if declared else None) or kind_of(address.host),
            headers={
                **{header: value for header, value in address.headers.items() if header.lower() not in taken},
                **own,
            },
            manners=declared.checks.manners if declared else self._manners,
        )
        by_name = declared is not None and declared.address is not None and declared.address.url == address.url
        return _Wanted(
            target=target,
            first=str(target.kind) if by_kind else _first_label(target),
            declared=declared,
            option=f"--pagesmoke={name}" + ("" if by_name else f"={address.url}") if declared else "",
        )

    def _unknown(self, value: str) -> str:
        names = [*self._declared, "local", "dist"]
        if re.fullmatch(r"[\w.-]*\.[\w-]+(?::\d+)?", value):
            meant = f" (did you mean https://{value}?)"
        elif near := difflib.get_close_matches(value, names, n=1):
            meant = f" (did you mean {near[0]}?)"
        else:
            meant = ""
        known = f"a target of the settings ({', '.join(self._declared)}), " if self._declared else ""
        return f"is neither an address nor a known name{meant}; right would be {known}{_WHAT}"


def _collisions(targets: Sequence[Target], folders: Sequence[Path], *, with_files: bool) -> Iterator[str]:
    for name, count in Counter(target.name for target in targets).items():
        if count > 1:
            yield f"{count} targets have the name {name!r}: give each its own, --pagesmoke=NAME=URL{' or NAME=@FILE' * with_files}"
        if name == "dist" and folders:
            yield "the name 'dist' is the build output's in this run: give the target another one, --pagesmoke=NAME=URL"
    if len(set(folders)) > 1:
        yield f"one build output a run, not {len(set(folders))}: {', '.join(map(str, folders))}"


def _checked_name(name: str) -> str:
    if not TARGET_NAME.fullmatch(name):
        raise _Mistake(
            f"the name {name!r} is not of letters, digits, '.', '_' and '-', beginning with a letter or digit"
        )
    return name


def _with_names(wanted: Sequence[_Wanted]) -> list[Target]:
    """Targets with the names that they were given or, by first choice, take; two that would be equal take the whole host."""
    names = Counter(one.target.name or one.first for one in wanted)
    return [
        one.target
        if one.target.name
        else replace(one.target, name=one.first if names[one.first] == 1 else _whole_host(one.target))
        for one in wanted
    ]


def _same_origin(one: Address, other: Address) -> bool:
    return origin(urlsplit(one.url)) == origin(urlsplit(other.url))


def _first_label(target: Target) -> str:
    host = urlsplit(target.url).hostname or ""
    is_name = "." in host and not re.fullmatch(r"[\d.]+", host)
    return host.partition(".")[0] if is_name else _whole_host(target)


def _whole_host(target: Target) -> str:
    parts = urlsplit(target.url)
    host = (parts.hostname or "").replace(":", "-").strip("-") or "0"  # an IPv6 address: [::1] is 1, [::] is 0
    return f"{host}-{parts.port}" if parts.port else host
