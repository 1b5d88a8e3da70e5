"""How a moment is told to people."""

from datetime import datetime


def to_the_second(at: datetime) -> str:
    """*at*, which is in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
