"""Seconds of every interval and test of `countermark.analysis` on 100,000 trials, beside sorting them once in the same run.

Best of a few rounds, imports and tables already there. Prints seconds, and how many sorts of 100,000 numbers that is; asserts nothing.

    python benchmarks/statistics_speed.py [--trials 100000] [--rounds 5]
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from countermark.analysis import (
    Rule,
    Watch,
    agreement,
    agreement_table,
    clopper_pearson,
    clustered_rate,
    compare_subjects,
    cue_difference,
    drift_over_run,
    graded_rate,
    judged_rate,
    krippendorff_alpha,
    max_t,
    paraphrase_consistency,
    pareto_set,
    sign_flip,
    twin_gap,
)

SEED = 20261123


def best(rounds: int, work: Callable[[], object]) -> float:
    found = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - begun)
    return found


def works(trials: int) -> dict[str, Callable[[], object]]:
    """Name to the work, each on `trials` trials in all: four a cluster, five epochs where a test takes means."""
    generator = np.random.default_rng(SEED)
    hits = generator.random(trials) < 0.05
    half, tenth = trials // 2, trials // 10
    pair = generator.random(half) < 0.05, generator.random(half) < 0.06
    scenarios, clusters = np.arange(half) // 2, np.arange(half) // 8
    events = hits.reshape(-1, 4).sum(axis=1)
    means = generator.binomial(5, 0.1, (trials // 25, 5)) / 5
    outcomes = (generator.random((tenth, 10)) < 0.1).astype(float)
    truth = [bool(hits[place]) if place % 4 == 0 and place < 1600 else None for place in range(trials)]
    ratings = [(bool(one), bool(other)) for one, other in zip(*pair, strict=True)]
    twins = [(generator.random(trials // 8), generator.random(trials // 8)) for _ in range(4)]
    rule = Rule(limit=0.05, target=0.02, half_width=0.1)
    return {
        "clopper_pearson": lambda: clopper_pearson(int(hits.sum()), trials),
        "clustered_rate, 4 a cluster": lambda: clustered_rate(events, np.full(trials // 4, 4)),
        "graded_rate": lambda: graded_rate(generator.random(trials), np.arange(trials) // 4),
        "compare_subjects, 2 epochs, clusters of 8": lambda: compare_subjects(scenarios, *pair, clusters=clusters),
        "cue_difference": lambda: cue_difference(np.arange(half), *pair),
        "sign_flip, 5 epochs": lambda: sign_flip(np.rint(5 * (means[:, 0] - means[:, 1])) / 5, epochs=5),
        "max_t, 10 subjects, one metric": lambda: max_t({"one": outcomes}),
        "max_t, 5 subjects, 5 epochs": lambda: max_t({"one": means}),
        "pareto_set, 5 subjects": lambda: pareto_set(outcomes[: tenth // 2, :5], outcomes[tenth // 2 :, :5], 0.05),
        "twin_gap, 3 references": lambda: twin_gap(twins[0], twins[1:]),
        "paraphrase_consistency, 4 a meaning": lambda: paraphrase_consistency(events, np.full(trials // 4, 4)),
        "drift_over_run": lambda: drift_over_run(np.arange(trials), hits),
        "judged_rate": lambda: judged_rate(hits, truth, np.arange(trials) // 4),
        "agreement, kappa, AC1": lambda: agreement(agreement_table(*zip(*ratings, strict=True))),
        "krippendorff_alpha, 2 graders": lambda: krippendorff_alpha(ratings),
        "one stopping decision": lambda: _decisions(rule, hits),
    }  # fmt: skip


def _decisions(rule: Rule, hits: np.ndarray) -> None:
    watch = Watch(rule)
    for bad in hits[:1000]:
        watch.take(bool(bad))
        if watch.stopped:
            watch = Watch(rule)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    numbers = np.random.default_rng(SEED).random(asked.trials)
    base = best(20, lambda: np.sort(numbers))
    print(f"{asked.trials} trials, best of {asked.rounds}; one sort of so many numbers {base * 1e3:.2f} ms")
    for name, work in works(asked.trials).items():
        work()
        seconds = best(asked.rounds, work) / (1000 if name == "one stopping decision" else 1)
        print(f"  {name:42} {seconds * 1e3:9.4f} ms {seconds / base:8.2f} x a sort", flush=True)


if __name__ == "__main__":
    main()
