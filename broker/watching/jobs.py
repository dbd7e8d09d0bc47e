"""What Kubernetes says of a Job or Pod that works on a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

import msgspec

LABEL: Final = "broker/task-id"
"""The label that names the task. A label and no annotation, so that the API server selects by it:
the watcher is sent nothing else."""

Outcome = Literal["complete", "fail", "cancel"]
"""How a task ends, in the words of the client's calls."""

_BY_CONDITION: Final[dict[str, Outcome]] = {"Complete": "complete", "Failed": "fail"}
_BY_PHASE: Final[dict[str, Outcome]] = {"Succeeded": "complete", "Failed": "fail"}


class Kind(StrEnum):
    """What is watched."""

    JOBS = "jobs"
    PODS = "pods"

    @property
    def path(self) -> str:
        """Where the API has it, with a place for the namespace."""
        group = "apis/batch/v1" if self is Kind.JOBS else "api/v1"
        return f"/{group}/namespaces/{{}}/{self}"


class _Condition(msgspec.Struct, frozen=True):
    type: str
    status: str


class _Status(msgspec.Struct, frozen=True):
    phase: str = ""
    conditions: list[_Condition] | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class Item(msgspec.Struct, frozen=True):
    """One Job or Pod, as far as it matters here; a bookmark has nothing but its version."""

    metadata: _Metadata
    status: _Status = _Status()


@dataclass(frozen=True, slots=True)
class Work:
    """One job: what names it for ever, for people, its task, and how it ended, if it has."""

    uid: str
    name: str
    task: str
    outcome: Outcome | None


def work_of(kind: Kind, item: Item) -> Work:
    """Read what a Job or Pod says of itself.

    A Job ends by its conditions ``Complete`` and ``Failed`` alone: those that only announce its end
    (``SuccessCriteriaMet``, ``FailureTarget``) come while its pods still run.
    """
    meta = item.metadata
    ended = _of_job(item.status.conditions or ()) if kind is Kind.JOBS else _of_pod(item.status)
    name = f"{kind.removesuffix('s')} {meta.namespace}/{meta.name}"
    return Work(meta.uid, name, (meta.labels or {}).get(LABEL, ""), ended)


def _of_job(conditions: Sequence[_Condition]) -> Outcome | None:
    ended = (_BY_CONDITION.get(each.type) for each in conditions if each.status == "True")
    return next((each for each in ended if each), None)


def _of_pod(status: _Status) -> Outcome | None:
    return _BY_PHASE.get(status.phase)
