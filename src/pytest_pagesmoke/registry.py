"""Every kind of check, in one place: the suite, the documentation and the tests are held to it."""

from typing import Any, Final

from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.answer import AnswerCheck
from pytest_pagesmoke.checks.asset import AssetCheck
from pytest_pagesmoke.checks.build import BuildCheck
from pytest_pagesmoke.checks.dist import DIST_CHECKS
from pytest_pagesmoke.checks.health import HealthCheck
from pytest_pagesmoke.checks.linked import LinkedCheck
from pytest_pagesmoke.checks.not_found import NotFoundCheck
from pytest_pagesmoke.checks.page import PageCheck
from pytest_pagesmoke.checks.redirect import RedirectCheck
from pytest_pagesmoke.checks.same_as import SameAsCheck
from pytest_pagesmoke.model import LiveCheck, Rule

LIVE_CHECKS: Final[tuple[LiveCheck[Any], ...]] = (
    PageCheck(),
    HealthCheck(),
    AssetCheck(),
    LinkedCheck(),
    AnswerCheck(),
    RedirectCheck(),
    NotFoundCheck(),
    BuildCheck(),
)
#: What no settings name: planned where an option of the run asks for it.
OF_THE_RUN: Final[tuple[LiveCheck[Any], ...]] = (SameAsCheck(),)
#: The keys of the settings that hold one entry, and no list of them.
SINGLE_KEYS: Final = frozenset({BuildCheck.key})


def rule_groups() -> list[tuple[str, tuple[Rule, ...]]]:
    """The rules, under the names of the tests that raise them."""
    return [
        ("Any live check", live.RULES),
        *((f"`{check.test}`", check.rules) for check in (*LIVE_CHECKS, *OF_THE_RUN)),
        *((f"`test_dist[{check.part}]`", check.rules) for check in DIST_CHECKS),
    ]
