"""Whether a history of calls and answers is what a one-at-a-time run would give, inbox by inbox.

history = [Operation(call=call, called=before, answered=after, answer=answer_of(call, result)), ...]
assert check(history, {inbox.id: Initial(("pending", "not_started"), 1)}) == []
"""

from inbox_lifecycle.testing.linear.checker import Violation, check
from inbox_lifecycle.testing.linear.operations import Answer, Booked, Call, Initial, Operation, Outcome, answer_of

__all__ = ["Answer", "Booked", "Call", "Initial", "Operation", "Outcome", "Violation", "answer_of", "check"]
