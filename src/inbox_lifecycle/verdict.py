"""Why a rule passed or refused, clause by clause: what was looked at, what was expected, what was found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison that a rule made."""

    #: What was looked at, as a column or fact is called: `status`, `warmup_status`, `version`, `provider.warmup`.
    field: str
    #: What the rule wants, as text; alternatives are joined by ` or `.
    expected: str
    #: What stood there.
    found: str
    #: Whether the comparison held.
    held: bool

    def __str__(self) -> str:
        return f"{self.field} {'is' if self.held else 'should be'} {self.expected}, found {self.found}"

    def as_dict(self) -> dict[str, object]:
        """The clause as JSON-ready values."""
        return {"field": self.field, "expected": self.expected, "found": self.found, "held": self.held}


@dataclass(frozen=True, slots=True)
class Verdict:
    """All clauses of one judgement, in the rule's order."""

    clauses: tuple[Clause, ...]

    @property
    def holds(self) -> bool:
        """Whether every clause held."""
        return all(clause.held for clause in self.clauses)

    @property
    def failed(self) -> tuple[Clause, ...]:
        """The clauses that did not hold."""
        return tuple(clause for clause in self.clauses if not clause.held)

    def __str__(self) -> str:
        return "; ".join(map(str, self.failed)) or "every clause held"

    def as_list(self) -> list[dict[str, object]]:
        """The clauses as JSON-ready values."""
        return [clause.as_dict() for clause in self.clauses]
