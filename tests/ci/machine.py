"""The machine that a CI's jobs run on: a clone of the site's repository for each job, a shell, and few stand-ins for what a test cannot have."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ci.cloudflare import Cloudflare
from kit import LIGHT, ROOT, SCALED, SITE

EXAMPLES = ROOT / "examples" / "ci"
_SCALE_NAME = "PAGESMOKE_TEST_SETTLE_SCALE"

#: Where the settings of the clock are scaled, so is the time that the options give.
_QUICK_PYTEST = f"""{SCALED}
import os, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if config.option.pagesmoke_settle:
        config.option.pagesmoke_settle = str(float(config.option.pagesmoke_settle) / float(os.environ["{_SCALE_NAME}"]))
"""
#: wrangler waits a second for a deployment, and half a minute in all before it gives up an upload.
_QUICK_WRANGLER = (
    "const wait = setTimeout; globalThis.setTimeout = (call, ms, ...more) => wait(call, (ms ?? 0) / 50, ...more)"
)


class Machine:
    """Runs shell scripts as a CI does. Nothing but loopback is asked, and nothing of the developer's machine decides."""

    def __init__(self, folder: Path, cloudflare: Cloudflare) -> None:
        self._folder = folder
        self._stand_ins = folder / "stand-ins"
        self.calls = folder / "calls.txt"
        self.calls.touch()
        #: By what the time is divided in which something may settle. What settles takes as long as it takes.
        self.settle_scale = 1
        #: The output of everything.
        self.transcript = ""
        self._environment = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "CI": "true",
            "PYTEST_ADDOPTS": f"{LIGHT} -p no:cacheprovider",
            "PYTEST_PLUGINS": "quick_pytest",
            "PYTHONPATH": str(self._stand_ins),
            "CLOUDFLARE_API_BASE_URL": cloudflare.api_url,
            "CLOUDFLARE_CF_FETCH_ENABLED": "false",
            "WRANGLER_SEND_METRICS": "false",
            # Else each asks the registry whether there is a newer one; where nobody listens nothing is asked unnoticed.
            "WRANGLER_HIDE_BANNER": "true",
            "npm_config_update_notifier": "false",
            "npm_config_registry": "http://127.0.0.1:9/",
            "PRODUCTION_URL": cloudflare.production_url,
            "STAGING_URL": cloudflare.staging_url,
        }
        self._put_stand_ins()
        self._workspaces = 0
        self.repository = folder / "repository"
        self.commit = ""

    def put_site(self, ci: Path, where: str) -> None:
        """The example site as a repository, with its settings, and the CI's file in its place."""
        left_out = shutil.ignore_patterns("node_modules", "dist", ".wrangler", ".without-worker")
        shutil.copytree(SITE, self.repository, ignore=left_out)
        shutil.copy(EXAMPLES / "pagesmoke.toml", self.repository)
        (self.repository / where).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ci, self.repository / where)
        # A file that copies of the build output easily leave behind.
        (self.repository / "public" / ".well-known").mkdir()
        (self.repository / "public" / ".well-known" / "security.txt").write_text(
            "Contact: mailto:security@example.com\n"
        )
        self._git("init", "--quiet", "--initial-branch=main")
        self.commit_all("The site")

    def commit_all(self, message: str) -> None:
        self._git("add", "--all")
        self._git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message", message)
        self.commit = self._git("rev-parse", "HEAD")

    def workspace(self) -> Path:
        """An empty folder."""
        self._workspaces += 1
        folder = self._folder / f"workspace-{self._workspaces}"
        folder.mkdir()
        return folder

    def check_out(self, ref: str, workspace: Path) -> None:
        self._git("clone", "--quiet", "--no-local", str(self.repository), str(workspace))
        self._git("-C", str(workspace), "checkout", "--quiet", "--detach", ref)

    def shell(
        self, command: Sequence[str], script: str, workspace: Path, environment: Mapping[str, str]
    ) -> tuple[int, str]:
        """The exit status, and the output."""
        file = self._folder / "step.sh"
        file.write_text(script)
        shell = subprocess.Popen(
            [*command, str(file)],
            cwd=workspace,
            env={**self._environment, **environment, _SCALE_NAME: str(self.settle_scale), "PATH": self._path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = shell.communicate(timeout=120)  # the slowest step takes a tenth
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            raise
        self.transcript += output
        return shell.returncode, output

    def left_running(self) -> list[str]:
        """The command lines of the living processes that its scripts have started; their home tells them."""
        mine = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"HOME={self._folder}\0".encode() in (process / "environ").read_bytes():
                    mine.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:  # gone meanwhile, or not ours to read
                continue
        return [command for command in mine if command]  # a zombie has no command line

    def _path(self) -> str:
        # `pytest`, `node` and `npm` stand beside the Python that runs the tests.
        return os.pathsep.join([str(self._stand_ins), str(Path(sys.executable).parent), os.environ["PATH"]])

    def _git(self, *arguments: str) -> str:
        # Without the developer's own configuration, who may sign all commits.
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.repository, env=environment, check=True, capture_output=True, timeout=60
        )
        return done.stdout.decode().strip()

    def _put_stand_ins(self) -> None:
        """Commands, each with why it is not the real one; all write down that they were called."""
        self._stand_ins.mkdir()
        (self._stand_ins / "quick_pytest.py").write_text(_QUICK_PYTEST)
        quick_wrangler = self._stand_ins / "quick_wrangler.cjs"
        quick_wrangler.write_text(_QUICK_WRANGLER)
        npm = (Path(sys.executable).parent / "npm").resolve()
        modules = shlex.quote(str(SITE / "node_modules"))
        # `npm ci` takes minutes and a registry: these are the same packages, from the same lock.
        links = f"mkdir node_modules && ln -s {modules}/* {modules}/.bin node_modules/"
        self._command("npm", f'[ "$*" != ci ] && exec {shlex.quote(str(npm))} "$@"\n{links}')
        # The real npx, which does not stand beside Python; its wrangler waits a fiftieth as long where it deploys.
        quick = f'[ "$1 $2 $3" = "wrangler pages deploy" ] && export NODE_OPTIONS="--require={quick_wrangler}"'
        self._command("npx", f'{quick}\nexec node {shlex.quote(str(npm.parent / "npx-cli.js"))} "$@"')
        # What is under test is installed already.
        self._command("pip", '[ "$1" = install ] && for last; do :; done && [ "$last" = pytest-pagesmoke ]')
        # It needs root, and a mirror.
        self._command("apt-get", "")

    def _command(self, name: str, script: str) -> None:
        file = self._stand_ins / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {shlex.quote(str(self.calls))}\n{script}\n')
        file.chmod(0o755)
