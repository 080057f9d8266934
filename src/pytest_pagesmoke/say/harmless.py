"""Text from outside, made safe to show: no terminal escapes, no marks that turn the line around, no endless lines."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_CHARACTERS: Final = 240
#: Colours of letters, bold, and what ends them: these hide nothing. (Black is for backgrounds, as grey is.)
_CODE: Final = "(?:0?[0-4]|22|23|24|3[1-79]|49|9[0-7])"
_COLOUR: Final = rf"\[(?:{_CODE}(?:;{_CODE})*)?m"
#: What a terminal obeys, or what turns a line around or begins another one, in lines that stay lines.
_OBEYED: Final = re.compile(
    rf"\x1b(?!{_COLOUR})|\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_RESET: Final = "\x1b[0m"


def harmless(text: str, *, limit: int = MAX_CHARACTERS) -> str:
    """``text`` in one line, at most ``limit`` characters; what a terminal or a CI log would obey is shown escaped."""
    shown = "".join(char if _is_plain(char) else _escaped(char) for char in text[: limit + 1])
    shown = _without_commands(shown)
    return shown[: limit - 1] + "…" if len(shown) > limit else shown


def harmless_lines(text: str) -> str:
    """``text`` as it is, in its lines, but for what a terminal or a CI log would obey in them: that is shown escaped."""
    shown = _without_commands(_OBEYED.sub(lambda found: _escaped(found[0]), text))
    colours = re.findall(rf"\x1b{_COLOUR}", shown)
    return shown + _RESET if colours and not re.search(r"[\[;]0*m", colours[-1]) else shown


def _without_commands(text: str) -> str:
    """Commands to CI logs stand at the beginning of a line (GitHub), or anywhere in it (Azure, GitHub's older form, TeamCity)."""
    text = re.sub(r"^([^\S\n]*):(?=:)", r"\1\\x3a", text, flags=re.MULTILINE)
    return re.sub(r"#(?=#\w*\[)", r"\\x23", text)


def _is_plain(char: str) -> bool:
    # Cc and Cf: controls and formats (escapes, bidirectional overrides, zero-width marks); Cs, Co, Cn: no characters at all.
    # Zl and Zp: line and paragraph separators, which some viewers break lines at.
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
