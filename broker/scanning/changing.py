"""What a proposal changes in the files of a configuration, worked out before any is touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from broker.errors import ConfigurationError
from broker.scanning.inserting import inserted
from broker.scanning.proposing import Held, Proposal
from broker.scanning.remaining import Left, remaining
from broker.scanning.stanzas import Mounts
from broker.settings.load import Reading, load_document
from broker.settings.settings import Settings
from broker.targets.settings import Declared, read_targets

_TARGETS = "targets.yaml"
_VAULT = "vault"


@dataclass(frozen=True, slots=True)
class Change:
    """One file: what it holds, and what it shall hold. ``None`` before: it is not there."""

    file: Path
    before: bytes | None
    after: bytes

    @property
    def left(self) -> Iterator[Left]:
        """Yield what people have to fill in of what was added."""
        if self.file.suffix == ".yaml":
            before = (self.before or b"").decode("utf-8", "replace")
            yield from remaining(self.file, self.after.decode("utf-8"), before)


def changes(source: Path, proposal: Proposal) -> list[Change]:
    """Return what has to be written, in an order in which each step is a whole configuration.

    So a target comes before its capability, that before the agent who may have it, and the permit
    last of all.

    Raises:
        ConfigurationError: a file cannot be read, or cannot be added to.
    """
    settings = load_document(source, Settings)
    found = [
        *(_of_targets(source, settings, proposal) if proposal.targets else ()),
        _with(settings.bundle.capabilities, "capabilities", proposal.capabilities),
        _with(settings.bundle.agents, "agents", [proposal.agent]),
    ]
    if proposal.capabilities:
        policy = settings.bundle.policies / f"80-{proposal.agent['name']}.cedar"
        if policy.exists():
            raise ConfigurationError(f"{policy} is there already: choose another --agent")
        found.append(Change(policy, None, proposal.policy.encode()))
    return [each for each in found if each.before != each.after]


def held(source: Path) -> Held:
    """Return which names a configuration has, and which Vaults.

    Raises:
        ConfigurationError: something in it is wrong.
    """
    reading = Reading()
    settings = load_document(source, Settings)
    targets = read_targets(settings.targets, reading)
    reading.finish()
    document = yaml.safe_load(_read(settings.bundle.capabilities).decode("utf-8"))
    return Held(
        capabilities=frozenset(each["name"] for each in document["capabilities"] or ()),
        targets=frozenset(each.record.name for each in targets),
        vaults=tuple(_mounts(each) for each in targets if each.record.kind == _VAULT),
    )


def _mounts(target: Declared) -> Mounts:
    mounts = msgspec.structs.asdict(target.options)["mounts"]
    return Mounts(target.record.name, {each.engine: each.mount for each in reversed(mounts)})


def _of_targets(source: Path, settings: Settings, proposal: Proposal) -> Iterator[Change]:
    if settings.targets is not None:
        yield _with(settings.targets, "targets", proposal.targets)
        return
    file = source.parent / _TARGETS
    if file.exists():
        raise ConfigurationError(f"{file} is there, and {source} does not name it: `targets: …`")
    yield Change(file, None, inserted("targets:\n", "targets", proposal.targets, file).encode())
    before = _read(source)
    ending = b"" if before.endswith(b"\n") else b"\n"
    yield Change(source, before, before + ending + f"\ntargets: {_TARGETS}\n".encode())


def _with(file: Path, key: str, records: list[dict[str, object]]) -> Change:
    before = _read(file)
    try:
        text = before.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: is no UTF-8") from error
    return Change(file, before, inserted(text, key, records, file).encode("utf-8"))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
