"""Where wrangler's configuration stands, and what it says of the build output. No wrangler is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pagesmoke.wrangler.configuration import ConfigurationError, find_configuration, output_of

JSONC = '{ // a comment\n "pages_build_output_dir": "./public", /* and */ "name": "x", }'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wrangler.json", '{"pages_build_output_dir": "public"}'),
        ("wrangler.json", JSONC),
        ("wrangler.jsonc", JSONC),
        ("wrangler.jsonc", "\ufeff" + JSONC),
        ("wrangler.toml", 'pages_build_output_dir = "./public"'),
    ],
)
def test_each_form(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / name, text)
    assert output_of(find_configuration(tmp_path), tmp_path) == Path("public")


def test_in_wranglers_order(tmp_path: Path) -> None:
    below = tmp_path / "site"
    below.mkdir()
    for place, name in [
        (tmp_path, "wrangler.json"),
        (below, "wrangler.toml"),
        (below, "wrangler.jsonc"),
        (below, "wrangler.json"),
    ]:
        write(
            place / name,
            f'pages_build_output_dir = "{name}"'
            if name.endswith("toml")
            else f'{{"pages_build_output_dir": "{name}"}}',
        )
        found = find_configuration(below)
        assert found is not None
        assert found.file == place / name
    redirected = write(tmp_path / "out" / "wrangler.json", '{"pages_build_output_dir": "."}')
    write(below / ".wrangler" / "deploy" / "config.json", '{"configPath": "../../../out/wrangler.json"}')
    found = find_configuration(below)
    assert found is not None
    assert found.file == redirected.resolve()
    assert output_of(found, below) == Path("../out")


def test_one_that_is_above_speaks_of_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path / "wrangler.json", '{"pages_build_output_dir": "dist"}')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert output_of(find_configuration(below), below) == Path("../../dist")


@pytest.mark.parametrize("text", ["{}", '{"pages_build_output_dir": ""}', '{"pages_build_output_dir": 1}'])
def test_without_a_folder_it_is_dist(tmp_path: Path, text: str) -> None:
    write(tmp_path / "wrangler.json", text)
    assert output_of(find_configuration(tmp_path), tmp_path) == Path("dist")


def test_without_a_configuration_it_is_dist(tmp_path: Path) -> None:
    assert find_configuration(tmp_path) is None
    assert output_of(None, tmp_path) == Path("dist")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ('{"d1_databases": [{"binding": "DB"}]}', True),
        ('{"kv_namespaces": []}', False),
        ('{"vars": {"A": "b"}}', False),
        ('{"ai": {"binding": "AI"}}', True),
    ],
)
def test_bindings_need_a_worker(tmp_path: Path, text: str, needs: bool) -> None:
    write(tmp_path / "wrangler.json", text)
    found = find_configuration(tmp_path)
    assert found is not None
    assert found.needs_worker is needs


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("wrangler.json", "{", "cannot be read"),
        ("wrangler.json", "[]", "holds no table"),
        ("wrangler.jsonc", "{" + '"a":{' * 5000, "cannot be read"),
        ("wrangler.toml", "a = ", "cannot be read"),
        (".wrangler/deploy/config.json", '{"configPath": "nowhere.json"}', "leads to 'nowhere.json', where no file is"),
        (".wrangler/deploy/config.json", "{}", "leads to None"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    file = write(tmp_path / name, text)
    with pytest.raises(ConfigurationError, match=said) as caught:
        find_configuration(tmp_path)
    assert str(file) in str(caught.value)
