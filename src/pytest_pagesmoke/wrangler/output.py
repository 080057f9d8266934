"""wrangler's own output file: what `wrangler pages deploy` says that it deployed, and where to (`WRANGLER_OUTPUT_FILE_PATH`)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_ENVIRONMENTS: Final = ("production", "preview")
_FILES: Final = (
    "wrangler-output-*"  # in WRANGLER_OUTPUT_FILE_DIRECTORY; their names hold the time, so that they sort by it
)
_DEPLOY: Final = frozenset({"deploy", "publish", None})
_Record = Mapping[str, Any]  # `Any`: JSON's values


class NoDeployment(Exception):
    """The file tells of no deployment, in words for the user. That wrangler exited with 0 proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment as wrangler recorded it. ``url`` is its own address; what was not told is empty.

    ``environment`` is "production" or "preview", ``alias`` the address of its branch, ``commit`` a whole hash, ``recorded_at`` a moment as
    wrangler writes it (ISO 8601).
    """

    url: str
    alias: str = ""
    environment: str = ""
    production_branch: str = ""
    commit: str = ""
    recorded_at: str = ""


def deployment_in(place: Path) -> Deployment:
    """The deployment that the last run of wrangler recorded in this file, or in the newest file of this folder. Raises NoDeployment."""
    records = list(_last_session(_records(_newest(place))))
    commands = [record for record in records if record.get("type") == "wrangler-session"]
    ran = f" (`{_command(commands[0])}`)" if commands else ""
    # What failed after its record was written is no deployment either.
    for record in records:
        if record.get("type") == "command-failed":
            code = f" (code {record['code']})" if record.get("code") is not None else ""
            raise NoDeployment(
                f"the deployment did not happen, whatever wrangler's exit status was: it failed{ran}: {record.get('message')}{code}"
            )
    found = [record for record in records if record.get("type") in ("pages-deploy", "pages-deploy-detailed")]
    if not found and commands and not {*_arguments(commands[0])} & _DEPLOY:
        raise NoDeployment(
            f"the last run of wrangler that wrote there{ran} was no deployment: let `wrangler pages deploy` alone write to this file"
        )
    if not found:
        raise NoDeployment(
            f"the deployment did not happen, whatever wrangler's exit status was: the last run of wrangler{ran} recorded none"
        )
    # The detailed record holds all that the other one does, and is behind it where wrangler writes both.
    return _deployment(next((one for one in reversed(found) if one["type"] == "pages-deploy-detailed"), found[-1]))


def _deployment(record: _Record) -> Deployment:
    url, environment = _text(record.get("url")), _text(record.get("environment"))
    if not url:
        raise NoDeployment("the record of the deployment names no address")
    trigger = record.get("deployment_trigger")
    metadata = trigger.get("metadata") if isinstance(trigger, dict) else None
    return Deployment(
        url=url,
        alias=_text(record.get("alias")),
        environment=environment if environment in _ENVIRONMENTS else "",
        production_branch=_text(record.get("production_branch")),
        commit=_word(metadata.get("commit_hash")) if isinstance(metadata, dict) else "",
        recorded_at=_word(record.get("timestamp")),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _word(value: object) -> str:
    text = _text(value)
    return text if text.isprintable() and " " not in text else ""


def _newest(place: Path) -> Path:
    if not place.is_dir():
        return place
    try:
        files = sorted(file for file in place.glob(_FILES) if file.is_file())
    except OSError as error:
        raise NoDeployment(f"this folder cannot be read: {error.strerror}") from None
    if not files:
        raise NoDeployment(
            f"the deployment did not happen, or wrangler wrote elsewhere: no file {_FILES} is in this folder, where it "
            "writes one with WRANGLER_OUTPUT_FILE_DIRECTORY"
        )
    return files[-1]


def _records(file: Path) -> list[_Record]:
    """All records, of kinds that nobody knows yet, too. A line that is none, as one that was cut off, is passed over."""
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for, and a device never ends
            raise NoDeployment("is a pipe or a device, and no file")
        lines = file.read_bytes().decode("utf-8-sig", errors="replace").split("\n")
    except FileNotFoundError:
        raise NoDeployment(
            "the deployment did not happen, or wrangler wrote elsewhere: there is no such file, which it writes with "
            "WRANGLER_OUTPUT_FILE_PATH"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise NoDeployment(f"this file cannot be read: {getattr(error, 'strerror', None) or error}") from None
    records = list(_parsed(lines))
    if not records and any(line.strip() for line in lines):
        raise NoDeployment("is no output file of wrangler, which has a JSON object in each line")
    return records


def _parsed(lines: Sequence[str]) -> Iterator[_Record]:
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _last_session(records: Sequence[_Record]) -> Sequence[_Record]:
    """From where the last run of wrangler begins: each appends to the file."""
    begins = [index for index, record in enumerate(records) if record.get("type") == "wrangler-session"]
    return records[begins[-1] :] if begins else records


def _arguments(session: _Record) -> list[str | None]:
    """The words of the command; None for what is not known."""
    given = session.get("command_line_args")
    return [*map(str, given)] if isinstance(given, list) else [None]


def _command(session: _Record) -> str:
    return shlex.join(["wrangler", *filter(None, _arguments(session))])
