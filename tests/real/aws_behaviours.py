"""What AWS does with sessions, each as a small scenario: True where a peer does it too.

The first line of each is its row in the table of ``docs/targets.md``.
"""

import time
from datetime import UTC, datetime
from typing import Final

from broker.clock import SystemClock
from broker.secret import Secret
from tests.real.aws_peer import Keys, document, named
from tests.real.aws_stage import MINE, OTHER, Stage, Statement

_YEARS_S: Final = 10 * 365 * 86_400
_SOON_S: Final = 2
_CLOCK: Final = SystemClock()


def instant(at_s: int) -> str:
    """Write a time as a condition has it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_s() -> int:
    """Return the time, in whole seconds."""
    return _CLOCK.now_ms() // 1000


def role_limits(stage: Stage) -> bool:
    """A session may do what its role may, and no more."""
    keys = stage.assume(stage.role(stage.reads(MINE)))
    return stage.may_read(keys, MINE) and not stage.may_read(keys, OTHER)


def session_policy_narrows(stage: Stage) -> bool:
    """A session policy takes away from what the role may."""
    keys = stage.assume(stage.role(), Policy=document(stage.reads(MINE)))
    return stage.may_read(keys, MINE) and not stage.may_read(keys, OTHER)


def session_policy_never_widens(stage: Stage) -> bool:
    """A session policy adds nothing to what the role may."""
    keys = stage.assume(stage.role(stage.reads(MINE)), Policy=document(stage.reads()))
    return stage.may_read(keys, MINE) and not stage.may_read(keys, OTHER)


def not_after(stage: Stage) -> bool:
    """A deny `DateGreaterThan aws:CurrentTime` in the session policy ends it."""
    role = stage.role()

    def ends(after_s: int) -> Keys:
        late = stage.reads(
            effect="Deny", DateGreaterThan={"aws:CurrentTime": instant(now_s() + after_s)}
        )
        return stage.assume(role, Policy=document(stage.reads(), late))

    return stage.may_read(ends(_YEARS_S)) and not stage.may_read(ends(-_YEARS_S))


def allowed_until(stage: Stage) -> bool:
    """An allow with `DateLessThan aws:CurrentTime` in the session policy ends it."""
    role = stage.role()

    def ends(after_s: int) -> Keys:
        early = stage.reads(DateLessThan={"aws:CurrentTime": instant(now_s() + after_s)})
        return stage.assume(role, Policy=document(early))

    return stage.may_read(ends(_YEARS_S)) and not stage.may_read(ends(-_YEARS_S))


def dies_while_it_is_used(stage: Stage) -> bool:
    """Allow and deny together: a session that was used is refused once its not-after has passed."""
    end_s = now_s() + _SOON_S
    at = {"aws:CurrentTime": instant(end_s)}
    policy = document(stage.reads(DateLessThan=at), stage.reads(effect="Deny", DateGreaterThan=at))
    keys = stage.assume(stage.role(), Policy=policy)
    before = stage.may_read(keys) or now_s() >= end_s
    time.sleep(max(0, end_s - now_s()) + 1.5)
    return before and not stage.may_read(keys)


def session_deny(stage: Stage) -> bool:
    """A deny in the session policy takes away what its allow gives."""
    role = stage.role()
    policy = document(stage.reads(), stage.reads(OTHER, effect="Deny"))
    keys = stage.assume(role, Policy=policy)
    return stage.may_read(keys, MINE) and not stage.may_read(keys, OTHER)


def deny_kills_a_live_session(stage: Stage) -> bool:
    """A deny without condition that is added to the role ends a session that is open."""
    role = stage.role()
    keys = stage.assume(role)
    before = stage.may_read(keys)
    stage.put(role, "killed", stage.reads(effect="Deny"))
    return before and not stage.may_read(keys)


def deny_kills_one_task(stage: Stage) -> bool:
    """A deny `StringLike aws:userid *:TASK-*` ends that task's sessions and no other."""
    role = stage.role()
    mine, others = named("t"), named("t")
    sessions = [stage.assume(role, f"{task}-lease") for task in (mine, mine, others)]
    before = [stage.may_read(keys) for keys in sessions]
    stage.put(role, "killed", _killed(stage, mine))
    after = [stage.may_read(keys) for keys in sessions]
    return before == [True, True, True] and after == [False, False, True]


def _killed(stage: Stage, *tasks: str) -> dict[str, object]:
    names = [f"*:{task}-*" for task in tasks]
    return dict(stage.reads(effect="Deny", StringLike={"aws:userid": names}))


def deny_of_two_tasks(stage: Stage) -> bool:
    """Such a deny with a list of tasks ends the sessions of each."""
    role = stage.role()
    tasks = [named("t") for _ in range(3)]
    sessions = [stage.assume(role, f"{task}-lease") for task in tasks]
    stage.put(role, "killed", _killed(stage, *tasks[:2]))
    return [stage.may_read(keys) for keys in sessions] == [False, False, True]


def deny_names_what_is_opened_later(stage: Stage) -> bool:
    """Such a deny holds for a session of the task that is opened after it."""
    role = stage.role()
    task = named("t")
    stage.put(role, "killed", _killed(stage, task))
    return not stage.may_read(stage.assume(role, f"{task}-lease")) and stage.may_read(
        stage.assume(role, f"{named('t')}-lease")
    )


def session_lives_again(stage: Stage) -> bool:
    """A session that has not expired lives again when its deny is taken away."""
    role = stage.role()
    keys = stage.assume(role)
    stage.put(role, "killed", stage.reads(effect="Deny"))
    dead = not stage.may_read(keys)
    stage.iam.delete_role_policy(RoleName=role, PolicyName="killed")
    return dead and stage.may_read(keys)


def cut_off_by_issue_time(stage: Stage) -> bool:
    """A deny `DateLessThan aws:TokenIssueTime` ends sessions from before, and none from after."""
    role = stage.role()
    keys = stage.assume(role)

    def cut(after_s: int) -> bool:
        issued = {"aws:TokenIssueTime": instant(now_s() + after_s)}
        stage.put(role, "cut", stage.reads(effect="Deny", DateLessThan=issued))
        return not stage.may_read(keys)

    return cut(_YEARS_S) and not cut(-_YEARS_S)


def wrong_secret(stage: Stage) -> bool:
    """A wrong secret key is refused."""
    keys = stage.assume(stage.role())
    return not stage.may_read(Keys(keys.access_key, Secret("x" * 40), keys.token))


def wrong_token(stage: Stage) -> bool:
    """A session token that was changed, or of another session, is refused."""
    role = stage.role()
    keys, other = stage.assume(role), stage.assume(role)
    assert keys.token is not None
    text = keys.token.reveal()
    changed = Secret(text[:-8] + text[-8:][::-1])
    return not any(
        stage.may_read(Keys(keys.access_key, keys.secret, token))
        for token in (changed, other.token)
    )


def no_token(stage: Stage) -> bool:
    """A session's key without its token is refused."""
    keys = stage.assume(stage.role())
    return not stage.may_read(Keys(keys.access_key, keys.secret))


def session_tags(stage: Stage) -> bool:
    """A condition of the role on `aws:PrincipalTag` is true of a session with that tag alone."""
    role = stage.role(
        stage.reads(StringEquals={"aws:PrincipalTag/tenant": "acme"}),
        trust=stage.trusting("sts:TagSession"),
    )

    def with_tag(value: str) -> bool:
        return stage.may_read(stage.assume(role, Tags=[{"Key": "tenant", "Value": value}]))

    return with_tag("acme") and not with_tag("other")


def source_identity(stage: Stage) -> bool:
    """A condition of the role on `aws:SourceIdentity` is true of a session with that identity."""
    role = stage.role(
        stage.reads(StringEquals={"aws:SourceIdentity": "agent"}),
        trust=stage.trusting("sts:SetSourceIdentity"),
    )

    def known_as(name: str) -> bool:
        return stage.may_read(stage.assume(role, SourceIdentity=name))

    return known_as("agent") and not known_as("other")


def boundary(stage: Stage) -> bool:
    """A permissions boundary takes away what it does not allow."""
    return _bounded(stage, stage.reads(MINE))


def boundary_deny(stage: Stage) -> bool:
    """A deny in a permissions boundary takes away what its allow gives."""
    return _bounded(stage, stage.reads(), stage.reads(OTHER, effect="Deny"))


def _bounded(stage: Stage, *statements: Statement) -> bool:
    made = stage.iam.create_policy(PolicyName=named("edge"), PolicyDocument=document(*statements))
    keys = stage.assume(stage.role(PermissionsBoundary=made["Policy"]["Arn"]))
    return stage.may_read(keys, MINE) and not stage.may_read(keys, OTHER)


def who_am_i(stage: Stage) -> bool:
    """GetCallerIdentity says which session it is, and by which role's id."""
    role = stage.role()
    answer = stage.answer(role, "task-lease")
    said = stage.peer.client("sts", Keys.of(answer["Credentials"])).get_caller_identity()
    role_id = stage.iam.get_role(RoleName=role)["Role"]["RoleId"]
    is_named = str(said["Arn"]).endswith(f":assumed-role/{role}/task-lease")
    return is_named and said["UserId"] == f"{role_id}:task-lease"


SESSIONS: Final = (
    role_limits,
    session_policy_narrows,
    session_policy_never_widens,
    session_deny,
    not_after,
    allowed_until,
    dies_while_it_is_used,
    deny_kills_a_live_session,
    deny_kills_one_task,
    deny_of_two_tasks,
    deny_names_what_is_opened_later,
    session_lives_again,
    cut_off_by_issue_time,
    wrong_secret,
    wrong_token,
    no_token,
    session_tags,
    source_identity,
    boundary,
    boundary_deny,
    who_am_i,
)
