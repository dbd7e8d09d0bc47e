import json
import subprocess
import sys

HEAVY = {"redis", "cedarpy", "boto3", "botocore", "hvac", "click", "apscheduler", "structlog"}
HEAVY |= {"prometheus_client", "yaml", "rich", "backends", "spiffe", "grpc", "google"}


def test_a_run_needs_none_of_the_servers_dependencies() -> None:
    """A fresh interpreter that imports every part of it has loaded nothing heavy."""
    code = (
        "import importlib, json, pkgutil, sys, broker.running as here\n"
        "for found in pkgutil.walk_packages(here.__path__, 'broker.running.'):\n"
        "    importlib.import_module(found.name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )

    run = subprocess.run(  # noqa: S603  our own interpreter and our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert loaded & HEAVY == set()
