import io
import json

import pytest
from rich.console import Console

from broker.cli.screen import Document, Screen, cell, fields, page, rows, stacked


def painted(*parts: object, width: int = 80) -> str:
    """Print to a pipe and return what came out."""
    console = Console(file=(out := io.StringIO()), width=width)
    console.print(*parts)
    return out.getvalue()


def test_a_cell_is_harmless_text() -> None:
    """A control sequence in a name is shown, not obeyed."""
    assert cell("a\x1b[2Jb").plain == "a\\u001b[2Jb"


def test_markup_in_a_name_stays_text() -> None:
    """What looks like markup of the library is printed as it is."""
    assert "[red]x[/red]" in painted(rows([{"name": "[red]x[/red]"}], ["name"], empty="none"))


def test_an_empty_list_says_what_that_means() -> None:
    """Nobody is left in front of an empty screen."""
    assert painted(rows([], ["id"], empty="No such tasks.")) == "No such tasks.\n"


def test_rows_keep_their_columns() -> None:
    """A list is a table with one line an item."""
    table = rows([{"id": "t_1", "agent_seen": 3}, {"id": "t_2"}], ["id", "agent_seen"], empty="")

    lines = [line.split() for line in painted(table).splitlines()]

    assert lines == [["id", "agent", "seen"], ["t_1", "3"], ["t_2", "-"]]


def test_absent_members_are_left_out() -> None:
    """One answer shows what it has, in the order asked for."""
    document: Document = {"closed_at": None, "state": "open", "id": "t_1", "tickets": []}

    lines = painted(fields(document, ["id", "closed_at", "tickets", "state"])).splitlines()

    assert [line.split() for line in lines] == [["id", "t_1"], ["state", "open"]]


def test_parts_are_stacked_with_a_line_between() -> None:
    """Two parts of an answer do not run into each other."""
    assert painted(stacked("one", "two")) == "one\n\ntwo\n"


def test_an_id_is_whole_in_a_narrow_terminal() -> None:
    """An id that is folded cannot be copied; other columns make room for it."""
    task = "t_01_kvnkz2vmknkofjbrxj3uu3a2vc"
    row = {
        "id": task,
        "agent": "invoice-bot",
        "state": "cancelled",
        "deadline": "2026-11-28T20:46Z",
    }

    printed = painted(rows([row], list(row), empty=""), width=60)

    assert task in printed


def test_lines_in_a_pipe_end_where_their_text_ends() -> None:
    """Columns are padded between each other only: nobody has to cut a thousand spaces off."""
    documents = [{"id": "t_1", "name": "a"}, {"id": "t_2", "name": "a longer name"}]
    out = io.StringIO()

    Screen(out, as_json=False).answer({}, lambda _: rows(documents, ["id", "name"], empty=""))

    assert out.getvalue() == "id   name\nt_1  a\nt_2  a longer name\n"


def test_a_page_says_where_the_next_one_begins() -> None:
    """A list that goes on does not look like a whole one."""
    document: Document = {"next": "/v1/tasks?cursor=YWJj&limit=1"}

    assert painted(page("a table", document)) == "a table\n\nthere are more:  --cursor YWJj\n"
    assert painted(page("a table", {"next": None})) == "a table\n"


def test_json_is_the_answer_itself() -> None:
    """A program gets the document as it came, whatever it looks like to people."""
    document = {"id": "t_1", "name": "a\x1b[2J"}
    out = io.StringIO()

    Screen(out, as_json=True).answer(document, lambda _: "a view")

    assert json.loads(out.getvalue()) == document


def test_people_get_the_view() -> None:
    """Without --json the view is printed."""
    out = io.StringIO()

    Screen(out, as_json=False).answer({"id": "t_1"}, lambda doc: f"task {doc['id']}")

    assert out.getvalue() == "task t_1\n"


class Terminal(io.StringIO):
    """What looks like a terminal to whoever writes to it."""

    def isatty(self) -> bool:
        """Say so."""
        return True


GREEN, PLAIN = "\x1b[32mopen\x1b[0m\n", "open\n"


@pytest.mark.parametrize(
    ("output", "no_color", "printed"),
    [(Terminal, "", GREEN), (Terminal, "1", PLAIN), (io.StringIO, "", PLAIN)],
    ids=["terminal", "NO_COLOR", "pipe"],
)
def test_a_state_has_its_colour_in_a_terminal_only(
    output: type[io.StringIO], no_color: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nowhere that somebody asked for none, or that a program may read."""
    for name in ("FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    out = output()

    Screen(out, as_json=False).answer({"state": "open"}, lambda doc: cell(doc["state"]))

    assert out.getvalue() == printed
