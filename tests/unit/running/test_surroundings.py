from pathlib import Path

import pytest

from broker.running.shapes.shape import Fitting, Place
from broker.running.surroundings import (
    SurroundingsError,
    less_ours,
    of_the_run,
    one_of_each,
    surroundings,
)
from broker.secret import Secret


def test_what_the_run_is_called_by_does_not_reach_the_command() -> None:
    """Unless it is asked for, by name."""
    mine = {"BROKER_TOKEN_FILE": "/t", "BROKER_KEY_PASSPHRASE": "canary", "HOME": "/h"}

    assert less_ours(mine) == {"HOME": "/h"}
    assert less_ours(mine, ["BROKER_TOKEN_FILE"]) == {"BROKER_TOKEN_FILE": "/t", "HOME": "/h"}


def test_other_credentials_of_the_surroundings_are_hidden() -> None:
    """They would win in silence."""
    fitting = Fitting({"AWS_REGION": "eu"}, hides=frozenset({"AWS_PROFILE"}))

    told = surroundings({"AWS_PROFILE": "admin", "AWS_REGION": "us", "A": "b"}, [fitting])

    assert told == {"AWS_REGION": "eu", "A": "b"}


def test_two_needs_never_share_a_variable_or_a_file() -> None:
    """But for the same thing they may."""
    same = [Fitting({"PGHOST": "a"}), Fitting({"PGHOST": "a"})]
    other = [Fitting({"PGHOST": "a"}), Fitting({"PGHOST": "b"})]

    assert surroundings({}, same) == {"PGHOST": "a"}
    with pytest.raises(SurroundingsError, match="variable PGHOST"):
        surroundings({}, other)
    with pytest.raises(SurroundingsError, match="file x"):
        one_of_each("file", [{"x": "1"}, {"x": "2"}])


def test_every_command_knows_its_desk_its_folder_and_its_task() -> None:
    """By names that helpers rely on."""
    place = Place(Path("/run/x"), "http://127.0.0.1:7", Secret("desk-token"))

    assert of_the_run(place, "t_1") == {
        "BROKER_RUN_URL": "http://127.0.0.1:7",
        "BROKER_RUN_TOKEN": "desk-token",
        "BROKER_RUN_DIR": "/run/x",
        "BROKER_TASK_ID": "t_1",
    }
