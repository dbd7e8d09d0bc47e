"""How the client shows its own workload token."""

import jwt
import pytest

from broker.client.own_token import authorization_headers
from broker.proof.dpop import hash_of
from broker.proof.dpop_key import DpopKey
from tests.fakes.issuer import Signer

KEY, OTHER = DpopKey.generate(), DpopKey.generate()
URL = "https://broker.example/v1/tasks"


def token_of(cnf: object) -> str:
    """Sign a workload token that is bound to something."""
    return Signer().sign({"sub": "invoice-bot", "cnf": cnf})


def shown(token: str, key: DpopKey | None = KEY, *, proves_key: bool = False) -> dict[str, str]:
    """Return the headers of a GET."""
    return authorization_headers(token, key, method="GET", url=URL, proves_key=proves_key)


@pytest.mark.parametrize("proves_key", [True, False])
def test_a_token_bound_to_the_client_s_key_is_always_shown_with_a_proof(proves_key: bool) -> None:  # noqa: FBT001  a parameter of the test
    """The proof names the request and the token."""
    token = token_of({"jkt": KEY.thumbprint})

    headers = shown(token, proves_key=proves_key)

    claims = jwt.decode(headers["DPoP"], options={"verify_signature": False})
    assert headers["Authorization"] == f"DPoP {token}"
    assert (claims["htm"], claims["htu"], claims["ath"]) == ("GET", URL, hash_of(token))


@pytest.mark.parametrize(
    "cnf",
    [
        {"jkt": OTHER.thumbprint},
        {"x5t#S256": KEY.thumbprint},
        {"jkt": KEY.thumbprint, "kid": "k"},
        [],
        None,
    ],
)
def test_any_other_token_goes_as_a_bearer_token(cnf: object) -> None:
    """Whether that will do is the broker's to say; a proof goes along where one is wanted."""
    token = token_of(cnf)

    assert shown(token) == {"Authorization": f"Bearer {token}"}
    assert shown(token, None, proves_key=True) == {"Authorization": f"Bearer {token}"}
    assert sorted(shown(token, proves_key=True)) == ["Authorization", "DPoP"]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a..c", "a.bm8.c", "a.W10.c", "a.e30.c"])
def test_a_token_that_cannot_be_read_is_bound_to_nothing(token: str) -> None:
    """An opaque one, too, is shown as it is."""
    assert shown(token) == {"Authorization": f"Bearer {token}"}
