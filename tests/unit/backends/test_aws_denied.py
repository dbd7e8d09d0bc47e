"""Sessions that their role refuses, when IAM lies, hangs or breaks off; the real ones are peers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

from backends.aws_canary import Probe
from backends.aws_denied import AwsDenied
from backends.aws_deny_document import written
from backends.aws_shapes import Ambient, AwsOptions, DenyWriter
from backends.aws_sts import AwsSts, kind
from backends.contract import Deadline, Place, Revocable, Surroundings
from backends.deny_lists import DenyLists, Desired
from backends.errors import BackendError, NotMintedError, OtherTargetError, Trouble
from tests.fakes.aws import ROLE, template, wish
from tests.fakes.sts_server import (
    ACCOUNT,
    Answer,
    StsServer,
    broken,
    garbage,
    monotonic_ms,
    running,
    saying,
    session,
)

TASK = "t_00_" + "a" * 26
WRITER = f"arn:aws:iam::{ACCOUNT}:role/jit-deny-writer"
WANTED = Desired(entries=frozenset({TASK}), mark="abcr1")


@pytest.fixture(autouse=True)
def ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever boto3 takes this process for."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def no_token(*_: object, **__: object) -> str:
    """Sign nothing."""
    raise BackendError(Trouble.LOCKED_OUT)


def options(server: StsServer, **changes: Any) -> AwsOptions:
    """Declare an account."""
    writer = DenyWriter(endpoint_url=server.url, **changes)
    return AwsOptions(
        account=ACCOUNT,
        region="eu-central-1",
        endpoint_url=server.url,
        ambient=Ambient(),
        kill="deny",
        deny_writer=writer,
    )


@contextmanager
def denied(*answers: Answer, **changes: Any) -> Iterator[tuple[AwsDenied, StsServer]]:
    """Make a backend whose IAM gives these answers."""
    with running(*answers) as server:
        backend = kind.open(options(server, **changes), Surroundings(lambda: "e", no_token))
        assert isinstance(backend, AwsDenied)
        yield backend, server
        backend.close()


def deadline(seconds: float = 10) -> Deadline:
    """Give a call so much time."""
    return Deadline(monotonic_ms() + int(seconds * 1000), monotonic_ms)


def result(operation: str, inner: str) -> Answer:
    """Answer an operation of IAM."""
    text = (
        f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>"
    )
    return garbage(text.encode())


def policy(document: str) -> Answer:
    """Answer GetRolePolicy."""
    inner = (
        "<RoleName>orders</RoleName><PolicyName>jit-broker-deny</PolicyName>"
        f"<PolicyDocument>{quote(document)}</PolicyDocument>"
    )
    return result("GetRolePolicy", inner)


def names(*listed: str) -> Answer:
    """Answer ListRolePolicies."""
    members = "".join(f"<member>{name}</member>" for name in listed)
    inner = f"<PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated>"
    return result("ListRolePolicies", inner)


PUT = garbage(b"<PutRolePolicyResponse/>")


def test_the_kind_says_what_its_options_promise() -> None:
    """Eventually, by a list, with a probe; or not at all."""
    with running(PUT) as server:
        denying = options(server)
        dying = AwsOptions(account=ACCOUNT, region="x", ambient=Ambient())
        made = [kind.open(each, Surroundings(lambda: "e", no_token)) for each in (denying, dying)]

    assert kind.traits_of(denying, template()).revocable is Revocable.EVENTUALLY
    assert kind.traits_of(dying, template()).revocable is Revocable.NEVER
    assert [isinstance(each, DenyLists) for each in made] == [True, False]
    assert isinstance(made[1], AwsSts)


def test_a_session_is_refused_under_its_name_and_its_task_s() -> None:
    """In the list of its role; another account's is none of this target's."""
    with denied(PUT) as (backend, _):
        place = backend.locate(wish(), deadline())
        ban = backend.ban_of(place)
        foreign = Place(locator=place.locator, identity="aws:999999999999")
        with pytest.raises(OtherTargetError):
            backend.ban_of(foreign)

    assert ban.at == ROLE
    assert ban.one == f"{ban.task}-l_00_{'b' * 26}"
    assert ban.task == TASK
    assert not backend.is_probed(place)


def test_an_entry_outlives_the_quarter_of_an_hour_that_sts_gives_at_least() -> None:
    """However soon the lease has ended."""
    with denied(PUT) as (backend, _):
        assert backend.stays_until_ms(1_000, 61_000) == 1_000 + 900_000 + 1_000
        assert backend.stays_until_ms(1_000, 7_200_000) == 7_201_000


def test_a_declared_probe_is_known_from_the_place_alone() -> None:
    """Whatever becomes of the capability, what was declared when it was minted is tried."""
    probe = Probe(action="s3:ListBucket", bucket="orders")
    with denied(PUT) as (backend, _):
        asked = wish(template=template(probe=probe, tags={"tenant": "${tenant}"}))
        place = backend.locate(asked, deadline())

    assert backend.is_probed(place)
    assert json.loads(place.probe)["tags"] == {"tenant": "acme"}


def test_a_write_whose_answer_is_lost_is_judged_by_what_stands_there() -> None:
    """It may have been done, or not."""
    with denied(broken, policy(written(WANTED)), names("jit-broker-deny")) as (backend, server):
        shown = backend.publish(ROLE, WANTED, deadline())

    assert shown.is_as(WANTED)
    assert server.asked[0]["Action"] == "PutRolePolicy"


def test_a_refused_write_says_so_and_looks_for_room_anew() -> None:
    """Perhaps others have filled the role meanwhile."""
    answers = (
        saying(409, "LimitExceeded"),
        policy(written(WANTED)),
        names("jit-broker-deny", "other"),
        policy(written(WANTED)),
    )
    with denied(*answers) as (backend, server):
        with pytest.raises(BackendError, match="LimitExceeded"):
            backend.publish(ROLE, WANTED, deadline())
        room = backend.read(ROLE, deadline()).room

    assert server.asked[-1]["PolicyName"] == "other"
    assert room < 10_240 - len(written(WANTED))


READ_TROUBLES: dict[str, tuple[Answer, Trouble]] = {
    "garbage": (garbage(b"<html>"), Trouble.GARBLED),
    "broken": (broken, Trouble.UNREACHABLE),
    "throttled": (saying(400, "Throttling"), Trouble.THROTTLED),
    "server": (saying(500, "InternalFailure"), Trouble.UNREACHABLE),
    "not let in": (saying(403, "InvalidClientTokenId"), Trouble.LOCKED_OUT),
    "refused": (saying(403, "AccessDenied"), Trouble.REFUSED),
}


@pytest.mark.parametrize("name", READ_TROUBLES)
def test_what_cannot_be_read_is_not_known(name: str) -> None:
    """Never an empty list."""
    answer, trouble = READ_TROUBLES[name]
    with denied(answer) as (backend, _), pytest.raises(BackendError) as raised:
        backend.read(ROLE, deadline())

    assert raised.value.trouble is trouble


def test_no_time_is_no_write() -> None:
    """What comes too late does nothing."""
    with denied(PUT) as (backend, server), pytest.raises(BackendError) as raised:
        backend.publish(ROLE, WANTED, deadline(0))

    assert raised.value.trouble is Trouble.LATE
    assert server.asked == []


def test_the_writer_is_a_role_of_its_own_whose_session_may_write_and_no_more() -> None:
    """It is taken once, and again when it has ended."""
    ended = saying(403, "ExpiredToken")
    answers = (session(), policy(written(WANTED)), names("jit-broker-deny"), ended, session(), PUT)
    with denied(*answers, policy(written(WANTED)), role_arn=WRITER) as (backend, server):
        backend.read(ROLE, deadline())
        backend.publish(ROLE, WANTED, deadline())

    taken = [form for form in server.asked if form["Action"] == "AssumeRole"]
    may = json.loads(taken[0]["Policy"])["Statement"][0]["Action"]
    assert [form["RoleArn"] for form in taken] == [WRITER, WRITER]
    assert {action.partition(":")[0] for action in may} == {"iam"}
    assert "iam:PutRolePolicy" in may
    assert len(may) == 4
    assert set(server.signed_by) == {"AKIAAMBIENT", "ASIAXXXXXXXXXXXXXXXX"}


def test_a_writer_that_cannot_be_taken_writes_nothing() -> None:
    """The broker is locked out, and says so."""
    with (
        denied(saying(403, "AccessDenied"), role_arn=WRITER) as (backend, server),
        pytest.raises(NotMintedError) as raised,
    ):
        backend.publish(ROLE, WANTED, deadline())

    assert raised.value.trouble is Trouble.LOCKED_OUT
    assert {form["Action"] for form in server.asked} == {"AssumeRole"}
