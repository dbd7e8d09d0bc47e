"""What `broker aws bootstrap` does with one account, and how it is told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from backends.aws_bootstrap import NotPlannedError, Plan, PlannedRole, plan, policy, wanted_of
from backends.aws_bootstrap_access import Access, iam_of
from backends.aws_bootstrap_account import State, Step, look
from backends.errors import BackendError
from broker.cli.screen import Document, rows
from broker.errors import InvalidRequestError
from broker.governance.records import CapabilityRecord
from broker.targets.settings import Declared

_FAILED: Final = "failed"
_DONE: Final = {State.MISSING: "made", State.DIFFERENT: "changed"}


@dataclass(frozen=True)
class Wishes:
    """What the caller says besides the configuration."""

    issuer: str
    principal: str
    boundary: str
    thumbprints: Sequence[str]


def plan_of(target: Declared, capabilities: Sequence[CapabilityRecord], wishes: Wishes) -> Plan:
    """Work out what the account of a target must have.

    Raises:
        InvalidRequestError: the command line lacks something.
    """
    mine = [each for each in capabilities if each.target_name == target.record.name]
    try:
        wanted = wanted_of(
            target.options,
            {each.name: (each.tenants, each.template) for each in mine},
            issuer=wishes.issuer,
            principal=wishes.principal,
            boundary=wishes.boundary,
            thumbprints=wishes.thumbprints,
        )
        return plan(wanted)
    except NotPlannedError as error:
        raise InvalidRequestError(f"target {target.record.name}: {error}") from error


def printed(target: Declared, wanted: Plan) -> dict[str, Any]:
    """Tell what there must be. Nobody is asked."""
    return {**_head(target, wanted), "complete": True, "plan": _told(wanted)}


def compared(target: Declared, wanted: Plan, access: Access, *, mend: bool) -> dict[str, Any]:
    """Tell what there is of it, and make the rest if that is wished."""
    steps = list(_steps(target, wanted, access, mend=mend))
    is_complete = all(step["state"] in {State.THERE, *_DONE.values()} for step in steps)
    return {**_head(target, wanted), "complete": is_complete, "steps": steps}


def _head(target: Declared, wanted: Plan) -> dict[str, Any]:
    return {"target": target.record.name, "account": wanted.account}


def _steps(
    target: Declared, wanted: Plan, access: Access, *, mend: bool
) -> Iterator[Mapping[str, str]]:
    what = f"account {wanted.account}"
    try:
        for step in look(iam_of(target.options, access), wanted):
            what = step.what
            yield _carried_out(step) if mend else _row(step)
    except BackendError as error:
        yield {"what": what, "state": _FAILED, "why": f"{error.trouble}: {error}"}


def _carried_out(step: Step) -> Mapping[str, str]:
    if step.mend is None:
        return _row(step)
    step.mend()
    return {**_row(step), "state": _DONE[step.state]}


def _row(step: Step) -> Mapping[str, str]:
    return {"what": step.what, "state": str(step.state), "why": step.why}


def _told(wanted: Plan) -> dict[str, Any]:
    provider = wanted.provider
    return {
        "provider": provider
        and {
            "arn": provider.arn,
            "url": provider.url,
            "client_ids": [provider.audience],
            "thumbprints": list(provider.thumbprints),
        },
        "boundary": {"arn": wanted.boundary.arn, "policy": wanted.boundary.document},
        "roles": [_told_role(role) for role in wanted.roles],
    }


def _told_role(role: PlannedRole) -> dict[str, Any]:
    return {
        "arn": role.arn,
        "for": role.what_for,
        "trust_policy": policy(role.trust),
        "max_session_seconds": role.longest_s,
        "boundary": role.boundary,
        "policies": dict(role.policies),
    }


def view(document: Document) -> RenderableType:
    """Show it to people."""
    return Group(*(part for report in document["targets"] for part in _view(report)))


def _view(report: Document) -> Iterator[RenderableType]:
    yield Text(f"target {report['target']}, account {report['account']}")
    if "steps" in report:
        yield rows(report["steps"], ("state", "what", "why"), empty="")
    else:
        yield Text("\n".join(_lines(report["plan"])))


def _lines(told: Document) -> Iterator[str]:
    if (provider := told["provider"]) is not None:
        yield f"\nOIDC provider {provider['arn']}"
        yield f"  for {provider['url']}, audience {', '.join(provider['client_ids'])}"
    yield f"\nmanaged policy {told['boundary']['arn']}"
    yield _written(told["boundary"]["policy"])
    for role in told["roles"]:
        yield f"\nrole {role['arn']}: {role['for']}"
        yield f"  sessions of {role['max_session_seconds']} s at most"
        if role["boundary"]:
            yield f"  boundary {role['boundary']}"
        yield f"trust policy\n{_written(role['trust_policy'])}"
        for name, document in role["policies"].items():
            yield f"policy {name}\n{_written(document)}"


def _written(document: Document) -> str:
    return json.dumps(document, indent=2)
