"""Answers that this engine has given, so that the same question is not evaluated twice.

An engine holds one fixed set of policies and facts for its whole life, so an answer stays right as
long as the engine lives; a new revision is a new engine with an empty memory. The number of answers
is bounded. An answer that came of an error is never remembered.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from broker.model.decision import Decision
from broker.policy.relevance import Relevance

ANSWERS: Final = 10_000
"""About 1 kB each: 10 MB at most."""


class Memory:
    """Remembers decisions by everything that can influence them."""

    def __init__(self, relevance: Relevance, *, most: int = ANSWERS) -> None:
        self._relevance = relevance
        self._most = most
        self._answers: OrderedDict[Hashable, Decision] = OrderedDict()

    def answer(
        self, who: Hashable, context: dict[str, object], evaluate: Callable[[], Decision]
    ) -> Decision:
        """Return the remembered answer, or evaluate and remember it."""
        key = (who, self._relevance.key(context))
        known = self._answers.get(key)
        if known is not None:
            self._answers.move_to_end(key)
            return known
        decision = evaluate()
        if not decision.trace.errors:
            self._answers[key] = decision
            if len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return decision
