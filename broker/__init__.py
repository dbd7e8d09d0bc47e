"""The just-in-time, ephemeral credential broker for AI agents.

An agent proves what it is, policy decides what it may do for one named task, the broker mints a
credential as narrow and short as the task, and kills it when the task ends.
``docs/architecture.md`` is the map of this package; :mod:`broker.app` builds its objects.
"""
