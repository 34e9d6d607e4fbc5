"""Messages: queued with the act, sent later, with a link and no detail."""

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from referral_dir.desk import audit, roster
from referral_dir.desk.translating import in_language
from referral_dir.domain.consent import is_active
from referral_dir.domain.saying import say, say_many
from referral_dir.store import case_queries, exclusion_queries, invitation_queries, outbox, people_queries
from referral_dir.store.cases import Handoff
from referral_dir.store.crypto import SealError
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import Person
from referral_dir.store.records import OutboxMessage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The whole text that leaves the house. It names no person, no need, no place and no organization.
SUBJECTS: Final[Mapping[str, str]] = MappingProxyType({
    "handoff_waiting": say("Something is waiting for you"),
    "handoff_unopened": say("Something is still waiting: nobody has opened it"),
    "handoff_answered": say("There is an answer for you"),
    "handoff_ended": say("Something has changed"),
    "question_waits": say("There is a message for you"),
    "meeting_point": say("There is word about where to meet"),
    "time_proposed": say("A time was proposed"),
    "time_answered": say("There is an answer about a time"),
    "password_reset": say("Your new password"),
    "invitation": say("You are invited"),
    "account_changed": say("Something has changed in your account"),
    "break_glass": say("Something needs your review today"),
    "capacity_reminder": say("Some of your numbers need a word from you"),
})
# Several of these are one message, as long as it has not gone out.
ONCE: Final = frozenset({"question_waits", "meeting_point", "time_proposed", "time_answered"})
LEASE: Final = timedelta(minutes=10)
FIRST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY: Final = timedelta(hours=4)
GIVE_UP_AFTER: Final = 12
BATCH: Final = 100

Send = Callable[[EmailMessage], None]


@dataclass(frozen=True, slots=True)
class Mailer:
    """Where mail goes out, and what its links start with. Without a host nothing is sent and all waits."""

    host: str | None
    port: int
    sender: str
    base_url: str
    user: str | None = None
    password: str | None = None
    starttls: bool = True

    def send(self, message: EmailMessage) -> None:
        """Hand the message to the mail server. Raises OSError or smtplib.SMTPException."""
        if not self.host:
            raise OSError("no mail server is configured")
        with smtplib.SMTP(self.host, self.port, timeout=20) as server:
            if self.starttls:
                server.starttls(context=ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password or "")
            server.send_message(message)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run did."""

    sent: int
    retried: int
    cancelled: int
    failed: int


def tell_organization(session: "Session", kind: str, handoff: "Handoff", organization_id: UUID,
                      now: datetime) -> None:
    """Queue a message to who is on duty there; to everyone who answers handoffs there, where nobody is."""
    told = roster.to_tell(session, handoff, organization_id, now)
    for person_id in told.people:
        _queue(session, kind, handoff, person_id, now)
    if kind == "handoff_waiting":
        roster.watch(session, handoff, told, now)


def escalate(session: "Session", now: datetime) -> int:
    """Tell everyone of pressing requests that nobody on duty has opened in time. Returns of how many."""
    due = roster.due_to_escalate(session, now)
    for handoff in due:
        audit.record(session, None, "handoff:escalate", now, subject=f"handoff:{handoff.id}", purpose="referral")
        for person_id in people_queries.providers_of(session, handoff.recipient_organization_id):
            _queue(session, "handoff_unopened", handoff, person_id, now)
    return len(due)


def tell_requester(session: "Session", kind: str, handoff: "Handoff", now: datetime) -> None:
    """Queue a message to the officer who asked."""
    _queue(session, kind, handoff, handoff.requested_by_id, now)


def tell_person(session: "Session", kind: str, person_id: UUID, now: datetime, *, path: str,
                number: int | None = None) -> None:
    """Queue a message to one person that links to a page of its own; the path is sealed, as it may open something.
    `number`: how many there are of what it is about, to be said in its subject."""
    message = OutboxMessage(id=uuid4(), kind=kind, person_id=person_id, created=now, state="queued", next_attempt=now,
                            number=number)
    message.link = session.info["keys"].seal(path.encode(), message.id, "link")
    session.add(message)


def cancel(session: "Session", handoff_id: UUID) -> None:
    """Whatever has not been sent about this handoff never will be."""
    outbox.cancel_messages(session, handoff_id)


def deliver(store: Store, mailer: Mailer, now: datetime, send: Send | None = None) -> Delivered:
    """Send what is due: claim, check consent once more, send, note. Several may run side by side."""
    counts = dict.fromkeys(("sent", "retried", "cancelled", "failed"), 0)
    with reading(store, system="deliver") as session:
        due = list(outbox.due_messages(session, now, BATCH))
    for message_id in due:
        mail = _claim(store, mailer, message_id, now)
        if mail is None:
            counts["cancelled"] += 1
            continue
        counts[_send(store, message_id, mail, now, send or mailer.send)] += 1
    return Delivered(**counts)


def _queue(session: "Session", kind: str, handoff: "Handoff", person_id: UUID, now: datetime) -> None:
    if kind in ONCE and outbox.waits(session, handoff.id, person_id, kind):
        return
    session.add(OutboxMessage(kind=kind, person_id=person_id, handoff_id=handoff.id, consent_id=handoff.consent_id,
                              created=now, state="queued", next_attempt=now))


def _claim(store: Store, mailer: Mailer, message_id: UUID, now: datetime) -> EmailMessage | None:
    """The mail to send, or None where it was cancelled, another has it, or consent no longer covers it."""
    with transaction(store, system="deliver") as session:
        if not outbox.claim_message(session, message_id, now, now + LEASE):
            return None
        message = session.get_one(OutboxMessage, message_id)
        person = (invitation_queries.invited(session, message.person_id, now) if message.kind == "invitation"
                  else people_queries.active_person(session, message.person_id))
        path = _path(session, message)
        if person is None or path is None or _conflicted(session, message, person) \
                or not _still_consented(session, message, now):
            outbox.move_message(session, message_id, "sending", state="cancelled", claimed_until=None, link=None)
            return None
        return compose(message, person.email, mailer, path, person.language or "en")


def _path(session: "Session", message: OutboxMessage) -> str | None:
    """What the mail links to; None where its key has been taken away: the others must not wait for it."""
    if message.link is None:
        # Without a handoff: it was erased before this went out.
        return f"/waiting/{message.handoff_id}" if message.handoff_id else "/"
    try:
        path: bytes = session.info["keys"].open(message.link, message.id, "link")
    except SealError:
        return None
    return path.decode()


def _conflicted(session: "Session", message: OutboxMessage, person: Person) -> bool:
    """Whether the case was closed to this person: checked when it is sent, so that a later word counts too."""
    handoff = session.get(Handoff, message.handoff_id) if message.handoff_id else None
    return handoff is not None and bool(exclusion_queries.excluded_people(
        session, handoff.case_id, [(person.id, person.organization_id)]))


def _still_consented(session: "Session", message: OutboxMessage, now: datetime) -> bool:
    if message.consent_id is None or message.kind == "handoff_ended":
        return True
    row = case_queries.lock_consent(session, message.consent_id)
    return row is not None and is_active(case_queries.as_consent(row), now)


def compose(message: OutboxMessage, address: str, mailer: Mailer, path: str, language: str = "en") -> EmailMessage:
    """The mail in the recipient's language, with a link to `path`; its Message-ID is the row's, so that a resent copy
    is known as the same."""
    mail = EmailMessage()
    mail["Subject"] = in_language(_subject(message), language)
    mail["From"] = mailer.sender
    mail["To"] = address
    mail["Message-ID"] = f"<{message.id}@{mailer.sender.rpartition('@')[2].strip('>') or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = language
    text = in_language(_body(message.kind, mailer.base_url.rstrip("/") + path), language)
    # Seven bits leave a long link in one piece even where nothing decodes them. What is not ASCII goes as base64, which
    # is put together whole: quoted-printable would cut the link, and eight bits are not every server's to carry.
    mail.set_content(text, charset="utf-8", cte="7bit" if text.isascii() else "base64")
    return mail


def _subject(message: OutboxMessage) -> str:
    if message.kind == "capacity_reminder" and message.number:
        return say_many("%(number)s of your numbers needs a word from you",
                        "%(number)s of your numbers need a word from you", message.number)
    return SUBJECTS[message.kind]


def _body(kind: str, link: str) -> str:
    if kind == "password_reset":
        return say("Choose a new password here:\n\n%(link)s\n\nThe link works once, for one hour. If you did not ask "
                   "for it, do nothing: your password stays as it is. Do not reply to this message.\n", link=link)
    if kind == "invitation":
        return say("Please follow this link within 7 days:\n\n%(link)s\n\nIt works once. If you did not expect this, "
                   "do nothing. Do not reply to this message.\n", link=link)
    if kind == "capacity_reminder":
        return say("Are your numbers of free places still true? Please look at them here:\n\n%(link)s\n\nThe link "
                   "works once, for 36 hours, and can do nothing else. Do not pass it on. Do not reply to this "
                   "message.\n", link=link)
    return say("Please sign in to read it:\n\n%(link)s\n\nThis message has no details, on purpose. Do not reply to "
               "it.\n", link=link)


def _send(store: Store, message_id: UUID, mail: EmailMessage, now: datetime, send: Send) -> str:
    try:
        send(mail)
    except (OSError, smtplib.SMTPException) as error:
        return _retry(store, message_id, type(error).__name__, now)
    with transaction(store, system="deliver") as session:
        outbox.move_message(session, message_id, "sending", state="sent", sent=now, claimed_until=None, error=None,
                            link=None)
    return "sent"


def _retry(store: Store, message_id: UUID, error: str, now: datetime) -> str:
    """Put it back with a growing delay; after the last attempt it stays as failed, for a person to see."""
    with transaction(store, system="deliver") as session:
        message = session.get(OutboxMessage, message_id)
        if message is None:  # erased with its case while the mail server was asked
            return "cancelled"
        attempts = message.attempts
        if attempts >= GIVE_UP_AFTER:
            outbox.move_message(session, message_id, "sending", state="failed", claimed_until=None, error=error,
                                link=None)
            return "failed"
        delay = min(FIRST_RETRY * 2 ** (attempts - 1), LONGEST_RETRY)
        outbox.move_message(session, message_id, "sending", state="queued", claimed_until=None,
                            next_attempt=now + delay, error=error)
    return "retried"
