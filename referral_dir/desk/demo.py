"""The demo's invented people, one for each role, a supervisor, and one provider more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from referral_dir.desk.accounts import add_person
from referral_dir.domain.passwords import DEMO_PASSWORD as DEMO_PASSWORD
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import figures, people_queries
from referral_dir.store.directory import Phone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NETWORK: Final = "Demo Anti-Trafficking Network (invented)"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An invented person."""

    email: str
    name: str
    role: Role
    organization: str
    # What a newcomer can try with it, its main task, in one line.
    task: str
    supervisor: bool = False


DEMO_ACCOUNTS: Final[Sequence[DemoAccount]] = (
    DemoAccount("officer@demo.example", "Demo Officer", Role.OFFICER, "Demo Border Unit (invented)",
                say("Find a safe house near Miami for someone who speaks Haitian Creole, and ask it to take them.")),
    DemoAccount("supervisor@demo.example", "Demo Supervisor", Role.OFFICER, "Demo Border Unit (invented)",
                say("Look at what was shared without consent in an emergency, and say whether it was right."), True),
    DemoAccount("caseworker@demo.example", "Demo Caseworker", Role.CASEWORKER, NETWORK,
                say("Say how many places are free, and correct what a service says of itself.")),
    DemoAccount("provider@demo.example", "Demo Provider", Role.PROVIDER, "Demo Harbour House (invented)",
                say("Answer what the officer asked: accept it, or say why not.")),
    DemoAccount("lawyer@demo.example", "Demo Lawyer", Role.PROVIDER, "Demo Biscayne Legal Aid (invented)",
                say("The same for a law office: ask the officer a question before you accept.")),
    DemoAccount("overseer@demo.example", "Demo Overseer", Role.OVERSEER, "Demo Oversight Office (invented)",
                say("See who looked at what, and check that nobody changed the trail.")),
    DemoAccount("administrator@demo.example", "Demo Administrator", Role.ADMINISTRATOR, "Demo Operations (invented)",
                say("Invite a person, or bring a directory from a file and look at what it would change.")),
    DemoAccount("second-administrator@demo.example", "Demo Second Administrator", Role.ADMINISTRATOR,
                "Demo Operations (invented)",
                say("Say yes to an officer or administrator whom the other administrator has invited.")),
)


def add_demo_accounts(session: "Session", now: datetime) -> int:
    """Add the accounts that are not there yet; returns how many were added."""
    added = 0
    for account in DEMO_ACCOUNTS:
        if people_queries.person_by_email(session, account.email) is None:
            person = add_person(session, None, email=account.email, name=account.name, role=account.role,
                                organization=account.organization, password=DEMO_PASSWORD, now=now, demo=True)
            person.may_break_glass = account.role is Role.OFFICER and not account.supervisor
            person.is_supervisor = account.supervisor
            added += 1
            if account.role is Role.OFFICER and not account.supervisor:
                session.add(Phone(organization_id=person.organization_id, number="+1 305 555 0110",
                                  number_e164="+13055550110"))
    return added


# What was asked for in the month before, invented: need, language, place, how often something fitted, how often not.
_ASKED: Final = (
    ("shelter.safe_house", "ht", "Miami, Florida, United States", 31, 14),
    ("shelter.safe_house", "es", "Hialeah, Florida, United States", 18, 9),
    ("interpretation", "ti", "Miami, Florida, United States", 2, 17),
    ("interpretation", "ar", "Fort Lauderdale, Florida, United States", 6, 6),
    ("legal.immigration", "es", "Key West, Florida, United States", 4, 11),
    ("medical.emergency", "uk", "Homestead, Florida, United States", 9, 2))


def add_demo_figures(session: "Session", now: datetime) -> None:
    """Counts of last month, so that an overseer's figures show something."""
    month = (now.date().replace(day=1) - timedelta(days=1)).replace(day=1)
    for need, language, place, fitted, unfitted in _ASKED:
        rows = [(need, "language", language), (need, "place", place)]
        figures.count_asked(session, month, rows, fitted=fitted, unfitted=unfitted)
