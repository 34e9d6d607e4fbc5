"""What every template may say: words for codes, ages of numbers, times in the reader's terms."""

from datetime import UTC, datetime, timedelta

from flask import Flask
from flask_login import current_user

from referral_dir.desk import break_glass
from referral_dir.desk.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from referral_dir.desk.languages import COMMON, language_name, own_name
from referral_dir.domain.access import allowed
from referral_dir.domain.availability import age_text, count_text
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.consent_record import INTERPRETERS
from referral_dir.domain.needs import label, needs
from referral_dir.domain.opening import Opening, OpenState
from referral_dir.domain.reference import short
from referral_dir.store.db import reading
from referral_dir.web.auth import HOME, edge, now
from referral_dir.web.forms import ASKED
from referral_dir.web.links import phone_link, safe_link

WORDS = {
    "requested": "Waiting for an answer", "accepted": "Accepted", "rejected": "Declined", "on_hold": "On hold",
    "in_progress": "The person has arrived", "completed": "Completed", "failed": "Did not work out",
    "cancelled": "Cancelled", "draft": "Draft",
    "explained": "Explained, no answer yet", "given": "Given", "refused": "Refused", "active": "Active",
    "expired": "Run out", "withdrawn": "Withdrawn", "superseded": "Replaced by a newer one",
    "full": "No place free", "not_eligible": "Not someone we may take", "language": "Nobody speaks the language",
    "unsafe_here": "Not safe here", "need_not_met": "We can't help with this",
    "conflict_of_interest": "Conflict of interest", "more_information": "We need to know more",
    "waiting_for_place": "Waiting for a place", "no_longer_needed": "No longer needed",
    "chose_another": "The person chose another service", "did_not_arrive": "The person did not arrive",
    "consent_withdrawn": "Consent was withdrawn", "consent_expired": "Consent ran out",
    "accepted_elsewhere": "Another service took the case", "no_response": "Nobody answered in time", "other": "Other",
    "accept": "Accept", "reject": "Decline", "hold": "Put on hold", "start": "The person has arrived",
    "complete": "Complete", "fail": "It did not work out", "cancel": "Cancel", "request": "Requested",
    "expire": "Time ran out",
    "emergency": "Emergency (24 hours)", "urgent": "Urgent (3 days)", "normal": "Normal (14 days)",
    "female": "Woman or girl", "male": "Man or boy", "trans": "Trans", "non_binary": "Non-binary",
    "unknown": "Not known", "signed": "Signed", "digital": "On the screen",
    "witnessed_oral": "Said aloud, with a witness", "requester": "the officer", "recipient": "the service",
    "person": "the person", "system": "the system",
    "wheelchair": "Wheelchair", "hearing": "For deaf people", "sight": "For blind people",
    "follow_up": "To follow up on a handoff", "handover": "I take the case over", "correction": "To correct something",
    "supervision": "To supervise", "referral": "To find or arrange help",
    "justified": "Justified", "not_justified": "Not justified",
    "available": "Places free", "unconfirmed": "Not confirmed lately",
}
ACTS = {
    "service:find": "searching for services", "service:read": "opening services", "case:read": "opening cases",
    "handoff:receive": "opening handoffs", "address:read": "reading hidden addresses",
    "case:own_copy": "making copies of a person's data", "case:break_glass": "breaking glass",
    "audit:export": "exporting the audit trail",
}
CLOSING_SOON = timedelta(hours=1)


def word(code: object) -> str:
    """What a person reads for a code."""
    text = str(code)
    return WORDS.get(text, text.replace("_", " "))


def opening_text(found: Opening) -> str:
    """ "Open until 17:00", "Closes in 20 minutes", "Closed, opens Mon 09:00", "Hours not known: call"."""
    if found.state is OpenState.OPEN:
        if found.closes and found.closes - now() < CLOSING_SOON:
            return f"Closes in {max(1, round((found.closes - now()).total_seconds() / 60))} minutes"
        return f"Open until {found.closes:%H:%M}" if found.closes else "Open day and night"
    if found.state is OpenState.CLOSED:
        return f"Closed, opens {found.opens:%a %H:%M}" if found.opens else "Closed"
    return "Hours not known: call"


def pattern_word(kind: str) -> str:
    """What an overseer reads for an unusual pattern."""
    if kind == "many_refusals":
        return "Refused many times"
    how, _, action = kind.partition(":")
    return f"{'Stopped' if how == 'over' else 'Very often'}: {ACTS.get(action, action)}"


def ago(moment: datetime) -> str:
    """How long ago."""
    return age_text(moment, now())


def until(moment: datetime | None) -> str:
    """How much time is left."""
    if moment is None:
        return ""
    minutes = int((moment - now()).total_seconds() // 60)
    if minutes <= 0:
        return "now"
    hours, days = minutes // 60, minutes // 1440
    return f"{days} days" if days > 1 else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def when(moment: datetime | None) -> str:
    """Date and time in UTC: handoffs cross time zones, so the zone is said."""
    return f"{moment.astimezone(UTC):%d %b %Y %H:%M} UTC" if moment else ""


def day(moment: datetime) -> str:
    """The day alone, for paper."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def vital_reviews() -> list[break_glass.Report]:
    """What waits for this reader's review; asked for only by the pages that say so."""
    who = current_user.actor
    if not allowed(who.role, "break_glass:review"):
        return []
    with reading(edge().store) as session:
        return break_glass.waiting(session, who, now())


def install(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.filters.update(word=word, counted=count_text)
    app.jinja_env.filters.update(need=label, language=language_name, own_name=own_name, short=short, ago=ago,
                                 until=until, when=when, day=day, opening=opening_text, pattern_word=pattern_word,
                                 safe_link=safe_link, phone_link=phone_link)
    app.jinja_env.globals.update(
        NEEDS=needs(), COMMON_LANGUAGES=COMMON[:12], DEMO_ACCOUNTS=DEMO_ACCOUNTS, DEMO_PASSWORD=DEMO_PASSWORD,
        FIELDS=IDENTIFYING_FIELDS, ASKED=ASKED, INTERPRETERS=INTERPRETERS,
        vital_reviews=vital_reviews)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def page() -> dict[str, object]:
        return {"demo": edge().settings.demo,
                "home": HOME[current_user.actor.role] if current_user.is_authenticated else None}
