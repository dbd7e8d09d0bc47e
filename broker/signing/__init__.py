"""Our own signatures: the keys, their files, the published manifest, and checking what we signed.

Public halves and states stand in the control record and are the same for every replica; private
halves are files, which only ``broker keys`` makes (DESIGN §4). Nothing here keeps a ledger.
"""
