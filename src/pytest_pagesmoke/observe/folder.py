"""A build output on the disk -> DistTree."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pytest_pagesmoke.model import Built, DistTree, WorkerFiles

_WORKER: Final = "_worker.js"
_SCRIPTS: Final = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx"})
_IMPLIED: Final = (".tsx", ".ts", ".jsx", ".js", ".css", ".json")  # what an import may leave out, in esbuild's order
# Where a module names another one. Tolerant on purpose: what it names too much is no file and is passed over.
_IMPORT: Final = re.compile(rb"""(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*(["'])([^"'\s]+)\1""")
# A line of documentation, which shows how others import the module. (But `* as name from "…"` may stand on a line of its own.)
_DOCUMENTATION: Final = re.compile(rb"[^\S\n]*(?://|\*(?!\s*as\b))")
_PACKAGE: Final = re.compile(r"#.+|(?:@[\w.~-]+/)?[\w~-][\w.~-]*(?:/.*)?")
_BUILT_IN: Final = re.compile(r"(?:node|cloudflare|workerd):")


def observe_folder(path: Path, *, project: Path) -> DistTree:
    """Look at the build output ``path`` of the project in ``project``. A folder that is not there is an observation, too."""
    shown = path.as_posix().rstrip("/")
    mode, _ = _mode_and_size(path)
    if not stat.S_ISDIR(mode):
        return DistTree(path=shown, kind="file" if mode else "missing", functions=_has_functions(project))
    files = dict(sorted(_walk(path)))
    return DistTree(
        path=shown, kind="folder", files=files, worker=_worker(path, files), functions=_has_functions(project)
    )


def observe_file(path: Path, *, shown: str, struck: Callable[[bytes], bytes]) -> Built:
    """Look into one file of a build output, which is ``shown`` to the user. ``struck`` takes out of it what is taken out of answers."""
    try:
        content = struck(path.read_bytes())
    except OSError as error:  # no right to read it, or gone since
        return Built(file=shown, flaw=f"{shown} cannot be read ({error.strerror})")
    return Built(file=shown, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def text_of(path: Path) -> str:
    """The text of a file that directs a deployment; empty where it cannot be read, as where there is none."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """Every file below ``root`` with its size, links followed as wrangler does. A folder inside itself is not entered again."""
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(root, frozenset())]
    while waiting:
        folder, around = waiting.pop()
        try:
            status = folder.stat()
            entries = sorted(folder.iterdir())
        except OSError:  # not readable, or gone since: wrangler could not upload it either
            continue
        if (status.st_dev, status.st_ino) in around:
            continue
        around |= {(status.st_dev, status.st_ino)}
        for entry in entries:
            mode, size = _mode_and_size(entry)
            if stat.S_ISDIR(mode):
                waiting.append((entry, around))
            elif stat.S_ISREG(mode):  # no FIFO: reading one would never end
                yield entry.relative_to(root).as_posix(), size


def _mode_and_size(path: Path) -> tuple[int, int]:
    """Of what stands at ``path``, links followed. Zeros for what cannot be reached: a dangling link, a name too long, a closed folder."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mode, status.st_size


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(_mode_and_size(path)[0])


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
        size_bytes=sum(_mode_and_size(path)[1] for path in everything),
        packages=packages,
    )


def _imports(entry: Path) -> tuple[set[Path], tuple[str, ...]]:
    """All files that ``entry`` imports, however far, and the packages that it and they import by name."""
    found: set[Path] = set()
    packages: set[str] = set()
    waiting = [entry.resolve()]
    while waiting:
        module = waiting.pop()
        source = _source(module)
        for match in _IMPORT.finditer(source):
            if _DOCUMENTATION.match(source, source.rfind(b"\n", 0, match.start()) + 1, match.start()):
                continue
            name = match[2].decode("utf-8", errors="replace")
            if not name.startswith("."):
                if not _BUILT_IN.match(name) and _PACKAGE.fullmatch(name) and not name.startswith(("http:", "https:")):
                    packages.add(name)
            elif (target := _resolve(Path(os.path.normpath(module.parent / name)))) and target not in found:
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
        *(Path(f"{path}{suffix}") for suffix in _IMPLIED),
        *(path / f"index{suffix}" for suffix in _IMPLIED),
    ]
    return next((candidate.resolve() for candidate in candidates if _is_file(candidate)), None)


def _has_functions(project: Path) -> bool:
    functions = project / "functions"
    return any(Path(name).suffix in _SCRIPTS for _, _, names in os.walk(functions) for name in names)
