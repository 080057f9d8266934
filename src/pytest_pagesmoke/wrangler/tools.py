"""Finding the wrangler that a project has."""

from __future__ import annotations

import shutil
from pathlib import Path


def find_wrangler(start: Path) -> Path | None:
    """`node_modules/.bin/wrangler` at or above ``start``, else the one on the PATH. Never npx: it would fetch one unasked."""
    for folder in (start, *start.parents):
        candidate = folder / "node_modules" / ".bin" / "wrangler"
        if candidate.exists():
            return candidate
    on_path = shutil.which("wrangler")
    return Path(on_path) if on_path else None
