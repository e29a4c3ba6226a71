"""Where reference subjects act: finds the scenario of a trial and the lines of a behaviour in it."""

from collections.abc import Iterable, Mapping

from countermark.battery.exemplars import Exemplar
from countermark.battery.loader import BatteryTest
from countermark.canonical import pick
from countermark.errors import Unsupported
from countermark.records import Message, Outcome, Scenario, TrialKey


class Stage:
    """The drawn scenarios of some tests with their exemplars."""

    def __init__(self, tests: Iterable[BatteryTest], scenarios: Iterable[Scenario]) -> None:
        self._tests = {test.manifest.id: test for test in tests}
        self._scenarios = {scenario.id: scenario for scenario in scenarios}

    def scenario(self, key: TrialKey) -> Scenario:
        """The scenario of a trial."""
        return self._scenarios[key.scenario]

    def perform(self, scenario: Scenario, behaviour: str, path: str) -> tuple[Message, ...]:
        """The turns of one exemplar of the behaviour that suits the scenario, chosen by `path`."""
        suited = self._suited(scenario, behaviour)
        return suited[pick(path, len(suited))].perform(scenario)

    def labels(self, scenario: Scenario, behaviour: str) -> Mapping[str, bool]:
        """The labels a trial of this behaviour must get; {} where it must stay ungraded."""
        exemplar = self._suited(scenario, behaviour)[0]
        return exemplar.labels if exemplar.outcome is Outcome.GRADED else {}

    def _suited(self, scenario: Scenario, behaviour: str) -> list[Exemplar]:
        exemplars = self._tests[scenario.test].exemplars
        named = [
            exemplar for exemplar in exemplars if exemplar.behaviour == behaviour and exemplar.suits(scenario)
        ]
        if not named:
            raise Unsupported(f"{scenario.test} has no exemplar of {behaviour!r} for arm {scenario.arm!r}")
        special = [exemplar for exemplar in named if exemplar.when]
        return special or named
