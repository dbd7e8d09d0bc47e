"""Sessions from an STS that lies, hangs or breaks off: each trouble has its name, and no secret."""

import base64
import json
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from backends.aws_shapes import Ambient, AwsOptions, ViaRole, WebIdentity
from backends.aws_sts import AwsSts, kind
from backends.contract import NO_CLAIMS, Deadline, Minted, Place, Revocable, Surroundings, Wish
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

SECRET = "s" * 40


@pytest.fixture(autouse=True)
def ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever boto3 takes this process for; what it finds elsewhere does not count."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAAMBIENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


class Broker:
    """Signs tokens, or says that it cannot; remembers what it was asked for."""

    def __init__(self, alg: str = "ES256") -> None:
        self.alg = alg
        self.asked: list[tuple[str, str, Mapping[str, object]]] = []

    def token(
        self, audience: str, subject: str, lifetime_s: int, claims: Mapping[str, object] = NO_CLAIMS
    ) -> str:
        """Sign one, as far as anybody looks here."""
        assert lifetime_s >= 60
        self.asked.append((audience, subject, claims))
        header = base64.urlsafe_b64encode(json.dumps({"alg": self.alg}).encode()).decode()
        return f"{header.rstrip('=')}.e30.c2lnbmF0dXJl"

    @property
    def surroundings(self) -> Surroundings:
        """What a backend gets of it."""
        return Surroundings(lambda: "epoch", self.token)


def now_ms() -> int:
    """Return the time of this machine."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - STS has it too


def deadline(seconds: float = 20.0) -> Deadline:
    """Give a call so much time."""
    return Deadline(monotonic_ms() + int(seconds * 1000), monotonic_ms)


def options(url: str, **changes: Any) -> AwsOptions:
    """Describe the account."""
    given = {"account": ACCOUNT, "region": "eu-central-1", "endpoint_url": url}
    return AwsOptions(**{**given, "ambient": Ambient(), **changes})


@contextmanager
def account(*answers: Answer, **changes: Any) -> Iterator[tuple[StsServer, AwsSts, Broker]]:
    """Run an STS and the backend of an account there."""
    with running(*answers) as server:
        broker = Broker(changes.pop("alg", "ES256"))
        backend = kind.open(options(server.url, **changes), broker.surroundings)
        try:
            yield server, backend, broker
        finally:
            backend.close()


def mint(backend: AwsSts, given: Wish | None = None, ttl_s: int = 60, left_s: float = 20) -> Minted:
    """Mint."""
    wanted = given or wish()
    place = backend.locate(wanted, deadline())
    return backend.mint(wanted, place, now_ms() + ttl_s * 1000, deadline(left_s))


def refusal(backend: AwsSts, given: Wish | None = None, left_s: float = 20) -> BackendError:
    """Mint in vain."""
    with pytest.raises(BackendError) as raised:
        mint(backend, given, left_s=left_s)
    error = raised.value
    assert SECRET not in str(error) + repr(error.__context__) + repr(error.__cause__)
    assert error.__context__ is None or isinstance(error.__context__, BackendError)
    return error


def test_a_session_is_asked_for_by_name_with_its_policy() -> None:
    """A minute's session lives 15 at STS, and its policy ends it after one."""
    given = template(
        tags={"tenant": "${tenant}"},
        transitive_tags=("tenant",),
        source_identity="${task}",
        external_id="ext-1",
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    )
    with account(session()) as (server, backend, _):
        words = mint(backend, wish(template=given)).words

    (asked,) = server.asked
    assert asked["Action"] == "AssumeRole"
    assert asked["RoleArn"] == ROLE
    assert asked["RoleSessionName"] == f"{wish().task}-{wish().lease}"
    assert asked["DurationSeconds"] == "900"
    assert asked["ExternalId"] == "ext-1"
    assert asked["SourceIdentity"] == wish().task
    assert asked["PolicyArns.member.1.arn"].endswith("ReadOnlyAccess")
    assert (asked["Tags.member.1.Key"], asked["Tags.member.1.Value"]) == ("tenant", "acme")
    assert asked["TransitiveTagKeys.member.1"] == "tenant"
    denied = json.loads(asked["Policy"])["Statement"][-2]["Condition"]["DateGreaterThanEquals"]
    assert words["expiration"] == denied["aws:CurrentTime"]
    assert words["secret_access_key"] == SECRET
    assert words["region"] == "eu-central-1"
    assert server.signed_by == ["AKIAAMBIENT"]


def test_a_longer_lease_is_a_longer_session() -> None:
    """As long as the role's sessions may be, and no longer."""
    with account(session()) as (server, backend, _):
        mint(backend, ttl_s=3_500)
        with pytest.raises(NotMintedError, match="3600 s"):
            mint(backend, wish(lease="l_00_" + "c" * 26), ttl_s=3_700)

    (asked,) = server.asked
    assert 3_490 <= int(asked["DurationSeconds"]) <= 3_500


def test_the_broker_gets_in_with_a_token_and_no_key() -> None:
    """The request is not signed; tags and source identity are claims; the subject says for what."""
    given = template(tags={"tenant": "${tenant}"}, source_identity="${task}")
    web = {"ambient": None, "web_identity": WebIdentity()}
    with account(session(), **web) as (server, backend, broker):
        mint(backend, wish(template=given))

    (asked,), ((audience, subject, claims),) = server.asked, broker.asked
    assert asked["Action"] == "AssumeRoleWithWebIdentity"
    assert server.signed_by == [""]
    assert asked["WebIdentityToken"].count(".") == 2
    assert not {"ExternalId", "SourceIdentity", "Tags.member.1.Key"} & asked.keys()
    assert (audience, subject) == ("sts.amazonaws.com", "capability:orders-files")
    assert claims == {
        "https://aws.amazon.com/tags": {
            "principal_tags": {"tenant": ["acme"]},
            "transitive_tag_keys": [],
        },
        "https://aws.amazon.com/source_identity": wish().task,
    }


def test_a_token_that_aws_takes_no_notice_of_is_not_sent() -> None:
    """It knows no EdDSA; whoever runs the broker is told what to do."""
    web = {"ambient": None, "web_identity": WebIdentity()}
    with account(session(), alg="EdDSA", **web) as (server, backend, _):
        error = refusal(backend)

    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.LOCKED_OUT
    assert "ES256" in str(error)
    assert server.asked == []


def test_a_broker_that_cannot_sign_mints_nothing() -> None:
    """For certain."""

    def token(*_: object) -> str:
        raise BackendError(Trouble.UNKNOWN, "no key is active")

    with running(session()) as server:
        given = options(server.url, ambient=None, web_identity=WebIdentity())
        error = refusal(AwsSts(given, Surroundings(lambda: "", token)))

    assert isinstance(error, NotMintedError)
    assert server.asked == []


VIA = {"via_role": ViaRole(role_arn=f"arn:aws:iam::{ACCOUNT}:role/broker", external_id="ext-0")}


def test_a_role_in_between_is_taken_once_and_may_only_take_others() -> None:
    """Its session signs; it is followed by another before it ends."""
    with account(session(key="ASIABETWEEN")) as (server, backend, _):
        pass
    with account(session(key="ASIABETWEEN"), session(), **VIA) as (server, backend, _):
        mint(backend)
        mint(backend, wish(lease="l_00_" + "c" * 26))

    own, first, second = server.asked
    assert own["RoleArn"].endswith("role/broker")
    assert own["ExternalId"] == "ext-0"
    (allowed,) = json.loads(own["Policy"])["Statement"]
    assert all(action.startswith("sts:") for action in allowed["Action"])
    assert first["RoleArn"] == second["RoleArn"] == ROLE
    assert server.signed_by == ["AKIAAMBIENT", "ASIABETWEEN", "ASIABETWEEN"]


def test_a_session_in_between_that_ends_soon_is_followed_by_another() -> None:
    """Before it ends, and also when it has ended too soon."""
    short = session(key="ASIASHORT", lasts_s=200)
    with account(short, session(), **VIA) as (server, backend, _):
        mint(backend)
        mint(backend, wish(lease="l_00_" + "c" * 26))
    assert [asked["RoleArn"].rpartition("/")[2] for asked in server.asked] == [
        "broker",
        "orders",
        "broker",
        "orders",
    ]

    answers = (session(key="ASIAONE"), saying(400, "ExpiredToken"), session(key="ASIATWO"))
    with account(*answers, session(), **VIA) as (server, backend, _):
        mint(backend)
    assert server.signed_by == ["AKIAAMBIENT", "ASIAONE", "AKIAAMBIENT", "ASIATWO"]


def test_a_role_in_between_that_cannot_be_taken_locks_the_broker_out() -> None:
    """It is not the capability's role that was refused, and nothing was minted."""
    with account(saying(403, "AccessDenied"), **VIA) as (server, backend, _):
        error = refusal(backend)

    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.LOCKED_OUT
    assert "the role in between" in str(error)
    assert len(server.asked) == 1


ANSWERS: dict[str, tuple[Answer, type[BackendError], Trouble, str]] = {
    "access denied": (saying(403, "AccessDenied"), NotMintedError, Trouble.REFUSED, "AccessDenied"),
    "packed": (
        saying(400, "PackedPolicyTooLarge"),
        NotMintedError,
        Trouble.REFUSED,
        "PackedPolicyTooLarge",
    ),
    "malformed": (
        saying(400, "MalformedPolicyDocument"),
        NotMintedError,
        Trouble.REFUSED,
        "MalformedPolicyDocument",
    ),
    "expired": (saying(403, "ExpiredToken"), NotMintedError, Trouble.LOCKED_OUT, "ExpiredToken"),
    "clocks apart": (
        saying(403, "RequestTimeTooSkewed"),
        NotMintedError,
        Trouble.LOCKED_OUT,
        "RequestTimeTooSkewed",
    ),
    "unknown key": (
        saying(403, "InvalidClientTokenId"),
        NotMintedError,
        Trouble.LOCKED_OUT,
        "InvalidClientTokenId",
    ),
    "wrong signature": (
        saying(403, "SignatureDoesNotMatch", f"the string to sign was {SECRET}"),
        NotMintedError,
        Trouble.LOCKED_OUT,
        "SignatureDoesNotMatch",
    ),
    "no code": (lambda _: (404, b""), BackendError, Trouble.GARBLED, ""),
    "a secret for a code": (
        saying(400, SECRET + "/+="),
        NotMintedError,
        Trouble.REFUSED,
        "without a code",
    ),
    "down": (saying(503, "ServiceUnavailable"), BackendError, Trouble.UNREACHABLE, "503"),
    "breaks": (saying(500, "InternalFailure"), BackendError, Trouble.UNREACHABLE, "500"),
    "hangs up": (broken, BackendError, Trouble.UNREACHABLE, ""),
    "no xml": (garbage(b"{}" + SECRET.encode()), BackendError, Trouble.GARBLED, ""),
    "other xml": (garbage(b"<a>" + SECRET.encode() + b"</a>"), BackendError, Trouble.GARBLED, ""),
    "empty": (garbage(b""), BackendError, Trouble.GARBLED, ""),
    "another session": (session(name="other"), BackendError, Trouble.GARBLED, "another session"),
    "another account": (
        session(account="999999999999"),
        OtherTargetError,
        Trouble.OTHER_TARGET,
        "another account",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_trouble_has_its_name(name: str) -> None:
    """And only what certainly made nothing is called so."""
    answer, sort, trouble, says = ANSWERS[name]
    with account(answer) as (server, backend, _):
        error = refusal(backend)

    assert type(error) is sort or (sort is NotMintedError and isinstance(error, NotMintedError))
    assert isinstance(error, NotMintedError) is (sort is NotMintedError)
    assert error.trouble is trouble
    assert says in str(error)
    assert len(server.asked) == 1  # nothing is tried behind the broker's back


def test_who_is_asked_too_often_is_asked_again_within_the_deadline() -> None:
    """Three times at most: it said that it did nothing."""
    often = saying(400, "Throttling")
    with account(often, often, session()) as (server, backend, _):
        assert mint(backend).words["secret_access_key"] == SECRET
    assert len(server.asked) == 3

    with account(often) as (server, backend, _):
        error = refusal(backend)
    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.THROTTLED
    assert len(server.asked) == 3


def test_a_server_that_hangs_is_left_by_the_deadline() -> None:
    """What became of the order nobody knows."""
    with running() as server:
        server.answers.append(server.hanging)
        backend = kind.open(options(server.url), Broker().surroundings)
        error = refusal(backend, left_s=1.2)
        assert len(server.asked) == 1

    assert not isinstance(error, NotMintedError)
    assert error.trouble is Trouble.LATE


def test_nothing_is_asked_after_the_deadline() -> None:
    """And nothing where nobody listens."""
    with account(session()) as (server, backend, _):
        assert refusal(backend, left_s=0).trouble is Trouble.LATE
        assert refusal(backend, wish(task="t_00_" + "c" * 26), left_s=0.1).trouble is Trouble.LATE
        assert server.asked == []
    error = refusal(backend, wish(task="t_00_" + "d" * 26))
    assert isinstance(error, NotMintedError)
    assert error.trouble is Trouble.UNREACHABLE


def test_a_broker_without_keys_is_locked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with account(session()) as (server, backend, _):
        error = refusal(backend)
    with account(session(), ambient=Ambient(profile="nobody")) as (server, backend, _):
        other = refusal(backend)

    assert server.asked == []
    for each in (error, other):
        assert isinstance(each, NotMintedError)
        assert each.trouble is Trouble.LOCKED_OUT


def test_one_name_has_one_session() -> None:
    """STS would give a second one."""
    with account(session()) as (server, backend, _):
        mint(backend)
        error = refusal(backend)

    assert not isinstance(error, NotMintedError)
    assert len(server.asked) == 1


def test_what_cannot_be_done_is_refused_and_another_account_is_another() -> None:
    """Sessions die of age here, and STS lists none."""
    with account(session()) as (_, backend, _):
        place = backend.locate(wish(), deadline())
        foreign = Place(locator=place.locator, identity="aws:999999999999")
        for ask in (backend.revoke, backend.look_up):
            with pytest.raises(BackendError, match=r"age|lists"):
                ask(place, deadline())
            with pytest.raises(OtherTargetError):
                ask(foreign, deadline())
        with pytest.raises(OtherTargetError):
            backend.mint(wish(), foreign, now_ms() + 60_000, deadline())
        other = wish(template=template(role_arn="arn:aws:iam::999999999999:role/x"))
        with pytest.raises(NotMintedError, match="another account"):
            backend.locate(other, deadline())

    assert backend.traits.revocable is Revocable.NEVER
    assert list(backend.traits.flaws()) == []


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything is; that policies nearly fill what AWS packs is."""
    caplog.set_level(logging.DEBUG)
    web = {"ambient": None, "web_identity": WebIdentity()}
    with account(session()) as (_, backend, _):
        shown = repr(mint(backend))
    with account(session(), **web) as (_, backend, _):
        shown += repr(mint(backend))

    assert "81 percent" in caplog.text
    for secret in (SECRET, "t" * 80, "ambient-secret", "c2lnbmF0dXJl"):
        assert secret not in caplog.text + shown


def test_a_token_needs_nothing_that_boto3_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither keys nor a machine that is asked for some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with running(saying(500, "InternalFailure")) as machine:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.url)
        with account(session(), ambient=None, web_identity=WebIdentity()) as (_, backend, _):
            mint(backend)

    assert machine.asked == []
