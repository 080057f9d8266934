"""Observations as a report holds them: as builtins that JSON can say, without secrets and bounded; and read back. Pure."""

from __future__ import annotations

import base64
import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Never
from urllib.parse import urlsplit

from pytest_pagesmoke.model import (
    REPORTED_BYTES,
    TOLD_BYTES,
    Answer,
    Hop,
    LeftOut,
    NoAnswer,
    Observation,
    Phase,
    Probe,
    Reason,
)
from pytest_pagesmoke.redact import MASK, Secrets, struck_answer, tells_secret, without_tokens

#: An observation as a report holds it. (`Any`: JSON's values.)
Entry = dict[str, Any]

#: Of all bodies of a report together, which is to be sent to somebody.
MAX_BODIES_BYTES: Final = 8_388_608
_BEGINNING: Final = 4096  # characters: enough to tell what a body is
_CUT: Final = (
    "the report leaves out a part of a body: it was large, or held a secret that could not be struck out of it"
)
#: Of what neither a token nor a password in an address ends with.
_IN_TOKEN: Final = re.compile(r"[^#\s'\"<>\\]+")
_STRUCK: Final = f"the report leaves out tokens and secrets ({MASK}), and this may be one"


class BadReport(Exception):
    """A text is no report that can be judged again. Says why, in words."""


@dataclass(frozen=True, kw_only=True)
class _Beginning(Answer):
    """An answer that was judged: of a body of ``size`` bytes what it begins with."""

    size: int

    @property
    def size_bytes(self) -> int:
        return self.size


def beginning_of(answer: Answer) -> Answer:
    """What is kept of a large answer that was judged."""
    digest = answer.digest or hashlib.sha256(answer.body).hexdigest()
    short = {**_values(answer), "body": answer.body[:TOLD_BYTES], "digest": digest}
    return _Beginning(**short, size=answer.size_bytes)


def held_bytes(seen: Observation) -> int:
    """How much of a body an observation holds; of what a report had cut, nothing."""
    return len(seen.body) if isinstance(seen, Answer) and not isinstance(seen, _CutAnswer) else 0


def entry(probe: Probe, seen: Observation, *, secrets: Secrets) -> Entry:
    """An observation, with the question that it answers."""
    kept = secrets.out_of_kept
    common: Entry = {
        "path": kept(probe.path),
        "accept": probe.accept,
        "from_root": probe.from_root,
        "follow": probe.follow,
        "fresh": probe.fresh,
        "as_stranger": probe.as_stranger,
        "of_reference": probe.of_reference,
        "again": probe.again,
        "url": kept(seen.url),
        "elapsed_s": seen.elapsed_s,
        "timings_s": {**seen.timings_s},
        "attempts": seen.attempts,
        "hops": [{"status": hop.status, "url": kept(hop.url), "location": kept(hop.location)} for hop in seen.hops],
    }
    if isinstance(seen, NoAnswer):
        said = {"reason": seen.reason.value, "text": kept(seen.text), "detail": kept(seen.detail)}
        return {**common, "no_answer": said}
    withheld = sorted(filter(tells_secret, seen.headers))
    return {
        **common,
        "status": seen.status,
        "headers": {
            kept(name): MASK if name in withheld else kept(value) for name, value in sorted(seen.headers.items())
        },
        "withheld": withheld,
        "http_version": seen.http_version,
        "sent": sorted(seen.sent),
        "size_bytes": seen.size_bytes,
        "sha256": seen.digest or hashlib.sha256(seen.body).hexdigest(),  # of a replay, what the first report said
        "secrets_struck": seen.struck,
        **_body(seen, secrets),
    }


def _body(answer: Answer, secrets: Secrets) -> Entry:
    if isinstance(answer, _CutAnswer):  # of a replay
        return {"body": secrets.out_of_kept(answer.begins), "truncated": True}
    body = answer.body
    if _hides_secrets(answer, secrets):
        return {"body": "", "truncated": True}
    if len(body) > REPORTED_BYTES or isinstance(answer, _Beginning):
        return _beginning(secrets.out_of_kept(answer.beginning))  # of more than is kept: a secret may stand at its end
    try:
        return {"body": secrets.out_of_kept(body.decode("utf-8")), "truncated": False}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode("ascii"), "truncated": False}


def _hides_secrets(answer: Answer, secrets: Secrets) -> bool:
    """Whether a body holds what cannot be struck out, because its characters are not those of UTF-8, or of another width."""
    views = [answer.body.replace(b"\0", b"").decode("utf-8", errors="replace")] if b"\0" in answer.body else []
    if answer.text.encode("utf-8", errors="replace") != answer.body.removeprefix(codecs.BOM_UTF8):
        views += [answer.text, answer.body.decode("latin-1")]  # where no charset is declared, that is the usual one
    return any(secrets.out_of_kept(view) != view for view in views)


def _beginning(text: str) -> Entry:
    return {"body": text[:_BEGINNING], "truncated": True}


def bounded(entries: Iterable[Entry], *, already_bytes: int = 0) -> tuple[list[Entry], int]:
    """``entries``, but that bodies beyond the bound of all are cut; and how much of it is used. The smallest are kept first: pages before scripts."""
    found = [*entries]
    sizes = [
        len(one.get("body", "").encode("utf-8", errors="replace")) + len(one.get("body_base64", "")) for one in found
    ]
    for size, index in sorted(zip(sizes, range(len(found)), strict=True)):
        if already_bytes + size > MAX_BODIES_BYTES:
            cut = {key: value for key, value in found[index].items() if key != "body_base64"}
            bytes_ = base64.b64decode(found[index].get("body_base64", "")[: 4 * _BEGINNING])
            found[index] = {**cut, **_beginning(cut.get("body") or bytes_.decode(errors="replace"))}
        else:
            already_bytes += size
    return found, already_bytes


# And back.


class _Headers(dict[str, str]):
    """Headers some of whose values were left out; these cannot be looked at."""

    def __init__(self, headers: Mapping[str, str], withheld: Iterable[str]) -> None:
        super().__init__(headers)
        self._withheld = frozenset(withheld)

    def __getitem__(self, name: str) -> str:
        if name in self._withheld:
            raise LeftOut(f"the report leaves out the value of {name}")
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:  # `Any`: as dict has it
        if name not in self:
            return default
        return self[name]


@dataclass(frozen=True, kw_only=True)
class _CutAnswer(Answer):
    """An answer of whose body only the ``size`` and what it ``begins`` with were kept, or nothing; the rest cannot be looked at."""

    size: int
    begins: str = field(repr=False)

    def __getattribute__(self, name: str) -> Any:  # `Any`: whatever attribute is asked for
        if name == "body":
            raise LeftOut(_CUT)
        return super().__getattribute__(name)

    @property
    def size_bytes(self) -> int:
        return self.size

    @property
    def beginning(self) -> str:
        # A comment that does not end in what was kept: what stands behind it tells what this is.
        if not self.begins or "<!--" in self.begins.rpartition("-->")[2]:
            raise LeftOut(_CUT)
        return self.begins

    @property
    def is_blank(self) -> bool:
        if not self.beginning.strip():  # of what was kept; the rest is not known
            raise LeftOut(_CUT)
        return False


@dataclass(frozen=True, kw_only=True)
class _StruckAnswer(Answer):
    """An answer of ``size`` bytes that has masks where tokens and secrets were: what is not found in it may have stood there."""

    size: int  # of the whole

    @property
    def size_bytes(self) -> int:
        return self.size

    def require_whole(self, part: str, wanted: str = "") -> None:
        if MASK in part and (self.struck or not wanted or _may_hold(part, wanted)):
            raise LeftOut(_STRUCK)


def _may_hold(text: str, wanted: str) -> bool:
    """Whether ``wanted`` may have stood in ``text``, with a part of a token, or of a password, in place of a mask."""
    for mask in re.finditer(re.escape(MASK), text):
        before = text[max(0, mask.start() - len(wanted)) : mask.start()]
        after = text[mask.end() : mask.end() + len(wanted)]
        if MASK in before + after:  # two at once
            return True
        for begin in range(len(wanted) + 1):
            hidden = _IN_TOKEN.match(wanted, begin)
            ends = range(begin, hidden.end() + 1 if hidden else begin + 1)
            if before.endswith(wanted[:begin]) and any(after.startswith(wanted[end:]) for end in ends):
                return True
    return False


def read_entry(value: object, where: str) -> tuple[Probe, Observation]:
    """What `entry` made, as it was. Raises BadReport for anything else; ``where`` says in which place."""
    it = Part(value, where)
    probe = Probe(
        path=it.text("path"),
        accept=it.text("accept"),
        from_root=it.flag("from_root"),
        follow=it.flag("follow"),
        fresh=it.has("fresh") and it.flag("fresh"),
        as_stranger=it.flag("as_stranger"),
        of_reference=it.flag("of_reference"),
        again=it.number("again"),
    )
    hops = tuple(
        Hop(status=hop.count("status"), url=hop.text("url"), location=hop.text("location")) for hop in it.parts("hops")
    )
    elapsed_s, attempts = it.seconds("elapsed_s"), it.count("attempts")
    timings = it.part("timings_s") if it.has("timings_s") else Part({}, where)  # earlier versions knew none
    timings_s = {phase.key: timings.seconds(phase.key) for phase in Phase if timings.has(phase.key)}
    if it.has("no_answer"):
        said = it.part("no_answer")
        reason = said.text("reason")
        if reason not in tuple(Reason):
            said.refuse("reason", "is no reason that this version knows")
        return probe, NoAnswer(
            url=it.text("url"),
            reason=Reason(reason),
            text=said.text("text"),
            detail=said.text("detail"),
            hops=hops,
            elapsed_s=elapsed_s,
            timings_s=timings_s,
            attempts=attempts,
        )
    is_cut = it.flag("truncated")
    answer = Answer(
        url=it.address("url"),
        status=it.count("status"),
        headers=_Headers(it.texts("headers"), filter(tells_secret, it.list_of_texts("withheld"))),
        body=b"" if is_cut else _read_body(it),
        hops=hops,
        http_version=it.text("http_version"),
        elapsed_s=elapsed_s,
        timings_s=timings_s,
        sent=frozenset(it.list_of_texts("sent")),
        attempts=attempts,
        digest=it.text("sha256"),
        struck=it.has("secrets_struck") and it.flag("secrets_struck"),
    )
    if is_cut:
        begins = it.text("body") if it.has("body") else ""
        return probe, _CutAnswer(**_values(answer), size=it.number("size_bytes"), begins=begins)
    withheld = it.list_of_texts("withheld")
    shown = (value for name, value in answer.headers.items() if name not in withheld)
    if is_struck(answer) or any(MASK in value for value in shown):
        return probe, _StruckAnswer(**_values(answer), body=answer.body, size=it.number("size_bytes"))
    return probe, answer


def is_struck(answer: Answer) -> bool:
    """Whether something was struck out of this body, of a report: the masks that it has are not its own."""
    is_other = answer.struck or answer.digest != hashlib.sha256(answer.body).hexdigest()
    return is_other and MASK.encode() in answer.body


def as_recorded(seen: Observation) -> Observation:
    """An answer as a report would have it, to be compared with one of a report: where it comes from and leads to, without tokens.

    Its body is struck by itself, which takes a second for 3 MB: most are known by their digests.
    """
    if not isinstance(seen, Answer):
        return seen
    return replace(struck_answer(seen, without_tokens), digest=hashlib.sha256(seen.body).hexdigest())


def body_as_recorded(answer: Answer) -> Answer:
    """The same for what it says."""
    try:
        return replace(answer, body=without_tokens(answer.body.decode("utf-8")).encode())
    except UnicodeDecodeError:  # kept as it is
        return answer


def without_cut_body(seen: Observation) -> Observation:
    """The same, but that a body which was left out is empty: only by its digest can that be compared."""
    return Answer(**_values(seen)) if isinstance(seen, _CutAnswer) else seen


def _values(answer: Answer) -> dict[str, Any]:  # `Any`: of each field its own
    return {f.name: getattr(answer, f.name) for f in fields(Answer) if f.name != "body"}


def _read_body(it: Part) -> bytes:
    try:
        if it.has("body_base64"):
            return base64.b64decode(it.text("body_base64"), validate=True)
        return it.text("body").encode()
    except ValueError:  # what is no base64, or has half of a character
        it.refuse("body", "is no body")


class Part:
    """An object of a report, read key by key. Each way raises BadReport where there is something else."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise BadReport(f"is damaged: {where or 'the whole'}: takes an object")
        self._value: dict[str, object] = value
        self._where = f"{where}." if where else ""

    def refuse(self, key: str, why: str) -> Never:
        raise BadReport(f"is damaged: {self._where}{key}: {why}")

    def has(self, key: str) -> bool:
        return self._value.get(key) is not None

    def text(self, key: str) -> str:
        value = self._value.get(key)
        return value if isinstance(value, str) else self.refuse(key, "takes a text")

    def address(self, key: str) -> str:
        """A text that judges can take apart."""
        url = self.text(key)
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number, an odd bracket
            good = False
        return url if good else self.refuse(key, "takes an address")

    def flag(self, key: str) -> bool:
        value = self._value.get(key)
        return value if isinstance(value, bool) else self.refuse(key, "takes true or false")

    def count(self, key: str) -> int:
        return self.number(key) or self.refuse(key, "takes a whole number above 0")

    def number(self, key: str) -> int:
        value = self._value.get(key)
        # A thousand million: far above any status and any size, and small enough to be shown.
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000_000
        return value if fits and isinstance(value, int) else self.refuse(key, "takes a whole number")

    def seconds(self, key: str) -> float:
        value = self._value.get(key)
        # Decades.
        fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1_000_000_000
        return value if fits and isinstance(value, int | float) else self.refuse(key, "takes a number of seconds")

    def part(self, key: str) -> Part:
        return Part(self._value.get(key), self._where + key)

    def parts(self, key: str) -> list[Part]:
        return [Part(value, f"{self._where}{key}[{index}]") for index, value in enumerate(self.values(key))]

    def values(self, key: str) -> list[object]:
        value = self._value.get(key)
        return value if isinstance(value, list) else self.refuse(key, "takes a list")

    def texts(self, key: str) -> dict[str, str]:
        value = self._value.get(key)
        if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
            self.refuse(key, "takes an object of texts")
        return value

    def list_of_texts(self, key: str) -> list[str]:
        values = self.values(key)
        found = [value for value in values if isinstance(value, str)]
        return found if len(found) == len(values) else self.refuse(key, "takes a list of texts")
