"""Which file of a build output answers an address, as Pages looks for it, and what stands in front of the files. Pure."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final
from urllib.parse import unquote

from pytest_pagesmoke.model import DistTree
from pytest_pagesmoke.recognise import parse_json

#: At the top of a build output these direct the deployment and are no part of the site (wrangler, pages deploy).
_NEVER_ASSETS: Final = frozenset({"_redirects", "_headers", "_routes.json", "_worker.js", "functions", ".wrangler"})
#: Never uploaded, wherever they stand but below a folder whose name begins with a dot, which wrangler's patterns do not enter.
_IGNORED: Final = frozenset({".DS_Store", "node_modules", ".git"})
# In a rule of `_redirects`: any text, and a part between two slashes.
_VARIABLE: Final = re.compile(r"(\*|:[A-Za-z]\w*)")


def is_asset(file: str) -> bool:
    """Whether wrangler uploads this file of a build output as a part of the site."""
    parts = file.split("/")
    if parts[0] in _NEVER_ASSETS:
        return False
    hidden = next((place for place, part in enumerate(parts) if part.startswith(".")), len(parts))
    return _IGNORED.isdisjoint(parts[: hidden + 1])


def file_at(path: str, files: Container[str]) -> str | None:
    """The one of ``files`` that Pages answers ``path`` with, pretty addresses of HTML files included; None where there is none."""
    name = _as_pages_reads(path)[1:]
    if not name or name.endswith("/"):
        candidates = [f"{name}index.html", f"{name[:-1]}.html"]
    else:
        candidates = [name, f"{name}.html", f"{name}/index.html"]
    return next((candidate for candidate in candidates if candidate in files), None)


def is_rewritten(path: str, redirects: str) -> bool:
    """Whether a rule of `_redirects` answers ``path`` with what stands at another one, and 200.

    Of a redirect there is no need to know here: it shows in the answer.
    """
    asked = _as_pages_reads(path)
    return any(re.fullmatch(rule, asked, re.DOTALL) for rule in map(_rewriting, redirects.splitlines()) if rule)


def may_reach_worker(path: str, tree: DistTree, routes: str) -> bool:
    """Whether a request for ``path`` may run code, which answers as it likes. ``routes`` is the text of `_routes.json`.

    Where it cannot be told it may: the routes of functions/ are made at deploy.
    """
    if tree.worker is None:
        return tree.functions
    try:
        rules = parse_json(routes)
    except ValueError:  # none (then all requests run the worker), or one that wrangler refuses
        return True
    if not isinstance(rules, dict):
        return True
    asked = _without_dots(path)
    return not _any_covers(rules.get("exclude"), asked) and _any_covers(rules.get("include"), asked)


def _as_pages_reads(path: str) -> str:
    """The path that is looked up: without its query and dots, decoded once. What cannot be decoded stays as it is (pages-shared, asset-server)."""
    asked = _without_dots(path)
    if re.search(r"%(?![0-9A-Fa-f]{2})", asked):
        return asked
    try:
        return unquote(asked, errors="strict")
    except UnicodeDecodeError:
        return asked


def _without_dots(path: str) -> str:
    """``path`` as clients and servers ask for it: `.` and `..` done, also where they are encoded. None of them leads above the site."""
    parts = path.partition("?")[0].split("/")[1:]
    kept: list[str] = []
    for part in parts:
        plain = re.sub("%2e", ".", part, flags=re.IGNORECASE)
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(part)
    if parts and re.sub("%2e", ".", parts[-1], flags=re.IGNORECASE) in (".", ".."):
        kept.append("")  # such an address is a folder's
    return "/" + "/".join(kept)


def _rewriting(line: str) -> str:
    """The pattern of the paths that a line of `_redirects` rewrites; empty for any other line, and for what Pages drops."""
    words = re.sub(r"\s#.*", "", line.strip()).split()
    if len(words) != 3 or words[0].startswith("#") or words[2] != "200" or not words[1].startswith("/"):
        return ""
    origin, to = words[0] if words[0].startswith("/") else f"/{words[0]}", words[1]
    # Single-page applications bring this line along from other hosts. It would lead to itself, so Pages passes over it.
    if origin.endswith(("/", "/*")) and re.search(r"/index(\.html)?\Z", to):
        return ""
    parts = _VARIABLE.split(_as_pages_reads(origin))
    return "".join(
        re.escape(part) if place % 2 == 0 else ".*" if part == "*" else "[^/]+" for place, part in enumerate(parts)
    )


def _any_covers(rules: object, path: str) -> bool:
    return isinstance(rules, list) and any(isinstance(rule, str) and _covers(rule, path) for rule in rules)


def _covers(rule: str, path: str) -> bool:
    """As `_routes.json` has it: `/a/*` is `/a` and all below, `/a` also `/a/`, and `*` any text."""
    head = ".*".join(map(re.escape, rule.removesuffix("/*").split("*")))
    return re.fullmatch(head + (r"(?:/.*)?" if rule.endswith("/*") else "/?"), path, re.DOTALL) is not None
