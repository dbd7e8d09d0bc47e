"""How much a text surprises, in bits for each character."""

import math
from collections import Counter


def entropy(text: str) -> float:
    """Return Shannon's entropy of the characters of a text; 0 for an empty one."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
