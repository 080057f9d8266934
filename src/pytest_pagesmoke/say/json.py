"""The JSON report: all that a run saw and what it made of it. `report.schema.json` describes it, docs/report.md explains it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pytest_pagesmoke.diagnose import TargetRun, diagnose, worst
from pytest_pagesmoke.model import OWN_TEST, CheckRecord
from pytest_pagesmoke.recorded import Entry, bounded
from pytest_pagesmoke.replay import SCHEMA
from pytest_pagesmoke.say.failure import TELLING_HEADERS

#: The observations by which a check was judged, its own question's first; none where it asked nothing.
EntriesOf = Callable[[CheckRecord], Sequence[Entry]]
Document = dict[str, Any]  # `Any`: JSON's values
#: Keys whose values are this project's own words, and no secret, be it the same; and what was struck when it was observed, and is long.
_AS_IT_IS: Final = frozenset({"cause", "kind", "outcome", "rule", "started", "test", "verdict", "observations"})
_VERDICTS: Final = {"GOOD": "good", "BROKEN": "broken", "INCOMPLETE": "incomplete"}


def report(
    runs: Sequence[TargetRun],
    *,
    started: float,
    ended: float,
    settings: str | None,
    kept: Callable[[str], str],
    entries_of: EntriesOf = lambda _: (),
    replay_of: str | None = None,
) -> Document:
    """The report of a run. Times on the wall clock (time.time); ``settings`` is the file's name; ``kept`` strikes secrets out."""
    targets = []
    used_bytes = 0
    for run in runs:
        if run.target is not None:
            entries = _Entries(entries_of)
            checks = [_check(record, entries.of(record), entries.indexes(record)) for record in run.all_records]
            observations, used_bytes = bounded(entries.all, already_bytes=used_bytes)
            targets.append(
                {
                    "name": run.name,
                    "url": run.address if run.address.startswith("http") else None,
                    "kind": run.target.kind.value,
                    "declared": run.declared,
                    "build": run.build or None,
                    "verdict": _VERDICTS[run.verdict],
                    "checks": checks,
                    "observations": observations,
                }
            )
    dist = next((run for run in runs if run.target is None), None)
    said = {
        "schema": SCHEMA,
        "verdict": _VERDICTS[worst(run.verdict for run in runs)],
        "started": _moment(started),
        "duration_s": max(0.0, ended - started),
        "settings": settings,
        "replay_of": replay_of,
        "targets": targets,
        "dist": dist
        and {
            "path": dist.address,
            "verdict": _VERDICTS[dist.verdict],
            "checks": [_check(record, (), ()) for record in dist.all_records],
        },
        "diagnosis": [
            {
                "cause": diagnosis.cause,
                "text": diagnosis.text,
                "targets": [*diagnosis.targets],
                "evidence": [*diagnosis.evidence],
                "next": [*diagnosis.next],
            }
            for diagnosis in diagnose(runs)
        ],
    }
    return {key: _kept(key, value, kept) for key, value in said.items()}


def text(document: Document) -> str:
    """The report as it stands in a file: ASCII, so that nothing a server sent can harm who looks at it, be it in a CI log."""
    said = json.dumps(document, indent=1, allow_nan=False)
    # `##[command]` is obeyed anywhere in a line; a `#` stands in texts alone, where this is the same.
    return said.replace("##", r"#\u0023") + "\n"


class _Entries:
    """The observations of one target, each once, in the order of the checks that need them."""

    def __init__(self, entries_of: EntriesOf) -> None:
        self._entries_of = entries_of
        self._index: dict[int, int] = {}  # by identity: two answers to one question may be equal, and are two
        self.all: list[Entry] = []

    def of(self, record: CheckRecord) -> Sequence[Entry]:
        return self._entries_of(record)

    def indexes(self, record: CheckRecord) -> list[int]:
        return [*map(self._index_of, self._entries_of(record))]

    def _index_of(self, entry: Entry) -> int:
        if id(entry) not in self._index:
            self._index[id(entry)] = len(self.all)
            self.all.append(entry)
        return self._index[id(entry)]


def _check(record: CheckRecord, entries: Sequence[Entry], indexes: Iterable[int]) -> Document:
    own: Entry = entries[0] if entries else {}
    headers = own.get("headers", {})
    took_s = max(0.0, record.ended - record.started)
    finished = record.outcome in ("passed", "failed")
    failed = record.outcome == "failed" and record.test != OWN_TEST
    return {
        "id": record.id,
        "test": record.test,
        "path": record.path or None,
        "outcome": record.outcome,
        "rule": record.rule or None,
        "expected": record.expected if failed else None,
        "actual": record.actual or None,
        "attempts": record.attempts,
        "settled_after_s": record.settled_after_s,
        "flapped": record.flapped,
        "given_up": record.given_up or None,
        "elapsed_s": own.get("elapsed_s", took_s) if finished else None,
        "status": record.status,
        "headers": {name: headers[name] for name in TELLING_HEADERS if name in headers},
        "http_version": own.get("http_version"),
        "sha256": own.get("sha256"),
        "warnings": [*record.warnings],
        "xdist_worker": record.xdist_worker or None,
        "seen_from": record.seen_from or None,
        "observations": [*indexes],
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kept(key: str, value: Any, kept: Callable[[str], str]) -> Any:  # `Any`: JSON's values
    if key in _AS_IT_IS:
        return value
    if isinstance(value, str):
        return kept(value)
    if isinstance(value, dict):
        return {name: _kept(name, part, kept) for name, part in value.items()}
    return [_kept(key, part, kept) for part in value] if isinstance(value, list) else value
