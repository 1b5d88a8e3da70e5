import pytest

from domain import errors


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (errors.UnknownId, "no-guid"),
        (errors.UnknownTenant, "7b1f6a3e"),
        (errors.UnknownControl, "spff"),
        (errors.UnknownOperation, "0b1c"),
        (errors.UnknownAlert, "alert-1"),
        (errors.UnknownParked, "0123abcd"),
        (errors.UnknownKey, "night-shift"),
        (errors.UnknownIncident, "parked-checks"),
        (errors.UnknownRoot, "2026-11-23T12"),
        (errors.NothingAccepted, "spf"),
    ],
)
def test_what_is_not_there_is_named_in_the_error(kind, named):
    assert named in str(kind(named))
