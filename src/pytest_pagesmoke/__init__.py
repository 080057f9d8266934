"""pytest-pagesmoke: smoke tests of Cloudflare Pages deployments.

A pytest plugin (entry point `pagesmoke`, to be loaded by hand with `-p pagesmoke`). Its fixtures give a `Target`, whose `kind` is a `Kind`;
`WriteRefused` is raised where a test's client would change production.

PYTEST_DONT_REWRITE: every run imports this, and no assertion in it is a test's.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_pagesmoke.model import Kind, Target
    from pytest_pagesmoke.observe.client import WriteRefused

__all__ = ["Kind", "Target", "WriteRefused", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Only where a test asks: pytest imports this package in every run, and an inactive one must not pay.
    if name in ("Kind", "Target"):
        from pytest_pagesmoke import model  # noqa: PLC0415

        return getattr(model, name)
    if name == "WriteRefused":
        from pytest_pagesmoke.observe.client import WriteRefused  # noqa: PLC0415

        return WriteRefused
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
