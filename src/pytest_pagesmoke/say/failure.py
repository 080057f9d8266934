"""The block that a failed check shows: what is wrong, what was seen, how to see it again, what usually causes it."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_pagesmoke.model import Answer, Finding, NoAnswer, Observation, Probe, Target
from pytest_pagesmoke.say.harmless import harmless

#: The headers that tell who answered, and from where.
TELLING_HEADERS: Final = (
    "server",
    "cf-ray",
    "cf-cache-status",
    "cf-mitigated",
    "age",
    "retry-after",
    "content-type",
    "location",
)
_LABEL_WIDTH: Final = 10
_PROSE_WIDTH: Final = 68  # with the labels, a terminal of 80 columns


def one_line(finding: Finding) -> str:
    """The finding as it stands behind the test's id in pytest's summary."""
    return harmless(finding.line)


def live_failure(finding: Finding, *, target: Target, probe: Probe, observation: Observation) -> str:
    """The failure block of a live check; its first line is `one_line`."""
    lines: list[tuple[str, str]] = [
        ("target", target.name if target.name == target.kind else f"{target.name} ({target.kind})"),
        ("address", observation.url),
        *_finding(finding),
    ]
    lines += [("redirect", f"{hop.status} {hop.url} -> {hop.location}") for hop in observation.hops]
    if isinstance(observation, Answer):
        headers = [f"{name}: {observation.headers[name]}" for name in TELLING_HEADERS if name in observation.headers]
        lines += [("headers" if first else "", header) for first, header in _numbered(headers)]
        lines.append(("body", _first_line(observation)))
    else:
        lines += [("it said" if first else "", line) for first, line in _numbered(observation.detail.splitlines())]
    lines.append(("asked", f"once, {observation.elapsed_s:.2f} s"))
    if not (isinstance(observation, NoAnswer) and target.starts_here):
        lines.append(("repeat", curl(target, probe)))
    return _block(finding, lines)


def dist_failure(finding: Finding, *, folder: str) -> str:
    """The failure block of a check of the build output."""
    return _block(finding, [("folder", folder), *_finding(finding)])


def curl(target: Target, probe: Probe) -> str:
    """A command that asks the same; secrets stand in it as `$NAMES`."""
    command = f"curl -sS -i --compressed --max-time {target.manners.timeout_s:g}"
    if target.manners.user_agent:
        command += f" -A {shlex.quote(target.manners.user_agent)}"
    if target.manners.ca_file:
        command += f" --cacert {shlex.quote(target.manners.ca_file)}"
    if probe.accept != "*/*":
        command += f" -H {shlex.quote(f'Accept: {probe.accept}')}"
    for name in () if probe.as_stranger else target.headers:
        command += f' -H "{name}: ${name.upper().replace("-", "_")}"'
    return f"{command} {shlex.quote(probe.address(target))}"


def tidied(observation: Observation) -> str:
    """The redirects that were followed, one a line; empty where there were none."""
    return "\n".join(harmless(f"followed {hop.status} {hop.url} -> {hop.location}") for hop in observation.hops)


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "expected", finding.expected
    yield "got", finding.actual
    if finding.hint:
        yield "hint", finding.hint


def _block(finding: Finding, lines: Sequence[tuple[str, str]]) -> str:
    rule = finding.rule
    said = [(label, [harmless(text, limit=1000)]) for label, text in lines]
    said += [("cause", _prose(rule.cause)), ("fix", _prose(rule.fix))]
    said.append(("rule", [f"docs/rules.md#{rule.id}"]))
    block = [
        f"  {label if first else '':<{_LABEL_WIDTH}}{line}".rstrip()
        for label, text in said
        for first, line in _numbered(text)
    ]
    return "\n".join([one_line(finding), "", *block])


def _prose(text: str) -> list[str]:
    """``text`` in lines of a terminal; what stands in backticks is for copying, and stays whole."""
    kept = re.sub(r"`[^`]*`", lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(kept, _PROSE_WIDTH, break_on_hyphens=False, break_long_words=False)
    return [line.replace("\0", " ") for line in lines]


def _numbered(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((index == 0, line) for index, line in enumerate(lines))


def _first_line(answer: Answer) -> str:
    if not answer.body:
        return "(empty)"
    if b"\0" in answer.body[:1024]:
        return f"({len(answer.body):,} bytes, binary)"
    line = next((line.strip() for line in answer.text.splitlines() if line.strip()), "")
    return harmless(line) or "(white space)"
