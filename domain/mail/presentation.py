"""A record's value as text and back, as zone files write it (RFC 1035, 5.1): every byte and every string survives."""

import re

from domain.mail.answers import Txt

_STRING = re.compile(r'"((?:[^"\\]|\\[0-9]{3}|\\[^0-9])*)"')
_STRINGS = re.compile(rf"{_STRING.pattern}( {_STRING.pattern})*")
_ESCAPED = re.compile(r"\\([0-9]{3}|[^0-9])")
_PRINTABLE = range(0x20, 0x7F)


def write(value: str | Txt) -> str:
    """A host name as it is; a text as its quoted strings."""
    return " ".join(map(_quoted, value.strings)) if isinstance(value, Txt) else value


def read(text: str) -> str | Txt:
    """The opposite of `write`.

    Raises:
        ValueError: It begins with a quote and is no row of quoted strings.
    """
    if not text.startswith('"'):
        return text
    if not _STRINGS.fullmatch(text):
        raise ValueError(f"{text[:80]!a} is not a row of quoted strings (RFC 1035, 5.1)")
    return Txt(tuple(_bytes(match[1]) for match in _STRING.finditer(text)))


def _quoted(string: bytes) -> str:
    return f'"{"".join(map(_shown, string))}"'


def _shown(byte: int) -> str:
    if chr(byte) in '"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if byte in _PRINTABLE else f"\\{byte:03d}"


def _bytes(text: str) -> bytes:
    plain = _ESCAPED.sub(lambda match: chr(int(match[1])) if match[1].isdigit() else match[1], text)
    try:
        return plain.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{text[:80]!a} has a character that is no byte (RFC 1035, 5.1)") from None
