"""Flex Consumption as far as it decides the bill: how queues are counted, instances started, kept and paid for.

Source: docs/reference/azure-functions.md#bill. What Microsoft does not say is a field with its assumed value.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from random import Random

from clients.connect import VISITS_AT_ONCE

DECISION_S = 10.0
"""Seconds between two looks of the scale controller at a queue (single source)."""
MOST_MORE = 4
"""Instances that one decision adds at most."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One function group. *cores* come with the memory size; *most*: its instance limit; *always*: kept ready.

    *tenants_at_once*: our own limit of an instance. *idle_s*: how long after its last work an instance stays.
    *cold_s*: from the decision to the first message.
    """

    gigabytes: float = 0.5
    cores: float = 0.25
    most: int = 40
    always: int = 0
    batch_size: int = 16
    new_batch_threshold: int = 8
    tenants_at_once: int = VISITS_AT_ONCE
    idle_s: float = 30.0
    cold_s: float = 6.0
    poll_s: float = 0.55

    @property
    def at_once(self) -> int:
        """Messages that one instance works on side by side."""
        return self.batch_size + self.new_batch_threshold


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """Work on *tenants* (one shard, or one tenant), visible from *visible_at* on, put on the queue at *put_at*.

    *cpu_s*: processor time of all its tenants. *answer_s*: what each of them waits for others.
    """

    visible_at: float
    shard: int
    put_at: float
    tenants: int
    cpu_s: float
    answer_s: float


@dataclass(slots=True)
class _Instance:
    number: int
    ready_at: float
    running: list[float] = field(default_factory=list)
    cpu_free_at: float = 0.0
    busy_until: float = 0.0
    billed_s: float = 0.0
    stretch_from: float | None = None
    tokens: dict[int, float] = field(default_factory=dict)
    places: list[float] = field(default_factory=list)

    def answered(self, message: Message, begin: float, at_once: int) -> float:
        """When the last tenant of *message* has its answer: each waits until one of *at_once* before it is done."""
        end = begin
        for _ in range(max(1, message.tenants)):
            start = max(begin, heapq.heappop(self.places)) if len(self.places) == at_once else begin
            end = start + message.answer_s
            heapq.heappush(self.places, end)
        return end

    def close_stretch(self) -> None:
        """Each stretch of work is paid for by the millisecond, and as a second at least."""
        if self.stretch_from is not None:
            self.billed_s += max(1.0, self.busy_until - self.stretch_from)
            self.stretch_from = None


@dataclass(slots=True)
class Outcome:
    """What a run came to. *looks*: (shard, tenants, done at) of each message.

    *signatures*: assertions that a key in the vault would sign: one serves all tokens that a tenant needs at a time.
    """

    gb_seconds: float = 0.0
    executions: int = 0
    instances: list[int] = field(default_factory=list)
    instance_seconds: float = 0.0
    looks: list[tuple[int, int, float]] = field(default_factory=list)
    without_token: int = 0
    signatures: int = 0
    starts: int = 0

    @property
    def tenant_looks(self) -> int:
        return sum(tenants for _, tenants, _ in self.looks)


class Group:
    """One queue function: its queue, its instances, and the scale controller that watches them."""

    def __init__(self, shape: Shape, random: Random) -> None:
        self._shape = shape
        self._random = random
        self._coming: deque[Message] = deque()
        self._hidden: list[Message] = []
        self._visible: deque[Message] = deque()
        self._in_work = 0
        self._ends: list[tuple[float, int, _Instance, Message]] = []
        self._instances: list[_Instance] = []
        self._serial = 0
        self.outcome = Outcome()

    def put(self, messages: list[Message]) -> None:
        """Have *messages* put on the queue, each in its time."""
        self._coming = deque(sorted([*self._coming, *messages], key=lambda message: message.put_at))

    def run(self, until: float) -> None:
        """Go on to *until*, a decision at a time."""
        now = 0.0
        for _ in range(self._shape.always):
            self._start(now, cold_s=0.0)
        while now < until:
            self._decide(now)
            now += DECISION_S
            self._work(now)
        for instance in self._instances:
            self._retire(instance, now)

    def length(self, now: float) -> int:
        """As `QueueMetricsProvider` counts: hidden ones and those in work too, whenever a peek finds one visible."""
        self._show(now)
        return len(self._hidden) + len(self._visible) + self._in_work if self._visible else 0

    def _decide(self, now: float) -> None:
        wanted = min(self._shape.most, math.ceil(self.length(now) / self._shape.at_once))
        for _ in range(min(MOST_MORE, wanted - len(self._instances))):
            self._start(now, cold_s=self._shape.cold_s)
        idle = [each for each in self._instances if not each.running and now - each.busy_until >= self._shape.idle_s]
        if idle and len(self._instances) > max(wanted, self._shape.always):
            gone = min(idle, key=lambda each: each.busy_until)
            self._instances.remove(gone)
            self._retire(gone, now)
        self.outcome.instances.append(len(self._instances))
        self.outcome.instance_seconds += len(self._instances) * DECISION_S

    def _start(self, now: float, *, cold_s: float) -> None:
        self._serial += 1
        self.outcome.starts += 1
        self._instances.append(_Instance(self._serial, now + cold_s, busy_until=now + cold_s))

    def _retire(self, instance: _Instance, _now: float) -> None:
        instance.close_stretch()
        self.outcome.gb_seconds += instance.billed_s * self._shape.gigabytes

    def _show(self, now: float) -> None:
        while self._coming and self._coming[0].put_at <= now:
            heapq.heappush(self._hidden, self._coming.popleft())
        while self._hidden and self._hidden[0].visible_at <= now:
            self._visible.append(heapq.heappop(self._hidden))

    def _work(self, until: float) -> None:
        """Everything that happens before *until*: messages come up, are taken, end."""
        now = until - DECISION_S
        while now < until:
            self._show(now)
            while self._visible and (instance := self._free(now)):
                self._take(self._visible.popleft(), instance, now)
            nexts = [until, *([self._ends[0][0]] if self._ends else [])]
            if self._instances:
                nexts += [messages[0].visible_at for messages in (self._hidden, self._coming) if messages]
            nexts += [each.ready_at for each in self._instances if each.ready_at > now]
            now = max(now, min(nexts))
            while self._ends and self._ends[0][0] <= now:
                self._end(*heapq.heappop(self._ends))

    def _free(self, now: float) -> _Instance | None:
        """Whichever instance polls first: any that is up and has room."""
        free = [e for e in self._instances if e.ready_at <= now and len(e.running) < self._shape.at_once]
        return self._random.choice(free) if free else None

    def _take(self, message: Message, instance: _Instance, now: float) -> None:
        begin = now + self._random.random() * 2 * self._shape.poll_s / max(1, len(self._instances))
        instance.cpu_free_at = max(instance.cpu_free_at, begin) + message.cpu_s / self._shape.cores
        answered = instance.answered(message, begin, self._shape.tenants_at_once)
        end = max(answered, instance.cpu_free_at)
        if instance.stretch_from is not None and begin > instance.busy_until:
            instance.close_stretch()
        if instance.stretch_from is None:
            instance.stretch_from = begin
        instance.busy_until = max(instance.busy_until, end)
        instance.running.append(end)
        self._in_work += 1
        self._token(message, instance, begin)
        heapq.heappush(self._ends, (end, self._tie(), instance, message))

    def _token(self, message: Message, instance: _Instance, now: float) -> None:
        """Tokens live 60 to 90 minutes and are the instance's own; one near its end is renewed beside a look."""
        if instance.tokens.get(message.shard, 0.0) <= now:
            self.outcome.without_token += message.tenants
        if instance.tokens.get(message.shard, 0.0) <= now + 600:
            self.outcome.signatures += message.tenants
            instance.tokens[message.shard] = now + self._random.uniform(3600, 5400)

    def _end(self, end: float, _tie: int, instance: _Instance, message: Message) -> None:
        instance.running.remove(end)
        self._in_work -= 1
        self.outcome.executions += 1
        self.outcome.looks.append((message.shard, message.tenants, end))

    def _tie(self) -> int:
        """Orders ends of the same moment, which Python cannot by instance."""
        self._serial += 1
        return self._serial
