"""The audit trail: a complete copy of the feed log outside Redis that shows whether it is whole."""
