"""Who is calling, once a token has said so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose inboxes a request is about, and who is on record as having acted."""

    #: The owner: the id that scopes every query.
    owner_id: str
    #: Who acted, as events and attempts have it: a user, an API key's name, a job.
    actor: str

    def __post_init__(self) -> None:
        # No error of a caller's: whoever made this from a good token forgot something, and nobody is let in by it.
        if not self.owner_id or not self.actor:
            raise ValueError("a Principal has an owner_id and an actor that are not empty")
