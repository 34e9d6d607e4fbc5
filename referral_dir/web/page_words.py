"""What every template may say: words for codes, ages of numbers, times in the reader's terms."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from flask import Flask, g
from flask_login import current_user

from referral_dir.desk import break_glass, clocks
from referral_dir.desk.cases import AGES
from referral_dir.desk.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from referral_dir.desk.languages import COMMON, language_name, own_name
from referral_dir.desk.translating import RIGHT_TO_LEFT
from referral_dir.domain.access import allowed
from referral_dir.domain.availability import age_text, count_text
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.consent_record import INTERPRETERS
from referral_dir.domain.members import Member, read
from referral_dir.domain.members import in_words as members_in_words
from referral_dir.domain.needs import label, needs
from referral_dir.domain.notices import is_written
from referral_dir.domain.opening import Opening, OpenState
from referral_dir.domain.people_list import Line
from referral_dir.domain.reference import short
from referral_dir.domain.saying import say, say_many, say_week_time
from referral_dir.domain.talking import ASKED_BY, OTHER_TIME, QUESTIONS, TIME_STATES
from referral_dir.store.cases import Case
from referral_dir.store.db import reading
from referral_dir.web.auth import HOME, actor_or_none, edge, now
from referral_dir.web.forms import ASKED
from referral_dir.web.languages import ui_language
from referral_dir.web.links import local, of_service, phone_link, safe_link
from referral_dir.web.navigation import in_languages, links, same_page

WORDS = {
    "requested": say("Waiting for an answer"), "accepted": say("Accepted"), "rejected": say("Declined"),
    "on_hold": say("On hold"), "in_progress": say("The person has arrived"), "completed": say("Completed"),
    "failed": say("Did not work out"), "cancelled": say("Cancelled"), "draft": say("Draft"),
    "explained": say("Explained, no answer yet"), "given": say("Given"), "refused": say("Refused"),
    "active": say("Active"), "expired": say("Run out"), "withdrawn": say("Withdrawn"),
    "superseded": say("Replaced by a newer one"), "full": say("No place free"),
    "not_eligible": say("Not someone we may take"), "language": say("Nobody speaks the language"),
    "unsafe_here": say("Not safe here"), "need_not_met": say("We can't help with this"),
    "conflict_of_interest": say("Conflict of interest"), "more_information": say("We need to know more"),
    "waiting_for_place": say("Waiting for a place"), "no_longer_needed": say("No longer needed"),
    "chose_another": say("The person chose another service"), "did_not_arrive": say("The person did not arrive"),
    "consent_withdrawn": say("Consent was withdrawn"), "consent_expired": say("Consent ran out"),
    "accepted_elsewhere": say("Another service took the case"), "no_response": say("Nobody answered in time"),
    "other": say("Other"), "accept": say("Accept"), "reject": say("Decline"), "hold": say("Put on hold"),
    "start": say("The person has arrived"), "complete": say("They have been helped: finish"),
    "fail": say("They did not come, or can't be helped here"),
    "cancel": say("Cancel"), "request": say("Requested"),
    "expire": say("Time ran out"),
    "immediate": say("Answer within 2 hours"), "emergency": say("Answer within a day"),
    "urgent": say("Answer within 3 days"), "normal": say("Answer within 14 days"),
    "female": say("Woman or girl"), "male": say("Man or boy"), "trans": say("Trans"), "non_binary": say("Non-binary"),
    "unknown": say("Not known"), "signed": say("Signed"), "digital": say("On the screen"),
    "witnessed_oral": say("Said aloud, with a witness"), "requester": say("the officer"),
    "recipient": say("the service"), "person": say("the person"), "system": say("the system"),
    "wheelchair": say("Wheelchair"), "hearing": say("For deaf people"), "sight": say("For blind people"),
    "follow_up": say("To follow up on a handoff"), "handover": say("I take the case over"),
    "correction": say("To correct something"), "supervision": say("To supervise"),
    "referral": say("To find or arrange help"), "justified": say("Justified"), "not_justified": say("Not justified"),
    "bed": say("beds"), "hour": say("hours"), "appointment": say("appointments"),
    "inactive": say("Not offered"), "temporarily closed": say("Closed for now"), "defunct": say("Closed for good"),
    "available": say("Places free"), "unconfirmed": say("Not confirmed lately"),
    "officer": say("Officer"), "caseworker": say("Caseworker"), "provider": say("Provider"),
    "overseer": say("Overseer"), "administrator": say("Administrator"),
    "vital_interests": say("To save a life"), "own_copy": say("For the person's own copy"),
    "safety": say("For the person's safety"),
}
DAY_NAMES = {"MO": say("Monday"), "TU": say("Tuesday"), "WE": say("Wednesday"), "TH": say("Thursday"),
             "FR": say("Friday"), "SA": say("Saturday"), "SU": say("Sunday")}
ACTS = {
    "service:offline": say("copying a region to a device"),
    "service:find": say("searching for services"), "service:read": say("opening services"),
    "case:read": say("opening cases"), "handoff:receive": say("opening handoffs"),
    "address:read": say("reading hidden addresses"), "case:own_copy": say("making copies of a person's data"),
    "case:break_glass": say("breaking glass"), "audit:export": say("exporting the audit trail"),
}
# What a step of a handoff is called once it was done.
DONE = {
    "request": say("Asked"), "accept": say("Accepted"), "reject": say("Declined"), "hold": say("Put on hold"),
    "start": say("The person has arrived"), "complete": say("Completed"), "fail": say("It did not work out"),
    "cancel": say("Cancelled"), "expire": say("Nobody answered in time"), "undo": say("The last answer was taken back"),
}
CLOSING_SOON = timedelta(hours=1)


def word(code: object) -> str:
    """What a person reads for a code."""
    text = str(code)
    return WORDS.get(text, text.replace("_", " "))


def done_word(action: object) -> str:
    """What a person reads for a step that was done."""
    return DONE.get(str(action)) or word(action)


def who(members: str | Sequence[Member] | Sequence[Mapping[str, Any]]) -> str:
    """Who belongs to a group: as read from a line, as a case keeps it, or as already said."""
    if isinstance(members, str):
        return members
    return members_in_words([m for each in members for m in ([each] if isinstance(each, Member) else read([each]))])


def whom(described: Case | Line) -> str:
    """Who it is about, in words: each of a group, or the one by gender and age; empty where nothing was said."""
    if described.members:
        return who(described.members)
    gender, band = described.gender, described.age_band
    return members_in_words([Member(gender, *(AGES[band] if band else (None, None)))]) if gender or band else ""


def opening_text(found: Opening) -> str:
    """ "Open until 17:00", "Closes in 20 minutes", "Closed, opens today at 09:00", "Hours not known: call"."""
    if found.state is OpenState.OPEN:
        if found.closes and found.closes - now() < CLOSING_SOON:
            minutes = max(1, round((found.closes - now()).total_seconds() / 60))
            return say_many("Closes in %(number)s minute", "Closes in %(number)s minutes", minutes)
        return say("Open until %(time)s", time=f"{found.closes:%H:%M}") if found.closes else say("Open day and night")
    if found.state is OpenState.CLOSED:
        return _opens(found.opens) if found.opens else say("Closed")
    return say("Hours not known: call")


def _opens(moment: datetime) -> str:
    """Today's opening is said as today's, on the service's own clock."""
    if moment.date() == now().astimezone(moment.tzinfo).date():
        return say("Closed, opens today at %(time)s", time=f"{moment:%H:%M}")
    return say("Closed, opens %(when)s", when=say_week_time(moment))


def pattern_word(kind: str) -> str:
    """What an overseer reads for an unusual pattern."""
    if kind == "many_refusals":
        return say("Refused many times")
    how, _, action = kind.partition(":")
    act = ACTS.get(action, action)
    return say("Stopped: %(act)s", act=act) if how == "over" else say("Very often: %(act)s", act=act)


def ago(moment: datetime) -> str:
    """How long ago."""
    return age_text(moment, now())


def until(moment: datetime | None) -> str:
    """How much time is left."""
    if moment is None:
        return ""
    minutes = int((moment - now()).total_seconds() // 60)
    if minutes <= 0:
        return say("now")
    hours, days = minutes // 60, minutes // 1440
    if days > 1:
        return say_many("%(number)s day", "%(number)s days", days)
    if hours:
        return say("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes % 60)
    return say("%(minutes)s min", minutes=minutes)


def spoken(moment: datetime | None) -> str:
    """How much time is left, in whole words: for who listens to the page."""
    if moment is None:
        return ""
    minutes = max(0, int((moment - now()).total_seconds() // 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return say("%(days)s %(hours)s", days=say_many("%(number)s day", "%(number)s days", days),
                   hours=say_many("%(number)s hour", "%(number)s hours", hours))
    if hours:
        return say("%(hours)s %(minutes)s", hours=say_many("%(number)s hour", "%(number)s hours", hours),
                   minutes=say_many("%(number)s minute", "%(number)s minutes", minutes))
    return say_many("%(number)s minute", "%(number)s minutes", minutes)


def clock(moment: datetime) -> str:
    """Day and time on the clock that the moment is in, with that clock's name."""
    return str(format_datetime(moment, "EEE d MMM, HH:mm (zzzz)", locale=ui_language(), tzinfo=moment.tzinfo))


def when(moment: datetime | None) -> str:
    """Date and time on the reader's own clock, or in UTC where that is not known. Handoffs cross time zones, so the
    zone is always said."""
    if moment is None:
        return ""
    zone = reader_zone()
    if zone is None:
        return f"{format_datetime(moment.astimezone(UTC), 'd MMM y HH:mm', locale=ui_language())} UTC"
    return str(format_datetime(moment, "d MMM y HH:mm z", locale=ui_language(), tzinfo=zone))


def reader_zone() -> ZoneInfo | None:
    """The zone of the reader's own clock, looked up once for a page, and only by one that says a time."""
    who = actor_or_none()
    if who is None:
        return None
    if "zone" not in g:
        with reading(edge().store, who) as session:
            g.zone = clocks.of_reader(session, who)
    found: ZoneInfo | None = g.zone
    return found


def day(moment: datetime) -> str:
    """The day alone, for paper."""
    return f"{moment.astimezone(reader_zone() or UTC):%Y-%m-%d}"


def dated(moment: date) -> str:
    """A day, in the reader's words."""
    return str(format_date(moment, "d MMM y", locale=ui_language()))


def need_name(code: str) -> str:
    """The label of a need, in the page's language."""
    return label(code, ui_language())


def name_of_language(code: str) -> str:
    """The name of a language, in the page's language."""
    return language_name(code, ui_language())


def vital_reviews() -> list[break_glass.Report]:
    """What waits for this reader's review; asked for only by the pages that say so."""
    who = current_user.actor
    if not allowed(who.role, "break_glass:review"):
        return []
    with reading(edge().store) as session:
        return break_glass.waiting(session, who, now())


def install(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.filters.update(word=word, who=who, whom=whom, done=done_word, counted=count_text, spoken=spoken,
                                 clock=clock)
    app.jinja_env.tests.update(has_notice=is_written)
    app.jinja_env.filters.update(need=need_name, language=name_of_language, own_name=own_name, short=short, ago=ago,
                                 until=until, when=when, day=day, opening=opening_text, pattern_word=pattern_word,
                                 dated=dated, safe_link=safe_link, phone_link=phone_link)
    app.jinja_env.globals.update(
        NEEDS=needs(), COMMON_LANGUAGES=COMMON[:12], DEMO_ACCOUNTS=DEMO_ACCOUNTS, DEMO_PASSWORD=DEMO_PASSWORD,
        FIELDS=IDENTIFYING_FIELDS, ASKED=ASKED, INTERPRETERS=INTERPRETERS,
        vital_reviews=vital_reviews, RIGHT_TO_LEFT=RIGHT_TO_LEFT,
        local=local, of_service=of_service, links=links, same_page=same_page, in_languages=in_languages)
    app.jinja_env.globals.update(QUESTIONS=QUESTIONS, ASKED_BY=ASKED_BY, OTHER_TIME=OTHER_TIME, DAY_NAMES=DAY_NAMES,
                                 TIME_STATES=TIME_STATES)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    @app.context_processor
    def page() -> dict[str, object]:
        return {"demo": edge().settings.demo,
                "home": HOME[current_user.actor.role] if current_user.is_authenticated else None}
