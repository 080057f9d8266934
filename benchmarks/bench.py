"""`make bench`: how fast pagesmoke asks, against curl on the same server, and what it costs a run that does not ask for it.

Everything is measured side by side in one run, in rounds, and compared by medians. What the figures mean: README.md, in this folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter, sub
from pathlib import Path
from statistics import median
from typing import Final
from urllib.request import urlopen

from server import TALLY

CONCURRENCY: Final = 16
DELAYS_S: Final = (0.0, 0.05, 0.2)
#: How many pages, each time in how many rounds.
PAGES: Final = {100: 11, 1000: 3}
#: The ratio to reach, by pages and delay. Where the server does not wait there is none: that is Python against C.
RATIOS: Final = {(100, 0.05): 1.5, (1000, 0.05): 1.4, (1000, 0.2): 1.4}
TARGETS: Final = 3
ROUND_TRIP_S: Final = 0.2
ROUND_TRIPS: Final = 2.5
INACTIVE_PER_CENT: Final = 2.0
PEAK_MB: Final = 200
#: Of what takes half a second, and of what is to be told apart by milliseconds.
ROUNDS: Final = 11
INACTIVE_ROUNDS: Final = 200
#: What an empty run may take by the clock, of its time of the processor, on a machine that has nothing else to do.
BUSY: Final = 1.2

_HERE: Final = Path(__file__).parent
_PYTEST: Final = (sys.executable, "-m", "pytest")
_INACTIVE: Final = (*_PYTEST, "test_empty.py")
_EMPTY: Final = (*_PYTEST, "-p", "no:pagesmoke", "test_empty.py")
#: A plugin that writes down what a run has imported by its end.
_IMPORTS: Final = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path("imported").write_text("\\n".join(sys.modules)))
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One process: its time on the clock and of the processor, and the most memory that it had."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(command: Sequence[str], folder: Path) -> Measured:
    """Run ``command`` to its end. Exits with its output where it fails: what did not work is not measured."""
    # Nothing of this shell may decide what is measured.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen has not waited, and would say so
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)}\n{output.read().decode(errors='replace')}")
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measured(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=peak_bytes / 1_000_000)


def side_by_side(commands: Mapping[str, Sequence[str]], folder: Path, *, rounds: int) -> dict[str, list[Measured]]:
    """Each command once a round, every other round in the opposite order."""
    found: dict[str, list[Measured]] = {name: [] for name in commands}
    for number in range(rounds):
        for name in list(commands)[:: -1 if number % 2 else 1]:
            found[name].append(measure(commands[name], folder))
    return found


def wall_s(runs: Sequence[Measured]) -> float:
    return median(run.wall_s for run in runs)


def cpu_s(runs: Sequence[Measured]) -> float:
    return median(run.cpu_s for run in runs)


@contextmanager
def sites(*delays_s: float) -> Iterator[list[str]]:
    """The addresses of sites, in one process of their own, that wait so long before they answer."""
    command = [sys.executable, str(_HERE / "server.py"), *map(str, delays_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield [f"http://127.0.0.1:{process.stdout.readline().strip()}" for _ in delays_s]
        # Leaving closes its standard input, at whose end it ends, and waits for it.


def asked_by(command: Sequence[str], folder: Path, site: str) -> str:
    """How many requests ``command`` makes, over how many connections."""
    measure(command, folder)
    with urlopen(site + TALLY) as answer:
        return "{} over {}".format(*answer.read().decode().split())


def goal(value: float, limit: float, unit: str = "") -> str:
    return f"{value:.2f}{unit} (to reach: {limit:g}{unit}; {'reached' if value <= limit else 'MISSED'})"


def against_curl(folder: Path, curl: str) -> None:
    """The table of ratios, and how much memory the largest run took."""
    print(
        "Pages, against curl --parallel with the same number in flight. Wall time in seconds; the ratio is of pagesmoke less empty pytest."
    )
    print(
        "pages  delay   curl  pagesmoke  less empty  ratio                              requests of curl   of pagesmoke"
    )
    for pages, rounds in PAGES.items():
        paths = [f"/page/{number}" for number in range(1, pages + 1)]
        (folder / "pagesmoke.toml").write_text(f"pages = {json.dumps(paths)}\nconcurrency = {CONCURRENCY}\n")
        for delay_s in DELAYS_S:
            with sites(delay_s) as [site]:
                in_flight = ("--parallel", "--parallel-max", str(CONCURRENCY), "--parallel-immediate")
                quiet = ("--silent", "--show-error", "--fail", "--output", os.devnull)
                commands = {
                    "curl": (curl, *in_flight, *quiet, f"{site}/page/[1-{pages}]"),
                    "pagesmoke": (*_PYTEST, "pagesmoke.toml", f"--pagesmoke={site}"),
                    "empty": _EMPTY,
                }
                asked = {name: asked_by(command, folder, site) for name, command in commands.items()}  # and warm-up
                found = side_by_side(commands, folder, rounds=rounds)
            theirs, whole, empty = (wall_s(runs) for runs in found.values())
            # Of each round by itself, as the pace of a machine drifts from one to the next.
            ratio = median(
                (ours.wall_s - nothing.wall_s) / curls.wall_s
                for curls, ours, nothing in zip(*found.values(), strict=True)
            )
            limit = RATIOS.get((pages, delay_s))
            judged = goal(ratio, limit) if limit else f"{ratio:.2f}"
            times = f"{theirs:5.2f}  {whole:9.2f}  {whole - empty:10.2f}"
            print(
                f"{pages:5}  {delay_s * 1000:3.0f} ms  {times}  {judged:34} {asked['curl']:17}  {asked['pagesmoke']}",
                flush=True,
            )
    peak_mb = max(run.peak_mb for run in found["pagesmoke"])
    print(f"Memory of the last: {goal(peak_mb, PEAK_MB, ' MB')}\n")


def several_targets(folder: Path) -> None:
    """The built-in checklist (no settings file), on several targets."""
    with sites(*[ROUND_TRIP_S] * TARGETS) as addresses:
        targets = [f"--pagesmoke=site{number}={address}" for number, address in enumerate(addresses)]
        commands = {"pagesmoke": (*_PYTEST, "pagesmoke.toml", *targets), "empty": _EMPTY}
        asked = asked_by(commands["pagesmoke"], folder, addresses[0])
        found = side_by_side(commands, folder, rounds=ROUNDS)
    whole, empty = (wall_s(runs) for runs in found.values())
    trips = (whole - empty) / ROUND_TRIP_S
    print(f"4 checks of {TARGETS} targets that answer after {ROUND_TRIP_S * 1000:.0f} ms; {asked} connections each")
    print(f"  {whole:.2f} s, less empty pytest {whole - empty:.2f} s, in round trips: {goal(trips, ROUND_TRIPS)}\n")


def inactive(folder: Path) -> None:
    """Installed, and not asked for anything."""
    (folder / "imports.py").write_text(_IMPORTS)
    imported = []
    for command in (_INACTIVE, _EMPTY):
        measure((*command, "-p", "imports"), folder)
        imported.append(set((folder / "imported").read_text().splitlines()))
    more = imported[0] - imported[1]
    found = side_by_side({"inactive": _INACTIVE, "empty": _EMPTY}, folder, rounds=INACTIVE_ROUNDS)
    empty = found["empty"]
    if wall_s(empty) > cpu_s(empty) * BUSY:
        print("This machine has other work, which makes each figure by the clock worse: all but the processor's.\n")
    print("Installed but inactive, against -p no:pagesmoke in the same round: an empty pytest run that takes longer by")
    for clock, time_of in (("processor", attrgetter("cpu_s")), ("wall", attrgetter("wall_s"))):
        with_it, without = (list(map(time_of, runs)) for runs in found.values())
        # A machine's pace drifts by more than what is measured: of two runs in a row it is nearly the same.
        more_s, whole_s = median(map(sub, with_it, without)), median(without)
        took = f"{more_s * 1000:.1f} ms of {whole_s * 1000:.1f}"
        print(f"  {clock:9} {goal(more_s / whole_s * 100, INACTIVE_PER_CENT, ' %')}: {took}")
    print(
        f"  {len(more)} modules are imported, httpx is {'MISSED: imported' * ('httpx' in more) or 'not'}: {' '.join(sorted(more))}"
    )


def main() -> None:
    curl = shutil.which("curl")
    print(
        f"An empty pytest run is `pytest {' '.join(_EMPTY[-3:])}`: the same Python, in the same folder, one test that does nothing.\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_nothing(): pass\n")
        inactive(folder)
        several_targets(folder)
        if curl is None:
            print("There is no curl on this machine: the ratios against it were not measured.")
        else:
            against_curl(folder, curl)


if __name__ == "__main__":
    main()
