"""The feed: what the ledger says, brought into one log and on to whoever must hear it at once.

:mod:`~broker.feed.shipper` fills the log; :mod:`~broker.feed.hub` reads it and tells subscribers.
"""
