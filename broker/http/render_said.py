"""What was said of uses, as JSON: always marked as said, with who says it."""

from broker.clock import rfc3339
from broker.model.said import SaidOfTask, SaidTotal

SAID_BY = "agent"


def said_of_task(found: SaidOfTask) -> dict[str, object]:
    """Show all that was said of a task."""
    return {
        "task": found.task,
        "said_by": SAID_BY,
        "said_at": rfc3339(found.said_at_ms) if found.said_at_ms else None,
        "uses": [_total(each) for each in found.uses],
        "others": found.others,
        "untold": found.untold,
    }


def _total(total: SaidTotal) -> dict[str, object]:
    kind = {name: getattr(total.kind, name) for name in total.kind.__struct_fields__}
    return {**kind, "times": total.times, "said_at": rfc3339(total.said_at_ms)}
