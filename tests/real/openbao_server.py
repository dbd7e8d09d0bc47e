"""A real OpenBao of a test's own, with engines, policies and roles as its owner sets them up."""

import copy
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWK

from tests.real.peer_process import free_port
from tests.real.peer_server import PeerServer
from tests.real.postgres_server import PASSWORD, SUPERUSER, PostgresServer

_START_S: Final = 60.0
_AUTHORITY: Final = "pki/root"


def _from_docs(language: str) -> str:
    """Return what the page for owners says: it is what these tests run with."""
    page = (Path(__file__).parents[2] / "docs" / "vault.md").read_text()
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(block)


POLICIES: Final[Mapping[str, str]] = {
    "jit-broker": _from_docs("hcl"),
    "jit-orders": 'path "database/creds/*" { capabilities = ["read"] }',
    "jit-pki": 'path "pki/issue/*" { capabilities = ["update"] }',
    "jit-ssh": 'path "ssh/issue/*" { capabilities = ["update"] }',
    "jit-rabbit": 'path "rabbitmq/creds/*" { capabilities = ["read"] }',
    "jit-kv": 'path "kv/data/*" { capabilities = ["read"] }',
}

KILLING: Final = _from_docs("sql").splitlines()
MAKING: Final = [
    "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';",
    'GRANT USAGE ON SCHEMA shop TO "{{name}}";',
    'GRANT SELECT ON shop.orders TO "{{name}}";',
]


class VerifiesTokens(Protocol):
    """A key with its public half."""

    @property
    def jwk(self) -> Mapping[str, str]:
        """The public half (RFC 7517)."""
        ...


class OpenBaoServer(PeerServer):
    """In memory (``dev``), or on a disk that outlives its process (``raft``)."""

    def __init__(
        self, program: Path, *, on_disk: bool = False, follows: "OpenBaoServer | None" = None
    ) -> None:
        super().__init__("bao")
        self._program = program
        self._on_disk = on_disk
        self._follows = follows
        self._unseal = ""
        self.root = secrets.token_urlsafe(16)
        self.namespace = ""
        self.port = free_port()
        self._cluster = f"127.0.0.1:{free_port()}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it works."""
        self._launch([str(self._program), "server", *self._arguments()])
        self._until(lambda: self._state() in {200, 501, 503})
        if self._follows is not None:
            self._join(self._follows)
        elif self._on_disk and not self._unseal:
            self._make()
        elif self._on_disk:
            self.unseal()
        self._until(lambda: self._state() == (200 if self._follows is None else 429))

    def _join(self, active: "OpenBaoServer") -> None:
        """Become a standby of another one, with its seal."""
        self.root, self._unseal = active.root, active._unseal  # noqa: SLF001 - another of us
        self._ask("POST", "sys/storage/raft/join", {"leader_api_addr": active.url})
        self._ask("POST", "sys/unseal", {"key": self._unseal})
        self._until(lambda: self._is_voting_with(active))

    def _is_voting_with(self, active: "OpenBaoServer") -> bool:
        """Tell whether it may become the active one, and knows who is."""
        found = active.says("GET", "sys/storage/raft/configuration")["data"]["config"]["servers"]
        voters = [each["node_id"] for each in found if each["voter"]]
        try:
            leader = requests.get(f"{self.url}/v1/sys/leader", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        return f"node-{self.port}" in voters and leader.get("leader_address") == active.url

    def step_down(self, other: "OpenBaoServer") -> None:
        """Let another server of the cluster be the active one."""
        self.says("POST", "sys/step-down")
        self._until(lambda: other._state() == 200 and self._state() == 429)  # noqa: SLF001 - another of us

    def _arguments(self) -> list[str]:
        if not self._on_disk:
            listen = f"-dev-listen-address=127.0.0.1:{self.port}"
            return ["-dev", f"-dev-root-token-id={self.root}", listen, "-dev-no-store-token"]
        file = self._home / "config.hcl"
        data = self._home / "data"
        data.mkdir(exist_ok=True)
        file.write_text(
            f'storage "raft" {{ path = "{data}" node_id = "node-{self.port}" }}\n'
            f'listener "tcp" {{ address = "127.0.0.1:{self.port}" tls_disable = true\n'
            f'  cluster_address = "{self._cluster}" }}\n'
            f'api_addr = "{self.url}"\ncluster_addr = "https://{self._cluster}"\n'
        )
        return [f"-config={file}"]

    def _make(self) -> None:
        made = self._ask("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.root, (self._unseal,) = made["root_token"], made["keys_base64"]
        self.unseal()

    def unseal(self) -> None:
        """Open it again."""
        self._ask("POST", "sys/unseal", {"key": self._unseal})
        self._until(lambda: self._state() == 200)

    def seal(self) -> None:
        """Lock it."""
        self.says("POST", "sys/seal")
        self._until(lambda: self._state() == 503)

    def says(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Ask as root; what is not there answers ``None``."""
        return self._ask(method, path, body, token=self.root)

    def leases(self, path: str = "database/creds/orders") -> list[str]:
        """Name the leases below a path."""
        found = self.says("LIST", f"sys/leases/lookup/{path}")
        return [] if found is None else list(found["data"]["keys"])

    def knows(self, accessor: str) -> bool:
        """Tell whether there is a token of that accessor."""
        return self.says("POST", "auth/token/lookup-accessor", {"accessor": accessor}) is not None

    def accessors(self) -> list[str]:
        """Name the tokens that were made for credentials."""
        named = self.says("LIST", "auth/token/accessors")["data"]["keys"]
        seen = [self.says("POST", "auth/token/lookup-accessor", {"accessor": a}) for a in named]
        return [
            s["data"]["accessor"] for s in seen if s and "jit_lease" in (s["data"]["meta"] or {})
        ]

    def within(self, namespace: str) -> "OpenBaoServer":
        """Make a namespace, and return the same server as it is seen from there."""
        self.says("POST", f"sys/namespaces/{namespace}", {})
        inside = copy.copy(self)
        inside.namespace = namespace
        return inside

    def unwrap(self, token: str) -> Any:
        """Open a wrapping token, as who was given it; ``None`` when it is none any more."""
        headers = {"X-Vault-Token": token}
        answer = requests.post(f"{self.url}/v1/sys/wrapping/unwrap", headers=headers, timeout=30)
        return answer.json() if answer.ok else None

    def sweep(self) -> None:
        """End all credentials that other tests have left."""
        for accessor in self.accessors():
            self.says("POST", "auth/token/revoke-accessor", {"accessor": accessor})
        self.says("POST", "sys/leases/revoke-prefix/database/creds", {"sync": True})

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, token: str = ""
    ) -> Any:
        headers = {"X-Vault-Token": token} if token else {}
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        answer = requests.request(
            method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30
        )
        if answer.status_code in {400, 403, 404} and method != "PUT" and "lookup" in path:
            return None
        assert answer.ok, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _state(self) -> int:
        try:
            return requests.get(f"{self.url}/v1/sys/health", timeout=5).status_code
        except requests.RequestException:
            return 0

    def _until(self, is_so: Any) -> None:
        ends = time.monotonic() + _START_S
        while not is_so():
            assert time.monotonic() < ends, self.log[-4_000:]
            time.sleep(0.02)


def furnish(server: OpenBaoServer, postgres: PostgresServer) -> None:
    """Do what the owner of a Vault does, as ``docs/targets.md`` says."""
    for name, policy in POLICIES.items():
        server.says("POST", f"sys/policies/acl/{name}", {"policy": policy})
    server.says(
        "POST",
        "auth/token/roles/jit",
        {
            "allowed_policies": [name for name in POLICIES if name != "jit-broker"],
            "orphan": True,
            "renewable": True,
            "token_type": "service",
            "token_no_default_policy": True,
        },
    )
    for mount, kind in (("database", "database"), ("pki", "pki"), ("ssh", "ssh")):
        server.says("POST", f"sys/mounts/{mount}", {"type": kind})
    server.says("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    server.says("POST", "kv/data/shop/api", {"data": {"key": "standing-secret-of-tests"}})
    _furnish_database(server, postgres)
    _furnish_authorities(server)


def _furnish_database(server: OpenBaoServer, postgres: PostgresServer) -> None:
    connection = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{postgres.port}/orders"
    server.says(
        "POST",
        "database/config/orders",
        {
            "plugin_name": "postgresql-database-plugin",
            "connection_url": f"{connection}?sslmode=disable&connect_timeout=2",
            "username": SUPERUSER,
            "password": PASSWORD,
            "allowed_roles": ["orders", "others"],
        },
    )
    role = {
        "db_name": "orders",
        "creation_statements": MAKING,
        "revocation_statements": KILLING,
        "default_ttl": "5m",
        "max_ttl": "24h",
    }
    for name in ("orders", "others"):
        server.says("POST", f"database/roles/{name}", role)


def _furnish_authorities(server: OpenBaoServer) -> None:
    server.says(
        "POST", f"{_AUTHORITY}/generate/internal", {"common_name": "tests", "ttl": "87600h"}
    )
    role = {"allowed_domains": ["example.org"], "allow_subdomains": True, "max_ttl": "72h"}
    server.says("POST", "pki/roles/bots", {**role, "key_type": "ec", "key_bits": 256})
    server.says("POST", "ssh/config/ca", {"generate_signing_key": True, "key_type": "ed25519"})
    server.says(
        "POST",
        "ssh/roles/bots",
        {
            "key_type": "ca",
            "allow_user_certificates": True,
            "allowed_users": "*",
            "default_user": "bot",
            "max_ttl": "1h",
        },
    )


def trust_key(
    server: OpenBaoServer, key: VerifiesTokens, *, mount: str, issuer: str, audience: str
) -> None:
    """Let whoever signs with a key log in as the broker."""
    server.says("POST", f"sys/auth/{mount}", {"type": "jwt"})
    config = {"jwt_validation_pubkeys": [pem(key)], "bound_issuer": issuer}
    server.says("POST", f"auth/{mount}/config", config)
    trust_role(server, mount=mount, audience=audience)


def trust_role(server: OpenBaoServer, *, mount: str, audience: str, ttl: str = "20m") -> None:
    """Make the role that the broker logs in with."""
    server.says(
        "POST",
        f"auth/{mount}/role/jit-broker",
        {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_subject": "jit-broker",
            "bound_audiences": [audience],
            "expiration_leeway": -1,
            "token_policies": ["jit-broker"],
            "token_no_default_policy": True,
            "token_ttl": ttl,
        },
    )


def pem(key: VerifiesTokens) -> str:
    """Write a public key as its owner would copy it."""
    public = PyJWK(dict(key.jwk)).key
    kind, form = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    return str(public.public_bytes(kind, form).decode())
