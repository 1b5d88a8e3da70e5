"""What is remembered of tickets comes back as it was kept."""

from datetime import UTC, datetime

from domain.psa.records import Ask, CauseTicket, Known, Polled, Told

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_every_record_comes_back_from_its_json():
    for record in (
        CauseTicket(provider="autotask", ticket_id="7", posting=("a",), closed_at=NOON),
        Told(until=NOON, ids=("a", "b")),
        Known(read_at=NOON, asking="check"),
        Ask(provider="autotask", ticket_id="7", operation_id="op"),
        Polled(until=NOON),
    ):
        assert type(record).model_validate_json(record.model_dump_json()) == record
