"""Sessions from STS servers that are not ours. Each test runs on the peers that can show it."""

import itertools
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from backends import kit_inventory, kit_lists
from backends.aws_policy import Statement
from backends.aws_shapes import ViaRole
from backends.aws_sts import kind
from backends.contract import Deadline, Minted, Wish
from backends.errors import BackendError, NotMintedError, Trouble
from backends.kit import PROMISES, broken_promises, unchecked
from tests.real.aws_lab import SURROUNDINGS, AwsLab, keys_of, open_lab
from tests.real.aws_peer import Keys, Peer
from tests.real.aws_stage import allowed

pytestmark = pytest.mark.real

_NOT_MADE: Final = {
    "what is gone is refused, sessions included",
    "killing twice is killing once",
    "killing one leaves the others",
    "what never was is absent",
    *kit_inventory.PROMISES,
    *kit_lists.PROMISES,
}

_NUMBERS: Final = itertools.count(10_000)

LOCALEMU: Final = pytest.mark.parametrize("aws_peer", ["localemu"], indirect=True)
RADOSGW: Final = pytest.mark.parametrize("aws_peer", ["radosgw"], indirect=True)
NARROWING: Final = pytest.mark.parametrize("aws_peer", ["localemu", "radosgw"], indirect=True)
WITHOUT_DENIALS: Final = pytest.mark.parametrize("aws_peer", ["moto", "localemu"], indirect=True)


@pytest.fixture
def lab(aws_peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsLab]:
    """A backend on the peer; the broker is its administrator, by its environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws_peer.admin.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws_peer.admin.secret.reveal())
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with open_lab(aws_peer) as lab:
        yield lab


def deadline(seconds: float = 60.0) -> Deadline:
    """Give a call so much time."""

    def clock_ms() -> int:
        return time.monotonic_ns() // 1_000_000

    return Deadline(clock_ms() + int(seconds * 1000), clock_ms)


def mint(lab: AwsLab, given: Wish | None = None, ttl_s: float = 600, **options: Any) -> Minted:
    """Mint one that nobody minted before."""
    backend = kind.open(lab.options(**options), SURROUNDINGS) if options else lab.backend
    wish = given or lab.wish(next(_NUMBERS))
    place = backend.locate(wish, deadline())
    ends_ms = time.time_ns() // 1_000_000 + int(ttl_s * 1000)  # noqa: TID251 - AWS has its own clock, too
    return backend.mint(wish, place, ends_ms, deadline())


def refusal(lab: AwsLab, given: Wish | None = None, **options: Any) -> BackendError:
    """Mint in vain."""
    with pytest.raises(BackendError) as raised:
        mint(lab, given, **options)
    return raised.value


@RADOSGW
def test_it_keeps_every_promise(lab: AwsLab) -> None:
    """All that it makes: without a kill there is none to look into, and STS lists nothing."""
    assert broken_promises(lab) == {}
    assert set(unchecked(lab)) == _NOT_MADE


@WITHOUT_DENIALS
def test_it_keeps_every_promise_but_those_of_age(lab: AwsLab) -> None:
    """These peers judge no denial in a session policy, as the table in the docs says."""
    others = [name for name in PROMISES if name != "age does what it is said to do"]

    assert broken_promises(lab, *others) == {}


@NARROWING
def test_a_session_may_do_what_its_scopes_and_its_role_allow(lab: AwsLab) -> None:
    """Its tenant's objects, reading only; what the role may not, no scope gives."""
    write = Statement(
        effect="Allow", action="s3:*", resource=f"arn:aws:s3:::{lab.bucket}/${{tenant}}/*"
    )
    template = lab.template(scopes={**lab.template().scopes, "write": (write,)})
    reads = mint(lab).words
    wish = lab.wish(next(_NUMBERS), scopes=("read", "write"), template=template)
    writes = mint(lab, wish).words

    assert lab.may(reads)
    assert not lab.may(reads, "other/1")
    assert not lab.may(reads, action="put")
    assert lab.may(writes)
    assert not lab.may(writes, action="put")


@NARROWING
@pytest.mark.parametrize("name", ["*", "?????", "${aws:username}", "a*"])
def test_a_name_that_is_a_pattern_opens_nothing(lab: AwsLab, name: str) -> None:
    """Even where a server does not know IAM's names for single characters: no other's object."""
    try:
        words = mint(lab, lab.wish(next(_NUMBERS), tenant=name)).words
    except NotMintedError:
        return  # radosgw takes no policy with some of them

    assert not lab.may(words)
    assert not lab.may(words, "other/1")


@RADOSGW
def test_a_session_ends_with_its_lease_and_not_with_sts(lab: AwsLab) -> None:
    """It is used, and refused seconds later; another of the same role goes on."""
    kept = mint(lab).words
    words = mint(lab, ttl_s=4).words
    began = lab.may(words)
    lab.until_refused(words)

    assert began
    assert lab.may(kept)


@RADOSGW
def test_a_session_that_may_everything_is_denied_the_roles_themselves(lab: AwsLab) -> None:
    """The role may, the scope allows, and the policy's end denies; without that end it may."""
    everything = Statement(effect="Allow", action="*", resource="*")
    role = lab.stage.role({"Effect": "Allow", "Action": "*", "Resource": "*"})
    template = lab.template(role_arn=lab.stage.arn(role), scopes={"read": (everything,)})
    words = mint(lab, lab.wish(next(_NUMBERS), template=template)).words

    def may_look_at_roles(keys: Keys) -> bool:
        iam = lab.peer.client("iam", keys)
        return allowed(lambda: iam.get_role(RoleName=role))

    assert lab.may(words, action="put")
    assert not may_look_at_roles(keys_of(words))
    assert may_look_at_roles(lab.stage.assume(role))


@RADOSGW
def test_a_role_that_is_not_there_is_refused(lab: AwsLab) -> None:
    """For certain there is no session."""
    template = lab.template(role_arn=lab.role + "-not")
    error = refusal(lab, lab.wish(next(_NUMBERS), template=template))

    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.REFUSED


def test_a_role_that_does_not_trust_us_is_refused(lab: AwsLab) -> None:
    """On every peer."""
    trust = lab.stage.trusting(principal=lab.peer.principal + "-not")
    role = lab.stage.arn(lab.stage.role(trust=trust))
    error = refusal(lab, lab.wish(next(_NUMBERS), template=lab.template(role_arn=role)))

    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.REFUSED


@pytest.mark.parametrize("aws_peer", ["moto", "radosgw"], indirect=True)
def test_wrong_keys_lock_the_broker_out(lab: AwsLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says differs; that nothing was made does not."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 40)
    error = refusal(lab, region="eu-west-1")

    assert isinstance(error, NotMintedError)
    assert error.trouble in {Trouble.LOCKED_OUT, Trouble.REFUSED}


@WITHOUT_DENIALS
def test_an_external_id_is_sent(lab: AwsLab) -> None:
    """The role asks for it."""
    trust = lab.stage.trusting(StringEquals={"sts:ExternalId": "ext-1"})
    role = lab.stage.arn(lab.stage.role(lab.on("s3:GetObject"), trust=trust))
    right = lab.template(role_arn=role, external_id="ext-1")
    wrong = lab.template(role_arn=role, external_id="ext-2")

    assert lab.may(mint(lab, lab.wish(next(_NUMBERS), template=right)).words)
    assert refusal(lab, lab.wish(next(_NUMBERS), template=wrong)).trouble is Trouble.REFUSED


@LOCALEMU
def test_tags_of_a_session_count_in_the_roles_policy(lab: AwsLab) -> None:
    """One role for all tenants: the tag says whose objects."""
    mine = {**lab.on("s3:GetObject"), "Condition": {"StringEquals": {"aws:PrincipalTag/t": "acme"}}}
    tagging = lab.stage.trusting("sts:TagSession", "sts:SetSourceIdentity")
    role = lab.stage.arn(lab.stage.role(mine, trust=tagging))
    template = lab.template(role_arn=role, tags={"t": "${tenant}"}, source_identity="${task}")
    acme = lab.wish(next(_NUMBERS), template=template)
    everything = Statement(effect="Allow", action="s3:*", resource="*")
    wide = lab.template(role_arn=role, tags={"t": "${tenant}"}, scopes={"read": (everything,)})
    other = lab.wish(next(_NUMBERS), template=wide, tenant="other")

    assert lab.may(mint(lab, acme).words)
    assert not lab.may(mint(lab, other).words)


@LOCALEMU
def test_a_role_in_between_takes_the_others(lab: AwsLab) -> None:
    """Only it is trusted by the capability's role."""
    between = lab.stage.role({"Effect": "Allow", "Action": "sts:*", "Resource": "*"})
    trust = lab.stage.trusting(principal=lab.stage.arn(between))
    role = lab.stage.arn(lab.stage.role(lab.on("s3:GetObject"), trust=trust))
    template = lab.template(role_arn=role)
    via = ViaRole(role_arn=lab.stage.arn(between))

    words = mint(lab, lab.wish(next(_NUMBERS), template=template), via_role=via).words

    assert lab.may(words)
    assert refusal(lab, lab.wish(next(_NUMBERS), template=template)).trouble is Trouble.REFUSED
