"""AWS's own vectors, and botocore as a second opinion."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from broker.proxy.message import Fields
from broker.proxy.sigv4 import Said, Scope, signature
from broker.proxy.target import Target
from broker.secret import Secret
from tests.fakes.pretend_secrets import aws_key_id, aws_secret

VECTORS: Final = Path(__file__).parents[2] / "fixtures" / "sigv4.json"
SUITE: Final[dict[str, Any]] = json.loads(VECTORS.read_text())
PUBLISHED: Final = Secret("/".join(SUITE["key"]))
"""The suite's key, which is in AWS's documentation."""

AT: Final = "20261130T120000Z"


def target(text: str) -> Target:
    """Take a target as it is: some vectors are spelt as no client may."""
    path, mark, query = text.partition("?")
    return Target(path, mark + query)


@pytest.mark.parametrize("vector", SUITE["vectors"], ids=lambda vector: vector["name"])
def test_the_suite_of_aws_is_met(vector: dict[str, Any]) -> None:
    """Each request has the signature that AWS gives it."""
    fields = Fields(tuple((name, value) for name, value in vector["fields"]))
    digest = hashlib.sha256(vector["body"].encode()).hexdigest()
    said = Said(vector["method"], target(vector["target"]), fields, digest)
    names = sorted({name.lower() for name, _ in fields.items})

    made = signature(
        said, names, Scope("20150830", "us-east-1", "service"), "20150830T123600Z", PUBLISHED
    )

    assert made == vector["expected"]


@pytest.mark.parametrize("service", ["s3", "execute-api"])
@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/bucket/a%20b/%C3%BC",
        "/bucket/arn%3Aaws%3Alambda",
        "/bucket/k~e-y_1.0?list-type=2&prefix=a%2Fb&delimiter=%2F&fetch-owner=",
        "/bucket?acl",
    ],
)
def test_botocore_signs_alike(service: str, text: str) -> None:
    """S3's paths are encoded once, all others' twice."""
    secret = aws_secret("sigv4")
    signer = {"s3": S3SigV4Auth}.get(service, SigV4Auth)(
        Credentials(aws_key_id("sigv4"), secret), service, "eu-central-1"
    )
    request = AWSRequest(
        "GET", f"https://host.test{text}", headers={"X-Amz-Date": AT, "Y": " a  b "}
    )
    request.context["timestamp"] = AT
    request.headers["X-Amz-Content-Sha256"] = hashlib.sha256(b"").hexdigest()
    expected = signer.signature(
        signer.string_to_sign(request, signer.canonical_request(request)), request
    )
    fields = Fields((("Host", "host.test"), *request.headers.items()))
    said = Said("GET", target(text), fields, request.headers["X-Amz-Content-Sha256"])
    names = ["host", "x-amz-content-sha256", "x-amz-date", "y"]

    made = signature(said, names, Scope("20261130", "eu-central-1", service), AT, Secret(secret))

    assert made == expected
