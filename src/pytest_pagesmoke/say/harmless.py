"""Text from outside, made safe to show: no terminal escapes, no marks that turn the line around, no endless lines."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 240


def harmless(text: str, *, limit: int = MAX_CHARACTERS) -> str:
    """``text`` in one line, at most ``limit`` characters; what a terminal or a CI log would obey is shown escaped."""
    shown = "".join(char if _is_plain(char) else _escaped(char) for char in text[: limit + 1])
    # Commands to CI logs: at the beginning of a line (GitHub), or anywhere in it (Azure, GitHub's older form, TeamCity).
    shown = re.sub(r"\A(\s*):(?=:)", r"\1\\x3a", shown)
    shown = re.sub(r"#(?=#\w*\[)", r"\\x23", shown)
    return shown[: limit - 1] + "…" if len(shown) > limit else shown


def _is_plain(char: str) -> bool:
    # Cc and Cf: controls and formats (escapes, bidirectional overrides, zero-width marks); Cs, Co, Cn: no characters at all.
    # Zl and Zp: line and paragraph separators, which some viewers break lines at.
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
