"""The facts: things and relationships at a revision, and what changes them. Pure, without any I/O.

- ``relations`` and ``fields`` say what there may be, ``change`` what can be done to it.
- ``facts`` is everything at one revision; ``checking`` finds all that is wrong with a change.
- ``slices``, ``reach`` and ``impact`` look along relationships.
- ``documents``, ``inverse``, ``bulk`` and ``expiring`` make changes.
"""
