"""When each kind of record ends, from when that counts, and why. docs/decisions/retention.md shows the same table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from referral_dir.domain.saying import say_many

DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of record and its end."""

    kind: str
    period: timedelta
    counts_from: str
    why: str
    tables: tuple[str, ...]


_RULES: Final = (
    Rule("idle_cases", 180 * DAY, "the last step in an open case",
         "A case that everyone forgot is closed by itself, so that what follows begins. No consent lasts half as long.",
         ()),
    Rule("identifying_fields", 90 * DAY, "the case being closed",
         "The case's key is destroyed, and with it all that it sealed; who the person is and where they were is needed "
         "for questions that come soon after, not later.", ("case_key", "case_field")),
    Rule("closed_cases", 3 * YEAR, "the case being closed",
         "What was asked, agreed and shown, without a name, answers a complaint for as long as one is usually brought.",
         ("case", "case_exclusion", "break_glass")),
    Rule("consents", 3 * YEAR, "their case being closed",
         "Records and each step of them prove that a disclosure was allowed: they end with what they allowed.",
         ("consent", "consent_event")),
    Rule("handoffs", 3 * YEAR, "their case being closed",
         "A handoff, its steps, its hold and the showing of an address say who was responsible for the person when.",
         ("handoff", "handoff_event", "hold", "address_reveal", "handoff_message", "handoff_time", "handoff_watch")),
    Rule("disclosures", 3 * YEAR, "their case being closed",
         "The person may ask who saw what for as long as anything else of the case is there.", ("disclosure",)),
    Rule("absences", 30 * DAY, "the last day away", "Who was away when matters to nobody once they are back.",
         ("duty_away",)),
    Rule("sessions", 30 * DAY, "the last use",
         "Long enough to see a sign-in that was not one's own.", ("login_session",)),
    Rule("rate_counts", 2 * DAY, "the window counted",
         "Limits look back a day at most.", ("rate_count",)),
    Rule("messages", 30 * DAY, "being queued",
         "Long enough to find out why one did not arrive. One that still waits then is out of date.",
         ("outbox_message",)),
    Rule("password_resets", 7 * DAY, "the link's end", "A used or dead link is of no use but to explain itself.",
         ("password_reset",)),
    Rule("invitations", 90 * DAY, "the link's end", "Who invited and who approved also stands in the audit trail.",
         ("invitation",)),
    Rule("capacity_links", 7 * DAY, "the link's end", "A used or dead link is of no use but to explain itself.",
         ("capacity_link",)),
    Rule("capacity_history", 90 * DAY, "the next change of the same number",
         "Long enough to see how full a season was; the number as it stands is never forgotten.",
         ("capacity_history",)),
    Rule("corrections", 90 * DAY, "being sent",
         "Long enough to look into what is said; who said so is not known, and the words may say too much.",
         ("correction",)),
    Rule("bulk_edits", DAY, "being sent in",
         "A file that nobody confirmed on the same day is out of date; its report is read at once.", ("bulk_draft",)),
    Rule("merge_undos", 30 * DAY, "the merge",
         "Long enough to see that two entries were not one; then what the merge removed is gone.", ("merge_undo",)),
    Rule("unusual_patterns", YEAR, "the day it was seen in",
         "Long enough to tell a habit from a bad week; staff have a right to an end of it.", ("unusual_pattern",)),
    Rule("asked_counts", 3 * YEAR, "the month counted",
         "What was asked for and not found, as counts: long enough to see whether what was missing has come.",
         ("asked_count",)),
    Rule("import_jobs", 90 * DAY, "the upload",
         "Long enough to see what a file changed and refused. The file itself goes as soon as it was read.",
         ("import_job",)),
    Rule("change_log", 30 * DAY, "the change",
         "An index that was away for longer is built anew. The newest entry stays: numbers never begin again.",
         ("change_log",)),
    Rule("audit_entries", 10 * YEAR, "the act",
         "Kept longest: trafficking is tried late, and only the trail shows then who looked at whom. It holds ids, "
         "no names and no content, and is cut only up to a signed head, so that the rest can still be verified.",
         ("audit_entry", "audit_head")),
    Rule("erasure_proofs", 10 * YEAR, "the erasure",
         "A hash of a random number, a day and a rule: that it was erased can be shown, not what.", ("erasure",)),
)
RULES: Final[Mapping[str, Rule]] = MappingProxyType({rule.kind: rule for rule in _RULES})

# An erasure that was asked for, or done again after an older backup was restored, follows no period.
ON_REQUEST: Final = "request"
BY_LEDGER: Final = "ledger"


def ended_before(kind: str, now: datetime) -> datetime:
    """What this kind counts from must lie before this moment for the record to have ended."""
    return now - RULES[kind].period


def in_words(period: timedelta) -> str:
    """ "90 days", "3 years"."""
    years, rest = divmod(period.days, YEAR.days)
    if years and not rest:
        return say_many("%(number)s year", "%(number)s years", years)
    return say_many("%(number)s day", "%(number)s days", period.days)
