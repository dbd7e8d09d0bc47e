"""AWS's way to show a key: the child signs with its stand-in, and the proxy signs anew.

Nothing that the child signed is passed on: its signature is checked, over exactly what was judged,
and another one is made over exactly what is sent.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from broker.proxy.claim import DATE, TOKEN, check_covers, instant, read_claim
from broker.proxy.message import Fields
from broker.proxy.placing import unfit
from broker.proxy.problem import RefusedError, malformed
from broker.proxy.sigv4 import ALGORITHM, Said, Scope, signature
from broker.proxy.standin import StandIn
from broker.proxy.target import Target
from broker.secret import Secret

_WORD: Final = re.compile(r"[\x21-\x7e]+")
_IN_QUERIES: Final = frozenset(
    {
        *("x-amz-algorithm", "x-amz-credential", "x-amz-signature", "x-amz-security-token"),
        "awsaccesskeyid",
    }
)
"""By these a URL brings its own signature, of this version or of the one before."""

ELSEWHERE: Final = frozenset({"x-amz-copy-source", "x-amz-rename-source"})
"""Fields that name another path, which no rule has judged."""

_OTHER_KINDS: Final = ("AWS4-", "AWS ")
"""How the other ways to sign begin: SigV4A, and the version before."""


@dataclass(frozen=True, slots=True)
class Signing:
    """Requests to one service in one region."""

    service: str
    region: str

    @property
    def places(self) -> frozenset[str]:
        """The fields in which a credential is shown."""
        return frozenset({"authorization", TOKEN})

    def is_shown(self, fields: Fields, stand_in: StandIn) -> bool:
        """Tell whether the request says that the stand-in signed it, for this service."""
        claim = read_claim(fields)
        tokens = fields.all(TOKEN)
        if claim is None or len(tokens) != 1 or not self._is_here(claim.scope):
            return False
        ours = f"{stand_in.access_key_id} {stand_in.word}"
        return hmac.compare_digest(f"{claim.access_key_id} {tokens[0]}".encode(), ours.encode())

    def refusal(self, fields: Fields, target: Target, stand_in: StandIn) -> RefusedError:
        """Say why a request that does not show the stand-in is refused."""
        if is_presigned(target):
            return RefusedError(
                403, "presigned", "a signature in the URL is not passed on: sign by the header"
            )
        claim = read_claim(fields)
        if claim is None:
            return _unread(fields.one("authorization"))
        if claim.access_key_id == stand_in.access_key_id and not self._is_here(claim.scope):
            return RefusedError(
                403, "signature-scope", f"declared is {self.service} in {self.region}: sign for it"
            )
        return _foreign()

    def check(self, said: Said, stand_in: StandIn, now_ms: int) -> None:
        """Look whether the stand-in signed this, and now.

        Raises:
            RefusedError: it did not, or not all that it must.
        """
        claim = read_claim(said.fields)
        if claim is None:
            raise self.refusal(said.fields, said.target, stand_in)
        check_covers(claim, said.fields)
        at = instant(claim, said.fields, now_ms)
        expected = signature(said, claim.names, claim.scope, at, stand_in.secret_access_key)
        if not hmac.compare_digest(expected, claim.signature):
            raise RefusedError(
                403, "bad-signature", "the signature is not that of the stand-in over this request"
            )

    def put(self, fields: Fields, values: Mapping[str, Secret], said: Said) -> Fields:
        """Sign what is sent with the credential.

        Raises:
            RefusedError: it is no session of AWS.
        """
        key, secret, token = _session(values)
        claim = read_claim(said.fields)
        if claim is None:
            raise unfit()
        sent = fields.without(self.places).with_((TOKEN, token.reveal()))
        there = {name.lower() for name, _ in sent.items}
        names = sorted((set(claim.names) | {"host", TOKEN}) & there)
        anew = Said(said.method, said.target, sent, said.payload)
        made = signature(anew, names, claim.scope, sent.one(DATE) or "", secret)
        credential = f"Credential={key.reveal()}/{claim.scope}"
        value = f"{ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={made}"
        return sent.with_(("Authorization", value))

    def secrets(self, values: Mapping[str, Secret]) -> tuple[str, ...]:
        """Return what must not come back; S3 shows what it was to verify as bytes, too."""
        words = [word.reveal() for word in _session(values)]
        return (*words, *(word.encode().hex(" ") for word in words))

    def _is_here(self, scope: Scope) -> bool:
        return (scope.service, scope.region) == (self.service, self.region)


def is_presigned(target: Target) -> bool:
    """Tell whether a URL brings a signature or a key of its own."""
    names = (part.partition("=")[0] for part in target.query.removeprefix("?").split("&"))
    return any(unquote(name).lower() in _IN_QUERIES for name in names)


def _unread(shown: str | None) -> RefusedError:
    """Say what is wrong with what is no signature of this version."""
    if shown is None:
        return RefusedError(403, "not-signed", "sign the request with the keys of this run")
    if shown.startswith(f"{ALGORITHM} "):
        return malformed("the signature in Authorization is not written as AWS writes it")
    if shown.startswith(_OTHER_KINDS):
        return RefusedError(
            403, "signature-kind", f"the only signature that is made anew is {ALGORITHM}"
        )
    return _foreign()


def _foreign() -> RefusedError:
    return RefusedError(
        403, "foreign-credential", "another key than this run's has signed the request"
    )


def _session(values: Mapping[str, Secret]) -> tuple[Secret, Secret, Secret]:
    try:
        words = (values["access_key_id"], values["secret_access_key"], values["session_token"])
    except KeyError:
        raise unfit() from None
    if any(_WORD.fullmatch(word.reveal()) is None for word in words):
        raise unfit()
    return words
