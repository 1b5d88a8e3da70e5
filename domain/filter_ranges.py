"""What a mail filter's vendor publishes of its ranges, beside what the profile and so every connector lists."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from domain.incident import Incident
from domain.profile import Profile

MOST_NAMED = 10


def incident_id(profile: Profile) -> str:
    return f"ranges-{profile.id}"[:40].lower()


def ranges_incident(profile: Profile, published: Collection[IPv4Network | IPv6Network]) -> Incident | None:
    """What the operators are to know of *published*; None where it is what the profile lists, or nothing at all."""
    if not published or not profile.delivery_networks:
        return None
    # A range that the guide names for spoofed senders alone is in no connector: its mail is refused as any other's.
    listed = [IPv4Network(each) for each in profile.delivery_networks]
    new = [each for each in published if not _lies_within(each, listed)]
    gone = [each for each in listed if not _lies_within(each, published)]
    told = []
    if new:
        told.append(f"it lists {_named(new)}, which no connector takes: mail that comes from there will bounce")
    if gone:
        told.append(f"it no longer lists {_named(gone)}: a stranger may own the addresses that every connector takes")
    if not told:
        return None
    detail = f"{profile.ranges_include}: {'; '.join(told)}. Ask the vendor, then change the profile"
    return Incident(incident_id(profile), "ranges", f"the ranges of {profile.name} have changed", detail)


def _lies_within(network: IPv4Network | IPv6Network, others: Collection[IPv4Network | IPv6Network]) -> bool:
    if isinstance(network, IPv4Network):
        return any(
            network.subnet_of(each) for each in collapse_addresses(o for o in others if isinstance(o, IPv4Network))
        )
    return any(network.subnet_of(each) for each in collapse_addresses(o for o in others if isinstance(o, IPv6Network)))


def _named(networks: Collection[IPv4Network | IPv6Network]) -> str:
    texts = sorted(map(str, networks))
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return f"{', '.join(texts[:MOST_NAMED])}{more}"
