"""What is pinned of what was seen, and how it is written. No network."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from kit import HOME, LOGIN, ROOT
from pytest_pagesmoke.checks.health import HealthSpec
from pytest_pagesmoke.model import Answer, DistTree, Kind, NoAnswer, Observation, Probe, Reason, Target, WorkerFiles
from pytest_pagesmoke.pin import Build, Pins, has_hash, pin_build, pin_site, questions
from pytest_pagesmoke.say.settings_file import settings_file
from pytest_pagesmoke.settings.reading import read_settings

URL = "https://www.example.com"
HTML = {"content-type": "text/html"}
MISSING = Answer(url=URL, status=404)


def html(body: str, status: int = 200) -> Answer:
    return Answer(url=f"{URL}/", status=status, headers=HTML, body=body.encode())


def seen(site: dict[str, Observation]) -> dict[Probe, Observation]:
    """What a site answers to all questions; 404 to what it does not know."""
    found: dict[Probe, Observation] = {}
    while new := [probe for probe in questions(found) if probe not in found]:
        found.update({probe: site.get(probe.path, site.get("*", MISSING)) for probe in new})
    return found


def pin(site: dict[str, Observation], *, worker_expected: str = "") -> Pins:
    return pin_site(seen({"/": html(HOME), **site}), worker_expected=worker_expected)


def json_answer(body: str, status: int = 200) -> Answer:
    return Answer(url=URL, status=status, headers={"content-type": "application/json"}, body=body.encode())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("/assets/index-BQCCTuGV.js", True),  # Vite: eight of base64, sometimes without a digit
        ("/assets/index-a_b-C1dX.css", True),
        ("/_astro/index.DiwrgTda.css", True),
        ("/_app/immutable/assets/2.Dq2hLjDk.css", True),
        ("/main.8a3f0c9d.chunk.js", True),
        ("/static/js/main.8a3f0c9d11aa22bb33cc.js", True),
        ("/app.js?v=12", True),
        ("/main-FFKXPQZT.js", True),  # esbuild, Angular: eight of base32, sometimes without a digit
        ("/main.12345678.js", True),
        ("/static/app.js", False),
        ("/style.css", False),
        ("/jquery-3.7.1.min.js", False),
        ("/vendor/bootstrap-icons.css", False),
        ("/my-component-library.js", False),
        ("/a-BQCCTuGV/app.js", False),  # a folder's name is no file's
    ],
)
def test_names_that_change_with_each_build(name: str, changes: bool) -> None:
    assert has_hash(name) is changes


def test_questions_end() -> None:
    """A login link of the home page is one more question, asked once."""
    asked = [probe.path for probe in seen({"/": html(f"{HOME}<a href=/account>Log in</a><a href=/account>Log in</a>")})]
    assert asked.count("/account") == 1
    assert asked.count("/login") == 1
    assert len(asked) == 10


@pytest.mark.parametrize(
    ("path", "answer", "spec"),
    [
        ("/api/health", json_answer('{"ok":true}'), HealthSpec(path="/api/health")),
        ("/api/health", json_answer('{"status":"UP"}'), HealthSpec(path="/api/health")),
        ("/healthz", Answer(url=URL, status=200, body=b"ok"), HealthSpec(path="/healthz", text="ok")),
        ("/healthz", Answer(url=URL, status=204), HealthSpec(path="/healthz", status=204)),
        ("/health", json_answer('{"state":"running","n":1}'), HealthSpec(path="/health", expect={"state": "running"})),
        # These are pinned as what should be healthy: their check says what is wrong, and nothing is written.
        ("/health", json_answer('{"ok":false}'), HealthSpec(path="/health")),
        ("/health", json_answer('{"state":"running","db":"down"}'), HealthSpec(path="/health")),
        ("/health", html("<h1>Bad gateway", 502), HealthSpec(path="/health")),
        ("/health", Answer(url=URL, status=200, body=b"unhealthy"), HealthSpec(path="/health")),
        ("/health", Answer(url=URL, status=200, body=b"DOWN: database"), HealthSpec(path="/health")),
        ("/health", Answer(url=URL, status=429), HealthSpec(path="/health")),
        ("/health", NoAnswer(url=URL, reason=Reason.TIMEOUT, text="no answer in time"), HealthSpec(path="/health")),
        ("/health", json_answer('{"status":"running"}'), HealthSpec(path="/health", expect={"status": "running"})),
    ],
)
def test_health(path: str, answer: Answer, spec: HealthSpec) -> None:
    health = pin({path: answer}).health
    assert health is not None
    assert health.spec == spec


@pytest.mark.parametrize(
    "answer",
    [
        html(HOME),
        html(HOME, 404),
        json_answer('{"ok":true}', 401),
        json_answer('{"n":1,"version":"abc","env":"production"}'),
        json_answer("[]"),
        json_answer(""),
        Answer(url=URL, status=200, headers={"content-type": "image/png"}, body=b"ok"),
        Answer(url=URL, status=200, body=b"two\nlines"),
        Answer(url=URL, status=200, body=b"x" * 200),
        Answer(url=URL, status=200, body=b"\x00\x01"),
        json_answer('{"error":"Database unavailable"}'),
        json_answer('{"status":"Internal Server Error"}'),
        json_answer('{"status":"starting"}'),
        json_answer('{"healthy":"no"}'),
        json_answer('{"alive":true,"message":"hello"}'),
        Answer(url=URL, status=200, body=b"up 7 s"),
    ],
)
def test_what_says_nothing_of_health(answer: Observation) -> None:
    pins = pin({"/health": answer})
    assert pins.health is None
    assert any(line.startswith("no health: /api/health/status, ") for line in pins.in_vain)


@pytest.mark.parametrize("worker_expected", ["", "the build output has a worker"])
def test_one_page_for_every_address(worker_expected: str) -> None:
    shell = html("<!doctype html><title>App</title><div id=root></div>")
    pins = pin({"/": shell, "*": shell}, worker_expected=worker_expected)
    assert pins.spa is not bool(worker_expected)
    assert bool(pins.not_found) is bool(worker_expected)
    assert bool(pins.doubts) is bool(worker_expected)
    assert pins.pages == ("/",)  # what answers /login is the home page, too


def test_one_page_beside_a_worker_that_answers() -> None:
    pins = pin({"*": html(HOME), "/health": json_answer('{"ok":true}')}, worker_expected="functions")
    assert (pins.spa, pins.doubts) == (True, ())


def test_a_page_of_its_own_for_unknown_addresses_with_200_is_no_application() -> None:
    pins = pin({"*": html("<!doctype html><title>Sorry</title><p>No such page"), "/login": html(LOGIN)})
    assert (pins.spa, pins.not_found, pins.pages) == (False, (), ("/", "/login"))
    assert "nothing to hold unknown addresses to: they answer 200" in pins.in_vain


@pytest.mark.parametrize(
    ("status", "pages"), [(500, ("/", "/account")), (404, ("/", "/account")), (302, ("/",)), (200, ("/", "/account"))]
)
def test_a_login_that_a_link_promises(status: int, pages: tuple[str, ...]) -> None:
    """Broken, it is pinned, and its check says so; elsewhere, it is another site's."""
    home = html(f"{HOME}<a href=/account>Log in</a>".replace("/login", "/account"))
    elsewhere = {"location": "https://login.example.net/"} if status == 302 else {}
    page = Answer(url=URL, status=status, headers={**HTML, **elsewhere}, body=LOGIN.encode())
    pins = pin({"/": home, "/account": page})
    assert pins.pages == pages
    said = "no login page on this site: /account leads elsewhere, or is no page"
    assert (said in pins.in_vain) is (status == 302)


def test_a_target_below_a_path() -> None:
    """What its page names from the host's root is asked below that path; what lies outside it cannot be."""
    page = "<!doctype html><title>x</title><script src=/docs/app.js></script><script src=/other.js></script><a href=/docs/in>Log in</a>"
    home = Answer(url=f"{URL}/docs/", status=200, headers=HTML, body=page.encode())
    pins = pin({"/": home, "/in": html(LOGIN)})
    assert (pins.assets, pins.pages) == (("/app.js",), ("/", "/in"))


def test_an_application_s_login_is_pinned_where_a_link_names_it() -> None:
    shell = html("<!doctype html><title>App</title><a href=/sign-in>Sign in</a>")
    assert pin({"/": shell, "*": shell}).pages == ("/", "/sign-in")


@pytest.mark.parametrize(
    ("tree", "build", "said"),
    [
        (DistTree(path="dist", kind="folder", files={"index.html": 9}), ("forbidden", None, False), "dist: no worker"),
        (
            DistTree(
                path="dist",
                kind="folder",
                files={"_worker.js": 1000, "_routes.json": 9},
                worker=WorkerFiles(path="_worker.js", size_bytes=1000, packages=("hono",)),
            ),
            ("required", 1000, True),
            "dist: a worker of 1,000 bytes, to which wrangler adds packages at deploy, and _routes.json",
        ),
        (
            DistTree(path="dist", kind="folder", files={"index.html": 9}, functions=True),
            ("required", None, False),
            "dist: functions/, which wrangler compiles to a worker at deploy",
        ),
        # What should have a worker is pinned so, and found broken.
        (
            DistTree(path="dist", kind="folder", files={"_routes.json": 9}),
            ("required", None, True),
            "dist: no worker, and _routes.json",
        ),
        (
            DistTree(path="dist", kind="folder", files={"_routes.json": 0}),
            ("forbidden", None, False),
            "dist: no worker",
        ),
    ],
)
def test_build(tree: DistTree, build: tuple[str, int | None, bool], said: str) -> None:
    found, line = pin_build(tree, path="", worker_expected="")
    assert (found.worker, found.worker_bytes, found.routes) == build
    assert line == said


def test_bindings_need_a_worker() -> None:
    build, _ = pin_build(DistTree(path="dist", kind="folder"), path="", worker_expected="wrangler.toml has bindings")
    assert build.worker == "required"


# The file.


def settings_of(text: str) -> Any:
    settings = read_settings(ROOT / "pagesmoke.toml", tomllib.loads(text), {"PAGESMOKE_AUTHORIZATION": "Basic eA=="})
    assert settings.mistakes == ()
    return settings


HOSTILE = [
    "/${HOME}.js",
    '/"quoted".js',
    "/a b.js",
    "/ü.js",
    "/back\\slash.js",
    "/new%0Aline.js",
    "/a?b=${C}&d=1",
    "/#[targets.x]",
    "/\u202ertl.js",
    "/.//static/app.js",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_page_names_can_be_written_and_read_back(name: str) -> None:
    page = html(f"<!doctype html><title>x</title><script src='{name}'></script><a href='{name}'>Log in</a>")
    pins = pin({"/": page, "*": MISSING})
    settings = settings_of(settings_file(pins, None, ()))
    assert settings.unset == ()
    asked = [spec.path for check, spec in settings.checks.live if check.key == "assets"]
    assert asked == [*pins.assets]


@pytest.mark.parametrize("said", ["ok ${HOME}", 'ok "quoted"', "\u202eok", "ok \\", "ok # comment", "ok\x7f"])
def test_whatever_health_says_can_be_written_and_read_back(said: str) -> None:
    pins = pin({"/health": Answer(url=URL, status=200, body=said.encode())})
    settings = settings_of(settings_file(pins, None, ()))
    specs = [spec for check, spec in settings.checks.live if check.key == "health"]
    assert [spec.text for spec in specs] in ([said], [])
    assert settings.unset == ()


def test_comments_cannot_be_left() -> None:
    body = '{"ok":true,"note":"a\\u000b\\u2028pages = []\\u0085 \\u202e' + "x" * 500 + '"}'
    text = settings_file(pin({"/health": json_answer(body)}), None, ())
    assert settings_of(text).checks.live
    assert all(line.startswith("#") or " = " in line or line in ("", "[dist]") for line in text.split("\n"))
    assert text.isascii() or "\u202e" not in text


def test_targets_and_the_build_output() -> None:
    build = Build(path=".svelte-kit/cloudflare", worker="required", worker_bytes=1001, routes=True)
    targets = [
        Target(name="production", url=URL, kind=Kind.PRODUCTION),
        Target(name="a.b", url=f"{URL}/app", kind=Kind.PREVIEW, headers={"Authorization": "Basic c2VjcmV0"}),
    ]
    text = settings_file(Pins(), build, targets)
    settings = settings_of(text)
    assert (settings.dist.worker, settings.dist.worker_min_bytes, settings.dist.routes) == ("required", 500, "required")
    assert str(settings.dist_path) == ".svelte-kit/cloudflare"
    assert {name: target.address.url for name, target in settings.targets.items()} == {
        "production": URL,
        "a.b": f"{URL}/app",
    }
    assert settings.targets["a.b"].headers == {"Authorization": "Basic eA=="}
    assert "c2VjcmV0" not in text
