"""What an operator declares so that agents get credentials at the demo's servers."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.real.aws_peer import REGION, Peer
from tests.real.aws_stage import MINE, OBJECT, Stage

SCOPE: Final = "orders:read"
JWT: Final = "orders-api"
"""Shipped with the configuration; the others are added."""

DATABASE: Final = "orders-db"
FILES: Final = "order-files"
EXPORT: Final = "orders:export"
"""What no policy permits but because of a ticket, which concerns the dataset."""

EXPORT_JWT: Final = "orders-export"
"""Shipped, and about the dataset ``orders``, as are the next two."""

EXPORT_DATABASE: Final = "orders-export-db"
EXPORT_FILES: Final = "orders-export-files"
ELSEWHERE: Final = "payroll-export-db"
"""About another dataset."""

MOUNT: Final = "jwt-broker"
"""Where the broker logs in at OpenBao, by a token that it signs itself."""

AUDIENCE: Final = "openbao-of-the-demo"
POLICY: Final = "jit-broker-deny"
"""The inline policy of the broker's in the role."""

_BOUNDS: Final = {"failures": 50}
"""Two processors run all these servers: some answers may be late."""


def declare(folder: Path, *, openbao: str, peer: Peer, role: str, stage: Stage, kill: str) -> None:
    """Write targets and capabilities into a folder of configuration files.

    ``kill`` says how sessions of the role die before their time: ``deny``, or ``none`` for not.
    """
    targets = [_openbao(openbao), _aws(peer, kill)]
    (folder / "targets.yaml").write_text(yaml.safe_dump({"targets": targets}))
    read = _reading(stage, peer, role, is_probed=kill == "deny")
    _edit(folder / "capabilities.yaml", {"capabilities": [*_plain(read), *_exports(read)]})
    for file in folder.glob("broker*.yaml"):
        _edit(file, {"targets": "targets.yaml"})


def _openbao(address: str) -> dict[str, Any]:
    login = {"method": "jwt", "role": "jit-broker", "mount": MOUNT, "audience": AUDIENCE}
    options = {
        "address": address,
        "login": login,
        "token_role": "jit",
        "mounts": [{"mount": "database", "engine": "database", "death": "lease"}],
    }
    return {"name": "bao", "kind": "vault", "options": options, **_BOUNDS}


def _aws(peer: Peer, kill: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "account": peer.account,
        "region": REGION,
        "endpoint_url": peer.sts_url,
        "ambient": {},
        "kill": kill,
    }
    if kill == "deny":
        options["deny_writer"] = {"policy_name": POLICY, "endpoint_url": peer.iam_url}
    return {"name": "files", "kind": "aws_sts", "options": options, **_BOUNDS}


_LOGIN: Final = {"mount": "database", "path": "creds/orders", "policies": ["jit-orders"]}


def _plain(reading: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _capability(DATABASE, "vault", "bao", {"scopes": {SCOPE: _LOGIN}}),
        _capability(FILES, "aws_sts", "files", _permitting(SCOPE, reading)),
    ]


def _exports(reading: Mapping[str, Any]) -> list[dict[str, Any]]:
    login = {"scopes": {EXPORT: _LOGIN}}
    orders, payroll = {"about": "dataset:orders"}, {"about": "dataset:payroll"}
    return [
        _capability(EXPORT_DATABASE, "vault", "bao", login, EXPORT) | orders,
        _capability(EXPORT_FILES, "aws_sts", "files", _permitting(EXPORT, reading), EXPORT)
        | orders,
        _capability(ELSEWHERE, "vault", "bao", login, EXPORT) | payroll,
    ]


def _permitting(scope: str, reading: Mapping[str, Any]) -> dict[str, Any]:
    return {**reading, "scopes": {scope: reading["scopes"]}}


def _reading(stage: Stage, peer: Peer, role: str, *, is_probed: bool) -> dict[str, Any]:
    """Return a template's members, with the statements alone where scopes belong."""
    bucket = stage.bucket(MINE)
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    template: dict[str, Any] = {"role_arn": role, "scopes": [read]}
    if is_probed:
        template["probe"] = {
            "action": "s3:GetObject",
            "bucket": bucket,
            "key": OBJECT,
            "endpoint_url": peer.s3_url,
        }
    return template


def _capability(
    name: str, backend: str, target: str, template: Mapping[str, Any], scope: str = SCOPE
) -> dict[str, Any]:
    return {
        "name": name,
        "backend": backend,
        "target": target,
        "audience": f"{backend}:{name}",
        "scopes": [scope],
        "tenants": ["acme"],
        "max_ttl_seconds": 900,
        "default_ttl_seconds": 300,
        "template": copy.deepcopy(dict(template)),  # or YAML would write aliases
    }


def _edit(file: Path, added: Mapping[str, Any]) -> None:
    """Put members into a YAML file; what is a list there grows."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, value in added.items():
        document[name] = document[name] + value if isinstance(value, list) else value
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
