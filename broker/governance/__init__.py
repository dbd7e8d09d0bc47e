"""Who and what is registered, and the rules: published as one bundle, or not at all.

- Files are input. :mod:`~broker.governance.bundle` reads them, checks them together, tries the
  policies out and makes one canonical text of them, known by its digest.
- :mod:`~broker.governance.published` is what a broker works with: built whole, swapped whole.
- :mod:`~broker.governance.registry` turns what was attested into a principal.
"""
