import pytest
from msgspec.structs import replace

from apps.subscriber.wanted import Wanted, wanted
from tests.detectors.test_record import VERDICT


@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("action", "quarantine", "reject"),
        ("class_", "phish", "spam"),
        ("tenant", "default", "another"),
        ("direction", "inbound", "outbound"),
        ("kind", "judged", "revised"),
    ],
)
def test_a_verdict_is_wanted_by_each_field(field, value, other):
    assert wanted(**{field: value})(VERDICT)
    assert wanted(**{field: [value, other]})(VERDICT)
    assert not wanted(**{field: other})(VERDICT)
    assert not wanted(**{field: []})(VERDICT)


def test_all_that_is_asked_for_must_be_so():
    both = wanted(action="quarantine", tenant="a")
    assert not both(VERDICT)
    assert both(replace(VERDICT, tenant="a"))


def test_nothing_asked_is_everything():
    assert wanted(action=None) == Wanted()
    assert Wanted()(VERDICT)


@pytest.mark.parametrize("field", ["action", "class_", "direction", "kind"])
def test_a_value_that_no_verdict_has_is_refused_with_those_allowed(field):
    with pytest.raises(ValueError, match=rf"^{field.rstrip('_')} = 'x'; allowed: \w+, "):
        wanted(**{field: "x"})
