"""Secrets, struck out where answers come in: whatever a server echoes of them, no report can show. Pure."""

from __future__ import annotations

import base64
import html
import html.entities
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, AnyStr, Final, Generic
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from pytest_pagesmoke.model import Answer, Hop, Observation, Target

#: What stands in a secret's place.
MASK: Final = "***"
#: Shorter ones cannot be told from ordinary text: striking out every "a" would garble all answers.
_MIN_LENGTH: Final = 4
#: The same for parts of a header's value, which may be words ("Bearer").
_MIN_PART_LENGTH: Final = 8
#: For one of digits and letters, which is no word.
_MIN_MIXED_LENGTH: Final = 6

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2"})
#: Names of headers that hold a secret, whoever thought them up: X-Api-Key, X-Session-Token.
_TELLING: Final = re.compile("key|token|secret|auth(?!or)|session|password|credential|jwt", re.IGNORECASE)
#: Names of answers' headers that sound like it: how to ask, who may, and what names a copy or a question.
_NOT_TELLING: Final = re.compile(r".*-authenticate|access-control-.*|(?:.*-)?(?:surrogate|cache|idempotency)-key")
#: A parameter of an address that holds a token or a password, whoever made it: `?access_token=…`, `&X-Amz-Signature=…`. Bounded:
#: a server may send a name without end.
_TOKEN: Final = re.compile(
    # Also of an address within another one, or two; in JSON that is safe in HTML, and in HTML of templates that escape more than they must.
    r"(?:(?<=[?&;#])|(?<=%3f|%26|%23)|(?<=%253f|%2526|%2523)|(?<=\\u0026))"
    r"([\w.~%\[\]-]{0,40}?(?:token|secret|passw|signature|credential|jwt|bearer|authorization|samlresponse|verifier|(?:api|app|access|auth|client|private|session|subscription)[_-]?key)[\w.~%\[\]-]{0,40}?"
    r"|sig|auth|(?:[\w.-]{0,40}[_-])?pass(?:phrase|code)?|pw|pwd|otp|hmac|(?:j|php)?sess(?:ion)?[_-]?id"
    # A key may be a word (`?key=home`), a session have a number: what is as long as a token is one.
    r"|(?:key|sid|session|ticket)(?=(?:=|%3d)[\w.~%-]{16}))"
    r"(=|%3d|%253d|\\u003d|&#x3d;|&#61;|&equals;)"
    # A backslash begins what ends it, in JSON, and a bracket may end a test id; a backtick ends a text of JavaScript. A comma stands
    # within it, and may end a part of a sentence.
    r"([^&;#\s'\"`<>)\\]*[^&;#\s'\"`,<>)\\\]])",
    re.IGNORECASE,
)
#: A user, and a password, in an address; bounded, as above.
_IN_ADDRESS: Final = re.compile(
    # What follows a `?` or `#` is no user: `https://example.com?to=a@b.example`.
    r"(?:(?<=://)|(?<=:\\/\\/)|(?<=%3a%2f%2f)|(?<=%253a%252f%252f)|(?<=:&#x2f;&#x2f;)|(?<=:&#47;&#47;))(?!git@)[^/\s'\"<>\\?#]{1,200}@",
    re.IGNORECASE,
)
_WORD_ENDS: Final = re.compile(r"[\s'\"`<>]")
_OF_ADDRESS: Final = re.compile(r"[/?&#%]|\\u0026")
_MAX_WORD: Final = 2000  # an address that is longer reaches no server
#: How much of a secret may stand anywhere, and how much beside a place where something was left out.
_MAX_PART: Final = 12
#: One word of letters and several digits, or with capitals within: no date, no address, no name of a thing.
_LIKE_A_SECRET: Final = re.compile(
    r"(?=(?:[^a-zA-Z]*[a-zA-Z]){3})(?=(?:\D*\d){2}|(?:[^a-z]*[a-z]+[^A-Z]*[A-Z]){2})[\w+/=-]+", re.ASCII
)
_SEED: Final = _MAX_PART // 2
#: How much of a secret's beginning is looked for first of all.
_HEAD: Final = 12
_ELLIPSIS: Final = re.compile(r"\.\.\.|…")
#: What base64 in lines, in an e-mail's way, has between two of them; in JSON, too.
_LINE_BREAK: Final = r"(?:(?:\r|\\r)?(?:\n|\\n))?"
_BASE64: Final = re.compile(r"[\w+/-]{16,}", re.ASCII)
#: How else a character is written: in forms, in JSON.
_OTHERWISE: Final = {" ": r"\+|", "\t": r"t|"}


def without_tokens(text: str) -> str:
    """``text`` with the tokens and passwords in its addresses struck out, whoever made them."""
    parts = (MASK if is_token else part for part, is_token in with_tokens_apart(text))
    return _IN_ADDRESS.sub(f"{MASK}@", "".join(parts))


def beginning(text: str, limit: int = 40) -> str:
    """The first ``limit`` characters of ``text`` without its tokens. Cut off, a password is not known as one: it is struck before."""
    return without_tokens(text[: limit + _MAX_WORD])[:limit]


def with_tokens_apart(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a text: as they stand, and (True) the name of a parameter in place of the token that it holds."""
    start = 0
    for found in _TOKEN.finditer(text):
        if text[found.start() - 1] == ";" and not _begins_parameter(text, found.start() - 1):
            continue
        yield text[start : found.start(3)], False
        yield found[1], True
        start = found.end()
    if start < len(text):
        yield text[start:], False


def _begins_parameter(text: str, semicolon: int) -> bool:
    """Whether the semicolon stands in an address or a form: `/a;session=1`, `?a=1&amp;token=2`; and not in a list, `db=ok;auth=ok`."""
    word = _WORD_ENDS.split(text[max(0, semicolon - _MAX_WORD) : semicolon])[-1]
    return _OF_ADDRESS.search(word) is not None


def tells_secret(header: str) -> bool:
    """Whether an answer's header of this name, in lower case, has a value that is not for others."""
    return (
        header.startswith("cf-access-")
        or header in _SECRET_HEADERS
        or (_TELLING.search(header) is not None and _NOT_TELLING.match(header) is None)
    )


class Secrets:
    """Texts that no output may show, in each of the forms in which a server may give them back."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._learning = threading.Lock()  # xdist's controller learns what several workers lay over, at once
        self._known: set[str] = set()
        self._text: _Whole[str] | None = None
        self._bytes: _Whole[bytes] | None = None
        self._forms: list[str] = []
        self._cut: _Cut | None = None
        self._add(texts)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Strike out from now on what these headers hold, too: whoever comes back from here can ask with them."""
        with self._learning:
            self._add(_of_headers(headers))

    def _add(self, texts: Iterable[str]) -> None:
        # What stands in quotes, as a cookie may: JSON that shows it has quotes of its own, and needs them.
        given = [text[1:-1] if text[:1] == text[-1:] == '"' else text for text in texts]
        # A cookie is escaped in its header, and a server shows what it means.
        read = (*given, *map(unquote, given), *map(unquote_plus, given))
        texts = [form for text in read for form in (text, *_without_padding(text))]
        known = self._known | {text for text in texts if len(text) >= _MIN_LENGTH}
        if known == self._known:
            return
        self._known, self._cut = known, None
        self._forms = sorted({form for text in known for form in _forms(text)})
        forms = {form for text in known for form in (text, *_in_other_case(text), *_in_other_digits(text))}
        self._text = _Whole(forms, MASK, str) if forms else None
        self._bytes = _Whole(forms, MASK.encode(), _in_bytes) if forms else None

    def __repr__(self) -> str:
        return "<Secrets>"

    def out_of(self, text: str) -> str:
        """``text`` with every secret struck out."""
        return self._text.out_of(text) if self._text else text

    def out_of_kept(self, text: str) -> str:
        """``text`` as it may be kept in a file: without secrets, without tokens and passwords in addresses."""
        return without_tokens(self.out_of(text))

    def out_of_said(self, text: str) -> str:
        """What is said of an answer, in which a server may have given back a part of a secret: without parts that look like one.

        For people alone: a part may be a part of something else, a date or a host's name, and is no reason to judge otherwise.
        """
        return self._parts.out_of_said(text) if self._forms else text

    def out_of_bytes(self, content: bytes) -> bytes:
        """``content`` with every secret struck out."""
        return self._bytes.out_of(content) if self._bytes else content

    def out_of_spec(self, spec: Any) -> Any:
        """What a check expects, with every secret struck out as it is in answers; but for where to ask. (`Any`: a spec of any kind.)"""
        return spec if self._text is None else struck_spec(spec, self.out_of)

    def out_of_shown(self, value: Any, then: Callable[[str], str] = str) -> Any:
        """What pytest shows of a test, struck out of objects in place: secrets, parts of them, tokens; and ``then`` done to it. (`Any`: its report's parts.)

        pytest shortens what is long, and shows of two long texts the places where they differ: a secret may be cut anywhere.
        """
        parts = self._parts

        def strike(text: str) -> str:
            return then(parts.out_of(without_tokens(self.out_of(text))))

        return _deeply(value, strike)

    @property
    def _parts(self) -> _Cut:
        if self._cut is None:
            self._cut = _Cut(self._forms)
        return self._cut

    def struck_out(self, seen: Observation) -> Observation:
        """An observation with every secret struck out of all that it holds."""
        if self._bytes is None:
            return seen
        if isinstance(seen, Answer):
            found = replace(struck_answer(seen, self.out_of), body=self._out_of_body(seen))
            return replace(found, struck=seen.struck or (found.headers, found.body) != (seen.headers, seen.body))
        hops = _struck_hops(seen.hops, self.out_of)
        return replace(
            seen, url=self.out_of(seen.url), text=self.out_of(seen.text), detail=self.out_of(seen.detail), hops=hops
        )

    def _out_of_body(self, answer: Answer) -> bytes:
        if answer.charset == "utf-8-sig" or (text := answer.text) == (left := self.out_of(text)):
            return self.out_of_bytes(answer.body)
        return left.encode(answer.charset, errors="replace")


NO_SECRETS: Final = Secrets(())


def struck_answer(answer: Answer, strike: Callable[[str], str]) -> Answer:
    """An answer with ``strike`` done to all of it but its body."""
    headers = {strike(name): strike(value) for name, value in answer.headers.items()}
    return replace(answer, url=strike(answer.url), headers=headers, hops=_struck_hops(answer.hops, strike))


def _struck_hops(hops: Iterable[Hop], strike: Callable[[str], str]) -> tuple[Hop, ...]:
    return tuple(Hop(status=hop.status, url=strike(hop.url), location=strike(hop.location)) for hop in hops)


def struck_spec(spec: Any, strike: Callable[[str], str]) -> Any:
    """What a check expects, with ``strike`` done to all of it but for where to ask. (`Any`: a spec of any kind.)"""
    names = (f.name for f in fields(spec) if f.init and f.name not in ("path", "id"))
    return replace(spec, **{name: _deeply(getattr(spec, name), strike) for name in names})


def secrets_of(targets: Iterable[Target], from_environment: Iterable[str] = ()) -> Secrets:
    """The secrets of a run: what its targets' headers hold, and the values of the environment that stand in them."""
    return Secrets([*from_environment, *(text for target in targets for text in _of_headers(target.headers))])


def _of_headers(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if name.lower() not in ("authorization", "cookie", "proxy-authorization") and not name.lower().startswith(
            "cf-access-"
        ):
            if _TELLING.search(name):
                yield from _long([value])
            continue
        yield value
        if name.lower() == "cookie":
            values = [part.partition("=")[2].strip() for part in value.split(";")]
            yield from _long(values)
            yield from _parts(values)
            continue
        scheme, _, credentials = value.strip().partition(" ")
        yield from _long([credentials.strip()])
        if scheme.lower() != "basic":
            yield from _parts([credentials])
            continue
        for user_and_password in _decoded(credentials.strip()):
            yield from (user_and_password, user_and_password.partition(":")[2])


def _parts(values: Iterable[str]) -> Iterator[str]:
    """What a server may take out of a value: of a signed or encoded cookie, a JWT, `Token token="…"`. But no words, which are anywhere."""
    for part in (part for value in values for part in re.split(r"[^\w+/-]+", unquote(value))):
        has_both = re.search(r"\d", part) and re.search(r"[^\W\d]", part)
        if len(part) >= _MAX_PART or (has_both and len(part) >= _MIN_MIXED_LENGTH):
            yield part


def _deeply(value: Any, strike: Callable[[str], str]) -> Any:
    """``value`` with ``strike`` done to each text in it; to an object that may be changed, in place. (`Any`: whatever holds texts.)"""
    if isinstance(value, str):
        return strike(value)
    if isinstance(value, dict):
        return {key: _deeply(part, strike) for key, part in value.items()}
    if type(value) in (list, tuple):  # and not what only behaves like one, and is made otherwise
        return type(value)([_deeply(part, strike) for part in value])
    if _is_pytests(value):
        vars(value).update(_deeply(vars(value), strike))
    return value


class _Whole(Generic[AnyStr]):
    """Secrets as a whole, in all their forms, however they are escaped.

    A pattern of a long one takes long to compile, and is hardly ever needed: first of all it is asked whether a text holds the
    beginning of any. ``written`` makes what a pattern is compiled of.
    """

    def __init__(self, forms: Iterable[str], mask: AnyStr, written: Callable[[str], AnyStr]) -> None:
        # Longest first: a secret that contains another one must go whole.
        self._forms = sorted(forms, key=len, reverse=True)
        self._mask: AnyStr = mask
        self._written: Callable[[str], AnyStr] = written
        self._any: re.Pattern[AnyStr] = self._compiled(dict.fromkeys(map(_head, self._forms)))
        self._heads: dict[str, re.Pattern[AnyStr]] = {}
        self._begun: dict[tuple[str, ...], re.Pattern[AnyStr]] = {}

    def out_of(self, content: AnyStr) -> AnyStr:
        """``content`` without them."""
        if not self._any.search(content):
            return content
        begun = tuple(form for form in self._forms if self._head(form).search(content))
        if begun not in self._begun:
            self._begun[begun] = self._compiled(map(_pattern, begun))
        return self._begun[begun].sub(self._mask, content)

    def _head(self, form: str) -> re.Pattern[AnyStr]:
        if form not in self._heads:
            self._heads[form] = self._compiled([_head(form)])
        return self._heads[form]

    def _compiled(self, patterns: Iterable[str]) -> re.Pattern[AnyStr]:
        return re.compile(self._written("|".join(patterns)))


def _in_bytes(pattern: str) -> bytes:
    return pattern.encode(errors="surrogatepass")


class _Cut:
    """Parts of secrets, as they are left where texts are shortened or compared."""

    def __init__(self, forms: Iterable[str]) -> None:
        self._grams = {form[i : i + _MAX_PART] for form in forms for i in range(len(form) - _MAX_PART + 1)}
        self._random = {gram for gram in self._grams if _LIKE_A_SECRET.fullmatch(gram)}
        self._seeds = {gram[i : i + _SEED] for gram in self._grams for i in range(_MAX_PART - _SEED + 1)}
        # Output may be dots by the thousand, and secrets long: by their last characters the beginnings, by their first the ends.
        self._begins: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self._ends: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        for form in forms:
            for at in range(_MIN_LENGTH, len(form)):
                self._begins[form[at - _MIN_LENGTH : at]].append((form, at))
            for at in range(1, len(form) - _MIN_LENGTH + 1):
                self._ends[form[at : at + _MIN_LENGTH]].append((form, at))

    def out_of(self, text: str) -> str:
        """``text`` without them."""
        return self._out_of_ends(self._out_of_runs(text, self._grams))

    def out_of_said(self, text: str) -> str:
        """``text`` without those that can be no words."""
        return self._out_of_runs(text, self._random)

    def _out_of_runs(self, text: str, grams: Collection[str]) -> str:
        """Without any run of characters that whole parts cover."""
        kept: list[str] = []
        end = 0
        for i in self._begin(text, grams):
            if not kept or i > end:  # and not a part of the run before it
                kept += [text[end:i], MASK]
            end = i + _MAX_PART
        return "".join([*kept, text[end:]])

    def _begin(self, text: str, grams: Collection[str]) -> list[int]:
        """Where they begin. Wherever that is, one of every few places of a text lies in it with some characters behind: texts are long, and hold none."""
        near = (at for at in range(0, len(text), _SEED) if text[at : at + _SEED] in self._seeds)
        begin = (i for at in near for i in range(max(0, at - _SEED), at + 1) if text[i : i + _MAX_PART] in grams)
        return sorted({*begin})

    def _out_of_ends(self, text: str) -> str:
        """Without the beginnings and ends that stand at a place where something was left out."""
        kept: list[str] = []
        start = 0
        for gap in _ELLIPSIS.finditer(text):
            begins = self._begins.get(text[max(start, gap.start() - _MIN_LENGTH) : gap.start()], ())
            left = max((at for form, at in begins if text.endswith(form[:at], start, gap.start())), default=0)
            ends = self._ends.get(text[gap.end() : gap.end() + _MIN_LENGTH], ())
            right = max((len(form) - at for form, at in ends if text.startswith(form[at:], gap.end())), default=0)
            kept += [text[start : gap.start() - left], MASK * bool(left), gap[0], MASK * bool(right)]
            start = gap.end() + right
        return "".join([*kept, text[start:]])


def _is_pytests(value: object) -> bool:
    """Whether it is a part of one of pytest's tracebacks, which nobody else has. What is a test's own may still be asked with, and is never changed."""
    is_part = is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("_pytest.")
    return is_part and not value.__dataclass_params__.frozen  # type: ignore[attr-defined]  # what dataclasses themselves ask


def _long(parts: Iterable[str]) -> list[str]:
    return [part for part in parts if len(part) >= _MIN_PART_LENGTH]


def _decoded(text: str) -> Iterator[str]:
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:  # no base64: the value as a whole is struck out already
        return
    yield from {content.decode(charset, errors="replace") for charset in ("utf-8", "latin-1")}


def _without_padding(text: str) -> list[str]:
    """Without the `=` that base64 may end in."""
    return _long([text.rstrip("=")]) if text.endswith("=") else []


def _in_other_case(text: str) -> list[str]:
    return _long([text.lower(), text.upper()])


def _in_other_digits(text: str) -> Iterator[str]:
    """In hexadecimal digits, and in base64: alone, or within a longer text, wherever it begins there."""
    content = text.encode(errors="replace")
    yield from (content.hex(), content.hex().upper())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(content).decode("ascii").rstrip("=")
        for before, skipped in ((0, 0), (1, 2), (2, 3)):
            whole = (before + len(content)) * 8 // 6  # the digits that hold nothing of what follows
            digits = encode(bytes(before) + content).decode("ascii")[skipped:whole]
            yield from _long([digits])


def _head(form: str) -> str:
    """What finds the beginning of ``form``, from the first character on that is never escaped: any other is looked for at each place of a text."""
    plain = next((i for i, char in enumerate(form) if char.isascii() and char.isalnum()), 0)
    return _pattern(form[plain:], _HEAD)


def _pattern(text: str, length: int | None = None) -> str:
    """What finds ``text``, or so many characters of its beginning, however it is escaped; where it may be base64, in lines, too."""
    between = _LINE_BREAK if _BASE64.fullmatch(text) else ""
    return between.join(map(_character, text[:length]))


@cache
def _character(char: str) -> str:
    """A pattern of ``char`` as it is, and as addresses, JSON, JavaScript and HTML escape it: once, or once more. Letters and digits nobody does."""
    if char.isascii() and char.isalnum():
        return char
    percent = "".join(f"%(?:25){{0,2}}{byte:02x}" for byte in char.encode(errors="surrogatepass"))
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    in_json = r"\\{1,8}".join(f"u{units[i : i + 4]}" for i in range(0, len(units), 4))
    names = "|".join([f"#x0{{0,6}}{ord(char):x}", f"#0{{0,6}}{ord(char)}", *_entities(char)])
    escaped = [percent, in_json, f"x{ord(char):02x}", f"&(?:amp;){{0,2}}(?:{names});"]
    # The bound of backslashes: what is escaped in a text that is escaped in a text has seven.
    return rf"\\{{0,8}}(?:(?i:{'|'.join(escaped)})|{_OTHERWISE.get(char, '')}{re.escape(char)})"


def _entities(char: str) -> list[str]:
    return sorted({name[:-1] for name, meant in html.entities.html5.items() if meant == char and name.endswith(";")})


def _forms(text: str) -> Iterator[str]:
    """As it is, and as JSON, HTML, an address or base64 would have it, whole: of these, parts are found."""
    yield text
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]  # as JavaScript has it
    yield html.escape(text)
    yield html.escape(text).replace("&#x27;", "&#39;")
    yield html.escape(text, quote=False)
    # And as JavaScript quotes: encodeURIComponent, encodeURI, URLSearchParams.
    unquoted = ("", "/", "!'()*", "!'()*;/?:@&=+$,#")
    for quoted in (
        *(quote(text, safe=safe, errors="replace") for safe in unquoted),
        quote_plus(text, errors="replace"),
        quote_plus(text, safe="*", errors="replace"),
    ):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield from _in_other_digits(text)
