"""Names of servers, spelt in one way.

A host that a resolver, a certificate check and a rule could read differently (a trailing dot, an
octal or a one-number address, user information, a percent sign) is no name of anything here.
"""

import re
from typing import Final

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HIGHEST_PORT: Final = 65_535
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_LONGEST: Final = 253


def is_host(text: str) -> bool:
    """Tell whether this is the name of a host, in lower case; a number of any form is none."""
    fits = len(text) <= _LONGEST and _HOST.fullmatch(text) is not None
    return fits and _NUMBER.fullmatch(text.rpartition(".")[2]) is None
