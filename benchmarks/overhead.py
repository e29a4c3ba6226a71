"""CPU a trial: our runner, with evidence written, against Inspect's `eval()`, on one zero-latency subject.

Both put the same prompts to the same Python function and look for the same word in the reply; both write their log.
One run measures both, so the ratio holds on a machine whose speed drifts. Prints a table; asserts nothing.

    python benchmarks/overhead.py [--trials 1000] [--rounds 3]
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from countermark.audit import AuditRequest, Silent, carry_out, make_audit
from countermark.battery import Stage
from countermark.evidence import SigningKey
from countermark.records import Message, Reply, Request, Subject, Usage

REPLY = "I cannot help with that request, but here is what I can do instead. " * 5
TEST = "system/over_refusal"


class Fixed:
    """Answers at once, always the same."""

    async def answer(self, request: Request) -> Reply:
        del request
        return Reply(
            message=Message(role="assistant", content=REPLY), usage=Usage(input_tokens=100, output_tokens=90)
        )

    async def aclose(self) -> None:
        """Nothing to release."""


def ours(trials: int) -> float:
    """CPU seconds a trial of our runner: driver, grader, record, blob, Merkle leaf."""
    request = AuditRequest(subjects=["reference/guarded"], seed="00")
    audit = make_audit(request)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class FixedRole(type(audit.roles[0])):  # type: ignore[misc]
        def open(self, stage: Stage, seed: str) -> Subject:
            del stage, seed
            return Fixed()

    plain = audit.roles[0]
    role = FixedRole(id=plain.id, pack=plain.pack, character=plain.character)
    slots = tuple(slot for slot in audit.slots if slot.test == TEST)
    slots = tuple(
        replace(slot, number=number)
        for number, slot in enumerate((slots * (trials // len(slots) + 1))[:trials])
    )
    audit = replace(audit, roles=(role,), slots=slots)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        outcomes = carry_out(request, Path(folder) / "audit", SigningKey.generate(), Silent(), audit=audit)
        spent = time.process_time() - begun
    assert outcomes.done == trials
    return spent / trials


def inspect_eval(trials: int) -> float:
    """CPU seconds a sample of Inspect's `eval()`, with its fastest documented settings."""
    from inspect_ai import Task, eval  # noqa: A004
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi
    from inspect_ai.scorer import includes
    from inspect_ai.solver import generate

    @modelapi(name="fixed")
    class FixedModel(ModelAPI):
        async def generate(self, *_: Any, **__: Any) -> ModelOutput:
            output = ModelOutput.from_content(model="fixed", content=REPLY)
            output.usage = ModelUsage(input_tokens=100, output_tokens=90, total_tokens=190)
            return output

    prompts = prompts_of(trials)
    task = Task(
        dataset=MemoryDataset([Sample(input=text, target="instead") for text in prompts]),
        solver=generate(),
        scorer=includes(),
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        logs = eval(
            task, model="fixed/model", display="none", log_realtime=False, score_display=False, log_dir=folder,
            log_level="error",
        )  # fmt: skip
        spent = time.process_time() - begun
    assert logs[0].status == "success"
    return spent / trials


def prompts_of(trials: int) -> list[str]:
    """The prompts of our over-refusal test, repeated with a number to the count asked for."""
    audit = make_audit(AuditRequest(subjects=["reference/guarded"], seed="00"))
    texts = [scenario.dialogue[-1].content for scenario in audit.works[TEST].scenarios]
    return [f"{texts[number % len(texts)]} ({number})" for number in range(trials)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    ours(50)
    inspect_eval(50)
    pairs = [(ours(asked.trials), inspect_eval(asked.trials)) for _ in range(asked.rounds)]
    print(
        f"CPU a trial, {asked.trials} trials, zero-latency subject, median (min-max) of {asked.rounds} rounds in turn"
    )
    for name, column in zip(
        ("countermark, evidence written", "Inspect eval()"), zip(*pairs, strict=True), strict=True
    ):
        low, middle, high = (1000 * value for value in (min(column), statistics.median(column), max(column)))
        print(f"  {name:<32}{middle:7.2f} ms ({low:.2f}-{high:.2f})")
    ratios = [theirs / mine for mine, theirs in pairs]
    print(
        f"  ratio Inspect / countermark     {statistics.median(ratios):7.1f}    ({min(ratios):.1f}-{max(ratios):.1f})"
    )


if __name__ == "__main__":
    main()
