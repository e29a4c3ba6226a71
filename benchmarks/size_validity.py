"""Size and power of the validity tests by simulation, and the pairs that a cue needs (computed).

python benchmarks/size_validity.py [--repeats 1000] [--quick] [--write docs/reference/statistics/validity.md]
"""

import argparse
from pathlib import Path

import numpy as np
from pages import put
from scipy.special import stdtr

from countermark.analysis.drift import drift_over_run
from countermark.analysis.validity import cue_pairs, paraphrase_consistency, twin_gap

SEED = 20261123
DRAWS = 499
HARDER = 0.06
Twins = list[tuple[np.ndarray, np.ndarray]]


def figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def cue_table() -> str:
    rows = ["| without | with | pairs for power .8 | for power .9 |\n|---|---|---|---|"]
    for without, cued in ((0.02, 0.05), (0.05, 0.10), (0.05, 0.15), (0.20, 0.30)):
        pairs = cue_pairs(without, cued), cue_pairs(without, cued, power=0.9)
        rows.append(f"| {without:.2f} | {cued:.2f} | {pairs[0]} | {pairs[1]} |")
    return "\n".join(rows)


def twins(generator: np.random.Generator, size: int, gain: float) -> Twins:
    """One outcome a scenario; the subject first, then three references, who share each scenario's rate."""
    base = generator.beta(0.6, 2.0, size)
    found = []
    for own in (gain, 0.0, 0.0, 0.0):
        rates = np.clip(base - own, 0, 1), np.clip(base + HARDER, 0, 1)
        found.append((generator.binomial(1, rates[0]), generator.binomial(1, rates[1])))
    return found


def naive_p(pair: tuple[np.ndarray, np.ndarray]) -> float:
    """Paired t of the subject's own gap."""
    gap = pair[0] - pair[1]
    error = gap.std(ddof=1) / gap.size**0.5
    return float(2 * stdtr(gap.size - 1, -abs(gap.mean()) / error)) if error else 1.0


def twin_table(repeats: int) -> str:
    rows = [
        "| twin pairs | subject games by | naive paired t calls | difference-in-differences calls | its interval covers |\n|---|---|---|---|---|"
    ]
    for size in (60, 150):
        for gain in (0.0, 0.10):
            generator = np.random.default_rng([SEED, size, round(100 * gain)])
            # What the cut to [0, 1] leaves of the gain, by a sample large enough to count as the truth.
            base = np.random.default_rng([SEED, 7]).beta(0.6, 2.0, 1_000_000)
            true = float((base - np.clip(base - gain, 0, 1)).mean())
            naive = ours = held = 0
            for _ in range(repeats):
                subject, *references = twins(generator, size, gain)
                found = twin_gap(subject, references)
                naive += naive_p(subject) < 0.05
                ours += found.p < 0.05
                held += found.low <= -true <= found.high
            rows.append(
                f"| {size} | {true:.3f} | {figure(naive / repeats)} | {figure(ours / repeats)} | {figure(held / repeats)} |"
            )
    note = (
        f"Private set harder by {HARDER} for everybody, three references, one trial a scenario, tests at 5 %. First row of each "
        f"size: false alarms; second: power. {repeats:,} repeats, PCG64 seeded [{SEED}, pairs, percent]."
    )
    return "\n".join([*rows, "", note])


def tarone_table(repeats: int) -> str:
    rows = ["| rate | correlation | permutation calls | normal calls |\n|---|---|---|---|"]
    for rate in (0.02, 0.20):
        for correlation in (0.0, 0.1, 0.3):
            generator = np.random.default_rng([SEED, round(100 * rate), round(100 * correlation)])
            exact = normal = 0
            for seed in range(repeats):
                total = (1 - correlation) / correlation if correlation else np.inf
                rates = (
                    generator.beta(rate * total, (1 - rate) * total, 40) if correlation else np.full(40, rate)
                )
                found = paraphrase_consistency(
                    generator.binomial(6, rates).tolist(), [6] * 40, seed=seed, draws=DRAWS
                )
                exact += found.p is not None and found.p <= 0.05
                normal += found.p_normal is not None and found.p_normal <= 0.05
            rows.append(
                f"| {rate:.2f} | {correlation} | {figure(exact / repeats)} | {figure(normal / repeats)} |"
            )
    note = f"40 meanings of 6 paraphrases, tests at 5 %; correlation 0: false alarms. {repeats:,} repeats, {DRAWS} draws, PCG64 seeded [{SEED}, percent, percent]."
    return "\n".join([*rows, "", note])


def drift_table(repeats: int) -> str:
    rows = [
        "| trials | rate at start and end | trend calls | halves call | interval of the halves covers |\n|---|---|---|---|---|"
    ]
    for size, start, end in ((200, 0.05, 0.05), (1000, 0.05, 0.05), (200, 0.05, 0.20), (1000, 0.05, 0.10)):
        generator = np.random.default_rng([SEED, size, round(100 * end)])
        rates, trend, halves, held = np.linspace(start, end, size), 0, 0, 0
        true = float(rates[size // 2 :].mean() - rates[: size // 2].mean())
        for seed in range(repeats):
            found = drift_over_run(np.arange(size), generator.random(size) < rates, seed=seed, draws=DRAWS)
            trend += found.p_trend <= 0.05
            halves += found.p_halves <= 0.05
            held += found.low <= true <= found.high
        told = [figure(count / repeats) for count in (trend, halves, held)]
        rows.append(f"| {size:,} | {start:.2f} to {end:.2f} | {' | '.join(told)} |")
    note = f"Tests at 5 %, interval 95 %. {repeats:,} repeats, {DRAWS} draws, PCG64 seeded [{SEED}, trials, percent]."
    return "\n".join([*rows, "", note])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="50 repeats: does it run, not what does it say")
    parser.add_argument("--write", type=Path, help="put the tables into this page, between their markers")
    asked = parser.parse_args()
    repeats = 50 if asked.quick else asked.repeats
    found = {
        "cue-pairs": cue_table(), "twins": twin_table(repeats), "tarone": tarone_table(repeats), "drift": drift_table(repeats),
    }  # fmt: skip
    for name, text in found.items():
        print(f"{name}\n{text}\n", flush=True)
        if asked.write:
            put(asked.write, name, text)


if __name__ == "__main__":
    main()
