"""Deciding by asking a server: what it says clearly and in time counts, everything else refuses.

- A failure is a Deny with the reason ``engine-error``; its trace says to operators what failed, in
  words of ours: nothing that the server sent, nothing that it was shown.
- Many questions go in batches, on few places that all lists share, so that looking again at what
  was granted never keeps those waiting who ask now. Once a batch gets no answer at all, the rest of
  its list is not asked: a list takes ``deadline_ms`` for each round of batches, and one round when
  nobody answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.clock import Clock
from broker.engines.channel import NoAnswerError, Reply
from broker.engines.dialect import Answered, Call, Dialect
from broker.engines.question import Json, question
from broker.engines.verdict import GarbledAnswerError
from broker.model.decision import Decision, Deny, Trace
from broker.policy.engine import DenyReason, Engine, Shown
from broker.policy.explain import explanation_of
from broker.policy.explanation import Explanation, shortened
from broker.policy.hours import earlier
from broker.policy.query import Query

Ask = Callable[[Call], Awaitable[Reply]]
"""Puts one call, or raises :class:`~broker.engines.channel.NoAnswerError`."""

_NOT_ASKED: Final = "not asked: the server has just left another question without an answer"


class RemoteDecider:
    """Decides by one server. What is registered, it is told from ``engine``, which does not decide.

    ``lane`` is where the calls of lists wait for their turn; ``standing`` says how long an answer
    counts.
    """

    def __init__(
        self, engine: Engine, dialect: Dialect, ask: Ask, lane: "Lane", standing: "Standing"
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._ask = ask
        self._lane = lane
        self._standing = standing

    @property
    def version(self) -> str:
        """What kind of server it is: which policies it runs, only its answers say."""
        return self._dialect.name

    async def decide(self, query: Query) -> Decision:
        """Answer one query. Never raises, but for a cancellation."""
        (decision,) = (await self._round([query])).decisions
        return decision

    async def decide_many(self, queries: Sequence[Query]) -> Sequence[Decision]:
        """Answer each query, a bounded number at one time."""
        size = self._dialect.at_once
        batches = [queries[start : start + size] for start in range(0, len(queries), size)]
        rounds: dict[int, _Round] = {}
        waiting = iter(enumerate(batches))

        async def work() -> None:
            for number, batch in waiting:
                async with self._lane.places:
                    is_away = any(not each.is_answered for each in rounds.values())
                    rounds[number] = self._unasked(batch) if is_away else await self._round(batch)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._lane.width, len(batches))):
                group.create_task(work())
        return [each for number in range(len(batches)) for each in rounds[number].decisions]

    async def explain(self, query: Query) -> Explanation:
        """Ask again. Why it is so, the server's own log says."""
        return explanation_of(await self.decide(query), ())

    async def _round(self, queries: Sequence[Query]) -> "_Round":
        put = [self._put(query) for query in queries]
        asked = [each for each in put if isinstance(each, _Put)]
        try:
            answers = await self._answers([each.question for each in asked])
        except NoAnswerError as error:
            return _Round(self._refused(put, str(error)), is_answered=False)
        except GarbledAnswerError as error:
            return _Round(self._refused(put, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no permission
            return _Round(self._refused(put, type(error).__name__))
        said = iter(answers)
        return _Round(
            [each if isinstance(each, Deny) else self._said(each, next(said)) for each in put]
        )

    def _put(self, query: Query) -> "_Put | Deny":
        try:
            shown = self._engine.shown(query)
            return shown.refusal or _Put(question(query, shown), shown)
        except Exception as error:  # noqa: BLE001 - what cannot be asked is refused
            return self._refusal(f"{type(error).__name__}: {error}", Shown((), 0))

    async def _answers(self, questions: list[Json]) -> Sequence[Answered | GarbledAnswerError]:
        if not questions:
            return ()
        call = self._dialect.call(questions)
        reply = await self._ask(call)
        answers = self._dialect.read(call, reply.body, reply.headers)
        if len(answers) != len(questions):
            raise GarbledAnswerError("the server answered more questions than there were, or fewer")
        return answers

    def _said(self, put: "_Put", answer: Answered | GarbledAnswerError) -> Decision:
        if isinstance(answer, GarbledAnswerError):
            return self._refusal(str(answer), put.shown)
        return answer.verdict.decision(
            Trace(
                f"{self._dialect.name}:{answer.version}",
                put.shown.revision,
                tuple(sorted(answer.verdict.policies)),
                tuple(str(entity.name) for entity in put.shown.entities),
                graph_revision=put.shown.graph_revision,
                until_ms=earlier(put.shown.until_ms, self._standing.until_ms()),
            )
        )

    def _unasked(self, queries: Sequence[Query]) -> "_Round":
        return _Round([self._refusal(_NOT_ASKED, Shown((), 0))] * len(queries), is_answered=False)

    def _refused(self, put: Sequence["_Put | Deny"], why: str) -> Sequence[Decision]:
        return [each if isinstance(each, Deny) else self._refusal(why, each.shown) for each in put]

    def _refusal(self, why: str, shown: Shown) -> Deny:
        trace = Trace(
            self.version,
            shown.revision,
            errors=(shortened(why),),
            graph_revision=shown.graph_revision,
        )
        return Deny(DenyReason.ENGINE_ERROR, trace)


class Lane:
    """The places that all lists share."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.places = asyncio.Semaphore(width)


class Standing:
    """How long an answer counts for what was granted by it: nobody tells us when it is another."""

    def __init__(self, clock: Clock, recheck_ms: int) -> None:
        self._clock = clock
        self._recheck_ms = recheck_ms

    def until_ms(self) -> int:
        """Return until when an answer of now counts."""
        return self._clock.now_ms() + self._recheck_ms


@dataclass(frozen=True, slots=True)
class _Put:
    """A question as it is put, and the registered that it tells of."""

    question: Json
    shown: Shown


@dataclass(frozen=True, slots=True)
class _Round:
    """What became of one batch, and whether the server answered at all."""

    decisions: Sequence[Decision]
    is_answered: bool = True
