"""The checks of the build output, in the order in which they are shown."""

from typing import Final

from pytest_pagesmoke.checks.dist.output import OutputCheck
from pytest_pagesmoke.checks.dist.routes import RoutesCheck
from pytest_pagesmoke.checks.dist.worker import WorkerCheck
from pytest_pagesmoke.model import DistCheck, DistSpec

DIST_CHECKS: Final[tuple[DistCheck[DistSpec], ...]] = (OutputCheck(), WorkerCheck(), RoutesCheck())
