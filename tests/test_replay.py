"""What a report keeps of observations, and what can be judged by it again. Pure."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from pytest_pagesmoke import recorded
from pytest_pagesmoke.addresses import read_address
from pytest_pagesmoke.checks.answer import AnswerCheck, AnswerSpec
from pytest_pagesmoke.checks.asset import AssetCheck, AssetSpec
from pytest_pagesmoke.checks.build import BuildCheck, BuildSpec
from pytest_pagesmoke.checks.health import HealthCheck, HealthSpec
from pytest_pagesmoke.checks.linked import LinkedCheck, LinkedSpec
from pytest_pagesmoke.checks.page import PageCheck, PageSpec
from pytest_pagesmoke.checks.redirect import RedirectCheck, RedirectSpec
from pytest_pagesmoke.diagnose import TargetRun
from pytest_pagesmoke.model import (
    REPORTED_BYTES,
    Answer,
    CheckRecord,
    Hop,
    Kind,
    LeftOut,
    Manners,
    NoAnswer,
    Observation,
    Phase,
    Probe,
    Reason,
    Target,
)
from pytest_pagesmoke.plan import PlannedLive
from pytest_pagesmoke.plugin.looking import live_outcome
from pytest_pagesmoke.plugin.reporting import _Bodies
from pytest_pagesmoke.recorded import (
    MAX_BODIES_BYTES,
    BadReport,
    Entry,
    bounded,
    entry,
    read_entry,
)
from pytest_pagesmoke.redact import MASK, NO_SECRETS, Secrets, secrets_of
from pytest_pagesmoke.replay import Report, Reported, as_kept, as_reference, read_report
from pytest_pagesmoke.run import judge
from pytest_pagesmoke.say.json import report, text
from pytest_pagesmoke.say.summary import summarize
from pytest_pagesmoke.settings import Checks, Declared

SITE = "https://www.example.com"
TARGET = Target(name="site", url=SITE, kind=Kind.PRODUCTION)
PROBE = Probe(path="/")
PAGE = Answer(url=f"{SITE}/", status=200, headers={"content-type": "text/html"}, body=b"<h1>Hi</h1>")


def live(check: Any, spec: Any, target: Target = TARGET) -> PlannedLive:
    """(`Any`: each kind of check has a spec of its own.)"""
    return PlannedLive(target=target, check=check, spec=spec)


def answers(path: str, **wanted: Any) -> PlannedLive:
    return live(AnswerCheck(), AnswerSpec(path=path, spa=True, **wanted))


def back(seen: Observation, *, secrets: Secrets = NO_SECRETS, probe: Probe = PROBE) -> Observation:
    """An observation as a replay has it."""
    written = json.loads(json.dumps(entry(probe, seen, secrets=secrets)))
    read, observation = read_entry(written, "")
    assert read == probe
    return observation


def written(*checks: tuple[PlannedLive, Mapping[Probe, Observation]], name: str = "site") -> str:
    """The report of a run in which the checks saw these."""
    entries: dict[int, Entry] = {}
    seen_by: dict[str, list[Entry]] = {}
    records = []
    for check, seen in checks:
        result = judge(check, seen, started=0.0, ended=1.0)
        records.append(live_outcome(check, result).record)
        seen_by[check.id] = [
            entries.setdefault(id(one), entry(probe, one, secrets=NO_SECRETS)) for probe, one in seen.items()
        ]
    target = checks[0][0].target
    run = TargetRun(name=name, address=target.url, target=target, planned=len(records), records=tuple(records))
    said = report(
        [run],
        started=1_000_000.0,
        ended=1_000_001.0,
        settings=None,
        kept=NO_SECRETS.out_of_kept,
        entries_of=lambda record: seen_by[record.id],
    )
    return text(said)


def only(said: str) -> Reported:
    (target,) = read_report(said).targets
    return target


class TestKept:
    @pytest.mark.parametrize(
        "seen",
        [
            PAGE,
            Answer(url=f"{SITE}/", status=204),
            Answer(url=f"{SITE}/", status=200, body="h\u00fc \u2028\x00\x1b[2J\u202e".encode()),
            Answer(url=f"{SITE}/", status=200, body=b"\xef\xbb\xbfwith a mark"),
            Answer(url=f"{SITE}/", status=200, headers={"content-type": "text/html; charset=latin1"}, body=b"h\xfc"),
            Answer(url=f"{SITE}/", status=200, headers={"content-type": "image/png"}, body=bytes(range(256))),
            Answer(
                url=f"{SITE}/b/",
                status=200,
                hops=(Hop(status=308, url=f"{SITE}/b", location="/b/"),),
                http_version="HTTP/2",
                elapsed_s=0.1 + 0.2,
                sent=frozenset({"cf-access-client-id", "x-a"}),
                attempts=2,
            ),
            *(
                NoAnswer(url=SITE, reason=reason, text="no", detail="a\nb", elapsed_s=1.5, attempts=2)
                for reason in Reason
            ),
            NoAnswer(url="(not started)", reason=Reason.NOT_STARTED, text="node is missing"),
        ],
    )
    def test_an_observation_comes_back_as_it_was(self, seen: Observation) -> None:
        assert back(seen) == seen

    @pytest.mark.parametrize("timings_s", [{}, {"headers": 0.25, "body": 0.5}, {phase.key: 0.1 for phase in Phase}])
    def test_so_do_its_timings(self, timings_s: Mapping[str, float]) -> None:
        absence = NoAnswer(url=SITE, reason=Reason.TIMEOUT, text="no", timings_s=timings_s)
        assert back(absence).timings_s == timings_s
        assert back(replace(PAGE, timings_s=timings_s)).timings_s == timings_s

    def test_an_earlier_version_kept_no_timings(self) -> None:
        kept = entry(Probe(path="/"), PAGE, secrets=NO_SECRETS)
        del kept["timings_s"]
        assert read_entry(kept, "")[1].timings_s == {}

    @pytest.mark.parametrize(
        "probe",
        [
            Probe(path="/a", accept="text/html"),
            Probe(path="/a", from_root=True),
            Probe(path="/a", follow=False),
            Probe(path="/a", fresh=True),
            Probe(path="/a", as_stranger=True),
            Probe(path="/a", of_reference=True),
            Probe(path="/a", again=1),
        ],
    )
    def test_and_so_does_its_question(self, probe: Probe) -> None:
        assert back(PAGE, probe=probe) == PAGE

    @pytest.mark.parametrize(
        "name", ["set-cookie", "x-session-id", "x-csrf-token", "authorization", "x-api-key", "x-jwt", "cf-access-aud"]
    )
    def test_a_header_that_tells_a_secret_is_there_without_its_value(self, name: str) -> None:
        seen = Answer(url=f"{SITE}/", status=200, headers={name: "sid=hush-hush", "server": "cloudflare"})
        said = entry(PROBE, seen, secrets=NO_SECRETS)
        assert "hush" not in json.dumps(said)
        assert (said["headers"], said["withheld"]) == ({name: MASK, "server": "cloudflare"}, [name])
        answer = back(seen)
        assert isinstance(answer, Answer)
        assert answer.headers.get("server") == "cloudflare"
        assert name in answer.headers
        with pytest.raises(LeftOut, match=f"the value of {name}"):
            _ = answer.headers[name]
        with pytest.raises(LeftOut, match=f"the value of {name}"):
            answer.headers.get(name)

    def test_no_other_header_is_kept_from_a_check_by_an_edited_report(self) -> None:
        said = {**entry(PROBE, PAGE, secrets=NO_SECRETS), "withheld": ["content-type"]}
        assert read_entry(said, "")[1] == PAGE

    @pytest.mark.parametrize(
        "name",
        [
            "access-control-allow-credentials",
            "x-cache-key",
            "surrogate-key",
            "www-authenticate",
            "etag",
            "content-security-policy",
            "set-cookie-policy",
        ],
    )
    def test_any_other_header_is_kept(self, name: str) -> None:
        assert entry(PROBE, Answer(url=SITE, status=200, headers={name: "x"}), secrets=NO_SECRETS)["withheld"] == []

    def test_a_body_that_is_too_large_is_cut_and_cannot_be_looked_at(self) -> None:
        fits = Answer(url=f"{SITE}/", status=200, body=b"x" * REPORTED_BYTES)
        assert back(fits) == fits
        large = Answer(url=f"{SITE}/", status=200, body=b"x" * (REPORTED_BYTES + 1))
        said = entry(PROBE, large, secrets=NO_SECRETS)
        assert (said["truncated"], said["size_bytes"], len(said["body"])) == (True, REPORTED_BYTES + 1, 4096)
        answer = back(large)
        assert isinstance(answer, Answer)
        assert (answer.status, answer.size_bytes, answer.is_blank) == (200, REPORTED_BYTES + 1, False)
        assert set(answer.beginning) == {"x"}
        with pytest.raises(LeftOut, match="it was large"):
            _ = answer.body
        with pytest.raises(LeftOut, match="it was large"):
            _ = answer.text

    @pytest.mark.parametrize("size", [50, REPORTED_BYTES + 1])
    def test_the_report_of_a_replay_says_of_a_body_what_the_first_one_said(self, size: int) -> None:
        """Its digest is what a file is compared by."""
        body = (b"get('/x?token=abc')" * size)[:size]
        said = entry(PROBE, replace(PAGE, body=body), secrets=NO_SECRETS)
        _, seen = read_entry(said, "")
        again = entry(PROBE, seen, secrets=NO_SECRETS)
        assert again["sha256"] == said["sha256"] == hashlib.sha256(body).hexdigest()
        assert (again["body"], again["truncated"]) == (said["body"], said["truncated"])

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"<!-- " + b"x" * REPORTED_BYTES + b" --><html>", id="a-comment-that-does-not-end"),
            pytest.param("s3cret-token-1 ".encode("utf-16"), id="a-secret-in-utf-16"),
            pytest.param(b" " * REPORTED_BYTES + b"let a = 1", id="blanks-at-first"),
        ],
    )
    def test_where_its_beginning_does_not_do_it_is_not_looked_at(self, body: bytes) -> None:
        headers = {"content-type": "text/html; charset=utf-16" if len(body) < 1000 else "text/html"}
        answer = back(Answer(url=SITE, status=200, headers=headers, body=body), secrets=Secrets(["s3cret-token-1"]))
        assert isinstance(answer, Answer)
        assert answer.size_bytes == len(body)
        if not body.isspace() and not body.startswith(b" "):
            with pytest.raises(LeftOut, match="it was large, or held a secret"):
                _ = answer.beginning
        with pytest.raises(LeftOut, match="it was large, or held a secret"):
            _ = answer.is_blank

    @pytest.mark.parametrize("byte", [b"x", b"\xff"], ids=["text", "binary"])
    def test_all_bodies_together_are_bounded_the_largest_are_cut(self, byte: bytes) -> None:
        sizes = [*(REPORTED_BYTES - 1 - 9 * size for size in range(10)), 1000]
        many = [entry(PROBE, Answer(url=SITE, status=200, body=byte * size), secrets=NO_SECRETS) for size in sizes]
        kept, used = bounded(many)
        cut = [one["truncated"] for one in kept]
        assert cut == sorted(cut, reverse=True)
        assert 0 < cut.count(True) < 10
        assert used <= MAX_BODIES_BYTES < used + len(many[0].get("body", "")) + len(many[0].get("body_base64", ""))
        assert len(json.dumps(kept)) < MAX_BODIES_BYTES + 100_000
        assert [one["size_bytes"] for one in kept] == sizes
        assert kept[0]["body"][:9] == byte.decode(errors="replace") * 9
        assert bounded(many, already_bytes=MAX_BODIES_BYTES)[0][0]["truncated"] is True

    def test_what_will_be_cut_is_not_held_until_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor struck as a whole; and what comes of it is the same."""
        monkeypatch.setattr(recorded, "MAX_BODIES_BYTES", 80_000)
        sizes = [*range(1, 300)]
        random.Random(1).shuffle(sizes)
        answers = [Answer(url=SITE, status=200, body=b"?token=abcdef " * size) for size in sizes]
        checks: list[dict[Probe, Observation]] = [
            {replace(PROBE, path=f"/{size}"): answer} for size, answer in zip(sizes, answers, strict=True)
        ]
        as_before = [entry(probe, answer, secrets=NO_SECRETS) for check in checks for probe, answer in check.items()]
        bodies = _Bodies()
        for check in checks:
            bodies.add(check)
            assert bodies._bytes <= 160_000
        now = [entry(probe, answer, secrets=NO_SECRETS) for check in checks for probe, answer in check.items()]
        assert bounded(now) == bounded(as_before)
        assert 0 < sum(one["truncated"] for one in now) < len(now)
        # What was cut is known again, and is one for all that saw it.
        largest = sizes.index(max(sizes))
        again: dict[Probe, Observation] = {PROBE: answers[largest]}
        bodies.add(again)
        (cut,) = checks[largest].values()
        assert again[PROBE] is cut


SECRET = 's3cr3t/+ *<&"é='
PASSWORD = "hunter2-secret"


class TestSecrets:
    @pytest.mark.parametrize(
        "form",
        [
            pytest.param(lambda secret: secret, id="plain"),
            pytest.param(lambda secret: quote(secret, safe=""), id="percent"),
            pytest.param(lambda secret: base64.b64encode(secret.encode()).decode(), id="base64"),
            pytest.param(html.escape, id="html"),
            pytest.param(lambda secret: json.dumps(secret)[1:-1], id="json"),
        ],
    )
    @pytest.mark.parametrize("charset", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin1"])
    @pytest.mark.parametrize("declared", [True, False])
    def test_no_form_of_a_secret_is_kept(self, form: Callable[[str], str], charset: str, *, declared: bool) -> None:
        given = f"Basic {base64.b64encode(f'user:{PASSWORD}'.encode()).decode()}"
        target = Target(
            name="x", url=SITE, kind=Kind.PREVIEW, headers={"Cookie": f"a={SECRET}", "Authorization": given}
        )
        secrets = secrets_of([target])
        echoed = [form(secret) for secret in (SECRET, PASSWORD)]
        said = " ".join(echoed)
        body = f"<p>{said} caf\u00e9</p>".encode(charset)
        seen: Observation = Answer(
            url=f"{SITE}/?q={said}",
            status=200,
            headers={"x-echo": said, "content-type": f"text/html; charset={charset}" if declared else "text/html"},
            body=body,
            hops=(Hop(status=308, url=said, location=said),),
        )
        failed = NoAnswer(url=said, reason=Reason.RESET, text=said, detail=said)
        for one in (seen, failed, secrets.struck_out(seen), secrets.struck_out(failed)):
            kept = entry(Probe(path=f"/?{said}"), one, secrets=secrets)
            body = base64.b64decode(kept.get("body_base64", ""))
            for shown in (
                json.dumps(kept, ensure_ascii=False),
                body.decode("utf-8", "replace"),
                body.decode(charset, "replace"),
            ):
                plain = shown.replace("\x00", "").replace("\\u0000", "")
                assert not [secret for secret in (*echoed, SECRET, PASSWORD) if secret in plain]

    @pytest.mark.parametrize(
        ("text_", "left"),
        [
            ("https://user:hunter2@example.com/a", "https://***@example.com/a"),
            ("https://token@example.com/a", "https://***@example.com/a"),
            (r'"https:\/\/user:hunter2@example.com\/a"', r'"https:\/\/***@example.com\/a"'),
            (r'"https:\/\/example.com\/@user"', r'"https:\/\/example.com\/@user"'),
            ("?to=https%3A%2F%2Fuser:hunter2@example.com", "?to=https%3A%2F%2F***@example.com"),
            ("/a?x=1&access_token=abc&y=2", "/a?x=1&access_token=***&y=2"),
            ("https://example.com/@user", "https://example.com/@user"),
            ("import a from '//cdn.example.com/b@1.2'", "import a from '//cdn.example.com/b@1.2'"),
            ("https://example.com a@b.c", "https://example.com a@b.c"),
        ],
    )
    def test_tokens_and_passwords_in_addresses(self, text_: str, left: str) -> None:
        assert NO_SECRETS.out_of_kept(text_) == left

    def test_questions_without_their_tokens_still_find_their_answers(self) -> None:
        page = Answer(
            url=f"{SITE}/?token=abc",
            status=200,
            headers={"content-type": "text/html"},
            body=b'<script src="/a.js?sig=xyz"></script>',
        )
        script = Answer(url=f"{SITE}/a.js?sig=xyz", status=404)
        check = live(LinkedCheck(), LinkedSpec(path="/?token=abc"))
        first, second = [*check.questions({}), Probe(path="/a.js?sig=xyz", from_root=True)]
        said = written((check, {first: page, second: script}))
        assert "abc" not in said
        assert "xyz" not in said
        assert rules_again(check, only(said)) == ["linked-missing"]

    def test_two_addresses_that_differ_in_a_token_are_not_taken_for_each_other(self) -> None:
        page = Answer(
            url=f"{SITE}/",
            status=200,
            headers={"content-type": "text/html"},
            body=b'<script src="/a.js?sig=one"></script><script src="/a.js?sig=two"></script>',
        )
        check = live(LinkedCheck(), LinkedSpec(path="/"))
        (first,) = check.questions({})
        there = Answer(url=f"{SITE}/a.js", status=200, headers={"content-type": "text/javascript"}, body=b"1")
        gone = Answer(url=f"{SITE}/a.js", status=404)
        files = [Probe(path=f"/a.js?sig={name}", from_root=True) for name in ("one", "two")]
        for answers_ in ([there, gone], [gone, there]):
            said = written((check, {first: page, **dict(zip(files, answers_, strict=True))}))
            with pytest.raises(LeftOut, match=r"no answer to GET /a\.js\?sig=\*\*\*"):
                rules_again(check, only(said))

    def test_two_checks_whose_addresses_differ_in_a_token_have_each_its_own(self) -> None:
        good = live(AnswerCheck(), AnswerSpec(path="/f?sig=1", id="one", spa=True))
        bad = live(AnswerCheck(), AnswerSpec(path="/f?sig=2", id="two", spa=True))
        there, gone = (Answer(url=f"{SITE}/f?sig=1", status=status) for status in (200, 404))
        seen = [(check, {next(iter(check.questions({}))): answer}) for check, answer in ((good, there), (bad, gone))]
        reported = only(written(*seen))
        assert rules_again(good, reported) == []
        assert rules_again(bad, reported) == ["answer-status"]
        with pytest.raises(LeftOut):
            rules_again(live(AnswerCheck(), AnswerSpec(path="/f?sig=3", id="three", spa=True)), reported)

    def test_a_redirect_from_an_address_with_a_token(self) -> None:
        check = live(RedirectCheck(), RedirectSpec(path="/old?sig=1234", to="/new"))
        (probe,) = check.questions({})
        seen = {probe: Answer(url=f"{SITE}/old?sig=1234", status=301, headers={"location": "/new?sig=1234"})}
        with pytest.raises(LeftOut):  # it may have been another token
            rules_again(check, only(written((check, seen))))
        seen = {probe: Answer(url=f"{SITE}/old?sig=1234", status=301, headers={"location": "/new"})}
        assert rules_again(check, only(written((check, seen)))) == []

    @pytest.mark.parametrize(
        ("check", "answer"),
        [
            (
                live(AnswerCheck(), AnswerSpec(path="/", spa=True, contains=("/login?auth=required",))),
                Answer(url=f"{SITE}/", status=200, body=b'<a href="/login?auth=required">'),
            ),
            (
                live(AnswerCheck(), AnswerSpec(path="/", spa=True, not_contains=("https://a:b@sentry.example/1",))),
                Answer(url=f"{SITE}/", status=200, body=b"https://a:b@sentry.example/1"),
            ),
            (
                live(AnswerCheck(), AnswerSpec(path="/", spa=True, json={"a": [{"next": "/?token=a"}]})),
                Answer(url=f"{SITE}/", status=200, body=b'{"a": [{"next": "/?token=b"}]}'),
            ),
            (
                live(RedirectCheck(), RedirectSpec(path="/", to="/login?auth=required")),
                Answer(url=f"{SITE}/", status=302, headers={"location": "/login?auth=other"}),
            ),
        ],
    )
    def test_what_looks_for_a_token_cannot_be_judged_again(self, check: PlannedLive, answer: Answer) -> None:
        (probe,) = check.questions({})
        reported = only(written((check, {probe: answer})))
        with pytest.raises(LeftOut, match="looks for a secret, or a token"):
            rules_again(check, reported)


UNKNOWN = "unknown"


def json_answer(text: str) -> Answer:
    return Answer(url=f"{SITE}/", status=200, headers={"content-type": "application/json"}, body=text.encode())


#: Of these answers and expectations are made at random: tokens, what looks like one, masks.
PIECES = [
    *("Ready", "down", "ok", "***", "abcdef1", "<p>", "h\u00e9", "a&amp;b", " ", "sig=1", "&sig=***", "&amp;token=ok,"),
    *("/in?token=abcdef1", "https://me:pass@x.example/a", "/a;jsessionid=abcdef1", "db=ok;auth=ok", "?key=0123456789abcdef0"),
]  # fmt: skip


def some_text(by_chance: random.Random) -> str:
    return by_chance.choice(["", " "]).join(by_chance.choices(PIECES, k=by_chance.randint(1, 3)))


def some_value(by_chance: random.Random) -> object:
    text_ = some_text(by_chance)
    return by_chance.choice([text_, "ok", True, False, None, 1, [text_], {"a": text_}])


def some_check(by_chance: random.Random) -> PlannedLive:
    text_ = some_text(by_chance).strip() or "x"
    some: list[PlannedLive] = [
        answers("/", contains=(text_,)),
        answers("/", not_contains=(text_,)),
        answers("/", not_contains=(by_chance.choice(["*", "Internal Server Error", "k a", "1 "]),)),
        live(PageCheck(), PageSpec(path="/any")),
        answers("/", json={by_chance.choice("ab"): some_value(by_chance)}),
        answers("/", headers={"x-a": by_chance.choice([True, False, text_])}),
        live(PageCheck(), PageSpec(path="/", contains=(text_,))),
        live(HealthCheck(), HealthSpec(path="/")),
        live(HealthCheck(), HealthSpec(path="/", text=text_)),
        live(HealthCheck(), HealthSpec(path="/", expect={by_chance.choice(["a", "b.a", "c.0"]): some_value(by_chance)})),
        live(RedirectCheck(), RedirectSpec(path="/", to=by_chance.choice(["/in*", "/in?token=abcdef1", "/*"]))),
        live(RedirectCheck(), RedirectSpec(path=f"/?token={text_.strip()}", to="/in")),
        *(
            live(BuildCheck(), BuildSpec(path="/", commit=by_chance.choice(["abcdef1", "ok"]), **said))
            for said in ({"json": "a"}, {"contains": True}, {"header": "x-a"})
        ),
    ]  # fmt: skip
    return by_chance.choice(some)


def some_answer(by_chance: random.Random) -> Answer:
    value = {
        by_chance.choice("ab"): some_value(by_chance),
        "status": some_text(by_chance),
        "c": [some_value(by_chance)],
    }
    locations = ["/in?token=abcdef1", "/in", "https://me:pass@x.example/a", "/in?token=***"]
    return Answer(
        url=f"{SITE}/",
        status=by_chance.choice([200, 200, 200, 302]),
        headers={
            "x-a": some_text(by_chance),
            "location": by_chance.choice(locations),
            "content-type": by_chance.choice(["text/html", "application/json", "text/plain"]),
        },
        body=by_chance.choice([json.dumps(value), some_text(by_chance)]).encode(),
    )


class TestStruckOut:
    """What is found in an answer of which something was struck is found; what is not found there is unknown."""

    WITH_TOKEN = b'<h1>Ready</h1><a href="/in?token=abcdef1">in</a>'
    LINK = '"link": "/in?token=abcdef1"'

    @pytest.mark.parametrize(
        ("check", "seen", "known"),
        [
            (answers("/", contains=("Ready",)), WITH_TOKEN, []),
            (answers("/", contains=("abcdef1",)), WITH_TOKEN, UNKNOWN),
            (answers("/", not_contains=("Ready",)), WITH_TOKEN, ["answer-content"]),
            (answers("/", not_contains=("abcdef1",)), WITH_TOKEN, UNKNOWN),
            (answers("/", contains=("***",)), WITH_TOKEN, UNKNOWN),
            # Of what no token can hold it is known that it is not there.
            (answers("/", not_contains=("Internal Server Error",)), WITH_TOKEN, []),
            (answers("/", not_contains=("Ready</h2>",)), WITH_TOKEN, []),
            (answers("/", not_contains=('bcdef1">in',)), WITH_TOKEN, UNKNOWN),
            (answers("/", not_contains=("?token=abc",)), WITH_TOKEN, UNKNOWN),
            (answers("/", not_contains=("a b",)), b"<p>/in?token=1a /out?token=2b b</p>", UNKNOWN),
            (answers("/", not_contains=("**",)), WITH_TOKEN, UNKNOWN),
            (answers("/", contains=("*",)), WITH_TOKEN, UNKNOWN),
            # Nothing was struck of these, and masks may be a site's own.
            (answers("/", contains=("Bye",)), b"*** Ready ***", ["answer-content"]),
            (answers("/", not_contains=("Bye",)), b"*** Ready ***", []),
            (
                answers("/", contains=("Bye",)),
                Answer(url=f"{SITE}/", status=200, headers={"set-cookie": "a=b"}, body=b"*** Ready ***"),
                ["answer-content"],
            ),
            (live(PageCheck(), PageSpec(path="/", contains=("Ready",))), WITH_TOKEN, []),
            (live(PageCheck(), PageSpec(path="/", contains=("Bye",))), WITH_TOKEN, UNKNOWN),
            (live(HealthCheck(), HealthSpec(path="/", text="up /a?sig=1")), b"up /a?sig=1", UNKNOWN),
            (live(HealthCheck(), HealthSpec(path="/", text="up")), b"up /a?sig=1", UNKNOWN),
            (live(HealthCheck(), HealthSpec(path="/", text="up")), b"down", ["health-unhealthy"]),
            (answers("/", json={"ok": True}), json_answer(f'{{"ok": true, {LINK}}}'), []),
            (answers("/", json={"ok": True}), json_answer(f'{{"ok": false, {LINK}}}'), ["answer-json"]),
            (answers("/", json={"link": "/out"}), json_answer(f"{{{LINK}}}"), UNKNOWN),
            (answers("/", json={"new": "/out"}), json_answer(f"{{{LINK}}}"), ["answer-json"]),
            (live(HealthCheck(), HealthSpec(path="/")), json_answer(f'{{"status": "ok", {LINK}}}'), []),
            (
                live(HealthCheck(), HealthSpec(path="/")),
                json_answer(f'{{"status": "ok", "db": "down", {LINK}}}'),
                ["health-unhealthy"],
            ),
            (live(HealthCheck(), HealthSpec(path="/")), json_answer('{"status": "see /a?sig=1"}'), UNKNOWN),
            (
                live(HealthCheck(), HealthSpec(path="/")),
                json_answer(f'{{"status": "eh", {LINK}}}'),
                ["health-unhealthy"],
            ),
            (
                live(HealthCheck(), HealthSpec(path="/", expect={"v": "2"})),
                json_answer(f'{{"v": "1", {LINK}}}'),
                ["health-unhealthy"],
            ),
            (
                live(HealthCheck(), HealthSpec(path="/", expect={"v": "2"})),
                json_answer('{"v": "' + "x" * 60 + '/a?sig=1"}'),
                UNKNOWN,
            ),
            (
                live(BuildCheck(), BuildSpec(path="/", contains=True, commit="abcdef1")),
                Answer(url=f"{SITE}/", status=200, body=b"/in?token=abcdef1"),
                UNKNOWN,
            ),
            (
                live(BuildCheck(), BuildSpec(path="/", contains=True, commit="abcdef1")),
                Answer(url=f"{SITE}/", status=200, body=b"abcdef1 /in?token=1"),
                [],
            ),
            (
                live(BuildCheck(), BuildSpec(path="/", json="v", commit="abcdef1")),
                json_answer(f'{{"v": "abcdef2", {LINK}}}'),
                ["build-differs"],
            ),
            (
                live(BuildCheck(), BuildSpec(path="/", json="link", commit="abcdef1")),
                json_answer(f"{{{LINK}}}"),
                UNKNOWN,
            ),
            (
                answers("/", headers={"link": "/b"}),
                Answer(url=f"{SITE}/", status=200, headers={"link": "/a?sig=1"}),
                UNKNOWN,
            ),
            (
                answers("/", headers={"link": False}),
                Answer(url=f"{SITE}/", status=200, headers={"link": "/a?sig=1"}),
                ["answer-header"],
            ),
            (
                live(RedirectCheck(), RedirectSpec(path="/", to="/in*")),
                Answer(url=f"{SITE}/", status=302, headers={"location": "/in?token=1"}),
                [],
            ),
            (
                live(RedirectCheck(), RedirectSpec(path="/", to="/in?a=*1")),
                Answer(url=f"{SITE}/", status=302, headers={"location": "/in?a=b&token=1"}),
                UNKNOWN,
            ),
        ],
    )
    def test_it(self, check: PlannedLive, seen: Answer | bytes, known: list[str] | str) -> None:
        answer = replace(PAGE, body=seen) if isinstance(seen, bytes) else seen
        probe, *_ = check.questions({})
        said = written((check, {probe: answer}))
        if known is UNKNOWN:
            with pytest.raises(LeftOut, match="leaves out"):
                rules_again(check, only(said))
        else:
            assert rules_again(check, only(said)) == known

    def test_a_secret_that_was_struck_when_it_was_seen_is_unknown_as_well(self) -> None:
        """Whoever replays may not have it, and then looks for it as it was."""
        check = answers("/", contains=("Bye",))
        struck = Secrets(["abcdef1"]).struck_out(replace(PAGE, body=b"<p>abcdef1"))
        assert isinstance(struck, Answer)
        assert b"***" in struck.body
        with pytest.raises(LeftOut):
            rules_again(check, only(written((check, {PROBE: struck}))))
        again = back(back(struck))
        assert isinstance(again, Answer)
        assert again.struck

    def test_at_random_no_replay_says_otherwise_than_the_run(self) -> None:
        same = 0
        for seed in range(3000):
            by_chance = random.Random(seed)
            check, answer = some_check(by_chance), some_answer(by_chance)
            probe, *more = check.questions({})
            # The run may have secrets that who replays it has not.
            secrets = Secrets(
                by_chance.sample(["abcdef1", "Ready", "down", "0123456789abcdef0"], by_chance.choice([0, 0, 1]))
            )
            struck = secrets.struck_out(answer)
            seen = {probe: struck} | dict.fromkeys(more, by_chance.choice([replace(PAGE, status=404), struck]))
            then = replace(check, spec=secrets.out_of_spec(check.spec))
            rules = [finding.rule.id for finding in judge(then, seen, started=0, ended=1).findings]
            try:
                again = rules_again(check, only(written((check, seen))))
            except LeftOut:
                continue
            assert again == rules, (seed, check.spec, answer)
            same += 1
        assert same > 1000

    def test_words_that_were_struck_out_tell_no_page_from_any_other(self) -> None:
        check = live(PageCheck(), PageSpec(path="/s"))
        own, *impossible = check.questions({})
        for text_, other in (("/reset?token=a1", "/login?token=b2"), ("/?token=abc", "/?token=xyz")):
            page, fallback = (replace(PAGE, body=f"<p>Join https://x{one} now".encode()) for one in (text_, other))
            said = written((check, {own: page, **{one: replace(fallback) for one in impossible}}))
            with pytest.raises(LeftOut):
                rules_again(check, only(said))
            said = written((check, {own: page, **{one: replace(fallback, status=404) for one in impossible}}))
            assert rules_again(check, only(said)) == []

    def test_a_block_says_that_a_body_is_left_out_and_the_verdict_stays(self) -> None:
        check = live(AssetCheck(), AssetSpec(path="/a.js"))
        large = Answer(url=f"{SITE}/a.js", status=404, body=b"<!-- " + b"x" * (REPORTED_BYTES + 1))
        seen = only(written((check, {Probe(path="/a.js"): large}))).views[0].seen_by(check)
        outcome = live_outcome(check, judge(check, seen, started=0, ended=0))
        assert outcome.record.rule == "asset-status"
        assert "bytes; the report leaves out a part of a body" in outcome.block

    def test_its_size_is_that_of_the_whole(self) -> None:
        seen = back(replace(PAGE, body=self.WITH_TOKEN))
        assert isinstance(seen, Answer)
        assert seen.size_bytes == len(self.WITH_TOKEN) > len(seen.body)
        assert entry(PROBE, seen, secrets=NO_SECRETS)["size_bytes"] == len(self.WITH_TOKEN)


def rules_again(check: PlannedLive, reported: Reported) -> list[str]:
    """The rules that are broken when the report is judged again."""
    known = as_kept(check)
    return [finding.rule.id for finding in judge(known, reported.views[0].seen_by(known), started=0, ended=0).findings]


class TestJudgedAgain:
    def test_a_check_is_judged_by_what_it_saw_itself(self) -> None:
        """Two checks may have seen two answers to one question: in other rounds, or after a rerun."""
        first, second = answers("/"), live(AnswerCheck(), AnswerSpec(path="/", id="again", spa=True))
        old, new = (Answer(url=f"{SITE}/", status=200, body=body) for body in (b"old", b"new"))
        reported = only(written((first, {PROBE: old}), (second, {PROBE: new})))
        assert reported.views[0].seen_by(first) == {PROBE: old}
        assert reported.views[0].seen_by(second) == {PROBE: new}

    def test_a_new_check_by_whatever_the_report_has(self) -> None:
        reported = only(written((answers("/"), {PROBE: PAGE})))
        other = live(AnswerCheck(), AnswerSpec(path="/", id="new", contains=("Bye",), spa=True))
        result = judge(other, reported.views[0].seen_by(other), started=0, ended=0)
        assert [finding.rule.id for finding in result.findings] == ["answer-content"]

    def test_a_new_check_by_the_later_answer_where_a_question_was_asked_twice(self) -> None:
        old, new = (Answer(url=f"{SITE}/", status=200, body=body) for body in (b"old", b"new"))
        again = live(AnswerCheck(), AnswerSpec(path="/", id="again", spa=True))
        reported = only(written((answers("/"), {PROBE: old}), (again, {PROBE: new})))
        assert reported.views[0].seen_by(live(AnswerCheck(), AnswerSpec(path="/", id="new", spa=True))) == {PROBE: new}

    def test_from_several_places_by_what_was_seen_from_each(self) -> None:
        """And compared with what was seen from the first."""
        old, new = (Answer(url=f"{SITE}/", status=200, body=body) for body in (b"old", b"new"))
        twice = live(AnswerCheck(), AnswerSpec(path="/", id="again", spa=True))
        document = json.loads(written((answers("/"), {PROBE: old}), (twice, {PROBE: new})))
        for place, check in zip(("gw0", "gw1"), document["targets"][0]["checks"], strict=True):
            check |= {"id": answers("/").id, "seen_from": place}
        reported = only(json.dumps(document))
        for check in (answers("/"), live(AnswerCheck(), AnswerSpec(path="/", id="new", spa=True))):
            views = reported.views_of(check)
            assert [(view.place, view.seen_by(check)) for view in views] == [
                ("gw0", {PROBE: old}),
                ("gw1", {PROBE: new}),
            ]
        document["targets"][0]["verdict"] = "good"
        assert as_reference(read_report(json.dumps(document)), "site", shown="r.json").answers[PROBE] == old

    def test_the_settings_file_may_lie_elsewhere_today(self) -> None:
        old, new = (Answer(url=f"{SITE}/", status=200, body=body) for body in (b"old", b"new"))
        there = PlannedLive(
            target=TARGET, check=AnswerCheck(), spec=AnswerSpec(path="/", spa=True), file="a/pagesmoke.toml"
        )
        reported = only(
            written((there, {PROBE: old}), (live(AnswerCheck(), AnswerSpec(path="/", id="x", spa=True)), {PROBE: new}))
        )
        assert reported.views[0].seen_by(answers("/")) == {PROBE: old}

    @pytest.mark.parametrize(
        "probe",
        [Probe(path="/new"), Probe(path="/", accept="application/json"), Probe(path="/", as_stranger=True)],
    )
    def test_what_was_not_asked_is_not_judged(self, probe: Probe) -> None:
        reported = only(written((answers("/"), {PROBE: PAGE})))
        spec = AnswerSpec(
            path=probe.path, spa=True, access=probe.as_stranger, json={"a": 1} if "json" in probe.accept else {}
        )
        how = r"" if probe.path == "/new" else r", asked in the way of this check \(accept, redirects, headers\)"
        with pytest.raises(LeftOut, match=f"^the report holds no answer to GET {probe.path}{how}$"):
            reported.views[0].seen_by(live(AnswerCheck(), spec))

    def test_nor_what_would_need_a_body_that_was_cut(self) -> None:
        check = answers("/", contains=("y",))
        large = Answer(url=f"{SITE}/", status=200, body=b"x" * (REPORTED_BYTES + 1))
        seen = only(written((check, {PROBE: large}))).views[0].seen_by(check)
        with pytest.raises(LeftOut):
            live_outcome(check, judge(check, seen, started=0, ended=0))

    @pytest.mark.parametrize(
        ("check", "answer", "rules"),
        [
            (answers("/"), Answer(url=f"{SITE}/", status=500), ["answer-status"]),
            (answers("/"), Answer(url=f"{SITE}/", status=200), []),
            (
                live(PageCheck(), PageSpec(path="/")),
                Answer(url=f"{SITE}/", status=500, headers={"server": "cloudflare", "content-type": "text/html"}),
                ["page-status"],
            ),
            (
                live(AssetCheck(), AssetSpec(path="/a.js")),
                Answer(url=f"{SITE}/a.js", status=200, headers={"content-type": "text/javascript"}),
                [],
            ),
            (
                live(AssetCheck(), AssetSpec(path="/a.js")),
                Answer(url=f"{SITE}/a.js", status=200, headers={"content-type": "text/plain"}),
                ["asset-type"],
            ),
        ],
    )
    def test_but_what_is_certain_without_the_whole_of_it_is(
        self, check: PlannedLive, answer: Answer, rules: list[str]
    ) -> None:
        (probe,) = [*check.questions({})][:1]
        seen = {probe: replace(answer, body=b"x" * (REPORTED_BYTES + 1))}
        reported = only(written((check, seen)))
        assert rules_again(check, reported) == rules
        outcome = live_outcome(check, judge(check, reported.views[0].seen_by(check), started=0, ended=0))
        assert outcome.record.body_bytes == REPORTED_BYTES + 1

    @pytest.mark.parametrize(
        ("wanted", "rules"), [({"set-cookie": True}, []), ({"set-cookie": False}, ["answer-header"])]
    )
    def test_that_a_header_is_there_is_known_without_its_value(self, wanted: Any, rules: list[str]) -> None:
        check = answers("/", headers=wanted)
        seen = {PROBE: Answer(url=f"{SITE}/", status=200, headers={"set-cookie": "sid=hush-hush"})}
        said = written((check, seen))
        assert "hush" not in said
        assert rules_again(check, only(said)) == rules
        with pytest.raises(LeftOut, match="the value of set-cookie"):
            rules_again(answers("/", headers={"set-cookie": "sid=1"}), only(said))

    def test_the_target_is_as_the_report_has_it(self) -> None:
        check = answers("/")
        sent = Answer(url=f"{SITE}/", status=200, sent=frozenset({"authorization"}))
        reported = only(written((check, {PROBE: sent})))
        manners = Manners(timeout_s=3.0)
        assert reported.target(None, manners) == Target(
            name="site", url=SITE, kind=Kind.PRODUCTION, headers={"authorization": ""}, manners=manners
        )

    def test_a_server_that_never_started(self) -> None:
        target = Target(name="local", url="", kind=Kind.LOCAL)
        check = live(AnswerCheck(), AnswerSpec(path="/", spa=True), target)
        absent = NoAnswer(url="(not started)", reason=Reason.NOT_STARTED, text="it throws")
        reported = only(written((check, {PROBE: absent}), name="local"))
        assert reported.url == ""
        assert reported.views[0].seen_by(check) == {PROBE: absent}


class TestTheTargetToday:
    """As the settings have the one of its name, at the address that the report has."""

    def declared(self, url: str = "", name: str = "site", **given: Any) -> Declared:
        return Declared(
            name=name,
            has_url=bool(url),
            address=read_address(url) if url else None,
            kind=given.get("kind"),
            headers={"Authorization": "Bearer today", "X-New": "1"},
            secrets=frozenset(),
            checks=Checks(manners=Manners(timeout_s=3.0)),
        )

    @pytest.mark.parametrize(
        ("url", "headers"),
        [
            ("", {"Authorization": "Bearer today", "X-New": "1", "x-a": ""}),
            (f"{SITE}/other", {"Authorization": "Bearer today", "X-New": "1", "x-a": ""}),
            # Those of another site are none of this one's, not even by name.
            ("https://other.example.com", {"authorization": "", "x-a": ""}),
        ],
    )
    def test_its_headers(self, url: str, headers: dict[str, str]) -> None:
        check = answers("/")
        sent = Answer(url=f"{SITE}/", status=200, sent=frozenset({"authorization", "x-a"}))
        found = only(written((check, {PROBE: sent}))).target(self.declared(url), Manners())
        assert (found.url, found.headers, found.manners.timeout_s) == (SITE, headers, 3.0)

    def test_which_one_it_is(self) -> None:
        """The one that it was, by name or by address; what was none is none."""
        of_name, of_address = self.declared(), self.declared(SITE, name="www")
        reported = only(written((answers("/"), {PROBE: PAGE})))
        assert reported.declared_today({"site": of_name, "www": of_address}) is None
        elsewhere = {"www": self.declared("https://other.example.com")}
        assert replace(reported, declared="site").declared_today(elsewhere) is None
        assert replace(reported, declared="site").declared_today({"www": of_address, "site": of_name}) is of_name
        assert replace(reported, declared="gone").declared_today({"www": of_address, "site": of_name}) is of_address

    @pytest.mark.parametrize(("today", "kind"), [(None, Kind.PRODUCTION), (Kind.PREVIEW, Kind.PREVIEW)])
    def test_its_kind(self, today: Kind | None, kind: Kind) -> None:
        reported = only(written((answers("/"), {PROBE: PAGE})))
        assert reported.target(self.declared(kind=today), Manners()).kind is kind


class TestTheReference:
    """The report of a good run, to be compared with."""

    def report(self, *names: str, url: str = SITE, **more: Any) -> Report:
        seen = {PROBE: PAGE, Probe(path="/a.js", from_root=True): replace(PAGE, url=f"{url}/a.js")}
        document = json.loads(written((answers("/"), {**seen, **more.pop("seen", {})})))
        targets = [{**document["targets"][0], "url": url, "name": name, **more} for name in names]
        return read_report(json.dumps({**document, "targets": targets}))

    def test_of_this_name_or_the_only_one(self) -> None:
        two = self.report("production", "preview")
        assert as_reference(two, "preview", shown="r.json").answers[PROBE] == PAGE
        assert as_reference(self.report("production"), "site", shown="r.json").file == "r.json"
        with pytest.raises(BadReport, match="holds nothing of site, but of production, preview: give the target"):
            as_reference(two, "site", shown="r.json")

    @pytest.mark.parametrize(
        ("verdict", "said"), [("broken", "was broken"), ("incomplete", "was incomplete"), (None, "was not good")]
    )
    def test_of_no_run_but_a_good_one(self, verdict: str | None, said: str) -> None:
        with pytest.raises(BadReport, match=f"says that production {said}: compare with the report of a good run"):
            as_reference(self.report("production", verdict=verdict), "site", shown="r.json")

    def test_what_a_page_names_and_what_the_settings_name_are_one_at_the_root(self) -> None:
        named, configured = Probe(path="/a.js", from_root=True), Probe(path="/a.js")
        root = as_reference(self.report("site"), "site", shown="r.json").answers
        assert root[named] == root[configured]
        below = as_reference(self.report("site", url=f"{SITE}/docs"), "site", shown="r.json").answers
        assert named in below
        assert configured not in below

    def test_what_is_asked_with_a_token_is_found_without_it(self) -> None:
        """But not where two answers may be meant."""
        of_one = {Probe(path="/a?sig=then"): replace(PAGE)}
        asked = Probe(path="/a?sig=today")
        assert as_reference(self.report("site", seen=of_one), "site", shown="r.json").answer_to(asked) == PAGE
        of_two = {**of_one, Probe(path="/a?sig=other"): replace(PAGE, status=404)}
        unknown = as_reference(self.report("site", seen=of_two), "site", shown="r.json").answer_to(asked)
        assert isinstance(unknown, NoAnswer)
        assert unknown.text == "the report holds no answer to GET /a?sig=***"

    def test_a_body_that_was_cut_is_compared_by_its_digest(self) -> None:
        large = replace(PAGE, body=b"x" * (REPORTED_BYTES + 1))
        report = self.report("site", seen={PROBE: large})
        found = as_reference(report, "site", shown="r.json").answers[PROBE]
        assert isinstance(found, Answer)
        assert (found.body, found.digest) == (b"", hashlib.sha256(large.body).hexdigest())


def sample() -> str:
    """A report with an entry of each kind."""
    local = Target(name="site", url="http://127.0.0.1:8788", kind=Kind.LOCAL)
    page, health = (
        Probe(path="/", accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        Probe(path="/h", accept="application/json", fresh=True),
    )
    base = local.url
    checks: list[tuple[PlannedLive, dict[Probe, Observation]]] = [
        (
            live(PageCheck(), PageSpec(path="/"), local),
            {
                page: Answer(
                    url=f"{base}/",
                    status=200,
                    headers={"content-type": "text/html", "set-cookie": "a=b", "cf-ray": "1"},
                    body=b'<h1>Hi</h1><script src="/a.js"></script>',
                    hops=(Hop(status=308, url=f"{base}/index", location="/"),),
                    sent=frozenset({"x-a"}),
                )
            },
        ),
        (
            live(HealthCheck(), HealthSpec(path="/h"), local),
            {health: Answer(url=f"{base}/h", status=503, headers={"retry-after": "5"}, body=b'{"status":"down"}')},
        ),
        (
            live(RedirectCheck(), RedirectSpec(path="/old", to="/new"), local),
            {Probe(path="/old", follow=False): Answer(url=f"{base}/old", status=301, headers={"location": "/new"})},
        ),
        (
            live(AssetCheck(), AssetSpec(path="/a.png"), local),
            {Probe(path="/a.png"): Answer(url=f"{base}/a.png", status=200, body=b"\xff\x00")},
        ),
        (
            live(AnswerCheck(), AnswerSpec(path="/x", spa=True), local),
            {Probe(path="/x"): NoAnswer(url=f"{base}/x", reason=Reason.TIMEOUT, text="no complete answer")},
        ),
        (
            live(LinkedCheck(), LinkedSpec(path="/"), local),
            {
                page: PAGE,
            },
        ),
    ]
    return written(*checks)


def judged(said: str) -> list[str]:
    """The outcomes of a replay of ``said``, whole: with its blocks and its summary."""
    found = read_report(said)
    runs = []
    outcomes = []
    for reported in found.targets:
        target = reported.target(None, Manners())
        records = []
        for check in (
            live(PageCheck(), PageSpec(path="/", max_s=1.0), target),
            live(HealthCheck(), HealthSpec(path="/h"), target),
            live(RedirectCheck(), RedirectSpec(path="/old", to="/new"), target),
            live(AssetCheck(), AssetSpec(path="/a.png"), target),
            live(AnswerCheck(), AnswerSpec(path="/x", spa=True, headers={"x-a": "b"}), target),
            live(LinkedCheck(), LinkedSpec(path="/"), target),
        ):
            try:
                outcome = live_outcome(check, judge(check, reported.views[0].seen_by(check), started=0, ended=0))
            except LeftOut:
                outcomes.append("left out")
            else:
                records.append(outcome.record)
                outcomes.append(outcome.record.rule or "passed")
        runs.append(
            TargetRun(
                name=target.name, address=target.url, target=target, planned=6, records=tuple(records), replay="r.json"
            )
        )
    assert summarize(runs, settings="x").rows
    assert len(f"{found.started:%Y-%m-%d %H:%M}") == 16
    return outcomes


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a document. (`Any`: JSON's values.)"""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def test_what_failed_and_is_not_judged_again() -> None:
    document = json.loads(sample())
    first = document["targets"][0]["checks"][0]
    failed = {**first, "outcome": "failed", "observations": []}
    of_asset = {**failed, "test": "test_asset", "rule": "asset-differs"}
    document["targets"][0]["checks"] = [
        *({**failed, "test": test} for test in ("test_same_as", "test_same_as", "user", "test_page")),
        of_asset,
        {**failed, "test": "test_asset", "rule": "asset-type"},
        {**failed, "test": "user", "outcome": "passed"},
    ]
    document["dist"] = {"path": "dist", "verdict": "broken", "checks": [{**failed, "test": "test_dist"}]}
    assert read_report(json.dumps(document)).failed_beside == (
        "2 of the comparison with another deployment",
        "1 of live files that were compared with the build output",
        "1 of the build output",
        "1 of tests of your own",
    )
    assert read_report(sample()).failed_beside == ()


class TestNoReport:
    def test_a_report_is_read(self) -> None:
        found = read_report(sample())
        assert found.started == datetime(1970, 1, 12, 13, 46, 40, tzinfo=UTC)
        assert judged(sample()) == ["passed", "health-status", "passed", "passed", "timeout", "passed"]
        assert [target.name for target in found.targets] == ["site"]

    @pytest.mark.parametrize(
        ("said", "flaw"),
        [
            ("", "is no JSON"),
            ("{", "is no JSON"),
            ("NaN", "is no JSON"),
            ("[" * 100_000, "is no JSON"),
            ("[]", "is no report: it is no JSON object"),
            ("7", "is no report: it is no JSON object"),
            ("{}", 'it has no "schema": 1'),
            ('{"schema": "1"}', 'it has no "schema": 1'),
            ('{"schema": true}', 'it has no "schema": 1'),
            ('{"schema": 1000}', 'it has no "schema": 1'),
            ('{"schema": 0}', 'it has no "schema": 1'),
            ('{"schema": 2}', "has schema 2, and this version knows 1: update pytest-pagesmoke"),
            ('{"schema": 1}', "targets: takes a list"),
            ('{"schema": 1, "targets": [5]}', r"targets\[0\]: takes an object"),
            ('{"schema": 1, "targets": []}', "holds nothing of any site"),
        ],
    )
    def test_what_is_none_is_refused_with_the_reason(self, said: str, flaw: str) -> None:
        with pytest.raises(BadReport, match=flaw):
            read_report(said)

    def test_any_value_at_any_place_is_refused_or_judged(self) -> None:
        document = json.loads(sample())
        odd: tuple[Any, ...] = (
            None,
            True,
            -1,
            1.5,
            10**400,
            "",
            "http://[",
            "\ud800",
            "9999-12-31T23:59:59-14:00",
            [],
            {},
        )
        refused = 0
        for path in places(document):
            for value in odd:
                try:
                    judged(json.dumps(with_value(document, path, value)))
                except BadReport:
                    refused += 1
        assert refused > 1000

    @pytest.mark.parametrize("url", ["http://[", "http://a:b/", "ftp://example.com", "example.com", 5])
    @pytest.mark.parametrize("place", [("targets", 0, "url"), ("targets", 0, "observations", 1, "url")])
    def test_what_is_no_address_is_refused_where_one_must_be(self, place: tuple[Any, ...], url: Any) -> None:
        with pytest.raises(BadReport, match="url: "):
            read_report(json.dumps(with_value(json.loads(sample()), place, url)))

    @pytest.mark.parametrize(
        ("key", "value", "flaw"),
        [
            ("again", True, "takes a whole number"),
            ("again", -1, "takes a whole number"),
            ("again", 1_000_000_000, "takes a whole number"),
            ("again", 0.5, "takes a whole number"),
            ("attempts", 0, "takes a whole number above 0"),
            ("elapsed_s", True, "takes a number of seconds"),
            ("elapsed_s", -0.5, "takes a number of seconds"),
            ("elapsed_s", "1", "takes a number of seconds"),
            ("url", "http:///a", "takes an address"),
        ],
    )
    def test_what_is_no_number_is_refused_where_one_must_be(self, key: str, value: Any, flaw: str) -> None:
        place = ("targets", 0, "observations", 1, key)
        with pytest.raises(BadReport, match=rf"^is damaged: site: observations\[1\]\.{key}: {flaw}$"):
            read_report(json.dumps(with_value(json.loads(sample()), place, value)))

    def test_two_targets_of_one_name(self) -> None:
        document = json.loads(sample())
        with pytest.raises(BadReport, match="two targets have one name"):
            read_report(json.dumps({**document, "targets": document["targets"] * 2}))

    def test_keys_that_this_version_does_not_know_are_passed_over(self) -> None:
        document = json.loads(sample())
        more = with_value(document, ("targets", 0, "observations", 0, "new"), 5)
        assert isinstance(read_report(json.dumps({**more, "newer": 1})), Report)


def test_records_that_never_were_have_no_observations() -> None:
    record = CheckRecord(id="a", test="t", target="x", address="", column="", path="/", outcome="not-run", attempts=0)
    run = TargetRun(name="x", address=SITE, target=TARGET, planned=1, records=(), unfinished=(record,))
    (target,) = report([run], started=0, ended=1, settings=None, kept=str)["targets"]
    assert target["observations"] == []
