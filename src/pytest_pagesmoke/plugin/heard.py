"""What is logged and warned of in a run that knows secrets, of httpx at its lowest level too: struck, and made harmless, where pytest shows it."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest

from pytest_pagesmoke.redact import Secrets
from pytest_pagesmoke.say.harmless import harmless_lines


class Heard:
    """Hooks. Records themselves stay as they are: a project's tests look at them. What is captured, each report has; what is printed with `-s`, nobody hears."""

    def __init__(self, config: pytest.Config, secrets: Secrets) -> None:
        self._config = config
        self._secrets = secrets

    @pytest.hookimpl(tryfirst=True)  # before anything is logged
    def pytest_sessionstart(self) -> None:
        logs: Any = self._config.pluginmanager.get_plugin("logging-plugin")  # `Any`: its class is private
        if logs is not None:
            for handler in (logs.log_cli_handler, logs.log_file_handler):
                handler.setFormatter(_Public(handler.formatter or logging.Formatter(), self._secrets))

    @pytest.hookimpl(tryfirst=True)  # before it is counted, shown, or sent to xdist's controller
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        said = str(warning_message.message)
        if (struck := self._secrets.out_of_shown(said, then=harmless_lines)) != said:
            warning_message.message = UserWarning(struck)  # its category stands beside it


class _Public(logging.Formatter):
    """What another formatter makes of a record, as it may be shown."""

    def __init__(self, inner: logging.Formatter, secrets: Secrets) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = secrets

    def __getattr__(self, name: str) -> Any:  # `Any`: what that one has; a project may set its colours, say
        return getattr(self._inner, name)

    def format(self, record: logging.LogRecord) -> str:
        shown: str = self._secrets.out_of_shown(self._inner.format(record), then=harmless_lines)
        return shown
