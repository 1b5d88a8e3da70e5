"""Which names are public suffixes: nobody's own domain, as anybody can register below them.

Source: the Public Suffix List (publicsuffix.org), as the library `publicsuffixlist` brings it along; no network.
"""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)  # the list is read when a config first names a suffix
def _known() -> PublicSuffixList:
    return PublicSuffixList()


def is_public(name: str) -> bool:
    """Whether *name* (ASCII) is a public suffix, or has no label of its own below one."""
    return bool(_known().is_public(name))
