"""The name and logo on the monthly evidence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose report it is. *logo*: a data URI of an image; empty for none."""

    name: str = ""
    logo: str = ""
