"""Why evidence was refused: the closed set of words for audit and metrics.

Outside they all look the same (B28); which one it was is for operators.
"""

from enum import StrEnum


class Reason(StrEnum):
    """One word per check, in the order in which they are made."""

    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    FORBIDDEN_HEADER = "forbidden-header"
    UNTRUSTED_ISSUER = "untrusted-issuer"
    ALGORITHM = "algorithm"
    TYPE = "type"
    KEY_ID = "key-id"
    KEYS_MISSING = "keys-missing"
    KEYS_STALE = "keys-stale"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    CERTIFICATE = "certificate"
    AUDIENCE = "audience"
    DATES = "dates"
    NO_EXPIRY = "no-expiry"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    LIFETIME = "lifetime"
    BOUND = "bound"
    UNHELD = "unheld"
    NO_INSTANCE = "no-instance"
    CLAIM_MISSING = "claim-missing"
    CLAIM_MISMATCH = "claim-mismatch"
    CLAIM_MALFORMED = "claim-malformed"
    REVIEW_REFUSED = "review-refused"
    REVIEW_UNAVAILABLE = "review-unavailable"
