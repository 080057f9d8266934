"""`test_build`: the deployment says that it is the build which was meant (`--pagesmoke-build`)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final

from pytest_pagesmoke import recognise
from pytest_pagesmoke.checks import commits, live, values
from pytest_pagesmoke.checks.page import IMPOSSIBLE, mistaken_for
from pytest_pagesmoke.checks.takes import CheckId, FromRun, HeaderName, SitePath, Text
from pytest_pagesmoke.model import Answer, Finding, Judgement, Probe, Remark, Rule, Seen

BUILD_DIFFERS = Rule(
    id="build-differs",
    title="The site does not say that it is the wanted build",
    cause="The deployment failed, is not live yet, or was taken for a preview: the branch that was deployed is not the project's production branch. "
    "A cache still holds an older answer. Or the build does not write down its commit.",
    fix="Look for the commit in `npx wrangler pages deployment list`. Directly after a deployment or a rollback, wait with `--pagesmoke-settle=60`. In GitHub's "
    "runs for pull requests `GITHUB_SHA` is a merge commit, which Pages' own builds do not know: theirs is `github.event.pull_request.head.sha`.",
)

#: What stands where a build did not know its commit.
_NOTHING: Final = frozenset({"unknown", "dev", "development", "local", "none", "null", "undefined", "head", "n/a"})
#: In Pages' own builds, and anywhere else.
_COMMIT: Final = '"${CF_PAGES_COMMIT_SHA:-$(git rev-parse HEAD)}"'
_MAX_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True)
class BuildSpec:
    """Where the site says which build it is; ``commit`` is the one that it must be."""

    path: SitePath
    id: CheckId = ""
    json: Text | None = None
    contains: bool = False
    header: HeaderName | None = None
    commit: Annotated[str, FromRun] = ""

    def __post_init__(self) -> None:
        # Not by their truth: a variable that is not set leaves a text empty, and is a mistake of its own.
        if sum((self.json is not None, self.contains, self.header is not None)) != 1:
            raise ValueError("takes one of json, contains and header")


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What an answer says of its build: ``shown`` in words, ``right`` where it is the wanted one, ``other`` where it is known to be another."""

    shown: str
    right: bool = False
    other: bool = False
    hint: str = ""


class BuildCheck:
    test: ClassVar[str] = "test_build"
    key: ClassVar[str] = "build"
    spec: ClassVar[type] = BuildSpec
    column: ClassVar[str] = "build"
    rules: ClassVar[tuple[Rule, ...]] = (BUILD_DIFFERS,)

    def probes(self, spec: BuildSpec, seen: Seen) -> Iterable[Probe]:
        own = _probe(spec)
        yield own
        answer = seen.get(own)
        if isinstance(answer, Answer) and _may_be_any_page(spec, answer):
            yield from IMPOSSIBLE

    def judge(self, spec: BuildSpec, seen: Seen) -> Judgement:
        answer = live.site_answer(seen[_probe(spec)], subject=spec.path, status=200)
        if isinstance(answer, Finding):
            yield answer
            return
        if wrong := live.wrong_status(answer, BUILD_DIFFERS, subject=spec.path, status=200):
            hint = _how_to_say(spec) if answer.status == 404 else ""
            yield replace(wrong, expected=_wanted(spec), hint=_with_cache(answer, hint))
            return
        said = _said(spec, answer)
        if said.right:
            if cached := recognise.cached(answer):
                yield Remark(text=f"a cache answered ({cached}): this was the build when it asked the deployment")
            return
        answer.require_whole(answer.text if spec.contains else said.shown)
        page = ""
        if _may_be_any_page(spec, answer):
            page = yield from mistaken_for(answer, [seen[probe] for probe in IMPOSSIBLE])
        yield Finding(
            rule=BUILD_DIFFERS,
            subject=spec.path,
            expected=_wanted(spec),
            actual=page or said.shown,
            hint=_with_cache(answer, said.hint),
            other_build=said.other and not page,
        )


def _probe(spec: BuildSpec) -> Probe:
    return Probe(path=spec.path, accept="application/json" if spec.json else "*/*", fresh=True)


def _wanted(spec: BuildSpec) -> str:
    return f"build {spec.commit}"


def _with_cache(answer: Answer, hint: str) -> str:
    cached = recognise.cached(answer)
    said = (f"a cache answered ({cached}), and not the deployment" if cached else "", hint)
    return "; ".join(part for part in said if part)


def _may_be_any_page(spec: BuildSpec, answer: Answer) -> bool:
    """Whether it is worth asking if this is what the site answers to any address: where what it says of its build is not to be believed."""
    if spec.header or spec.path == "/" or answer.status != 200 or not recognise.looks_like_html(answer.text):
        return False
    said = _said(spec, answer)
    # A page may well be the one of a single-page application, and name its build; in the place of a file it has other hashes, too.
    return not said.right and (_is_file(spec) or not said.other)


def _said(spec: BuildSpec, answer: Answer) -> _Said:
    if spec.header:
        return _in_header(spec, spec.header, answer)
    return _in_json(spec, spec.json, answer) if spec.json else _in_text(spec, answer)


def _in_json(spec: BuildSpec, path: str, answer: Answer) -> _Said:
    try:
        body = recognise.parse_json(answer.text)
    except ValueError:
        sketch = recognise.sketch(answer)
        shown = f"a text that is no JSON ({sketch})" if sketch.startswith("begins ") else sketch
        return _Said(shown=shown, hint=_how_to_say(spec))
    value = values.at(body, path)
    shown = f"{path}: {values.shown(value)}"
    if isinstance(value, int) and not isinstance(value, bool):  # the number of a build
        value = str(value)
    if isinstance(value, str):
        return _named(spec, value, shown)
    below = next((key for key, part in value.items() if isinstance(part, str)), "") if isinstance(value, dict) else ""
    deeper = f'json names the way to a text: json = "{path}.{below}"' if below else ""
    return _Said(shown=shown, hint=deeper or _how_to_say(spec))


def _in_header(spec: BuildSpec, header: str, answer: Answer) -> _Said:
    value = answer.headers.get(header)
    if value is None:
        return _Said(shown=f"no {header}", hint=_how_to_say(spec))
    # A worker and `_headers`, or two rules of `_headers`, may both set it: then it stands there twice.
    parts = {_unquoted(part) for part in value.split(",")}
    name = parts.pop() if len(parts) == 1 else _unquoted(value)
    return _named(spec, name, f"{header}: {value.strip()}")


def _unquoted(value: str) -> str:
    """The value of a header without what an ETag has around it."""
    value = value.strip().removeprefix("W/")
    return value[1:-1] if value[:1] == value[-1:] == '"' else value


def _named(spec: BuildSpec, name: str, shown: str) -> _Said:
    name = name.strip()
    if commits.same(name, spec.commit):
        return _Said(shown=shown, right=True)
    # A tag where a commit is wanted may be that of the same build: nobody knows.
    other = bool(name) and name.lower() not in _NOTHING and commits.is_hash(name) == commits.is_hash(spec.commit)
    return _Said(shown=shown, other=other, hint="" if other else _short(spec, name) or _how_to_say(spec))


def _short(spec: BuildSpec, name: str) -> str:
    one, other = sorted((name.lower(), spec.commit.lower()), key=len)
    begins = bool(one) and other.startswith(one) and commits.is_hash(other)
    if begins:
        return f"a hash counts from {commits.SHORTEST} digits on"
    named = commits.is_surely_hash(name) and not commits.is_hash(spec.commit)
    return 'the site says a commit\'s hash: give that, --pagesmoke-build="$(git rev-parse HEAD)"' if named else ""


def _in_text(spec: BuildSpec, answer: Answer) -> _Said:
    if not commits.is_hash(spec.commit):
        right = commits.holds_name(answer.text, spec.commit)
        return _Said(shown=f"a text without it ({recognise.sketch(answer)})", right=right, hint=_how_to_say(spec))
    found = commits.hashes_in(answer.text)
    if any(commits.same(word, spec.commit) for word in found):
        return _Said(shown="", right=True)
    named = [word for word in found if commits.is_surely_hash(word)]
    if not named:
        return _Said(
            shown=f"a text that names no commit ({recognise.sketch(answer)})",
            hint=_how_to_say(spec),
        )
    more = ", …" if len(named) > _MAX_NAMED else ""
    return _Said(shown=f"a text with {', '.join(named[:_MAX_NAMED])}{more}", other=True)


def _how_to_say(spec: BuildSpec) -> str:
    """How the site comes to say which build it is, as a command where a file says it."""
    path = spec.path.partition("?")[0]
    is_file = _is_file(spec)
    file = shlex.quote(f"dist{path}")
    if spec.header:
        line = shlex.quote(f"{path}\\n  {spec.header}: %s\\n")
        return f"let the worker set it; for a file, let the build write it: printf {line} {_COMMIT} >> dist/_headers"
    if is_file and spec.json:
        return f"let the build write it: printf {shlex.quote(_as_json(spec.json))} {_COMMIT} > {file}"
    if is_file:
        return f"let the build write it: echo {_COMMIT} > {file}"
    where = f"under {spec.json!r}" if spec.json else "in a comment, say"
    return f"let {path} say it {where}: the build knows it as {_COMMIT}"


def _is_file(spec: BuildSpec) -> bool:
    """Whether the path is that of a file, and of no page."""
    name = spec.path.partition("?")[0].rpartition("/")[2]
    return "." in name and not name.endswith((".html", ".htm"))


def _as_json(path: str) -> str:
    nested: object = "%s"
    for key in reversed(path.split(".")):
        nested = {key: nested}
    return json.dumps(nested, separators=(",", ":"))
