"""The page: whole in itself, nothing of others in it that acts, and a bar for each control that adds up."""

import csv
import re
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from domain.chain import Head, prove
from domain.control import Drift
from domain.evidence.accepted import Accepted
from domain.evidence.brand import Brand
from domain.evidence.fleet import FleetMonth, MonthRow
from domain.evidence.month import AlertOfMonth, DriftOfMonth, MailOfMonth, OpenFinding, percent
from domain.evidence.page import BAR_WIDTH, as_page, bar, fleet_as_page
from domain.evidence.table import as_csv
from domain.shown import is_plain
from tests.domain.builders import TENANT_ID
from tests.domain.evidence.test_month import AFTER, START, entry, made

GREEN, RED = "#2e7d4f", "#c0392b"
LOGO = "data:image/png;base64,iVBORw0KGgo="


def full(evil="<script>alert(1)</script>"):
    return replace(
        made(entry(4, "drift_found", "spf"), entry(5, "awaiting_approval", "spf"), entry(6, "corrected", "spf")),
        name=evil,
        drifts=(
            DriftOfMonth("spf", (Drift(evil, evil, evil),), START, START, evil, AFTER, "e", "f"),
            DriftOfMonth("mx", (), None, START, "", None, "e", ""),
        ),
        mail_flow=MailOfMonth("proven", evil, AFTER),
        accepted=(Accepted("exception", "spf", evil, evil, evil, AFTER),),
        findings=(OpenFinding("1" * 16, "sender", "spf", evil, evil, evil, None),),
        alerts=(AlertOfMonth(START, "closed", evil, 2, "e"), AlertOfMonth(START, "left open", evil, 0, "e")),
        proof=prove([Head(TENANT_ID, 1204, "cd" * 32)], TENANT_ID, "2026-12-01T03"),
    )


def test_nothing_that_others_wrote_acts_and_nothing_is_fetched():
    page = as_page(full(), Brand("<b>MSP</b>", LOGO))
    assert "<script" not in page
    assert "<b>MSP" not in page
    assert f'<img src="{LOGO}"' in page
    assert re.findall(r"(?:href|src)=\"(?!data:)", page) == []
    assert "http" not in page.replace("http-equiv", "")


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"])))
def test_no_foreign_text_breaks_hides_or_turns_what_stands_beside_it_on_the_page_or_in_the_table(foreign):
    ours = as_page(full("x"), Brand("x"))
    page = as_page(full(foreign), Brand(foreign))
    assert page.count("\n") == ours.count("\n")
    assert all(is_plain(each) for each in page.replace("\n", ""))
    rows = list(csv.reader(StringIO(as_csv(full(foreign)), newline="")))
    assert len(rows) == len(list(csv.reader(StringIO(as_csv(full("x")), newline=""))))
    assert all(is_plain(each) for row in rows for cell in row for each in cell)


def test_a_text_without_end_does_not_fill_the_page():
    endless = "a" * 500_000
    assert len(as_page(full(endless), Brand(endless))) < 40_000
    assert len(as_csv(full(endless))) < 40_000


def test_it_says_all_of_the_month():
    page = as_page(full(), Brand())
    for told in ("not proven fixed", "1 of 2", "Proven: &lt;script", "number 1204", "cd" * 32, "2026-12-01T03:00 UTC"):
        assert told in page
    assert "<img" not in page
    assert "It cannot show that what was written was true" in page


def test_a_quiet_month_says_so():
    page = as_page(made(), Brand("Northwind"))
    for told in (
        "None was seen.",
        "The message trace was not asked",
        "Nothing.",
        "None.",
        "has no hourly root yet",
        "Northwind",
    ):
        assert told in page
    assert "the month is not over" not in page
    assert "the month is not over" in as_page(replace(made(), complete=False), Brand())


def test_the_bar_of_a_control_fills_the_month_and_can_be_read_aloud():
    month = full()
    [spf] = [each for each in month.controls if each.id == "spf"]
    drawn = ET.fromstring(bar(spf, month))  # noqa: S314 - our own
    cells = [each for each in drawn.iter() if each.tag.endswith("rect") and each.get("fill", "").startswith("#")]
    assert len(cells) == len(spf.spans)
    assert abs(sum(float(each.get("width", "0")) for each in cells) - BAR_WIDTH) < 2
    assert "3.3% drifted" in drawn.get("aria-label", "")


def test_a_drift_of_a_minute_is_seen_in_the_bar_and_nothing_is_drawn_over_it():
    minute = 1 / 1440
    month = made(
        entry(9, "drift_found", "spf", last_good=START + timedelta(days=9)), entry(9 + minute, "corrected", "spf")
    )
    [spf] = [each for each in month.controls if each.id == "spf"]
    drawn = [each for each in ET.fromstring(bar(spf, month)) if each.tag.endswith("rect")]  # noqa: S314 - our own
    [red] = [each for each in drawn if each.get("fill") == RED]
    assert float(red.get("width", "0")) >= 1
    assert drawn.index(red) > max(drawn.index(each) for each in drawn if each.get("fill") == GREEN)


@given(st.integers(1, 30 * 86_400), st.integers(1, 30 * 86_400))
def test_a_hundred_percent_is_said_only_of_what_was_proven_whole(part, whole):
    part = min(part, whole)
    said = float(percent(part / whole).removesuffix("%"))
    assert 100 * part / whole - 0.1 < said <= 100 * part / whole + 1e-9
    assert (said == 100.0) == (part == whole)


def test_settings_are_shown_as_people_write_them():
    drift = (Drift("SenderIPAddresses", ("65.99.255.0/24", "192.0.2.1"), ()), Drift("Enabled", True, None))
    month = replace(full(), drifts=(DriftOfMonth("spf", drift, None, START, "", None, "e", ""),))
    assert "SenderIPAddresses: missing, wanted 65.99.255.0/24, 192.0.2.1<br>Enabled: missing, wanted True" in as_page(
        month, Brand()
    )
    assert "SenderIPAddresses: missing (wanted 65.99.255.0/24, 192.0.2.1); Enabled: missing" in as_csv(month)


def test_the_msps_page_lists_the_worst_first():
    rows = (MonthRow("a", "<i>Good", 1.0, 0, 0, 0, 0), MonthRow("b", "Bad", 0.5, 3, 1, 2, 4))
    page = fleet_as_page(FleetMonth("2026-11", AFTER, rows, ("c",)), Brand("MSP", LOGO))
    assert page.index("Bad") < page.index("&lt;i&gt;Good")
    assert "1 tenants have no evidence" in page
    empty = fleet_as_page(FleetMonth("2026-11", AFTER, (), ()), Brand())
    assert "no evidence" not in empty
    assert "None." in empty
