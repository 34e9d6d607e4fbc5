"""What a workflow raises when it must not go on. Every message says what to do next."""

from uuid import UUID


class Refused(Exception):
    """Base of everything that a rule refuses; the edge rolls back, audits the refusal and explains it."""


class NotFound(Refused):
    """No such record for this actor. A stranger's record and a missing one are the same answer."""


class Forbidden(Refused):
    """The actor's role may not do this at all."""


class WrongState(Refused):
    """The record has moved on since the actor saw it; someone may have been first."""


class ConsentMissing(Refused):
    """No active consent covers this organization, purpose and fields at this moment."""


class NoCapacity(Refused):
    """The last place was taken a moment ago."""


class PurposeNeeded(Refused):
    """Someone else's case, or what was said about it, is opened: first it must be said what for."""

    def __init__(self, message: str, case_id: UUID) -> None:
        super().__init__(message)
        self.case_id = case_id


class TooOften(Refused):
    """More than anyone's work asks for within an hour."""


class Invalid(Refused):
    """Input that can't be used: `errors` maps a field's name to what is wrong and what to do."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in errors.items()))
        self.errors = errors
