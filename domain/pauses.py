"""Pauses that grow: each is twice as long as the one before. Pure."""

from datetime import timedelta

_MOST_DOUBLINGS = 20
"""A second has become twelve days by then, which is longer than any pause."""


def doubling(first: timedelta, longest: timedelta, doublings: int) -> timedelta:
    """The pause after so many *doublings* of the *first*, and never more than the *longest*."""
    return min(longest, first * (1 << min(doublings, _MOST_DOUBLINGS)))
