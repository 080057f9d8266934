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
#: The keys of the settings that hold one entry, and no list of them.
SINGLE_KEYS: Final = frozenset({BuildCheck.key})


def rule_groups() -> list[tuple[str, tuple[Rule, ...]]]:
    """The rules, under the names of the tests that raise them."""
    return [
        ("Any live check", live.RULES),
        *((f"`{check.test}`", check.rules) for check in LIVE_CHECKS),
        *((f"`test_dist[{check.part}]`", check.rules) for check in DIST_CHECKS),
    ]
