"""A build output on the disk -> DistTree: what is there, and how large the worker is with all that it imports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_pagesmoke.model import Built, DistTree, WorkerFiles
from pytest_pagesmoke.observe.folder import observe_file, observe_folder, text_of

SCRIPT = "export default { fetch };\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def observe(project: Path) -> DistTree:
    return observe_folder(project / "dist", project=project)


def worker_of(project: Path, files: Mapping[str, str]) -> WorkerFiles:
    """The worker in a build output of these files; paths are from the project."""
    worker = observe(write(project, files)).worker
    assert worker is not None
    return worker


def sizes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)


class TestWhatIsThere:
    def test_missing(self, project: Path) -> None:
        assert observe(project) == DistTree(path=(project / "dist").as_posix(), kind="missing")

    def test_a_file(self, project: Path) -> None:
        write(project, {"dist": "not a folder"})
        assert observe(project).kind == "file"

    def test_a_dangling_link_is_missing(self, project: Path) -> None:
        (project / "dist").symlink_to("nowhere")
        assert observe(project).kind == "missing"

    def test_a_link_to_itself_is_missing(self, project: Path) -> None:
        (project / "dist").symlink_to("dist")
        assert observe(project).kind == "missing"

    @pytest.mark.parametrize("name", ["a" * 300, "a\0b"], ids=["too long", "with a null"])
    def test_a_name_that_no_file_can_have_is_missing(self, project: Path, name: str) -> None:
        assert observe_folder(project / name, project=project).kind == "missing"

    def test_empty(self, project: Path) -> None:
        (project / "dist").mkdir()
        tree = observe(project)
        assert (tree.kind, tree.files, tree.worker, tree.functions) == ("folder", {}, None, False)

    def test_a_trailing_slash_is_not_shown(self, project: Path) -> None:
        (project / "dist").mkdir()
        assert observe_folder(Path(f"{project}/dist/"), project=project).path == (project / "dist").as_posix()

    def test_files_with_their_sizes_in_order(self, project: Path) -> None:
        write(project, {"dist/z.txt": "", "dist/a/b/ü.css": "12345", "dist/.well-known/x": "1", "dist/a.html": "12"})
        files = observe(project).files
        assert list(files.items()) == [(".well-known/x", 1), ("a.html", 2), ("a/b/ü.css", 5), ("z.txt", 0)]

    @pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
    def test_a_closed_folder_is_passed_over(self, project: Path) -> None:
        closed = write(project, {"dist/closed/x": "1", "dist/open": "1"}) / "dist" / "closed"
        closed.chmod(0)
        try:
            assert list(observe(project).files) == ["open"]
        finally:
            closed.chmod(0o700)


class TestLinks:
    """Wrangler follows links, out of the folder too; a link that leads nowhere is not among the files."""

    def test_dangling(self, project: Path) -> None:
        write(project, {"dist/a": "1"})
        (project / "dist" / "dangling").symlink_to("nowhere")
        (project / "dist" / "itself").symlink_to("itself")
        assert list(observe(project).files) == ["a"]

    def test_out_of_the_folder(self, project: Path) -> None:
        write(project, {"dist/a": "1", "elsewhere/b": "22", "c": "333"})
        (project / "dist" / "folder").symlink_to(project / "elsewhere")
        (project / "dist" / "file").symlink_to("../c")
        assert observe(project).files == {"a": 1, "file": 3, "folder/b": 2}

    @pytest.mark.parametrize("to", [".", "..", "../..", "../../dist"])
    def test_a_folder_inside_itself_is_entered_once(self, project: Path, to: str) -> None:
        write(project, {"dist/a/b": "1"})
        (project / "dist" / "a" / "loop").symlink_to(to)
        files = observe(project).files
        assert files["a/b"] == 1
        assert len(files) <= 2  # the project's own folder, around dist, has the loop's other end

    def test_a_folder_with_two_names_is_there_under_both(self, project: Path) -> None:
        write(project, {"dist/v1/app.js": "1"})
        (project / "dist" / "latest").symlink_to("v1")
        assert list(observe(project).files) == ["latest/app.js", "v1/app.js"]

    def test_the_output_itself_may_be_a_link(self, project: Path) -> None:
        write(project, {"build/out/a": "1"})
        (project / "dist").symlink_to("build/out")
        assert observe(project).files == {"a": 1}

    def test_a_worker_that_is_a_link_has_its_target_s_size(self, project: Path) -> None:
        write(project, {"build/worker.js": SCRIPT, "dist/a": ""})
        (project / "dist" / "_worker.js").symlink_to("../build/worker.js")
        worker = observe(project).worker
        assert worker is not None
        assert worker.size_bytes == len(SCRIPT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
class TestFifo:
    """Opening one would wait for ever: nothing here may."""

    def test_is_no_file(self, project: Path) -> None:
        write(project, {"dist/a": "1"})
        os.mkfifo(project / "dist" / "fifo")
        assert list(observe(project).files) == ["a"]

    def test_as_worker_is_none(self, project: Path) -> None:
        (project / "dist").mkdir()
        os.mkfifo(project / "dist" / "_worker.js")
        assert observe(project).worker is None

    def test_as_import_is_passed_over(self, project: Path) -> None:
        script = "import './fifo.js';"
        write(project, {"dist/_worker.js": script})
        os.mkfifo(project / "dist" / "fifo.js")
        worker = observe(project).worker
        assert worker is not None
        assert worker.size_bytes == len(script)

    def test_in_place_of_the_output(self, project: Path) -> None:
        os.mkfifo(project / "dist")
        assert observe(project).kind == "file"


class TestNoWorker:
    @pytest.mark.parametrize(
        "files",
        [
            {"dist/index.html": "<!doctype html>"},
            {"dist/_worker.js": ""},
            {"dist/_worker.js/main.js": SCRIPT},
            {"dist/_worker.js/index.js": ""},
            {"dist/_worker.js/sub/index.js": SCRIPT},
            {"dist/_worker.mjs": SCRIPT},
            {"dist/sub/_worker.js": SCRIPT},
            {"_worker.js": SCRIPT, "dist/a": ""},
        ],
        ids=[
            "none", "file of 0 bytes", "folder without index.js", "index.js of 0 bytes", "index.js further down",
            "another name", "further down", "beside the output",
        ],
    )  # fmt: skip
    def test_is_none(self, project: Path, files: Mapping[str, str]) -> None:
        assert observe(write(project, files)).worker is None


class TestWorkerFile:
    def test_alone(self, project: Path) -> None:
        assert worker_of(project, {"dist/_worker.js": SCRIPT, "dist/_worker.js.map": "map", "dist/app.js": "x"}) == (
            WorkerFiles(path="_worker.js", size_bytes=len(SCRIPT))
        )

    @pytest.mark.parametrize(
        "statement",
        [
            "import x from './part.js';",
            'import x from "./part.js"',
            "import './part.js';",
            "import{x}from'./part.js';",
            "import*as x from'./part.js';",
            "export * from './part.js';",
            "export { x } from\n'./part.js';",
            "const x = await import('./part.js');",
            "const x = await import( './part.js' );",
            "const x = require('./part.js');",
            "import x from './part';",
            "import x from './sub/../part.js';",
        ],
    )
    def test_with_an_import(self, project: Path, statement: str) -> None:
        worker = worker_of(project, {"dist/_worker.js": statement, "dist/part.js": SCRIPT})
        assert worker.size_bytes == sizes(statement, SCRIPT)

    def test_all_that_the_imports_import_however_far(self, project: Path) -> None:
        files = {
            "dist/_worker.js": "import './a.js';",
            "dist/a.js": "import './sub/b.mjs';",
            "dist/sub/b.mjs": "import '../c.cjs';",
            "dist/c.cjs": "require('./d.json')",
            "dist/d.json": "{}",
            "dist/unused.js": SCRIPT,
        }
        used = [text for name, text in files.items() if "unused" not in name]
        assert worker_of(project, files).size_bytes == sizes(*used)

    @pytest.mark.parametrize("entry", ["./a.js", "./_worker.js", "."])
    def test_a_circle_counts_each_file_once(self, project: Path, entry: str) -> None:
        files = {
            "dist/_worker.js": f"import '{entry}'; import './a.js'",
            "dist/a.js": "import './_worker.js'; import './a.js'",
        }
        assert worker_of(project, files).size_bytes == sizes(*files.values())

    @pytest.mark.parametrize("extension", ["tsx", "ts", "jsx", "js", "css", "json"])
    def test_an_import_may_leave_the_extension_out(self, project: Path, extension: str) -> None:
        files = {"dist/_worker.js": "import './part'", f"dist/part.{extension}": "{}"}
        assert worker_of(project, files).size_bytes == sizes(*files.values())

    @pytest.mark.parametrize("extension", ["tsx", "ts", "jsx", "js", "css", "json"])
    def test_an_import_may_name_a_folder_with_an_index(self, project: Path, extension: str) -> None:
        files = {"dist/_worker.js": "import './part'", f"dist/part/index.{extension}": "{}"}
        assert worker_of(project, files).size_bytes == sizes(*files.values())

    def test_of_several_candidates_the_one_that_esbuild_takes(self, project: Path) -> None:
        candidates = ["part.tsx", "part.ts", "part.jsx", "part.js", "part.css", "part.json", "part/index.js"]
        files = {f"dist/{name}": "x" * 10**place for place, name in enumerate(candidates)}
        taken = []
        for name in candidates:
            taken.append(worker_of(project, {"dist/_worker.js": "import './part'", **files}).size_bytes - 15)
            (project / "dist" / name).unlink()
            del files[f"dist/{name}"]
        assert taken == [10**place for place in range(len(candidates))]

    def test_an_import_s_own_name_goes_before_an_implied_one(self, project: Path) -> None:
        files = {"dist/_worker.js": "import './part.wasm'", "dist/part.wasm": "12345", "dist/part.wasm.js": SCRIPT}
        assert worker_of(project, files).size_bytes == sizes("import './part.wasm'") + 5

    def test_what_is_no_script_imports_nothing(self, project: Path) -> None:
        files = {"dist/_worker.js": "import './a.txt'", "dist/a.txt": "import './b.js'"}
        assert worker_of(project, {**files, "dist/b.js": SCRIPT}).size_bytes == sizes(*files.values())

    def test_imports_out_of_the_folder_count(self, project: Path) -> None:
        files = {"dist/_worker.js": "import '../src/a.js'", "src/a.js": "import './b.js'", "src/b.js": SCRIPT}
        assert worker_of(project, files).size_bytes == sizes(*files.values())

    @pytest.mark.parametrize(
        "name",
        ["./none.js", "../../../../../../../../../../../../../../none", f"./{'a' * 300}", "./a\0b", ".", "..", "./"],
        ids=["missing", "far out", "name too long", "null", "dot", "dots", "dot slash"],
    )
    def test_an_import_of_nothing_is_passed_over(self, project: Path, name: str) -> None:
        statement = f"const x = 'from \"{name}\" ';"  # in a text, as minified code may have it
        assert worker_of(project, {"dist/_worker.js": statement}).size_bytes == len(statement.encode())

    def test_a_link_and_its_target_count_once(self, project: Path) -> None:
        write(project, {"dist/a.js": SCRIPT})
        (project / "dist" / "b.js").symlink_to("a.js")
        statement = "import './a.js'; import './b.js'"
        assert worker_of(project, {"dist/_worker.js": statement}).size_bytes == sizes(statement, SCRIPT)

    def test_a_source_that_is_not_utf_8(self, project: Path) -> None:
        (project / "dist").mkdir()
        source = b"\xff\xfe import '\xff'; import './a.js'"
        (project / "dist" / "_worker.js").write_bytes(source)
        assert worker_of(project, {"dist/a.js": SCRIPT}).size_bytes == len(source) + len(SCRIPT)


class TestPackages:
    def test_are_listed_in_order_from_all_files(self, project: Path) -> None:
        files = {
            "dist/_worker.js": "import { Hono } from 'hono'; import './a.js'",
            "dist/a.js": "import x from '@scope/name/sub'; const y = require(\"left\"); import 'hono'",
        }
        worker = worker_of(project, files)
        assert worker.packages == ("@scope/name/sub", "hono", "left")
        assert worker.size_bytes == sizes(*files.values())

    def test_what_documentation_shows_is_none(self, project: Path) -> None:
        """A bundle keeps the comments of its parts, which show how those are imported."""
        source = "/**\n * @example\n\t* import { Hono } from 'hono'\n */\n// import x from 'left'\nimport\n * as y from 'right'"
        assert worker_of(project, {"dist/_worker.js": source}).packages == ("right",)

    @pytest.mark.parametrize(
        "name",
        [
            "${path}",
            "$app/state",
            "a b",
            "node:fs",
            "cloudflare:workers",
            "workerd:unsafe",
            "/abs.js",
            "https://example.com/x.js",
            "./a.js",
        ],
    )
    def test_what_is_none_is_not_listed(self, project: Path, name: str) -> None:
        assert worker_of(project, {"dist/_worker.js": f"import x from '{name}'"}).packages == ()


class TestWorkerFolder:
    def test_all_its_modules_count_but_for_their_maps(self, project: Path) -> None:
        counted = {
            "dist/_worker.js/index.js": "import './chunks/a.mjs'",
            "dist/_worker.js/chunks/a.mjs": SCRIPT,
            "dist/_worker.js/unused.wasm": "123",
        }
        maps = {"dist/_worker.js/index.js.map": "{}", "dist/_worker.js/chunks/a.mjs.map": "{}"}
        worker = worker_of(project, {**counted, **maps, "dist/app.js": SCRIPT})
        assert worker.path == "_worker.js/index.js"
        assert worker.size_bytes == sizes(*counted.values())

    def test_imports_out_of_it_count(self, project: Path) -> None:
        files = {
            "dist/_worker.js/index.js": "import '../shared.js'; import x from 'hono'",
            "dist/shared.js": "import '../src/far.js'",
            "src/far.js": SCRIPT,
        }
        worker = worker_of(project, files)
        assert worker.size_bytes == sizes(*files.values())
        assert worker.packages == ("hono",)

    def test_a_folder_of_it_under_two_names_counts_once(self, project: Path) -> None:
        write(project, {"dist/_worker.js/index.js": SCRIPT, "dist/_worker.js/a/x.js": SCRIPT})
        (project / "dist" / "_worker.js" / "b").symlink_to("a")
        worker = observe(project).worker
        assert worker is not None
        assert worker.size_bytes == 2 * len(SCRIPT)


class TestFunctions:
    @pytest.mark.parametrize(
        ("files", "functions"),
        [
            ({}, False),
            ({"functions/README.md": "x"}, False),
            ({"functions/sub/data.json": "{}"}, False),
            ({"functions": "a file"}, False),
            ({"dist/functions/api.js": SCRIPT}, False),
            ({"functions/api.js": SCRIPT}, True),
            ({"functions/api/[[path]].ts": SCRIPT}, True),
            ({"functions/a/b/c.tsx": SCRIPT}, True),
        ],
    )
    def test_with_and_without_code(self, project: Path, files: Mapping[str, str], *, functions: bool) -> None:
        assert observe(write(project, {"dist/a": "", **files})).functions is functions

    def test_are_seen_without_a_build_output(self, project: Path) -> None:
        assert observe(write(project, {"functions/api.js": SCRIPT})).functions


class TestOneFile:
    def test_by_its_content(self, project: Path) -> None:
        write(project, {"app.js": "a secret"})
        digest = hashlib.sha256(b"a secret").hexdigest()
        seen = observe_file(project / "app.js", shown="dist/app.js", struck=bytes)
        assert seen == Built(file="dist/app.js", size_bytes=8, sha256=digest)

    def test_as_answers_hold_it(self, project: Path) -> None:
        """Of what is struck out of answers nothing may be left here either, or the two would differ."""
        write(project, {"app.js": "a secret"})
        seen = observe_file(
            project / "app.js", shown="dist/app.js", struck=lambda content: content.replace(b"secret", b"***")
        )
        assert seen == Built(file="dist/app.js", size_bytes=5, sha256=hashlib.sha256(b"a ***").hexdigest())

    @pytest.mark.parametrize(("name", "why"), [("none", "No such file or directory"), (".", "Is a directory")])
    def test_that_cannot_be_read(self, project: Path, name: str, why: str) -> None:
        seen = observe_file(project / name, shown="dist/app.js", struck=bytes)
        assert seen == Built(file="dist/app.js", flaw=f"dist/app.js cannot be read ({why})")

    def test_text(self, project: Path) -> None:
        write(project, {"_redirects": "/ü /a 200"})
        (project / "latin").write_bytes(b"/\xfc /a 200")
        assert text_of(project / "_redirects") == "/ü /a 200"
        assert text_of(project / "latin") == "/\ufffd /a 200"
        assert text_of(project / "none") == ""
