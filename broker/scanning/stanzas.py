"""The records that would stand in for one secret, as far as what is found says them.

What only people can know (tables, what a role may do) is written ``CHANGE-ME``, so that it gives
nothing until somebody has thought about it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from broker.scanning.finding import Finding
from broker.scanning.kinds import Kind, kind_named

CHANGE: Final = "CHANGE-ME"
NO_ACCOUNT: Final = "000000000000"
"""Nobody's account of AWS: the field takes twelve digits only."""

_TTLS: Final = {"max_ttl_seconds": 3600, "default_ttl_seconds": 300}
_LONGEST: Final = 48
_NEAR: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_SSLMODES: Final = frozenset({"verify-full", "verify-ca"})


class Mounts(NamedTuple):
    """A target of kind vault that is declared, and its mounts by engine."""

    target: str
    by_engine: Mapping[str, str]


class Stanza(NamedTuple):
    """A capability, and its target where it brings one."""

    capability: dict[str, Any]
    target: dict[str, Any] | None


def stanza(finding: Finding, agent: str, tenant: str, vaults: tuple[Mounts, ...]) -> Stanza | None:
    """Return what would stand in for a secret; None where nothing honest can be said."""
    kind = kind_named(finding.kind)
    words = {name: word for name, word in finding.words.items() if word.isascii()}
    host = words.get("host", "").lower()
    if "postgres" in kind.backends:
        return _postgres(words, tenant) if not host or _HOST.fullmatch(host) else None
    if "aws_sts" in kind.backends:
        return _aws(words, agent, tenant)
    if kind.engine and (kind.engine != "rabbitmq" or _is_rabbit(finding)):
        return _vault(kind, words, tenant, vaults)
    if "jwt" in kind.backends and _HOST.fullmatch(host):
        return Stanza(_token(host, tenant), None)
    return None


def name_from(text: str) -> str:
    """Make a name of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-") or "agent"


def _postgres(words: Mapping[str, str], tenant: str) -> Stanza:
    host, database = words.get("host", "").lower(), words.get("database", "*")
    known = {"host": host or CHANGE, "database": CHANGE if database == "*" else database}
    first = host.split(".", maxsplit=1)[0]
    name = name_from("-".join(word for word in (database.strip("*"), first) if word) or "postgres")
    options: dict[str, Any] = {
        **known,
        **({"port": int(words["port"])} if _is_port(words.get("port", "")) else {}),
        **_sslmode(host, words.get("sslmode", "")),
        "admin": "broker",
        "password_file": f"/run/secrets/{name}",
    }
    grants = [{"privileges": ["SELECT"], "schema": "public", "tables": [CHANGE]}]
    scope = f"{name}:read"
    capability = {
        **_common(name, "postgres", f"postgres:{known['database']}", scope, tenant),
        "template": {"scopes": {scope: grants}},
    }
    return Stanza(capability, {"name": name, "kind": "postgres", "options": options})


def _is_port(text: str) -> bool:
    return text.isdigit() and 0 < int(text) < 2**16 and text != "5432"


def _sslmode(host: str, said: str) -> dict[str, str]:
    """Nothing leaves this machine on its way to itself; elsewhere the default is the strictest."""
    if host in _NEAR:
        return {"sslmode": "disable"}
    return {"sslmode": said} if said in _SSLMODES and said != "verify-ca" else {}


def _aws(words: Mapping[str, str], agent: str, tenant: str) -> Stanza:
    account, bucket = words.get("account", NO_ACCOUNT), words.get("bucket", CHANGE)
    name = name_from(f"aws-{bucket}") if bucket != CHANGE else "aws-session"
    scope = f"{name}:use"
    statement = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    template = {
        "role_arn": f"arn:aws:iam::{account}:role/jit-{agent}",
        "scopes": {scope: [statement]},
    }
    options = {
        "account": account,
        "region": words.get("region", "us-east-1"),
        "web_identity": {"audience": "sts.amazonaws.com"},
    }
    target = "aws-session" if account == NO_ACCOUNT else f"aws-{account}"
    common = _common(name, "aws_sts", f"aws:{name}", scope, tenant) | {"target": target}
    return Stanza(
        common | {"template": template},
        {"name": target, "kind": "aws_sts", "options": options},
    )


def _is_rabbit(finding: Finding) -> bool:
    scheme = finding.words.get("scheme", "").lower()
    return scheme.startswith("amqp") or "rabbit" in finding.name.lower()


def _vault(kind: Kind, words: Mapping[str, str], tenant: str, vaults: tuple[Mounts, ...]) -> Stanza:
    host = words.get("host", "").lower().split(".", maxsplit=1)[0]
    database = "" if words.get("database", "").isdigit() else words.get("database", "")
    name = name_from("-".join(word for word in (kind.name, database or host) if word))
    held = next((each for each in vaults if kind.engine in each.by_engine), None)
    mount = kind.engine if held is None else held.by_engine[kind.engine]
    scope = f"{name}:use"
    secret = {"mount": mount, "path": f"creds/{name}", "policies": [name]}
    capability = {
        **_common(name, "vault", f"{kind.name}:{database or host or 'logins'}", scope, tenant),
        "target": f"vault-{kind.engine}" if held is None else held.target,
        "template": {"scopes": {scope: secret}, **_also(words)},
    }
    return Stanza(capability, _of_vault(kind.engine) if held is None else None)


def _also(words: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Let the agent be told where its login is good: an engine gives name and password only."""
    told = {name: words[name] for name in ("host", "port", "database") if words.get(name)}
    return {"also": told} if told else {}


def _of_vault(engine: str) -> dict[str, Any]:
    return {
        "name": f"vault-{engine}",
        "kind": "vault",
        "options": {
            "address": f"https://{CHANGE}:8200",
            "login": {"method": "jwt", "role": "jit-broker"},
            "token_role": "jit",
            "mounts": [{"mount": engine, "engine": engine, "death": "lease"}],
        },
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
