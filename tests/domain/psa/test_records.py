"""What is remembered of tickets comes back as it was kept."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from domain.psa.records import AskingTicket, CauseTicket, KnownTicket, Polled, Told

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_every_record_comes_back_from_its_json():
    for record in (
        CauseTicket(provider="autotask", ticket_id="7", posting=("a",), closed_at=NOON),
        Told(until=NOON, ids=("a", "b")),
        KnownTicket(read_at=NOON, asking="check"),
        AskingTicket(provider="autotask", ticket_id="7", operation_id="op"),
        Polled(until=NOON),
    ):
        adapter = TypeAdapter[object](type(record))
        assert adapter.validate_json(adapter.dump_json(record)) == record
