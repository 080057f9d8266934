"""Where the answers of one side differ from those of another, beyond what the answers of one side differ in among themselves. Pure.

Two answers never have quite the same content: tokens, times, counters. What changes is learned from several answers of a side, not
guessed. A place that changes over there may differ here too. One that changes here alone may, as long as none of the answers has
what stands there: else that one may be of the right deployment, and the others of an old one, on an edge that is both.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_
from typing import Final

Words = Sequence[str]
#: Whether two words, or two values, say the same, though they are not equal.
Alike = Callable[[str, str], bool]

#: The memory that aligning takes grows with the square of this: 28 MB.
_MAX_ALIGNED: Final = 15_000
#: Of longer ones, which are compared place by place: with more that are unlike these are two texts.
_MAX_UNLIKE: Final = 1000
#: From so many words on what changes is a text (a quotation of the day), which may be twice as long another time.
_A_TEXT: Final = 4
#: Two answers that differ may be those of two builds: so many must come after the first.
_MIN_SAMPLES: Final = 2
#: A token may have no digit, and is longer than words are.
_LONG: Final = 16
#: Two sides that are asked together show clocks that differ by no more; two builds are further apart.
_MOMENT_S: Final = 60.0
_DURATION: Final = re.compile(r"\d+(?:\.\d+)?(?:ms|µs|μs)|\d+\.\d+s", re.IGNORECASE)
_TIME_OF_DAY: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?([ap]m)?Z?", re.IGNORECASE)
#: From 2023 on: what is smaller is a number of an account, a telephone, an old date, and never now.
_EPOCH: Final = re.compile(r"(1[7-9]\d{8})(?:\.\d+)?|(1[7-9]\d{8})\d{3}")
_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Stretch:
    """The words from ``low`` to ``high`` of one text, and those from ``first`` to ``last`` of another that stand in their place."""

    low: int
    high: int
    first: int
    last: int

    @property
    def length(self) -> int:
        """In words of the other text."""
        return self.last - self.first


@dataclass(frozen=True)
class _Place:
    """Words of a text that change from answer to answer, and how many words stand there."""

    low: int
    high: int
    shortest: int
    longest: int
    gaps: frozenset[int]  # where words come in between

    def covers(self, stretch: Stretch) -> bool:
        """Whether a difference is this place's own."""
        if not self.low <= stretch.low <= stretch.high <= self.high:
            return False
        if stretch.low == stretch.high and not (self.low < stretch.low < self.high or stretch.low in self.gaps):
            return False  # beside it, and not in it
        whole = (stretch.low, stretch.high) == (self.low, self.high)
        return _fits(stretch.length, self.shortest if whole else 0, self.longest)


def _fits(length: int, shortest: int, longest: int) -> bool:
    return (length > 0 or shortest == 0) and length <= (longest if longest < _A_TEXT else 2 * longest)


def aligned(one: Words, other: Words) -> list[Stretch] | None:
    """The stretches in which two texts differ; None where they are too long to tell."""
    from rapidfuzz.distance import LCSseq  # noqa: PLC0415 - 18 ms that most runs have no need of

    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    middle, counterpart = one[start : len(one) - end], other[start : len(other) - end]
    if max(len(middle), len(counterpart)) > _MAX_ALIGNED:
        if len(middle) != len(counterpart):
            return None
        unlike = [i for i, (a, b) in enumerate(zip(middle, counterpart, strict=True), start) if a != b]
        if len(unlike) > _MAX_UNLIKE:
            return None
        return _joined(Stretch(i, i + 1, i, i + 1) for i in unlike)
    return _joined(
        Stretch(start + each.src_start, start + each.src_end, start + each.dest_start, start + each.dest_end)
        for each in LCSseq.opcodes(list(middle), list(counterpart))
        if each.tag != "equal"
    )


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """With those in one that follow each other in both texts."""
    found: list[Stretch] = []
    for each in stretches:
        if found and (found[-1].high, found[-1].last) == (each.low, each.first):
            found[-1] = Stretch(found[-1].low, each.high, found[-1].first, each.last)
        else:
            found.append(each)
    return found


def of_words(there: Sequence[Words], here: Sequence[Words], alike: Alike = str.__eq__) -> list[tuple[str, str]] | None:
    """The stretches in which the answers ``here`` differ from those ``there``; None where all does.

    Each is given as it stands there and here, with the word before it, so that it can be found.
    """
    frame = there[0]
    if _are_shuffled(there, here):
        return []
    own = [aligned(frame, sample) for sample in here]
    alignments = [
        _pairs(frame, sample, found, alike) for sample, found in zip(here, own, strict=True) if found is not None
    ]
    if len(alignments) < len(own):
        return None
    places = _changing(frame, there[1:])
    differing: dict[tuple[str, str], None] = {}
    for number, sample in enumerate(here):
        left = (
            each
            for each in alignments[number]
            if not _is_covered(each, places)
            and not (
                all(map(_may_change, frame[each.low : each.high])) and _changes_here(each, number, alignments, here)
            )
        )
        for each in _joined(left):
            gone = frame[max(each.low - 1, 0) : each.high]
            come = sample[max(each.first - 1, 0) : each.last]
            differing[" ".join(gone), " ".join(come)] = None
    return [*differing]


def _is_covered(stretch: Stretch, places: Sequence[_Place]) -> bool:
    """Whether one of the places, which are in order and apart, has this for its own."""
    at = bisect_right(places, stretch.low, key=lambda place: place.low)
    return any(place.covers(stretch) for place in places[max(at - 1, 0) : at])


def _are_shuffled(there: Sequence[Words], here: Sequence[Words]) -> bool:
    """Whether the answers there say the same in another order each time, beside words that change, and those here no more than that."""
    if all(answer == there[0] for answer in there):  # so it is of most sites
        return False
    bags, bags_here = [*map(Counter, there)], [*map(Counter, here)]
    always = reduce(and_, bags)
    kept = [[word for word in answer if word in always] for answer in (*there, *here)]
    if any(Counter(words) != always for words in kept) or all(words == kept[0] for words in kept[: len(there)]):
        return False
    room = max((bag - always).total() for bag in bags)
    new = set.intersection(*(set(answer).difference(*there) for answer in here))
    return not new and all((bag - always).total() <= room for bag in bags_here)


def _pairs(frame: Words, sample: Words, stretches: Iterable[Stretch], alike: Alike) -> list[Stretch]:
    """Word by word, where as many stand here as there, and without those that are alike."""
    found: list[Stretch] = []
    for each in stretches:
        if each.length != each.high - each.low:
            found.append(each)
            continue
        found += (
            Stretch(each.low + i, each.low + i + 1, each.first + i, each.first + i + 1)
            for i in range(each.length)
            if not alike(frame[each.low + i], sample[each.first + i])
        )
    return found


def _changing(frame: Words, others: Iterable[Words]) -> list[_Place]:
    """The places in which ``others``, answers of the same side, have something else than ``frame``."""
    alignments = [found for other in others if (found := aligned(frame, other)) is not None]
    spans: list[tuple[int, int]] = []
    for low, high in sorted({(each.low, each.high) for found in alignments for each in found}):
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        else:
            spans.append((low, high))
    return [_place(low, high, alignments) for low, high in spans]


def _place(low: int, high: int, alignments: Iterable[Sequence[Stretch]]) -> _Place:
    lengths = [high - low]
    gaps: set[int] = set()
    for found in alignments:
        first = bisect_left(found, low, key=lambda each: each.low)
        last = bisect_right(found, high, key=lambda each: each.low)
        inside = [each for each in found[first:last] if each.high <= high]
        lengths.append(high - low + sum(each.length - (each.high - each.low) for each in inside))
        gaps |= {each.low for each in inside if each.low == each.high}
    return _Place(low, high, min(lengths), max(lengths), frozenset(gaps))


def _changes_here(
    stretch: Stretch, number: int, alignments: Sequence[Sequence[Stretch]], here: Sequence[Words]
) -> bool:
    """Whether every answer here has something of its own in this place, and no word of it in all of them."""
    said = [here[number][stretch.first : stretch.last]]
    for other, sample in enumerate(here):
        if other == number:
            continue
        meeting = _meeting(stretch, alignments[other])
        if not meeting:
            return False
        said.append([word for each in meeting for word in sample[each.first : each.last]])
    lengths = [len(words) for words in said]
    shared = set.intersection(*map(set, said))
    return (
        not shared
        and _changes_each_time(map(tuple, said))
        and _fits(stretch.high - stretch.low, min(lengths), max(lengths))
        and stretch.high > stretch.low
    )


def _changes_each_time(said: Iterable[Hashable]) -> bool:
    """Whether this is new in each answer; the first two come at once, and may say the same. Of several wrong builds one comes again."""
    first, *later = said
    return len(later) >= _MIN_SAMPLES and len(set(later)) == len(later) and first not in later[1:]


def _may_change(word: str) -> bool:
    """Whether it is made for one answer by its looks: a number, a time, a token. In place of a plain word (`up`) stands none of these by nature."""
    return any(map(str.isdigit, word)) or re.fullmatch(rf"\S{{{_LONG},}}", word) is not None


def _meeting(stretch: Stretch, others: Sequence[Stretch]) -> list[Stretch]:
    """Those of ``others``, which are in order, that meet it."""
    start = bisect_left(others, stretch.low, key=lambda each: each.high)
    end = bisect_right(others, stretch.high, key=lambda each: each.low)
    return [each for each in others[start:end] if _meet(each, stretch)]


def _meet(one: Stretch, other: Stretch) -> bool:
    if one.low == one.high or other.low == other.high:
        return one.low <= other.high and other.low <= one.high
    return one.low < other.high and other.low < one.high


def of_values(
    there: Sequence[Mapping[str, str]], here: Sequence[Mapping[str, str]], alike: Alike = str.__eq__
) -> dict[str, tuple[str | None, str | None]]:
    """The keys whose values here differ from those there, with both; None where a key is absent."""
    frame = there[0]
    differing: dict[str, tuple[str | None, str | None]] = {}
    wrong: list[str | None]
    for key in dict.fromkeys(key for each in (frame, *here) for key in each):
        wanted = [each.get(key) for each in there]
        found = [each.get(key) for each in here]
        if len(set(wanted)) > 1:
            wrong = [None] * (None in found and None not in wanted)
        else:
            wrong = [value for value in found if not _same(wanted[0], value, alike)]
            is_own = len(wrong) == len(found) and None not in (*wanted, *found) and _changes_each_time(found)
            if is_own and _may_change(wanted[0] or ""):
                wrong = []
        if wrong:
            differing[key] = (wanted[0], wrong[0])
    return differing


def _same(one: str | None, other: str | None, alike: Alike) -> bool:
    return one == other or (one is not None and other is not None and alike(one, other))


def of_sets(there: Sequence[frozenset[str]], here: Sequence[frozenset[str]]) -> tuple[list[str], list[str]]:
    """What is in all answers there and not in each of those here; and what is here, and in none there."""
    always, ever = frozenset.intersection(*there), frozenset.union(*there)
    missing, added = [always - each for each in here], [each - ever for each in here]
    room = max(len(each - always) for each in there)
    if room and not frozenset.intersection(*added) and all(len(each - always) <= room for each in here):
        added = [frozenset()] * len(here)  # each is another choice of many
    own = all(added) and not frozenset.intersection(*added) and _changes_each_time(added)  # each has others
    in_their_place = frozenset[str]() if len(there) > 1 else frozenset.intersection(*missing)
    if own and all(
        gone == in_their_place and len(gone) <= len(come) for gone, come in zip(missing, added, strict=True)
    ):
        return [], []
    return sorted(frozenset.union(*missing)), sorted(frozenset.union(*added) if not own else frozenset())


def is_moment(one: str, other: str) -> bool:
    """Whether these are times of one moment, as two clocks show it; or durations, which are never the same."""
    one, other = (text.strip("\"'.,;()[]") for text in (one, other))
    if _DURATION.fullmatch(one) and _DURATION.fullmatch(other):
        return True
    clock, other_clock = _seconds(one), _seconds(other)
    if clock is None or other_clock is None or clock[0] != other_clock[0]:
        return False
    apart = abs(clock[1] - other_clock[1])
    return min(apart, _DAY_S - apart if clock[0] == "of the day" else apart) <= _MOMENT_S


def _seconds(text: str) -> tuple[Hashable, float] | None:
    if epoch := _EPOCH.fullmatch(text):
        return "of an epoch" + " in thousandths" * bool(epoch[2]), float(epoch[1] or epoch[2])
    if day := _TIME_OF_DAY.fullmatch(text):
        hour = int(day[1]) if not day[4] else int(day[1]) % 12 + 12 * (day[4].lower() == "pm")
        return "of the day", hour * 3600.0 + int(day[2]) * 60.0 + int(day[3] or 0)
    if len(text) <= len("2026-11-26"):  # a date alone is no moment, but may be a version
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # no time at all
        return None
    return "of a date", (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
