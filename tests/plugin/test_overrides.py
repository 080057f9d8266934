"""What a conftest.py lays over the settings: how it is read, and how it lies on a target. Pure."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any, Final

import pytest

from pytest_pagesmoke.model import Kind, Manners, Target
from pytest_pagesmoke.plugin.overrides import Overrides, read_overrides

TARGET: Final = Target(
    name="preview",
    url="https://a.example.pages.dev",
    kind=Kind.PREVIEW,
    headers={"CF-Access-Client-Id": "an id", "X-A": "a"},
    manners=Manners(timeout_s=2.5, concurrency=3, max_body_bytes=7, user_agent="known/1", ca_file="/ca.pem"),
)


def headers_of(**laid_over: str) -> dict[str, str]:
    headers = {name.replace("_", "-"): value for name, value in laid_over.items()}
    return dict(Overrides(headers=headers).on(TARGET).headers)


class TestLayingOver:
    def test_nothing_leaves_all_as_it_is(self) -> None:
        assert Overrides().on(TARGET) == TARGET
        assert read_overrides({}, None, None).on(TARGET) == TARGET

    def test_a_header_is_added(self) -> None:
        assert headers_of(X_B="b") == {"CF-Access-Client-Id": "an id", "X-A": "a", "X-B": "b"}

    @pytest.mark.parametrize("name", ["X-A", "x-a", "X-a"])
    def test_a_header_is_replaced_in_whatever_case(self, name: str) -> None:
        """Two that differ in case alone would both be sent."""
        assert Overrides(headers={name: "new"}).on(TARGET).headers == {"CF-Access-Client-Id": "an id", name: "new"}

    @pytest.mark.parametrize("name", ["CF-Access-Client-Id", "cf-access-client-id"])
    def test_an_empty_one_is_left_out(self, name: str) -> None:
        assert Overrides(headers={name: ""}).on(TARGET).headers == {"X-A": "a"}

    def test_an_empty_one_that_is_not_there(self) -> None:
        assert headers_of(X_B="") == dict(TARGET.headers)

    def test_manners(self) -> None:
        laid = Overrides(timeout_s=7, user_agent="mine").on(TARGET)
        assert laid.manners == Manners(
            timeout_s=7.0, concurrency=3, max_body_bytes=7, user_agent="mine", ca_file="/ca.pem"
        )
        assert isinstance(laid.manners.timeout_s, float)
        assert Overrides(timeout_s=0.1).on(TARGET).manners.user_agent == "known/1"
        assert Overrides(user_agent="mine").on(TARGET).manners.timeout_s == 2.5

    def test_who_is_asked_stays(self) -> None:
        laid = Overrides(headers={"X-B": "b"}, timeout_s=1, user_agent="mine").on(TARGET)
        assert (laid.name, laid.url, laid.kind) == (TARGET.name, TARGET.url, TARGET.kind)

    def test_the_target_itself_is_not_changed(self) -> None:
        before = dict(TARGET.headers)
        Overrides(headers={"X-A": "new", "X-B": "b"}, timeout_s=1).on(TARGET)
        assert (TARGET.headers, TARGET.manners.timeout_s) == (before, 2.5)

    def test_no_value_is_shown(self) -> None:
        assert "s3cret" not in repr(Overrides(headers={"X-A": "s3cret"}))


def mistake(headers: Any = None, timeout_s: Any = None, user_agent: Any = None) -> str:
    """What the test is told whose set-up this is."""
    with pytest.raises(pytest.fail.Exception) as raised:
        read_overrides({} if headers is None else headers, timeout_s, user_agent)
    assert not raised.value.pytrace  # nothing of ours to read
    assert raised.value.msg is not None
    assert raised.value.msg.isprintable()
    return raised.value.msg


class TestReading:
    def test_what_is_given(self) -> None:
        read = read_overrides({"X-A": "a", "X-B": ""}, 3, "mine")
        assert read == Overrides(headers={"X-A": "a", "X-B": ""}, timeout_s=3, user_agent="mine")

    def test_any_mapping_will_do(self) -> None:
        assert read_overrides(MappingProxyType({"X-A": "a"}), None, None).headers == {"X-A": "a"}

    def test_it_is_kept_as_it_was(self) -> None:
        """A dict that the project goes on changing does not change what is asked."""
        headers = {"X-A": "a"}
        read = read_overrides(headers, None, None)
        headers["X-A"] = "b"
        assert read.headers == {"X-A": "a"}

    @pytest.mark.parametrize(
        "headers",
        [
            "Authorization: s3cret",
            [("Authorization", "s3cret")],
            {"Authorization": b"s3cret"},
            {"Authorization": None},
            {"Authorization": ["s3cret"]},
            {b"Authorization": "s3cret"},
            {1: "s3cret"},
            {"Authorization": 1},
            b"s3cret",
            0,
            False,
            lambda: {"Authorization": "s3cret"},
        ],
        ids=lambda headers: type(headers).__name__,
    )
    def test_headers_of_another_type(self, headers: object) -> None:
        assert mistake(headers) == "pagesmoke_headers takes a dict of texts: {'Authorization': '…'}"

    def test_no_headers_at_all(self) -> None:
        with pytest.raises(pytest.fail.Exception, match="takes a dict of texts"):
            read_overrides(None, None, None)

    @pytest.mark.parametrize("value", ["s3cret\nx: y", "s3cret\r", "\r\ns3cret", "s3cret\n"])
    def test_a_line_break_in_a_value(self, value: str) -> None:
        said = mistake({"X-A": "a", "Authorization": value})
        assert said == "pagesmoke_headers: 'Authorization' has a line break in its value, which is not shown"

    @pytest.mark.parametrize("value", ["s3cret-\udcff", "s3crét"])
    def test_what_no_header_can_have(self, value: str) -> None:
        """A variable whose bytes are no text comes with halves of characters."""
        said = "pagesmoke_headers: a header has a character that no header can have; it is not shown"
        assert mistake({"Authorization": value}) == mistake({f"X-{value}": "a"}) == said

    def test_a_line_break_in_a_name(self) -> None:
        said = "pagesmoke_headers: a header's name has a line break; it is not shown"
        assert mistake({"X-A\r\nX-B: s3cret": "a"}) == mistake({"\r\n": "a"}) == said

    @pytest.mark.parametrize(
        "timeout_s", [0, -1, 0.0, True, False, "10", b"1", [1], 1j, math.nan, math.inf, -math.inf], ids=repr
    )
    def test_seconds_that_are_none(self, timeout_s: object) -> None:
        said = mistake(timeout_s=timeout_s)
        assert said == f"pagesmoke_timeout_s takes a number of seconds above 0, not {timeout_s!r}"

    @pytest.mark.parametrize("timeout_s", [1, 0.001, 1e6])
    def test_seconds(self, timeout_s: float) -> None:
        assert read_overrides({}, timeout_s, None).on(TARGET).manners.timeout_s == timeout_s

    @pytest.mark.parametrize("agent", ["", "a\nb", "a\r\nX-B: b", "a\x1b[31m", b"a", 1, ["a"]], ids=repr)
    def test_a_user_agent_that_is_none(self, agent: object) -> None:
        assert mistake(user_agent=agent) == f"pagesmoke_user_agent takes a text in one line, not {agent!r}"

    def test_a_user_agent(self) -> None:
        assert read_overrides({}, None, "known/1 (smoke tests)").user_agent == "known/1 (smoke tests)"
