"""What AWS's tools take from a ``credential_process`` (AWS SDKs and Tools Reference Guide).

One JSON document of Version 1 on standard output. An error is text on standard error, and an exit
code other than 0.
"""

import json
from typing import Final

from broker.shapes import instants
from broker.shapes.given import Given, UnfitError

KIND: Final = "aws_sts"


def document(given: Given) -> str:
    """Write a session's keys down.

    Raises:
        UnfitError: it is no session of AWS.
    """
    if given.kind != KIND:
        raise UnfitError(f"{given.kind} is not what AWS's tools take")
    return json.dumps(
        {
            "Version": 1,
            "AccessKeyId": given.word("access_key_id").reveal(),
            "SecretAccessKey": given.word("secret_access_key").reveal(),
            "SessionToken": given.word("session_token").reveal(),
            "Expiration": instants.written(given.expires_at_ms),
        }
    )
