"""Looking at things: sites over HTTP, folders on the disk. Whatever happens there becomes an observation, never an exception."""

import sys
from importlib.util import find_spec
from typing import Final

#: What httpx and httpcore import and can do without. httpx its command line, which (where click and rich are installed) takes as long
#: as all the rest of it. httpcore tries sniffio several times a request: where there is none, the disk is searched each time.
_NEEDLESS: Final = ("httpx._main", *(() if find_spec("sniffio") else ("sniffio",)))
for _name in _NEEDLESS:
    # None is how Python itself notes that a module cannot be imported. What somebody has imported already stays.
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # typeshed does not know None there
