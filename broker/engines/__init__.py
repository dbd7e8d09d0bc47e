"""Engines that are servers: an Open Policy Agent, or any server of OpenID AuthZEN.

- :mod:`~broker.engines.question` says what they are told: a query and the registered, complete;
- :mod:`~broker.engines.opa` and :mod:`~broker.engines.authzen` know the words of each;
- :mod:`~broker.engines.verdict` reads what they answered: exactly what is documented, or nothing;
- :mod:`~broker.engines.channel` reaches them, bounded in time, size and number;
- :mod:`~broker.engines.remote` is the decider that verbs ask. What goes wrong is a Deny.
"""
