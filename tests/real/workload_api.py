"""A server of the SPIFFE Workload API, on the published protobufs, for one registered workload.

``python -m tests.real.workload_api FOLDER SPIFFE-ID``. In the folder it writes ``bundle.json`` (as
``spire-server bundle show -format spiffe`` does) and listens at ``api.sock``. What is in the folder
steers it, read anew for each request: ``signing`` names the key that signs, of the two in the
bundle; with ``unregistered`` it knows the workload no more. ``served`` has one line for each SVID.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from spiffe._proto import workload_pb2, workload_pb2_grpc

from broker.clock import SystemClock
from tests.fakes.trust_domain import FakeTrustDomain

SOCKET: Final = "api.sock"
BUNDLE: Final = "bundle.json"
KIDS: Final = ("jwt-1", "jwt-2")
_LIFE_S: Final = 3_000
_SECURITY_HEADER: Final = ("workload.spiffe.io", "true")
"""Without it a request is refused (SPIFFE Workload Endpoint §6.1)."""


class WorkloadApi(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """Vouches for the one workload that can reach its socket."""

    def __init__(self, folder: Path, spiffe_id: str) -> None:
        self._folder = folder
        self._id = spiffe_id
        domain = spiffe_id.split("/")[2]
        self._keys = {kid: FakeTrustDomain(domain, kid) for kid in KIDS}
        for kid, keys in self._keys.items():
            keys.jwt_key = _kept(folder / f"{kid}.pem", keys.jwt_key)
        first, following = self._keys.values()
        first.members = [first.jwt_member(), first.x509_member()]
        first.members.append(following.jwt_member())
        (folder / BUNDLE).write_bytes(first.bundle())

    def FetchJWTSVID(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answer an SVID for the audiences that are asked for."""
        self._admit(context)
        if request.spiffe_id not in {"", self._id}:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not this workload's")
        kid = self._kid()
        now_s = SystemClock().now_ms() // 1000
        claims = {
            "sub": self._id,
            "aud": list(request.audience),
            "iat": now_s,
            "exp": now_s + _LIFE_S,
        }
        with (self._folder / "served").open("a", encoding="utf-8") as log:
            log.write(f"{kid}\n")
        svid = workload_pb2.JWTSVID(spiffe_id=self._id, svid=self._keys[kid].jwt_svid(claims))
        return workload_pb2.JWTSVIDResponse(svids=[svid])

    def FetchX509SVID(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Answer one X.509-SVID, anew at each call, as if it had rotated."""
        del request
        self._admit(context)
        domain = self._keys[KIDS[0]]
        svid = domain.x509_svid("/" + self._id.split("/", 3)[3])
        key = svid.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        bundle = domain.authority.certificate.public_bytes(Encoding.DER)
        said = workload_pb2.X509SVID(
            spiffe_id=self._id, x509_svid=svid.der, x509_svid_key=key, bundle=bundle
        )
        yield workload_pb2.X509SVIDResponse(svids=[said])

    def _admit(self, context: grpc.ServicerContext) -> None:
        if _SECURITY_HEADER not in [tuple(pair) for pair in context.invocation_metadata()]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the security header is missing")
        if (self._folder / "unregistered").exists():
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")

    def _kid(self) -> str:
        chosen = self._folder / "signing"
        return chosen.read_text(encoding="utf-8") if chosen.exists() else KIDS[0]


def _kept(file: Path, made: EllipticCurvePrivateKey) -> EllipticCurvePrivateKey:
    """Return the key of an earlier run, or keep this one for the next."""
    if not file.exists():
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    kept = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(kept, EllipticCurvePrivateKey)
    return kept


def main(folder: Path, spiffe_id: str) -> None:
    """Serve until the process is stopped."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server(
        WorkloadApi(folder, spiffe_id), server
    )
    server.add_insecure_port(f"unix:{folder / SOCKET}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
