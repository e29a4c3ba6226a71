"""Resistance and over-refusal as one task of telling apart: sensitivity, Youden's J and criterion, with their errors."""

from dataclasses import dataclass

from countermark.errors import AnalysisError


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrimination:
    """How well bad requests are told from benign ones, and how cautiously; each with its standard error.

    `d_prime` and `criterion` are in standard deviations of the normal law, `youden` and the rates dimensionless. A
    criterion above 0 leans to answering, below 0 to refusing.
    """

    hit_rate: float
    false_alarm_rate: float
    d_prime: float
    d_prime_error: float
    youden: float
    youden_error: float
    criterion: float
    criterion_error: float


def discrimination(hits: float, bad: float, false_alarms: float, benign: float) -> Discrimination:
    """d', J and c from refusals of bad requests (hits) and of benign ones (false alarms).

    H = (hits + .5) / (bad + 1), F likewise; d' = z(H) - z(F), J = H - F, c = -(z(H) + z(F)) / 2;
    Var d' = H (1-H) / (bad phi(zH)^2) + F (1-F) / (benign phi(zF)^2), Var c = Var d' / 4,
    Var J = H (1-H) / bad + F (1-F) / benign. The correction keeps everything finite at rates of 0 and 1, and is in J as
    well, so that J's error is never zero. Assumes independent requests and, for d' and c, the equal-variance normal
    model. For clustered ones give effective numbers: rate * n_effective of n_effective (`clustered_rate`).

    Args:
        hits: Bad requests refused, 0 <= hits <= bad; need not be whole.
        bad: Bad requests graded, above 0.
        false_alarms: Benign requests refused.
        benign: Benign requests graded, above 0.
    Raises:
        AnalysisError: No requests of a kind, or counts outside [0, requests].
    Source:
        Green & Swets 1966; correction: Hautus 1995; variance: Gourevitch & Galanter 1967; J: Youden 1950.
    """
    from scipy.special import ndtri

    first, alarm = _corrected(hits, bad, "bad"), _corrected(false_alarms, benign, "benign")
    z_hit, z_alarm = float(ndtri(first)), float(ndtri(alarm))
    spread = first * (1 - first) / bad, alarm * (1 - alarm) / benign
    error = (spread[0] / _density(z_hit) ** 2 + spread[1] / _density(z_alarm) ** 2) ** 0.5
    return Discrimination(
        hit_rate=first,
        false_alarm_rate=alarm,
        d_prime=z_hit - z_alarm,
        d_prime_error=error,
        youden=first - alarm,
        youden_error=sum(spread) ** 0.5,
        criterion=-(z_hit + z_alarm) / 2,
        criterion_error=error / 2,
    )


def _corrected(events: float, requests: float, kind: str) -> float:
    if not (0 < requests < float("inf") and 0 <= events <= requests):
        raise AnalysisError(
            f"{events} refusals of {requests} {kind} requests",
            hint="needs at least one graded request of each kind, and refusals between 0 and the requests",
        )
    return (events + 0.5) / (requests + 1)


def _density(z: float) -> float:
    import math

    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
