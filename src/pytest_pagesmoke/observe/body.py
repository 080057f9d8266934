"""Reading a body with a bound: on what arrives, and on what it unpacks to."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import IO, Final, Self

#: The only encoding asked for: the one whose decoder can be bounded. (A zstd or br bomb unpacks gigabytes in one step.)
ACCEPT_ENCODING: Final = "gzip"
_NO_ENCODINGS: Final = ("", "identity", "none")

#: What of a body is held in memory while it is read: many are at a time, and each may become as large as a check reads.
_IN_MEMORY_BYTES: Final = 1_048_576
_PIECE_BYTES: Final = 65_536  # unpacked at a time
_MAGIC: Final = b"\x1f"  # with which gzip begins


class BodyError(Exception):
    """The body cannot be read as what its headers say."""


class BodyTooLarge(Exception):
    """The body, unpacked, is larger than a check reads."""


async def read_body(chunks: AsyncIterator[bytes], *, encoding: str, max_bytes: int) -> bytes:
    """The decoded body. Raises BodyError for an encoding that was not asked for or does not decode, BodyTooLarge beyond ``max_bytes``."""
    layers = [layer for part in encoding.split(",") if (layer := part.strip().lower()) not in _NO_ENCODINGS]
    if layers not in ([], ["gzip"], ["x-gzip"]):
        raise BodyError(f"content-encoding {encoding.strip()!r}, which was not asked for")
    gunzip = _Gunzip() if layers else None
    with _Kept() as body:
        async for chunk in chunks:
            for piece in gunzip.unpack(chunk) if gunzip else (chunk,):
                body.add(piece)
                if body.size > max_bytes:
                    raise BodyTooLarge(f"a body of more than {max_bytes:,} bytes")
            # Thousands of one-byte chunks come out of one read with no pause between them: let deadlines and other questions in.
            await asyncio.sleep(0)
        if gunzip and gunzip.in_the_middle:
            raise BodyError("the gzip body is cut off")
        return body.whole()


class _Kept:
    """What came so far of a body: in memory, or in a file that has no name, where it is large and many may be read at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = io.BytesIO()
        self._may_move = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, piece: bytes) -> None:
        if self._may_move and self.size + len(piece) > _IN_MEMORY_BYTES:
            self._may_move = False
            with suppress(OSError):  # this machine has no place for files: memory must do
                self._move(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - closed with all that came
        try:
            _write(self._file, piece)
        except OSError:  # and so it must when the place is full
            self._move(io.BytesIO())
            _write(self._file, piece)
        self.size += len(piece)

    def whole(self) -> bytes:
        self._file.seek(0)
        return self._file.read(self.size)

    def _move(self, place: IO[bytes]) -> None:
        try:
            _write(place, self.whole())
        except OSError:
            place.close()
            self._file.seek(self.size)
            raise
        self._file.close()
        self._file = place


def _write(file: IO[bytes], piece: bytes) -> None:
    """All of it. What goes straight to the disk may take a part, and then the rest or none."""
    left = memoryview(piece)
    while left:
        left = left[file.write(left) :]


class _Gunzip:
    """gzip, one member after the other, unpacked in pieces: whoever takes them stops where there are enough."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._is_behind = False  # a whole member, where another one may begin
        self._is_over = False
        self.in_the_middle = False

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk and not self._is_over:
                if self._is_behind and chunk[:1] != _MAGIC:  # what else stands there nobody reads
                    self._is_over = True
                    return
                piece = self._member.decompress(chunk, _PIECE_BYTES)
                self.in_the_middle = not self._member.eof
                self._is_behind = self._member.eof
                chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                yield piece
        except zlib.error as error:
            raise BodyError(f"the gzip body does not unpack ({error})") from None
