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
from broker.settings.load import Loaded, Reading, read_bytes
from broker.settings.settings import BundleFiles
from broker.settings.yaml_document import Document, parse_yaml

VECTORS: Final = "tests.yaml"
"""The one file in the policies' folder that is not policy."""


@dataclass(frozen=True, slots=True)
class BundleInput:
    """What the files hold. ``document`` is None when one of them cannot be used.

    ``documents`` has the YAML document of each section, to find lines in.
    """

    document: BundleDocument | None
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
    parts = _Parts(
        agents=reading.read(files.agents, AgentsFile),
        capabilities=reading.read(files.capabilities, CapabilitiesFile),
        servers=reading.read(files.resource_servers, ResourceServersFile),
        tests=_read_tests(files.policies / VECTORS, reading),
    )
    schema = Source(str(files.schema), reading.read_text(files.schema) or "")
    policies = tuple(_read_policies(files.policies, reading))
    document = _document(parts, schema, policies)
    return BundleInput(document, _documents(parts), policies, schema)


def capabilities_document(files: BundleFiles) -> Document:
    """Read the capabilities once more, to find lines in."""
    return parse_yaml(read_bytes(files.capabilities), str(files.capabilities))


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


def _documents(parts: _Parts) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    if parts.agents is not None:
        sections = ("tenants", "teams", "agents", "orchestrators", "operators")
        documents |= dict.fromkeys(sections, parts.agents.document)
    if parts.capabilities is not None:
        documents["capabilities"] = parts.capabilities.document
    if parts.servers is not None:
        documents["resource_servers"] = parts.servers.document
    if parts.tests is not None:
        documents["tests"] = parts.tests.document
    return documents
