"""Which scenario is interrupted at which fault point."""

from dataclasses import dataclass
from typing import Final

from tests.chaos.again import FORBID
from tests.chaos.agreed import AGREE, ASK, REDEEM
from tests.chaos.facts_scenarios import CLOSE, LIFT, MANY
from tests.chaos.once import GRANTED, SPENT
from tests.chaos.saying import SAY
from tests.chaos.scenarios import (
    BEAT,
    CLAIM,
    COMPLETE,
    EXTEND,
    FREEZE,
    GIVE_BACK,
    ISSUE,
    OPEN,
    OPEN_AGAIN,
    REFUSE,
    RENEW,
    REVOKE_AGENT,
    REVOKE_CREDENTIAL,
    REVOKE_TASK,
    THAW,
    Scenario,
)
from tests.chaos.sessions import END_SESSIONS
from tests.chaos.sets import REVOKE_SET
from tests.chaos.told import TELL


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario interrupted at a point; repeated by its caller or left to the survivors."""

    point: str
    what: str
    scenario: Scenario
    is_repeated: bool = True

    @property
    def id(self) -> str:
        """Name the case."""
        return f"{self.point}: {self.what}{'' if self.is_repeated else ', once'}"


CASES: Final = (
    Case("open.decided", "a task is opened", OPEN),
    Case("open.written", "a task is opened", OPEN),
    Case("open.handed", "the opening is repeated", OPEN_AGAIN),
    Case("claim.written", "a task is claimed", CLAIM),
    Case("heartbeat.written", "an agent beats", BEAT),
    Case("use.written", "an agent says what it used", SAY),
    Case("extend.decided", "a task is extended", EXTEND),
    Case("extend.written", "a task is extended", EXTEND),
    Case("issue.decided", "a credential is issued", ISSUE),
    Case("issue.spent", "a credential is issued", ISSUE),
    Case("issue.spent", "evidence serves once", SPENT),
    Case("issue.granted", "evidence serves once", GRANTED),
    Case("issue.granted", "a credential is issued", ISSUE),
    Case("issue.signed", "a credential is issued", ISSUE),
    Case("renew.decided", "a credential is renewed", RENEW),
    Case("renew.granted", "a credential is renewed", RENEW),
    Case("renew.signed", "a credential is renewed", RENEW),
    Case("issue.asked", "people are asked", ASK),
    Case("answer.written", "somebody agrees", AGREE),
    Case("answer.followed", "somebody agrees", AGREE),
    Case("issue.decided", "what was agreed to is issued", REDEEM),
    Case("issue.granted", "what was agreed to is issued", REDEEM),
    Case("issue.signed", "what was agreed to is issued", REDEEM),
    Case("refuse.noted", "too much is asked for", REFUSE),
    Case("give-back.written", "a credential is given back", GIVE_BACK),
    Case("give-back.freed", "a credential is given back", GIVE_BACK),
    Case("close.written", "a family is completed", COMPLETE),
    Case("tell.bound", "a message ends a family", TELL),
    Case("close.written", "a message ends a family", TELL),
    Case("freeze.written", "a family is frozen", FREEZE),
    Case("thaw.written", "a task is thawed", THAW),
    Case("reap.freed", "a family is frozen", FREEZE),
    Case("reap.batch-ended", "a family is frozen", FREEZE),
    Case("reap.freeze-followed", "a family is frozen", FREEZE),
    Case("ship.appended", "a family is frozen", FREEZE),
    Case("ship.appended", "a family is completed", COMPLETE),
    Case("ship.trimmed", "a family is completed", COMPLETE),
    Case("reap.claimed", "a family is completed", COMPLETE),
    Case("reap.freed", "a family is completed", COMPLETE),
    Case("reap.batch-ended", "a family is completed", COMPLETE),
    Case("reap.child-closed", "a family is completed", COMPLETE),
    Case("reap.settled", "a family is completed", COMPLETE),
    Case("redecide.ended", "what was granted is forbidden", FORBID),
    Case("redecide.ended", "what was granted is forbidden", FORBID, is_repeated=False),
    Case("redecide.walked", "what was granted is forbidden", FORBID),
    Case("redecide.settled", "what was granted is forbidden", FORBID),
    Case("revoke.kept", "a credential is revoked", REVOKE_CREDENTIAL),
    Case("revoke.ended", "a credential is revoked", REVOKE_CREDENTIAL),
    Case("revoke.ended", "a task is revoked", REVOKE_TASK),
    Case("revoke.kept", "an agent is cut off", REVOKE_AGENT),
    Case("revoke.laid", "an agent is cut off", REVOKE_AGENT),
    Case("revoke.noted", "an agent is cut off", REVOKE_AGENT),
    Case("revoke.kept", "a set is revoked", REVOKE_SET),
    Case("reap.batch-ended", "a set is revoked", REVOKE_SET),
    Case("revoke.noted", "a set is revoked", REVOKE_SET),
    Case("reap.cut-followed", "an agent is cut off", REVOKE_AGENT),
    Case("session.kept", "sessions end", END_SESSIONS),
    Case("session.kept", "sessions end", END_SESSIONS, is_repeated=False),
    Case("session.noted", "sessions end", END_SESSIONS),
    Case("revoke.laid", "sessions end", END_SESSIONS),
    Case("revoke.laid", "sessions end", END_SESSIONS, is_repeated=False),
    Case("reap.cut-followed", "sessions end", END_SESSIONS),
    Case("change.checked", "a hold is lifted", LIFT),
    Case("change.appended", "a hold is lifted", LIFT),
    Case("change.settled", "a hold is lifted", LIFT),
    Case("change.checked", "a ticket is closed", CLOSE),
    Case("change.staged", "a ticket is closed among many", MANY),
    Case("change.appended", "a ticket is closed", CLOSE),
    Case("change.appended", "a ticket is closed", CLOSE, is_repeated=False),
    Case("change.settled", "a ticket is closed", CLOSE),
    Case("change.settled", "a ticket is closed", CLOSE, is_repeated=False),
    Case("redecide.ended", "a ticket is closed", CLOSE, is_repeated=False),
    Case("redecide.walked", "a ticket is closed", CLOSE),
    Case("revoke.kept", "a credential is revoked", REVOKE_CREDENTIAL, is_repeated=False),
    Case("revoke.kept", "a task is revoked", REVOKE_TASK, is_repeated=False),
    Case("revoke.kept", "an agent is cut off", REVOKE_AGENT, is_repeated=False),
    Case("revoke.kept", "a set is revoked", REVOKE_SET, is_repeated=False),
    Case("revoke.laid", "an agent is cut off", REVOKE_AGENT, is_repeated=False),
)
"""An order that nobody repeats is carried out all the same, once it is kept."""
