"""docs/rules.md, made from the rules."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_pagesmoke.checks.health import (
    FALSE_KEYS,
    HEALTHY_WORDS,
    MODE_KEYS,
    NEEDLESS_WORDS,
    SWITCH_KEYS,
    UNHEALTHY_WORDS,
)
from pytest_pagesmoke.model import Rule

_HEAD = """\
# Rules

What a check can find, and what to do about it. A failure names its rule: `page-status: expected 200, got 404`.
What a text calls "above" stands in the failure. This page is made from the rules in the code (`make docs`); a test holds the two together.
"""


def rules_page(groups: Sequence[tuple[str, Sequence[Rule]]]) -> str:
    """The page: one part a group of checks, one section a rule."""
    parts = [
        _HEAD,
        "\n".join(f"- {title}: {', '.join(f'[`{rule.id}`](#{rule.id})' for rule in rules)}" for title, rules in groups),
    ]
    for title, rules in groups:
        parts.append(f"\n## {title}")
        parts += [f"\n### {rule.id}\n\n**{rule.title}.** {rule.cause}\n\n*What to do:* {rule.fix}" for rule in rules]
    parts.append(_health_words())
    return "\n".join(parts)


def _health_words() -> str:
    return f"""
## What counts as healthy

An endpoint that answers JSON is healthy where `status` is one of {_words(HEALTHY_WORDS)} (any case), or `ok` or `healthy` is true,
and no part anywhere below says the opposite: `false`, `not` and another word (but {_words(NEEDLESS_WORDS)}), or one of these words (any case,
alone or before a `:`, `,`, `;` or `(`): {_words(UNHEALTHY_WORDS)}.

Under keys that name a mode these say nothing, whether written `readOnly`, `read_only` or `isReadOnly`:
{_words(MODE_KEYS)}; keys that are themselves an unhealthy word (`"down": false`); and whatever ends in `error` or `errors`.
Under {_words(FALSE_KEYS)} `false` says nothing either, but a word does.
What stands below {_words(SWITCH_KEYS)} is switches, and not looked at.
"""


def _words(words: frozenset[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))
