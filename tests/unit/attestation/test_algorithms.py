from broker.attestation.algorithms import ALGORITHMS


def test_b1_b23_only_the_argued_algorithms_exist() -> None:
    """No HMAC, no ``none``, no SHA-1, no curve but P-256, P-384 and Ed25519."""
    assert {name: (one.key_type, one.curve) for name, one in ALGORITHMS.items()} == {
        "ES256": ("EC", "P-256"),
        "ES384": ("EC", "P-384"),
        "EdDSA": ("OKP", "Ed25519"),
        "RS256": ("RSA", ""),
        "RS384": ("RSA", ""),
        "RS512": ("RSA", ""),
        "PS256": ("RSA", ""),
        "PS384": ("RSA", ""),
        "PS512": ("RSA", ""),
    }
