"""A child that signs as AWS's tools do, and a server's second opinion: both by botocore."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.fakes.proxy_lab import S3, SESSION, Lab, Received

REGION: Final = "eu-central-1"


def stand_in(lab: Lab) -> dict[str, str]:
    """Return the keys that the child holds."""
    whole = lab.proxy.stand_ins.whole("files")
    return {
        "access_key_id": whole.access_key_id,
        "secret_access_key": whole.secret_access_key.reveal(),
        "session_token": whole.word,
    }


def authorization(
    keys: Mapping[str, str], request: AWSRequest, service: str, region: str = REGION
) -> str:
    """Sign a request that has its date and its token."""
    key, secret = keys["access_key_id"], keys["secret_access_key"]
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer = kind(Credentials(key, secret), service, region)
    request.context["timestamp"] = request.headers["X-Amz-Date"]
    made = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )
    names = signer.signed_headers(signer.headers_to_sign(request))
    scope = f"Credential={signer.scope(request)}"
    return f"AWS4-HMAC-SHA256 {scope}, SignedHeaders={names}, Signature={made}"


@dataclass
class Order:
    """A request, as it is to be signed; each member may be another one than it should be."""

    method: str = "GET"
    target: str = "/bucket/key"
    body: bytes = b""
    fields: Sequence[tuple[str, str]] = ()
    """More fields, signed."""
    host: str = S3
    service: str = "s3"
    region: str = REGION
    ago: timedelta = timedelta()
    payload: str | None = None
    """What it says of the body; None: the body's digest. Empty: nothing."""


def signed(lab: Lab, order: Order, keys: Mapping[str, str] | None = None) -> list[str]:
    """Return the lines of a request's head, signed by the stand-in or by other keys."""
    keys = keys or stand_in(lab)
    at = (datetime.now(UTC) - order.ago).strftime("%Y%m%dT%H%M%SZ")  # noqa: TID251 - AWS's tools read it, too
    digest = hashlib.sha256(order.body).hexdigest() if order.payload is None else order.payload
    fields = [
        ("Host", f"{order.host}:{lab.upstream.port}"),
        ("X-Amz-Date", at),
        ("X-Amz-Security-Token", keys["session_token"]),
        *([("X-Amz-Content-SHA256", digest)] if digest else []),
        *order.fields,
    ]
    request = _request(order.method, order.host, order.target, fields, order.body)
    shown = authorization(keys, request, order.service, order.region)
    length = [("Content-Length", str(len(order.body)))] if order.body else []
    every = [*fields, ("Authorization", shown), *length]
    line = f"{order.method} {order.target} HTTP/1.1"
    return [line, *(f"{name}: {value}" for name, value in every)]


def told(lines: Sequence[str], body: bytes = b"") -> bytes:
    """Write a request."""
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_signed_by_the_session(got: Received, service: str = "s3") -> bool:
    """Tell whether the server would find the credential's signature right."""
    (shown,) = got.values("authorization")
    names = shown.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    fields = [(name, value) for name in names for value in got.values(name)]
    method, target, _ = got.line.split(" ")
    request = _request(method, S3, target, fields, got.body)
    (token,) = got.values("x-amz-security-token")
    is_whole = {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    return is_whole and (token, shown) == (
        SESSION["session_token"],
        authorization(SESSION, request, service),
    )


def _request(
    method: str, host: str, target: str, fields: Sequence[tuple[str, str]], body: bytes
) -> AWSRequest:
    request = AWSRequest(method, f"https://{host}{target}", data=body)
    for name, value in fields:
        request.headers[name] = value
    return request
