"""What entries of the audit trail mean, in plain sentences. Codes stay what is kept, filtered and exported."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from referral_dir.domain.reference import short
from referral_dir.domain.saying import Said, say

Sentence = Callable[[str], Said]
SENTENCES: Final[Mapping[str, Sentence]] = MappingProxyType({
    "account:change_password": lambda who: say("%(who)s changed their password", who=who),
    "account:factors": lambda who: say("%(who)s changed how they sign in", who=who),
    "account:join": lambda who: say("%(who)s accepted an invitation", who=who),
    "account:language": lambda who: say("%(who)s chose the language of their pages", who=who),
    "account:read": lambda who: say("%(who)s looked at their own account", who=who),
    "account:reset_password": lambda who: say("%(who)s asked for a new password", who=who),
    "account:second_factor": lambda who: say("%(who)s gave their second factor", who=who),
    "account:sessions": lambda who: say("%(who)s signed out elsewhere", who=who),
    "account:sign_in": lambda who: say("%(who)s signed in", who=who),
    "account:sign_out": lambda who: say("%(who)s signed out", who=who),
    "account:step_up": lambda who: say("%(who)s proved again who they are", who=who),
    "address:keep": lambda who: say("%(who)s wrote down a hidden address", who=who),
    "address:read": lambda who: say("%(who)s read a hidden address", who=who),
    "address:reveal": lambda who: say("%(who)s showed a hidden address to an officer", who=who),
    "audit:export": lambda who: say("%(who)s took audit entries as a file", who=who),
    "audit:head": lambda who: say("%(who)s took the signed end of the audit trail", who=who),
    "audit:read": lambda who: say("%(who)s looked into the audit trail", who=who),
    "audit:verify": lambda who: say("%(who)s checked the audit trail", who=who),
    "break_glass:disclose": lambda who: say("%(who)s was shown fields without consent, to save a life", who=who),
    "break_glass:grant": lambda who: say("%(who)s broke the glass, to save a life", who=who),
    "break_glass:read": lambda who: say("%(who)s read a report of broken glass", who=who),
    "break_glass:review": lambda who: say("%(who)s reviewed broken glass", who=who),
    "calendar:read": lambda who: say("%(who)s took times of arrival into a calendar", who=who),
    "capacity:by_link": lambda who: say("%(who)s answered a reminder by its link", who=who),
    "capacity:read": lambda who: say("%(who)s looked at how much is free", who=who),
    "capacity:remind": lambda who: say("%(who)s reminded somebody to confirm what is free", who=who),
    "capacity:update": lambda who: say("%(who)s said how much is free", who=who),
    "case:break_glass": lambda who: say("%(who)s asked to break the glass, to save a life", who=who),
    "case:change": lambda who: say("%(who)s changed what is kept about a person", who=who),
    "case:close": lambda who: say("%(who)s closed a case", who=who),
    "case:create": lambda who: say("%(who)s began a case", who=who),
    "case:destroy_key": lambda who: say("%(who)s destroyed a case's key", who=who),
    "case:erase": lambda who: say("%(who)s erased a case", who=who),
    "case:exclude": lambda who: say("%(who)s changed who must never see a case", who=who),
    "case:match": lambda who: say("%(who)s searched for services for a case", who=who),
    "case:own_copy": lambda who: say("%(who)s made a copy of a person's data for them", who=who),
    "case:read": lambda who: say("%(who)s opened a case", who=who),
    "consent:active": lambda who: say("%(who)s recorded that a person agreed", who=who),
    "consent:draft": lambda who: say("%(who)s prepared a consent record", who=who),
    "consent:expired": lambda who: say("%(who)s ended a consent whose time was over", who=who),
    "consent:explained": lambda who: say("%(who)s recorded that a consent was explained", who=who),
    "consent:given": lambda who: say("%(who)s recorded that a person agreed", who=who),
    "consent:read": lambda who: say("%(who)s opened a consent record", who=who),
    "consent:receipt": lambda who: say("%(who)s made the receipt of a consent", who=who),
    "consent:record": lambda who: say("%(who)s worked on a consent record", who=who),
    "consent:refused": lambda who: say("%(who)s recorded that a person did not agree", who=who),
    "consent:relay": lambda who: say("%(who)s passed on that a person withdrew their consent", who=who),
    "consent:superseded": lambda who: say("%(who)s replaced a consent by a newer one", who=who),
    "consent:withdraw": lambda who: say("%(who)s withdrew a consent for a person", who=who),
    "consent:withdrawn": lambda who: say("%(who)s recorded that a person withdrew their consent", who=who),
    "correction:decide": lambda who: say("%(who)s settled a correction", who=who),
    "correction:public": lambda who: say("%(who)s sent a correction from the public pages", who=who),
    "correction:send": lambda who: say("%(who)s sent a correction", who=who),
    "directory:import": lambda who: say("%(who)s took in a directory", who=who),
    "figures:read": lambda who: say("%(who)s looked at the figures", who=who),
    "handoff:accept": lambda who: say("%(who)s accepted a handoff", who=who),
    "handoff:answer": lambda who: say("%(who)s answered a handoff", who=who),
    "handoff:cancel": lambda who: say("%(who)s cancelled a handoff", who=who),
    "handoff:check": lambda who: say("%(who)s looked over a request before sending it", who=who),
    "handoff:choose": lambda who: say("%(who)s chose a service for a case", who=who),
    "handoff:complete": lambda who: say("%(who)s completed a handoff", who=who),
    "handoff:escalate": lambda who: say("%(who)s told everyone of a service that a request waits unopened", who=who),
    "handoff:expire": lambda who: say("%(who)s ended a handoff that nobody answered", who=who),
    "handoff:fail": lambda who: say("%(who)s recorded that a handoff did not work out", who=who),
    "handoff:hold": lambda who: say("%(who)s put a handoff on hold", who=who),
    "handoff:list": lambda who: say("%(who)s looked at the requests that wait", who=who),
    "handoff:meeting_point": lambda who: say("%(who)s said where to meet", who=who),
    "handoff:read": lambda who: say("%(who)s opened a handoff that they had asked for", who=who),
    "handoff:receive": lambda who: say("%(who)s opened a handoff that was sent to them", who=who),
    "handoff:reject": lambda who: say("%(who)s declined a handoff", who=who),
    "handoff:request": lambda who: say("%(who)s asked a service to take a case", who=who),
    "handoff:undo": lambda who: say("%(who)s took back their last answer to a handoff", who=who),
    "handoff:start": lambda who: say("%(who)s recorded that the person arrived", who=who),
    "installation:read": lambda who: say("%(who)s looked at how this place is set up", who=who),
    "ledger:replay": lambda who: say("%(who)s ended again what an older backup had brought back", who=who),
    "listing:change": lambda who: say("%(who)s changed a service's record", who=who),
    "listing:check": lambda who: say("%(who)s confirmed that a service's record is right", who=who),
    "listing:export": lambda who: say("%(who)s took services out as a spreadsheet", who=who),
    "listing:import": lambda who: say("%(who)s brought in a spreadsheet of services", who=who),
    "listing:merge": lambda who: say("%(who)s made one of two entries of a service", who=who),
    "listing:read": lambda who: say("%(who)s looked at a service's record", who=who),
    "listing:tell_apart": lambda who: say("%(who)s said that two services are not the same", who=who),
    "listing:undo_merge": lambda who: say("%(who)s undid the merging of two services", who=who),
    "organization:change": lambda who: say("%(who)s changed an organization", who=who),
    "organization:read": lambda who: say("%(who)s looked at organizations", who=who),
    "pattern:read": lambda who: say("%(who)s looked at what was unusual", who=who),
    "pattern:seen": lambda who: say("%(who)s noted something unusual as looked into", who=who),
    "people:approve": lambda who: say("%(who)s approved an invitation", who=who),
    "people:change": lambda who: say("%(who)s changed somebody's account", who=who),
    "people:invite": lambda who: say("%(who)s invited somebody", who=who),
    "people:read": lambda who: say("%(who)s looked at the list of accounts", who=who),
    "public:read": lambda who: say("%(who)s opened a public page", who=who),
    "public:search": lambda who: say("%(who)s searched on the public pages", who=who),
    "retention:purge": lambda who: say("%(who)s erased what had ended", who=who),
    "roster:change": lambda who: say("%(who)s changed who is on duty", who=who),
    "roster:read": lambda who: say("%(who)s looked at who is on duty", who=who),
    "service:find": lambda who: say("%(who)s searched for services", who=who),
    "service:offline": lambda who: say("%(who)s took a copy of the directory onto a device", who=who),
    "service:read": lambda who: say("%(who)s opened a service", who=who),
    "thread:read": lambda who: say("%(who)s read what was written about a handoff", who=who),
    "thread:write": lambda who: say("%(who)s wrote about a handoff", who=who),
    "time:decide": lambda who: say("%(who)s answered a time that was proposed", who=who),
    "time:propose": lambda who: say("%(who)s proposed a time", who=who),
})
REFUSALS: Final[Mapping[str, Said]] = MappingProxyType({
    "Forbidden": say("not theirs to do"), "NotFound": say("does not exist for them"),
    "TooOften": say("too often within an hour"), "WrongState": say("no longer possible"),
    "Invalid": say("not filled in rightly"), "PurposeNeeded": say("without saying what for"),
    "ConsentMissing": say("without consent"), "NoCapacity": say("no place is free")})
KINDS: Final[Mapping[str, Callable[[str], Said]]] = MappingProxyType({
    "case": lambda key: say("case %(key)s", key=key), "handoff": lambda key: say("handoff %(key)s", key=key),
    "consent": lambda key: say("consent record %(key)s", key=key),
    "service": lambda key: say("service %(key)s", key=key), "person": lambda key: say("account %(key)s", key=key),
    "break_glass": lambda key: say("broken glass %(key)s", key=key),
    "organization": lambda key: say("organization %(key)s", key=key),
    "import": lambda key: say("import %(key)s", key=key),
    "pattern": lambda key: say("unusual pattern %(key)s", key=key)})

OF_A_CASE: Final[Mapping[str, Callable[[str], Said]]] = MappingProxyType({
    "case": lambda key: say("case %(key)s", key=key),
    "handoff": lambda key: say("handoff of case %(key)s", key=key),
    "consent": lambda key: say("consent record of case %(key)s", key=key)})


def sentence(action: str, who: str | None) -> Said:
    """ "Olga opened a case". An act of an older program that has no sentence is said by its code."""
    name = who or say("The system")
    if action in SENTENCES:
        return SENTENCES[action](name)
    return say("%(who)s: %(act)s", who=name, act=action.replace(":", ", ").replace("_", " "))


def act(action: str) -> Said:
    """The act alone, for a list to choose from."""
    return sentence(action, say("Someone"))


def about(subject: str | None, reference: str | None = None) -> Said | None:
    """ "case ABCD-EF12", "handoff of case ABCD-EF12"; of what has no case, the kind of record and the beginning of its
    id, which tells one from another."""
    if not subject:
        return None
    kind, _, key = subject.partition(":")
    if reference and kind in OF_A_CASE:
        return OF_A_CASE[kind](short(reference))
    known = KINDS.get(kind)
    return known(key[:8]) if known else say("%(kind)s %(key)s", kind=kind.replace("_", " "), key=key[:8])


def refusal(why: str) -> Said:
    """Why something was refused."""
    return REFUSALS.get(why) or say("%(why)s", why=why)
