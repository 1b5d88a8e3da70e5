"""How far a tenant's audit feed is read, as it is kept."""

from datetime import UTC, datetime, timedelta

from clients.storage.audit import AuditBook
from clients.storage.documents import ROW_VERSION, pack, unpack

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HALF = timedelta(minutes=30)


def test_a_book_is_the_same_once_it_was_kept():
    book = AuditBook().settling("Audit.Exchange", "p", NOON).not_fetched("q").not_listed("Audit.Exchange", NOON)
    assert unpack(AuditBook, pack("00", "t audit", book)) == book


def test_a_book_of_a_version_that_counted_no_windows_says_what_it_said():
    text = '{"until": {"Audit.Exchange": "2026-11-30T12:00:00Z"}, "fetched": {}, "failed": {"p": 2}, "open": false}'
    row = {"PartitionKey": "00", "RowKey": "t audit", "version": ROW_VERSION, "body0": text}
    assert unpack(AuditBook, row) == AuditBook(until={"Audit.Exchange": NOON}, failed={"p": 2}, open=False)


def test_a_parcel_that_is_settled_is_known_and_its_failures_are_forgotten():
    book = AuditBook().not_fetched("p").not_fetched("q").settling("Audit.Exchange", "p", NOON)
    assert book.has("Audit.Exchange", "p")
    assert not book.has("Audit.General", "p")
    assert book.failed == {"q": 1}


def test_of_what_is_passed_only_what_may_be_listed_again_is_remembered():
    book = AuditBook()
    for at in (NOON - HALF, NOON):
        book = book.settling("Audit.Exchange", at.isoformat(), at).not_listed("Audit.Exchange", at)
    book = book.passing("Audit.Exchange", NOON + HALF, NOON - timedelta(minutes=1))
    assert book.until == {"Audit.Exchange": NOON + HALF}
    assert list(book.fetched["Audit.Exchange"]) == [NOON.isoformat()]
    assert [book.visits_unlisted("Audit.Exchange", at) for at in (NOON - HALF, NOON)] == [0, 1]
