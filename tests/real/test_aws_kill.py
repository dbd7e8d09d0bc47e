"""Sessions are refused by their role when their task is killed: by the peers' own word.

LocalEmu and radosgw judge conditions: they show whom a denial hits. moto does not; it shows that a
document is kept as it was written (the table in ``docs/targets.md``).
"""

import pytest

from backends import kit_lists
from backends.aws_shapes import DenyWriter
from backends.deny_lists import Desired
from backends.errors import BackendError
from backends.kit import broken_promises, unchecked
from tests.real.aws_lab import open_lab
from tests.real.aws_peer import Peer
from tests.real.aws_stage import MINE, OTHER, Stage
from tests.real.aws_yard import CLOCK, IDS, AwsYard, enter_as

pytestmark = pytest.mark.real

JUDGES = pytest.mark.parametrize("aws_peer", ["localemu", "radosgw"], indirect=True)


@pytest.fixture
def yard(aws_peer: Peer, monkeypatch: pytest.MonkeyPatch) -> AwsYard:
    """A backend on a peer."""
    enter_as(aws_peer, monkeypatch)
    return AwsYard(Stage(aws_peer))


def desired(*entries: str, cut: int = 0) -> Desired:
    """Say what must stand in a role."""
    return Desired(entries=frozenset(entries), issued_before_ms=cut, mark="lineager1")


def test_a_document_is_kept_as_it_was_written(yard: AwsYard) -> None:
    """Read back with entries, cut-off and mark; and gone when nothing need stand there."""
    arn = yard.stage.arn(yard.stage.role())
    tasks = [IDS.root_task() for _ in range(3)]
    wanted = desired(*tasks, f"{tasks[0]}-{IDS.lease(tasks[0])}", cut=1_800_000_000_000)

    before = yard.backend.read(arn, yard.deadline())
    shown = yard.backend.publish(arn, wanted, yard.deadline())
    again = yard.backend.publish(arn, wanted, yard.deadline())
    gone = yard.backend.publish(arn, desired(), yard.deadline())

    assert (before.entries, before.mark) == (frozenset(), "")
    assert shown.is_as(wanted)
    assert again.is_as(wanted)
    assert abs(shown.target_now_ms - CLOCK.now_ms()) < 60_000 or not shown.target_now_ms
    assert gone.is_as(desired())
    assert yard.stage.iam.list_role_policies(RoleName=arn.rpartition("/")[2])["PolicyNames"] == [
        "work"
    ]


def test_what_others_keep_in_a_role_takes_room(yard: AwsYard) -> None:
    """All inline policies of a role share what AWS gives it."""
    role = yard.stage.role()
    arn = yard.stage.arn(role)
    yard.backend.read(arn, yard.deadline())
    text = yard.stage.put(role, "more", yard.stage.reads())

    other = AwsYard(yard.stage)
    room = yard.backend.read(arn, yard.deadline()).room

    assert other.backend.read(arn, other.deadline()).room <= room
    assert 200 * yard.backend.weight(IDS.root_task()) < 10_240 - len(text) - len(text)


def test_a_role_that_is_not_there_is_no_empty_list(yard: AwsYard) -> None:
    """Whatever is wrong there, nothing is believed of it."""
    arn = yard.stage.arn(yard.stage.role()) + "-gone"

    for ask in (
        lambda: yard.backend.read(arn, yard.deadline()),
        lambda: yard.backend.publish(arn, desired(IDS.root_task()), yard.deadline()),
    ):
        with pytest.raises(BackendError):
            ask()


def test_what_a_hand_has_changed_shows(yard: AwsYard) -> None:
    """Deleted, or with something else in it."""
    role = yard.stage.role()
    arn, wanted = yard.stage.arn(role), desired(IDS.root_task())
    yard.backend.publish(arn, wanted, yard.deadline())
    yard.stage.put(role, "jit-broker-deny", yard.stage.reads(effect="Deny"))
    changed = yard.backend.read(arn, yard.deadline())
    yard.stage.iam.delete_role_policy(RoleName=role, PolicyName="jit-broker-deny")
    deleted = yard.backend.read(arn, yard.deadline())

    assert not changed.is_as(wanted)
    assert not changed.is_whole
    assert not deleted.is_as(wanted)
    assert yard.backend.publish(arn, wanted, yard.deadline()).is_as(wanted)


@JUDGES
def test_killing_one_task_leaves_the_other_alive_on_the_same_role(yard: AwsYard) -> None:
    """Both of the one's sessions are refused, the other's goes on; taken back, they live again."""
    role, task = yard.stage.role(), IDS.root_task()
    mine = [yard.session(yard.wish(role, task)) for _ in range(2)]
    _, others = yard.session(yard.wish(role))
    before = [yard.stage.may_read(keys) for keys in (mine[0][1], mine[1][1], others)]
    ban = yard.backend.ban_of(mine[0][0])

    yard.backend.publish(ban.at, desired(ban.task), yard.deadline())

    assert before == [True, True, True]
    assert yard.settled(lambda: not any(yard.stage.may_read(keys) for _, keys in mine))
    assert yard.stage.may_read(others)


@JUDGES
def test_one_session_is_killed_without_its_task(yard: AwsYard) -> None:
    """The entry of a lease hits that one."""
    role, task = yard.stage.role(), IDS.root_task()
    (place, killed), (_, kept) = (yard.session(yard.wish(role, task)) for _ in range(2))
    ban = yard.backend.ban_of(place)

    yard.backend.publish(ban.at, desired(ban.one), yard.deadline())

    assert yard.settled(lambda: not yard.stage.may_read(killed))
    assert yard.stage.may_read(kept)


@JUDGES
def test_a_session_that_comes_after_its_task_s_kill_is_born_dead(yard: AwsYard) -> None:
    """The mint's reply came later than the kill, or never."""
    wish = yard.wish(yard.stage.role())
    ban = yard.backend.ban_of(yard.backend.locate(wish, yard.deadline()))
    yard.backend.publish(ban.at, desired(ban.task), yard.deadline())

    _, keys = yard.session(wish)

    assert yard.settled(lambda: not yard.stage.may_read(keys))


@JUDGES
def test_a_cut_off_ends_what_was_issued_before_and_nothing_later(yard: AwsYard) -> None:
    """In the place of every entry."""
    role = yard.stage.role()
    (place, old), at = yard.session(yard.wish(role)), yard.backend.ban_of
    soon = (CLOCK.now_ms() // 1000 + 2) * 1000
    yard.backend.publish(at(place).at, desired(cut=soon), yard.deadline())
    refused = yard.settled(lambda: not yard.stage.may_read(old))
    while CLOCK.now_ms() < soon + 1_000:
        yard.settled(lambda: CLOCK.now_ms() >= soon + 1_000)

    _, new = yard.session(yard.wish(role))

    assert refused
    assert yard.stage.may_read(new)
    assert not yard.stage.may_read(old)


@JUDGES
def test_a_canary_is_refused_when_its_name_is_denied_and_only_then(yard: AwsYard) -> None:
    """Before that it may do what is tried; and it may do nothing else."""
    wish = yard.wish(yard.stage.role())
    place, _ = yard.session(wish)
    ban = yard.backend.ban_of(place)
    alive = yard.backend.probe(place, yard.deadline())

    yard.backend.publish(ban.at, desired(ban.task), yard.deadline())

    assert alive is False
    assert yard.settled(lambda: yard.backend.probe(place, yard.deadline()))
    assert yard.backend.is_probed(place)


@JUDGES
def test_a_canary_that_would_be_refused_anyway_says_nothing(yard: AwsYard) -> None:
    """The role may not do what is tried: then a refusal is no sign of a denial."""
    wish = yard.wish(yard.stage.role(yard.stage.reads(OTHER)))
    place, keys = yard.session(wish)
    ban = yard.backend.ban_of(place)
    yard.backend.publish(ban.at, desired(ban.task), yard.deadline())

    assert not yard.stage.may_read(keys, MINE)
    with pytest.raises(BackendError, match="would say nothing"):
        yard.backend.probe(place, yard.deadline())


def test_no_probe_is_none(yard: AwsYard) -> None:
    """What was not declared is not tried."""
    place = yard.backend.locate(yard.wish(yard.stage.role(), is_probed=False), yard.deadline())

    assert not yard.backend.is_probed(place)
    with pytest.raises(BackendError, match="nothing is declared"):
        yard.backend.probe(place, yard.deadline())


@JUDGES
def test_its_lists_keep_every_promise(aws_peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the contract's test kit asks of lists, and of killing by them."""
    enter_as(aws_peer, monkeypatch)
    writer = DenyWriter(endpoint_url=aws_peer.iam_url)
    asked = ("killing twice is killing once", "killing one leaves the others", *kit_lists.PROMISES)
    with open_lab(aws_peer, kill="deny", deny_writer=writer) as lab:
        assert set(asked) & set(unchecked(lab)) == set()
        assert broken_promises(lab, *asked) == {}


@pytest.mark.parametrize("aws_peer", ["moto", "localemu"], indirect=True)
def test_the_writer_is_a_role_that_may_write_there_and_nowhere_else(yard: AwsYard) -> None:
    """What its role does not allow is refused; the broker's own keys are not used for it."""
    stage = yard.stage
    mine, others = stage.role(), stage.role()
    may = {
        "Effect": "Allow",
        "Action": ["iam:GetRolePolicy", "iam:PutRolePolicy", "iam:ListRolePolicies"],
        "Resource": stage.arn(mine),
    }
    writer = DenyWriter(role_arn=stage.arn(stage.role(may)), endpoint_url=stage.peer.iam_url)
    by_role, wanted = AwsYard(stage, deny_writer=writer), desired(IDS.root_task())

    shown = by_role.backend.publish(stage.arn(mine), wanted, by_role.deadline())

    assert shown.is_as(wanted)
    with pytest.raises(BackendError, match="Denied"):
        by_role.backend.publish(stage.arn(others), wanted, by_role.deadline())
    assert stage.iam.list_role_policies(RoleName=others)["PolicyNames"] == ["work"]
