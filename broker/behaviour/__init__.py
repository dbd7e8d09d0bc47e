"""What agents do, held against their own past: pure detectors over the stream of events.

Nothing here reaches outside: what is found is the same whether it is read from the feed log while
it happens or from an audit trail afterwards (``broker behaviour replay``). Who follows the log and
acts on findings is :mod:`broker.behaviour_watch`.
"""
