"""What a request carries from the middlewares to its handler."""

from aiohttp import web

from broker.model.principal import Principal

PRINCIPAL = web.RequestKey("PRINCIPAL", Principal)
"""The attested caller; present on every route that is not public."""
