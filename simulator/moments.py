"""Times as Microsoft writes them."""

from datetime import UTC, datetime


def seven_digits(at: datetime) -> str:
    """UTC with seven fractional digits and a Z."""
    return f"{at.astimezone(UTC).isoformat(timespec='microseconds')[:26]}0Z"


def parsed(text: str) -> datetime:
    """Any of Microsoft's forms, in UTC; without a zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
