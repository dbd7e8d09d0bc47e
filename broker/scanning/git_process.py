"""Git as a child process that runs nothing of what the repository asks for.

A repository may be hostile: its configuration names programs (`core.fsmonitor`, hooks, pagers,
text converters, filters, transports, `gpg.program`), and Git would run them. So its configuration
is read only to find where its objects and refs are, by commands that have no use for programs;
everything after that works in an empty repository of ours over the same objects. There is no work
tree and no index, so no filter, and no object is ever fetched.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 60
"""How long one short question to Git may take."""

_HARDENED: Final = tuple(
    word
    for setting in (
        "core.fsmonitor=false",
        f"core.hooksPath={os.devnull}",
        "core.pager=cat",
        f"core.attributesFile={os.devnull}",
        "core.sshCommand=false",
        "core.askPass=false",
        "core.alternateRefsCommand=false",
        "core.gitProxy=false",
        "credential.helper=",
        "diff.external=",
        "gpg.program=false",
        "log.showSignature=false",
        "protocol.allow=never",
        "uploadpack.packObjectsHook=",
    )
    for word in ("-c", setting)
)

_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class GitFailedError(Exception):
    """Git could not be asked, or what it was asked of is broken; the text says why."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, read through an empty one of ours (``shell``) over the same objects."""

    root: str
    """Its work tree, or itself where it has none."""
    shell: str
    objects: str
    tips: tuple[str, ...]
    """The commits that its refs name."""
    head: str
    """Empty where nothing has been committed."""

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Ask Git something whose answer is short.

        Raises:
            GitFailedError: there is no answer.
        """
        return _run(arguments, self._environment(), given)

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start Git, to talk to it through pipes. Whoever starts it ends it.

        Raises:
            GitFailedError: it cannot be started.
        """
        try:
            return subprocess.Popen(  # noqa: S603 - Git, with our own words
                _line(arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
            )
        except OSError as error:
            raise GitFailedError(f"git: {error.strerror}") from error

    def _environment(self) -> Mapping[str, str]:
        ours = {"GIT_DIR": self.shell, "GIT_OBJECT_DIRECTORY": self.objects}
        return _environment() | ours | {"GIT_CONFIG_GLOBAL": os.devnull}


@contextmanager
def repository(folder: str) -> Iterator[Repository | None]:
    """Open the repository that a folder is in; None when it is in none.

    Raises:
        GitFailedError: there is one, and Git cannot read it, or there is no Git.
    """
    if not _is_within(folder):
        yield None
        return
    asked = ("-C", folder, "rev-parse", "--path-format=absolute")
    words = ("--git-path", "objects", "--git-path", "shallow", "--show-object-format")
    found = os.fsdecode(_run((*asked, *words), _environment())).splitlines()
    if len(found) != len(("objects", "shallow", "format")):  # a name with a line break in it
        raise GitFailedError("git: the repository's own path cannot be told")
    objects, shallow, form = found
    with tempfile.TemporaryDirectory(prefix="broker-scan-") as shell:
        _run(("init", "--quiet", "--bare", "--template=", f"--object-format={form}", shell))
        _copy_shallow(shallow, shell)
        head = _asked(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        refs = _asked(folder, "for-each-ref", "--format=%(objectname)").split()
        yield Repository(
            root=_root(folder),
            shell=shell,
            objects=objects,
            tips=tuple(dict.fromkeys([head, *refs] if head else refs)),
            head=head,
        )


def _is_within(folder: str) -> bool:
    """Tell whether a folder is in a repository, without asking Git."""
    real = Path(os.path.realpath(folder))
    return any(os.path.lexists(each / ".git") for each in (real, *real.parents)) or (
        os.path.isdir(real / "objects") and os.path.isfile(real / "HEAD")  # noqa: PTH112, PTH113 - these never raise
    )


def _root(folder: str) -> str:
    found = _asked(folder, "rev-parse", "--show-toplevel")
    return found or os.path.realpath(folder)


def _asked(folder: str, *arguments: str) -> str:
    """Ask the repository itself; empty where it has no answer."""
    try:
        return os.fsdecode(_run(("-C", folder, *arguments), _environment())).rstrip("\n")
    except GitFailedError:
        return ""


def _copy_shallow(file: str, shell: str) -> None:
    """Say where a shallow clone's history ends, or Git looks for commits that are not there."""
    try:
        content = Path(file).read_bytes()
    except OSError:
        return
    (Path(shell) / "shallow").write_bytes(content)


def _environment() -> dict[str, str]:
    """Leave out whatever could point Git elsewhere; keep what it needs to run at all."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | _ENVIRONMENT


def _line(arguments: Sequence[str]) -> list[str]:
    return ["git", *_HARDENED, *arguments]


def _run(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, given: bytes = b""
) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - Git, with our own words
            _line(arguments),
            input=given,
            capture_output=True,
            check=True,
            env=environment or _environment() | {"GIT_CONFIG_GLOBAL": os.devnull},
            timeout=PATIENCE_S,
        )
    except FileNotFoundError as error:
        raise GitFailedError("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitFailedError(f"git did not answer within {PATIENCE_S} s") from error
    except subprocess.CalledProcessError as error:
        said = os.fsdecode(error.stderr or b"").strip().splitlines()
        raise GitFailedError(said[0] if said else f"git ended with {error.returncode}") from error
    except (OSError, ValueError) as error:
        raise GitFailedError(f"git: {error}") from error
    return done.stdout
