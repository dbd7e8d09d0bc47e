"""What a command is shown of a session of AWS that only its proxy holds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from broker.running.keeper import Keeper
from broker.running.need import Need
from broker.running.shapes.catalogue import parse_shape
from broker.running.shapes.shape import Place, ShapeUnfitError
from broker.secret import Secret
from tests.fakes.held_values import BUCKET, EXPIRES

STAND_IN: Final = {
    "access_key_id": Secret("ASIASTANDINX"),
    "secret_access_key": Secret("standin_secret"),
    "session_token": Secret("standin_token"),
}
REAL: Final = [value.reveal() for name, value in BUCKET.values.items() if name != "region"]


def keeper(shape: str, kind: str = "aws_sts") -> Keeper:
    """Keep a session, which the command takes in one shape."""
    issued: Any = SimpleNamespace(
        id="l", capability="files", kind=kind, secret=BUCKET.values, expires_at=EXPIRES, target="t"
    )
    need = Need(name="files", capability="files", scopes=("r",), shapes=(parse_shape(shape),))
    held: Any = SimpleNamespace(current=issued, seconds_left=lambda: 60.0)
    return Keeper(need, held, _never, _never)


async def _never(asked: object) -> Any:
    raise AssertionError(asked)


@pytest.mark.parametrize("shape", ["aws", "env", "env:S3_"])
def test_the_command_sees_stand_ins_and_the_region(tmp_path: Path, shape: str) -> None:
    """In variables, without an end: there is nothing to ask for anew."""
    kept = keeper(shape)
    kept.show_keys(STAND_IN)

    (fitting,) = kept.fit(Place(tmp_path, "http://127.0.0.1:1", Secret("t")))

    texts = {*fitting.variables.values(), *(text.reveal() for text in kept.files().values())}
    assert {word.reveal() for word in STAND_IN.values()} <= texts
    assert not texts & set(REAL)
    assert BUCKET.values["region"].reveal() in texts
    assert "AWS_CREDENTIAL_EXPIRATION" not in fitting.variables
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in fitting.variables


def test_what_a_user_has_set_does_not_win_over_the_stand_ins(tmp_path: Path) -> None:
    """Neither a profile nor another run's desk."""
    kept = keeper("aws")
    kept.show_keys(STAND_IN)

    (fitting,) = kept.fit(Place(tmp_path, "http://127.0.0.1:1", Secret("t")))

    assert {"AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} <= fitting.hides
    assert fitting.variables["AWS_CONFIG_FILE"].startswith(str(tmp_path))


def test_what_is_no_session_of_aws_signs_nothing() -> None:
    """The route is wrong, and nothing is started."""
    with pytest.raises(ShapeUnfitError, match="signs nothing"):
        keeper("env", kind="vault").show_keys(STAND_IN)
