"""Every reason not to trust a server with the ledger, shown by a real server set up that way."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker.dev.embedded import EmbeddedServer
from broker.errors import StoreUnavailableError
from broker.settings.store import Durability, StoreSettings
from broker.store.client_link import ClientLink
from broker.store.connect import connect
from broker.store.link import Link
from broker.store.server_guard import Finding, inspect
from tests.fakes.redis_servers import Cluster, SingleServer, fake_client


@pytest.fixture
async def link(single: SingleServer) -> AsyncIterator[Link]:
    """A link to a server that is set up well for durability ``os``."""
    link = await connect(single.settings)
    yield link
    await link.close()


@pytest.fixture
def settings_of(single: SingleServer) -> Iterator[SingleServer]:
    """A server whose settings the test may change."""
    names = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync")
    before = {name: single.ask("CONFIG", "GET", name)[1] for name in names}
    yield single
    for name, value in before.items():
        single.ask("CONFIG", "SET", name, value)


async def test_a_server_set_up_well_has_no_findings(link: Link) -> None:
    """Nothing to say is an empty list."""
    assert await inspect(link, "os") == []


async def test_eviction_is_blocking(link: Link, settings_of: SingleServer) -> None:
    """A server that evicts would forget leases that are alive."""
    settings_of.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")

    [finding] = await inspect(link, "os")

    assert finding.severity == "blocking"
    assert "volatile-lru" in finding.message
    assert finding.remedy == "CONFIG SET maxmemory-policy noeviction"


@pytest.mark.parametrize("durability", ["os", "fsync"])
async def test_no_append_only_file_is_blocking(
    link: Link, settings_of: SingleServer, durability: Durability
) -> None:
    """Without one, a restart forgets the ledger, whatever the level."""
    settings_of.ask("CONFIG", "SET", "appendonly", "no")

    messages = [finding.message for finding in await inspect(link, durability)]

    assert "appendonly is off: a restart forgets the ledger" in messages


async def test_a_lazy_fsync_is_blocking_for_power_loss_only(link: Link) -> None:
    """``everysec`` survives the death of processes, not that of the machine."""
    [finding] = await inspect(link, "fsync")

    assert finding.severity == "blocking"
    assert finding.remedy.startswith("CONFIG SET appendfsync always")
    assert await inspect(link, "os") == []


async def test_an_eager_fsync_suffices_for_power_loss(
    link: Link, settings_of: SingleServer
) -> None:
    """``always`` is what the level ``fsync`` asks for."""
    settings_of.ask("CONFIG", "SET", "appendfsync", "always")

    assert await inspect(link, "fsync") == []


async def test_an_fsync_that_pauses_is_blocking(link: Link, settings_of: SingleServer) -> None:
    """``always`` with pauses during rewrites is not always."""
    settings_of.ask("CONFIG", "SET", "appendfsync", "always")
    settings_of.ask("CONFIG", "SET", "no-appendfsync-on-rewrite", "yes")
    try:
        [finding] = await inspect(link, "fsync")
    finally:
        settings_of.ask("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")

    assert finding.remedy == "CONFIG SET no-appendfsync-on-rewrite no"


async def test_memory_that_runs_out_is_a_warning(link: Link, settings_of: SingleServer) -> None:
    """The alarm comes while there is time, and does not stop anything."""
    used = int(settings_of.ask("INFO", "memory").partition("used_memory:")[2].split()[0])
    settings_of.ask("CONFIG", "SET", "maxmemory", used * 5 // 4)

    [finding] = await inspect(link, "os")

    assert finding.severity == "warning"
    assert "% of maxmemory is used" in finding.message


async def test_memory_that_suffices_is_no_finding(link: Link, settings_of: SingleServer) -> None:
    """A limit alone is fine."""
    used = int(settings_of.ask("INFO", "memory").partition("used_memory:")[2].split()[0])
    settings_of.ask("CONFIG", "SET", "maxmemory", used * 2)

    assert await inspect(link, "os") == []


async def test_a_replica_is_blocking(link: Link, single: SingleServer) -> None:
    """A connection that was opened to a primary may lead to a replica later."""
    single.ask("REPLICAOF", "127.0.0.1", "1")
    try:
        messages = [finding.message for finding in await inspect(link, "os")]
    finally:
        single.ask("REPLICAOF", "NO", "ONE")

    assert "a replica answers" in messages


async def test_an_account_that_may_not_see_settings_is_told_what_to_grant(
    single: SingleServer, tmp_path: Path
) -> None:
    """INFO is enough for ``os``; for ``fsync`` the one missing permission is named."""
    single.ask("ACL", "SETUSER", "blind", "reset", "on", ">pw", "~*", "+@all", "-config")
    (tmp_path / "pw").write_text("pw")
    settings = StoreSettings(
        url=single.settings.url, username="blind", password_file=str(tmp_path / "pw")
    )
    link = await connect(settings)
    try:
        assert await inspect(link, "os") == []
        [finding] = await inspect(link, "fsync")
    finally:
        await link.close()
        single.ask("ACL", "DELUSER", "blind")

    assert finding.severity == "blocking"
    assert finding.remedy == "ACL SETUSER <the broker's user> +config|get"


async def test_an_account_that_may_not_see_anything_is_told_what_to_grant(
    single: SingleServer, tmp_path: Path
) -> None:
    """Without INFO nothing can be known, and the link does not even open."""
    single.ask("ACL", "SETUSER", "blind", "reset", "on", ">pw", "~*", "+@all", "-info")
    (tmp_path / "pw").write_text("pw")
    settings = StoreSettings(
        url=single.settings.url, username="blind", password_file=str(tmp_path / "pw")
    )
    link = await connect(settings)
    try:
        with pytest.raises(StoreUnavailableError, match=r"\+info"):
            await inspect(link, "os")
    finally:
        await link.close()
        single.ask("ACL", "DELUSER", "blind")


async def test_every_shard_is_inspected(cluster: Cluster) -> None:
    """One bad shard of three is found and named by its port."""
    cluster.configure("appendonly", "yes")
    bad = cluster.ports[1]
    cluster.ask(bad, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    link = await connect(cluster.settings)
    try:
        [finding] = await inspect(link, "os")
    finally:
        cluster.ask(bad, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        cluster.configure("appendonly", "no")
        await link.close()

    assert f"(port {bad})" in finding.message


async def test_a_cluster_that_stops_as_a_whole_is_a_warning(cluster: Cluster) -> None:
    """By default one lost shard takes all others with it."""
    cluster.configure("appendonly", "yes")
    cluster.configure("cluster-require-full-coverage", "yes")
    link = await connect(cluster.settings)
    try:
        findings = await inspect(link, "os")
    finally:
        cluster.configure("cluster-require-full-coverage", "no")
        cluster.configure("appendonly", "no")
        await link.close()

    assert [finding.severity for finding in findings] == ["warning"]
    assert "CONFIG SET cluster-require-full-coverage no" in str(findings[0])


async def test_a_server_that_will_not_describe_itself_is_unavailable() -> None:
    """Fakeredis has no INFO: nothing is known, so nothing is claimed."""
    link = ClientLink(fake_client())
    with pytest.raises(StoreUnavailableError):
        await inspect(link, "os")
    await link.close()


async def test_the_embedded_server_keeps_what_it_promises(tmp_path: Path) -> None:
    """Each of its levels passes the inspection for that level."""
    for append_fsync, durability in (("everysec", "os"), ("always", "fsync")):
        async with EmbeddedServer(tmp_path / durability, append_fsync=append_fsync) as server:
            link = await connect(StoreSettings(url=server.url))
            assert await inspect(link, durability) == []
            await link.close()


def test_a_finding_reads_as_message_and_remedy() -> None:
    """What operators see in one line."""
    finding = Finding("blocking", "appendonly is off", "CONFIG SET appendonly yes")

    assert str(finding) == "appendonly is off: CONFIG SET appendonly yes"
