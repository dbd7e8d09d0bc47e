"""Reading the bundle's files, before anything is known of what they mean together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.errors import LocatedFault
from broker.governance.document import BundleDocument, PolicyFile
from broker.governance.records import AgentsFile, CapabilitiesFile, ResourceServersFile
from broker.governance.vectors import VectorsFile
from broker.policy.compiled import Source
from broker.settings.load import Loaded, Reading
from broker.settings.settings import BundleFiles
from broker.settings.yaml_document import Document

VECTORS: Final = "tests.yaml"
"""The one file in the policies' folder that is not policy."""

PEOPLE: Final = ("tenants", "teams", "agents", "orchestrators", "operators")
"""The sections of ``agents.yaml``."""

OPTIONAL: Final = frozenset({"teams", "orchestrators", "operators"})
"""What may be left out."""


@dataclass(frozen=True, slots=True)
class BundleInput:
    """What the files hold. ``document`` is None when one of them cannot be used.

    ``documents`` has the YAML document of each section, to find lines in; ``sections`` what each
    says, plain and unchecked.
    """

    document: BundleDocument | None
    sections: Mapping[str, object]
    documents: Mapping[str, Document]
    policies: tuple[Source, ...]
    schema: Source


@dataclass(frozen=True, slots=True)
class _Parts:
    agents: Loaded[AgentsFile] | None
    capabilities: Loaded[CapabilitiesFile] | None
    servers: Loaded[ResourceServersFile] | None
    tests: Loaded[VectorsFile] | None


def read_files(files: BundleFiles, reading: Reading) -> BundleInput:
    """Read every file, whatever is wrong with the others."""
    tests = files.policies / VECTORS
    parts = _Parts(
        agents=reading.read(files.agents, AgentsFile),
        capabilities=reading.read(files.capabilities, CapabilitiesFile),
        servers=reading.read(files.resource_servers, ResourceServersFile),
        tests=_read_tests(tests, reading),
    )
    schema = Source(str(files.schema), reading.read_text(files.schema) or "")
    policies = tuple(_read_policies(files.policies, reading))
    documents = dict.fromkeys(PEOPLE, reading.document(files.agents))
    documents["capabilities"] = reading.document(files.capabilities)
    documents["resource_servers"] = reading.document(files.resource_servers)
    if tests.exists():
        documents["tests"] = reading.document(tests)
    document = _document(parts, schema, policies)
    return BundleInput(document, _sections(documents), documents, policies, schema)


def _sections(documents: Mapping[str, Document]) -> dict[str, object]:
    """Return what is there of each section; of a file that is none at all, nothing."""
    found: dict[str, object] = {}
    for section, document in documents.items():
        plain = None if document.root is None else document.root.plain()
        if isinstance(plain, dict):
            found[section] = plain.get(section, [] if section in OPTIONAL else None)
    return found


def _read_tests(path: Path, reading: Reading) -> Loaded[VectorsFile] | None:
    return reading.read(path, VectorsFile) if path.exists() else None


def _read_policies(folder: Path, reading: Reading) -> Iterator[Source]:
    paths = sorted(_listed(folder, reading))
    for path in paths:
        if path.suffix == ".cedar" and (text := reading.read_text(path)) is not None:
            yield Source(str(path), text)
        if path.suffix in {".yaml", ".yml"} and path.name != VECTORS:
            remedy = f"call it {VECTORS}, or move it elsewhere"
            reading.note(LocatedFault(str(path), 0, "", "is not read", remedy))
    if not any(path.suffix == ".cedar" for path in paths):
        reading.note(LocatedFault(str(folder), 0, "", "no *.cedar file", "absence denies all"))


def _listed(folder: Path, reading: Reading) -> list[Path]:
    try:
        # Editors and container mounts leave names that begin with a dot; they are never content.
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        reading.note(LocatedFault(str(folder), 0, "", message, "check bundle.policies"))
        return []


def _document(parts: _Parts, schema: Source, policies: tuple[Source, ...]) -> BundleDocument | None:
    if parts.agents is None or parts.capabilities is None or parts.servers is None:
        return None
    people, capabilities = parts.agents.value, parts.capabilities.value
    return BundleDocument(
        tenants=people.tenants,
        teams=people.teams,
        agents=people.agents,
        orchestrators=people.orchestrators,
        operators=people.operators,
        capabilities=capabilities.capabilities,
        offline_max_ttl_seconds=capabilities.offline_max_ttl_seconds,
        resource_servers=parts.servers.value.resource_servers,
        schema=schema.text,
        policies=tuple(PolicyFile(file=Path(p.file).name, text=p.text) for p in policies),
        tests=parts.tests.value.tests if parts.tests else (),
    )
