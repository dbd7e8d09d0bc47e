"""The dates of a token (RFC 7519 §4.1.4 to §4.1.6), by the broker's clock.

Only integers are dates: not ``true``, not ``"1764000000"``, not ``1e999`` (B15, M1). The leeway is
for clocks that disagree about the past; it never prolongs a token (B16).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.attestation.reasons import Reason
from broker.errors import AttestationError

_LATEST = 253_402_300_799
"""The last second of the year 9999; later ones cannot be shown to people."""


@dataclass(frozen=True, slots=True)
class DateRules:
    """What an issuer's declaration says about dates."""

    max_lifetime_seconds: int
    leeway_seconds: int


@dataclass(frozen=True, slots=True)
class Validity:
    """When a token is valid: from ``not_before_ms``, leeway applied, until ``expires_at_ms``.

    Whoever has the same rules took it at no other time.
    """

    not_before_ms: int
    expires_at_ms: int

    def check(self, now_ms: int) -> None:
        """Check the validity now.

        Raises:
            AttestationError: ``expired`` or ``not-yet-valid``.
        """
        if now_ms >= self.expires_at_ms:
            raise AttestationError(Reason.EXPIRED, f"expired at {self.expires_at_ms}", claim="exp")
        if now_ms < self.not_before_ms:
            raise AttestationError(
                Reason.NOT_YET_VALID, f"valid from {self.not_before_ms}", claim="iat"
            )


def read_validity(claims: Mapping[str, object], rules: DateRules) -> Validity:
    """Read ``exp``, ``iat`` and ``nbf``; the first two are required.

    Raises:
        AttestationError: ``no-expiry``, ``dates``, or ``lifetime`` when the token was made to live
            too long.
    """
    if "exp" not in claims:
        # As legacy service-account tokens of Kubernetes: a standing secret, no evidence.
        raise AttestationError(
            Reason.NO_EXPIRY, "exp is missing: the token would never end", claim="exp"
        )
    expires, issued = read_date(claims, "exp"), read_date(claims, "iat")
    starts = max(issued, read_date(claims, "nbf") if "nbf" in claims else issued)
    if expires <= issued:
        raise AttestationError(Reason.DATES, "exp is not after iat", claim="exp")
    if expires - issued > rules.max_lifetime_seconds:
        raise AttestationError(
            Reason.LIFETIME,
            f"lives {expires - issued} s, at most {rules.max_lifetime_seconds} s are taken",
            claim="exp",
        )
    return Validity((starts - rules.leeway_seconds) * 1000, expires * 1000)


def read_svid_validity(claims: Mapping[str, object], rules: DateRules, *, now_ms: int) -> Validity:
    """Read the dates of a JWT-SVID, which has to have an ``exp`` and may have no other (§3, §4).

    Without ``iat`` its life is counted from now: it may be as long as an honest one can be left.

    Raises:
        AttestationError: as :func:`read_validity`.
    """
    if "iat" in claims:
        return read_validity(claims, rules)
    expires = read_date(claims, "exp")
    # Before an exp that has passed: that one is expired, and its dates are in order.
    read_validity({**claims, "iat": min(now_ms // 1000, expires - 1)}, rules)
    # It can have been taken as soon as its rest was short enough, whenever it was issued.
    starts = expires - rules.max_lifetime_seconds
    starts = max(starts, read_date(claims, "nbf") if "nbf" in claims else starts)
    return Validity((starts - rules.leeway_seconds) * 1000, expires * 1000)


def read_date(claims: Mapping[str, object], name: str) -> int:
    """Read one date, in seconds since the epoch.

    Raises:
        AttestationError: ``dates``: it is missing, no integer, or out of bounds.
    """
    value = claims.get(name)
    # By exact type: a bool is an int to isinstance.
    if type(value) is not int or not 0 < value <= _LATEST:
        raise AttestationError(Reason.DATES, f"{name} is no date", claim=name)
    return value
