"""A real SPIRE server: the authority of a trust domain.

It is on loopback and at a unix socket in its own folder; what it is told goes through its own
commands, as an operator would.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from broker.dev.processes import Child, Processes
from tests.real.foreign import START_S
from tests.real.peer_process import free_port

QUICK: Final = "500ms"
"""How often server and agent look whether there is something new, instead of 5 s."""


class SpireServer:
    """The authority of one trust domain, with a bundle endpoint if it is told a profile."""

    def __init__(
        self, processes: Processes, programs: Path, domain: str, name: str = "spire-server"
    ) -> None:
        self._processes = processes
        self._program = programs / "spire-server"
        self._child: Child
        self.domain = domain
        self.name = name
        self.folder = processes.directory / name
        self.folder.mkdir(mode=0o700)
        self.port, self._bundle_port = free_port(), free_port()
        self.bundle_url = f"https://127.0.0.1:{self._bundle_port}/"
        self.settings: dict[str, object] = {}
        """What its configuration says besides, such as the type of its keys."""
        self.plugins: dict[str, object] = {}

    @property
    def endpoint_id(self) -> str:
        """The SPIFFE ID of the server itself, which its endpoints show."""
        return f"spiffe://{self.domain}/spire/server"

    def below(self, chain: Path, key: Path) -> None:
        """Be an intermediate of the authority in these files, once it starts."""
        files = {"cert_file_path": str(chain), "key_file_path": str(key)}
        self.plugins["UpstreamAuthority"] = plugin("disk", **files)

    async def start(self, profile: Mapping[str, object] | None = None) -> None:
        """Start it, with the profile of a bundle endpoint in its own words, and wait for it."""
        config = self.folder / "server.json"
        config.write_text(json.dumps(self._config(profile or {"https_spiffe": {}})))
        argv = [str(self._program), "run", "-config", str(config)]
        self._child = await self._processes.start(self.name, argv)
        probe = partial(is_healthy, self._program, self._socket)
        await self._processes.when_ready(self._child, probe, START_S)

    async def bundle(self, form: str = "spiffe") -> str:
        """Return the bundle, as an operator gets it."""
        return await self.says("bundle", "show", "-format", form)

    async def join_token(self) -> str:
        """Return a token that admits one agent."""
        made = await self.told("token", "generate")
        return str(made["value"])

    async def register(self, path: str, parent: str) -> str:
        """Let processes of this user, below an agent, have the ID of a path; name the entry."""
        made = await self.told(
            *("entry", "create", "-spiffeID", self.id(path), "-parentID", parent),
            *("-selector", f"unix:uid:{os.getuid()}"),
        )
        return str(made["results"][0]["entry"]["id"])

    async def forget(self, entry: str) -> None:
        """Delete an entry."""
        await self.told("entry", "delete", "-entryID", entry)

    async def jwt_svid(self, path: str, audience: str) -> str:
        """Make an SVID without an agent, as the authority can for whomever it likes."""
        mint = ("jwt", "mint", "-spiffeID", self.id(path), "-audience", audience)
        return (await self.says(*mint)).strip()

    async def x509_svid(self, path: str, folder: Path) -> tuple[Path, Path]:
        """Make an SVID without an agent; return the files of the chain and the key."""
        await asyncio.to_thread(folder.mkdir, mode=0o700, exist_ok=True)
        await self.says("x509", "mint", "-spiffeID", self.id(path), "-write", str(folder))
        return folder / "svid.pem", folder / "key.pem"

    async def rotate(self, kind: str) -> tuple[str, str]:
        """Prepare and activate an authority, ``jwt`` or ``x509``; name the former and the new."""
        shown = await self.told("localauthority", kind, "show")
        prepared = await self.told("localauthority", kind, "prepare")
        new = str(prepared["prepared_authority"]["authority_id"])
        await self.told("localauthority", kind, "activate", "-authorityID", new)
        return str(shown["active"]["authority_id"]), new

    async def taint(self, kind: str, authority: str) -> None:
        """Have agents replace what a former authority signed."""
        await self.told("localauthority", kind, "taint", "-authorityID", authority)

    async def revoke(self, kind: str, authority: str) -> None:
        """Take a former authority out of the bundle."""
        await self.told("localauthority", kind, "revoke", "-authorityID", authority)

    def id(self, path: str) -> str:
        """Spell an ID of this trust domain."""
        return f"spiffe://{self.domain}{path}"

    async def die(self) -> None:
        """End as by power loss."""
        self._child.process.kill()
        await self._child.process.wait()

    async def told(self, *order: str) -> Any:
        """Give an order; return the answer, read as JSON."""
        return json.loads(await self.says(*order, "-output", "json"))

    async def says(self, *order: str) -> str:
        """Give an order; return the answer."""
        return await run(self._program, *order, "-socketPath", self._socket)

    @property
    def _socket(self) -> str:
        return str(self.folder / "api.sock")

    def _config(self, profile: Mapping[str, object]) -> dict[str, Any]:
        endpoint = {
            "address": "127.0.0.1",
            "port": self._bundle_port,
            "profile": profile,
        }
        database = {
            "database_type": "sqlite3",
            "connection_string": str(self.folder / "datastore.sqlite3"),
        }
        return {
            "server": {
                "bind_address": "127.0.0.1",
                "bind_port": str(self.port),
                "socket_path": self._socket,
                "trust_domain": self.domain,
                "data_dir": str(self.folder),
                "federation": {"bundle_endpoint": endpoint},
                "experimental": {"cache_reload_interval": QUICK},
                **self.settings,
            },
            "plugins": {
                "DataStore": plugin("sql", **database),
                "NodeAttestor": plugin("join_token"),
                "KeyManager": plugin("disk", keys_path=str(self.folder / "keys.json")),
                **self.plugins,
            },
        }


async def run(program: Path, *arguments: str) -> str:
    """Run a command of SPIRE's to its end; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(str(program), *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (arguments, out, err)
    return out.decode()


def plugin(name: str, **data: str) -> dict[str, Any]:
    """Configure one plugin of a kind."""
    return {name: {"plugin_data": data}}


async def is_healthy(program: Path, where: str) -> bool | None:
    """Tell whether a server or agent is up, by its own word; None while it is not."""
    try:
        await run(program, "healthcheck", "-socketPath", where)
    except AssertionError:
        return None
    return True
