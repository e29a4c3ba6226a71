"""An audit that measured over-refusal without resistance to jailbreaks says so."""

import report_factory
from countermark.analysis import limits


def test_the_page_says_that_jailbreaks_were_not_measured() -> None:
    plan = report_factory.simulated_report().plan
    assert "no_jailbreak" in limits(plan, witnessed=True)
    (benign,) = (test for test in plan.tests if test.id == "system/over_refusal")
    attack = benign.model_copy(update={"id": "system/jailbreak"})
    both = plan.model_copy(update={"tests": [*plan.tests, attack]})
    assert "no_jailbreak" not in limits(both, witnessed=True)
    neither = plan.model_copy(update={"tests": [test for test in plan.tests if test is not benign]})
    assert "no_jailbreak" not in limits(neither, witnessed=True)
