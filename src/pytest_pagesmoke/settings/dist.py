"""The table `dist` of the settings: what the build output is to have."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated

from pytest_pagesmoke.checks.takes import Count, Seconds, Size, Text, Texts, TextTable, one_of


@dataclass(frozen=True, kw_only=True)
class _Forbidden:
    files: Texts = ()
    text: Texts = ()


@dataclass(frozen=True, kw_only=True)
class _BuildCommand:
    command: Text
    max_s: Seconds | None = None


@dataclass(frozen=True, kw_only=True)
class DistTable:
    """The table `dist`. What has the mark stands in the contract, and no check of this version judges it."""

    path: Text = ""
    worker: Annotated[str, one_of("auto", "required", "forbidden")] = "auto"
    worker_min_bytes: Size = 0
    routes: Annotated[str, one_of("optional", "required")] = "optional"
    compatibility_date: Text = field(default="", metadata={"not yet": True})
    files: Texts = field(default=(), metadata={"not yet": True})
    mirrors: TextTable = field(default_factory=dict, metadata={"not yet": True})
    forbidden: _Forbidden | None = field(default=None, metadata={"not yet": True})
    build: _BuildCommand | None = field(default=None, metadata={"not yet": True})
    worker_max_bytes: Size = field(default=0, metadata={"not yet": True})
    max_files: Count = field(default=0, metadata={"not yet": True})
    environment: Text = field(default="", metadata={"not yet": True})
    worker_serves_assets: bool = field(default=False, metadata={"not yet": True})


def not_yet() -> list[str]:
    """The keys that no check of this version judges."""
    return [key.name for key in fields(DistTable) if key.metadata.get("not yet")]
