"""The block that a failed check shows: what is wrong, what was seen, how to see it again, what usually causes it."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytest_pagesmoke.model import Answer, Exchange, Finding, LeftOut, NoAnswer, Observation, Probe, Target
from pytest_pagesmoke.redact import with_tokens_apart, without_tokens
from pytest_pagesmoke.say.harmless import MAX_CHARACTERS, harmless

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
#: Request headers whose values nobody hides; of any other that a test sends only the name is shown.
_PLAIN_HEADERS: Final = frozenset(
    "accept accept-encoding accept-language cache-control content-type host if-modified-since if-none-match origin range referer user-agent".split()
)
_LABEL_WIDTH: Final = 10
_MAX_COMMAND: Final = 4000  # characters: a command that is cut off is none, and addresses may hold whole tokens
_PROSE_WIDTH: Final = 68  # with the labels, a terminal of 80 columns


def one_line(finding: Finding) -> str:
    """The finding as it stands behind the test's id in pytest's summary."""
    return _public(finding.line)


def live_failure(finding: Finding, *, target: Target, probe: Probe, observation: Observation, asked: str) -> str:
    """The failure block of a live check; its first line is `one_line`. ``asked``: how often, and how long, it was tried."""
    lines: list[tuple[str, str]] = [
        ("target", _called(target)),
        ("address", observation.url),
        *_finding(finding),
    ]
    lines += [("redirect", f"{hop.status} {hop.url} -> {hop.location}") for hop in observation.hops]
    if isinstance(observation, Answer):
        lines += _telling_headers(observation)
        lines.append(("body", _first_line(observation)))
    else:
        lines += [("it said" if first else "", line) for first, line in _numbered(observation.detail.splitlines())]
    lines.append(("asked", asked))
    if not (isinstance(observation, NoAnswer) and target.starts_here):
        lines.append(("repeat", curl(target, probe)))
    return _block(finding, lines)


def dist_failure(finding: Finding, *, folder: str) -> str:
    """The failure block of a check of the build output."""
    return _block(finding, [("folder", folder), *_finding(finding)])


def last_request(exchange: Exchange) -> str:
    """The last request of a hand-written test that failed, in lines; what its body held is not shown."""
    seen = exchange.seen
    lines = [("target", _called(exchange.target)), ("asked", f"{exchange.method} {seen.url}")]
    if isinstance(seen, Answer):
        lines.append(("got", str(seen.status)))
        lines += _telling_headers(seen)
        lines.append(("body", _first_line(seen) if exchange.whole else "(read by the test, piece by piece)"))
    else:
        lines.append(("got", seen.text))
    lines.append(("took", f"{seen.elapsed_s:.2f} s"))
    said = [(label, [_public(text, limit=1000)]) for label, text in lines]
    return _laid_out([*said, ("repeat", [harmless(_curl_of(exchange), limit=_MAX_COMMAND)])])


def curl(target: Target, probe: Probe) -> str:
    """A command that asks the same; secrets stand in it as `$NAMES`."""
    command = _curl(target, timeout_s=target.manners.timeout_s)
    if probe.accept != "*/*":
        command += f" -H {shlex.quote(f'Accept: {probe.accept}')}"
    own = {name.lower() for name in target.headers}
    if probe.fresh and ("cache-control" not in own or probe.as_stranger):
        command += " -H 'Cache-Control: no-cache'"
    command += _by_name(() if probe.as_stranger else target.headers)
    return f"{command} {_address(probe.address(target))}"


def _address(url: str) -> str:
    """An address as a shell takes it: a token in its query is a variable, too."""
    parts = with_tokens_apart(url)
    return "".join(f'"${_variable(name)}"' if is_token else shlex.quote(name) for name, is_token in parts)


def _curl_of(exchange: Exchange) -> str:
    command = _curl(exchange.target, timeout_s=exchange.timeout_s)
    if exchange.method == "HEAD":
        command += " -I"
    elif exchange.method != ("POST" if exchange.body_bytes else "GET"):
        command += f" -X {shlex.quote(exchange.method)}"
    for name, value in exchange.headers.items():
        if not value:
            command += f" -H {shlex.quote(f'{name};')}"  # curl's own way to send one that is empty
        else:
            command += f" -H {shlex.quote(f'{name}: {value}')}" if name in _PLAIN_HEADERS else _by_name([name])
    own = [name for name in exchange.own if name.lower() not in exchange.headers]
    command += _by_name(own)
    if exchange.body_bytes:
        if "content-type" not in {*exchange.headers, *(name.lower() for name in own)}:
            command += " -H content-type:"  # else curl calls it a form
        command += ' --data-raw "$BODY"'  # and not --data-binary, to which one that begins with @ is a file's name
    if re.search(r"[][{}]", exchange.seen.url):
        command += " -g"  # brackets are no patterns
    return f"{command} {_address(exchange.seen.url)}"


def _curl(target: Target, *, timeout_s: float) -> str:
    command = f"curl -sS -i --compressed --max-time {timeout_s:g}"
    if target.manners.user_agent:
        command += f" -A {shlex.quote(target.manners.user_agent)}"
    if target.manners.ca_file:
        command += f" --cacert {shlex.quote(target.manners.ca_file)}"
    return command


def _by_name(headers: Iterable[str]) -> str:
    """Headers whose values are not shown: whoever runs the command sets them."""
    return "".join(f' -H "{_quoted(name)}: ${_variable(name)}"' for name in headers)


def _quoted(name: str) -> str:
    """As it stands between double quotes. A header's name may hold much that a shell would obey."""
    return re.sub(r'["$`\\]', r"\\\g<0>", name)


def _variable(name: str) -> str:
    return re.sub(r"\A(?=\d)|\W", "_", name.upper(), flags=re.ASCII)


def _called(target: Target) -> str:
    return target.name if target.name == target.kind else f"{target.name} ({target.kind})"


def _telling_headers(answer: Answer) -> list[tuple[str, str]]:
    headers = [f"{name}: {answer.headers[name]}" for name in TELLING_HEADERS if name in answer.headers]
    return [("headers" if first else "", header) for first, header in _numbered(headers)]


def tidied(observation: Observation) -> str:
    """The redirects that were followed, one a line; empty where there were none."""
    return "\n".join(_public(f"followed {hop.status} {hop.url} -> {hop.location}") for hop in observation.hops)


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "expected", finding.expected
    yield "got", finding.actual
    for first, line in _numbered(finding.diff):
        yield ("differs" if first else ""), line
    if finding.hint:
        yield "hint", finding.hint


def _block(finding: Finding, lines: Sequence[tuple[str, str]]) -> str:
    rule = finding.rule
    said = [
        (label, [harmless(text, limit=1000) if label == "repeat" else _public(text, limit=1000)])
        for label, text in lines
    ]
    said += [("cause", _prose(rule.cause)), ("fix", _prose(rule.fix))]
    said.append(("rule", [f"docs/rules.md#{rule.id}"]))
    return f"{one_line(finding)}\n\n{_laid_out(said)}"


def _laid_out(said: Iterable[tuple[str, Sequence[str]]]) -> str:
    return "\n".join(
        f"  {label if first else '':<{_LABEL_WIDTH}}{line}".rstrip()
        for label, text in said
        for first, line in _numbered(text)
    )


def _prose(text: str) -> list[str]:
    """``text`` in lines of a terminal; what stands in backticks is for copying, and stays whole."""
    kept = re.sub(r"`[^`]*`", lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(kept, _PROSE_WIDTH, break_on_hyphens=False, break_long_words=False)
    return [line.replace("\0", " ") for line in lines]


def _public(text: str, *, limit: int = MAX_CHARACTERS) -> str:
    """Text from outside as it may be shown. (Tokens and passwords go before it is cut off: a part of one would be no less.)"""
    return harmless(without_tokens(text), limit=limit)


def _numbered(lines: Sequence[str]) -> Iterator[tuple[bool, str]]:
    return ((index == 0, line) for index, line in enumerate(lines))


def _first_line(answer: Answer) -> str:
    if not answer.size_bytes:
        return "(empty)"
    try:
        beginning = answer.beginning
    except LeftOut as why:  # which takes nothing from the verdict
        return f"({answer.size_bytes:,} bytes; {why})"
    if "\0" in beginning[:1024]:
        return f"({answer.size_bytes:,} bytes, binary)"
    line = next((line.strip() for line in beginning.splitlines() if line.strip()), "")
    return _public(line) or "(white space)"
