"""Tell channels what the ledger says and they do not know yet: that an incident has begun, changed hands or ended.

The ledger is the truth, and the mark in table `tickets` stays until every channel is told: one that is away delays its
own notices and nobody else's. A notice is sent, then noted: a crash in between sends it again, with the same number.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.errors import Unreachable
from clients.notify import apprise_door
from clients.notify.channels import Channel
from domain import notices
from domain.errors import UnreadableConfig
from domain.evidence.message import is_monthly
from domain.incident import SERVICE, UNTOLD, Incident, untold_incident
from domain.jobs import Again, Done, Notify, Outcome
from domain.ledger import Entry
from domain.notices import ChannelTold, Thread
from domain.psa import news
from domain.psa.records import NotTaken
from handlers.events import send_events
from handlers.operators import end_incident, tell_operators, tell_unless_open
from handlers.tickets.tell import tell_ticket

log = logging.getLogger("holdfast.notices")

_OVERLAP = timedelta(hours=1)
"""An entry may come into the ledger this much after the time it carries, and is told all the same."""
_FIRST_LOOK = timedelta(days=1)
"""A channel that is new is told of what has been open for no longer than this."""
_ENOUGH = 3
"""So many that are not taken at one time: each may have cost the whole of its deadline; the rest has its turn next."""
FAILING = timedelta(hours=1)
"""The operators hear of a channel that takes nothing for so long."""


async def notify(job: Notify, clients: Clients) -> Outcome:
    """Tell the ticket system, then the channels: each by itself, also where the other meets what nobody expects."""
    told: Outcome | Exception = Done()
    if clients.psa.by_provider:
        try:
            told = await tell_ticket(job, clients)
        except Exception as unexpected:
            log.exception("untold ledger=%s in=tickets", job.tenant_id)
            told = unexpected
    sent = await send_notices(job, clients)
    if isinstance(told, Exception):
        raise told  # the queue tries again, and parks it
    return told if isinstance(told, Again) else sent


async def send_notices(job: Notify, clients: Clients) -> Outcome:
    """Tell every channel of the ledger of *job*, and the receiver of events. What could not be told stays marked."""
    if not _is_wanted(clients):
        return Done()
    unsent, ledger = clients.storage.notices.unsent, job.tenant_id
    mark = await unsent.standing(ledger, clients.now())
    channels, name = await _channels(ledger, clients)
    if channels or clients.settings.events:
        async with clients.storage.leases.hold(f"notices-{ledger}") as lease:
            if lease is None:
                return Again(job.pause)
            await clients.storage.states.load(ledger)  # copies to the ledger what a crash left in the states' outbox
            told = [await _Teller(ledger, channel, name, clients).tell_alone() for channel in channels]
            complete = await send_events(ledger, clients)
            if failure := next((each for each in told if isinstance(each, Exception)), None):
                raise failure  # the queue tries again, and parks it
            if not all([*told, complete]):
                return Done()
    await unsent.clear(ledger, mark)
    return Done()


def _is_wanted(clients: Clients) -> bool:
    return bool(clients.channels.by_name or clients.settings.events)


async def _channels(ledger: str, clients: Clients) -> tuple[list[Channel], str]:
    """The channels that are told of *ledger*, and the tenant's name."""
    if ledger == SERVICE:
        return clients.channels.of(clients.channels.operators), ""
    try:
        tenant = await clients.storage.tenants.get(ledger)
    except UnreadableConfig:  # they are told with what comes up once its config can be read again
        return [], ""
    return (clients.channels.of(tenant.notify), tenant.name) if tenant else ([], "")


class _Teller:
    """Tells one channel of one ledger, under the ledger's lease."""

    def __init__(self, ledger: str, channel: Channel, name: str, clients: Clients) -> None:
        self._ledger = ledger
        self._channel = channel
        self._name = name
        self._clients = clients
        self._told = ChannelTold(until=clients.now() - _FIRST_LOOK + _OVERLAP)

    async def tell_alone(self) -> bool | Exception:
        """Whether all is told, or why that cannot be said: what keeps one channel from being told is its own."""
        try:
            return await self._tell_all()
        except Exception as failure:
            log.exception("untold ledger=%s channel=%s", self._ledger, self._channel.name)
            return failure

    async def _tell_all(self) -> bool:
        """Returns whether all is told."""
        known = await self._clients.storage.notices.told(self._ledger, self._channel.name)
        self._told = known or self._told
        entries = await self._clients.storage.ledger.readable_since(self._ledger, self._told.until - _OVERLAP)
        causes = news.by_cause(entries, self._told.ids)
        sent, failed = await self._try(causes)
        if not sent and self._told.shows_away(failed):
            await self._failed(failed)
            return False
        for cause, error in failed.items():
            await self._not_taken(cause, causes[cause], error)
        settled = self._told
        complete = not news.by_cause(entries, settled.ids)
        if complete:
            until = max([entry.at for entry in entries], default=settled.until)
            ids = tuple(entry.id for entry in entries if entry.at >= until - _OVERLAP)
            settled = replace(settled, until=until, ids=ids)
        if settled.failing_since and (sent or complete):
            await end_incident(self._trouble, "it takes them again", self._clients)
            settled = replace(settled, failing_since=None)
        if settled != known:
            await self._keep(settled)
        return complete

    async def _try(self, causes: Mapping[str, Sequence[Entry]]) -> tuple[bool, dict[str, Exception]]:
        """Tell those of *causes* that are due, each by itself: whether any was sent, and why others were not."""
        any_sent, failed = False, dict[str, Exception]()
        for cause in self._told.due(causes, self._clients.now()):
            try:
                any_sent |= await self._tell(cause, causes[cause])
            except Exception as error:  # one cause's trouble, of whatever kind, and given up in the end
                is_away, where = isinstance(error, Unreachable), (self._ledger, self._channel.name, cause)
                log.warning("unsent ledger=%s channel=%s cause=%s %r", *where, error, exc_info=not is_away)
                failed[cause] = error
                if len(failed) == _ENOUGH:
                    break
        return any_sent, failed

    async def _tell(self, cause: str, untold: Sequence[Entry]) -> bool:
        """Returns whether there was something to send."""
        before = self._told.not_taken.get(cause)
        if is_monthly(cause):
            await self._report(cause, untold[-1])
            await self._keep(self._after(cause, None, untold))
            sent = True
        else:
            sent = await self._tell_turn(cause, untold)
        if before and before.given_up(refused=False):
            detail = "it is taken again" if sent else "there is nothing left to tell of it"
            await end_incident(self._untold(cause), detail, self._clients)
        return sent

    async def _tell_turn(self, cause: str, untold: Sequence[Entry]) -> bool:
        thread = self._told.threads.get(cause)
        made = notices.turn(thread, untold, self._name)
        if made:
            made = made.numbered(made.thread.number or await self._number(made.thread.began))
            notice = notices.notice(self._ledger, cause, made, untold)
            await apprise_door.send_notice(self._channel, notice)
            log.info("notice channel=%s incident=%s number=%d", self._channel.name, notice.incident, notice.number)
        await self._keep(self._after(cause, notices.after_turn(thread, untold, made), untold))
        return made is not None

    async def _report(self, cause: str, entry: Entry) -> None:
        report = notices.report(self._ledger, cause, await self._number(entry.id), entry, self._name)
        await apprise_door.send_notice(self._channel, report)

    async def _number(self, entry_id: str) -> int:
        return await self._clients.storage.chains.sequence_of(self._ledger, entry_id)

    def _after(self, cause: str, thread: Thread | None, told: Sequence[Entry]) -> ChannelTold:
        others = {each: kept for each, kept in self._told.threads.items() if each != cause}
        threads = others | ({cause: thread} if thread else {})
        ids = (*self._told.ids, *(entry.id for entry in told))
        waiting = {each: kept for each, kept in self._told.not_taken.items() if each != cause}
        return replace(self._told, ids=ids, threads=threads, not_taken=waiting)

    async def _keep(self, told: ChannelTold) -> None:
        self._told = told
        await self._clients.storage.notices.put_told(self._ledger, self._channel.name, told)

    async def _not_taken(self, cause: str, untold: Sequence[Entry], error: Exception) -> None:
        """The channel takes others and not this: it is tried ever more rarely, then given up and told."""
        after = NotTaken.after(self._told.not_taken.get(cause), self._clients.now())
        told = replace(self._told, not_taken={**self._told.not_taken, cause: after})
        if after.given_up(refused=False):
            told = replace(told, ids=(*told.ids, *(entry.id for entry in untold)))
            if not cause.startswith(UNTOLD):  # that its incident is not taken would be one more, and so on
                detail = f"{self._channel.name}: {self._ledger} {cause}: {error}; the ledger has what no notice says"
                incident = Incident(self._untold(cause), "untold", "a channel does not take a notice", detail)
                await tell_operators(incident, self._clients)
        await self._keep(told)

    async def _failed(self, failed: Iterable[str]) -> None:
        """Note that the channel takes nothing; who reads the others hears of it once that lasts."""
        now = self._clients.now()
        await self._keep(self._told.away(failed, now))
        since = self._told.failing_since or now
        if now - since >= FAILING:
            detail = f"{self._channel.name} since {since:%Y-%m-%d %H:%M} UTC; holdfast notify test tries it"
            incident = Incident(self._trouble, "channel", "a channel takes no notices", detail)
            await tell_unless_open(incident, self._clients)

    def _untold(self, cause: str) -> str:
        """The id of the incident that this channel does not take what is to be told of one cause."""
        return untold_incident(self._ledger, f"{self._channel.name} {cause}")

    @property
    def _trouble(self) -> str:
        """The id of the incident that this channel takes nothing."""
        return f"channel-{self._channel.name.removeprefix('notify-')}"[:40].rstrip("-")


async def ask_for_unsent(clients: Clients) -> None:
    """Ask again for every ledger of which a channel may not have been told."""
    if _is_wanted(clients):
        for ledger in await clients.storage.notices.unsent.all():
            await clients.storage.queues.send(Notify(tenant_id=ledger, asked_at=clients.now()))
