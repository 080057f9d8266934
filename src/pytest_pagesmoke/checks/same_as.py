"""`test_same_as`: the target serves what another deployment serves (`--pagesmoke-same-as`)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import ClassVar, Final
from urllib.parse import SplitResult, quote, urlsplit

from pytest_pagesmoke import differences, likeness, markup, recognise, recorded, redact
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.model import Answer, Finding, Judgement, NoAnswer, Observation, Probe, Reason, Remark, Rule, Seen

SAME_AS_DIFFERS = Rule(
    id="same-as-differs",
    title="The site does not serve what the other deployment serves",
    cause="Another build is live: the deployment failed, is not live everywhere yet, or became a preview, because its branch is not the project's production branch. "
    "Or a cache still answers with an older copy. Or the two have settings of their own, and are meant to differ.",
    fix="Look for what is live in `npx wrangler pages deployment list`. Directly after a deployment or a rollback, wait with `--pagesmoke-settle=60`. Where only a cache is "
    "behind, purge it. What differs by right belongs into no comparison: compare with a deployment of the same environment.",
)

_SHOWN: Final = 3  # stretches, keys or files of a difference; whoever wants all has the two addresses
_MAX_LINE: Final = 100
_PARTS: Final = re.compile(r"[^/?&=#]+|[/?&=#]")  # of an address
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_TIMES_ASKED: Final = 5  # where the first two answers of each side do not do
_MAX_REPEATED_BYTES: Final = 1_048_576  # of what is asked so often


@dataclass(frozen=True, kw_only=True)
class SameAsSpec:
    """What is compared: the question ``probe``, asked here and of the reference, whose address is ``reference``; or held by the report ``recorded_in``.

    ``as_file``: by its bytes. ``with_named``: with the scripts and styles that this page names. ``past_cache`` is a query that no cache
    can have seen.
    """

    probe: Probe
    reference: str
    as_file: bool = False
    with_named: bool = False
    past_cache: str = "pagesmoke=past-the-cache"
    recorded_in: str = ""
    id: str = ""

    @property
    def path(self) -> str:
        """As the settings have it."""
        return self.probe.path

    @property
    def shown(self) -> str:
        """The reference, in words."""
        return f"{self.reference} in {self.recorded_in}" if self.recorded_in else self.reference


@dataclass(frozen=True)
class _Difference:
    """In one line, and in a few: what is there (`-`), and what is here (`+`).

    ``failed``: here is no answer like that at all. ``polished``: the zone of one side makes other bytes of every image, and says this of it.
    ``may_be_noise``: more answers may show that it changes from one to the next.
    """

    short: str
    lines: tuple[str, ...] = ()
    failed: bool = False
    polished: str = ""
    may_be_noise: bool = False


class SameAsCheck:
    test: ClassVar[str] = "test_same_as"
    key: ClassVar[str] = "same_as"  # no key of the settings: planned from the other checks
    spec: ClassVar[type] = SameAsSpec
    column: ClassVar[str] = "same as"
    rules: ClassVar[tuple[Rule, ...]] = (SAME_AS_DIFFERS,)

    def probes(self, spec: SameAsSpec, seen: Seen) -> Iterable[Probe]:
        yield from _questions(spec, spec.probe, times=1 if spec.as_file else 2)
        for name in _named(spec, seen):
            yield from _questions(spec, Probe(path=name, from_root=True))
        for probe, as_file in _compared(spec, seen):
            ours = seen.get(probe)
            if isinstance(ours, Answer) and (found := _compare(probe, spec, seen, as_file=as_file)):
                if found.may_be_noise:
                    yield from _questions(spec, probe, times=_TIMES_ASKED)
                if recognise.cached(ours):
                    yield _past_cache(probe, spec)

    def judge(self, spec: SameAsSpec, seen: Seen) -> Judgement:
        ours, theirs = seen[spec.probe], seen[_there(spec.probe)]
        if found := _without_two_answers(spec, ours, theirs):
            yield found
            return
        assert isinstance(ours, Answer)  # what is none was told above
        assert isinstance(theirs, Answer)
        differing, unknown, hidden = self._compared_one_by_one(spec, seen)
        if unknown:
            yield Remark(text=f"not compared with {spec.shown}: {', '.join(unknown[:_SHOWN])}")
        if hidden:
            yield Remark(text=f"the same as {spec.shown}, but for tokens, which a report leaves out")
        if not spec.as_file:
            yield from _of_addresses(ours, theirs)
        if differing:
            yield self._finding(spec, seen, differing)

    def _compared_one_by_one(self, spec: SameAsSpec, seen: Seen) -> tuple[dict[Probe, _Difference], list[str], bool]:
        """What differs, what could not be compared and why, and whether tokens that a report leaves out might."""
        differing: dict[Probe, _Difference] = {}
        unknown: list[str] = []
        hidden = False
        for probe, as_file in _compared(spec, seen):
            here, there = seen[probe], seen[_there(probe)]
            if probe != spec.probe and (flaw := _left_out(there, here, as_file=as_file) or _no_reference(there, here)):
                unknown.append(f"{probe.path} ({flaw})")
            elif (found_here := _compare(probe, spec, seen, as_file=as_file)) and found_here.polished:
                unknown.append(f"{probe.path} (the zone re-encodes this image, cf-polished: {found_here.polished})")
            elif found_here:
                differing[probe] = replace(
                    found_here, short=found_here.short + _in_part(probe, spec, seen, as_file=as_file)
                )
            elif spec.recorded_in and _is_hidden(there, here):
                hidden = True
        return differing, unknown, hidden

    def _finding(self, spec: SameAsSpec, seen: Seen, differing: Mapping[Probe, _Difference]) -> Finding:
        told = [
            found.short if probe == spec.probe else f"{probe.path}: {found.short}" for probe, found in differing.items()
        ]
        lines = [
            line if probe == spec.probe else f"{line[:2]}{probe.path}: {line[2:]}"
            for probe, found in differing.items()
            for line in found.lines[: 2 * _SHOWN]
        ]
        only_cached = all(_is_right_past_cache(probe, spec, seen) for probe in self._to_blame(spec, seen, differing))
        past = [seen[_past_cache(probe, spec)] for probe in differing if _past_cache(probe, spec) in seen]
        passed = not any(isinstance(answer, Answer) and recognise.cached(answer) for answer in past)
        served = f"served, by {spec.recorded_in}" if spec.recorded_in else "serves"
        hint = ""
        if only_cached:
            hint = "a cache answers with another copy: asked past it, the deployment serves the same"
        elif past and not passed:
            hint = "a cache answers, also to a query that it cannot know: what is behind it cannot be seen"
        elif past:
            hint = "a cache answered, but what is behind it differs as well"
        elif spec.recorded_in and any(found.may_be_noise for found in differing.values()):
            hint = (
                "the report holds one answer alone: what changes from answer to answer over there is not known from it"
            )
        return Finding(
            rule=SAME_AS_DIFFERS,
            subject=spec.path,
            expected=f"what {spec.reference}{'' if spec.path == '/' else spec.path} {served}",
            actual="; ".join(told[:_SHOWN]) + (f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""),
            hint=hint,
            diff=tuple(lines[: 2 * _SHOWN]),
            # A site that fails is not of another build for that; and what only a cache shows, is of none.
            other_build=passed and not only_cached and not all(found.failed for found in differing.values()),
            only_cached=only_cached,
        )

    def _to_blame(self, spec: SameAsSpec, seen: Seen, differing: Mapping[Probe, _Difference]) -> Iterable[Probe]:
        """What differs; but where the page itself is an old copy of a cache, without the files that no other page names."""
        if spec.probe not in differing or not _is_right_past_cache(spec.probe, spec, seen):
            return differing
        theirs = seen[_there(spec.probe)]
        named = _names(theirs) if isinstance(theirs, Answer) else ()
        return [probe for probe in differing if probe == spec.probe or probe.path in named]


def _there(probe: Probe) -> Probe:
    return replace(probe, of_reference=True)


def _questions(spec: SameAsSpec, probe: Probe, *, times: int = 1) -> Iterator[Probe]:
    """The question, here and there; a report holds one answer alone."""
    for again in range(times):
        yield replace(probe, again=again)
        if not again or not spec.recorded_in:
            yield replace(probe, again=again, of_reference=True)


def _past_cache(probe: Probe, spec: SameAsSpec) -> Probe:
    return replace(probe, path=f"{probe.path}{'&' if '?' in probe.path else '?'}{spec.past_cache}")


def _named(spec: SameAsSpec, seen: Seen) -> list[str]:
    """The scripts and styles that the page names, on either side: one that is named by one alone is missing on the other."""
    if not spec.with_named:
        return []
    pages = [seen.get(spec.probe), seen.get(_there(spec.probe))]
    names = (name for page in pages if isinstance(page, Answer) and page.status == 200 for name in _names(page))
    # Where a report struck a token out of a name, nothing is.
    return [*dict.fromkeys(name for name in names if redact.MASK not in name)]


def _names(page: Answer) -> tuple[str, ...]:
    return markup.code_of_page(page)


def _compared(spec: SameAsSpec, seen: Seen) -> Iterator[tuple[Probe, bool]]:
    """What is compared, and whether by its bytes; as far as it has been asked."""
    if spec.probe in seen and _there(spec.probe) in seen:
        yield spec.probe, spec.as_file
    for name in _named(spec, seen):
        probe = Probe(path=name, from_root=True)
        if probe in seen:
            yield probe, True


def _without_two_answers(spec: SameAsSpec, ours: Observation, theirs: Observation) -> Finding | Remark | None:
    """What is to be said where one side has no answer of its own."""
    if isinstance(ours, NoAnswer) or isinstance(theirs, Answer):
        status = theirs.status if isinstance(theirs, Answer) else 200
        found = live.site_answer(ours, subject=spec.path, status=status)
        if isinstance(found, Finding):
            return found
    if flaw := _left_out(theirs, ours, as_file=spec.as_file):
        return Remark(text=f"not compared with {spec.shown}: {flaw}")
    if flaw := _no_reference(theirs, ours):
        return Finding(
            rule=SAME_AS_DIFFERS,
            subject=spec.path,
            expected=f"an answer of {spec.shown} to compare with",
            actual=flaw,
            hint="that is the deployment to compare with: it tells nothing of this one",
        )
    return None


def _of_addresses(ours: Answer, theirs: Answer) -> Iterator[Remark]:
    """What the zone of one side has done to the page's e-mail addresses."""
    if likeness.has_protected_addresses(ours) != likeness.has_protected_addresses(theirs):
        unread = likeness.hides_addresses(ours) or likeness.hides_addresses(theirs)
        yield Remark(
            text="the zone changed this page: its e-mail addresses are protected on one side (email-protection)"
            + (", and were not compared" if unread else "")
        )


def _left_out(theirs: Observation, ours: Observation, *, as_file: bool) -> str:
    """Why a report tells nothing of this; empty where it does."""
    if isinstance(theirs, NoAnswer):
        return theirs.text if theirs.reason is Reason.NOT_RECORDED else ""
    if theirs.body or theirs.digest in ("", _NOTHING) or not isinstance(ours, Answer):
        return ""
    alike = (ours.status, ours.media_type) == (theirs.status, theirs.media_type)
    decides = alike and _is_text(theirs) and not _by_bytes(theirs, as_file=as_file) and _sha256(ours) != _sha256(theirs)
    return "the report leaves out its body: it was large, or held a secret" if decides else ""


def _is_hidden(theirs: Observation, ours: Observation) -> bool:
    """Whether the report struck tokens out of what is compared: then nobody knows if they are the same."""
    assert isinstance(theirs, Answer)  # what is none was told above
    assert isinstance(ours, Answer)
    if redact.MASK in _leads(theirs).geturl():
        return True
    if not recorded.is_struck(theirs) or _sha256(ours) == _sha256(theirs):
        return False
    if theirs.media_type not in recognise.HTML_TYPES:
        return True
    page = likeness.sight(theirs, frozenset())
    return any(redact.MASK in word for word in (*page.title, *page.words))


def _no_reference(theirs: Observation, ours: Observation) -> str:
    """Why the reference tells nothing; empty where it does."""
    if isinstance(theirs, NoAnswer):
        return theirs.text
    found = live.site_answer(theirs, subject="", status=theirs.status)
    if isinstance(found, Finding):
        return f"{found.rule.title} ({theirs.status})"
    fails = theirs.status == 429 or theirs.status >= 500
    return str(theirs.status) if fails and isinstance(ours, Answer) and ours.status != theirs.status else ""


def _is_right_past_cache(probe: Probe, spec: SameAsSpec, seen: Seen) -> bool:
    """Whether it is the same where no cache answers."""
    past, theirs = seen.get(_past_cache(probe, spec)), _answers(_there(probe), seen)
    if not isinstance(past, Answer) or recognise.cached(past):
        return False
    as_file = spec.as_file or probe != spec.probe
    return _difference([past], theirs, spec, as_file=as_file) is None


def _answers(probe: Probe, seen: Seen) -> list[Observation]:
    """The answer, and those to the same question again."""
    return [seen[one] for again in range(_TIMES_ASKED) if (one := replace(probe, again=again)) in seen]


def _compare(probe: Probe, spec: SameAsSpec, seen: Seen, *, as_file: bool) -> _Difference | None:
    if not isinstance(seen.get(_there(probe)), Answer):
        return None
    return _difference(_answers(probe, seen), _answers(_there(probe), seen), spec, as_file=as_file)


def _in_part(probe: Probe, spec: SameAsSpec, seen: Seen, *, as_file: bool) -> str:
    """How many of the answers differ, where some do not: the others are of the right deployment."""
    ours, theirs = _answers(probe, seen), _answers(_there(probe), seen)
    if len(ours) == 1:  # the one that differs
        return ""
    wrong = sum(_difference([one], theirs, spec, as_file=as_file) is not None for one in ours)
    return f" ({wrong} of {len(ours)} answers)" if wrong < len(ours) else ""


def _difference(
    ours: Sequence[Observation], theirs: Sequence[Observation], spec: SameAsSpec, *, as_file: bool
) -> _Difference | None:
    """How any of the answers here differs from the first one there, beyond what those there differ in."""
    if spec.recorded_in:  # a report has no tokens
        ours = [*map(recorded.as_recorded, ours)]
    there = theirs[0]
    assert isinstance(there, Answer)  # whoever has none has asked nothing here
    if found := next(filter(None, (_of_kind(answer, there) for answer in ours)), None):
        return found
    here = [answer for answer in ours if isinstance(answer, Answer)]  # all, or there was a difference
    if as_file and there.status >= 400:  # what says that it is gone is no file
        return None
    known = [one for one in theirs if isinstance(one, Answer) and _kind(one) == _kind(there)]
    renamed = _renaming(here[0], there)
    if found := _of_leads(here, known, renamed):
        return found
    if all(_sha256(one) == _sha256(there) for one in here):
        return None
    # Of what is compared by its bytes, only a robots.txt may differ.
    is_read = not _by_bytes(there, as_file=as_file) or there.media_type == "text/plain"
    said = [*map(recorded.body_as_recorded, here)] if spec.recorded_in and is_read else here
    if all(_is_equal(one, there) or _names_its_own_host(one, there, renamed) for one in said):
        return None
    if _by_bytes(there, as_file=as_file):
        lines = _lines(_content(there), _content(here[0]))
        polished = recognise.polished(here[0]) or recognise.polished(there)
        return _Difference("other bytes", lines, polished=polished)
    found = _of_content(said, known, renamed)
    return found and replace(found, may_be_noise=len(there.body) <= _MAX_REPEATED_BYTES)


def _of_kind(answer: Observation, there: Answer) -> _Difference | None:
    if isinstance(answer, NoAnswer):
        return _Difference(answer.text, failed=True)
    if answer.status != there.status:
        lines = _lines(str(there.status), str(answer.status))
        return _Difference(f"{answer.status}, and there {there.status}", lines, failed=True)
    if answer.media_type != there.media_type:
        lines = _lines(there.media_type or "(none)", answer.media_type or "(none)")
        return _Difference(f"content type {answer.media_type or 'none'}", lines)
    return None


def _is_text(answer: Answer) -> bool:
    """Whether it may differ by nature: what has other bytes may say the same."""
    return answer.media_type.startswith("text/") or "json" in answer.media_type or "xml" in answer.media_type


def _by_bytes(answer: Answer, *, as_file: bool) -> bool:
    """Whether it is compared by its bytes, and not by what it says: so is every file but a page, into which zones write."""
    return as_file and answer.media_type not in recognise.HTML_TYPES


def _kind(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.media_type


def _is_equal(one: Answer, other: Answer) -> bool:
    return _sha256(one) == _sha256(other) or _adds_rules(one, other) or _adds_rules(other, one)


def _names_its_own_host(one: Answer, other: Answer, renamed: Callable[[str], str]) -> bool:
    """Whether a text, a sitemap say, is the same but for the own host of each side."""
    return _is_text(other) and "\ufffd" not in other.text and renamed(one.text) == other.text


def _adds_rules(one: Answer, other: Answer) -> bool:
    return recognise.only_adds_rules(one.body, other.body)


def _of_leads(here: Sequence[Answer], there: Sequence[Answer], renamed: Callable[[str], str]) -> _Difference | None:
    """How they lead elsewhere: by a redirect, or by one that was followed to tidy the address. A side's own host is none."""
    leads, leads_there = [*map(_leads, here)], [*map(_leads, there)]
    if leads[0].netloc != leads_there[0].netloc:  # else both name one host, be it that of one side
        leads, leads_there = (
            [_below_host(one, side) for one, side in zip(found, answers, strict=True)]
            for found, answers in ((leads, here), (leads_there, there))
        )
    words_there = [_PARTS.findall(one.geturl()) for one in leads_there]
    for name in (str, renamed):
        if differences.of_words(words_there, [_PARTS.findall(name(one.geturl())) for one in leads]) == []:
            return None
    wrong = next((one for one in leads if one != leads_there[0]), leads[0]).geturl()
    lines = _lines(leads_there[0].geturl() or "(nowhere)", wrong or "(nowhere)")
    return _Difference(f"leads to {wrong or 'nowhere'}", lines, may_be_noise=True)


def _renaming(here: Answer, there: Answer) -> Callable[[str], str]:
    """What makes of a text of this side one of the other: where it names its own host, as it is or within another address."""
    one, other = (urlsplit(side.url) for side in (here, there))
    names = {
        form(ours): form(theirs)
        for ours, theirs in (
            (f"{one.scheme}://{one.netloc}", f"{other.scheme}://{other.netloc}"),
            (one.netloc, other.netloc),
        )
        for form in (str, _quoted, _quoted_in_lower_case)
    }
    # Each once, the longest first; and none that is a part of another host's name, or of a port.
    longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    pattern = re.compile(rf"(?:(?<![\w.-])|(?<=%2[fF]))(?:{longest_first})(?![\w-]|[.:]\w)")
    return lambda text: pattern.sub(lambda found: names[found[0]], text)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _quoted_in_lower_case(text: str) -> str:
    return _quoted(text).replace("%3A", "%3a").replace("%2F", "%2f")


def _leads(answer: Answer) -> SplitResult:
    target = recognise.location(answer)
    if target is None:
        target = urlsplit(urlsplit(answer.url).path if answer.hops else "")
    return target


def _below_host(leads: SplitResult, answer: Answer) -> SplitResult:
    own = leads.netloc.lower() == urlsplit(answer.url).netloc.lower()
    return leads._replace(scheme="", netloc="") if own else leads


def _content(answer: Answer) -> str:
    size = f"{answer.size_bytes:,} bytes, " if answer.body else ""  # a report may have left it out
    return f"{size}sha256 {_sha256(answer)[:12]}"


def _sha256(answer: Answer) -> str:
    return answer.digest or hashlib.sha256(answer.body).hexdigest()


def _lines(there: str, here: str) -> tuple[str, ...]:
    """What is there and here; of long ones, from shortly before they differ. Without tokens, as long as these are whole."""
    there, here, are_same = redact.without_tokens(there), redact.without_tokens(here), there == here
    start = 0
    if max(len(there), len(here)) > _MAX_LINE:
        same = next((i for i, (one, other) in enumerate(zip(there, here, strict=False)) if one != other), 0)
        start = max(0, same - _MAX_LINE // 3)
    hidden = " (another token)" if there == here and not are_same else ""
    return f"- {_cut(there, start)}", f"+ {_cut(here, start)}{hidden}"


def _shown(text: str) -> str:
    return _cut(redact.without_tokens(text))


def _cut(text: str, start: int = 0) -> str:
    end = start + _MAX_LINE
    return f"{'… ' if start else ''}{text[start:end]}{' …' if len(text) > end else ''}"


def _more(found: Sized) -> str:
    """How many are not shown."""
    return f", and {len(found) - 1} more" if len(found) > 1 else ""


def _of_content(here: Sequence[Answer], there: Sequence[Answer], renamed: Callable[[str], str]) -> _Difference | None:
    def alike(theirs: str, ours: str) -> bool:
        """Whether two words differ in a moment, or in the own host of each side."""
        return renamed(ours) == theirs or differences.is_moment(theirs, ours)

    if any("\ufffd" in answer.text for answer in (*here, *there)):
        here, there = ([*map(_byte_by_byte, side)] for side in (here, there))
    if there[0].media_type in recognise.HTML_TYPES or recognise.is_html_document(there[0].text):
        return _of_pages(here, there, alike)
    values, values_there = [*map(_leaves, here)], [found for one in there if (found := _leaves(one)) is not None]
    if values_there and all(found is not None for found in values) and recognise.is_json(there[0].text):
        return _of_json([found or {} for found in values], values_there, alike)
    return _of_words([one.text.split() for one in here], [one.text.split() for one in there], alike)


def _byte_by_byte(answer: Answer) -> Answer:
    """The same in an encoding in which no two bytes are one character, for an answer in one that is not known."""
    headers = {**answer.headers, "content-type": f"{answer.media_type}; charset=utf-8"}
    return replace(answer, body=answer.body.decode("latin-1").encode(), headers=headers)


def _of_pages(here: Sequence[Answer], there: Sequence[Answer], alike: differences.Alike) -> _Difference | None:
    hosts = frozenset(urlsplit(side[0].url).netloc for side in (here, there))
    hidden = any(likeness.hides_addresses(answer) for answer in (*here, *there))
    ours, theirs = (
        [likeness.sight(answer, hosts, addresses_alike=hidden) for answer in side] for side in (here, there)
    )
    if found := _of_words([one.title for one in ours], [one.title for one in theirs], alike):
        wrong = next((one.title for one in ours if one.title != theirs[0].title), ())
        return replace(found, short=f"another title: {' '.join(wrong) or '(none)'!r}")
    if found := _of_words([one.words for one in ours], [one.words for one in theirs], alike):
        return found
    missing, added = differences.of_sets([one.links for one in theirs], [one.links for one in ours])
    if not missing and not added:
        return None
    lines = (*(f"- {_shown(link)}" for link in missing[:_SHOWN]), *(f"+ {_shown(link)}" for link in added[:_SHOWN]))
    return _Difference(f"names other addresses of its own site: {_shown((added or missing)[0])}", lines)


def _of_words(
    here: Sequence[differences.Words], there: Sequence[differences.Words], alike: differences.Alike
) -> _Difference | None:
    found = differences.of_words(there, here, alike)
    if found is None:
        gone, come = (" ".join(side[0]) for side in (there, here))
        return _Difference("another text altogether", _lines(gone, come))
    if not found:
        return None
    lines = tuple(line for gone, come in found[:_SHOWN] for line in _lines(gone or "(nothing)", come or "(nothing)"))
    gone, come = found[0]
    text = f"another text: {_shown(come or 'nothing')!r} in place of {_shown(gone or 'nothing')!r}"
    return _Difference(text + _more(found), lines)


def _of_json(
    here: Sequence[Mapping[str, str]], there: Sequence[Mapping[str, str]], alike: differences.Alike
) -> _Difference | None:
    found = differences.of_values(there, here, alike)
    if not found:
        return None
    lines = tuple(
        line
        for key, (gone, come) in [*found.items()][:_SHOWN]
        for line in _lines(f"{key}: {gone or '(absent)'}", f"{key}: {come or '(absent)'}")
    )
    key, (gone, come) = next(iter(found.items()))
    text = f"{key or 'the value'} is {_shown(come or 'absent')}, and there {_shown(gone or 'absent')}"
    return _Difference(text + _more(found), lines)


def _leaves(answer: Answer) -> dict[str, str] | None:
    """A JSON value as its leaves, by path, and the length of each list; None where it is no JSON. (Its depth is bounded by what was parsed.)"""
    try:
        waiting = [("", recognise.parse_json(answer.text))]
    except ValueError:  # no JSON, or not this time
        return None
    leaves: dict[str, str] = {}
    while waiting:
        at, one = waiting.pop()
        if isinstance(one, dict) and one:
            inner = [(f"{at}.{_key(key)}".removeprefix("."), value) for key, value in one.items()]
        elif isinstance(one, list):
            leaves[at] = f"a list of {len(one)}"
            inner = [(f"{at}[{index}]", value) for index, value in enumerate(one)]
        else:
            leaves[at] = json.dumps(one, ensure_ascii=False)
            inner = []
        waiting += reversed(inner)
    return leaves


def _key(key: str) -> str:
    """A key in a path; in quotes where it could be taken for two."""
    return key if re.fullmatch(r"[^.\[\]\"]+", key) else json.dumps(key, ensure_ascii=False)
