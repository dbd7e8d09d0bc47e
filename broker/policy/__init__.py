"""What policy says: a query in, a decision out, never an exception.

- :mod:`~broker.policy.query` is all that policy may know of a request, in fixed types;
- :mod:`~broker.policy.decider` is what the verbs ask, wherever the answer comes from;
- :mod:`~broker.policy.engine` is the port to what decides in this process;
  :mod:`~broker.policy.cedar` keeps it, with Cedar;
- an absent rule denies, and so does every failure: a policy that cannot be evaluated, an engine
  that raises, an answer that is not understood;
- policies, schema and entities are parsed once, when a bundle is loaded, and never changed.
"""
