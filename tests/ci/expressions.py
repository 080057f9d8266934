"""The small language in which a CI says when a job runs, and with what: `&&`, `||`, `==`, `!=`, `!`, texts, and names to look up.

GitHub and GitLab spell names differently and agree on the rest. Both sides of an operator are always evaluated, so that every name is looked up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Value = str | bool | None
Lookup = Callable[[str], Value]

_TOKEN = re.compile(r"""\s*(\|\||&&|==|!=|!|\((?!\))|\)|'[^']*'|"[^"]*"|\$?[A-Za-z_][\w.-]*(?:\(\))?)""")


def by_table(*tables: Mapping[str, Value]) -> Lookup:
    """What stands in no table has no value that we know of: then the test is to fail, and not to run something else than the CI."""

    def find(name: str) -> Value:
        for table in tables:
            if name in table:
                return table[name]
        raise LookupError(f"{name} stands in no table of the test")

    return find


def evaluate(text: str, lookup: Lookup) -> Value:
    return _Reader(_tokens(text), lookup).whole()


def holds(text: str, lookup: Lookup) -> bool:
    return evaluate(text, lookup) not in (None, False, "")


def filled_in(text: str, lookup: Lookup) -> str:
    """A text of GitHub's, with a value for each `${{ … }}`."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: _as_text(evaluate(match[1], lookup)), text, flags=re.DOTALL)


def condition(text: str) -> str:
    """An `if:` of GitHub's, which may stand in `${{ … }}` or not."""
    match = re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", text, re.DOTALL)
    return match[1] if match else text


def _as_text(value: Value) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text!r}: what stands at {text[at:]!r}?")
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Reader:
    def __init__(self, tokens: list[str], lookup: Lookup) -> None:
        self._left = tokens[::-1]
        self._lookup = lookup

    def whole(self) -> Value:
        value = self._either()
        if self._left:
            raise ValueError(f"more follows: {self._left[::-1]}")
        return value

    def _taken(self, *tokens: str) -> str | None:
        return self._left.pop() if self._left and self._left[-1] in tokens else None

    def _either(self) -> Value:
        value = self._both()
        while self._taken("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Value:
        value = self._compared()
        while self._taken("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Value:
        value = self._one()
        while operator := self._taken("==", "!="):
            value = (value == self._one()) is (operator == "==")
        return value

    def _one(self) -> Value:
        if self._taken("!"):
            return not self._one()
        if self._taken("("):
            value = self._either()
            if not self._taken(")"):
                raise ValueError("a bracket is not closed")
            return value
        token = self._left.pop()
        return token[1:-1] if token[0] in "'\"" else self._lookup(token)
