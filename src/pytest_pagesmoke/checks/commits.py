"""Whether two names are of one commit: whole hashes, abbreviated ones, and names that are no hash. Pure."""

from __future__ import annotations

import re
from typing import Final

#: To how many digits git abbreviates a hash, unless it is told otherwise.
SHORTEST: Final = 7
_WHOLE: Final = (40, 64)  # digits, of SHA-1 and SHA-256
_HASH: Final = re.compile(rf"[0-9a-fA-F]{{{SHORTEST},{_WHOLE[-1]}}}")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
# `git describe --dirty` and the like: what was built is not what was committed. `A...B` compares, and is of B; but `A...` is cut off.
_WORD: Final = re.compile(
    rf"(?<!\w){_HASH.pattern}(?!\w|[-+.](?:dirty|modified|changed|local|wip)|\.\.\.?\w)", re.IGNORECASE
)


def is_hash(name: str) -> bool:
    """Whether this may be a commit's hash, whole or abbreviated."""
    return _HASH.fullmatch(name) is not None


def is_surely_hash(name: str) -> bool:
    """The same where nobody said that it is one: a number may be anything."""
    return is_hash(name) and (len(name) in _WHOLE or not name.isdecimal())


def same(one: str, other: str) -> bool:
    """Whether both name one commit: an abbreviated hash is any that begins so. Other names must be equal."""
    one, other = one.strip(), other.strip()
    if not (_HEX.fullmatch(one) and _HEX.fullmatch(other)):
        return one == other
    shorter, longer = sorted((one.lower(), other.lower()), key=len)
    return longer == shorter or (is_hash(longer) and _is_abbreviated(shorter) and longer.startswith(shorter))


def _is_abbreviated(digits: str) -> bool:
    return SHORTEST <= len(digits) < min(_WHOLE)


def hashes_in(text: str) -> list[str]:
    """The words of ``text`` that may be hashes, each once."""
    return list(dict.fromkeys(_WORD.findall(text)))


def holds_name(text: str, name: str) -> bool:
    """Whether ``name`` stands in ``text`` and is no part of a longer one: `v1.2` in `v1.2.3`, `main-1` in `main-1-fix`."""
    return re.search(rf"(?<!\w)(?<!\w[-+.]){re.escape(name)}(?!\w|[-+.~@]\w)", text) is not None
