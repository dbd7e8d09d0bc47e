"""Looking at policies for what will be regretted, before they are published.

Each rule is one module; :mod:`broker.policy.lint.linting` puts them together. A rule may find too
much; where it says that something cannot happen it is right (tests hold it against Cedar).
"""
