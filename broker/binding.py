"""Which key a credential is bound to: what policy obliges to, and what the request has proven.

- A credential that was asked for with a DPoP proof is bound to its key, obliged or not: whoever
  proves a key means it.
- A certificate is bound to only where policy says so: it rotates, and the credential dies with it.
- A renewal is by the same key (RFC 9449 §5): a stolen lease is of no use without it.
"""

from broker.model.decision import Obligations
from broker.model.principal import Principal
from broker.proof.confirmation import Binding, Confirmation


def key_for(caller: Principal, obligations: Obligations) -> Confirmation | None:
    """Choose the key that a new credential is bound to; ``None`` leaves it unbound."""
    if obligations.bindings is None:
        return caller.proven.dpop
    return caller.proven.first_of(obligations.bindings)


def is_met(key: Confirmation | None, obligations: Obligations) -> bool:
    """Tell whether a credential bound to this key, or to none, is what the obligations allow."""
    if obligations.bindings is None:
        return True
    return key is not None and key.binding in obligations.bindings


def is_held(caller: Principal, key: Confirmation | None) -> bool:
    """Tell whether the caller has proven the key that a credential is bound to, if any."""
    return key is None or caller.proven.include(key)


def latest_end_ms(caller: Principal, key: Confirmation | None) -> int:
    """Return when the evidence ends, and with it whatever is granted on it.

    A credential bound to a certificate cannot be used when that has expired, and evidence bound to
    one cannot be shown.
    """
    keys = [each for each in (key, caller.bound_to) if each is not None]
    if any(each.binding is Binding.MTLS for each in keys):
        return min(caller.expires_at_ms, caller.proven.certificate_expires_ms)
    return caller.expires_at_ms
