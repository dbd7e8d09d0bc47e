import json
import subprocess
import sys

HEAVY = {"redis", "cedarpy", "boto3", "botocore", "hvac", "click", "apscheduler", "structlog"}
HEAVY |= {"prometheus_client", "yaml", "rich", "backends", "spiffe", "grpc", "google"}
OURS = {
    *("secret", "clock", "base64url", "proof", "ids", "errors", "strict_json", "text", "client"),
    *("webhook_check", "webhook_signing", "shapes"),
}


def test_the_client_needs_none_of_the_servers_dependencies() -> None:
    """A fresh interpreter that imports it has loaded nothing heavy and only our light modules."""
    code = "import broker.client, json, sys; print(json.dumps(sorted(sys.modules)))"

    run = subprocess.run(  # noqa: S603  our own interpreter and our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = set(json.loads(run.stdout))
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("broker.")}
    assert ours <= OURS
