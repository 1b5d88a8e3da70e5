import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.nesting import MOST_NESTED, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


@given(JSON)
def test_what_anybody_means_is_read_as_it_is(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("shape", [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
@pytest.mark.parametrize("levels", [MOST_NESTED + 1, 5_000, 200_000])
def test_what_is_nested_too_deep_is_refused(shape, levels):
    begin, end = shape
    with pytest.raises(ValueError, match=r"nested"):
        parse_json((begin * levels + "1" + end * levels).encode())


@pytest.mark.parametrize("levels", [0, 1, MOST_NESTED])
def test_as_deep_as_is_allowed_is_read(levels):
    assert parse_json(("[" * levels + "1" + "]" * levels).encode()) is not None


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"nonsense"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text)
