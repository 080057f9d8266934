"""What a conftest.py lays over the settings: `pagesmoke_headers`, `pagesmoke_timeout_s`, `pagesmoke_user_agent`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from pytest_pagesmoke.model import Target


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """The values of the three fixtures. Seconds; None is as the settings have it. An empty header is left out."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float | None = None
    user_agent: str | None = None

    def on(self, target: Target) -> Target:
        """``target`` as it is asked with these: itself, where there is nothing to lay over it."""
        if self == Overrides():
            return target
        laid_over = {name.lower() for name in self.headers}
        manners = target.manners
        if self.timeout_s is not None:
            manners = replace(manners, timeout_s=float(self.timeout_s))
        if self.user_agent is not None:
            manners = replace(manners, user_agent=self.user_agent)
        kept = {name: value for name, value in target.headers.items() if name.lower() not in laid_over}
        given = {name: value for name, value in self.headers.items() if value}
        return replace(target, headers={**kept, **given}, manners=manners)


def read_overrides(headers: object, timeout_s: object, user_agent: object) -> Overrides:
    """What the fixtures gave. Fails the test whose set-up this is where that is nothing to ask with; no value is shown."""
    if not isinstance(headers, Mapping) or not all(isinstance(part, str) for pair in headers.items() for part in pair):
        pytest.fail("pagesmoke_headers takes a dict of texts: {'Authorization': '…'}", pytrace=False)
    for name, value in headers.items():
        if _has_line_break(name):
            pytest.fail("pagesmoke_headers: a header's name has a line break; it is not shown", pytrace=False)
        if _has_line_break(value):
            pytest.fail(f"pagesmoke_headers: {name!r} has a line break in its value, which is not shown", pytrace=False)
        if not (name + value).isascii():  # what is in the environment and no text becomes half characters
            pytest.fail(
                "pagesmoke_headers: a header has a character that no header can have; it is not shown", pytrace=False
            )
    if timeout_s is not None and (
        isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 < timeout_s < math.inf
    ):
        pytest.fail(f"pagesmoke_timeout_s takes a number of seconds above 0, not {timeout_s!r}", pytrace=False)
    if user_agent is not None and (not isinstance(user_agent, str) or not user_agent.isprintable() or not user_agent):
        pytest.fail(f"pagesmoke_user_agent takes a text in one line, not {user_agent!r}", pytrace=False)
    return Overrides(headers=dict(headers), timeout_s=timeout_s, user_agent=user_agent)


def _has_line_break(text: str) -> bool:
    return "\n" in text or "\r" in text
