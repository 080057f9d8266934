"""What stays as long as the run is not looked through for garbage, over and over: that takes as long as a round of questions."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Garbage:
    """Keeps out of the collector's sight what is there when the run is set up, modules most of all, until pytest has cleaned up.

    So is what was collected, where that is built-in checks alone. After pytest's own clean-up, which looks for what was let go and
    not closed, all is in sight again, and finalised when Python ends.
    """

    def __init__(self, config: pytest.Config) -> None:
        # PyPy cannot hide; and what somebody else hides, or does not collect, has a reason of its own. (Where many are, to count them takes long.)
        self._may_hide = hasattr(gc, "freeze") and gc.isenabled() and not gc.get_freeze_count()
        if self._may_hide:
            # What is added first is called last, and pytest's own plugins are configured after all others.
            config.add_cleanup(gc.unfreeze)
            config.pluginmanager.register(self, "pagesmoke-garbage")

    @contextmanager
    def not_looked_for(self) -> Iterator[None]:
        """While the run is set up, when nearly all that is made stays. (What is garbage already, pytest does not hear of yet.)"""
        if not self._may_hide:
            yield
            return
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """A test of the project's may look whether something was let go, and must see all."""
        from pytest_pagesmoke.plugin.collection import CheckItem

        if all(isinstance(item, CheckItem) for item in session.items):
            gc.collect()  # for pytest to hear of it
            gc.freeze()
        else:
            gc.unfreeze()
