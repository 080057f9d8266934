"""What all tests share: a clean environment, a server that answers as a test says, and runs of their own process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import environments
from environments import Environment
from kit import LIGHT, SCALED, Pytest, Reply, Respond, Serve, Site, by_mapping


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine that runs the tests may decide what they see."""
    for name in [*os.environ]:
        ours = ("PYTEST_ADDOPTS", "PYTEST_BASE_URL", "GITHUB_", "WRANGLER_", "CLOUDFLARE_")
        if name.upper().endswith("_PROXY") or name.startswith(ours) or name == "CI":
            monkeypatch.delenv(name)
    # Else all of our own code is compiled anew in each of a thousand processes.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With 5, as by default, some of many connections at once are let in a second later, when they knock again.
    request_queue_size = 64


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server on loopback that answers each path by a function, or a mapping (`*`: any other path, else 404)."""
    running: list[ThreadingHTTPServer] = []

    def start(respond: Respond | Mapping[str, Reply]) -> Site:
        answer = respond if callable(respond) else by_mapping(respond)
        asked: list[tuple[str, str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
                reply = answer(self.path)
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return Site(url=f"http://127.0.0.1:{server.server_port}", asked=asked)

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Pytest:
    """Run pytest in a process of its own, in an empty folder, on a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")  # pytest cuts the lines of its summary to the terminal
    monkeypatch.setenv("PYTEST_ADDOPTS", LIGHT)  # pytester has taken the variable away
    return lambda *args: pytester.runpytest_subprocess(*args, timeout=60)


@pytest.fixture(params=[(), ("-n", "2")], ids=["plain", "xdist"])
def run_both(request: pytest.FixtureRequest, run: Pytest) -> Pytest:
    """The same, once plain and once under xdist."""
    return lambda *args: run(*args, *request.param)


@pytest.fixture
def scaled(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In runs of this test what waits for a site to settle waits a tenth as long."""
    folder = pytester.mkdir("scaled")
    (folder / "scaled_time.py").write_text(SCALED)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("PYTEST_PLUGINS", "scaled_time")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The Python of an environment with the plugins named; each is built once."""
    built: dict[frozenset[str], Path] = {}

    def python(*plugins: str) -> Path:
        chosen = frozenset(plugins)
        if chosen not in built:
            built[chosen] = environments.build(tmp_path_factory.mktemp("environment"), chosen)
        return built[chosen]

    return python
