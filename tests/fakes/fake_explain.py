"""Explanations that no engine made."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.ids import DecisionId, LeaseId
from broker.model.principal import Principal
from broker.model.requests import Supposed
from tests.fakes.orders import Stage


@dataclass
class FakeExplain:
    """Explaining decisions."""

    stage: Stage

    async def decision(self, caller: Principal, decision: DecisionId) -> Mapping[str, object]:
        """Explain."""
        trace = {"policy_version": "p1", "facts_revision": 4}
        trace |= {name: [] for name in ("policies", "facts", "errors", "missing")}
        explained = {name: value for name, value in trace.items() if name != "policies"}
        answer = {
            "decision": decision,
            "tenant": "acme",
            "outcome": "deny",
            "reason": "no-permit",
            "trace": trace,
            "request": {"action": "OpenTask"},
            "explained_at_revision": 4,
            "explanation": explained
            | {"outcome": "deny", "reason": "no-permit", "truncated": False, "obligations": []}
            | {"considered": [], "determining": [], "graph_revision": 7, "until_ms": 0},
            "counterfactuals": None,
        }
        return await self.stage.play("explain.decision", caller, decision, answer=answer)

    async def credential(self, caller: Principal, lease: LeaseId) -> Mapping[str, object]:
        """Explain."""
        trace = {"policy_version": "p1", "facts_revision": 4}
        trace |= {name: [] for name in ("policies", "facts", "errors", "missing")}
        answer = {
            "credential": lease,
            "tenant": "acme",
            "state": "active",
            "alive": True,
            "ended_by": "",
            "trace": trace,
            "request": {"action": "RequestCredential"},
            "used": {"seen_at": None, "said_times": 0, "said_at": None},
            "explained_at_revision": 4,
            "explained_at_facts_revision": 7,
            "granted_now": True,
            "no_longer": None,
            "explanation": None,
            "counterfactuals": None,
        }
        return await self.stage.play("explain.credential", caller, lease, answer=answer)

    async def supposed(self, caller: Principal, asked: Supposed) -> Mapping[str, object]:
        """Answer what nobody asked."""
        explanation: dict[str, object] = {"policy_version": "p1", "facts_revision": 4}
        explanation |= {"outcome": "deny", "reason": "no-permit", "truncated": False}
        explanation |= {"graph_revision": 7, "until_ms": 0}
        for name in ("facts", "errors", "missing", "obligations", "considered", "determining"):
            explanation[name] = []
        turned = {"to": "permit", "sets": [["a step"]], "is_complete": True}
        turned |= {"most_steps": 3, "steps": 1, "tried": 1}
        answer = {
            "explained_at_revision": 4,
            "explanation": explanation,
            "counterfactuals": turned,
        }
        return await self.stage.play("explain.supposed", caller, asked, answer=answer)
