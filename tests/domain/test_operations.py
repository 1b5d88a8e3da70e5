import pytest

from domain.operations import ControlOutcome, ending


@pytest.mark.parametrize(
    ("states", "looked_only", "expected"),
    [
        (["compliant", "not_applicable"], False, "succeeded"),
        (["compliant", "unknown"], False, "failed"),
        (["compliant", "drifted"], True, "succeeded"),
        (["unknown"], True, "failed"),
        (["correcting", "held"], False, "running"),
        (["needs_person", "held"], False, "needs_person"),
        (["held", "compliant"], False, "held"),
    ],
)
def test_an_operation_ends_as_its_controls_do(states, looked_only, expected):
    controls = tuple(ControlOutcome(id=str(i), state=state) for i, state in enumerate(states))
    assert ending(controls, looked_only=looked_only) == expected
