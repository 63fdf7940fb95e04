"""A JSON array that arrives in chunks, element by element: searchStream's answer, which is too long to keep."""

import re
from collections.abc import Iterable, Iterator

_BRACE = re.compile(rb'(?:[^"{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+(["{}])', re.DOTALL)
"""Up to the next brace outside of strings, or the quote of a string whose end has not come yet."""


def elements(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The objects of the array as they become whole. What follows the last whole one is left out."""
    buffer, scanned, depth, start = b"", 0, 0, 0
    for chunk in chunks:
        buffer += chunk
        while (found := _BRACE.match(buffer, scanned)) and found[1] != b'"':
            scanned = found.end()
            if found[1] == b"{":
                start = start if depth else scanned - 1
                depth += 1
            else:
                depth -= 1
                if depth == 0:
                    yield buffer[start:scanned]
        if depth == 0:
            buffer, scanned = buffer[scanned:], 0
