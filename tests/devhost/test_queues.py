"""Queue functions get their messages, retries, leases and poison as on the platform.

The sample app: batches of 4, threshold 2, 2 attempts, 1 s between them.
"""

import time
from pathlib import Path

from azure.storage.queue import QueueClient

from tests.devhost.processes import Sample, eventually


def test_a_message_is_handed_over_once_and_then_gone(own_sample: Sample) -> None:
    own_sample.send(b"some work")

    (seen,) = own_sample.sees("work")
    eventually(own_sample.is_empty, "the queue is empty")
    assert (seen["body"], seen["attempt"]) == ("some work", 1)
    assert seen["id"]
    assert seen["invocation"]
    assert seen["inserted"].startswith("20")
    assert len(own_sample.seen("work")) == 1


def test_a_message_that_is_not_text_arrives_as_it_was_sent(own_sample: Sample) -> None:
    own_sample.send(b"\xff\x00")

    assert own_sample.sees("work")[0]["body"] == b"\xff\x00".decode(errors="replace")


def test_a_batch_runs_at_the_same_time_on_one_event_loop(storage: str, tmp_path: Path) -> None:
    # All four of a batch must be there for any of them to go on.
    with Sample.running(tmp_path, storage, waiting=[b"meet 4"] * 8) as sample:
        sample.sees("met", 8)
        assert len({seen["thread"] for seen in sample.seen("work")}) == 1


def test_the_next_batch_is_fetched_when_no_more_run_than_the_threshold(storage: str, tmp_path: Path) -> None:
    waiting = [b"sleep 600"] * 3 + [b"sleep 0"] + [b"too many"] * 4
    with Sample.running(tmp_path, storage, waiting=waiting) as sample:
        sample.sees("slept")
        # Three still run: a host that fetched again would do so at once.
        time.sleep(0.3)
        assert len(sample.seen("work")) == 4


def test_the_next_batch_comes_on_top_of_what_still_runs(storage: str, tmp_path: Path) -> None:
    waiting = [b"sleep 600"] * 2 + [b"sleep 0"] * 2 + [b"meet 4"] * 4
    with Sample.running(tmp_path, storage, waiting=waiting) as sample:
        sample.sees("met", 4)
        assert len(sample.seen("slept")) == 2


def test_a_function_without_async_runs_in_a_thread_of_its_own(own_sample: Sample) -> None:
    own_sample.send(b"loop")
    own_sample.send(b"thread", suffix="-threads")

    assert own_sample.sees("work_in_a_thread")[0]["thread"] != own_sample.sees("work")[0]["thread"]


def test_a_message_that_fails_is_tried_again_and_then_parked_with_its_content(own_sample: Sample) -> None:
    own_sample.send("fail wörk".encode())

    assert own_sample.poison() == ["fail wörk".encode()]
    assert [seen["attempt"] for seen in own_sample.seen("work")] == [1, 2]
    eventually(own_sample.is_empty, "the original is gone")
    _, logged = own_sample.stop()
    assert "work failed: ValueError: this message never works" in logged
    assert "Traceback" not in logged


def test_a_message_that_crashed_too_often_is_parked_without_an_invocation(own_sample: Sample) -> None:
    own_sample.process.kill()
    own_sample.process.wait()
    own_sample.send(b"crashes the host")
    with own_sample.queue() as queue:
        for _ in range(2):
            (message,) = queue.receive_messages(visibility_timeout=30)
            queue.update_message(message, visibility_timeout=0)

    with own_sample.again() as restarted:
        assert restarted.poison() == [b"crashes the host"]
        assert restarted.seen("work") == []


def test_text_that_is_not_base64_is_parked_as_it_is(own_sample: Sample) -> None:
    settings = own_sample.settings
    connection, name = settings["AzureWebJobsStorage"], settings["SAMPLE_QUEUE"]
    with QueueClient.from_connection_string(connection, name) as plain:
        plain.send_message("no Base64!")

    with QueueClient.from_connection_string(connection, f"{name}-poison") as plain:
        eventually(lambda: own_sample.has("-poison") and plain.peek_messages(), "the message is parked")
        assert [message.content for message in plain.peek_messages()] == ["no Base64!"]
    assert own_sample.seen("work") == []


def test_a_message_stays_leased_while_its_function_runs(own_sample: Sample) -> None:
    own_sample.send(b"sleep 3")  # the lease is 2 s

    own_sample.sees("slept")
    eventually(own_sample.is_empty, "the message is deleted with its newest receipt")
    assert len(own_sample.seen("work")) == 1


def test_a_message_of_a_killed_host_comes_back_when_its_lease_ends(own_sample: Sample) -> None:
    own_sample.send(b"sleep 600")
    own_sample.sees("work")
    own_sample.process.kill()
    own_sample.process.wait()
    with own_sample.queue() as queue:
        assert queue.peek_messages() == []

    with own_sample.again() as restarted:
        assert [seen["attempt"] for seen in restarted.sees("work", 2)] == [1, 2]


def test_a_message_that_is_late_by_choice_is_not_handed_over_early(own_sample: Sample) -> None:
    with own_sample.queue() as queue:
        queue.send_message(b"later", visibility_timeout=60)
        queue.send_message(b"now")

    assert [seen["body"] for seen in own_sample.sees("work")] == ["now"]
