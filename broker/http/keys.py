"""What a request carries from the middleware to its handler."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from broker.model.principal import Principal

PRINCIPAL = web.RequestKey("PRINCIPAL", Principal)
"""The attested caller; present on every route that is not public."""

REQUEST_ID = web.RequestKey("REQUEST_ID", str)
"""The broker's own name of this request, also in the answer's ``X-Request-Id`` and in the log."""

QUERY: Final[web.RequestKey[Mapping[str, str]]] = web.RequestKey("QUERY", dict)
"""The query parameters of a read, checked: only known ones, each once."""
