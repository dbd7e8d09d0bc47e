"""Putting an explanation together, and the short form of it that a refusal's trace keeps."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from broker.model.decision import Decision, Deny, NeedsApproval, Permit
from broker.policy.cedar_request import CedarRequest
from broker.policy.explanation import MAX_POLICIES, Explanation, PolicyFinding, shortened

MAX_LINES: Final = 16
"""How many errors, or missing conditions, one trace keeps."""

Outcome = Literal["permit", "deny", "needs-approval"]


def explanation_of(decision: Decision, findings: Sequence[PolicyFinding]) -> Explanation:
    """Put a decision and what was found about each policy together."""
    outcome, reason = _outcome(decision)
    trace = decision.trace
    return Explanation(
        outcome=outcome,
        reason=reason,
        policy_version=trace.policy_version,
        facts_revision=trace.facts_revision,
        determining=trace.policies,
        considered=tuple(findings[:MAX_POLICIES]),
        facts=trace.facts,
        errors=trace.errors,
        missing=trace.missing,
        truncated=len(findings) > MAX_POLICIES,
        obligations=tuple(_obligations(decision)),
        graph_revision=trace.graph_revision,
        until_ms=trace.until_ms,
    )


def _outcome(decision: Decision) -> tuple[Outcome, str]:
    match decision:
        case Permit():
            return "permit", ""
        case Deny():
            return "deny", decision.reason
        case NeedsApproval():
            return "needs-approval", ", ".join(decision.of_whom)


def _obligations(decision: Decision) -> Iterator[str]:
    """Write down what a permit is bound to, as an annotation would."""
    if isinstance(decision, Deny):
        return
    obliged = decision.obligations
    if obliged.max_ttl_ms is not None:
        yield f"max_ttl_seconds {obliged.max_ttl_ms // 1000}"
    if obliged.scopes is not None:
        yield shortened(f"scopes {' '.join(sorted(obliged.scopes))}".rstrip())
    if obliged.bindings is not None:
        yield f"binding {' or '.join(sorted(obliged.bindings)) or 'to nothing that there is'}"
    if obliged.single_use:
        yield "evidence single-use"
    if isinstance(decision, NeedsApproval):
        yield from (shortened(f"approval {each.in_brief()}") for each in decision.requirements)


def missing_lines(request: CedarRequest, findings: Sequence[PolicyFinding]) -> tuple[str, ...]:
    """Name what would have had to hold for any permit to apply, permit by permit."""
    permits = [finding for finding in findings if finding.effect == "permit"]
    if permits:
        return tuple(islice(_failing_lines(permits), MAX_LINES))
    who, what = request.principal.type, request.resource.type
    return (f"no permit covers {request.action.id} by {who} on {what}",)


def _failing_lines(permits: Sequence[PolicyFinding]) -> Iterator[str]:
    for permit in permits:
        for condition in permit.failing:
            error = f" ({condition.error})" if condition.error else ""
            yield shortened(f"{permit.policy}: {condition.kind} {condition.text}{error}")
