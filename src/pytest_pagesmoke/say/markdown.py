"""The summary as Markdown: a file, a CI job's summary. Whatever a server sent is text in it, never markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_pagesmoke.model import CheckRecord
from pytest_pagesmoke.registry import rule_groups
from pytest_pagesmoke.say.summary import Entry, Summary, failure_lines

_SIGNS: Final = {"GOOD": "✅", "BROKEN": "❌", "INCOMPLETE": "⚠️"}
#: Lines of one kind: failures of a rule, notes. A job's summary may hold 1 MiB, of all that its step writes there; and nobody reads more.
_MAX_LINES: Final = 50
_IN_LOG: Final = "What is called “above” here, and the answers themselves, stand in the output of the run."


def markdown(summary: Summary) -> str:
    """The summary as a document of its own, or a part of one."""
    return "\n".join(_parts(summary)) + "\n"


def _parts(summary: Summary) -> Iterator[str]:
    yield f"## {_SIGNS[summary.verdict]} pagesmoke: {summary.verdict}\n"
    yield from _table(summary)
    causes = [entry for entry in summary.entries if entry.label == "cause"]
    for cause in causes:
        yield f"**Cause:** {_plain(cause.text)}\n"
    for label in ("next", "verify"):
        if steps := [entry.text for entry in summary.entries if entry.label == label]:
            yield f"**{label.capitalize()}:**\n"
            yield _block(steps)
    yield from _failures(summary.failures, is_open=not causes)
    if notes := [entry for entry in summary.entries if entry.label not in ("cause", "next", "verify")]:
        yield _block([_labelled(note) for note in notes])


def _table(summary: Summary) -> Iterator[str]:
    if not summary.rows:
        yield "Nothing was checked.\n"
        return
    head = ("target", "address", "verdict", *summary.columns, "time")
    yield _row(head)
    yield _row(["---"] * len(head))
    for row in summary.rows:
        yield _row([_plain(row.name), _address(row.address), f"**{row.verdict}**", *map(_plain, row.cells), row.time])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _address(address: str) -> str:
    """A link, where nothing in it could be anything else."""
    return f"<{address}>" if re.fullmatch(r"https?://[\w.:/~-]+", address, re.ASCII) else _plain(address)


def _plain(text: str) -> str:
    """Text that no renderer takes for markup, nor for an address to link to: as it is, but for characters that may be, as entities."""
    return re.sub(
        r"[\\`*{}\[\]<>#+!|~$&@^=\"]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.",
        lambda found: f"&#{ord(found[0])};",
        text,
    )


def _failures(failures: Sequence[CheckRecord], *, is_open: bool) -> Iterator[str]:
    """Under each rule what broke it, what usually causes that, and the fix. ``is_open``: shown unasked, where no cause says it all."""
    if not failures:
        return
    by_rule: dict[str, list[CheckRecord]] = {}
    for record in failures:
        by_rule.setdefault(record.rule, []).append(record)
    rules = {rule.id: rule for _, group in rule_groups() for rule in group}
    count = f"{len(failures)} failure{'s' if len(failures) > 1 else ''}"
    yield f"<details{' open' if is_open else ''}><summary>{count}</summary>\n"
    for name, records in by_rule.items():
        yield _block(failure_lines(records))
        if rule := rules.get(name):  # a hand-written test breaks none
            yield f"**{rule.id}:** {rule.cause} *What to do:* {rule.fix}\n"
    yield f"{_IN_LOG}\n\n</details>\n"


def _labelled(entry: Entry) -> str:
    return f"{'' if entry.continues else entry.label:<10}{entry.text}"


def _block(lines: Sequence[str]) -> str:
    """Lines as they are, to be copied. The fence is longer than any in them."""
    more = [f"and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
    text = "\n".join([*lines[:_MAX_LINES], *more])
    ticks = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}text\n{text}\n{fence}\n"
