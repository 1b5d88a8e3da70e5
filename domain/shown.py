"""Foreign text on its way to people: what it says is seen, and what it does is not done.

A tenant's admin, a sender or an attacker names connectors, rules and tickets. A line break in such a name would make a
line of its own among ours, an escape sequence would colour or clear a terminal, and a direction mark would turn the
words around (CVE-2021-42574, "Trojan Source"). So every such character is printed as its number.
"""

import unicodedata

LONGEST = 200
"""Characters of one foreign name or value in a sentence."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories (Unicode 4.5) that print nothing, break a line, or change how their neighbours are printed."""


def is_plain(character: str) -> bool:
    """Whether *character* is printed where it stands, and does nothing else."""
    return unicodedata.category(character) not in _INVISIBLE


def visible(text: str) -> str:
    r"""*text* with each character that is not plain as `\u{hex}`."""
    return "".join(each if is_plain(each) else f"\\u{{{ord(each):x}}}" for each in text)


def quoted(text: str, longest: int = LONGEST) -> str:
    r"""*text* in single quotes, on one line, at most *longest* of its characters.

    A quote and a backslash of its own have a backslash in front, so that nothing in it can end the quotation.
    """
    whole = visible(text[:longest].replace("\\", "\\\\").replace("'", "\\'"))
    return f"'{whole}'" if len(text) <= longest else f"'{whole}...' ({len(text)} characters)"


LONGEST_CELL = 1000
"""Characters of a foreign text that stands in a place of its own."""


def capped(text: str) -> str:
    """*text* for a place that ends by itself, such as a cell: visible, at most LONGEST_CELL of its characters."""
    return visible(text) if len(text) <= LONGEST_CELL else f"{visible(text[:LONGEST_CELL])}... ({len(text)} characters)"
