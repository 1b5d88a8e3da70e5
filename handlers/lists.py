"""A list that people ask for: some of its items, and where the next page begins."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from domain.errors import BadField
from domain.fleet_lists import ListKey, cursor_of, key_of, paged


class Listed(BaseModel):
    """What one item of a list shows."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class FleetList[T]:
    """Some items of a list. *next*: the cursor of the page after it; empty where this is the last."""

    items: tuple[T, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """Where in a list a page begins, and how long it is."""

    after: str = ""
    limit: int = 100


def paged_list[T](
    items: Sequence[T], key: Callable[[T], ListKey], place: Slice, *, descending: bool = False
) -> tuple[Sequence[T], str]:
    """A page of *items*, which are in the order of *key*. Raises BadField for a bad cursor."""
    try:
        return paged(items, key, place.after, place.limit, descending=descending)
    except ValueError as error:
        raise BadField("after", str(error)) from None


async def stored_page[T](
    read: Callable[[tuple[str, str], int], Awaitable[list[T]]], key: Callable[[T], tuple[str, str]], place: Slice
) -> tuple[list[T], str]:
    """A page of what storage keeps in the order of its two keys. Raises BadField for a bad cursor."""
    last = ("", "")
    if place.after:
        try:
            first, second = map(str, key_of(place.after))
        except ValueError:
            raise BadField("after", "should be the cursor of a page before") from None
        last = (first, second)
    found = await read(last, place.limit + 1)
    items = found[: place.limit]
    return items, cursor_of(key(items[-1])) if len(found) > place.limit else ""
