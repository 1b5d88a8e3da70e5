"""Compare what each filter's vendor publishes of its ranges with what its profile lists: once for all tenants."""

from clients.connect import Clients
from clients.reader import MOST_DNS_ROUNDS
from domain.filter_ranges import incident_id, ranges_incident
from domain.incident import Incident
from domain.mail import spf
from domain.mail.answers import DnsAnswer, Question
from domain.mail.asking import Needs


async def compare_ranges(clients: Clients) -> tuple[list[Incident], frozenset[str]]:
    """What is to be told, and the ids of those of which DNS tells nothing at this moment."""
    found, unclear = list[Incident](), set[str]()
    for profile in clients.profiles.newest.values():
        if not profile.ranges_include:
            continue
        published = await _published(profile.ranges_include, clients)
        if published is None:
            unclear.add(incident_id(profile))
        elif incident := ranges_incident(
            profile, frozenset(network for grant in published.grants for network in grant.networks)
        ):
            found.append(incident)
    return found, frozenset(unclear)


async def _published(name: str, clients: Clients) -> spf.Examined | None:
    """The tree of the record at *name*; None where it could not be seen to its ends, or receivers could not use it."""
    answers = dict[Question, DnsAnswer]()
    for _ in range(MOST_DNS_ROUNDS):
        examined = spf.examine(name, answers)
        if not isinstance(examined, Needs):
            whole = isinstance(examined, spf.Examined) and examined.exact and not examined.errors and examined.grants
            return examined if isinstance(examined, spf.Examined) and whole else None
        answers |= await clients.reader.dns.ask(examined.questions)
    return None
