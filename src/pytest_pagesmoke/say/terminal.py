"""The summary on a terminal, as wide as that is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_pagesmoke.say.summary import Entry, Summary

_LABEL_WIDTH = 10
_LONG = frozenset({"settings", "cause"})
_LONG_WIDTH = 80  # on a wide terminal, too: longer lines are hard to read
_MIN_PROSE_WIDTH = 40


@dataclass(frozen=True)
class Line:
    """A line of the summary; ``tone`` is "good", "bad" or empty."""

    text: str
    tone: str = ""


def lines(summary: Summary, *, width: int) -> Iterator[Line]:
    """The whole summary, line by line, for a terminal of ``width`` columns. Commands stay whole, to be copied."""
    yield from _table(summary, width)
    yield Line("")
    for entry in summary.entries:
        yield from entry_lines(entry, width=width)


def entry_lines(entry: Entry, *, width: int) -> Iterator[Line]:
    """One entry, by its label: in one line, or in as many as prose takes."""
    at_most = min(width, _LONG_WIDTH) if entry.label in _LONG else width
    room = max(at_most, _MIN_PROSE_WIDTH) - _LABEL_WIDTH
    texts = (
        [entry.text]
        if entry.is_command
        else textwrap.wrap(entry.text, room, break_on_hyphens=False, break_long_words=False)
    )
    for index, text in enumerate(texts):
        label = "" if index or entry.continues else entry.label
        yield Line(f"{label:<{_LABEL_WIDTH}}{text}", "bad" if entry.label == "cause" else "")


def _table(summary: Summary, width: int) -> Iterator[Line]:
    head = ["target", "address", "verdict", *summary.columns, "time"]
    table = _in_columns([head, *([row.name, row.address, row.verdict, *row.cells, row.time] for row in summary.rows)])
    if max(map(len, table)) <= width:
        yield from map(Line, table, ["", *_tones(summary)])
        return
    # The address last, where it can be copied even if it does not fit; what was checked below it.
    narrow = _in_columns(
        [["target", "verdict", "time", "address"]]
        + [[row.name, row.verdict, row.time, row.address] for row in summary.rows]
    )
    yield Line(narrow[0])
    for row, text, tone in zip(summary.rows, narrow[1:], _tones(summary), strict=True):
        yield Line(text, tone)
        # A blank within a cell is no place to break a line at.
        cells = [
            f"{column} {cell}".replace(" ", "\0")
            for column, cell in zip(summary.columns, row.cells, strict=True)
            if cell != "-"
        ]
        for part in textwrap.wrap(", ".join(cells), max(width, _MIN_PROSE_WIDTH) - 2, break_on_hyphens=False):
            yield Line(f"  {part}".replace("\0", " "), tone)


def _tones(summary: Summary) -> list[str]:
    return ["good" if row.is_good else "bad" for row in summary.rows]


def _in_columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
