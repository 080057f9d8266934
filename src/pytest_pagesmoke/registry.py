"""Every kind of check, in one place: the suite, the documentation and the tests are held to it."""

from typing import Any, Final

from pytest_pagesmoke.checks import live
from pytest_pagesmoke.checks.answer import AnswerCheck
from pytest_pagesmoke.checks.asset import AssetCheck
from pytest_pagesmoke.checks.build import BuildCheck
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


def of_the_run() -> tuple[LiveCheck[Any], ...]:
    """What no settings name: planned where an option of the run asks for it, and imported there."""
    from pytest_pagesmoke.checks.same_as import SameAsCheck  # noqa: PLC0415 - few runs compare

    return (SameAsCheck(),)


def rule_groups() -> list[tuple[str, tuple[Rule, ...]]]:
    """The rules, under the names of the tests that raise them."""
    from pytest_pagesmoke.checks.dist import DIST_CHECKS  # noqa: PLC0415 - for those who list all rules alone

    return [
        ("Any live check", live.RULES),
        *((f"`{check.test}`", check.rules) for check in (*LIVE_CHECKS, *of_the_run())),
        *((f"`test_dist[{check.part}]`", check.rules) for check in DIST_CHECKS),
    ]
