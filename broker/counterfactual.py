"""What would have to be otherwise for an answer to be another one, found by asking the engine.

- The engine itself judges each set of steps, on facts that say exactly that and on nothing else.
- Steps are such as a person can take: relationships, what stands, less that is asked for. None
  names a thing of another tenant than the task's.
- One question is searched for at a time, and others have their turn all the while.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from broker.clock import Clock
from broker.governance.published import Published
from broker.model.decision import Permit
from broker.policy.cedar import CedarEngine
from broker.policy.decider import LocalDecider
from broker.policy.flips import MOST_STEPS, MOST_TRIALS, Flips, flips
from broker.policy.query import Query
from broker.policy.suggestions import Suggestions
from broker.policy.whatif import Situation, Step

PERMIT: Final = "permit"
DENY: Final = "deny"


class Counterfactuals(msgspec.Struct, frozen=True):
    """The smallest sets of steps that turn an answer ``to`` another one.

    ``is_complete``: of the ``steps`` that were looked at, no other set of up to ``most_steps``
    does. ``tried`` is how many sets the engine was asked about.
    """

    to: str
    sets: tuple[tuple[str, ...], ...]
    is_complete: bool
    most_steps: int
    steps: int
    tried: int


class Counterfactual:
    """Searches."""

    def __init__(self, clock: Clock, *, most_trials: int = MOST_TRIALS) -> None:
        self._clock = clock
        self._most_trials = most_trials
        self._one_at_a_time = asyncio.Lock()

    async def of(self, published: Published, query: Query) -> Counterfactuals | None:
        """Search for what would turn the answer; None where another server gives the answers.

        And where a person lends a right of hers: what turns one of two answers turns nothing.
        """
        engine = published.engine
        if not isinstance(engine, CedarEngine) or query.task.lender is not None:
            return None
        if not isinstance(published.deciding(engine), LocalDecider):
            return None
        async with self._one_at_a_time:
            now = Situation(query, published.facts, self._clock.now_ms())
            judge = engine.apart()
            is_permit = _permits(judge, now)
            suggestions = Suggestions(engine.templates)
            steps = suggestions.to_lose(now) if is_permit else suggestions.to_gain(now)
            found = await flips(
                steps,
                lambda tried: _turns(judge, now, tried, to_permit=not is_permit),
                most_trials=self._most_trials,
            )
        return _told(found, steps, DENY if is_permit else PERMIT)


def _permits(engine: CedarEngine, now: Situation) -> bool:
    return isinstance(engine.over(now.facts).decide(now.query), Permit)


def _turns(
    engine: CedarEngine, now: Situation, steps: tuple[Step, ...], *, to_permit: bool
) -> bool:
    after = now.after(steps)
    return after is not None and _permits(engine, after) is to_permit


def _told(found: Flips[Step], steps: Sequence[Step], to: str) -> Counterfactuals:
    return Counterfactuals(
        to=to,
        sets=tuple(tuple(map(str, each)) for each in found.sets),
        is_complete=found.is_complete,
        most_steps=MOST_STEPS,
        steps=len(steps),
        tried=found.trials,
    )
