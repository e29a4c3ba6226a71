"""What a plan promises beforehand: it agrees with the rules that will stop it."""

from xml.etree import ElementTree as ET

from battery_factory import small_battery
from countermark.analysis.power import fixed_calls
from countermark.audit import AuditRequest, make_audit
from countermark.audit.power import expected_trials, planned_power
from countermark.records import Stopping
from countermark.report.operating import operating_picture


def audit(**fields: object):
    return make_audit(
        AuditRequest.model_validate(
            {"subjects": ["reference/guarded"], "battery": small_battery(), "seed": "2a", **fields}
        )
    )


def test_one_row_a_metric_and_the_caps_of_the_plan() -> None:
    made = audit(stopping=Stopping())
    rows = {row.name: row for row in planned_power(made)}
    metrics = [(test, metric) for test in made.plan.tests for metric in test.metrics]
    assert len(rows) == len(metrics)
    for test, metric in metrics:
        row = rows[f"{test.id} {metric.id}"]
        assert row.worst == test.caps[metric.id]
        assert row.fixed == fixed_calls(row.rule)
        assert all(0 <= at.calls <= row.worst for at in row.at)


def test_expected_trials_lie_between_none_and_the_plan() -> None:
    made = audit(stopping=Stopping())
    [one] = expected_trials(made, planned_power(made))
    assert one.planned == len(made.slots)
    assert all(0 < count <= one.at_most <= one.planned for count in one.about.values())
    assert one.about["rates at 0"] < one.about["rates at the targets"]


def test_a_fixed_design_has_nothing_to_plan() -> None:
    made = audit()
    assert planned_power(made) == []
    [one] = expected_trials(made, [])
    assert one.at_most == one.planned == len(made.slots)


def test_the_picture_is_one_well_formed_drawing_with_a_panel_a_limit() -> None:
    rows = planned_power(audit(stopping=Stopping()))
    root = ET.fromstring(operating_picture(rows))
    limited = [row for row in rows if row.rule.limit is not None]
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) == 6 * len(limited)
