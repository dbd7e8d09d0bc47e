"""What `broker doctor` says of resource servers: who is told when a token of theirs dies?"""

from collections.abc import Iterator
from typing import Final

from broker.findings import Line
from broker.governance.bundle import Bundle
from broker.model.capability import CheckMode, ResourceServer
from broker.store.feed_subscribers import FeedSubscribers

CHECK: Final = "resource-servers"

_REGISTER: Final = (
    "register the audience in resource_servers.yaml, as one that introspects or follows the feed"
)
_LISTEN: Final = (
    "see that the server runs, reaches the broker and shows a workload token made out for this"
    " audience"
)


async def examine(subscribers: FeedSubscribers, bundle: Bundle, now_ms: int) -> list[Line]:
    """Name audiences that nobody registered, and followers of the feed that do not listen.

    ``now_ms`` is by the ledger's clock.

    Raises:
        StoreUnavailableError: nobody knows who listens.
    """
    found = [*_unregistered(bundle)]
    servers = [record.resource_server() for record in bundle.document.resource_servers]
    listening = 0
    for server in servers:
        if server.check is not CheckMode.FEED:
            continue
        count = await subscribers.listening(server, now_ms)
        listening += count
        if not count:
            found.append(Line(CHECK, "warn", _unheard(server), _LISTEN))
    words = f"{len(servers)} registered, {listening} connections follow the feed"
    return found or [Line(CHECK, "ok", words)]


def _unregistered(bundle: Bundle) -> Iterator[Line]:
    audiences = {each.name: each.audience for each in bundle.document.capabilities}
    for name in bundle.offline_capabilities:
        what = f"nobody registered {audiences[name]}: tokens of {name} die of age only"
        yield Line(CHECK, "warn", what, _REGISTER)


def _unheard(server: ResourceServer) -> str:
    bound = f"only {server.staleness_ms} ms later" if server.strict else "by nobody"
    what = f"nobody listens to the feed for {server.audience}"
    return f"{what}: that a token of its died is confirmed {bound}"
