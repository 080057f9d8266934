"""`test_same_as`: the target serves what another deployment serves (`--pagesmoke-same-as`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pytest_pagesmoke import likeness, markup, recognise
from pytest_pagesmoke.checks import live
from pytest_pagesmoke.model import Answer, Finding, Judgement, NoAnswer, Observation, Probe, Remark, Rule, Seen

SAME_AS_DIFFERS = Rule(
    id="same-as-differs",
    title="The site does not serve what the other deployment serves",
    cause="Another build is live: the deployment failed, is not live everywhere yet, or became a preview, because its branch is not the project's production branch. "
    "Or a cache still answers with an older copy. Or the two have settings of their own, and are meant to differ.",
    fix="Look for what is live in `npx wrangler pages deployment list`. Directly after a deployment or a rollback, wait with `--pagesmoke-settle=60`. Where only a cache is "
    "behind, purge it. What differs by right belongs into no comparison: compare with a deployment of the same environment.",
)

_CODE: Final = (".js", ".mjs", ".css")  # what of a page's own files is compared with it: its scripts and styles
_SHOWN: Final = 3  # stretches, keys or files of a difference; whoever wants all has the two addresses
_MAX_LINE: Final = 100
_NOTHING: Final = hashlib.sha256(b"").hexdigest()


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
    """

    short: str
    lines: tuple[str, ...] = ()
    failed: bool = False
    polished: str = ""


@dataclass(frozen=True)
class _Side:
    """What one side answered; ``again`` when it was asked once more, so that what changes from answer to answer can be told."""

    answer: Answer
    again: Answer | None = None


class SameAsCheck:
    test: ClassVar[str] = "test_same_as"
    key: ClassVar[str] = "same_as"  # no key of the settings: planned from the other checks
    spec: ClassVar[type] = SameAsSpec
    column: ClassVar[str] = "same as"
    rules: ClassVar[tuple[Rule, ...]] = (SAME_AS_DIFFERS,)

    def probes(self, spec: SameAsSpec, seen: Seen) -> Iterable[Probe]:
        yield from _questions(spec.probe, repeated=not spec.as_file)
        for name in _named(spec, seen):
            yield from _questions(Probe(path=name, from_root=True), repeated=False)
        for probe, as_file in _compared(spec, seen):
            ours = seen.get(probe)
            if isinstance(ours, Answer) and recognise.cached(ours) and _compare(probe, seen, as_file=as_file):
                yield _past_cache(probe, spec)

    def judge(self, spec: SameAsSpec, seen: Seen) -> Judgement:
        theirs = seen[_there(spec.probe)]
        if flaw := _no_reference(theirs, as_file=spec.as_file):
            yield Finding(
                rule=SAME_AS_DIFFERS,
                subject=spec.path,
                expected=f"an answer of {spec.shown} to compare with",
                actual=flaw,
            )
            return
        assert isinstance(theirs, Answer)  # what is none was told above
        ours = live.site_answer(seen[spec.probe], subject=spec.path, status=theirs.status)
        if isinstance(ours, Finding):
            yield ours
            return
        differing: dict[Probe, _Difference] = {}
        unknown: list[str] = []
        for probe, as_file in _compared(spec, seen):
            if probe != spec.probe and (flaw := _no_reference(seen[_there(probe)], as_file=as_file)):
                unknown.append(f"{probe.path} ({flaw})")
            elif (found := _compare(probe, seen, as_file=as_file)) and found.polished:
                unknown.append(f"{probe.path} (the zone re-encodes this image, cf-polished: {found.polished})")
            elif found:
                differing[probe] = found
        if unknown:
            yield Remark(text=f"not compared with {spec.shown}: {', '.join(unknown[:_SHOWN])}")
        if not spec.as_file and likeness.has_protected_addresses(ours) != likeness.has_protected_addresses(theirs):
            unread = likeness.hides_addresses(ours) or likeness.hides_addresses(theirs)
            yield Remark(
                text="the zone changed this page: its e-mail addresses are protected on one side (email-protection)"
                + (", and were not compared" if unread else "")
            )
        if differing:
            yield self._finding(spec, seen, differing)

    def _finding(self, spec: SameAsSpec, seen: Seen, differing: Mapping[Probe, _Difference]) -> Finding:
        told = [
            found.short if probe == spec.probe else f"{probe.path}: {found.short}" for probe, found in differing.items()
        ]
        lines = [line for found in differing.values() for line in found.lines]
        only_cached = all(_is_right_past_cache(probe, spec, seen) for probe in differing)
        served = f"served, by {spec.recorded_in}" if spec.recorded_in else "serves"
        hint = ""
        if only_cached:
            hint = "a cache answers with another copy: asked past it, the deployment serves the same"
        elif any(_past_cache(probe, spec) in seen for probe in differing):
            hint = "a cache answered, but what is behind it differs as well"
        return Finding(
            rule=SAME_AS_DIFFERS,
            subject=spec.path,
            expected=f"what {spec.reference}{'' if spec.path == '/' else spec.path} {served}",
            actual="; ".join(told[:_SHOWN]) + (f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""),
            hint=hint,
            diff=tuple(lines[: 2 * _SHOWN]),
            # A site that fails is not of another build for that.
            other_build=not only_cached and not all(found.failed for found in differing.values()),
            only_cached=only_cached,
        )


def _there(probe: Probe) -> Probe:
    return replace(probe, of_reference=True)


def _again(probe: Probe) -> Probe:
    return replace(probe, again=True)


def _questions(probe: Probe, *, repeated: bool) -> Iterator[Probe]:
    yield probe
    yield _there(probe)
    if repeated:
        yield _again(probe)
        yield _again(_there(probe))


def _past_cache(probe: Probe, spec: SameAsSpec) -> Probe:
    return replace(probe, path=f"{probe.path}{'&' if '?' in probe.path else '?'}{spec.past_cache}")


def _named(spec: SameAsSpec, seen: Seen) -> list[str]:
    """The scripts and styles that the page names, on either side: one that is named by one alone is missing on the other."""
    if not spec.with_named:
        return []
    pages = [seen.get(spec.probe), seen.get(_there(spec.probe))]
    names = (name for page in pages if isinstance(page, Answer) and page.status == 200 for name in _names(page))
    return [*dict.fromkeys(names)]


def _names(page: Answer) -> Iterator[str]:
    return (name for name in markup.named_by_page(page) if name.partition("?")[0].endswith(_CODE))


def _compared(spec: SameAsSpec, seen: Seen) -> Iterator[tuple[Probe, bool]]:
    """What is compared, and whether by its bytes; as far as it has been asked."""
    if spec.probe in seen and _there(spec.probe) in seen:
        yield spec.probe, spec.as_file
    for name in _named(spec, seen):
        probe = Probe(path=name, from_root=True)
        if probe in seen:
            yield probe, True


def _no_reference(theirs: Observation, *, as_file: bool) -> str:
    """Why the reference tells nothing; empty where it does."""
    if isinstance(theirs, NoAnswer):
        return theirs.text
    if theirs.digest not in ("", _NOTHING) and not theirs.body and not as_file:
        return "the report leaves out its body, which was too large"
    found = live.site_answer(theirs, subject="", status=theirs.status)
    if isinstance(found, Finding):
        return f"{found.rule.title} ({theirs.status})"
    return ""


def _is_right_past_cache(probe: Probe, spec: SameAsSpec, seen: Seen) -> bool:
    """Whether it is the same where no cache answers."""
    past, theirs = seen.get(_past_cache(probe, spec)), seen[_there(probe)]
    if not isinstance(past, Answer) or not isinstance(theirs, Answer) or recognise.cached(past):
        return False
    as_file = spec.as_file or probe != spec.probe
    return _difference(_Side(past), _side(_there(probe), seen, theirs), as_file=as_file) is None


def _side(probe: Probe, seen: Seen, answer: Answer) -> _Side:
    again = seen.get(_again(probe))
    return _Side(answer, again if isinstance(again, Answer) and again.status == answer.status else None)


def _compare(probe: Probe, seen: Seen, *, as_file: bool) -> _Difference | None:
    ours, theirs = seen.get(probe), seen.get(_there(probe))
    if not isinstance(theirs, Answer):
        return None
    if not isinstance(ours, Answer):
        return _Difference(ours.text, failed=True) if ours else None
    return _difference(_side(probe, seen, ours), _side(_there(probe), seen, theirs), as_file=as_file)


def _difference(ours: _Side, theirs: _Side, *, as_file: bool) -> _Difference | None:
    here, there = ours.answer, theirs.answer
    if here.status != there.status:
        lines = _lines(str(there.status), str(here.status))
        return _Difference(f"{here.status}, and there {there.status}", lines, failed=True)
    if (leads := _leads(here)) != (leads_there := _leads(there)):
        return _Difference(f"leads to {leads or 'nowhere'}", _lines(leads_there or "(nowhere)", leads or "(nowhere)"))
    if here.media_type != there.media_type:
        return _Difference(
            f"content type {here.media_type or 'none'}",
            _lines(there.media_type or "(none)", here.media_type or "(none)"),
        )
    if _sha256(here) == _sha256(there) or _adds_rules(here, there) or _adds_rules(there, here):
        return None
    if as_file:
        lines = _lines(_content(there), _content(here))
        return _Difference("other bytes", lines, polished=recognise.polished(here) or recognise.polished(there))
    if here.media_type in recognise.HTML_TYPES or recognise.is_html_document(there.text):
        return _of_pages(ours, theirs)
    if recognise.is_json(here.text) and recognise.is_json(there.text):
        return _of_json(ours, theirs)
    words, words_again, words_there, words_there_again = (
        likeness.words_of(answer.text) for answer in _four(ours, theirs)
    )
    return _of_words(words, words_again, words_there, words_there_again)


def _four(ours: _Side, theirs: _Side) -> tuple[Answer, Answer, Answer, Answer]:
    return ours.answer, ours.again or ours.answer, theirs.answer, theirs.again or theirs.answer


def _adds_rules(one: Answer, other: Answer) -> bool:
    return recognise.only_adds_rules(one.body, other.body)


def _leads(answer: Answer) -> str:
    """Where it leads: a redirect, or the one that was followed to tidy the address. On the own host it is a path."""
    target = recognise.location(answer)
    if target is None:
        last = answer.hops[-1] if answer.hops else None
        return urlsplit(answer.url).path if last else ""
    own = target.netloc.lower() == urlsplit(answer.url).netloc.lower()
    where = target._replace(scheme="", netloc="") if own else target
    return where.geturl()


def _content(answer: Answer) -> str:
    size = f"{len(answer.body):,} bytes, " if answer.body else ""  # a report may have left it out
    return f"{size}sha256 {_sha256(answer)[:12]}"


def _sha256(answer: Answer) -> str:
    return answer.digest or hashlib.sha256(answer.body).hexdigest()


def _lines(there: str, here: str) -> tuple[str, ...]:
    return f"- {_cut(there)}", f"+ {_cut(here)}"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]} …"


def _of_pages(ours: _Side, theirs: _Side) -> _Difference | None:
    hosts = frozenset(urlsplit(side.answer.url).netloc for side in (ours, theirs))
    four = _four(ours, theirs)
    hidden = any(likeness.hides_addresses(answer) for answer in four)
    here, here_again, there, there_again = (likeness.sight(answer, hosts, addresses_alike=hidden) for answer in four)
    if found := _of_words(here.title, here_again.title, there.title, there_again.title):
        return replace(found, short=f"another title: {' '.join(here.title) or '(none)'!r}")
    if found := _of_words(here.words, here_again.words, there.words, there_again.words):
        return found
    changing = (here.links ^ here_again.links) | (there.links ^ there_again.links)
    missing = sorted(there.links - here.links - changing)
    added = sorted(here.links - there.links - changing)
    if not missing and not added:
        return None
    lines = (*(f"- {_cut(link)}" for link in missing[:_SHOWN]), *(f"+ {_cut(link)}" for link in added[:_SHOWN]))
    return _Difference("names other addresses of its own site", lines)


def _of_words(
    here: tuple[str, ...], here_again: tuple[str, ...], there: tuple[str, ...], there_again: tuple[str, ...]
) -> _Difference | None:
    found = likeness.differing(here, here_again, there, there_again)
    if found is None:
        return _Difference("another text altogether", _lines(" ".join(there[:12]), " ".join(here[:12])))
    if not found:
        return None
    lines = tuple(line for gone, come in found[:_SHOWN] for line in _lines(gone or "(nothing)", come or "(nothing)"))
    gone, come = found[0]
    return _Difference(f"another text: {_cut(come or 'nothing')!r} in place of {_cut(gone or 'nothing')!r}", lines)


@dataclass
class _Flat:
    """A JSON value as its leaves, by path."""

    leaves: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, value: object) -> None:
        """Take in ``value``, which stands at ``path``. (Its depth is bounded by what was parsed.)"""
        waiting = [(path, value)]
        while waiting:
            at, one = waiting.pop()
            if isinstance(one, dict) and one:
                waiting += [(f"{at}.{key}" if at else str(key), inner) for key, inner in one.items()]
            elif isinstance(one, list) and one:
                waiting += [(f"{at}[{index}]", inner) for index, inner in enumerate(one)]
            else:
                self.leaves[at] = json.dumps(one, ensure_ascii=False)


def _of_json(ours: _Side, theirs: _Side) -> _Difference | None:
    here, here_again, there, there_again = (_leaves(answer) for answer in _four(ours, theirs))
    changing = {*_unlike(here, here_again), *_unlike(there, there_again)}
    differing = [
        key
        for key in _unlike(there, here)
        if key not in changing and not (likeness.is_time(here.get(key, "")) and likeness.is_time(there.get(key, "")))
    ]
    if not differing:
        return None
    lines = tuple(
        line
        for key in differing[:_SHOWN]
        for line in _lines(f"{key}: {there.get(key, '(absent)')}", f"{key}: {here.get(key, '(absent)')}")
    )
    key = differing[0]
    return _Difference(
        f"{key or 'the value'} is {_cut(here.get(key, 'absent'))}, and there {_cut(there.get(key, 'absent'))}", lines
    )


def _leaves(answer: Answer) -> dict[str, str]:
    flat = _Flat()
    try:
        flat.add("", recognise.parse_json(answer.text))
    except ValueError:  # the other answer of this side was JSON, this one is not: all of it changes
        return {}
    return flat.leaves


def _unlike(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return [key for key in dict.fromkeys((*one, *other)) if one.get(key) != other.get(key)]
