"""What AWS does before there is a session, and with what it is asked to keep; as scenarios.

The first line of each is its row in the table of ``docs/targets.md``.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.issuer import Signer
from tests.real import web_issuer
from tests.real.aws_peer import Keys, document, named
from tests.real.aws_stage import Stage, Statement, allowed, taken
from tests.real.web_issuer import AUDIENCE, SUBJECT, WebIssuer

_HOUR_S: Final = 3_600
_SESSION_POLICY: Final = 2_048
"""Characters of a session policy (STS API Reference, AssumeRole)."""
_ROLE_POLICIES: Final = 10_240
"""Characters of all inline policies of a role, blanks not counted (IAM and STS quotas)."""


def trust_policy(stage: Stage) -> bool:
    """Only whom the trust policy names may assume the role."""
    stranger = stage.peer.principal.replace("administrator", "stranger").replace(":root", ":user/x")
    mine, others = stage.role(), stage.role(trust=stage.trusting(principal=stranger))
    return allowed(lambda: stage.assume(mine)) and not allowed(lambda: stage.assume(others))


def external_id(stage: Stage) -> bool:
    """An `sts:ExternalId` that the trust policy asks for must be given."""
    trust = stage.trusting(StringEquals={"sts:ExternalId": "ours"})
    role = stage.role(trust=trust)
    return allowed(lambda: stage.assume(role, ExternalId="ours")) and not allowed(
        lambda: stage.assume(role, ExternalId="theirs")
    )


def unknown_role(stage: Stage) -> bool:
    """A role that is not there cannot be assumed."""
    arn = stage.arn(stage.role()) + "-gone"
    sts = stage.peer.client("sts")
    return not taken(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="task-lease"))


def web_identity(stage: Stage) -> bool:
    """A role is assumed with a token (ES256) of an issuer that is a provider there."""
    return _by_token(stage, WebIssuer.token, "aud")


def web_identity_forged(stage: Stage) -> bool:
    """That works, and not with a token that another key has signed, or that has expired."""

    def forged(issuer: WebIssuer) -> str:
        return issuer.token(Signer(key=ec.generate_private_key(ec.SECP256R1())))

    return web_identity(stage) and not any(
        _by_token(stage, make, "aud") for make in (forged, lambda issuer: issuer.token(exp=1))
    )


def web_identity_audience(stage: Stage) -> bool:
    """That works, and not with an audience or a subject other than the trust policy has."""
    return _by_token(stage, WebIssuer.token, "aud", "sub") and not any(
        _by_token(stage, make, "aud", "sub")
        for make in (lambda at: at.token(aud="other"), lambda at: at.token(sub="other"))
    )


def _by_token(stage: Stage, make: Callable[[WebIssuer], str], *claims: str) -> bool:
    with web_issuer.running() as issuer:
        arn = stage.iam.create_open_id_connect_provider(
            Url=issuer.url, ClientIDList=[AUDIENCE], ThumbprintList=issuer.thumbprints
        )["OpenIDConnectProviderArn"]
        wanted = {"aud": AUDIENCE, "sub": SUBJECT}
        tests = {f"{issuer.host}:{claim}": wanted[claim] for claim in claims}
        trust = document(
            {
                "Effect": "Allow",
                "Principal": {"Federated": [arn]},
                "Action": ["sts:AssumeRoleWithWebIdentity"],
                "Condition": {"StringEquals": tests},
            }
        )
        asked = {
            "RoleArn": stage.arn(stage.role(trust=trust)),
            "RoleSessionName": "task-lease",
            "WebIdentityToken": make(issuer),
        }
        sts = stage.peer.client("sts")
        return taken(lambda: sts.assume_role_with_web_identity(**asked))


def role_maximum(stage: Stage) -> bool:
    """No session is longer than its role's maximum."""
    role = stage.role(MaxSessionDuration=_HOUR_S)
    return taken(lambda: stage.assume(role, DurationSeconds=_HOUR_S)) and not taken(
        lambda: stage.assume(role, DurationSeconds=_HOUR_S + 1)
    )


def quarter_of_an_hour(stage: Stage) -> bool:
    """No session is asked for that is shorter than 15 minutes."""
    role = stage.role()
    return taken(lambda: stage.assume(role, DurationSeconds=900)) and not taken(
        lambda: stage.assume(role, DurationSeconds=899)
    )


def chained_hour(stage: Stage) -> bool:
    """A role that another role's session assumes has an hour at most, whatever its own maximum."""
    second = stage.role(trust=stage.trusting(anybody=True), MaxSessionDuration=2 * _HOUR_S)
    sts = _from_a_role(stage, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    asked = {"RoleArn": stage.arn(second), "RoleSessionName": "task-lease"}
    return taken(lambda: sts.assume_role(**asked, DurationSeconds=_HOUR_S)) and not taken(
        lambda: sts.assume_role(**asked, DurationSeconds=_HOUR_S + 1)
    )


def no_chain(stage: Stage) -> bool:
    """A deny `sts:*` in the session policy keeps a session from assuming a role that trusts it."""
    second = stage.role(trust=stage.trusting(anybody=True))
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    asked = {"RoleArn": stage.arn(second), "RoleSessionName": "task-lease"}
    free = _from_a_role(stage, may)
    bound = _from_a_role(stage, may, {"Effect": "Deny", "Action": "sts:*", "Resource": "*"})
    return taken(lambda: free.assume_role(**asked)) and not taken(
        lambda: bound.assume_role(**asked)
    )


def no_chain_by_boundary(stage: Stage) -> bool:
    """A deny `sts:*` in the boundary of a session's role keeps it from that."""
    second = stage.role(trust=stage.trusting(anybody=True))
    asked = {"RoleArn": stage.arn(second), "RoleSessionName": "task-lease"}
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    edge = document(may, {"Effect": "Deny", "Action": "sts:*", "Resource": "*"})
    made = stage.iam.create_policy(PolicyName=named("edge"), PolicyDocument=edge)
    bound = stage.assume(stage.role(may, PermissionsBoundary=made["Policy"]["Arn"]))
    free = stage.assume(stage.role(may))

    def goes_on(keys: Keys) -> bool:
        sts = stage.peer.client("sts", keys)
        return taken(lambda: sts.assume_role(**asked))

    return goes_on(free) and not goes_on(bound)


def _from_a_role(stage: Stage, may: Statement, *session: Statement) -> Any:
    narrowed = {"Policy": document(may, *session)} if session else {}
    return stage.peer.client("sts", stage.assume(stage.role(may), **narrowed))


def writer_alone(stage: Stage) -> bool:
    """A role that may write inline policies of one role writes there and nowhere else."""
    target, other = stage.role(), stage.role()
    may = {"Effect": "Allow", "Action": "iam:PutRolePolicy", "Resource": stage.arn(target)}
    iam = stage.peer.client("iam", stage.assume(stage.role(may)))
    text = document(stage.reads(effect="Deny"))

    def write(role: str) -> None:
        iam.put_role_policy(RoleName=role, PolicyName="killed", PolicyDocument=text)

    return taken(lambda: write(target)) and not taken(lambda: write(other))


def policy_size(stage: Stage) -> bool:
    """A session policy of 2048 characters is taken, one of 2049 is not."""
    role = stage.role()
    return taken(lambda: stage.assume(role, Policy=_long(_SESSION_POLICY))) and not taken(
        lambda: stage.assume(role, Policy=_long(_SESSION_POLICY + 1))
    )


def packed_size(stage: Stage) -> bool:
    """The answer says how much of the packed size a session policy takes."""
    return int(stage.answer(stage.role(), Policy=_long(_SESSION_POLICY))["PackedPolicySize"]) > 0


def role_policy_size(stage: Stage) -> bool:
    """Inline policies of a role have 10240 characters together, and no more are taken."""
    role = stage.role()

    def write(length: int) -> None:
        stage.iam.put_role_policy(RoleName=role, PolicyName="killed", PolicyDocument=_long(length))

    used = len(document(stage.reads()))
    return taken(lambda: write(_ROLE_POLICIES - used)) and not taken(
        lambda: write(_ROLE_POLICIES - used + 1)
    )


def read_back(stage: Stage) -> bool:
    """An inline policy of a role that is read back is the one that was written."""
    role = stage.role()
    names = [f"*:{named('t')}-*" for _ in range(20)]
    killed = stage.reads(effect="Deny", StringLike={"aws:userid": names})
    written = stage.put(role, "killed", killed)
    read = stage.iam.get_role_policy(RoleName=role, PolicyName="killed")["PolicyDocument"]
    return bool(read == json.loads(written))


def _long(length: int) -> str:
    """Write a policy of so many characters, none of them blank."""
    # In the name of the statement: radosgw dies of a long resource.
    bare = document({"Sid": "", "Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    return bare.replace('"Sid":"', '"Sid":"' + "x" * (length - len(bare)))


ENTRIES: Final = (
    trust_policy,
    external_id,
    unknown_role,
    web_identity,
    web_identity_forged,
    web_identity_audience,
    role_maximum,
    quarter_of_an_hour,
    chained_hour,
    no_chain,
    no_chain_by_boundary,
    writer_alone,
    policy_size,
    packed_size,
    role_policy_size,
    read_back,
)
