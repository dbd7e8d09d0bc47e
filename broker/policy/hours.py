"""What policies see of the time, and when an answer may become another one by time alone.

``context.time`` has ``minuteOfDay`` (0 is midnight), ``weekday`` (1 is Monday, 7 Sunday) and
``epochSeconds``, all in UTC. Where policies only compare the minute or the seconds with a number,
it is known when each comparison turns; the weekday turns at midnight; and an answer that depends on
the time in any other way is looked at again every minute.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from cedarpy import pst

from broker.policy.query import Action
from broker.policy.relevance import Look, looks_of

TIME: Final = "time"
"""What the time is called in a context."""

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_DAYS_OF_WEEK: Final = 7
_THURSDAY: Final = 3  # the epoch began on one; Monday is 0


def time_facts(now_ms: int) -> dict[str, object]:
    """Return what policies see of an instant."""
    days, rest = divmod(now_ms, DAY_MS)
    return {
        "minuteOfDay": rest // MINUTE_MS,
        "weekday": (days + _THURSDAY) % _DAYS_OF_WEEK + 1,
        "epochSeconds": now_ms // 1000,
    }


class Hours:
    """How the policies on each action look at the time."""

    def __init__(self, policies: Iterable[pst.Template]) -> None:
        self._looks: Mapping[str, frozenset[Look]] = _by_action(policies)

    def until(self, action: Action, now_ms: int) -> int:
        """Return when an answer of now may change by time alone, in milliseconds; 0 is never."""
        if not self._looks:
            return 0
        turns = [_turn(look, now_ms) for look in self._looks.get(action, ())]
        return min((turn for turn in turns if turn), default=0)


def earlier(one_ms: int, other_ms: int) -> int:
    """Return the earlier of two instants, of which 0 is never."""
    return min(one_ms, other_ms) if one_ms and other_ms else one_ms or other_ms


def _by_action(policies: Iterable[pst.Template]) -> Mapping[str, frozenset[Look]]:
    found: defaultdict[str, set[Look]] = defaultdict(set)
    for policy in policies:
        looks = [look for look in looks_of(policy) if look.path[:1] in {(), (TIME,)}]
        for action in _actions(policy) if looks else ():
            found[action].update(looks)
    return {action: frozenset(looks) for action, looks in found.items()}


def _actions(policy: pst.Template) -> Iterable[str]:
    """Name the actions that a policy may be about. A group of actions may hold any of them."""
    if isinstance(policy.action, pst.ActionEq):
        return (policy.action.entity.id,)
    return tuple(action.value for action in Action)


def _turn(look: Look, now_ms: int) -> int:
    match look:
        case Look(path=("time", "weekday")):
            instants = _midnights(now_ms, _DAYS_OF_WEEK)
        case Look(path=("time", "minuteOfDay"), literal=int(minute)) if look.test:
            instants = _minutes(now_ms, minute)
        case Look(path=("time", "epochSeconds"), literal=int(second)) if look.test:
            instants = iter((second * 1000, (second + 1) * 1000))
        case _:
            return (now_ms // MINUTE_MS + 1) * MINUTE_MS
    seen = _sees(look, now_ms)
    return next((at for at in instants if at > now_ms and _sees(look, at) != seen), 0)


def _sees(look: Look, now_ms: int) -> object:
    return look.sees({TIME: time_facts(now_ms)})


def _midnights(now_ms: int, days: int) -> Iterator[int]:
    today = now_ms // DAY_MS * DAY_MS
    return (today + day * DAY_MS for day in range(1, days + 1))


def _minutes(now_ms: int, minute: int) -> Iterator[int]:
    """Yield the instants at which a comparison with a minute can turn, in their order."""
    today = now_ms // DAY_MS * DAY_MS
    days = ((day, day + minute * MINUTE_MS, day + (minute + 1) * MINUTE_MS) for day in (
        today, today + DAY_MS, today + 2 * DAY_MS
    ))  # fmt: skip
    return iter(sorted(chain.from_iterable(days)))
