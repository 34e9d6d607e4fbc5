"""What stands around every page: the links of each role, and the ways to the same page in another language.

A page that others reach from everywhere gets a line in NAVIGATION; all else is reached from those pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from flask import current_app, g, request, url_for
from flask_login import current_user

from referral_dir.domain.saying import UI_LANGUAGES, Said, say
from referral_dir.domain.vocabulary import Role
from referral_dir.web.auth import HOME, local_path


@dataclass(frozen=True, slots=True)
class Line:
    """One link: where it leads, what it says, and the pages below it, on which it is marked too."""

    endpoint: str
    text: Said
    below: frozenset[str] = frozenset()


def _line(endpoint: str, text: Said, *below: str) -> Line:
    return Line(endpoint, text, frozenset(below))


NAVIGATION: Final[Mapping[Role, tuple[Line, ...]]] = MappingProxyType({
    Role.OFFICER: (
        _line("finding.find_form", say("Find"), "finding.find_services", "finding.change_question"),
        _line("finding.search", say("Search")),
        _line("officer.my_cases", say("Cases"), "officer.case", "officer.new_case"),
        _line("officer.my_handoffs", say("Handoffs"), "officer.handoff"),
        _line("offline.page", say("Without signal")),
    ),
    Role.CASEWORKER: (
        _line("caseworker.board_page", say("Free places")),
        _line("caseworker.services", say("My services"), "caseworker.service"),
        _line("caseworker.suggestions", say("Suggestions")),
        _line("finding.find_form", say("Find"), "finding.find_services"),
        _line("finding.search", say("Search")),
    ),
    Role.PROVIDER: (
        _line("provider.incoming", say("Incoming"), "provider.handoff"),
        _line("rosters.page", say("Duty")),
        _line("provider.capacity_board", say("Free places")),
    ),
    Role.OVERSEER: (
        _line("oversight.trail", say("Audit trail")),
        _line("oversight.figures", say("Figures")),
        _line("oversight.unusual", say("Unusual")),
        _line("oversight.verify", say("Verify")),
    ),
    Role.ADMINISTRATOR: (
        _line("administration.people", say("People"), "administration.person", "administration.invite_form",
              "administration.invited"),
        _line("organizations.everyone", say("Organizations"), "organizations.one", "organizations.new"),
        _line("imports.everything", say("Imports"), "imports.one"),
        _line("installation.notice_list", say("Notices"), "installation.notice"),
        _line("installation.settings", say("Settings")),
    ),
})


def links() -> Iterator[tuple[str, Said, bool]]:
    """(address, text, whether it is where the reader is) of each line of who is signed in."""
    for line in NAVIGATION[current_user.actor.role] if current_user.is_authenticated else ():
        yield url_for(line.endpoint), line.text, request.endpoint in {line.endpoint, *line.below}


def same_page() -> str:
    """This page's own address, where asking for it again shows it; else where its reader begins."""
    return _again() or url_for(HOME[current_user.actor.role] if current_user.is_authenticated else "public.home")


def in_languages() -> Iterator[tuple[str, str]]:
    """(code, address) of this page in each language, for who is not signed in: nothing is kept of them."""
    for code in UI_LANGUAGES:
        yield code, _again(lang=code) or url_for("public.home", lang=code)


def _again(**also: str) -> str | None:
    """The address of this page. None for an error's page, and for an answer that only a form gets."""
    adapter = current_app.create_url_adapter(request)
    if "reference" in g or not request.endpoint or adapter is None or not adapter.test(request.path, method="GET"):
        return None
    asked = request.args.to_dict() if request.method == "GET" else {}
    asked = {name: value for name, value in asked.items() if name != "next" or local_path(value)} | also
    return quote(request.script_root + request.path) + (f"?{urlencode(asked)}" if asked else "")
