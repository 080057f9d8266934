"""The nouns: what is asked, what came back, what was found. Standard library only, no behaviour but derived facts."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar
from urllib.parse import quote

#: What stands in place of a built-in test's name in the record of a hand-written one.
OWN_TEST: Final = "user"
#: Between the times that the same is asked, but the first two, in seconds: a clock of whole seconds has moved on.
LATER_S: Final = 1.1
#: The name of the thread in which sites are asked.
THREAD: Final = "pagesmoke"
#: Of a body that was judged: as much as anybody looks at who tells of it.
TOLD_BYTES: Final = 65_536
#: A body that is larger is left out of reports but for its beginning, for whoever reads: pages and health are far smaller, most scripts, too.
REPORTED_BYTES: Final = 1_048_576


class Kind(StrEnum):
    """What a target is to its owner; only production has anything to lose."""

    LOCAL = "local"
    PREVIEW = "preview"
    PRODUCTION = "production"


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How a target is asked. ``timeout_s`` bounds a whole exchange, ``max_body_bytes`` its body after decompression.

    An empty ``user_agent`` is this project's own, an empty ``ca_file`` the system's trust store. ``settle_rounds`` are the whole rounds
    in a row that must pass where it is asked until it has settled.
    """

    timeout_s: float = 10.0
    concurrency: int = 16
    max_body_bytes: int = 10_485_760
    user_agent: str = ""
    ca_file: str = ""
    settle_rounds: int = 2


@dataclass(frozen=True, kw_only=True)
class Target:
    """One deployment under test.

    ``url`` has no trailing slash, no query and no credentials. It is empty for the local target until its server runs.
    ``headers`` go to this target's own origin alone, and stay out of ``repr``: they may hold secrets.
    """

    name: str
    url: str
    kind: Kind
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    manners: Manners = Manners()

    @property
    def starts_here(self) -> bool:
        """Whether pagesmoke itself starts the server (`--pagesmoke=local`)."""
        return not self.url


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One question to a target: a GET of ``path`` with this ``Accept`` header.

    ``path`` is below the target's address, or below its host alone where ``from_root`` is set (as a page's own links are).
    Redirects that only tidy the address are followed unless ``follow`` is off: then the redirect itself is the answer.
    ``fresh``: no copy in a cache is wanted, which would tell nothing of now. ``as_stranger`` leaves out the target's headers. ``of_reference``: asked of the deployment that the target is compared with. ``again``:
    how often before, for the same is asked more than once to see what changes from answer to answer.
    """

    path: str
    accept: str = "*/*"
    from_root: bool = False
    follow: bool = True
    fresh: bool = False
    as_stranger: bool = False
    of_reference: bool = False
    again: int = 0

    @property
    def pause_s(self) -> float:
        """How many seconds to wait before it is asked."""
        return LATER_S * max(0, self.again - 1)

    def address(self, target: Target) -> str:
        """The whole address that is asked."""
        base = re.sub(r"\A([^/]*//[^/]*).*", r"\1", target.url) if self.from_root else target.url
        return base + self.path


class Phase(StrEnum):
    """How far an exchange has come, so that a time-out can say where it stood, and a report how long each took."""

    NAME = "looking up the name"
    CONNECTION = "waiting for the connection"
    TLS = "in the TLS handshake"
    HEADERS = "waiting for the headers"
    BODY = "the headers came, the body did not end"

    @property
    def key(self) -> str:
        """Its name in reports."""
        return self.name.lower()


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A redirect that was followed because it only tidied the address (a slash, `.html`)."""

    status: int
    url: str
    location: str


# Those that decode any bytes. Python knows others that a server may name too: some raise, some are no charsets at all.
_CHARSETS: Final = frozenset(
    """
    us-ascii iso-8859-1 latin1 iso-8859-2 iso-8859-15 windows-1250 windows-1251 windows-1252 koi8-r
    utf-16 utf-16le utf-16be shift_jis euc-jp gb2312 gbk gb18030 big5 euc-kr
    """.split()
)
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server said. ``headers`` have lower-case names, repeated ones joined with ``, ``; ``body`` is decoded.

    ``timings_s`` are the seconds of ``elapsed_s`` that each phase took, by its key.

    ``sent`` are the names, in lower case, of the target's own headers that went with the question. ``attempts`` counts a first
    one, too, whose connection broke before any answer. ``digest`` is the body's SHA-256, where the body may not be kept as it was: in a report.
    ``struck``: secrets were struck out of it when it came in.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hops: tuple[Hop, ...] = ()
    http_version: str = "HTTP/1.1"
    elapsed_s: float = 0.0
    timings_s: Mapping[str, float] = field(default_factory=dict, compare=False)
    sent: frozenset[str] = frozenset()
    attempts: int = 1
    digest: str = field(default="", compare=False)
    struck: bool = field(default=False, compare=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case; empty where the header is absent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text: by its declared charset if that is a usual one, else UTF-8; what does not decode becomes U+FFFD."""
        return self.body.decode(self.charset, errors="replace")

    def text_up_to(self, characters: int) -> str:
        """So many characters of the text; what comes behind them, which may be megabytes, is not decoded."""
        return self.body[: 4 * characters].decode(self.charset, errors="replace")[
            :characters
        ]  # no charset has wider ones

    @property
    def charset(self) -> str:
        """What the body is decoded by: what is declared, else what its mark says, else UTF-8."""
        declared = re.search(r"charset=[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        charset = declared[1].lower() if declared else ""
        if charset in _CHARSETS:
            return charset
        return "utf-16" if self.body.startswith(_UTF_16_MARKS) else "utf-8-sig"

    # What can be told of a body without the whole of it, which a report may not have kept.

    @property
    def size_bytes(self) -> int:
        """How long the body is."""
        return len(self.body)

    @property
    def beginning(self) -> str:
        """The text as far as anybody looks to tell what kind it is: its first 65,536 characters."""
        return self.text_up_to(65_536)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but white space."""
        return not self.body.strip()

    def require_whole(self, part: str, wanted: str = "") -> None:
        """To be called before it is said that ``part`` of this answer is not what it should be, or does not hold what is ``wanted``.

        What came from a site is whole. An answer of a report raises where something was struck out of ``part``, which may have been it.
        """


def in_test_id(subject: str) -> str:
    """A path, or an id that the settings give, as it stands in a test id.

    ASCII throughout: pytest escapes anything else in an id its own way, and what it then reports is not found here.
    What is encoded already stays so.
    """
    return quote(subject, safe="/%?=&+,;:@!~*$")


class Reason(StrEnum):
    """Why there is no answer: a closed list, each with a rule of its own or shared (checks/live.py)."""

    NO_ADDRESS = "no-address"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TLS_NAME = "tls-name"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    NOT_SENT = "not-sent"
    TOO_LARGE = "too-large"
    REDIRECT_LOOP = "redirect-loop"
    NOT_STARTED = "not-started"
    NOT_RECORDED = "not-recorded"


@dataclass(frozen=True, kw_only=True)
class NoAnswer:
    """Asking failed: ``text`` says how, in one line for a person, and is never empty; ``detail`` may hold more lines."""

    url: str
    reason: Reason
    text: str
    detail: str = ""
    hops: tuple[Hop, ...] = ()
    elapsed_s: float = 0.0
    timings_s: Mapping[str, float] = field(default_factory=dict, compare=False)
    attempts: int = 1


Observation = Answer | NoAnswer
Seen = Mapping[Probe, Observation]


class LeftOut(Exception):
    """A report does not hold what a check wants to see. Says what, in words."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A deployment as an earlier report, in ``file``, holds it: what it answered to which question, whose path is as ``kept`` makes it."""

    address: str
    file: str
    answers: Seen = field(repr=False)
    kept: Callable[[str], str] = field(repr=False)

    def answer_to(self, probe: Probe) -> Observation:
        """What was answered then."""
        path = self.kept(probe.path)
        absence = NoAnswer(
            url=self.address, reason=Reason.NOT_RECORDED, text=f"the report holds no answer to GET {path}"
        )
        return self.answers.get(replace(probe, path=path), absence)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request of a hand-written test, and what came of it.

    ``headers`` are those of the test, by lower-case names; ``own`` the names of the target's, which went along. ``timeout_s`` is the
    deadline of the whole, in seconds. ``whole`` is off where the test reads the body itself, piece by piece.
    """

    target: Target
    method: str
    headers: Mapping[str, str] = field(repr=False)
    own: tuple[str, ...]
    body_bytes: int
    timeout_s: float
    seen: Observation
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class WorkerFiles:
    """The worker in a build output: where it stands, and how much code it is.

    ``size_bytes`` counts the whole worker: a file with all files that it imports, a folder with all its modules, source
    maps left out. ``packages`` are imports by bare name, which wrangler bundles only at deploy: their size is not known here.
    """

    path: str
    size_bytes: int
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DistTree:
    """A build output as it lies on the disk. ``files`` maps POSIX paths below ``path`` to sizes in bytes."""

    path: str
    kind: str  # "folder", "file" or "missing"
    files: Mapping[str, int] = field(default_factory=dict)
    worker: WorkerFiles | None = None
    functions: bool = False  # a functions/ folder with code, which wrangler compiles at deploy where there is no worker


@dataclass(frozen=True, kw_only=True)
class Built:
    """What the build output holds for an asset's address: the file ``file``, as a user names it, by its content's size and hash.

    ``flaw`` says why it cannot be compared, and is empty where it can. ``by_worker``: code may answer this address in its place.
    """

    file: str
    size_bytes: int = 0
    sha256: str = ""  # in hexadecimal digits
    flaw: str = ""
    by_worker: bool = False


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A stable, readable name for one way to be wrong, with the text that docs/rules.md and the failure block show."""

    id: str
    title: str
    cause: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule broken: what was expected and what was seen, apart, so that every report can lay them out its own way."""

    rule: Rule
    subject: str
    expected: str
    actual: str
    hint: str = ""
    other_build: bool = False  # what was seen is known to be of another build
    only_cached: bool = False  # only a copy in a cache is wrong: past it the deployment was right
    diff: tuple[str, ...] = ()  # lines: what should be (`- …`), and what is (`+ …`)

    @property
    def line(self) -> str:
        """The finding in one line."""
        return f"{self.rule.id}: expected {self.expected}, got {self.actual}"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something worth saying that leaves a check passed: a warning."""

    text: str


Judgement = Iterator[Finding | Remark]
S_contra = TypeVar("S_contra", contravariant=True)  # the spec of a check: what the settings say of it


class LiveCheck(Protocol[S_contra]):
    """A kind of check against a running site. Judging is pure: `judge` sees only what `probes` asked for.

    ``key`` is where the settings have its entries, ``spec`` the dataclass of one entry: a field a key.
    """

    test: ClassVar[str]
    key: ClassVar[str]
    spec: ClassVar[type]
    column: ClassVar[str]
    rules: ClassVar[tuple[Rule, ...]]

    def probes(self, spec: S_contra, seen: Seen) -> Iterable[Probe]:
        """What to ask, the check's own question first. Called again with what was seen, until it names nothing new."""

    def judge(self, spec: S_contra, seen: Seen) -> Judgement: ...


class DistCheck(Protocol[S_contra]):
    """A kind of check of the build output. ``part`` names it in the test id: `test_dist[worker]`."""

    part: ClassVar[str]
    rules: ClassVar[tuple[Rule, ...]]

    def judge(self, spec: S_contra, tree: DistTree) -> Judgement: ...


@dataclass(frozen=True, kw_only=True)
class DistSpec:
    """What the settings ask of the build output; sizes in bytes, 0 for no bound."""

    path: Path = Path("dist")
    worker: str = "auto"  # "required", "forbidden", or "auto": missing only where _routes.json contradicts its absence
    worker_min_bytes: int = 0
    routes: str = "optional"  # or "required"


@dataclass(frozen=True, kw_only=True)
class CheckRecord:
    """One finished check as every report sees it. Builtins only: it travels from xdist's workers to their controller.

    Times are seconds; ``started`` and ``ended`` are on the wall clock (time.time), comparable between processes.
    """

    id: str
    test: str
    target: str  # the target's name, or "dist"
    address: str
    column: str
    path: str
    outcome: str  # "passed", "failed"; "skipped" of a hand-written test, and of what came to no verdict, as "not-run"
    rule: str = ""
    expected: str = ""
    actual: str = ""
    warnings: list[str] = field(default_factory=list)
    status: int | None = None
    media_type: str = ""
    body_bytes: int | None = None
    cached: bool = False  # a cache answered, and not the deployment
    other_build: bool = False  # as in the finding; so is the next
    only_cached: bool = False
    tell: str = ""  # what Cloudflare itself said in the site's place: "deployment-not-found"
    started: float = 0.0
    ended: float = 0.0
    attempts: int = 1  # of asking; and reruns
    settled_after_s: float | None = (
        None  # with `--pagesmoke-settle`: from the first question to when it passed for good
    )
    flapped: bool = False  # it failed after it had passed
    given_up: str = ""  # why the waiting for it ended without success
    xdist_worker: str = ""  # the name of the process that ran it: "gw0"
    seen_from: str = (
        ""  # with `--dist each`, where every worker is a place to look from: that place, by its first worker
    )
