"""Where in the files a part of the bundle was read from."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.errors import LocatedFault
from broker.policy.compiled import CompiledPolicies
from broker.settings.fault import Fault, dotted
from broker.settings.yaml_document import Document


@dataclass(frozen=True, slots=True)
class Places:
    """The document of each section; for policies, where each of them stands.

    ``fallback`` is what to call a section of which no file is known.
    """

    fallback: str
    documents: Mapping[str, Document]
    compiled: CompiledPolicies
    schema_file: str

    def locate(self, fault: Fault) -> LocatedFault:
        """Turn a fault whose path begins with a section into file, line and key."""
        section = str(fault.path[0]) if fault.path else ""
        document = self.documents.get(section)
        if document is not None:
            return document.locate(fault)
        file, line = self._code(section, fault)
        return LocatedFault(file, line, dotted(fault.path), fault.message, fault.remedy)

    def _code(self, section: str, fault: Fault) -> tuple[str, int]:
        if section == "schema":
            return self.schema_file, 0
        for policy in self.compiled.policies:
            if fault.path == ("policies", policy.name):
                return policy.file, policy.line
        return self.fallback, 0
