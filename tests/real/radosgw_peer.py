"""Ceph's radosgw as an AWS of its own: one monitor, one OSD in memory, one gateway, no manager.

Everything listens on the loopback interface and lives in one folder; nothing is installed.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from broker.secret import Secret
from tests.real.aws_peer import Keys, Peer
from tests.real.peer_process import START_S, PeerProcess, free_port, listens

_LIBRARIES: Final = "usr/lib/x86_64-linux-gnu"
_CAPS: Final = {
    "client.admin": ("mon", "allow *", "osd", "allow *"),
    "client.rgw": ("mon", "allow rw", "osd", "allow rwx"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
}

# Pools are made one after another, each in a round of the monitor: short rounds start quickly.
_CONFIGURATION: Final = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {home}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
paxos propose interval = 0.02
paxos min wait = 0.01
run dir = {home}
pid file = {home}/$name.pid
admin socket = {home}/$name.asok
log file = {home}/$name.log
mon data avail crit = 1
mon data avail warn = 2
plugin dir = {libraries}/ceph
erasure code dir = {libraries}/ceph/erasure-code
compressor dir = {libraries}/ceph/compressor
osd class dir = {libraries}/rados-classes
osd class load list = *
osd class default list = *
[mon]
keyring = {home}/mon.keyring
mon data = {home}/mon
[osd]
osd objectstore = memstore
memstore device bytes = 268435456
osd data = {home}/osd
osd journal = {home}/osd/journal
[client.rgw]
rgw data = {home}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw sts key = {sts_key}
rgw s3 auth use sts = true
rgw dns name = localhost
"""


def _uuid() -> str:
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


class _Cluster:
    """The programs of one unpacked folder, on the data of another."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root, self._home = root, home
        self._libraries = root / _LIBRARIES
        self.port = free_port()
        self._mon_port = free_port()
        self._fsid = _uuid()
        folders = (self._libraries, root / "lib/x86_64-linux-gnu", self._libraries / "ceph")
        self._environment = {
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)),
            "CEPH_CONF": str(home / "ceph.conf"),
        }

    def make(self) -> None:
        """Write the configuration, the keys and the two maps that a monitor begins with."""
        for folder in ("mon", "osd", "rgw"):
            (self._home / folder).mkdir()
        text = _CONFIGURATION.format(
            fsid=self._fsid,
            home=self._home,
            libraries=self._libraries,
            mon_port=self._mon_port,
            port=self.port,
            sts_key=secrets.token_hex(8),
        )
        (self._home / "ceph.conf").write_text(text, encoding="utf-8")
        self._make_keys()
        at = f"[v2:127.0.0.1:{self._mon_port}]"
        self.run(
            "monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", at, self._in("monmap")
        )
        # With the OSD in the first map nobody announces it, for which Ceph's Python is needed.
        self.run("osdmaptool", "--createsimple", "1", self._in("osdmap"))
        maps = ("--monmap", self._in("monmap"), "--osdmap", self._in("osdmap"))
        self.run("ceph-mon", "--mkfs", "-i", "a", *maps, "--keyring", self._in("mon.keyring"))

    def _make_keys(self) -> None:
        tool = partial(self.run, "ceph-authtool")
        ring, monitor = self._in("keyring"), self._in("mon.keyring")
        tool("--create-keyring", monitor, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        tool("--create-keyring", ring)
        for name, (first, may_first, second, may_second) in _CAPS.items():
            caps = ("--cap", first, may_first, "--cap", second, may_second)
            tool(ring, "--gen-key", "-n", name, *caps)
        tool(monitor, "--import-keyring", ring)

    def _in(self, name: str) -> str:
        return str(self._home / name)

    def _program(self, name: str) -> str:
        return str(self._root / "usr/bin" / name)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its commands to the end."""
        subprocess.run(  # noqa: S603 - ours
            [self._program(program), *arguments],
            env={**os.environ, **self._environment},
            cwd=self._home,
            check=True,
            capture_output=True,
            timeout=START_S,
        )

    def start(self, program: str, arguments: Sequence[str]) -> PeerProcess:
        """Start one of its servers."""
        argv = [self._program(program), "-f", *arguments]
        return PeerProcess(argv, self._home / f"{program}.out", self._environment)


def lacks(root: Path) -> str:
    """Say what this machine lacks for the programs of an unpacked folder; empty if nothing."""
    cluster = _Cluster(root, root)
    try:
        for program in ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"):
            cluster.run(program, "--version")
    except subprocess.CalledProcessError as error:
        return str(error.stderr.decode(errors="replace")).strip()
    return ""


@contextmanager
def running(root: Path) -> Iterator[Peer]:
    """Run the gateway of an unpacked folder on a cluster of its own."""
    # Its sockets have the path of their folder, which may not be long.
    home = Path(tempfile.mkdtemp(prefix="jit-rgw-"))
    cluster = _Cluster(root, home)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        cluster.make()
        monitor = cluster.start("ceph-mon", ["-i", "a"])
        stack.callback(monitor.kill)
        cluster.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", _uuid())
        store = cluster.start("ceph-osd", ["-i", "0"])
        stack.callback(store.kill)
        gateway = cluster.start("radosgw", ["-n", "client.rgw"])
        stack.callback(gateway.kill)
        gateway.when(partial(listens, cluster.port))
        yield _furnished(cluster, monitor.pid, store.pid, gateway.pid)


def _furnished(cluster: _Cluster, *pids: int) -> Peer:
    """Make an administrator: of roles, policies and providers; buckets are its own."""
    name, key, secret = "administrator", secrets.token_hex(10), secrets.token_hex(20)
    keys = ("--access-key", key, "--secret-key", secret)
    caps = ("--caps", "roles=*;user-policy=*;oidc-provider=*")
    user = ("--uid", name, "--display-name", name)
    cluster.run("radosgw-admin", "user", "create", *user, *keys, *caps)
    url = f"http://127.0.0.1:{cluster.port}"
    # It has no accounts: ARNs have an empty one.
    administrator = Keys(key, Secret(secret))
    return Peer("radosgw", url, url, url, "", administrator, f"arn:aws:iam:::user/{name}", pids)
