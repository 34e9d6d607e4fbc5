"""What a consent record must hold before it counts: ISO/IEC TS 27560 and the Kantara receipt, checked step by step."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import AgeBand, ConsentMethod

DEFAULT_DAYS: Final = 14
MAXIMUM_DAYS: Final = 90
REVIEW_DAYS: Final = 7
CHILDREN: Final = frozenset({AgeBand.CHILD, AgeBand.TEEN})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r"[\w ./#-]{1,80}")

# Who put the notice into the person's language. Never someone who came with them: they may be under control.
INTERPRETERS: Final[Mapping[str, str]] = MappingProxyType({
    "not_needed": say("No interpreter was needed"),
    "professional_in_person": say("A professional interpreter, in person"),
    "professional_remote": say("A professional interpreter, by phone or video"),
    "staff_member": say("A member of staff who speaks the language"),
})
PROFESSIONAL: Final = frozenset({"professional_in_person", "professional_remote"})
FORMATS: Final[Mapping[str, str]] = MappingProxyType({
    "read_aloud": say("Read or spoken to them"),
    "text": say("They read it themselves"),
    "easy_read": say("In easy words or pictures"),
    "signed": say("In sign language"),
})
# "Unclear" is treated as a child: who may be one is presumed to be one.
CAPACITIES: Final[Mapping[str, str]] = MappingProxyType({
    "adult": say("An adult who can decide"),
    "minor": say("Under 18"),
    "unclear": say("Not clear how old they are, or whether they understood"),
})
GUARDIANS: Final[Mapping[str, str]] = MappingProxyType({
    "parent": say("A parent"),
    "legal_guardian": say("The legal guardian"),
    "other_guardian": say("Another legal guardian, not the one who is suspected"),
    "authority": say("The child protection authority or a court"),
})
# Who may decide for a child whose guardian is suspected of having a part in it.
UNSUSPECTED: Final = frozenset({"other_guardian", "authority"})
WITNESSES: Final[Mapping[str, str]] = MappingProxyType({
    "second_officer": say("A second member of staff"),
    "interpreter": say("The professional interpreter"),
    "lawyer_or_advocate": say("A lawyer or an independent advocate"),
    "recording": say("A recording"),
})
LEGAL_BASES: Final[Mapping[str, str]] = MappingProxyType({
    "public_task": say("A task in the public interest"),
    "legal_obligation": say("A legal obligation"),
    "vital_interests": say("Vital interests"),
    "legitimate_interests": say("Legitimate interests"),
    "consent": say("The person's consent"),
})
WITHDRAWN_BY: Final[Mapping[str, str]] = MappingProxyType({
    "person": say("The person"),
    "guardian": say("Their guardian"),
    "representative": say("A lawyer or someone else who represents them"),
})
WITHDRAWAL_METHODS: Final[Mapping[str, str]] = MappingProxyType({
    "told_officer": say("Said it to us"),
    "by_phone": say("By phone, with the code of their copy"),
    "told_service": say("Said it to the service"),
    "in_writing": say("In writing"),
})


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be agreed: exact fields, from when until when, and what may follow."""

    fields: Collection[str]
    days: int = DEFAULT_DAYS
    valid_from: datetime | None = None
    review_days: int = REVIEW_DAYS
    onward_sharing: bool = False
    legal_basis: str = "public_task"


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the notice was put to the person, and who it is that decides."""

    language: str
    interpreter: str
    capacity: str
    format: str = "read_aloud"
    interpreter_reference: str = ""
    guardian: str = ""
    # None: not asked. For a child it must be.
    guardian_suspected: bool | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How they said yes, and what proves it."""

    method: str
    witness: str = ""
    evidence_sha256: str = ""
    assent: bool | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Who took it back, and how it was said."""

    by: str = "person"
    method: str = "told_officer"


def needs_guardian(capacity: str | None, age_band: str | None, *, child_along: bool = False) -> bool:
    """Whether someone must decide with the person, or for a child with them: a child, whoever may be one, and whoever
    was never asked."""
    return child_along or age_band in CHILDREN or capacity != "adult"


def check_terms(terms: Terms, now: datetime) -> None:
    """Raise Invalid unless the fields exist and the period is one that a consent may have."""
    errors: dict[str, str] = {}
    unknown = set(terms.fields) - set(IDENTIFYING_FIELDS)
    if unknown:
        errors["fields"] = say("unknown: %(fields)s", fields=", ".join(sorted(unknown)))
    if not 1 <= terms.days <= MAXIMUM_DAYS:
        errors["days"] = say("choose from 1 to %(number)s days", number=MAXIMUM_DAYS)
    elif terms.valid_from is not None and not now - timedelta(days=1) < terms.valid_from < expiry(now, terms.days):
        errors["valid_from"] = say("it must begin today or later, and before it ends")
    if not 1 <= terms.review_days <= MAXIMUM_DAYS:
        errors["review_days"] = say("choose from 1 to %(number)s days", number=MAXIMUM_DAYS)
    if terms.legal_basis not in LEGAL_BASES:
        errors["legal_basis"] = say("choose from the list")
    if errors:
        raise Invalid(errors)


def check_explanation(said: Explanation, age_band: str | None, languages: Collection[str], *,
                      child_along: bool = False) -> None:
    """Raise Invalid unless it was explained in a way that counts, to someone who may decide.

    `languages` are those that the case says the person speaks; empty where that is not known.
    """
    errors: dict[str, str] = {}
    if said.interpreter not in INTERPRETERS:
        errors["interpreter"] = say("choose who put it into their language; never someone who came with the person")
    elif said.interpreter in PROFESSIONAL and not _REFERENCE.fullmatch(said.interpreter_reference.strip()):
        errors["interpreter_reference"] = say("write the number by which the agency knows the interpreter")
    elif said.interpreter == "not_needed" and languages and _main(said.language) not in map(_main, languages):
        errors["interpreter"] = say("the case does not say that they speak this language: who put it into theirs?")
    if said.format not in FORMATS:
        errors["format"] = say("choose how they got to know the notice")
    errors |= _who_decides(said, age_band, child_along)
    if errors:
        raise Invalid(errors)


def _who_decides(said: Explanation, age_band: str | None, child_along: bool) -> dict[str, str]:
    if said.capacity not in CAPACITIES:
        return {"capacity": say("ask how old they are, and choose")}
    if age_band in CHILDREN and said.capacity == "adult":
        return {"capacity": say("the case says that they are under 18: a guardian must decide with them")}
    if not needs_guardian(said.capacity, age_band, child_along=child_along):
        return {}
    if said.guardian not in GUARDIANS:
        return {"guardian": say("choose who decides together with the child")}
    if said.guardian_suspected is None:
        return {"guardian_suspected": say("say whether a parent or guardian is suspected of having a part in it")}
    if said.guardian_suspected and said.guardian not in UNSUSPECTED:
        return {"guardian": say("not someone who is suspected: name another legal guardian or the authority")}
    return {}


def check_answer(answer: Answer, guardian_needed: bool) -> None:
    """Raise Invalid unless the yes is proved as its method asks, and a child agrees too."""
    errors: dict[str, str] = {}
    if answer.method not in set(ConsentMethod):
        errors["method"] = say("choose how they said yes")
    if answer.evidence_sha256 and not _SHA256.fullmatch(answer.evidence_sha256):
        errors["evidence"] = say("a SHA-256 has 64 characters, 0 to 9 and a to f")
    elif answer.method == ConsentMethod.SIGNED and not answer.evidence_sha256:
        errors["evidence"] = say("give the signed paper: as a file, or its SHA-256")
    elif answer.method == ConsentMethod.WITNESSED_ORAL and answer.witness == "recording" \
            and not answer.evidence_sha256:
        errors["evidence"] = say("give the recording: as a file, or its SHA-256")
    if answer.method == ConsentMethod.WITNESSED_ORAL and answer.witness not in WITNESSES:
        errors["witness"] = say("choose who heard it; never someone who came with the person")
    if guardian_needed and answer.assent is not True:
        errors["assent"] = say("the guardian's yes is not enough: where the child does not agree, record a refusal")
    if errors:
        raise Invalid(errors)


def check_withdrawal(said: Withdrawal) -> None:
    """Raise Invalid unless both are from the lists. Nobody has to give a reason."""
    errors: dict[str, str] = {}
    if said.by not in WITHDRAWN_BY:
        errors["by"] = say("choose who takes it back")
    if said.method not in WITHDRAWAL_METHODS:
        errors["method"] = say("choose how it was said")
    if errors:
        raise Invalid(errors)


def expiry(given: datetime, days: int = DEFAULT_DAYS) -> datetime:
    """When a consent that is drafted now ends."""
    return given + timedelta(days=days)


def review_date(begins: datetime, days: int, expires: datetime) -> datetime:
    """When to ask whether it is still right; at the latest when it ends."""
    return min(begins + timedelta(days=days), expires)


def digest(record: Mapping[str, object]) -> str:
    """SHA-256 of what was on the screen when they agreed: the record itself, in one canonical form."""
    text = json.dumps({key: str(value) for key, value in record.items()}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _main(language: str) -> str:
    return language.partition("-")[0].casefold()
