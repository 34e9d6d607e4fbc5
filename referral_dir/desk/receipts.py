"""The copy that a person takes along. It names no service, no officer and no one: a code stands for the record."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.domain import receipt as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import NotFound, WrongState
from referral_dir.domain.receipt import Receipt
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentState
from referral_dir.store import case_queries, consent_queries
from referral_dir.store.cases import Case

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def make(session: "Session", actor: Actor, consent_id: UUID, now: datetime, *,
         number: str | None = None) -> tuple[Receipt, str]:
    """The copy, and the language it was explained in. Without a number: the organization's own, where it has one.

    Raises NotFound, WrongState (nothing was agreed, or it has ended), Invalid.
    """
    require(actor, "consent:record")
    row = case_queries.find_consent(session, consent_id, actor, lock=False)
    if row is None:
        raise NotFound(say("no such consent record"))
    if row.state != ConsentState.ACTIVE or row.given is None or row.method is None:
        raise WrongState(say("there is a copy only of what was agreed and still stands"))
    own = consent_queries.numbers_of(session, actor.organization_id)
    chosen = rules.check_number(number if number is not None else next(iter(own), ""))
    audit.record(session, actor, "consent:receipt", now, subject=f"consent:{row.id}", purpose=row.purpose)
    made = Receipt(
        code=rules.code(row.id), office=rules.office_code(row.id), given=row.given,
        valid_from=row.valid_from or row.given, expires=row.expires, fields=tuple(row.fields),
        onward_sharing=row.onward_sharing, method=row.method,
        notice=f"{row.notice_version} {(row.notice_sha256 or '')[:12]}",
        country=session.get_one(Case, row.case_id).place_country, number=chosen)
    return made, row.explained_in or "en"
