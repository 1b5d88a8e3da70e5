"""Domain names as DNS asks for them: A-labels, lower case, no trailing dot.

IDN by IDNA 2008 with the UTS 46 mapping (package `idna`): the standard library's codec is IDNA 2003 and would ask for
`fass.example` where `faß.example` is meant.
"""

import re

import idna

MOST_LABEL_OCTETS = 63
MOST_NAME_OCTETS = 253
"""RFC 1035, 2.3.4: 255 octets on the wire are 253 characters as text without the trailing dot."""

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_LABEL = re.compile(r"[a-z0-9_-]+")


def to_ascii(name: str) -> str:
    """*name* as A-labels, lower case, without the trailing dot. Underscores are allowed (`_dmarc`, `_spf`).

    Raises:
        ValueError: Names the label that is empty, too long, or has a character that no mail domain has.
    """
    bare = name.strip()
    labels = [_ascii(label, name) for label in _DOTS.split(bare[:-1] if _DOTS.match(bare[-1:]) else bare)]
    found = ".".join(labels)
    if len(found) > MOST_NAME_OCTETS:
        raise ValueError(f"{_shown(name)}: has {len(found)} characters, a name at most {MOST_NAME_OCTETS}")
    return found


def parents(name: str) -> tuple[str, ...]:
    """*name* and every name above it, longest first, without the root."""
    labels = name.split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels)))


def is_under(name: str, suffix: str) -> bool:
    """Whether *name* is *suffix* or below it, label by label."""
    return name == suffix or name.endswith(f".{suffix}")


def _ascii(label: str, name: str) -> str:
    """One label; IDN is only tried on what can fit, as its cost grows with the label."""
    if not label:
        raise ValueError(f"{_shown(name)}: has an empty label")
    if len(label) > MOST_LABEL_OCTETS:
        raise ValueError(f"{_shown(name)}: label {_shown(label)} has more than {MOST_LABEL_OCTETS} characters")
    try:
        found = label.lower() if label.isascii() else idna.encode(label, uts46=True).decode()
    except UnicodeError as error:
        raise ValueError(f"{_shown(name)}: label {_shown(label)}: {error}") from None
    if not _LABEL.fullmatch(found):
        raise ValueError(f"{_shown(name)}: label {_shown(label)} has a character that no domain name has")
    return found


def _shown(text: str) -> str:
    """*text* as an error shows it: quoted, escaped, and short."""
    return ascii(text if len(text) <= MOST_LABEL_OCTETS else f"{text[:MOST_LABEL_OCTETS]}...")
