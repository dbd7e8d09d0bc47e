"""Project Wycheproof's vectors (Apache-2.0), as ``testvectors_v1`` of its repository has them.

They are not part of this checkout: :data:`FOLDER` in the environment says where they are. Each file
that is used is pinned by its digest, as of commit :data:`COMMIT`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = "BROKER_WYCHEPROOF"
COMMIT: Final = "dac1dd4729fd1f8dd9e1e9f3dce51d783da6c166"

_SUMS: Final = """
c60de693930e386c3a5472d08081623ef8504decc54b38ac01ec6b2a2575c986 ecdsa_secp256r1_sha256_p1363
e27344bf6daae75fa19663620883809f91c79fc4b4420eff9eae8036b34476be ecdsa_secp384r1_sha384_p1363
752d2ea7d7c6cf4736381b6cbacb61f8182b126ab7cd9b058f00c50084975536 ed25519
dcd58ac9548a7d6173437a691e4cc307dcd3cec9fd814a39cd2a94531cf4f8ce json_web_crypto
be983255bce26406f97020ec5458b33930a90d5f868e604fcd569c300aba2862 json_web_key
8e687a06fe8359f4ec51480f1a9f73c8faebd6f4c01b818b843b44eee54fd5d9 json_web_signature
7f6efafc160f4816b96cbf1c12188a31051d7e3f001e27505d9edb5f2a0e325c rsa_pss_2048_sha256_mgf1_32
94a917b01ff50fb874cfc05bf29b4af44868d944a6558201cf18380da93fb393 rsa_signature_2048_sha256
"""

PINNED: Final = {name: digest for digest, name in map(str.split, _SUMS.strip().splitlines())}
"""By the name of the file without ``_test.json``."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One signature or token, the key or keys that it is for, and what the vectors say of it."""

    number: int
    comment: str
    group: str
    keys: tuple[Mapping[str, Any], ...]
    test: Mapping[str, Any]

    @property
    def result(self) -> str:
        """``valid``, ``invalid`` or ``acceptable``."""
        return str(self.test["result"])


def vectors(name: str) -> Iterator[Vector]:
    """Read a file; skip the test without it, fail where it is another one."""
    folder = os.environ.get(FOLDER)
    if not folder:
        pytest.skip(f"set {FOLDER} to testvectors_v1 of C2SP/wycheproof at {COMMIT[:12]}")
    raw = (Path(folder) / f"{name}_test.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == PINNED[name], f"{name} is of another commit"
    for group in json.loads(raw)["testGroups"]:
        keys = _keys(group)
        for test in group["tests"]:
            yield Vector(test["tcId"], test["comment"], group.get("comment", ""), keys, test)


def _keys(group: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the keys as a verifier gets them: public ones, or the secret of a symmetric one."""
    named = next((group[n] for n in ("publicKeyJwk", "keyJwk", "public") if n in group), None)
    shown = named or group.get("private") or {}
    return tuple(shown.get("keys", [shown] if shown else []))
