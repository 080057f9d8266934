"""What pytest's JUnit XML says of a run beside outcomes and texts: properties of each test, and the causes on the suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest
from _pytest.junitxml import xml_key

from pytest_pagesmoke.model import CheckRecord

if TYPE_CHECKING:
    from pytest_pagesmoke.diagnose import TargetRun


def properties(records: Iterable[CheckRecord]) -> Iterator[tuple[str, str]]:
    """Of a test, by what it came to: names and values, as far as they are known."""
    for record in records:
        yield "target", record.target
        if record.rule:
            yield "rule", record.rule
        if record.seen_from:
            yield "xdist_worker", record.xdist_worker
        yield "attempts", str(record.attempts)
        if record.settled_after_s is not None:
            yield "settled_after_s", f"{record.settled_after_s:.1f}"


def add_causes(config: pytest.Config, runs: Sequence[TargetRun], *, kept: Callable[[str], str]) -> None:
    """Write the causes on the suite, where such a report is made. ``kept`` strikes secrets out, of what others wrote there, too."""
    from pytest_pagesmoke.diagnose import diagnose
    from pytest_pagesmoke.say.summary import how_much

    # pytest's own way is a fixture, which does nothing in xdist's workers; this is what it uses.
    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.global_properties[:] = [(name, kept(value)) for name, value in xml.global_properties]
        for diagnosis in diagnose(runs):
            xml.add_global_property("cause", kept(f"{diagnosis.cause}: {diagnosis.text} ({how_much(diagnosis)})"))
