import pytest

from domain.mail import spf
from domain.mail.answers import Txt
from tests.domain.mail.zones import txt


@pytest.mark.parametrize(
    "data", ["v=spf1", "V=SPF1", "v=SpF1 -all", "v=spf1 ", "v=spf1  -all", "v=spf1 nonsense everywhere"]
)
def test_a_record_is_the_version_alone_or_before_a_blank(data):
    assert spf.records([Txt((data.encode(),))]) == (data.encode(),)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "v=spf10",
        "v=spf1-all",
        "v=spf1\t-all",
        " v=spf1",
        '"v=spf1 -all"',
        "v=spf2 -all",
        "spf2.0/pra -all",
        "v=spf",
    ],
)
def test_anything_else_is_no_record(data):
    assert spf.records([Txt((data.encode(),))]) == ()


def test_strings_are_joined_with_nothing_between():
    assert spf.records([Txt((b"v=sp", b"f1 ip4:1.2.3.4", b"include:x.example"))]) == (
        b"v=spf1 ip4:1.2.3.4include:x.example",
    )


def test_several_records_are_all_returned():
    found = txt("MS=ms1", "v=spf1 -all", "v=spf1 ~all")
    assert spf.records(value for value in found if isinstance(value, Txt)) == (b"v=spf1 -all", b"v=spf1 ~all")


def test_bytes_that_are_no_text_are_named():
    with pytest.raises(ValueError, match="byte 0xff at 7"):
        spf.decode(b"v=spf1 \xff")


def test_a_record_is_cut_behind_a_blank():
    text = "v=spf1 " + " ".join(f"ip4:192.0.2.{n}" for n in range(40)) + " -all"
    strings = spf.split(text)
    assert len(strings) == 3
    assert all(string.endswith(b" ") for string in strings[:-1])


@pytest.mark.parametrize(("length", "first"), [(254, 255), (255, 255), (253, 254)])
def test_a_string_ends_with_its_blank_where_that_still_fits(length, first):
    assert len(spf.split("x" * length + " " + "y" * 100)[0]) == first


def test_a_term_longer_than_a_string_is_cut_all_the_same():
    assert [len(string) for string in spf.split("x" * 600)] == [255, 255, 90]


def test_what_is_not_ascii_is_not_split():
    with pytest.raises(ValueError, match="not ASCII"):
        spf.split("v=spf1 \u201cx\u201d")
