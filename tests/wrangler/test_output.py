"""What wrangler writes to its output file, and what is taken from it. No wrangler is started."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_pagesmoke.wrangler.output import Deployment, NoDeployment, deployment_in

Record = dict[str, Any]  # `Any`: JSON's values
SESSION: Record = {"type": "wrangler-session", "version": 1, "command_line_args": ["pages", "deploy", "dist"]}
URL = "https://0a1b2c3d.example.pages.dev"
PLAIN: Record = {"type": "pages-deploy", "version": 1, "pages_project": "example", "deployment_id": "0a1b", "url": URL}
DETAILED: Record = {
    **PLAIN,
    "type": "pages-deploy-detailed",
    "alias": "https://main.example.pages.dev",
    "environment": "preview",
    "production_branch": "master",
    "deployment_trigger": {"metadata": {"commit_hash": "1" * 40}},
}
DEPLOYED = Deployment(
    url=URL,
    alias="https://main.example.pages.dev",
    environment="preview",
    production_branch="master",
    commit="1" * 40,
)
FAILED: Record = {"type": "command-failed", "version": 1, "message": "Unknown internal error", "code": 8000000}


def write(file: Path, *records: Record | str) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def why_not(place: Path) -> str:
    with pytest.raises(NoDeployment) as raised:
        deployment_in(place)
    return str(raised.value)


def test_the_detailed_record_holds_all(tmp_path: Path) -> None:
    assert deployment_in(write(tmp_path / "out", SESSION, PLAIN, DETAILED)) == DEPLOYED


def test_the_plain_record_gives_the_address_alone(tmp_path: Path) -> None:
    assert deployment_in(write(tmp_path / "out", SESSION, PLAIN)) == Deployment(url=URL)


@pytest.mark.parametrize(
    "records",
    [
        (SESSION, {"type": "something-new"}, PLAIN, {"no": "type"}, DETAILED, {"type": "another"}),
        (DETAILED, PLAIN),  # in another order, and by a version that writes no session
        ("[]", "null", "1", SESSION, "", DETAILED, '{"type": "cut o'),
        ("\ufeff" + json.dumps(SESSION), "\r", json.dumps(DETAILED) + "\r"),
        (SESSION, {**DETAILED, "url": "https://earlier.example.pages.dev"}, DETAILED),
        (SESSION, FAILED, SESSION, DETAILED),  # a second try
        (SESSION, {**DETAILED, "environment": "production"}, SESSION, DETAILED),
        ('{"a":' * 100_000, SESSION, DETAILED),
    ],
    ids="unknown order no-records byte-order-mark last-record try-again last-session deep".split(),
)
def test_what_else_stands_there_does_not_matter(tmp_path: Path, records: tuple[Record | str, ...]) -> None:
    assert deployment_in(write(tmp_path / "out", *records)) == DEPLOYED


@pytest.mark.parametrize(
    "changed",
    [
        {"alias": None, "environment": 1, "production_branch": [], "deployment_trigger": None},
        {"alias": 1, "environment": "staging", "production_branch": None, "deployment_trigger": {"metadata": []}},
        {"alias": "", "environment": "", "production_branch": "", "deployment_trigger": {"metadata": {}}},
        {
            **dict.fromkeys(["alias", "environment", "production_branch", "timestamp"]),
            "deployment_trigger": {"metadata": {"commit_hash": "not a hash"}},
        },
    ],
)
def test_a_part_of_another_kind_is_none(tmp_path: Path, changed: Record) -> None:
    assert deployment_in(write(tmp_path / "out", SESSION, {**DETAILED, **changed})) == Deployment(url=URL)


DID_NOT = "the deployment did not happen, whatever wrangler's exit status was: "


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([SESSION], f"{DID_NOT}the last run of wrangler (`wrangler pages deploy dist`) recorded none"),
        ([], f"{DID_NOT}the last run of wrangler recorded none"),
        ([{"type": "something-new"}], f"{DID_NOT}the last run of wrangler recorded none"),
        ([{"type": "wrangler-session"}], f"{DID_NOT}the last run of wrangler (`wrangler`) recorded none"),
        (
            [SESSION, FAILED],
            f"{DID_NOT}it failed (`wrangler pages deploy dist`): Unknown internal error (code 8000000)",
        ),
        ([FAILED], f"{DID_NOT}it failed: Unknown internal error (code 8000000)"),
        (
            [SESSION, PLAIN, DETAILED, {"type": "command-failed", "message": "late"}],
            f"{DID_NOT}it failed (`wrangler pages deploy dist`): late",
        ),
        (
            [SESSION, DETAILED, {**SESSION, "command_line_args": ["pages", "deploy", "my dist"]}],
            f"{DID_NOT}the last run of wrangler (`wrangler pages deploy 'my dist'`) recorded none",
        ),
        (
            [SESSION, DETAILED, {**SESSION, "command_line_args": ["pages", "deployment", "list"]}],
            "the last run of wrangler that wrote there (`wrangler pages deployment list`) was no deployment: let `wrangler pages deploy` alone write to this file",
        ),
        ([SESSION, {**DETAILED, "url": None}], "the record of the deployment names no address"),
        ([SESSION, {**PLAIN, "url": " "}], "the record of the deployment names no address"),
        (["Uploading... (0/86)"], "is no output file of wrangler, which has a JSON object in each line"),
    ],
)
def test_no_record_of_a_deployment(tmp_path: Path, records: list[Record | str], why: str) -> None:
    assert why_not(write(tmp_path / "out", *records)) == why


def test_no_file(tmp_path: Path) -> None:
    assert why_not(tmp_path / "out").startswith(
        "the deployment did not happen, or wrangler wrote elsewhere: there is no such file"
    )
    assert why_not(tmp_path / "a\0b").startswith("this file cannot be read: ")
    assert why_not(write(tmp_path / "file", "{}") / "below").startswith("this file cannot be read: ")


def test_when_it_was_recorded(tmp_path: Path) -> None:
    at = "2026-01-01T00:00:02.000Z"
    assert deployment_in(write(tmp_path / "out", {**PLAIN, "timestamp": at})) == Deployment(url=URL, recorded_at=at)


@pytest.mark.parametrize("place", ["/dev/zero", "pipe"])
def test_what_never_ends_is_not_read(tmp_path: Path, place: str) -> None:
    if place == "pipe":
        os.mkfifo(tmp_path / place)
    assert why_not(tmp_path / place) == "is a pipe or a device, and no file"


def test_a_folder_stands_for_its_newest_file(tmp_path: Path) -> None:
    """By the time in its name: where a folder is restored from an archive, that of the file is another one."""
    write(tmp_path / "wrangler-output-2026-11-28_10-00-00_001-aaaaaa.json", SESSION, DETAILED)
    write(tmp_path / "wrangler-output-2026-11-28_09-59-59_999-ffffff.json", SESSION)
    write(tmp_path / "wrangler-outputs.txt", SESSION)
    (tmp_path / "wrangler-output-9999-folder.json").mkdir()
    assert deployment_in(tmp_path) == DEPLOYED


def test_a_folder_without_one(tmp_path: Path) -> None:
    write(tmp_path / "other.json", SESSION, DETAILED)
    assert why_not(tmp_path).startswith(
        "the deployment did not happen, or wrangler wrote elsewhere: no file wrangler-output-* is in this folder"
    )
