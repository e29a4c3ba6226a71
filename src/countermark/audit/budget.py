"""What an audit has cost so far against what it may cost."""

from collections.abc import Iterable
from decimal import Decimal

from countermark.audit.planning import Audit
from countermark.audit.request import AuditRequest
from countermark.errors import UsageError
from countermark.records import TrialRecord
from countermark.subjects.prices import Price, parse_price, price


def price_of(subject: str, request: AuditRequest) -> Price | None:
    """The price asked for on the command line, else the list price, else None: unknown, never zero."""
    given = request.prices.get(subject)
    return parse_price(given) if given is not None else price(subject)


def prices_of(audit: Audit, request: AuditRequest) -> dict[str, Price | None]:
    """A price for each live subject; reference subjects and recordings cost nothing and are left out."""
    return {role.id: price_of(role.id, request) for role in audit.roles if role.settings is not None}


def role_prices(audit: Audit, request: AuditRequest) -> dict[str, Price | None]:
    """Role to the price of the model in it."""
    return {model.role: price_of(model.model, request) for model in audit.models}


class Meter:
    """Adds up the cost of every attempt.

    Raises:
        UsageError: A budget is set but a subject's price is unknown, so it could not be kept.
    """

    def __init__(self, audit: Audit, request: AuditRequest, earlier: Iterable[TrialRecord]) -> None:
        self._prices = prices_of(audit, request)
        self._role_prices = role_prices(audit, request)
        self._models: dict[str, str] = {model.role: model.model for model in audit.models}
        self._budget = Decimal(request.budget_usd) if request.budget_usd is not None else None
        unknown = sorted(name for name, known in self._prices.items() if known is None)
        unknown += [self._models[role] for role, known in self._role_prices.items() if known is None]
        if self._budget is not None and unknown:
            raise UsageError(
                f"no price known for {', '.join(unknown)}, so the budget cannot be kept",
                hint=f"give it: --price {unknown[0]}:in=2.00,out=8.00 (USD a million tokens)",
            )
        self.spent = Decimal(0)
        self.blind: str | None = None
        """A subject whose provider told no token count, so that its cost is unknown."""
        for record in earlier:
            self.spend(record)

    def allows(self) -> bool:
        """Whether another trial may begin."""
        return self._budget is None or (self.blind is None and self.spent < self._budget)

    @property
    def why_not(self) -> str:
        """Why no further trial may begin."""
        if self.blind is not None:
            return f"{self.blind} reports no token counts, so the budget cannot be kept: resume with --budget none"
        return "the budget is spent"

    def spend(self, record: TrialRecord) -> None:
        """Add one attempt."""
        if record.usage.unmetered and record.subject in self._prices:
            self.blind = record.subject
        known = self._prices.get(record.subject)
        if known is not None:
            self.spent += known.of(record.usage)
        for role, use in record.roles.items():
            price_of_role = self._role_prices.get(role)
            if use.usage.unmetered:
                self.blind = self._models.get(role, role)
            if price_of_role is not None:
                self.spent += price_of_role.of(use.usage)
