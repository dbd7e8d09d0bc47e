"""Evidence in, principals out: who a caller can prove to be.

The steps are: read strictly (:mod:`~broker.attestation.compact`), choose the configured issuer by
the unverified ``iss``, verify with that issuer's own keys and rules
(:mod:`~broker.attestation.trusted_issuer`), answer what was shown
(:mod:`~broker.attestation.attested`).
Nothing here knows agents, tasks or policy.
"""
