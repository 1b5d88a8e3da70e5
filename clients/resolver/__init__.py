"""What the zones' own servers say: records, proven absence, or unknown (docs/reference/dns.md#own-servers)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dns.name
import dns.ttl

from clients.cache import ExpiringCache
from clients.http import Clock
from clients.resolver.authorities import Authorities, Unfound
from clients.resolver.replies import Alias, Heard, agreed, heard
from clients.resolver.shared import Shared
from clients.resolver.wire import NoReply, Server, Wire, host_name, wire_name
from domain.mail.answers import Absent, DnsAnswer, Present, Question, Unclear


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long is waited, in seconds.

    *query_s*: for one try at one server; one that is silent over UDP is tried once more over TCP. *total_s*: for one
    question, everything together; what is not known by then is Unclear.
    """

    query_s: float = 2.0
    total_s: float = 8.0


TIMEOUTS = Timeouts()
ANSWERS_KEPT = 10_000
KEPT_AT_MOST_S = 600
"""Shorter than the slow lane, so that each look sees a tenant's own records anew."""
LONGEST_CHAIN = 8
"""Aliases followed from one name."""

type _Key = tuple[Question, bool]
"""The question, and whether every server has to answer."""


class Resolver:
    """Asks every server of a question's zone, and believes what they agree on. One serves all tenants.

    *servers*, as (host, port), replace the look-up of the zone's own servers (HOLDFAST_DNS_SERVERS): they may be
    authoritative or recursive. *recursive* replaces the machine's resolvers in that look-up, *port* is where the zones'
    servers listen; tests on loopback set both.
    """

    def __init__(
        self,
        servers: tuple[Server, ...],
        now: Clock,
        *,
        recursive: tuple[Server, ...] = (),
        port: int = 53,
        patience: Timeouts = TIMEOUTS,
    ) -> None:
        self._servers = servers
        self._now = now
        self._total_s = patience.total_s
        self._wire = Wire(patience.query_s)
        self._authorities = Authorities(self._wire, now, recursive=recursive, port=port, total_s=self._total_s)
        self._kept: ExpiringCache[_Key, Present | Absent] = ExpiringCache(ANSWERS_KEPT)
        self._asked: Shared[_Key, DnsAnswer] = Shared()

    @property
    def queries(self) -> int:
        """How many messages were sent so far, all kinds together."""
        return self._wire.queries

    async def ask(
        self, questions: Sequence[Question], *, every_server: bool = False, fresh: bool = False
    ) -> dict[Question, DnsAnswer]:
        """Answer each of *questions*, at once, within the total time. A failure is an Unclear, never an exception.

        *every_server*: a server that gives no usable answer makes it Unclear, and so does a parent that does not say
        which servers it names; before a write, after it, and for guards. Otherwise one usable answer is enough, save
        for a zone's NS records, which need the parent's word. Servers that contradict each other are Unclear always.
        *fresh*: neither the kept answer or delegation nor a look-up that is under way already, which may have read
        before the write.

        An alias is followed (its own type, CNAME, is not); names may be international, and are asked as A-labels.
        """
        once = list(dict.fromkeys(questions))
        since = self._now() if fresh else None
        answers = await asyncio.gather(*(self._answer((question, every_server), since) for question in once))
        return dict(zip(once, answers, strict=True))

    async def _answer(self, key: _Key, since: datetime | None) -> DnsAnswer:
        if since:
            return await self._look_up(key, since)
        return self._still_kept(key) or await self._asked.run(key, lambda: self._look_up(key, None))

    def _still_kept(self, key: _Key) -> DnsAnswer | None:
        """The cached answer with the rest of its TTL. One checked at every server serves every caller."""
        now = self._now()
        kept = self._kept.get(key, now) or self._kept.get((key[0], True), now)
        return kept and replace(kept, ttl_s=max(0, kept.ttl_s - int((now - kept.at).total_seconds())))

    async def _look_up(self, key: _Key, since: datetime | None) -> DnsAnswer:
        answer = await self._in_time(key, since)
        for every_server in (True, False):
            self._kept.drop((key[0], every_server))
        if not isinstance(answer, Unclear):
            self._kept.put(key, answer, answer.at + timedelta(seconds=min(answer.ttl_s, KEPT_AT_MOST_S)))
        return answer

    async def _in_time(self, key: _Key, since: datetime | None) -> DnsAnswer:
        question, every_server = key
        try:
            async with asyncio.timeout(self._total_s):
                return await self._follow(wire_name(question.name), question.type, since, every_server=every_server)
        except TimeoutError:
            return Unclear(f"no answer in {self._total_s:g} seconds", self._now())
        except (Unfound, ValueError) as error:
            return Unclear(str(error), self._now())

    async def _follow(
        self, name: dns.name.Name, rdtype: str, since: datetime | None, *, every_server: bool
    ) -> DnsAnswer:
        """The answer at the end of the aliases, if any. The target's own servers answer for an alias's target."""
        seen, ttl_s, aliases_s, whole = [name], dns.ttl.MAX_TTL, 0, True
        while isinstance(said := await self._compare(seen[-1], rdtype, since, every_server=every_server), Alias):
            looped = said.target in seen
            seen.append(said.target)
            ttl_s, aliases_s, whole = min(ttl_s, said.ttl_s), aliases_s + said.ttl_s, whole and said.whole
            if looped or len(seen) > LONGEST_CHAIN + 1:
                kind = "a loop of aliases" if looped else f"more than {LONGEST_CHAIN} aliases"
                return Unclear(f"{kind}: {' -> '.join(map(host_name, seen))}", said.at)
        if isinstance(said, Unclear):
            return replace(said, shown=tuple(_lasting(each, aliases_s) for each in said.shown))
        if isinstance(said, Present):
            said = replace(said, whole=whole and said.whole)
        return replace(_lasting(said, aliases_s), ttl_s=min(ttl_s, said.ttl_s))

    async def _compare(self, name: dns.name.Name, rdtype: str, since: datetime | None, *, every_server: bool) -> Heard:
        if self._servers:
            return await self._hear(self._servers, name, rdtype, every_server=every_server)
        zone = await self._authorities.of(name, since=since)
        said = await self._hear(zone.servers, name, rdtype, every_server=every_server)
        return zone.with_parent(said, about_servers=rdtype == "NS" and name == zone.name, every_server=every_server)

    async def _hear(self, servers: Sequence[Server], name: dns.name.Name, rdtype: str, *, every_server: bool) -> Heard:
        said = await asyncio.gather(*(self._one(server, name, rdtype) for server in servers))
        return agreed(dict(zip(servers, said, strict=True)), every_server=every_server, at=self._now())

    async def _one(self, server: Server, name: dns.name.Name, rdtype: str) -> Heard:
        given = bool(self._servers)
        try:
            reply = await self._wire.exchange(server, name, rdtype, recursion=given)
        except NoReply as error:
            return Unclear(str(error), self._now())
        return heard(reply, name, rdtype, at=self._now(), authority_needed=not given)


def _lasting(answer: Present | Absent, aliases_s: int) -> Present | Absent:
    """*answer* with how long it may be believed behind aliases that live for *aliases_s* seconds in all."""
    return replace(answer, longest_s=max(answer.longest_s, answer.ttl_s) + aliases_s)
