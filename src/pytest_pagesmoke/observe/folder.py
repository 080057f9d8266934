"""A build output on the disk -> DistTree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_pagesmoke.model import DistTree, WorkerFiles

_WORKER: Final = "_worker.js"
_SCRIPTS: Final = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx"})
# Where a module names another one. Tolerant on purpose: what it names too much is no file and is passed over.
_IMPORT: Final = re.compile(rb"""(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*(["'])([^"'\s]+)\1""")
_BUILT_IN: Final = re.compile(r"(?:node|cloudflare|workerd):")


def observe_folder(path: Path, *, project: Path) -> DistTree:
    """Look at the build output ``path`` of the project in ``project``. A folder that is not there is an observation, too."""
    shown = path.as_posix().rstrip("/")
    if not path.is_dir():
        return DistTree(path=shown, kind="file" if path.exists() else "missing", functions=_has_functions(project))
    files = dict(sorted(_walk(path)))
    return DistTree(
        path=shown, kind="folder", files=files, worker=_worker(path, files), functions=_has_functions(project)
    )


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Every file below ``root`` with its size, links followed as wrangler does. A folder inside itself is entered once."""
    entered: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            entries = sorted(folder.iterdir())
        except OSError:  # not readable, or gone since: wrangler could not upload it either
            continue
        for entry in entries:
            if entry.is_dir():
                waiting.append(entry)
            elif entry.is_file():  # no dangling link, no FIFO
                yield entry.relative_to(root).as_posix(), entry.stat().st_size


def _worker(root: Path, files: dict[str, int]) -> WorkerFiles | None:
    """The worker, as Pages recognises it: `_worker.js`, a file with content or a folder with `index.js`."""
    below = {name: size for name, size in files.items() if name.startswith(f"{_WORKER}/")}
    if files.get(_WORKER):
        entry, own = root / _WORKER, {root / _WORKER}
    elif below.get(f"{_WORKER}/index.js"):
        entry = root / _WORKER / "index.js"
        own = {root / name for name in below if not name.endswith(".map")}
    else:
        return None
    imported, packages = _imports(entry)
    everything = {path.resolve() for path in own | imported}
    return WorkerFiles(
        path=entry.relative_to(root).as_posix(),
        size_bytes=sum(path.stat().st_size for path in everything),
        packages=packages,
    )


def _imports(entry: Path) -> tuple[set[Path], tuple[str, ...]]:
    """All files that ``entry`` imports, however far, and the packages that it and they import by name."""
    found: set[Path] = set()
    packages: set[str] = set()
    waiting = [entry.resolve()]
    while waiting:
        module = waiting.pop()
        for match in _IMPORT.finditer(_source(module)):
            name = match[2].decode("utf-8", errors="replace")
            if not name.startswith("."):
                if not _BUILT_IN.match(name) and not name.startswith(("/", "http:", "https:")):
                    packages.add(name)
            elif (target := _resolve(module.parent / name)) and target not in found:
                found.add(target)
                waiting.append(target)
    return found, tuple(sorted(packages))


def _source(module: Path) -> bytes:
    if module.suffix not in _SCRIPTS:  # JSON, text, wasm: imported, and importing nothing
        return b""
    try:
        return module.read_bytes()
    except OSError:  # not readable: it counts with its size, and wrangler will say what is wrong with it
        return b""


def _resolve(path: Path) -> Path | None:
    """The file that esbuild takes for a relative import without an extension, too."""
    candidates = [
        path,
        *(path.with_name(path.name + suffix) for suffix in _SCRIPTS),
        *(path / f"index{suffix}" for suffix in _SCRIPTS),
    ]
    return next((candidate.resolve() for candidate in candidates if candidate.is_file()), None)


def _has_functions(project: Path) -> bool:
    functions = project / "functions"
    return any(Path(name).suffix in _SCRIPTS for _, _, names in os.walk(functions) for name in names)
