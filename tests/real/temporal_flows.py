"""The one workflow of the tests: it runs one activity. Temporal replays this file in a sandbox."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

NEVER_AGAIN = ["TaskLostError", "AccessRefusedError"]
"""As the page says: what an operator has ended or policy refuses is not tried again."""


@workflow.defn
class OneActivity:
    """Runs the named activity, as often as it may be tried, and returns what it returns."""

    @workflow.run
    async def run(self, wish: dict[str, Any]) -> Any:
        """Wait for it, and for its cancellation too."""
        silence = wish.get("heartbeat_s")
        return await workflow.execute_activity(
            wish["activity"],
            start_to_close_timeout=timedelta(seconds=wish.get("most_s", 60)),
            heartbeat_timeout=timedelta(seconds=silence) if silence else None,
            retry_policy=RetryPolicy(
                maximum_attempts=wish.get("attempts", 1),
                initial_interval=timedelta(milliseconds=100),
                non_retryable_error_types=NEVER_AGAIN,
            ),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
