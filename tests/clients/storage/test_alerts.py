"""What is kept of alerts, as former versions wrote it."""

from clients.storage.alerts import Book
from clients.storage.documents import ROW_VERSION, unpack
from domain.alerts.record import AlertRecord


def row(text):
    return {"PartitionKey": "t", "RowKey": "fa1", "version": ROW_VERSION, "body0": text}


def test_a_record_that_names_the_mode_that_stopped_it_is_read_again_once():
    text = '{"id": "fa1", "title": "x", "updated": "2026-11-30T12:00:00Z", "again": true, "stopped_in": "observe"}'
    record = unpack(AlertRecord, row(text))
    assert (record.again, record.stopped_by) == (True, "")


def test_a_book_without_a_turn_begins_at_the_first():
    assert unpack(Book, row('{"watermark": "2026-11-30T12:00:00Z", "marked": false}')).read_to == ""
