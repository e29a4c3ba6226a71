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
        self._exemplars: dict[tuple[str, str], list[Exemplar]] = {}
        for test in tests:
            for exemplar in test.exemplars:
                self._exemplars.setdefault((test.manifest.id, exemplar.behaviour), []).append(exemplar)
        self._scenarios = {scenario.id: scenario for scenario in scenarios}
        self._found: dict[tuple[str, str], list[Exemplar]] = {}

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
        return {**exemplar.labels, **exemplar.judged} if exemplar.outcome is Outcome.GRADED else {}

    def _suited(self, scenario: Scenario, behaviour: str) -> list[Exemplar]:
        key = (scenario.id, behaviour)
        if key not in self._found:
            self._found[key] = self._look(scenario, behaviour)
        return self._found[key]

    def _look(self, scenario: Scenario, behaviour: str) -> list[Exemplar]:
        named = [one for one in self._exemplars.get((scenario.test, behaviour), ()) if one.suits(scenario)]
        if not named:
            raise Unsupported(f"{scenario.test} has no exemplar of {behaviour!r} for arm {scenario.arm!r}")
        special = [exemplar for exemplar in named if exemplar.when]
        return special or named
