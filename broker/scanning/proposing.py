"""What would have to be declared so that a broker takes the place of what was found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from broker.scanning.finding import Finding
from broker.scanning.stanzas import Mounts, Stanza, stanza


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a configuration has already: names that are taken, and Vaults that can be used."""

    capabilities: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    vaults: tuple[Mounts, ...] = ()


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


def propose(
    findings: Iterable[Finding], *, agent: str, tenant: str, owner: str, held: Held
) -> Proposal:
    """Propose what stands in for the findings that nothing declared stands in for."""
    added = _Added(held)
    for each in findings:
        if not each.replaced_by and (made := stanza(each, agent, tenant, held.vaults)) is not None:
            added.take(made)
    scopes = [f"{each['name']} {scope}" for each in added.capabilities for scope in each["scopes"]]
    record = {
        "name": agent,
        "tenant": tenant,
        "owner": owner,
        "purpose": "does what the secrets were for that broker scan found",
        "status": "active",
    }
    return Proposal(
        agent=record | ({"ceiling": scopes} if scopes else {}),
        capabilities=added.capabilities,
        targets=added.targets,
    )


class _Added:
    """Collects stanzas: the same thing once, and two things never under one name."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self.capabilities: list[dict[str, Any]] = []
        self.targets: list[dict[str, Any]] = []

    def take(self, made: Stanza) -> None:
        capability, target = made
        if target is not None:
            target = _once(target, self.targets, self._held.targets)
            capability = capability | {"target": target["name"]}
        _once(capability, self.capabilities, self._held.capabilities, _renamed)


def _once(
    record: dict[str, Any],
    records: list[dict[str, Any]],
    taken: frozenset[str],
    renamed: Callable[[dict[str, Any], str], dict[str, Any]] = lambda it, name: it | {"name": name},
) -> dict[str, Any]:
    """Return the record that says the same, or add this one, under a name that is free."""
    for name in _names(record["name"]):
        mine = renamed(record, name)
        if mine in records:
            return mine
        if name not in taken and name not in {each["name"] for each in records}:
            records.append(mine)
            return mine
    raise AssertionError("there is always another name")  # pragma: no cover - names have no end


def _names(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _renamed(capability: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a capability another name, and its scopes with it."""
    old = capability["name"]
    if name == old:
        return capability
    scopes = {scope: scope.replace(old, name, 1) for scope in capability["scopes"]}
    found = capability | {"name": name, "scopes": list(scopes.values())}
    if "template" in capability:
        given = {scopes[scope]: what for scope, what in capability["template"]["scopes"].items()}
        found["template"] = capability["template"] | {"scopes": given}
    return found


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
