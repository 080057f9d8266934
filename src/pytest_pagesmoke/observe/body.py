"""Reading a body with a bound: on what arrives, and on what it unpacks to."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

#: The only encoding asked for: the one whose decoder can be bounded. (A zstd or br bomb unpacks gigabytes in one step.)
ACCEPT_ENCODING: Final = "gzip"


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
    body = bytearray()
    async for chunk in chunks:
        body += gunzip.unpack(chunk, room=max_bytes + 1 - len(body)) if gunzip else chunk
        if len(body) > max_bytes:
            raise BodyTooLarge(f"a body of more than {max_bytes:,} bytes")
        # Thousands of one-byte chunks come out of one read with no pause between them: let deadlines and other questions in.
        await asyncio.sleep(0)
    if gunzip and gunzip.in_the_middle:
        raise BodyError("the gzip body is cut off")
    return bytes(body)


class _Gunzip:
    """gzip, one member after the other, that never unpacks more than it is given room for."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.in_the_middle = False

    def unpack(self, chunk: bytes, *, room: int) -> bytes:
        unpacked = bytearray()
        try:
            while chunk and len(unpacked) < room:
                unpacked += self._member.decompress(chunk, room - len(unpacked))
                self.in_the_middle = not self._member.eof
                chunk = self._member.unused_data
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        except zlib.error as error:
            raise BodyError(f"the gzip body does not unpack ({error})") from None
        return bytes(unpacked)
