"""A thread in which sites are asked: an event loop of its own, so that nothing in the main thread (playwright's loop, Ctrl-C) meets it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from pytest_pagesmoke.model import THREAD, Answer, Observation
from pytest_pagesmoke.observe import sockets

#: Of a body: what is not, is read in a few milliseconds.
LARGE_BYTES: Final = 65_536
_PATIENCE_S: Final = 5.0  # to cancel and close at the end; milliseconds are normal


def _nobody(_: bool) -> None: ...


#: Hears when a name is looked up, and when that is over, for whoever asks in this context.
LOOKING_UP: Final[ContextVar[Callable[[bool], None]]] = ContextVar("pagesmoke.looking-up", default=_nobody)
T = TypeVar("T")


async def aside(work: Callable[[], T], seen: Iterable[Observation]) -> T:
    """Do what reads all of what was ``seen``. Where that is large, in a thread beside the loop, whose other exchanges have deadlines."""
    if any(isinstance(one, Answer) and one.size_bytes > LARGE_BYTES for one in seen):
        return await asyncio.to_thread(work)
    return work()


class Background:
    """Runs coroutines until it is stopped. Its thread begins with the first one: a run that asks nothing has nothing to close."""

    def __init__(self) -> None:
        self._loop: _Loop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0
        self._stopped = False
        self._beginning = threading.Lock()
        self._closing: list[Callable[[], Awaitable[None]]] = []

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin ``coroutine`` there, and return at once. Raises CancelledError when this is, or has been, stopped.

        Raises RuntimeError in a process that was forked off: threads are not.
        """
        if self._stopped:
            coroutine.close()
            raise CancelledError("the run is stopped")
        if self._loop is not None and os.getpid() != self._process:
            coroutine.close()
            raise RuntimeError("this is another process, forked from the one that asks; nobody in it would ever answer")
        with self._beginning:  # tests ask from threads of their own, too: two first ones must not begin two loops
            if self._loop is None:
                self._loop, self._process = _Loop(), os.getpid()
                self._thread = threading.Thread(target=self._keep_running, args=[self._loop], name=THREAD, daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def at_end(self, close: Callable[[], Awaitable[None]]) -> None:
        """Call ``close`` in the thread when this is stopped."""
        self._closing.append(close)

    def stop(self) -> None:
        """Cancel what is still running, and close everything."""
        self._stopped = True
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        # A connection that will not close holds nobody up: the thread is a daemon.
        self._thread.join(timeout=_PATIENCE_S)
        self._loop = self._thread = None

    def _keep_running(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run until stopped; then leave nothing behind, however late that is."""
        one_by_one = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{THREAD}-aside")
        loop.set_default_executor(one_by_one)
        try:
            loop.run_forever()
            loop.run_until_complete(self._wind_up())
        finally:
            one_by_one.shutdown(wait=False, cancel_futures=True)
            loop.close()

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for close in self._closing:
            await close()


class _Loop(asyncio.SelectorEventLoop):
    """An event loop with sockets that nothing keeps from the network, and whose name look-ups cannot keep the process alive.

    (Those of asyncio run in threads that Python waits for at exit.)
    """

    # All that makes sockets here: to wake the loop up, and to connect. A Python that has them no more would say so at once.
    _make_self_pipe = sockets.with_own_sockets(asyncio.SelectorEventLoop._make_self_pipe)  # type: ignore[attr-defined]  # noqa: SLF001
    _connect_sock = sockets.with_own_sockets(asyncio.SelectorEventLoop._connect_sock)  # type: ignore[attr-defined]  # noqa: SLF001

    # `Any`: exactly what socket.getaddrinfo takes and gives; so is the name `type`.
    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's signature
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        found: asyncio.Future[Any] = self.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if found.done():  # the deadline has passed meanwhile
                return
            found.set_exception(error) if error else found.set_result(result)

        def look_up() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = sockets.getaddrinfo(host, port, family, type, proto, flags)
            except Exception as raised:  # noqa: BLE001 - whatever it is: the asker's
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.call_soon_threadsafe(settle, result, error)

        tell = LOOKING_UP.get()
        tell(True)
        threading.Thread(target=look_up, name="pagesmoke-dns", daemon=True).start()
        result = await found
        tell(False)
        return result
