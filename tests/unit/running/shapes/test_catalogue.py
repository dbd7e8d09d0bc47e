import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from broker.running.shapes.catalogue import WORDS, parse_shape, usual_shape
from broker.running.shapes.shape import Place, Shape, ShapeUnfitError, variable_of
from broker.running.source import HeldValues
from broker.secret import Secret
from tests.fakes.held_values import BUCKET, DATABASE, ORDERS, held

PLACE = Place(Path("/run/x"), "http://127.0.0.1:7", Secret("desk-token"))


def variables(shape: Shape, of: HeldValues) -> dict[str, str]:
    """Return what a command is given."""
    return dict(shape.fit(of, PLACE).variables)


def files(shape: Shape, of: HeldValues) -> dict[str, str]:
    """Return what is written."""
    return {name: text.reveal() for name, text in shape.files(of).items()}


def fit_all(shape: str, of: HeldValues) -> None:
    """Make everything that a shape makes."""
    parse_shape(shape).fit(of, PLACE)
    parse_shape(shape).files(of)


def test_a_token_is_a_header_in_a_file_and_in_no_variable() -> None:
    """Variables cannot be renewed, and are seen by more than files of mode 0600."""
    shape = usual_shape("jwt")

    assert variables(shape, ORDERS) == {
        "ORDERS_HEADER_FILE": "/run/x/orders.header",
        "ORDERS_TOKEN_FILE": "/run/x/orders.token",
    }
    assert files(shape, ORDERS) == {
        "orders.header": "Authorization: Bearer canary-token\n",
        "orders.token": "canary-token",
    }


def test_a_header_file_may_be_given_a_name() -> None:
    """Within the run's folder."""
    shape = parse_shape("header=bearer.txt")

    assert variables(shape, ORDERS)["ORDERS_HEADER_FILE"] == "/run/x/bearer.txt"
    assert "bearer.txt" in files(shape, ORDERS)


def test_aws_tools_ask_the_desk_and_see_no_other_keys() -> None:
    """Neither in the environment nor in the user's files; nor do they ask the machine's own."""
    shape = usual_shape("aws_sts")
    fitting = shape.fit(BUCKET, PLACE)

    assert dict(fitting.variables) == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:7/aws/bucket",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "desk-token",
        "AWS_CONFIG_FILE": "/run/x/aws-config",
        "AWS_SHARED_CREDENTIALS_FILE": "/run/x/aws-config",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} < fitting.hides
    assert {"AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} < fitting.hides
    assert files(shape, BUCKET) == {"aws-config": ""}


def test_a_database_has_its_password_in_a_file_for_that_server_and_role_alone() -> None:
    """With colon and backslash escaped, as libpq reads them."""
    shape = usual_shape("postgres")
    fitting = shape.fit(DATABASE, PLACE)
    written = files(shape, DATABASE)

    assert written["database.pgpass"] == "db.example:5432:*:jit_a:canary\\:pass\\\\word\n"
    assert written["database.pg_service.conf"] == (
        "[broker-run]\nhost=db.example\nport=5432\ndbname=orders\nuser=jit_a\nsslmode=verify-full\n"
    )
    assert fitting.variables["PGPASSFILE"] == "/run/x/database.pgpass"
    assert (fitting.variables["PGHOST"], fitting.variables["PGUSER"]) == ("db.example", "jit_a")
    assert "canary" not in json.dumps(dict(fitting.variables))
    assert "PGPASSWORD" in fitting.hides


def test_variables_hold_the_words_where_that_is_asked_for() -> None:
    """Under the prefix, under the names of the kind's tools, or under the need's own name."""
    plain = parse_shape("env")

    assert variables(parse_shape("env:DB_"), DATABASE)["DB_PASSWORD"] == "canary:pass\\word"
    assert variables(plain, DATABASE)["PGPASSWORD"] == "canary:pass\\word"
    assert variables(plain, ORDERS) == {"ORDERS_ACCESS_TOKEN": "canary-token"}
    assert files(plain, DATABASE) == {}


def test_a_netrc_is_for_one_host() -> None:
    """With the role's name, or for a token with one that means nothing."""
    shape = parse_shape("netrc=git.example")

    assert variables(shape, ORDERS) == {"NETRC": "/run/x/orders.netrc"}
    assert files(shape, ORDERS) == {
        "orders.netrc": "machine git.example login token password canary-token\n"
    }
    user = held("web", "vault", username="ann", password="canary")
    assert files(shape, user)["web.netrc"] == "machine git.example login ann password canary\n"


def test_a_kubeconfig_names_one_server_and_a_token_file(tmp_path: Path) -> None:
    """The tools read the token again and again; the authority is the machine's unless named."""
    authority = tmp_path / "ca.pem"
    authority.write_text("-")
    shape = parse_shape(f"kubeconfig=https://cluster.example:6443,{authority}")

    written = files(shape, ORDERS)
    document = json.loads(written["orders.kubeconfig"])

    assert variables(shape, ORDERS)["KUBECONFIG"] == "/run/x/orders.kubeconfig"
    assert written["orders.token"] == "canary-token"
    assert document["users"][0]["user"] == {"tokenFile": "orders.token"}
    assert document["clusters"][0]["cluster"] == {
        "server": "https://cluster.example:6443",
        "certificate-authority": str(authority),
    }
    assert "canary" not in written["orders.kubeconfig"]


@pytest.mark.parametrize(
    ("shape", "of"),
    [
        ("aws", ORDERS),
        ("pgpass", ORDERS),
        ("header", DATABASE),
        ("netrc=h", BUCKET),
        ("kubeconfig=https://h", DATABASE),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_shape_that_does_not_fit_says_so(shape: str, of: HeldValues) -> None:
    """Before anything is started."""
    with pytest.raises(ShapeUnfitError, match=of.name):
        fit_all(shape, of)


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "a\x7fb"])
@pytest.mark.parametrize("shape", ["header", "env", "env:A_", "netrc=h", "kubeconfig=https://h"])
def test_a_word_never_leaves_its_line(shape: str, bad: str) -> None:
    """A target that lies could otherwise add a header, an entry or a variable."""
    of = held("orders", "jwt", access_token=bad)

    with pytest.raises(ShapeUnfitError, match="control characters"):
        fit_all(shape, of)


@pytest.mark.parametrize("word", ["host", "port", "username", "password", "database", "sslmode"])
def test_no_word_of_a_database_leaves_its_line(word: str) -> None:
    """Neither in the password file nor in the service file."""
    values = {**DATABASE.values, word: Secret("x\nhost=evil")}

    with pytest.raises(ShapeUnfitError, match="control characters"):
        usual_shape("postgres").files(replace(DATABASE, values=values))


def test_a_netrc_never_holds_what_programs_read_differently() -> None:
    """A space ends the word in one program, and a quote means something in another."""
    for bad in ("a b", 'a"b', "a\\b"):
        with pytest.raises(ShapeUnfitError):
            parse_shape("netrc=h").files(held("w", "vault", username="u", password=bad))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "env:",
        "env:1A",
        "env:A-B",
        "envA",
        "aws=x",
        "header=",
        "header=../x",
        "header=a/b",
        "header=.x",
        "netrc",
        "netrc=a b",
        "netrc=-x",
        "kubeconfig",
        "kubeconfig=http://cluster.example",
        "kubeconfig=https://u:p@h",
        "kubeconfig=https://h?x=1",
        "kubeconfig=https://h,/nowhere",
    ],
)
def test_what_is_no_shape_is_refused_with_how_it_is_written(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"write|wants|names|name"):
        parse_shape(text)


def test_every_word_of_the_catalogue_is_read() -> None:
    """None of them is offered in vain."""
    rest = {"netrc": "=h", "kubeconfig": "=https://h"}

    for word in WORDS:
        assert parse_shape(word + rest.get(word, ""))


def test_a_kind_that_no_tool_is_known_for_is_told_in_variables() -> None:
    """Under the need's name."""
    of = held("queue", "vault", username="u", password="p")

    assert variables(usual_shape("vault"), of) == {"QUEUE_USERNAME": "u", "QUEUE_PASSWORD": "p"}


@pytest.mark.parametrize(
    ("need", "variable"), [("orders-api", "ORDERS_API"), ("a.b--c", "A_B_C"), ("x_", "X")]
)
def test_a_need_has_a_name_that_a_shell_can_say(need: str, variable: str) -> None:
    """Letters, digits and one underscore for everything else."""
    assert variable_of(need) == variable


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl reads the header and the netrc file")
def test_curl_reads_the_files(tmp_path: Path) -> None:
    """As it reads those that people write."""
    for shape in ("header", "netrc=127.0.0.1"):
        for name, text in files(parse_shape(shape), ORDERS).items():
            (tmp_path / name).write_text(text)
    (tmp_path / "curlrc").write_text("")

    def asked(*options: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own words
            ["curl", "-sv", "--max-time", "5", *options, "http://127.0.0.1:9/"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        return done.stderr

    assert "option" not in asked("-H", "@orders.header")
    assert "option" not in asked("--netrc-file", "orders.netrc")
