"""The fault points and the code that passes them are one list."""

import re
from pathlib import Path
from typing import Final

import pytest

import broker
from broker.faultpoints import NAMES, POINTS, FaultPoints
from broker.http.contract.document import OPERATIONS
from tests.chaos.cases import CASES
from tests.chaos.facts_cases import POINTS as OF_FACTS
from tests.chaos.glass_cases import POINTS as OF_GLASS
from tests.chaos.review_cases import POINTS as OF_REVIEWS
from tests.chaos.target_cases import POINTS as AT_TARGETS
from tests.chaos.watch_cases import POINTS as OF_WATCHING

_REACHED = re.compile(r'\.reach\("([^"]+)"\)')
_SOURCES = sorted(Path(broker.__file__).parent.rglob("*.py"))


def test_every_point_is_passed_and_every_passed_point_is_named() -> None:
    """A test that arms a point which nobody passes would wait for ever."""
    reached = {name for file in _SOURCES for name in _REACHED.findall(file.read_text())}

    assert reached == NAMES


def test_every_point_has_a_scenario_that_dies_there() -> None:
    """A name that no test arms promises nothing."""
    others = AT_TARGETS | OF_FACTS | OF_GLASS | OF_REVIEWS | OF_WATCHING
    assert {case.point for case in CASES} | others == NAMES


VERBS: Final = {
    "openTask": "open",
    "claimTask": "claim",
    "beatTask": "heartbeat",
    "sayUses": "use",
    "extendTask": "extend",
    "completeTask": "close",
    "failTask": "close",
    "cancelTask": "close",
    "tellEnd": "tell",
    "freezeTask": "freeze",
    "thawTask": "thaw",
    "issueCredential": "issue",
    "answerApproval": "answer",
    "redeemApproval": "issue",
    "giveCredentialBack": "give-back",
    "renewCredential": "renew",
    "revoke": "revoke",
    "endSession": "session",
    "hearLogout": "session",
    "changeFacts": "change",
    "rollBackFacts": "change",
    "answerReview": "review",
    "askToBreakGlass": "glass",
    "confirmBreakGlass": "glass",
    "fetchBreakGlass": "glass",
    "endBreakGlass": "glass",
}
"""Which verb each route runs that changes what is alive, or who may do what."""

CHANGES_NOBODY_S_ACCESS: Final = {
    "select": "a set is looked for and remembered for a while; nothing lives or dies by it",
    "explainRequest": "it only asks policy, about a request that nobody has made",
    "introspect": "it only asks; that evidence is used up by it has the points of issuing",
    "reviewBreakGlass": "one script, and nobody's access follows from it",
    "evaluate": "it only asks",
    "evaluateAll": "it only asks",
    "sendSignal": "what it freezes or holds has points of its own, and is done by who watches",
    "acknowledgeFinding": "somebody has looked: it thaws nothing",
    "acknowledgeFeed": "a position that only grows, told again by whoever listens",
}
"""Routes of which a death leaves nothing to mend, and why."""

BESIDE: Final = {
    *("mint", "kill", "prolong", "ban", "refuse", "reap", "redecide", "ship"),
    *("change", "snapshot", "watch"),
}
"""What no route is the only way to: targets, refusals, due work, the feed, facts, behaviour."""


def test_every_route_that_changes_access_has_a_verb_with_points() -> None:
    """A new route is refused here until somebody has said where its broker may die."""
    changing = {each.name for each in OPERATIONS if each.method not in {"GET", "HEAD"}}

    assert changing == VERBS.keys() | CHANGES_NOBODY_S_ACCESS.keys()
    assert set(VERBS.values()) | BESIDE == POINTS.keys()
    assert all(steps for steps in POINTS.values())
    assert len(NAMES) == sum(len(steps) for steps in POINTS.values())


def test_an_unknown_point_is_a_mistake() -> None:
    """Rather than a broker that never dies."""
    with pytest.raises(ValueError, match="no such fault point"):
        FaultPoints("issue.dreamt")
