"""How often Python looks for garbage in cycles: seldom, and never among what lives for ever.

Reference counts free nearly everything that a request makes. The collector's defaults are made for
small programs: under load they have it walk every module, policy and key again and again, for a
tenth of the broker's time, in pauses that hit whoever is served just then.
"""

import gc
from typing import Final

YOUNG: Final = 20_000
"""Objects made and not yet freed before the young ones are looked at. The default is 700; requests
that wait for Redis hold more than that at any time."""


def settle() -> None:
    """Take all that lives now for permanent. Call it once, when everything is built.

    What is made from now on is collected as ever, cycles included.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
