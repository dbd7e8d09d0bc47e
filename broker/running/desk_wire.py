"""What the desk says: the documents of a credential, and of a refusal."""

from broker.client.secret_forms import AWS
from broker.clock import rfc3339
from broker.running.errors import NotAnAwsNeedError
from broker.running.source import HeldValues


def credential_document(held: HeldValues) -> dict[str, object]:
    """Return all of it, in the clear."""
    return {
        "name": held.name,
        "capability": held.capability,
        "kind": held.kind,
        "credential_id": held.credential_id,
        "expires_at": _expiry(held),
        "values": {name: word.reveal() for name, word in held.values.items()},
    }


def aws_document(held: HeldValues) -> dict[str, str]:
    """Return what AWS's tools take from a container's endpoint.

    Raises:
        NotAnAwsNeedError: it is no session of AWS.
    """
    if held.kind != AWS:
        raise NotAnAwsNeedError(f"{held.name} is of the kind {held.kind}")
    return {
        "AccessKeyId": held.values["access_key_id"].reveal(),
        "SecretAccessKey": held.values["secret_access_key"].reveal(),
        "Token": held.values["session_token"].reveal(),
        "Expiration": _expiry(held),
    }


def problem_document(status: int, code: str, detail: str) -> dict[str, object]:
    """Return a refusal: a problem (RFC 9457), with what AWS's tools print of one."""
    return {"status": status, "title": code, "detail": detail, "code": code, "message": detail}


def _expiry(held: HeldValues) -> str:
    return rfc3339(int(held.expires_at.timestamp() * 1000))
