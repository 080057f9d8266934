"""From the values of options to what one run looks at: names, kinds, and every mistake at once, without a secret in it."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pagesmoke.addresses import hash_address, kind_of, without_credentials
from pytest_pagesmoke.model import Kind, Target
from pytest_pagesmoke.plan import plan
from pytest_pagesmoke.settings import Declared, checklist
from pytest_pagesmoke.settings.reading import read_settings
from pytest_pagesmoke.targets import Selection, files_in, select
from pytest_pagesmoke.wrangler.output import Deployment

LOCAL = Target(name="local", url="", kind=Kind.LOCAL)


def targets(*values: str, base_url: str = "") -> list[tuple[str, str, str]]:
    """Name, address and kind of each."""
    return [(target.name, target.url, str(target.kind)) for target in select(values, base_url=base_url).targets]


def names(*values: str, base_url: str = "") -> list[str]:
    return [name for name, _, _ in targets(*values, base_url=base_url)]


def mistakes(values: Sequence[str], *, base_url: str = "") -> list[str]:
    return [*select(values, base_url=base_url).mistakes]


# What a value means.


def test_nothing() -> None:
    selection = select([])
    assert (selection.targets, selection.dist, selection.served) == ((), None, Path("dist"))


def test_base_url_takes_the_name_of_its_kind() -> None:
    assert targets(base_url="https://www.example.com") == [("production", "https://www.example.com", "production")]
    assert targets(base_url="https://new.example.pages.dev/") == [
        ("preview", "https://new.example.pages.dev", "preview")
    ]
    assert targets(base_url="http://localhost:8788") == [("local", "http://localhost:8788", "local")]


def test_an_address_takes_the_first_label_of_its_host() -> None:
    assert names("https://5be8c75c.example.pages.dev", "https://www.example.com") == ["5be8c75c", "www"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8788", "127.0.0.1-8788"),
        ("http://127.0.0.1", "127.0.0.1"),
        ("http://localhost:8788", "localhost-8788"),
        ("http://localhost", "localhost"),
        ("http://[::1]:8788", "1-8788"),
        ("http://[::]:8788", "0-8788"),
        ("http://[2001:db8::1]", "2001-db8--1"),
        ("http://server:8080", "server-8080"),
    ],
)
def test_an_address_without_labels_takes_host_and_port(url: str, name: str) -> None:
    assert names(url) == [name]


def test_a_name_of_its_own() -> None:
    assert targets("new=https://www.example.com/app") == [("new", "https://www.example.com/app", "production")]
    assert names("a.b_c-1=https://www.example.com", "0=https://www.example.com") == ["a.b_c-1", "0"]


def test_two_that_would_be_equal_take_the_whole_host() -> None:
    assert names("https://www.example.com", "https://www.example.net") == ["www.example.com", "www.example.net"]
    assert names("https://www.example.com", "https://www.example.com:8443") == [
        "www.example.com",
        "www.example.com-8443",
    ]


def test_a_given_name_stays_and_the_other_one_gives_way() -> None:
    assert names("www=https://a.example.com", "https://www.example.com") == ["www", "www.example.com"]
    assert names("production=https://a.example.com", base_url="https://www.example.com") == [
        "production",
        "www.example.com",
    ]
    assert names("local", base_url="http://localhost:8788") == ["local", "localhost-8788"]


def test_all_in_the_order_given_and_the_base_url_last() -> None:
    values = ["b=https://b.example.com", "local", "https://a.example.com"]
    assert names(*values, base_url="https://www.example.com") == ["b", "local", "a", "production"]


def test_local_is_started_here() -> None:
    (target,) = select(["local"]).targets
    assert target == LOCAL
    assert target.starts_here


def test_a_local_server_of_ones_own_is_not() -> None:
    (target,) = select(["local=http://127.0.0.1:8788"]).targets
    assert not target.starts_here


@pytest.mark.parametrize(
    ("values", "dist", "served"),
    [
        (["dist"], Path("dist"), Path("dist")),
        (["local"], None, Path("dist")),
        (["./build/"], Path("build"), Path("build")),
        (["build/client"], Path("build/client"), Path("build/client")),
        (["/srv/site"], Path("/srv/site"), Path("/srv/site")),
        (["../dist/", "local"], Path("../dist"), Path("../dist")),
        (["dist", "./dist", "dist/"], Path("dist"), Path("dist")),
        (["node_modules/@scope/site/"], Path("node_modules/@scope/site"), Path("node_modules/@scope/site")),
    ],
)
def test_folders(values: list[str], dist: Path | None, served: Path) -> None:
    selection = select(values)
    assert (selection.dist, selection.served) == (dist, served)


def test_the_folder_of_the_project() -> None:
    selection = select(["dist"], default_dist=Path("build/client"))
    assert (selection.dist, selection.served) == (Path("build/client"), Path("build/client"))


# Addresses.


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("https://www.example.com/", "https://www.example.com"),
        ("HTTPS://WWW.Example.COM/App/", "https://www.example.com/App"),
        ("https://www.example.com//", "https://www.example.com"),
        ("https://www.example.com?", "https://www.example.com"),
        ("https://www.example.com:8443/a/b", "https://www.example.com:8443/a/b"),
        ("https://www.example.com:/", "https://www.example.com"),
        ("http://[::1]:8788/", "http://[::1]:8788"),
        ("http://[2001:DB8::1]/a", "http://[2001:db8::1]/a"),
        ("https://b\u00fccher.example.com", "https://b\u00fccher.example.com"),
        ("https://fa\u00df.example", "https://fa\u00df.example"),
        ("https://xn--n3h.example", "https://xn--n3h.example"),
        ("https://www.example.com/caf%C3%A9", "https://www.example.com/caf%C3%A9"),
        ("https://somebody:secret@www.example.com:8443/a", "https://www.example.com:8443/a"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert [address for _, address, _ in targets(f"x={given}")] == [url]
    assert [address for _, address, _ in targets(base_url=given)] == [url]


NO_ADDRESS = "is no address; right would be https://www.example.com"
UNKNOWN = (
    "has a name that DNS does not know as it is written; right would be the form in which browsers ask for it: xn--…"
)
ODD = "has characters that no address can have; right would be https://www.example.com"


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ("www.example.com", NO_ADDRESS),
        ("www.example.com:443", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https:///login", NO_ADDRESS),
        ("https:www.example.com", NO_ADDRESS),
        ("ftp://www.example.com", NO_ADDRESS),
        ("file:///srv/site", NO_ADDRESS),
        ("https://www.example.com/?a=1", "an address to check takes no '?' and no '#'"),
        ("https://www.example.com/#top", "an address to check takes no '?' and no '#'"),
        ("https://www.example.com/a b", ODD),
        ("https://www.example.com/a\nb", ODD),
        ("https://www.exa%6Dple.com", ODD),
        ("http://[fe80::1%25eth0]/", ODD),
        ("https://www.example.com/$(id)", ODD),
        ("https://www.example.com/`id`", ODD),
        ("https://${HOST}/", ODD),
        ("https://<host>/", ODD),
        ("https://\u2603.example", UNKNOWN),
        ("http://\uff4cocalhost:8788", UNKNOWN),
        ("http://127.0.0.01:8788", "has an IP address that is none; right would be http://127.0.0.1:8788"),
        ("http://256.1.1.1", "has an IP address that is none; right would be http://127.0.0.1:8788"),
        ("https://\u00fc..example", UNKNOWN),
    ],
)
def test_what_is_no_address(given: str, mistake: str) -> None:
    assert mistakes([], base_url=given) == [f"--base-url={given}: {mistake}"]


@pytest.mark.parametrize(
    "given", ["https://www.example.com:99999", "https://www.example.com:http", "https://[::1", "https://[]"]
)
def test_what_cannot_be_taken_apart(given: str) -> None:
    (mistake,) = mistakes([], base_url=given)
    assert mistake.startswith(f"--base-url={given}: is no address")


# Mistakes.

WHAT = (
    "right would be a URL (https://www.example.com), NAME=URL, `local` (starts `wrangler pages dev` on the build output), "
    "`dist` or a folder with a slash in it (./build/), @FILE (the deployment that wrangler recorded there)"
)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("www.example.com", " (did you mean https://www.example.com?)"),
        ("www.example.com:8443", " (did you mean https://www.example.com:8443?)"),
        ("preveiw", ""),
        ("build", ""),
        ("", ""),
        ("@never-read", ""),
        ("a=b", ""),
        ("new=www.example.com", ""),
    ],
)
def test_a_value_that_is_nothing(value: str, meant: str) -> None:
    assert mistakes([value]) == [f"--pagesmoke={value}: is neither an address nor a known name{meant}; {WHAT}"]


@pytest.mark.parametrize("name", ["", "-new", "a b", ".hidden", "new!", "a[b]", "_x"])
def test_a_name_that_is_none(name: str) -> None:
    (mistake,) = mistakes([f"{name}=https://www.example.com"])
    assert mistake == (
        f"--pagesmoke={name}=https://www.example.com: the name {name!r} is not of letters, digits, '.', '_' and '-', "
        "beginning with a letter or digit"
    )


def test_every_mistake_at_once() -> None:
    found = mistakes(
        [
            "nowhere",
            "a=https://a.example.com",
            "a=https://b.example.com",
            "-=https://c.example.com",
            "./x/",
            "./y/",
            "ftp://d/",
        ],
        base_url="https://",
    )
    assert [line.partition(":")[0] for line in found[:4]] == [
        "--pagesmoke=nowhere",
        "--pagesmoke=-=https",
        "--pagesmoke=ftp",
        "--base-url=https",
    ]
    assert found[4:] == [
        "2 targets have the name 'a': give each its own, --pagesmoke=NAME=URL",
        "one build output a run, not 2: x, y",
    ]


@pytest.mark.parametrize(
    "values",
    [
        ["https://www.example.com", "https://www.example.com/"],
        ["https://www.example.com/a", "https://www.example.com/b"],
        ["www.example.com=https://a.example.com", "https://www.example.com", "https://www.example.net"],
    ],
)
def test_the_same_name_twice(values: list[str]) -> None:
    assert mistakes(values) == ["2 targets have the name 'www.example.com': give each its own, --pagesmoke=NAME=URL"]


def test_local_twice() -> None:
    assert mistakes(["local", "local"]) == ["2 targets have the name 'local': give each its own, --pagesmoke=NAME=URL"]


@pytest.mark.parametrize("value", ["dist=https://www.example.com", "https://dist.example.com"])
def test_a_target_called_like_the_build_output(value: str) -> None:
    """Alone it may; in a run that checks the build output the two would share a row."""
    assert names(value) == ["dist"]
    assert mistakes([value, "./build/"]) == [
        "the name 'dist' is the build output's in this run: give the target another one, --pagesmoke=NAME=URL"
    ]


# Credentials.


def test_credentials_become_a_header_that_is_never_shown() -> None:
    (target,) = select(["https://somebody:s%C3%A9cret%2F@www.example.com"]).targets
    encoded = base64.b64encode("somebody:s\u00e9cret/".encode()).decode()
    assert target.headers == {"Authorization": f"Basic {encoded}"}
    assert target.url == "https://www.example.com"
    for secret in ("somebody", "cret", encoded):
        assert secret not in repr(target)


def test_a_name_without_a_password() -> None:
    (target,) = select([], base_url="https://somebody@www.example.com").targets
    assert target.headers == {"Authorization": f"Basic {base64.b64encode(b'somebody:').decode()}"}


def test_no_credentials_no_header() -> None:
    (target,) = select(["https://www.example.com/@somebody"]).targets
    assert target.headers == {}
    assert target.url == "https://www.example.com/@somebody"


@pytest.mark.parametrize("named", ["", "new="])
@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("https://somebody:S3CRET@www.example.com/?a=1", id="query"),
        pytest.param("https://somebody:S3CRET@www.example.com:99999", id="port"),
        pytest.param("https://somebody:S3CRET@[::1", id="bracket"),
        pytest.param("https://somebody:S3CRET@", id="no-host"),
        pytest.param("https://somebody:x@S3CRET@www.example.com/?a", id="at-sign-in-it"),
        pytest.param("https://somebody:x/S3CRET@www.example.com", id="slash-in-it"),
        pytest.param("https://somebody:S3CRET/x@www.example.com", id="slash-behind-it"),
        pytest.param("https://somebody:x?S3CRET@www.example.com", id="question-mark-in-it"),
        pytest.param("https://somebody:1?S3CRET@www.example.com", id="like-a-port"),
        pytest.param("https://somebody:x#S3CRET@www.example.com", id="hash-in-it"),
        pytest.param("https://somebody:S3\u2100CRET@www.example.com", id="not-ascii"),
        pytest.param("https://somebody:S3 CRET@www.example.com", id="space-in-it"),
        pytest.param("ftp://somebody:S3CRET@www.example.com", id="scheme"),
        pytest.param("somebody:S3CRET@www.example.com", id="no-scheme"),
        pytest.param("somebody:S3CRET@www.example.com/login", id="no-scheme-like-a-folder"),
        pytest.param("S3CRET@www.example.com", id="a-token-alone"),
    ],
)
def test_no_message_shows_a_password(named: str, rest: str) -> None:
    for mistake in (*mistakes([named + rest]), *mistakes([], base_url=rest)):
        assert "CRET" not in mistake
        assert "somebody" not in mistake
        assert "***@" in mistake


def test_what_is_left_of_a_masked_value_says_which_one_it_is() -> None:
    (mistake,) = mistakes(["new=https://somebody:secret@www.example.com/?a=1"])
    assert mistake.startswith("--pagesmoke=new=https://***@www.example.com/?a=1: ")


# Kinds.


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("www.example.com", Kind.PRODUCTION),
        ("example.pages.dev", Kind.PRODUCTION),
        ("EXAMPLE.Pages.Dev", Kind.PRODUCTION),
        ("example.pages.dev.", Kind.PRODUCTION),
        ("New.Example.Pages.Dev.", Kind.PREVIEW),
        ("pages.dev", Kind.PRODUCTION),
        ("5be8c75c.example.pages.dev", Kind.PRODUCTION),  # a hash address: it may hold production's bindings
        ("5BE8C75C.example.pages.dev", Kind.PRODUCTION),
        ("new.example.pages.dev", Kind.PREVIEW),
        ("5be8c75.example.pages.dev", Kind.PREVIEW),
        ("5be8c75cd.example.pages.dev", Kind.PREVIEW),
        ("5be8c75g.example.pages.dev", Kind.PREVIEW),
        ("new.pages.dev.example.com", Kind.PRODUCTION),
        ("new.example.mypages.dev", Kind.PRODUCTION),
        ("localhost", Kind.LOCAL),
        ("LocalHost", Kind.LOCAL),
        ("Example.Localhost", Kind.LOCAL),
        ("localhost.example.com", Kind.PRODUCTION),
        ("127.0.0.1", Kind.LOCAL),
        ("127.1.2.3", Kind.LOCAL),
        ("::1", Kind.LOCAL),
        ("192.0.2.1", Kind.PRODUCTION),
        ("2001:db8::1", Kind.PRODUCTION),
        ("", Kind.PRODUCTION),
    ],
)
def test_kind(host: str, kind: Kind) -> None:
    assert kind_of(host) is kind


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://5be8c75c.example.pages.dev", ("example", "5be8c75c")),
        ("https://5be8c75c.example.pages.dev:443/app", ("example", "5be8c75c")),
        ("https://example.pages.dev", None),
        ("https://new.example.pages.dev", None),
        ("https://5be8c75c.pages.dev", None),
        ("https://a.5be8c75c.example.pages.dev", None),
        ("https://5be8c75c.example.com", None),
        ("", None),
    ],
)
def test_a_deployments_own_address(url: str, address: tuple[str, str] | None) -> None:
    assert hash_address(Target(name="x", url=url, kind=Kind.PRODUCTION)) == address


# What wrangler deployed.

URL = "https://0a1b2c3d.example.pages.dev"
DEPLOYED = Deployment(
    url=URL,
    alias="https://main.example.pages.dev",
    environment="preview",
    production_branch="master",
    commit="1" * 40,
)
IN_SETTINGS = """
build = { path = "/version.json", json = "commit" }
[targets.preview]
headers = { CF-Access-Client-Id = "an-id", CF-Access-Client-Secret = "a-secret" }
[targets.staging]
url = "https://staging.example.com"
headers = { X-Secret = "of-staging" }
kind = "preview"
[targets.promoted]
kind = "production"
[targets.live]
url = "https://www.example.com"
"""


def declared() -> Mapping[str, Declared]:
    return read_settings(Path("pagesmoke.toml"), tomllib.loads(IN_SETTINGS), {}).targets


def deployed(value: str, deployment: Deployment | str = DEPLOYED, *, by_settings: bool = False) -> Selection:
    (file,) = files_in([value, "dist", "new=https://a@www.example.com"])
    return select([value], declared=declared() if by_settings else {}, deployments={file: deployment})


def test_which_files_are_read() -> None:
    values = [
        "@a",
        "x=@b/c.json",
        "@@d",
        "@",
        "local",
        "./@e",
        "a@f",
        "https://a:b@g",
        "x=https://@h",
        "a:b=@i",
        "@j\nk",
    ]
    assert files_in(values) == ["a", "b/c.json", "@d", "j\nk"]


@pytest.mark.parametrize("value", ["@out.ndjson", "@ci/out", "preview=@out.ndjson"])
def test_a_deployment_has_the_name_of_its_environment(value: str) -> None:
    selection = deployed(value)
    (target,) = selection.targets
    assert (target.name, target.url, target.kind) == ("preview", URL, Kind.PREVIEW)
    assert selection.dist is None
    assert selection.recorded == {"preview": DEPLOYED}
    assert selection.options == {"preview": f"--pagesmoke=preview={URL}"}
    assert selection.files == {"preview": f"--pagesmoke=preview=@{value.rpartition('@')[2]}"}
    (target,) = deployed(value.removeprefix("preview="), replace(DEPLOYED, environment="production")).targets
    assert (target.name, target.kind) == ("production", Kind.PRODUCTION)


def test_a_deployment_under_another_name() -> None:
    selection = deployed("new=@out.ndjson")
    assert [(one.name, one.kind) for one in selection.targets] == [("new", Kind.PREVIEW)]
    assert selection.recorded == {"new": DEPLOYED}


def test_where_the_settings_know_that_name_it_is_that_target() -> None:
    """With its headers, for which the settings name no other address."""
    selection = deployed("@out.ndjson", by_settings=True)
    assert selection.declared == {"preview": "preview"}
    assert selection.used == (("preview", False),)
    assert selection.targets[0].headers == {"CF-Access-Client-Id": "an-id", "CF-Access-Client-Secret": "a-secret"}


def test_its_headers_go_along_whatever_address_the_settings_have() -> None:
    """Each deployment has another one; and which it is, wrangler says, where nobody could mistype it."""
    selection = deployed("staging=@out.ndjson", by_settings=True)
    assert not selection.mistakes
    assert selection.targets[0].url == URL
    assert selection.targets[0].headers == {"X-Secret": "of-staging"}
    (typed,) = select([f"staging={URL}"], declared=declared()).targets
    assert typed.headers == {}


def test_a_kind_of_the_settings_own_stays() -> None:
    """Previews that share production's database are protected like it."""
    known = read_settings(Path("pagesmoke.toml"), {"targets": {"preview": {"kind": "production"}}}, {}).targets
    for value in ("@out", "preview=@out"):
        found = select([value], declared=known, deployments={"out": DEPLOYED})
        assert (found.mistakes, [one.kind for one in found.targets]) == ((), [Kind.PRODUCTION])


def test_a_kind_that_an_address_is_taken_for_refuses_nothing() -> None:
    """As what the settings have, and what `--pagesmoke-init` wrote: the address of one deployment counts as production's."""
    for url in ("https://preview.example.com", URL, "http://127.0.0.1:8788"):
        known = read_settings(Path("pagesmoke.toml"), {"targets": {"preview": {"url": url}}}, {}).targets
        found = select(["preview=@out"], declared=known, deployments={"out": DEPLOYED})
        assert (found.mistakes, [one.kind for one in found.targets]) == ((), [Kind.PREVIEW])


def test_no_file_is_named_by_a_variable_that_is_not_set() -> None:
    for value in ("@", "preview=@"):
        assert mistakes([value]) == [
            f"--pagesmoke={value}: names no file: an unset variable? It takes the file that wrangler wrote, @wrangler.ndjson"
        ]


def test_two_of_one_name_are_told_how_to_differ() -> None:
    found = select(["@a", "@b"], deployments={"a": DEPLOYED, "b": DEPLOYED})
    assert found.mistakes == (
        "2 targets have the name 'preview': give each its own, --pagesmoke=NAME=URL or NAME=@FILE",
    )


def test_the_address_alone_takes_the_name_of_its_host() -> None:
    selection = deployed("@out.ndjson", Deployment(url=URL))
    assert [(one.name, one.url, one.kind) for one in selection.targets] == [("0a1b2c3d", URL, Kind.PRODUCTION)]
    assert (selection.recorded, selection.options, selection.files) == ({"0a1b2c3d": Deployment(url=URL)}, {}, {})
    assert [one.name for one in deployed("new=@out.ndjson", Deployment(url=URL)).targets] == ["new"]


@pytest.mark.parametrize(
    ("value", "environment", "alias", "branch", "said"),
    [
        (
            "production",
            "preview",
            "https://main.example.pages.dev",
            "master",
            "preview, the branch of https://main.example.pages.dev, and not production",
        ),
        ("preview", "production", "", "master", "production, and not preview"),
        ("staging", "production", "", "", "production, and staging is preview"),
        ("promoted", "preview", "", "", "preview, and promoted is production"),
    ],
)
def test_another_environment_than_the_name_stands_for(
    value: str, environment: str, alias: str, branch: str, said: str
) -> None:
    another = replace(DEPLOYED, environment=environment, alias=alias, production_branch=branch)
    named = f" (the project's production branch is '{branch}')" if branch else ""
    (mistake,) = deployed(f"{value}=@out.ndjson", another, by_settings=True).mistakes
    decides = "the --branch that it is given decides"
    assert mistake == f"--pagesmoke={value}=@out.ndjson: what wrangler deployed is {said}: {decides}{named}"


def test_an_environment_that_nobody_knows_is_not_the_one_that_a_name_stands_for() -> None:
    (mistake,) = deployed("production=@out.ndjson", Deployment(url=URL)).mistakes
    assert "did not record which environment it deployed to" in mistake
    assert mistake.endswith(f"name the address, production={URL}")


def test_what_tells_of_no_deployment_is_a_mistake() -> None:
    """Said with the file's name, in which no password can stand."""
    selection = deployed("production=@ci/out.ndjson", "the deployment did not happen")
    assert selection.mistakes == ("--pagesmoke=production=@ci/out.ndjson: the deployment did not happen",)
    assert deployed("@out", replace(DEPLOYED, url="0a1b.example.pages.dev")).mistakes == (
        "--pagesmoke=@out: is no address; right would be https://www.example.com",
    )


def test_a_name_of_a_deployment_that_is_none() -> None:
    (mistake,) = deployed("-x=@out").mistakes
    assert "the name '-x' is not of letters" in mistake


# Names in test ids.


@pytest.mark.parametrize(
    "value", ["https://b\u00fccher.example.com", "https://a$b!.example.com", "new.1_2-3=https://www.example.com"]
)
def test_ids_are_ascii_whatever_a_host_is_called(value: str) -> None:
    """pytest escapes other characters in its own way, and then reports a test that is not in the plan."""
    planned = plan(checklist(), select([value]))
    assert len(planned) == 4
    assert all(check.id.isascii() and check.id.isprintable() and " " not in check.id for check in planned)


def test_ids() -> None:
    planned = plan(checklist(), select(["dist", "https://5be8c75c.example.pages.dev"], base_url="http://[::1]:8788"))
    assert [check.id for check in planned] == [
        "pagesmoke.toml::test_dist[dist]",
        "pagesmoke.toml::test_dist[worker]",
        "pagesmoke.toml::test_dist[routes]",
        "pagesmoke.toml::test_page[5be8c75c-/]",
        "pagesmoke.toml::test_page[5be8c75c-/login]",
        "pagesmoke.toml::test_health[5be8c75c-/api/health/status]",
        "pagesmoke.toml::test_asset[5be8c75c-/static/app.js]",
        "pagesmoke.toml::test_page[local-/]",
        "pagesmoke.toml::test_page[local-/login]",
        "pagesmoke.toml::test_health[local-/api/health/status]",
        "pagesmoke.toml::test_asset[local-/static/app.js]",
    ]


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    assert (
        without_credentials("https://me:pa/ss@www.example.com/?access_token=hush")
        == "https://***@www.example.com/?access_token=***"
    )
    assert without_credentials("production=https://www.example.com") == "production=https://www.example.com"
