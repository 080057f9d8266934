"""Registry, suite, documentation and the catalogue of errors say the same."""

from __future__ import annotations

import inspect
import os
import re

from kit import ROOT
from pytest_pagesmoke import suite
from pytest_pagesmoke.checks.health import FALSE_KEYS, HEALTHY_WORDS, MODE_KEYS, SWITCH_KEYS, UNHEALTHY_WORDS
from pytest_pagesmoke.plan import DIST_TEST
from pytest_pagesmoke.registry import LIVE_CHECKS, of_the_run, rule_groups
from pytest_pagesmoke.say.rules import rules_page

PAGE = ROOT / "docs" / "rules.md"
FAILURES = ROOT / "tests" / "failures"
RULES = [rule for _, rules in rule_groups() for rule in rules]
IDS = [rule.id for rule in RULES]


def test_the_page_is_made_from_the_rules() -> None:
    made = rules_page(rule_groups())
    if os.environ.get("PAGESMOKE_REWRITE") == "1":
        PAGE.write_text(made, "utf-8")
    assert PAGE.read_text("utf-8") == made, "`make docs` makes it anew"


def test_ids_are_unique_kebab_case() -> None:
    assert len(IDS) == len(set(IDS))
    assert [rule for rule in IDS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|[a-z]+", rule)] == []


def test_each_rule_says_all_that_a_person_needs() -> None:
    for rule in RULES:
        assert not rule.title.endswith("."), rule.id
        for text in (rule.cause, rule.fix):
            assert text == " ".join(text.split()), rule.id
            assert text.endswith("."), rule.id


def test_each_rule_has_one_section_under_the_test_that_raises_it() -> None:
    sections: dict[str, list[str]] = {}
    title = ""
    for line in PAGE.read_text("utf-8").split("\n"):
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.startswith("### "):
            sections.setdefault(title, []).append(line.removeprefix("### "))
    assert sections == {title: [rule.id for rule in rules] for title, rules in rule_groups()}


def test_each_link_of_the_page_leads_to_a_section() -> None:
    text = PAGE.read_text("utf-8")
    linked = re.findall(r"\]\(#([^)]*)\)", text)
    assert linked == IDS
    assert set(linked) == set(re.findall(r"^### (.*)$", text, re.MULTILINE))


def test_each_rule_has_one_folder_in_the_catalogue() -> None:
    folders = sorted(FAILURES.iterdir())
    assert [folder.name for folder in folders] == sorted(IDS)
    for folder in folders:
        assert sorted(path.name for path in folder.iterdir()) == ["case.toml", "expected.txt"]


def test_each_kind_of_check_has_a_test_in_the_suite() -> None:
    tests = [name for name, it in vars(suite).items() if name.startswith("test_") and inspect.isfunction(it)]
    assert sorted(tests) == sorted([DIST_TEST, *(check.test for check in (*LIVE_CHECKS, *of_the_run()))])
    assert all(inspect.getdoc(vars(suite)[name]) for name in tests)


def test_the_names_of_a_check_follow_from_each_other() -> None:
    for check in LIVE_CHECKS:
        kind = check.test.removeprefix("test_")
        assert all(rule.id.startswith(f"{kind.replace('_', '-')}-") for rule in check.rules)
        assert check.key in (kind, f"{kind}s")


def test_the_words_of_health_stand_on_the_page() -> None:
    words = PAGE.read_text("utf-8").partition("## What counts as healthy")[2]
    for word in HEALTHY_WORDS | UNHEALTHY_WORDS | MODE_KEYS | FALSE_KEYS | SWITCH_KEYS:
        assert f"`{word}`" in words


def test_no_text_names_a_command_that_does_not_exist() -> None:
    """`wrangler pages deployment rollback`: people and machines invent it."""
    texts = [text for rule in RULES for text in (rule.title, rule.cause, rule.fix)]
    assert [text for text in texts if "deployment rollback" in text] == []
