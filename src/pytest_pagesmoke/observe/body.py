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


#: What of a body is held in memory while it is read: many are at a time, and each may become as large as a check reads.
_IN_MEMORY_BYTES: Final = 1_048_576
_PIECE_BYTES: Final = 65_536  # unpacked at a time


class BodyError(Exception):
    """The body cannot be read as what its headers say."""


class BodyTooLarge(Exception):
    """The body, unpacked, is larger than a check reads."""


async def read_body(chunks: AsyncIterator[bytes], *, encoding: str, max_bytes: int) -> bytes:
    """The decoded body. Raises BodyError for an encoding that was not asked for or does not decode, BodyTooLarge beyond ``max_bytes``."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise BodyError(f"content-encoding {encoding!r}, which was not asked for")
    gunzip = _Gunzip() if encoding.endswith("gzip") else None
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
        self._has_moved = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if not self._has_moved and self.size > _IN_MEMORY_BYTES:
            self._has_moved = True
            with suppress(OSError):  # this machine has no place for files: memory must do
                file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with all that came
                file.write(self.whole())
                self._file = file
        self._file.write(piece)

    def whole(self) -> bytes:
        self._file.seek(0)
        return self._file.read()


class _Gunzip:
    """gzip, one member after the other, unpacked in pieces: whoever takes them stops where there are enough."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.in_the_middle = False

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk:
                piece = self._member.decompress(chunk, _PIECE_BYTES)
                self.in_the_middle = not self._member.eof
                chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                yield piece
        except zlib.error as error:
            raise BodyError(f"the gzip body does not unpack ({error})") from None
