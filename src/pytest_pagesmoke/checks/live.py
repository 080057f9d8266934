"""What any live check can meet before it can judge the site itself: no answer at all, or an answer that is not the site's."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pytest_pagesmoke import recognise
from pytest_pagesmoke.model import Answer, Finding, Judgement, NoAnswer, Observation, Reason, Rule

UNREACHABLE = Rule(
    id="unreachable",
    title="Nothing answers at this address",
    cause="The name does not resolve, nothing listens there, or the connection broke: a wrong address, a domain that is "
    "not connected to the project, or a network between here and there that lets nothing through.",
    fix="Check the address for a typing mistake. Open the project's *.pages.dev address: if that answers, the deployment is "
    "fine and its domain is not (dashboard: the project's Custom domains, then the zone's DNS records).",
)
TIMEOUT = Rule(
    id="timeout",
    title="No complete answer in time",
    cause="The server took the connection but did not finish its answer before the deadline, which covers the whole exchange: "
    "name, connection, TLS, redirects, headers and body. A worker that waits for a database or an API that does not answer.",
    fix="Look at what the worker waits for (`npx wrangler pages deployment tail`). Repeat the request with the curl command above.",
)
TLS_INVALID = Rule(
    id="tls-invalid",
    title="The certificate cannot be trusted",
    cause="The certificate is for another name, has expired, or was issued by an authority that this machine does not know. "
    "A custom domain that was just connected has no certificate for some minutes.",
    fix="Look at the domain's state in the dashboard (Custom domains). Behind a company's proxy: add its authority to the system's trust store, or name it as `ca_file` in the settings.",
)
HTTP_INVALID = Rule(
    id="http-invalid",
    title="What answers does not speak HTTP properly",
    cause="Something else listens at this port, http and https are mixed up, or a proxy garbles or cuts off the answer.",
    fix="Check scheme and port of the address. Repeat the request with the curl command above.",
)
BODY_TOO_LARGE = Rule(
    id="body-too-large",
    title="The answer is larger than a check reads",
    cause="The body exceeds `max_body_bytes` after decompression (10 MiB unless the settings say otherwise): a file was taken for a page, or the answer never ends.",
    fix="See what it sends: add `| head -c 1000` to the curl command above. If the file is this large by right, check a smaller one in its place.",
)
REDIRECT_LOOP = Rule(
    id="redirect-loop",
    title="The redirects lead in a circle",
    cause="Two places tidy the address in opposite directions: the worker or `_redirects` adds the slash (or .html) that Pages takes away.",
    fix="Pages serves /login.html at /login and /blog/index.html at /blog/. Let the worker and `_redirects` agree with that.",
)
REDIRECT_ELSEWHERE = Rule(
    id="redirect-elsewhere",
    title="The site sends its visitors to another origin",
    cause="The address is not where the site lives: http instead of https, the bare domain instead of www, an old domain. "
    "Or the zone has a redirect rule.",
    fix="Test the address that it leads to, if that is the site. Otherwise look at the zone's redirect rules and at `_redirects`.",
)
ACCESS_LOGIN = Rule(
    id="access-login",
    title="Cloudflare Access asks for a login first",
    cause="The site, or its previews, are protected by Cloudflare Access, and this run is not let in. The site itself was not reached.",
    fix="Where no service token was sent: create one, and a Service Auth policy for it, in Zero Trust, and name both headers in the settings: "
    '`headers = { CF-Access-Client-Id = "${CF_ACCESS_CLIENT_ID}", CF-Access-Client-Secret = "${CF_ACCESS_CLIENT_SECRET}" }`. Or test an address '
    "that is not protected.",
)
BOT_CHALLENGE = Rule(
    id="bot-challenge",
    title="Cloudflare challenges the visitor",
    cause="Bot Fight Mode, under-attack mode or a firewall rule takes this run for a bot. The site itself was not reached: this says nothing of its health.",
    fix="Bot Fight Mode cannot be skipped by a firewall rule. Test the project's *.pages.dev address, which has none, or let this "
    "machine's address in with an IP access rule.",
)
RATE_LIMITED = Rule(
    id="rate-limited",
    title="Too many requests",
    cause="A rate limit of the zone, or of the site itself, turned this run away. It says nothing of the site's health.",
    fix="Wait as long as the retry-after header says, then run again; let this machine's address pass the limit if it happens often.",
)
WORKER_EXCEPTION = Rule(
    id="worker-exception",
    title="The worker throws",
    cause="The worker ran and threw an exception that nothing caught (error 1101). Most often a binding, a variable or a secret "
    "that the code needs is missing in this environment: production and preview have settings of their own.",
    fix="Read the exception: a local server's stands above, and `npx wrangler pages deployment tail` shows those at Cloudflare. Compare the bindings, "
    "variables and secrets of this environment with those of one that works (dashboard; locally wrangler's configuration and .dev.vars).",
)
PLACEHOLDER = Rule(
    id="placeholder",
    title="Cloudflare's own page: nothing is here yet",
    cause="The project or the deployment exists but is not live at this address yet, or no deployment has ever succeeded.",
    fix="Wait a minute and run again. If it stays: look in the dashboard whether a production deployment has succeeded.",
)
LOCAL_NOT_READY = Rule(
    id="local-not-ready",
    title="The local server did not start",
    cause="`wrangler pages dev` ended, or was not ready in time: the worker does not compile or throws as it starts, "
    "_routes.json is invalid, or Node.js is missing or too old. Its own words stand above.",
    fix="Run `npx wrangler pages dev` on the build output and mend what it says. What does not start here will not run at Cloudflare.",
)

RULES: Final = (
    UNREACHABLE,
    TIMEOUT,
    TLS_INVALID,
    HTTP_INVALID,
    BODY_TOO_LARGE,
    REDIRECT_LOOP,
    REDIRECT_ELSEWHERE,
    ACCESS_LOGIN,
    BOT_CHALLENGE,
    RATE_LIMITED,
    WORKER_EXCEPTION,
    PLACEHOLDER,
    LOCAL_NOT_READY,
)

_REFUSED: Final = "a service token was sent and refused: its policy must be of kind Service Auth (not Allow), and the token must not have expired"

_BY_REASON: Final = {
    Reason.NO_ADDRESS: UNREACHABLE,
    Reason.REFUSED: UNREACHABLE,
    Reason.RESET: UNREACHABLE,
    Reason.UNREACHABLE: UNREACHABLE,
    Reason.TLS: TLS_INVALID,
    Reason.TLS_NAME: TLS_INVALID,
    Reason.TIMEOUT: TIMEOUT,
    Reason.PROTOCOL: HTTP_INVALID,
    Reason.NOT_SENT: HTTP_INVALID,
    Reason.TOO_LARGE: BODY_TOO_LARGE,
    Reason.REDIRECT_LOOP: REDIRECT_LOOP,
    Reason.NOT_STARTED: LOCAL_NOT_READY,
    Reason.NOT_RECORDED: UNREACHABLE,
}


def site_answer(observation: Observation, *, subject: str, status: int) -> Answer | Finding:
    """The answer, if it is the site's own; else what came in its place. A redirect or a 429 that is wanted is the site's own."""
    if isinstance(observation, NoAnswer):
        return Finding(
            rule=_BY_REASON[observation.reason],
            subject=subject,
            expected="the local server to start" if observation.reason is Reason.NOT_STARTED else str(status),
            actual=observation.text,
        )

    answer = observation
    # "expected 200, got 200" would puzzle whoever reads it.
    expected = f"{status} from the site itself" if answer.status == status else str(status)

    def instead(rule: Rule, actual: str, hint: str = "") -> Finding:
        return Finding(rule=rule, subject=subject, expected=expected, actual=actual, hint=hint)

    if recognise.is_access_login(answer):
        target = recognise.location(answer)
        return instead(
            ACCESS_LOGIN,
            f"{answer.status} to the Cloudflare Access login at {target.hostname if target else '?'}",
            _REFUSED if any(name.startswith("cf-access-") for name in answer.sent) else "",
        )
    if recognise.is_challenge(answer):
        return instead(BOT_CHALLENGE, f"{answer.status} with a challenge (cf-mitigated: challenge)")
    if (thrown := recognise.worker_exception(answer)) is not None:
        return instead(WORKER_EXCEPTION, f"{answer.status}: the worker threw {thrown or 'an exception'}")
    # 1027: the account's daily limit, no matter of waiting
    if answer.status == 429 != status and recognise.error_code(answer) != 1027:
        wait = answer.headers.get("retry-after")
        return instead(RATE_LIMITED, "429" + (f", retry after {wait}" if wait else ""))
    if recognise.is_placeholder(answer):
        return instead(PLACEHOLDER, f"{answer.status} with Cloudflare's placeholder page")
    if answer.status != status and (elsewhere := _other_origin(answer)):
        is_site = elsewhere.startswith(("http:", "https:"))
        hint = f"if the site lives there: --base-url={elsewhere}" if is_site else ""
        return instead(REDIRECT_ELSEWHERE, f"{answer.status} to {elsewhere}", hint)
    return answer


def judge_access(observation: Observation, rule: Rule, *, subject: str) -> Judgement:
    """Judge that a stranger is sent to the Cloudflare Access login; ``rule`` is broken where the site itself answers."""
    if isinstance(observation, Answer) and recognise.is_access_login(observation):
        return
    answer = site_answer(observation, subject=subject, status=302)
    if isinstance(answer, Finding):
        yield answer
    else:
        yield Finding(
            rule=rule,
            subject=subject,
            expected="302 to the Cloudflare Access login",
            actual=f"{answer.status}: the site itself answered a stranger",
        )


def _other_origin(answer: Answer) -> str:
    """The origin that a redirect leads to, if it is another one; else empty."""
    target = recognise.location(answer)
    if target is None:
        return ""
    try:
        here = recognise.origin(urlsplit(answer.url))
        there = recognise.origin(target)
    except ValueError:
        return f"an address with a port that is none ({target.geturl()})"
    if here == there:
        return ""
    return f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else target.geturl()


def wrong_status(answer: Answer, rule: Rule, *, subject: str, status: int) -> Finding | None:
    """The finding for an answer with another status than the expected one."""
    if answer.status == status:
        return None
    target = answer.headers.get("location", "")
    actual = str(answer.status)
    if answer.status in recognise.REDIRECTS and target:
        actual += f" to {target}"
    if code := recognise.error_code(answer):
        actual += f" (Cloudflare error {code})"
    elif recognise.is_deployment_not_found(answer):
        actual += " (Cloudflare: Deployment Not Found)"
    return Finding(rule=rule, subject=subject, expected=str(status), actual=actual)
