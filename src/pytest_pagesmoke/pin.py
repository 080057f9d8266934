"""What a site, a build output and a wrangler configuration show -> what to write down as right (`--pagesmoke-init`). Pure.

Nothing here decides whether the site is good: what is pinned is judged by the checks themselves before it is written, so a
5xx, an unhealthy health or a page that should not be one is pinned as what should be there, and found broken by its check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pytest_pagesmoke import markup, recognise
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec, contradiction
from pytest_pagesmoke.checks.page import ACCEPT, IMPOSSIBLE, is_any_page, not_html
from pytest_pagesmoke.checks.takes import is_site_path
from pytest_pagesmoke.model import Answer, DistTree, NoAnswer, Observation, Probe, Seen

#: Where backends usually say how they are, the likeliest first.
HEALTH_PATHS: Final = ("/api/health/status", "/api/health", "/health", "/healthz", "/api/status")
_LOGIN_PATH: Final = "/login"
_LOGIN_WORDS: Final = re.compile(r"\s*(?:log\s?-?in|sign\s?-?in)\b", re.IGNORECASE)
_HOME: Final = Probe(path="/", accept=ACCEPT)
# What bundlers put before the suffix: eight characters of base64, or more of hexadecimal digits.
_MAY_BE_HASH: Final = re.compile(r"(?<=[-_.])(?:[\w-]{8}|[0-9A-Za-z]{9,64})(?=\.)")
_CODE: Final = (".js", ".mjs", ".css")
_MAX_TEXT: Final = 80  # longer is a page, not a word of health
_MAX_SAID: Final = 120
# What other programs than ours say of themselves when they are well; what is not among these words is not pinned.
_WELL: Final = frozenset(
    "running alive live ready available operational good success active online serving normal green".split()
)
_CHANGING: Final = frozenset(
    "env environment region colo host hostname branch commit version build time timestamp date".split()
)


@dataclass(frozen=True, kw_only=True)
class Health:
    """The health endpoint as it is to be written, and what it said."""

    spec: HealthSpec
    said: str


@dataclass(frozen=True, kw_only=True)
class Build:
    """The build output as it is to be written. ``path`` is empty where it stands where it is looked for anyway.

    ``worker`` is "required" or "forbidden", ``worker_bytes`` its size, None where there is no file of it.
    """

    path: str
    worker: str
    worker_bytes: int | None
    routes: bool


@dataclass(frozen=True, kw_only=True)
class Pins:
    """What of a site is to be written. ``found`` and ``in_vain`` say what was seen and what was looked for, ``doubts`` what speaks
    against its being right: a line each.
    """

    pages: tuple[str, ...] = ()
    health: Health | None = None
    assets: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    spa: bool = False
    found: tuple[str, ...] = ()
    in_vain: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def questions(seen: Seen) -> Iterable[Probe]:
    """What to ask a site of which nothing is known: asked again with what was seen, until it names nothing new."""
    yield _HOME
    yield from IMPOSSIBLE
    home = seen.get(_HOME)
    below = urlsplit(home.url).path.rstrip("/") if isinstance(home, Answer) else ""
    yield from map(_page, {_LOGIN_PATH: None, **dict.fromkeys(_login_links(home, below))})
    yield from map(_health, HEALTH_PATHS)


def pin_site(seen: Seen, *, worker_expected: str) -> Pins:
    """What is right about a site whose home page is good. ``worker_expected`` says what shows that it has a worker; empty: nothing does."""
    home = seen[_HOME]
    assert isinstance(home, Answer)  # the home page was judged before
    below = urlsplit(home.url).path.rstrip("/")  # an address may have a path; those of the settings are below it
    found = [f"the home page{_titled(home)}"]
    in_vain: list[str] = []
    health = _find_health(seen)
    if health:
        found.append(f"health at {health.spec.path}, which said {health.said}")
    else:
        in_vain.append(f"no health: {', '.join(HEALTH_PATHS)} say nothing of it in JSON, a word or 204")
    spa, not_found, doubts = _unknown_addresses(home, seen, worker_expected if health is None else "", found, in_vain)
    login = _find_login(seen, below, spa=spa)
    if login:
        found.append(f"the login page {login}")
    elif links := list(_login_links(home, below)):
        in_vain.append(f"no login page on this site: {links[0]} leads elsewhere, or is no page")
    else:
        in_vain.append(f"no login page: no link is named log in or sign in, and {_LOGIN_PATH} is no page of its own")
    code = [name for name in _below(markup.named_by_page(home), below) if urlsplit(name).path.lower().endswith(_CODE)]
    hashed = [name for name in code if has_hash(name)]
    assets = [name for name in code if not has_hash(name)]
    if hashed:
        found.append(
            f"{len(hashed)} scripts and styles of the home page whose names change with each build: what it names must load"
        )
    if assets:
        found.append(f"scripts and styles of the home page: {', '.join(assets)}")
    if not code:
        in_vain.append("no scripts or styles: the home page names none of its own site")
    return Pins(
        pages=("/", login) if login else ("/",),
        health=health,
        assets=tuple(assets),
        linked=("/",) if hashed else (),
        not_found=not_found,
        spa=spa,
        found=tuple(found),
        in_vain=tuple(in_vain),
        doubts=doubts,
    )


def pin_build(tree: DistTree, *, path: str, worker_expected: str) -> tuple[Build, str]:
    """What is right about a build output, and what was found there."""
    routes = bool(tree.files.get("_routes.json"))
    worker = tree.worker
    meant = worker is not None or bool(worker_expected) or routes
    size = worker.size_bytes if worker else None
    if worker:
        said = f"a worker of {worker.size_bytes:,} bytes" + (
            ", to which wrangler adds packages at deploy" if worker.packages else ""
        )
    elif tree.functions:
        said = "functions/, which wrangler compiles to a worker at deploy"
    else:
        said = "no worker"
    build = Build(
        path=path,
        worker="required" if meant or tree.functions else "forbidden",
        worker_bytes=size,
        routes=routes,
    )
    return build, f"{tree.path}: {said}" + (", and _routes.json" if routes else "")


def has_hash(name: str) -> bool:
    """Whether a file's name changes with its content: `app-BQCCTuGV.js`, `main.8a3f0c9d.chunk.css`, `app.js?v=12`."""
    parts = urlsplit(name)
    return bool(parts.query) or any(map(_is_random, _MAY_BE_HASH.findall(parts.path.rpartition("/")[2])))


def _is_random(text: str) -> bool:
    """Whether these are no words: letters among digits, or capitals within."""
    mixed = re.search(r"\d", text) and re.search(r"[A-Za-z]", text)
    return bool(mixed) or re.search(r"[a-z].*[A-Z]|[A-Z]{2}.*[a-z]|\A(?:[A-Z]{8}|\d{8,})\Z", text) is not None


def _page(path: str) -> Probe:
    return Probe(path=path, accept=ACCEPT)


def _health(path: str) -> Probe:
    return next(iter(HealthCheck().probes(HealthSpec(path=path), {})))


def _titled(page: Answer) -> str:
    title = markup.title(page)
    return f" ({title})" if title else ""


def _below(paths: Iterable[str], below: str) -> Iterator[str]:
    """Paths from the host's root as paths below the target's address; what lies elsewhere, or the settings cannot name, is left out."""
    for path in paths:
        if path.startswith(f"{below}/") and is_site_path(path.removeprefix(below)):
            yield path.removeprefix(below)


def _login_links(home: Observation | None, below: str) -> Iterator[str]:
    """The pages of the own site that the home page has under a name like "Sign in"."""
    if isinstance(home, Answer) and home.status == 200:
        yield from _below((path for name, path in markup.links(home) if _LOGIN_WORDS.match(name)), below)


def _find_login(seen: Seen, below: str, *, spa: bool) -> str:
    links = list(_login_links(seen.get(_HOME), below))
    for path in dict.fromkeys([*links, _LOGIN_PATH]):
        answer = seen.get(_page(path))
        if path in links and isinstance(answer, Answer) and (answer.status == 404 or answer.status >= 500):
            return path  # pinned as what the home page promises: its check will say that it is broken
        if not isinstance(answer, Answer) or answer.status != 200 or not_html(answer):
            continue
        # An application's page is its shell; that it exists, only a link tells.
        if path in links if spa else not is_any_page(answer, _references(seen)):
            return path
    return ""


def _references(seen: Seen) -> list[Answer]:
    return [answer for probe in IMPOSSIBLE if isinstance(answer := seen[probe], Answer)]


def _unknown_addresses(
    home: Answer, seen: Seen, worker_expected: str, found: list[str], in_vain: list[str]
) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Whether this is a single-page application, which addresses must not exist, and what speaks against its being right."""
    own = (IMPOSSIBLE[0].path,)
    references = _references(seen)
    statuses = {reference.status for reference in references}
    if len(references) == len(IMPOSSIBLE) and is_any_page(home, references):
        if worker_expected:
            doubt = f"{worker_expected}, and yet one page answers every address: this is what a lost worker looks like"
            return False, own, (doubt,)
        found.append("unknown addresses answer the home page with 200: a single-page application")
        return True, (), ()
    if statuses == {404}:
        found.append("unknown addresses answer 404")
        return False, own, ()
    if any(status >= 500 for status in statuses):
        return False, own, ()
    shown = " or ".join(map(str, sorted(statuses))) or "nothing"
    in_vain.append(f"nothing to hold unknown addresses to: they answer {shown}")
    return False, (), ()


def _find_health(seen: Seen) -> Health | None:
    for path in HEALTH_PATHS:
        answer = seen[_health(path)]
        if isinstance(answer, NoAnswer):
            return Health(spec=HealthSpec(path=path), said=answer.text)
        if health := _read_health(path, answer):
            return health
    return None


def _read_health(path: str, answer: Answer) -> Health | None:
    text = answer.text.strip()
    if (
        answer.status >= 500 or answer.status == 429 or recognise.is_challenge(answer)
    ):  # pinned as what should be healthy: its check will say what is wrong
        return Health(spec=HealthSpec(path=path), said=str(answer.status))
    if answer.status == 204:
        return Health(spec=HealthSpec(path=path, status=204), said="204")
    if answer.status != 200 or not text or recognise.looks_like_html(text):
        return None
    if recognise.is_json(text):
        body = recognise.parse_json(text)
        return _read_json(path, answer, body) if isinstance(body, dict) else None
    is_word = len(text) <= _MAX_TEXT and answer.media_type in ("text/plain", "application/json", "")
    if contradiction(text):  # "unhealthy": pinned as what should be JSON that says healthy
        return Health(spec=HealthSpec(path=path), said=repr(text))
    # A number is of today alone, and in settings "${" would begin a variable.
    if not is_word or not text.isprintable() or "${" in text or re.search(r"\d", text):
        return None
    return Health(spec=HealthSpec(path=path, text=text), said=repr(text))


def _read_json(path: str, answer: Answer, body: Mapping[str, object]) -> Health | None:
    said = json.dumps(body, ensure_ascii=False, separators=(",", ":"))[:_MAX_SAID]
    usual = HealthSpec(path=path)
    # What is unhealthy is pinned in the usual form, too: its check will say so.
    if contradiction(body) or not list(HealthCheck().judge(usual, {_health(path): answer})):
        return Health(spec=usual, said=said)
    # What speaks of its state in words that nobody knows may say anything, and what speaks of an error is none to hold it to.
    said_of_state = [
        str(value).strip().lower() for key, value in body.items() if key.lower() in ("status", "state", "healthy", "ok")
    ]
    if any(word not in _WELL for word in said_of_state) or any(
        key.lower() in ("error", "errors", "message") for key in body
    ):
        return None
    stable = {key: value for key, value in body.items() if _is_stable(key, value)}
    return Health(spec=HealthSpec(path=path, expect=stable), said=said) if stable else None


def _is_stable(key: str, value: object) -> bool:
    """Whether another deployment, in another environment, will say the same: a word, or true."""
    if key.lower() in _CHANGING or not re.fullmatch(r"[\w.-]{1,60}", key, re.ASCII):
        return False
    return value is True or (isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z _-]{0,30}", value) is not None)
