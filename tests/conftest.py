"""Fixtures that several suites share: real servers, and a link over each way to reach one."""

import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from broker.store.client_link import ClientLink
from broker.store.connect import connect
from broker.store.link import Link
from broker.store.servers import client_options
from tests.fakes.redis_servers import PATIENT_MS, Cluster, SingleServer, fake_client

# A machine that is busy with something else makes examples slowly; that says nothing of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

LINKS = ("mux", "client", "cluster", "fake")
"""Every way to reach a Redis. For some of them: ``parametrize("link", ["mux"], indirect=True)``."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:  # noqa: ARG001 - its name
    """Start three workers for two CPUs: a test waits half of its time, for an expiry, for a death.

    With four, a test now and then met a store that had not answered within its two seconds.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return None
    cpus = len(os.sched_getaffinity(0))
    return cpus + cpus // 2


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a command configures in this process does not outlive its test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def single_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SingleServer]:
    """One server for the whole session; ask for ``single``, which is empty."""
    server = SingleServer(tmp_path_factory.mktemp("single"))
    yield server
    server.stop()


@pytest.fixture
def single(single_server: SingleServer) -> SingleServer:
    """A running, empty server, which the test may freeze, kill and restart."""
    single_server.make_fresh()
    return single_server


@pytest.fixture(scope="session")
def cluster_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for the whole session; ask for ``cluster``, which is empty."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(cluster_servers: Cluster) -> Cluster:
    """An empty cluster of three primaries."""
    cluster_servers.make_fresh()
    return cluster_servers


@pytest.fixture(params=LINKS)
async def link(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A link over an empty server, once for each way to reach one."""
    link = await _make_link(request.param, request)
    yield link
    await link.close()


async def _make_link(kind: str, request: pytest.FixtureRequest) -> Link:
    if kind == "fake":
        return ClientLink(fake_client(), deadline_ms=PATIENT_MS)
    if kind == "cluster":
        return await connect(request.getfixturevalue("cluster").settings)
    single: SingleServer = request.getfixturevalue("single")
    if kind == "mux":
        return await connect(single.settings)
    client = Redis(unix_socket_path=single.path, **client_options(PATIENT_MS))
    return ClientLink(client, deadline_ms=PATIENT_MS)
