"""Reading a body: what unpacks to what, and that neither size nor cunning gets past the bound."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from observe.hostile import gzip_bomb, wrapped_in_gzip
from pytest_pagesmoke.observe.body import BodyError, BodyTooLarge, read_body

TEXT = b"The quick brown fox jumps over the lazy dog. " * 20
PLENTY = 1_000_000


def read(chunks: Iterable[bytes], *, encoding: str = "", max_bytes: int = PLENTY) -> bytes:
    async def one_by_one() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return asyncio.run(read_body(one_by_one(), encoding=encoding, max_bytes=max_bytes))


def bytewise(body: bytes) -> list[bytes]:
    return [body[index : index + 1] for index in range(len(body))]


class TestAsItIs:
    @pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
    def test_comes_as_it_was_sent(self, encoding: str) -> None:
        assert read([TEXT[:7], b"", TEXT[7:]], encoding=encoding) == TEXT

    def test_nothing(self) -> None:
        assert read([]) == b""

    def test_gzip_that_is_not_declared_is_left_alone(self) -> None:
        packed = gzip.compress(TEXT)
        assert read([packed]) == packed


class TestGzip:
    @pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip"])
    def test_unpacks(self, encoding: str) -> None:
        assert read([gzip.compress(TEXT)], encoding=encoding) == TEXT

    def test_a_body_of_no_bytes(self) -> None:
        assert read([gzip.compress(b"")], encoding="gzip") == b""

    def test_no_body_at_all(self) -> None:
        """304 and 204 may name an encoding, and have nothing to decode."""
        assert read([], encoding="gzip") == b""

    def test_a_chunk_may_end_anywhere(self) -> None:
        packed = gzip.compress(TEXT)
        ends = range(len(packed) + 1)
        assert [end for end in ends if read([packed[:end], packed[end:]], encoding="gzip") != TEXT] == []

    def test_a_byte_a_chunk(self) -> None:
        assert read(bytewise(gzip.compress(TEXT)), encoding="gzip") == TEXT

    def test_several_members_are_one_body(self) -> None:
        members = [TEXT, b"", b"x", TEXT]
        packed = b"".join(gzip.compress(member) for member in members)
        assert read([packed], encoding="gzip") == b"".join(members)
        assert read(bytewise(packed), encoding="gzip") == b"".join(members)

    @pytest.mark.parametrize("behind", [b"\0" * 512, b"\r\n", b"garbage", b"\r\n" + gzip.compress(b"x", mtime=0)])
    def test_what_stands_behind_the_last_member_nobody_reads(self, behind: bytes) -> None:
        """As browsers have it: servers pad, and add line breaks."""
        packed = gzip.compress(TEXT) * 2
        assert read([packed + behind], encoding="gzip") == TEXT * 2
        assert read(bytewise(packed + behind), encoding="gzip") == TEXT * 2

    @pytest.mark.parametrize("encoding", ["identity, gzip", "gzip, identity", " GZIP ,", "x-gzip", "none,gzip"])
    def test_what_is_no_encoding_does_not_count(self, encoding: str) -> None:
        assert read([gzip.compress(TEXT)], encoding=encoding) == TEXT
        assert read([TEXT], encoding=encoding.lower().replace("x-gzip", "").replace("gzip", "none")) == TEXT

    def test_one_layer_is_unpacked_and_no_more(self) -> None:
        assert read([wrapped_in_gzip(TEXT, 50)], encoding="gzip") == wrapped_in_gzip(TEXT, 49)


class TestBroken:
    def test_cut_off_anywhere(self) -> None:
        packed = gzip.compress(TEXT)
        for length in range(1, len(packed)):
            with pytest.raises(BodyError, match="cut off"):
                read([packed[:length]], encoding="gzip")

    def test_cut_off_in_the_second_member(self) -> None:
        with pytest.raises(BodyError, match="cut off"):
            read([gzip.compress(TEXT), gzip.compress(TEXT)[:-1]], encoding="gzip")

    def test_garbage(self) -> None:
        with pytest.raises(BodyError, match=r"does not unpack \(.*incorrect header check\)"):
            read([TEXT], encoding="gzip")

    def test_damaged_in_the_middle(self) -> None:
        packed = bytearray(gzip.compress(TEXT))
        packed[len(packed) // 2] ^= 0xFF
        with pytest.raises(BodyError, match="does not unpack"):
            read([bytes(packed)], encoding="gzip")

    def test_a_checksum_that_is_wrong(self) -> None:
        packed = bytearray(gzip.compress(TEXT))
        packed[-8] ^= 0xFF
        with pytest.raises(BodyError, match=r"does not unpack \(.*incorrect data check\)"):
            read([bytes(packed)], encoding="gzip")

    @pytest.mark.parametrize(
        "encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br", "identity, BR", "nonsense"]
    )
    def test_an_encoding_that_was_not_asked_for(self, encoding: str) -> None:
        with pytest.raises(BodyError, match=f"content-encoding '{encoding}', which was not asked for"):
            read([TEXT], encoding=encoding)


class TestBound:
    @pytest.mark.parametrize("encoding", ["", "gzip"])
    def test_exactly_the_bound_is_read(self, encoding: str) -> None:
        body = gzip.compress(TEXT) if encoding else TEXT
        assert read([body], encoding=encoding, max_bytes=len(TEXT)) == TEXT
        assert read(bytewise(body), encoding=encoding, max_bytes=len(TEXT)) == TEXT

    @pytest.mark.parametrize("encoding", ["", "gzip"])
    def test_one_byte_more_is_too_large(self, encoding: str) -> None:
        body = gzip.compress(TEXT) if encoding else TEXT
        for chunks in ([body], bytewise(body)):
            with pytest.raises(BodyTooLarge, match=r"^a body of more than 899 bytes$"):
                read(chunks, encoding=encoding, max_bytes=len(TEXT) - 1)

    @pytest.mark.parametrize("encoding", ["", "gzip"])
    def test_a_bound_of_nothing(self, encoding: str) -> None:
        assert read([gzip.compress(b"") if encoding else b""], encoding=encoding, max_bytes=0) == b""
        with pytest.raises(BodyTooLarge):
            read([gzip.compress(b"x") if encoding else b"x"], encoding=encoding, max_bytes=0)

    def test_members_count_together(self) -> None:
        packed = gzip.compress(TEXT) * 3
        assert read([packed], encoding="gzip", max_bytes=3 * len(TEXT)) == TEXT * 3
        with pytest.raises(BodyTooLarge):
            read([packed], encoding="gzip", max_bytes=3 * len(TEXT) - 1)

    def test_what_comes_after_the_bound_is_not_asked_for(self) -> None:
        asked: list[int] = []

        def endless() -> Iterable[bytes]:
            while True:
                asked.append(1)
                yield bytes(1000)

        with pytest.raises(BodyTooLarge):
            read(endless(), max_bytes=2500)
        assert len(asked) == 3

    @pytest.mark.parametrize("chunk_bytes", [1, 1000, 10_000_000])
    def test_a_bomb_does_not_go_off(self, chunk_bytes: int) -> None:
        bomb, max_bytes = gzip_bomb(), 1_000_000
        chunks = [bomb[start : start + chunk_bytes] for start in range(0, len(bomb), chunk_bytes)]
        tracemalloc.start()
        try:
            with pytest.raises(BodyTooLarge):
                read(chunks, encoding="gzip", max_bytes=max_bytes)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # The body, the piece that was just unpacked, and room for a buffer to grow: not the hundred times as much that it holds.
        assert peak_bytes < 5 * max_bytes

    def test_many_at_a_time_are_held_in_memory_up_to_a_mebibyte_each(self) -> None:
        half, max_bytes = bytes(5_000_000), 10_000_000

        async def read_all() -> list[int]:
            peaks: list[int] = []
            all_came = asyncio.Event()
            came = 0

            async def in_halves() -> AsyncIterator[bytes]:
                nonlocal came
                yield half
                came += 1
                if came == 8:
                    peaks.append(tracemalloc.get_traced_memory()[0])
                    all_came.set()
                await all_came.wait()
                yield half

            bodies = await asyncio.gather(*(read_body(in_halves(), encoding="", max_bytes=max_bytes) for _ in range(8)))
            assert {len(body) for body in bodies} == {2 * len(half)}
            return peaks

        tracemalloc.start()
        try:
            (held_bytes,) = asyncio.run(read_all())
        finally:
            tracemalloc.stop()
        assert held_bytes < 1_000_000

    def test_where_there_is_no_place_for_files_memory_must_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(**_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tempfile, "TemporaryFile", full)
        assert read([TEXT * 1000, TEXT * 1000, b"end"], max_bytes=10_000_000) == TEXT * 2000 + b"end"

    @pytest.mark.parametrize("room", [0, 1000, 1_200_000, 2_000_000, 2_699_999, 2_700_000])
    def test_where_the_place_is_full_it_must_do_too(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        made: list[io.BytesIO] = []

        class Full(io.BytesIO):
            """As a file without a buffer: it takes what there is room for, and then raises."""

            def write(self, piece: Any) -> int:  # `Any`: bytes, or a view of them
                left = memoryview(piece)[: room - self.tell()]
                if not left:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return super().write(left)

        def file(**_: object) -> io.BytesIO:
            made.append(Full())
            return made[-1]

        monkeypatch.setattr(tempfile, "TemporaryFile", file)
        pieces = [TEXT * 700, TEXT * 700, TEXT * 1000, TEXT * 600, b"end"]
        assert read(pieces, max_bytes=10_000_000) == TEXT * 3000 + b"end"
        assert [one.closed for one in made] == [True]

    def test_large_ones_come_as_they_were_sent(self) -> None:
        content = bytes(range(256)) * 10_000
        assert read([content[:1_000_000], content[1_000_000:]], max_bytes=len(content)) == content
        packed = gzip.compress(content)
        assert read([packed], encoding="gzip", max_bytes=len(content)) == content
        assert read(bytewise(packed), encoding="gzip", max_bytes=len(content)) == content

    def test_empty_members_without_end_let_others_in(self) -> None:
        """A body that unpacks to nothing never reaches the bound: the deadline must be able to end it."""
        empty = gzip.compress(b"")

        async def for_ever() -> AsyncIterator[bytes]:
            while True:
                yield empty

        async def with_a_deadline() -> None:
            async with asyncio.timeout(0.1):
                await read_body(for_ever(), encoding="gzip", max_bytes=1)

        with pytest.raises(TimeoutError):
            asyncio.run(with_a_deadline())
