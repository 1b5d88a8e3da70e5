"""The acts of `make demo`, in the order they are played: a new act is one file and one line here."""

from devhost.acts import alerts, drift, inbox, records, tickets, wall
from devhost.stage import Act

ACTS: tuple[Act, ...] = (drift, records, tickets, alerts, wall, inbox)
