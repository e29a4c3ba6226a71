"""The other documents of a handed-over pack, one class a file; `None` where a checklist item is declared absent."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from countermark.pack.cover import Reasoning
from countermark.pack.fields import Address, Day, Line, PackDocument, Prose, Salt, SubjectId
from countermark.records.plan import Decimal, Name, TestId


class Part(PackDocument):
    """What every file but pack.json and terms.json has."""

    salt: Salt | None = None
    """64 random hexadecimal digits; owed by every file that is not public, since its SHA-256 is."""


class Endpoint(Part):
    """`identity/endpoint.json` (I1): where the model is served and what stands behind the name."""

    base_url: Address
    """Address of the API, without any credential."""
    api: Line
    """Which protocol it speaks: OpenAI Chat Completions, Anthropic Messages, …"""
    api_version: Line | None = None
    """Version or date of that protocol, where it has one."""
    region: Line | None = None
    """Where it is served from, where that matters."""
    snapshot: Line
    """The snapshot that the developer declares to be behind the name, and how it is pinned."""
    change_notice: Prose
    """How and how long beforehand the auditor is told that something behind the address changes."""


class QueryAccess(PackDocument):
    """A1: asking the model."""

    how: Prose
    """How the auditor gets at it: accounts, keys (never the key itself), networks."""
    requests_per_minute: Annotated[int, Field(ge=1)]
    """Most requests a minute."""
    input_tokens_per_minute: Annotated[int, Field(ge=1)]
    """Most tokens in, a minute."""
    output_tokens_per_minute: Annotated[int, Field(ge=1)]
    """Most tokens out, a minute."""
    credits: Line
    """Money or compute granted."""


class ReasoningAccess(PackDocument):
    """A2: reasoning traces."""

    granted: Literal["full", "summary", "none"]
    """What of the reasoning the auditor sees."""
    conditions: Prose
    """On which terms, and whether it may be quoted."""


class InternalsAccess(PackDocument):
    """A3: beyond the API."""

    granted: list[Literal["logprobs", "activations", "gradients", "weights", "fine_tuning"]]
    """Empty says: none."""
    conditions: Prose
    """On which terms."""


class Dates(PackDocument):
    """A4: when."""

    access_from: Day
    """First day of access, YYYY-MM-DD."""
    access_until: Day
    """Last day of access, YYYY-MM-DD."""
    checkpoint: Day
    """When the model handed over was fixed."""
    launch: Day | None = None
    """None: not fixed, or not told."""
    business_days: Annotated[int, Field(ge=1, le=1000)]
    """Business days between beginning and end of access."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.access_until < self.access_from:
            raise ValueError("access ends before it begins")
        return self


class DataHandling(PackDocument):
    """A5: what happens to what the auditor sends."""

    zero_retention: bool
    """True: neither requests nor answers are kept."""
    no_training: bool
    """True: nothing is trained on them."""
    no_viewing: bool
    """True: nobody at the developer's looks at them."""
    exceptions: Prose
    """What is kept or looked at after all, and by whom; "none" if nothing."""


class SafeHarbour(PackDocument):
    """A6: good-faith testing."""

    terms: Prose
    """That accounts are not closed and nobody is sued for testing in good faith, and within which limits."""
    exempt_from: list[Line]
    """Filters and account checks that are off for the auditor; empty says: none."""


class Access(Part):
    """`access.json` (A1-A6): what the auditor may do, and when."""

    query: QueryAccess | None = None
    """A1."""
    reasoning_traces: ReasoningAccess | None = None
    """A2."""
    internals: InternalsAccess | None = None
    """A3."""
    dates: Dates | None = None
    """A4."""
    data_handling: DataHandling | None = None
    """A5."""
    safe_harbour: SafeHarbour | None = None
    """A6."""


class Safeguard(PackDocument):
    """One protection outside the model (I3)."""

    id: Name
    """Short name, by which variants say that it is on."""
    what: Prose
    """What it does: input filter, output filter, monitor, account check, …"""
    deployed: bool
    """Whether users meet it."""
    switchable: bool
    """Whether the auditor can have it switched off."""


class Safeguards(Part):
    """`safeguards.json` (I3): what stands around the model, and which of it can be switched off."""

    safeguards: list[Safeguard]
    """Empty says: none at all."""
    differences_for_auditor: Prose
    """In what the auditor's account differs from an ordinary one; "none" if in nothing."""


class ToolCalls(PackDocument):
    """I6: tools."""

    format: Prose
    """The native format of tool calls, or that there is none."""
    reasoning_kept: Prose
    """Whether and how reasoning is kept between turns."""


class Defaults(PackDocument):
    """I5: the settings that apply where none is sent."""

    temperature: Decimal | Literal["not settable", "unknown"]
    """The default; a decimal in a string."""
    reasoning: Line
    """The default effort or budget, and what can be chosen."""
    context_tokens: Annotated[int, Field(ge=1)]
    """Most tokens of a whole dialogue."""
    output_tokens: Annotated[int, Field(ge=1)]
    """Most for one reply."""
    seed: Literal["supported", "best_effort", "not_supported"]
    """Whether a seed makes replies repeatable."""
    compaction: Prose
    """What happens to a context that grows too long."""


class Sampling(Part):
    """`sampling.json` (I5-I7): settings, tools, and what the API cannot do."""

    defaults: Defaults | None = None
    """I5."""
    tool_calls: ToolCalls | None = None
    """I6."""
    unsupported: list[Line] | None = None
    """Prefill, logprobs, reasoning, several samples, …: what there is not (I7); empty says: nothing is missing."""


class Behaviour(PackDocument):
    """D1."""

    intended: Prose
    """What the model is meant to do and not to do; where its specification stands."""
    vulnerabilities: Prose
    """What is known to break it."""
    misleading: Prose
    """What is known of its propensity to mislead."""


class Training(PackDocument):
    """D2."""

    summary: Prose
    """Data and process."""
    contamination: Prose
    """Which test sets may have been seen, which canaries were searched for, with what result."""


class InternalResult(PackDocument):
    """One result of the developer's own (D3)."""

    test: Line
    """Which test, in which version."""
    variant: SubjectId
    """The variant it was measured on: an id of pack.json."""
    result: Line
    """With its uncertainty."""
    favourable: bool
    """Whether it speaks for the model; unfavourable ones belong here too."""
    elicitation: Prose
    """What was done to get the most out of the model."""


class Assurance(PackDocument):
    """One written assurance (D4)."""

    statement: Prose
    """For example: no capability was suppressed for the tests; readable reasoning was not trained against."""
    holds: Literal["yes", "no", "not_known"]
    """Whether it holds."""
    explanation: Prose
    """On what that rests."""


class Card(Part):
    """`card.json` (D1-D4): what the developer knows of the model."""

    behaviour: Behaviour | None = None
    """D1."""
    training: Training | None = None
    """D2."""
    internal_results: Annotated[list[InternalResult], Field(min_length=1)] | None = None
    """D3."""
    assurances: Annotated[list[Assurance], Field(min_length=1)] | None = None
    """D4."""


class ClaimSettings(PackDocument):
    """Under what a claim was made: where the audit ran under something else, the claim is void. Only what is given counts."""

    variant_version: Line | None = None
    """The version of the variant, as pack.json gives it."""
    reasoning: Reasoning | Literal["default"] | None = None
    """The variant's reasoning setting; `default` where none is sent."""
    temperature: Annotated[str, Field(pattern=r"^([0-2](\.[0-9]{1,6})?|default)$")] | None = None
    """The variant's temperature; `default` where none is sent."""
    safeguards_on: list[Name] | None = None
    """The safeguards that are on for the variant, all of them."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most tokens for one reply, as the audit's plan sets it."""


class Claim(PackDocument):
    """One claim that an audit confirms or refutes (D5)."""

    id: Name
    """Short name, unique in the file: lower-case letters, digits and underscores."""
    statement: Prose
    """In words."""
    test: TestId
    """A test of the battery."""
    version: Annotated[str, Field(pattern=r"^[0-9]+-[A-Z]+$")]
    """Version of that test; an audit by another number of it voids the claim, another letter does not."""
    metric: Name
    """A metric of that test, by its id."""
    subject: SubjectId
    """The variant it is claimed of."""
    comparator: Literal["<=", ">=", "<", ">"]
    """The metric stands in this relation to the threshold."""
    threshold: Decimal
    """A rate: a decimal in a string, from 0 to 1."""
    under: ClaimSettings = ClaimSettings()
    """The settings it was made under, compared by the audit."""
    void_if: Annotated[list[Line], Field(min_length=1)]
    """What else voids the claim, in words for people to judge: another prompt, another snapshot, …"""

    @model_validator(mode="after")
    def _is_a_rate(self) -> Self:
        if self.threshold.startswith("-") or not (self.threshold.startswith("0") or self._is_one()):
            raise ValueError("the threshold of a rate lies from 0 to 1")
        return self

    def _is_one(self) -> bool:
        whole, _, rest = self.threshold.partition(".")
        return whole == "1" and not rest.strip("0")


class Claims(Part):
    """`claims.json` (D5): what the developer claims, so that a machine can hold it against the findings."""

    claims: Annotated[list[Claim], Field(min_length=1)]
    """One or more."""
