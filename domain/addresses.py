"""IP addresses: what is one, and which can be a server that hands over mail from the Internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

type AnyAddress = IPv4Address | IPv6Address
type AnyNetwork = IPv4Network | IPv6Network

_NOWHERE: tuple[AnyNetwork, ...] = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
)
"""Where no message from the Internet comes from: private, local, multicast, and the placeholder 255.255.255.255."""


def is_address(host: str) -> bool:
    """Whether *host* is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def public_address(text: str) -> AnyAddress | None:
    """The address that *text* is, an IPv4 one that IPv6 wraps as such; None for what is none, or nobody's."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    found: AnyAddress = getattr(address, "ipv4_mapped", None) or address
    return None if any(found in each for each in _NOWHERE) else found
