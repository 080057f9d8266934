"""What others say in a run that knows secrets: log records, of httpx at its lowest level too, and warnings. Struck, and made harmless, before anybody shows it."""

from __future__ import annotations

import logging
import warnings
from typing import Any, Final

import pytest

from pytest_pagesmoke.redact import Secrets
from pytest_pagesmoke.say.harmless import harmless_lines

_FORMATTER: Final = logging.Formatter()


class Heard:
    """Hooks and state. What is printed, nobody can hear: with `-s` it goes by."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._factory = logging.getLogRecordFactory()
        # A filter would hear its own logger's records alone, and a handler those that reach it.
        logging.setLogRecordFactory(self._record)

    def stop(self) -> None:
        """Hear no more, unless somebody else does by way of this."""
        if logging.getLogRecordFactory() == self._record:
            logging.setLogRecordFactory(self._factory)

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # `Any`: logging's own
        record = self._factory(*args, **kwargs)
        try:
            said = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit, or whose own code fails: logging tells of it where it is shown
            return record
        if (struck := self._public(said)) != said:
            record.msg, record.args = struck, None
        if record.exc_info and record.exc_info[0] is not None:
            trace = _FORMATTER.formatException(record.exc_info)
            if (struck := self._public(trace)) != trace:
                record.exc_text = struck  # which every formatter takes in place of its own
        return record

    def _public(self, text: str) -> str:
        return harmless_lines(self._secrets.out_of_kept(text))

    @pytest.hookimpl(tryfirst=True)  # before it is counted, shown, or sent to xdist's controller
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        said = str(warning_message.message)
        if (struck := self._public(said)) != said:
            warning_message.message = UserWarning(struck)  # its category stands beside it
