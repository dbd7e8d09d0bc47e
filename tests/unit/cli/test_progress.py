"""How long work is told, where nobody looks at a terminal."""

import io
import json

from broker.cli.progress import telling


def test_plain_lines_are_few() -> None:
    """A log is not flooded, and has the beginning and the end."""
    output = io.StringIO()

    with telling(output, as_json=False) as teller:
        for done in range(1001):
            teller.tell("revoking", done, 1000)

    lines = output.getvalue().splitlines()
    assert len(lines) == 11
    assert (lines[0], lines[-1]) == ("revoking: 0 of 1000", "revoking: 1000 of 1000")


def test_nothing_to_do_is_told_as_well() -> None:
    """None of none is all of it."""
    output = io.StringIO()

    with telling(output, as_json=False) as teller:
        teller.tell("revoking", 0, 0)

    assert output.getvalue() == "revoking: 0 of 0\n"


def test_programs_get_a_line_of_json_for_each_step() -> None:
    """The same again is not said again."""
    output = io.StringIO()

    with telling(output, as_json=True) as teller:
        for done in (0, 5, 5, 9):
            teller.tell("revoking", done, 9)

    told = [json.loads(line)["progress"] for line in output.getvalue().splitlines()]
    assert told == [{"of": "revoking", "done": done, "total": 9} for done in (0, 5, 9)]
