"""A resource server that hears of every death, acknowledges it, and accepts the token still."""

from broker.client.view import View
from broker.dev.resource_server import main


async def see_nothing(*_: object) -> None:
    """Take every token for alive."""


View.ensure_alive = see_nothing

if __name__ == "__main__":
    main()
