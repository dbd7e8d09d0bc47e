"""What would have to be declared so that a broker takes the place of what was found.

A proposal knows what the findings say and no more: what only people can know (tables, a role, an
account) is written ``CHANGE-ME``, so that it gives nothing until somebody has thought about it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from broker.scanning.finding import Finding
from broker.scanning.kinds import kind_named

CHANGE: Final = "CHANGE-ME"
_ACCOUNT: Final = "000000000000"
_TTLS: Final = {"max_ttl_seconds": 3600, "default_ttl_seconds": 300}
_LONGEST: Final = 48


@dataclass(frozen=True, slots=True)
class Proposal:
    """Records for `agents.yaml`, `capabilities.yaml` and `targets.yaml`, and a policy."""

    agent: dict[str, Any]
    capabilities: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)

    @property
    def policy(self) -> str:
        """Return a permit for each capability, of this agent alone."""
        return "\n".join(_permit(self.agent["name"], each) for each in self.capabilities)


def propose(findings: Iterable[Finding], *, agent: str, tenant: str, owner: str) -> Proposal:
    """Propose what stands in for the findings that nothing declared stands in for."""
    found = {
        name: pair
        for each in findings
        if not each.replaced_by and (pair := _declared(each, tenant)) is not None
        for name in (pair[0]["name"],)
    }
    capabilities = [capability for capability, _ in found.values()]
    scopes = [f"{each['name']} {scope}" for each in capabilities for scope in each["scopes"]]
    record = {
        "name": agent,
        "tenant": tenant,
        "owner": owner,
        "purpose": "does what the secrets were for that broker scan found",
        "status": "active",
    }
    return Proposal(
        agent=record | ({"ceiling": scopes} if scopes else {}),
        capabilities=capabilities,
        targets=[target for _, target in found.values() if target is not None],
    )


def name_from(text: str) -> str:
    """Make a name of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-") or "agent"


def _declared(finding: Finding, tenant: str) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """Return a capability, and its target where it needs one; None where nothing can be said."""
    host = finding.words.get("host", "").lower()
    backends = kind_named(finding.kind).backends
    is_name = re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,252}", host) is not None
    if "postgres" in backends and is_name:
        return _postgres(host, finding.words.get("database", CHANGE), tenant)
    if "aws_sts" in backends:
        return _aws(tenant)
    if "jwt" in backends and is_name:
        return _token(host, tenant), None
    return None


def _postgres(host: str, database: str, tenant: str) -> tuple[dict[str, Any], dict[str, Any]]:
    name = name_from(f"{database}-{host.split('.', maxsplit=1)[0]}")
    options = {
        "host": host,
        "database": database,
        "admin": "broker",
        "password_file": f"/run/secrets/{name}",
    }
    grants = [{"privileges": ["SELECT"], "schema": "public", "tables": [CHANGE]}]
    scope = f"{name}:read"
    capability = {
        **_common(name, "postgres", f"postgres:{database}", scope, tenant),
        "template": {"scopes": {scope: grants}},
    }
    return capability, {"name": name, "kind": "postgres", "options": options}


def _aws(tenant: str) -> tuple[dict[str, Any], dict[str, Any]]:
    scope = "aws-session:use"
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{CHANGE}/*",
    }
    template = {
        "role_arn": f"arn:aws:iam::{_ACCOUNT}:role/{CHANGE}",
        "scopes": {scope: [statement]},
    }
    options = {
        "account": _ACCOUNT,
        "region": "us-east-1",
        "web_identity": {"audience": "sts.amazonaws.com"},
    }
    common = _common("aws-session", "aws_sts", "aws:sessions", scope, tenant)
    return common | {"template": template}, {
        "name": "aws-session",
        "kind": "aws_sts",
        "options": options,
    }


def _token(host: str, tenant: str) -> dict[str, Any]:
    name = name_from(host)
    common = _common(name, "jwt", f"https://{host}", f"{name}:use", tenant)
    del common["target"]
    return common | {"max_ttl_seconds": 300}


def _common(name: str, backend: str, audience: str, scope: str, tenant: str) -> dict[str, Any]:
    return {
        "name": name,
        "backend": backend,
        "target": name,
        "audience": audience,
        "scopes": [scope],
        "tenants": [tenant],
        **_TTLS,
    }


def _permit(agent: str, capability: dict[str, Any]) -> str:
    return "\n".join(_lines(agent, capability)) + "\n"


def _lines(agent: str, capability: dict[str, Any]) -> Iterator[str]:
    scopes = ", ".join(f'"{scope}"' for scope in capability["scopes"])
    yield f'@id("{agent}-has-{capability["name"]}")'
    yield '@description("In place of a secret that broker scan found. Narrow it to its tasks.")'
    yield "permit ("
    yield f'  principal == Agent::"{agent}",'
    yield '  action in [Action::"RequestCredential", Action::"RenewCredential"],'
    yield f'  resource == Capability::"{capability["name"]}"'
    yield ")"
    yield "when"
    yield "{"
    yield "  principal.tenant == context.task.tenant &&"
    yield "  resource.tenants.contains(principal.tenant) &&"
    yield f"  [{scopes}].containsAll(context.scopes)"
    yield "};"
