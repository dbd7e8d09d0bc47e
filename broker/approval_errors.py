"""What can be wrong with an approval: errors beside those that every verb may raise."""

from broker.errors import BrokerError


class ApprovalStaleError(BrokerError):
    """What is to be agreed to is not what the page showed any more: look again, then answer."""

    code = "approval-stale"

    def __init__(self) -> None:
        super().__init__("it has changed since it was looked at: look again, and answer that")


class ApprovalUsedError(BrokerError):
    """What was agreed to cannot be given on it any more: ask anew."""

    code = "approval-over"


class SlowDownError(BrokerError):
    """It was asked for again too soon: wait ``retry_after_ms``, longer each time that happens."""

    code = "slow-down"
    retryable = True

    def __init__(self, retry_after_ms: int) -> None:
        super().__init__(f"ask again after {retry_after_ms // 1000} seconds, not before")
        self.retry_after_ms = retry_after_ms
