"""The broker logs in at a real OpenBao as a Kubernetes service account.

OpenBao asks an API server, over TLS, whose token it was shown (TokenReview); the one here answers
from a script. No cluster is there.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest

from backends.contract import Death
from backends.errors import BackendError, Trouble
from backends.vault_options import KubernetesLogin, VaultOptions
from broker.clock import SystemClock
from broker.signing.key import new_private_key
from tests.fakes.certificates import Authority
from tests.real.openbao_server import OpenBaoServer
from tests.real.postgres_server import PostgresServer
from tests.real.vault_lab import MOUNTS, Signing, is_let_in, minted, opened, soon

pytestmark = pytest.mark.real

ACCOUNT = {"name": "broker", "namespace": "jit", "uid": "0b4a6d1e-0000-4000-8000-000000000001"}
USER = f"system:serviceaccount:{ACCOUNT['namespace']}:{ACCOUNT['name']}"


class ApiServer:
    """Reviews tokens: of one that is known it says whose it is."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "cluster")
        self.known: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        certificate, key = self.authority.issue("api")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def _review(self, path: str, shown: str, body: Any) -> Any:
        self.asked.append((path, shown))
        token = body["spec"]["token"]
        user = {"username": USER, "uid": ACCOUNT["uid"], "groups": ["system:serviceaccounts"]}
        audiences = body["spec"].get("audiences", [])
        status = {"authenticated": True, "user": user, "audiences": audiences}
        if token not in self.known:
            status = {"authenticated": False, "error": "no such token"}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Answers one request."""

            def do_POST(self) -> None:
                """Review."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                shown = self.headers.get("Authorization", "")
                answer = json.dumps(server._review(self.path, shown, body)).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Write nothing."""

        return Handler


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """An API server with a certificate of its own authority."""
    server = ApiServer(tmp_path)
    try:
        yield server
    finally:
        server.stop()


def service_account_token(lifetime_s: int = 600, **changes: str) -> str:
    """Write a token as the kubelet projects it into a pod; the API server alone judges it."""
    now_s = SystemClock().now_ms() // 1000
    account = {**ACCOUNT, **changes}
    claims = {
        "iss": "https://kubernetes.default.svc",
        "sub": f"system:serviceaccount:{account['namespace']}:{account['name']}",
        "aud": ["https://kubernetes.default.svc"],
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + lifetime_s,
        "kubernetes.io": {
            "namespace": account["namespace"],
            "serviceaccount": {"name": account["name"], "uid": account["uid"]},
        },
    }
    return jwt.encode(claims, new_private_key("ES256"), algorithm="ES256")


@pytest.fixture
def declared(openbao: OpenBaoServer, api: ApiServer, tmp_path: Path) -> Iterator[VaultOptions]:
    """A server that lets that service account in as the broker, and where its token lies."""
    openbao.says("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    openbao.says(
        "POST",
        "auth/kubernetes/config",
        {
            "kubernetes_host": api.url,
            "kubernetes_ca_cert": api.authority.ca_file.read_text(),
            "token_reviewer_jwt": service_account_token(name="reviewer"),
            "disable_local_ca_jwt": True,
        },
    )
    role = {
        "bound_service_account_names": [ACCOUNT["name"]],
        "bound_service_account_namespaces": [ACCOUNT["namespace"]],
        "token_policies": ["jit-broker"],
        "token_no_default_policy": True,
        "token_ttl": "20m",
    }
    openbao.says("POST", "auth/kubernetes/role/jit-broker", role)
    login = KubernetesLogin(role="jit-broker", token_file=tmp_path / "token")
    yield VaultOptions(address=openbao.url, login=login, token_role="jit", mounts=MOUNTS)
    openbao.says("DELETE", "sys/auth/kubernetes")


def test_a_service_account_is_let_in_and_mints_and_kills(
    declared: VaultOptions, api: ApiServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    """The API server is asked about the very token that lies in the pod, by the reviewer's."""
    token = service_account_token()
    api.known.add(token)
    (tmp_path / "token").write_text(token)
    with opened(declared, Signing().surroundings) as vault:
        words, place = minted(vault)
        is_in = is_let_in(words, postgres.port)

        assert vault.revoke(place, soon()) is Death.GONE

    assert is_in
    assert not is_let_in(words, postgres.port)
    ((path, shown),) = api.asked
    assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
    assert shown.startswith("Bearer ")
    assert token not in shown


@pytest.mark.parametrize("wrong", ["unknown", "another account", "no file"])
def test_whoever_is_not_that_account_is_locked_out(
    declared: VaultOptions, api: ApiServer, tmp_path: Path, wrong: str
) -> None:
    """And nothing is minted."""
    token = service_account_token(**({"name": "agent"} if wrong == "another account" else {}))
    if wrong == "another account":
        api.known.add(token)
    if wrong != "no file":
        (tmp_path / "token").write_text(token)
    with (
        opened(declared, Signing().surroundings) as vault,
        pytest.raises(BackendError) as caught,
    ):
        minted(vault)

    expected = Trouble.UNKNOWN if wrong == "no file" else Trouble.LOCKED_OUT
    assert caught.value.trouble is expected


def test_a_token_that_the_kubelet_has_rotated_is_read_anew(
    declared: VaultOptions, api: ApiServer, openbao: OpenBaoServer, tmp_path: Path
) -> None:
    """At the next login: the first one's token is gone at OpenBao, and at the API server."""
    first, second = service_account_token(), service_account_token()
    (tmp_path / "token").write_text(first)
    api.known = {first}
    with opened(declared, Signing().surroundings) as vault:
        _, place = minted(vault)
        (tmp_path / "token").write_text(second)
        api.known = {second}
        openbao.says("POST", "sys/leases/revoke-prefix/auth/kubernetes/login", {"sync": True})

        assert vault.revoke(place, soon()) is Death.GONE
    assert len(api.asked) == 2
