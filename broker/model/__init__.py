"""The values that the broker speaks in: frozen, without behaviour that reaches outside.

One file per noun of DESIGN §2. Nothing here knows HTTP, Redis or any library.
"""
