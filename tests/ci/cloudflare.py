"""Cloudflare on loopback: of its API what `wrangler pages deploy` asks, and the addresses at which deployments are visited.

So the real wrangler uploads the real build output, and writes the real record of it. What a deployment serves is what was uploaded; of its worker, which
nobody runs here, the pages are imitated, and say which build they are of. Deployments are guarded by Access at their own addresses, as Pages has it.
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kit import Reply

ACCESS = {"cf-access-client-id": "ci-runner.access", "cf-access-client-secret": "7d1f0c55a6b94e0f"}
API_TOKEN = "c0ffee00-api-token"
ACCOUNT = "0123456789abcdef0123456789abcdef"

#: Answers of a server to (method, path, headers, body).
Answer = Callable[[str, str, Mapping[str, str], bytes], Reply]

_TYPES = {"js": "application/javascript", "css": "text/css; charset=utf-8", "json": "application/json"}


@dataclass
class Deployment:
    """What was uploaded, by address, and what the API tells of it."""

    files: Mapping[str, bytes]
    has_worker: bool
    branch: str
    commit: str
    environment: str = "production"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    url: str = ""

    def answer(self, path: str) -> Reply:
        if path in self.files:
            return Reply(200, self.files[path], {"content-type": _TYPES.get(path.rpartition(".")[2], "text/plain")})
        if path.startswith("/static/") or not self.has_worker:
            return Reply(404)
        return self._worker(path)

    def _worker(self, path: str) -> Reply:
        head = "<!doctype html><link rel='stylesheet' href='/static/site.css'><script src='/static/app.js'></script>"
        if path == "/":
            return Reply.html(f"{head}<title>Harbour</title><h1>Berths and tides</h1><p>Build {self.commit}")
        if path == "/login":
            return Reply.html(f"{head}<title>Sign in</title><h1>Sign in</h1><form><input type='password'></form>")
        if path == "/api/health/status":
            return Reply.json('{"status":"healthy"}', cache_control="no-store")
        return Reply.html(f"{head}<title>Not found</title><h1>No such page</h1>", 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # With 5, as by default, some of many connections at once are let in a second later, when they knock again.
    request_queue_size = 64


class Cloudflare:
    """One account with one project, whose production and staging are live with a first build."""

    def __init__(self) -> None:
        self._servers: list[_Server] = []
        self._uploaded: dict[str, bytes] = {}
        self.deployments: list[Deployment] = []
        #: What the project says is its production branch.
        self.production_branch = "main"
        #: Uploads are refused, with a code that makes wrangler's exit status 0: 8000000, of which an exit status keeps the last byte.
        self.refuses_uploads = False
        #: The production address says so of itself; the deployment, at its own address, does not.
        self.production_is_unhealthy = False
        self._production: list[Deployment] = []
        #: Addresses that production has answered once by the deployment before: so long its edge has the old one.
        self._answered: set[str] = set()
        self._lock = threading.Lock()
        first = Deployment({"/static/app.js": b"let first", "/static/site.css": b"h1{}"}, True, "main", "0" * 40)
        self._put_live(first)
        self.api_url = self._serve(self._api) + "/client/v4"
        self.production_url = self._serve(lambda _, path, __, ___: self._visit_production(path))
        self.staging_url = self._serve(_guarded(self._visit_staging))

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def first_is(self, commit: str) -> None:
        """The first build is of this commit, and says so."""
        (first,) = self.deployments
        first.commit = commit
        first.files = {**first.files, "/static/version.json": json.dumps({"commit": commit}).encode()}

    def roll_back(self) -> Deployment:
        """What somebody does in the dashboard, or by the API."""
        (*_, good, _bad) = self._production
        self._make_live(good)
        return good

    def _put_live(self, deployment: Deployment) -> None:
        deployment.url = self._serve(_guarded(deployment.answer))
        self.deployments.append(deployment)
        if deployment.environment == "production":
            self._make_live(deployment)

    def _make_live(self, deployment: Deployment) -> None:
        with self._lock:
            self._answered.clear()
            self._production.append(deployment)

    def _visit_production(self, path: str) -> Reply:
        with self._lock:
            is_behind = len(self._production) > 1 and path not in self._answered
            deployment = self._production[-2 if is_behind else -1]
            self._answered.add(path)
        if self.production_is_unhealthy and path == "/api/health/status":
            return Reply.json('{"status":"unhealthy","database":false}', 503)
        return deployment.answer(path)

    def _visit_staging(self, path: str) -> Reply:
        """The same as production, and at once."""
        return self._production[-1].answer(path)

    # The API, as wrangler 4 asks it.

    def _api(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        project = f"/client/v4/accounts/{ACCOUNT}/pages/projects/example"
        if path.startswith("/client/v4/accounts/") and headers.get("authorization") != f"Bearer {API_TOKEN}":
            return _refused(10000, "Authentication error", 403)
        match method, path.partition("?")[0]:
            case "GET", path if path == project:
                configs: dict[str, object] = {"preview": {}, "production": {}}
                return _result(
                    {"name": "example", "production_branch": self.production_branch, "deployment_configs": configs}
                )
            case "GET", path if path == f"{project}/upload-token":
                claims = (
                    base64.urlsafe_b64encode(b'{"max_file_count_allowed":20000,"exp":4102444800}').decode().strip("=")
                )
                return _result({"jwt": f"e30.{claims}.none"})
            case "POST", "/client/v4/pages/assets/check-missing":
                return _result([one for one in json.loads(body)["hashes"] if one not in self._uploaded])
            case "POST", "/client/v4/pages/assets/upload":
                if self.refuses_uploads:
                    return _refused(8000000, "An unknown error occurred", 400)
                self._uploaded |= {one["key"]: base64.b64decode(one["value"]) for one in json.loads(body)}
                return _result(None)
            case "POST", "/client/v4/pages/assets/upsert-hashes":
                return _result(None)
            case "POST", path if path == f"{project}/deployments":
                self._put_live(self._received(headers["content-type"], body))
                return _result(self._told(self.deployments[-1]))
            case "GET", path if path.startswith(f"{project}/deployments/"):
                (deployment,) = [one for one in self.deployments if path.endswith(one.id)]
                return _result(self._told(deployment))
        return _refused(7003, f"No such thing here: {method} {path}", 404)

    def _received(self, content_type: str, body: bytes) -> Deployment:
        form = message_from_bytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
        parts: dict[str, bytes] = {}
        for part in form.walk():
            if not part.is_multipart():
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                parts[str(part.get_param("name", header="content-disposition"))] = content
        manifest: dict[str, str] = json.loads(parts["manifest"])
        branch = parts["branch"].decode()
        return Deployment(
            files={path: self._uploaded[key] for path, key in manifest.items()},
            has_worker="_worker.bundle" in parts,
            branch=branch,
            commit=parts["commit_hash"].decode(),
            environment="production" if branch == self.production_branch else "preview",
        )

    def _told(self, deployment: Deployment) -> dict[str, object]:
        return {
            "id": deployment.id,
            "short_id": deployment.id[:8],
            "project_name": "example",
            "url": deployment.url,
            "environment": deployment.environment,
            "production_branch": self.production_branch,
            "aliases": None
            if deployment.environment == "production"
            else [f"https://{deployment.branch}.example.pages.dev"],
            "latest_stage": {"name": "deploy", "status": "success"},
            "deployment_trigger": {
                "type": "ad_hoc",
                "metadata": {"branch": deployment.branch, "commit_hash": deployment.commit},
            },
        }

    def _serve(self, answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                reply = answer(self.command, self.path, headers, body)
                content = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *args: object) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"


def _guarded(visit: Callable[[str], Reply]) -> Answer:
    """By Cloudflare Access: who does not name himself is sent to its login."""

    def answer(_: str, path: str, headers: Mapping[str, str], __: bytes) -> Reply:
        if all(headers.get(name) == value for name, value in ACCESS.items()):
            return visit(path)
        return Reply(302, headers={"location": f"https://example.cloudflareaccess.com/cdn-cgi/access/login{path}"})

    return answer


def _result(result: object) -> Reply:
    return Reply.json(json.dumps({"success": True, "errors": [], "messages": [], "result": result}))


def _refused(code: int, message: str, status: int) -> Reply:
    errors = [{"code": code, "message": message}]
    return Reply.json(json.dumps({"success": False, "errors": errors, "messages": [], "result": None}), status)
