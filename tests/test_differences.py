"""In what the answers of two sides differ, beyond what those of one side differ in. Pure.

What a user sees of it stands in tests/checks/test_same_as.py; here are the edges.
"""

from __future__ import annotations

import pytest

from pytest_pagesmoke.differences import Stretch, aligned, is_moment, of_sets, of_values, of_words


def words(*texts: str) -> list[list[str]]:
    return [text.split() for text in texts]


class TestAligned:
    @pytest.mark.parametrize(
        ("one", "other", "stretches"),
        [
            ("a b c", "a b c", []),
            ("a b c", "a x c", [Stretch(1, 2, 1, 2)]),
            ("a c", "a b c", [Stretch(1, 1, 1, 2)]),
            ("a b c", "a c", [Stretch(1, 2, 1, 1)]),
            ("a b c d e", "x b c d y", [Stretch(0, 1, 0, 1), Stretch(4, 5, 4, 5)]),
            ("a b c d", "a x y z d", [Stretch(1, 3, 1, 4)]),
            ("", "a", [Stretch(0, 0, 0, 1)]),
            ("", "", []),
            # The same at both ends overlaps: the second `a` is no word that both have at once.
            ("a a", "a a a", [Stretch(2, 2, 2, 3)]),
        ],
    )
    def test_the_stretches(self, one: str, other: str, stretches: list[Stretch]) -> None:
        assert aligned(one.split(), other.split()) == stretches

    def test_long_texts_are_compared_place_by_place(self) -> None:
        one = [str(number) for number in range(40_000)]
        other = ["first", *one[1:20_000], "x", "y", *one[20_002:-1], "last"]
        found = aligned(one, other)
        assert found == [
            Stretch(0, 1, 0, 1),
            Stretch(20_000, 20_002, 20_000, 20_002),
            Stretch(39_999, 40_000, 39_999, 40_000),
        ]

    def test_or_not_at_all(self) -> None:
        one = [str(number) for number in range(40_000)]
        assert aligned(one, ["x", *one[1:-1], "y", "z"]) is None
        assert aligned(one, [*reversed(one)]) is None


class TestWords:
    @pytest.mark.parametrize(
        ("there", "here", "differing"),
        [
            # A place that changes there may differ here, in as many words.
            (("at one end", "at two end"), ("at three end",), []),
            (("at one end", "at two end"), ("at three four end",), [("at one", "at three four")]),
            (("at one end", "at two end"), ("at end",), [("at one", "at")]),
            (("at one end", "at end"), ("at end",), []),
            (("at end", "at one end"), ("at two end",), []),
            # From four words on it is a text, which may be twice as long another time.
            (("at a b c d end", "at e f g h end"), ("at i j k l m n o p end",), []),
            (("at a b c d end", "at e f g h end"), ("at i j k l m n o p q end",), [("at a b c d", "at i j k l m n o p q")]),
            # Words may come in between those of a place, as long as these are not more than all of it.
            (("at a b c end", "at d e end"), ("at a x c end",), []),
            (("at a b end", "at c d e f end"), ("at a x b end",), []),
            (("at a b end", "at c d end"), ("at a x y z b end",), [("a", "a x y z")]),
            # Each place has lengths of its own.
            (("a b c d e", "a x c y y y e"), ("a p p p c d e",), [("a b", "a p p p")]),
            (("a b c d e", "a x x x c y e"), ("a b c p p p e",), [("c d", "c p p p")]),
            # Those that touch are one.
            (("a b c", "x x b c", "a y c"), ("p q r c",), []),
            # What stands beside the place is not the place.
            (("at one end", "at two end"), ("at three end more",), [("end", "end more")]),
            (("at one end", "at two end"), ("now at three end",), [("", "now")]),
            (("at one end", "at two end"), ("at three stop",), [("one end", "three stop")]),
            # A place that changes here alone: each answer has something of its own there.
            (("at 1 end",), ("at two end", "at three end", "at four end"), []),
            (("at YWJjZGVmZ-klmnop end",), ("at two end", "at three end", "at four end"), []),
            # But in place of a plain word nothing does.
            (("at one end",), ("at 2 end", "at 3 end", "at 4 end"), [("at one", "at 2"), ("at one", "at 3"), ("at one", "at 4")]),
            (("at one end",), ("at two end", "at three end"), [("at one", "at two"), ("at one", "at three")]),
            (("at one end",), ("at two end", "at three end") * 2, [("at one", "at two"), ("at one", "at three")]),
            (("at one end",), ("at two end", "at two end"), [("at one", "at two")]),
            (("at one end",), ("at two end", "at one end"), [("at one", "at two")]),
            (("at end",), ("at two end", "at three end"), [("at", "at two"), ("at", "at three")]),
            (("at one end",), ("at two end",), [("at one", "at two")]),
            (("at 1 end",), ("at x 1 end", "at y end", "at z end"), [("at", "at x")]),
            (("at one end",), ("at x one end", "at end"), [("at", "at x"), ("at one", "at")]),
            # And not in another place.
            (("a b c d e",), ("a x c d e", "a b c y e"), [("a b", "a x"), ("c d", "c y")]),
            (("a b",), ("x b", "a y"), [("a", "x"), ("a b", "a y")]),
            (("a b c d",), ("a x b c d", "a b c y"), [("a", "a x"), ("c d", "c y")]),
            (("a b c d",), ("y b c d", "a b c x d"), [("a", "y"), ("c", "c x")]),
            # The same in another order each time, there.
            (("a b c", "c a b"), ("b c a", "c b a"), []),
            # Beside words that change there.
            (("a b c 1", "c a b 2"), ("b c a 3", "c b a 4"), []),
            (("a b c", "c a b"), ("b c x",), [("a", ""), ("c", "c x")]),
            (("a b c d", "a b c x"), ("b a c d",), [("", "b"), ("a b", "a")]),
        ],
    )  # fmt: skip
    def test_what_differs(
        self, there: tuple[str, ...], here: tuple[str, ...], differing: list[tuple[str, str]]
    ) -> None:
        assert of_words(words(*there), words(*here)) == differing

    @pytest.mark.parametrize("here", [("b c a 3 x", "c b a 4 x"), ("b c a x", "c b a x"), ("b c 3", "c b a 4")])
    def test_another_order_hides_nothing_else(self, here: tuple[str, ...]) -> None:
        """More words than there, one that is in each, one that is missing."""
        assert of_words(words("a b c 1", "c a b 2"), words(*here)) != []

    def test_words_that_are_alike_do_not(self) -> None:
        def alike(theirs: str, ours: str) -> bool:
            return theirs.lower() == ours.lower()

        assert of_words(words("At One end"), words("at two end"), alike) == [("At One", "at two")]
        assert of_words(words("At one end"), words("AT ONE END"), alike) == []

    def test_of_what_is_too_long_all_does(self) -> None:
        there = [[str(number) for number in range(40_000)]]
        assert of_words(there, [["x", *there[0]][::-1]]) is None


class TestValues:
    @pytest.mark.parametrize(
        ("there", "here", "differing"),
        [
            ([{"a": "1"}], [{"a": "1"}], {}),
            ([{"a": "1"}], [{"a": "2"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{}], {"a": ("1", None)}),
            ([{}], [{"a": "1"}], {"a": (None, "1")}),
            ([{}], [{}, {"a": "1"}], {"a": (None, "1")}),
            # Changes there: whatever it is here, as long as it is.
            ([{"a": "1"}, {"a": "2"}], [{"a": "3"}], {}),
            ([{"a": "1"}, {"a": "2"}], [{}], {"a": ("1", None)}),
            ([{"a": "1"}, {}], [{}], {}),
            # Changes here alone: a value of its own each time, and none of them the one there.
            ([{"a": "1"}], [{"a": "2"}, {"a": "3"}, {"a": "4"}], {}),
            ([{"a": '"up"'}], [{"a": "2"}, {"a": "3"}, {"a": "4"}], {"a": ('"up"', "2")}),
            ([{"a": "null"}], [{"a": "2"}, {"a": "3"}, {"a": "4"}], {"a": ("null", "2")}),
            # The first two come at once; later ones have had the time to change.
            ([{"a": "1"}], [{"a": "2"}, {"a": "2"}, {"a": "3"}], {}),
            ([{"a": "1"}], [{"a": "2"}, {"a": "3"}, {"a": "3"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{"a": "2"}, {"a": "3"}, {"a": "2"}], {"a": ("1", "2")}),
            # On an edge that is both of two wrong builds, the same come again.
            ([{"a": "1"}], [{"a": "2"}, {"a": "3"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{"a": "2"}, {"a": "3"}, {"a": "2"}, {"a": "3"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{"a": "2"}, {"a": "2"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{"a": "1"}, {"a": "2"}], {"a": ("1", "2")}),
            ([{"a": "1"}], [{"a": "2"}, {}], {"a": ("1", "2")}),
            ([{}], [{"a": "2"}, {"a": "3"}], {"a": (None, "2")}),
        ],
    )
    def test_what_differs(
        self,
        there: list[dict[str, str]],
        here: list[dict[str, str]],
        differing: dict[str, tuple[str | None, str | None]],
    ) -> None:
        assert of_values(there, here) == differing

    def test_values_that_are_alike_do_not(self) -> None:
        assert of_values([{"a": "x"}], [{"a": "X"}], lambda theirs, ours: theirs.lower() == ours.lower()) == {}


class TestSets:
    @pytest.mark.parametrize(
        ("there", "here", "missing", "added"),
        [
            (("ab",), ("ab",), "", ""),
            (("ab",), ("a",), "b", ""),
            (("a",), ("ab",), "", "b"),
            (("ab",), ("ab", "a"), "b", ""),
            # What changes there is neither missing nor added.
            (("ab", "ac"), ("a",), "", ""),
            (("ab", "ac"), ("ab", "ac"), "", ""),
            (("ab", "ac"), ("b",), "a", ""),
            # A choice of many there and here: none of them in each answer, and no more than there.
            (("abc", "ade"), ("afg", "ahi"), "", ""),
            (("abc", "ade"), ("afg", "afh"), "", "fgh"),
            (("abc", "ade"), ("afgh", "aijk"), "", "fghijk"),
            (("abc", "ade"), ("fg", "ahi"), "a", ""),
            # Here each answer names others, in place of those there.
            (("ab", "ac"), ("ax", "ay", "az"), "", ""),
            (("ab",), ("ax", "ay", "az"), "", ""),
            (("ab",), ("ax", "ay"), "b", "xy"),
            (("ab",), ("ax", "ay", "ax", "ay", "ax"), "b", "xy"),
            (("ab",), ("ax", "ax"), "b", "x"),
            (("ab",), ("ax", "ab"), "b", "x"),
            (("abc",), ("ax", "ay", "az"), "bc", ""),
            (("ab",), ("ax", "by", "az"), "ab", ""),
        ],
    )
    def test_what_differs(self, there: tuple[str, ...], here: tuple[str, ...], missing: str, added: str) -> None:
        assert of_sets([*map(frozenset, there)], [*map(frozenset, here)]) == ([*missing], [*added])


class TestMoments:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("12:00:00", "12:00:59"),
            ("23:59:58", "00:00:03"),
            ("12:00", "12:01"),
            ("(12:00:00Z),", "(12:00:01Z),"),
            ("11:59:50am", "12:00:10PM"),
            ("11:59pm", "12:00am"),
            ("1764223200", "1764223260"),
            ("1764223200.25", "1764223201"),
            ("1764223200123", "1764223201456"),
            ('"2026-11-27T06:00:00Z"', '"2026-11-27T06:00:30.5+00:00"'),
            ("2026-11-27T06:00:00", "2026-11-27T06:00:30Z"),
            ("12ms", "7.25ms"),
            ("0.12s", "3.4s"),
        ],
    )  # fmt: skip
    def test_one(self, one: str, other: str) -> None:
        assert is_moment(one, other)
        assert is_moment(other, one)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("12:00:00", "12:01:01"),
            ("9:00am", "9:00pm"),
            ("12:30am", "12:30pm"),
            ("1764223200", "1764223261"),
            ("1764223200", "1764223200123"),
            ("1764223200123", "1764223300123"),
            ("12:00:00", "noon"),
            ("1300000001", "1300000042"),
            ("2026-11-27T06:00:00Z", "2026-11-27T06:00:00+01:00"),
            ("2026-11-27", "2026-11-27"),
            ("2026-11-27", "2026-11-26"),
            ("12s", "13s"),
            ("12ms", "12"),
            ("2764223200", "2764223201"),
            ("one", "two"),
            ("", ""),
        ],
    )
    def test_none(self, one: str, other: str) -> None:
        assert not is_moment(one, other)
        assert not is_moment(other, one)
