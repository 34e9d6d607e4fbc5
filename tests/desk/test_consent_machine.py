"""Every order of give, request, accept, read, withdraw, expire, replace and break glass, against a plain model.

What a provider is shown must be exactly what the model allows at that moment, and each refusal must be a refusal.
One database for the run, a new case for each example.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from referral_dir.desk import break_glass, cases, consents, handoffs
from referral_dir.domain.break_glass import Claim
from referral_dir.domain.consent_record import Answer, Explanation, Terms, Withdrawal
from referral_dir.domain.errors import NotFound, Refused
from referral_dir.domain.vocabulary import HandoffAction, Reason
from referral_dir.store.cases import Disclosure, Handoff
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import ServiceCapacity
from referral_dir.store.people import Person
from tests import cast as people
from tests.cast import MIAMI, NOW, Cast

pytestmark = pytest.mark.usefixtures("no_budgets")

VALUES = {"name": "Invented Person", "health": "asthma", "phone": "+1 305 555 0199", "background": "invented"}
FIELDS = st.frozensets(st.sampled_from(sorted(VALUES)), max_size=3)
WHERE = st.sampled_from(["clinic", "shelter"])
ANY = st.integers(0, 30)
EXAMPLES = {"sqlite": 120, "postgresql": 30}
STAGE = st.sampled_from(["new", "explained", "agreed", "accepted", "being replaced", "replaced", "saved"])
SAID = Explanation("ht", "staff_member", "adult")
YES = Answer("witnessed_oral", "interpreter")
SHOWING = ("accepted", "in_progress")
OPEN = ("requested", "on_hold", *SHOWING)


class Records(RuleBasedStateMachine):
    """The system beside the model: records, handoffs and broken glass as plain dictionaries."""

    store: ClassVar[Store]
    cast: ClassVar[Cast]

    @initialize(stages=st.fixed_dictionaries({"clinic": STAGE, "shelter": STAGE}), fields=FIELDS, later=st.booleans(),
                waited=st.sampled_from([timedelta(0), timedelta(minutes=59), timedelta(hours=25)]))
    def open_case(self, stages: dict[str, str], fields: frozenset[str], later: bool, waited: timedelta) -> None:
        """A new case that has come some way already, so that few steps are needed to where it matters."""
        self.now = NOW
        self.records: list[dict[str, Any]] = []
        self.broken: list[dict[str, Any]] = []
        self.handoffs: list[dict[str, Any]] = []
        self.answers: dict[str, str] = {}
        self.disclosed: list[tuple[UUID, str, frozenset[str]]] = []
        with transaction(self.store) as session:
            case = cases.open_case(session, self.cast.olga, cases.NewCase(
                needs=["medical.general"], languages=["ht"], place=MIAMI), self.now)
            cases.set_identifying(session, self.cast.olga, case.id, VALUES, self.now)
            self.case = case.id
        for where, stage in stages.items():
            if stage not in ("new", "saved"):
                self.begin(where, fields, 1, later=False, explain=True)
            if stage not in ("new", "explained", "saved"):
                self.give(-1)
            if stage == "saved":
                self.break_the_glass(where, frozenset({"name", "health"}))
            if stage in ("accepted", "being replaced", "replaced", "saved"):
                self.request(where)
                self.accept(-1)
            if stage in ("being replaced", "replaced"):
                self.begin(where, fields - {"name"}, 3, later=later, explain=True)
            if stage == "replaced":
                self.give(-1)
        self.now += waited

    # --- the model

    def consented(self, where: str) -> frozenset[str] | None:
        """The fields that may be shown there by consent; None: it may not even know of the case."""
        for record in self.records:
            if record["where"] == where and record["state"] == "active" and \
                    record["from"] <= self.now < record["expires"]:
                found: frozenset[str] = record["fields"]
                return found
        return None

    def vital(self, where: str) -> frozenset[str] | None:
        if self.answers.get(where) == "no":
            return None
        lasting = [b for b in self.broken if b["where"] == where and self.now < b["until"] and b["verdict"] != "no"]
        return max(lasting, key=lambda b: b["until"])["fields"] if lasting else None

    def may_know(self, where: str) -> bool:
        return self.consented(where) is not None or self.vital(where) is not None

    # --- helpers

    def tried(self, act: Callable[[Any], Any]) -> Any:
        """What the act returns, or None where it was refused. Each takes a second."""
        self.now += timedelta(seconds=1)
        try:
            with transaction(self.store) as session:
                return act(session) or True
        except Refused:
            return None

    def one(self, rows: list[dict[str, Any]], number: int) -> dict[str, Any] | None:
        return rows[number % len(rows)] if rows else None

    def provider(self, where: str) -> Any:
        return self.cast.pablo if where == "clinic" else self.cast.petra

    def look(self) -> None:
        """Where the handoffs stand now: other acts than their own move them."""
        with reading(self.store) as session:
            for handoff in self.handoffs:
                handoff["state"] = session.get_one(Handoff, handoff["id"]).state

    # --- consent

    @precondition(lambda self: len(self.records) < 6)
    @rule(where=WHERE, fields=FIELDS, days=st.sampled_from([1, 3, 14]), later=st.booleans(), explain=st.booleans())
    def begin(self, where: str, fields: frozenset[str], days: int, later: bool, explain: bool) -> None:
        begins = self.now + timedelta(hours=6) if later else None
        service = getattr(self.cast, where)
        terms = Terms(fields, days, begins)
        row = self.tried(lambda s: consents.draft(s, self.cast.olga, self.case, service, terms, self.now))
        assert row
        record = {"id": row.id, "where": where, "fields": fields, "from": begins, "state": "draft",
                  "expires": row.expires}
        self.records.append(record)
        if explain:
            self.explain(len(self.records) - 1)

    @precondition(lambda self: self.records)
    @rule(number=ANY)
    def explain(self, number: int) -> None:
        """Also of a record that has ended: that must not bring it back."""
        record = self.one(self.records, number)
        if record:
            done = self.tried(lambda s: consents.explain(s, self.cast.olga, record["id"], SAID, self.now))
            assert bool(done) == (record["state"] == "draft"), record
            record["state"] = "explained" if done else record["state"]

    @precondition(lambda self: self.records)
    @rule(number=ANY)
    def give(self, number: int) -> None:
        """Also again, after it was refused, withdrawn, replaced or has run out."""
        record = self.one(self.records, number)
        if record is None:
            return
        done = self.tried(lambda s: consents.give(s, self.cast.olga, record["id"], YES, self.now))
        assert bool(done) == (record["state"] == "explained" and self.now < record["expires"]), record
        if done:
            for other in self.records:
                if other["where"] == record["where"] and other["state"] == "active":
                    other["state"] = "superseded"
            record["state"], record["from"] = "active", max(record["from"] or self.now, self.now)
            self.answers[record["where"]] = "yes"

    @precondition(lambda self: self.records)
    @rule(number=ANY)
    def refuse(self, number: int) -> None:
        record = self.one(self.records, number)
        if record:
            done = self.tried(lambda s: consents.refuse(s, self.cast.olga, record["id"], now=self.now))
            assert bool(done) == (record["state"] == "explained"), record
            self.said_no(record, "refused", done)

    @precondition(lambda self: self.records)
    @rule(number=ANY)
    def withdraw(self, number: int) -> None:
        record = self.one(self.records, number)
        if record:
            done = self.tried(lambda s: consents.withdraw(s, self.cast.olga, record["id"], Withdrawal(), self.now))
            assert bool(done) == (record["state"] == "active"), record
            self.said_no(record, "withdrawn", done)

    def said_no(self, record: dict[str, Any], state: str, done: object) -> None:
        if done:
            record["state"], self.answers[record["where"]] = state, "no"

    # --- time

    @rule(step=st.sampled_from([timedelta(minutes=20), timedelta(hours=1), timedelta(hours=7), timedelta(hours=25)]),
          noticed=st.booleans())
    def time_passes(self, step: timedelta, noticed: bool) -> None:
        """Whether or not anything has yet noticed that something ran out, it must count."""
        self.now += step
        if noticed:
            with transaction(self.store) as session:
                handoffs.expire_due(session, self.now)
            for record in self.records:
                if record["state"] == "active" and record["expires"] <= self.now:
                    record["state"] = "expired"

    # --- handoffs

    @rule(where=WHERE)
    def request(self, where: str) -> None:
        self.look()
        asked_already = any(h["where"] == where and h["state"] in OPEN for h in self.handoffs)
        row = self.tried(lambda s: handoffs.request(s, self.cast.olga, self.case, getattr(self.cast, where), self.now))
        assert bool(row) == (self.may_know(where) and not asked_already)
        if row:
            self.handoffs.append({"id": row.id, "where": where, "state": "requested"})

    @precondition(lambda self: self.handoffs)
    @rule(number=ANY)
    def accept(self, number: int) -> None:
        handoff = self.one(self.handoffs, number)
        if handoff:
            self.look()
            who = self.provider(handoff["where"])
            done = self.tried(lambda s: handoffs.accept(s, who, handoff["id"], self.now))
            assert bool(done) == (handoff["state"] in ("requested", "on_hold") and self.may_know(handoff["where"]))

    @precondition(lambda self: self.handoffs)
    @rule(number=ANY, act=st.sampled_from([(HandoffAction.START, None), (HandoffAction.COMPLETE, None),
                                           (HandoffAction.HOLD, Reason.OTHER), (HandoffAction.FAIL, Reason.OTHER)]))
    def answer(self, number: int, act: tuple[HandoffAction, Reason | None]) -> None:
        handoff = self.one(self.handoffs, number)
        if handoff:
            who = self.provider(handoff["where"])
            self.tried(lambda s: handoffs.answer(s, who, handoff["id"], act[0], self.now, reason=act[1]))

    # --- break glass

    @precondition(lambda self: len(self.broken) < 3)
    @rule(where=WHERE, fields=st.frozensets(st.sampled_from(["name", "phone", "health"]), min_size=1))
    def break_the_glass(self, where: str, fields: frozenset[str]) -> None:
        claim = Claim("medical_emergency", "now", "unconscious", "invented words", fields)
        row = self.tried(lambda s: break_glass.grant(s, self.cast.olga, self.case, getattr(self.cast, where), claim,
                                                     self.now))
        overdue = any(b["verdict"] is None and b["review_by"] <= self.now for b in self.broken)
        assert bool(row) == (self.answers.get(where) != "no" and not overdue)
        if row:
            self.broken.append({"id": row.id, "where": where, "fields": fields, "verdict": None,
                                "until": self.now + timedelta(hours=1), "review_by": self.now + timedelta(hours=24)})

    @precondition(lambda self: self.broken)
    @rule(number=ANY, justified=st.booleans())
    def review(self, number: int, justified: bool) -> None:
        broken = self.one(self.broken, number)
        if broken:
            verdict = "justified" if justified else "not_justified"
            done = self.tried(lambda s: break_glass.review(s, self.cast.vera, broken["id"], verdict, self.now))
            assert bool(done) == (broken["verdict"] is None), "an overseer reviews once"
            broken["verdict"] = ("yes" if justified else "no") if done else broken["verdict"]

    # --- what is shown

    @precondition(lambda self: self.handoffs)
    @rule(number=ANY)
    def a_stranger_reads(self, number: int) -> None:
        handoff = self.one(self.handoffs, number)
        if handoff:
            stranger = self.provider("shelter" if handoff["where"] == "clinic" else "clinic")
            with pytest.raises(NotFound), transaction(self.store) as session:
                handoffs.read_incoming(session, stranger, handoff["id"], self.now)

    @invariant()
    def each_provider_is_shown_exactly_what_is_allowed(self) -> None:
        self.look()
        read = [h for h in self.handoffs if h["state"] in OPEN] or self.handoffs[-1:]
        with transaction(self.store) as session:
            views = [handoffs.read_incoming(session, self.provider(h["where"]), h["id"], self.now) for h in read]
        for handoff, view in zip(read, views, strict=True):
            where, showing = handoff["where"], handoff["state"] in SHOWING
            consented = self.consented(where) or frozenset() if showing else frozenset()
            vital = (self.vital(where) or frozenset()) - consented if showing else frozenset()
            assert dict(view.identifying) == {f: VALUES[f] for f in consented}
            assert dict(view.vital) == {f: VALUES[f] for f in vital}
            assert bool(view.about) == (handoff["state"] in OPEN and self.may_know(where))
            self.disclosed += [(handoff["id"], "consent", consented)] if consented else []
            self.disclosed += [(handoff["id"], "vital", vital)] if vital else []

    def teardown(self) -> None:
        """Each disclosure was written down with its ground; then nothing of this case stays overdue."""
        if not hasattr(self, "case"):
            return
        with transaction(self.store) as session:
            rows = session.query(Disclosure).filter(Disclosure.case_id == self.case).all()
            noted = [(r.handoff_id, "consent" if r.consent_id else "vital", frozenset(r.fields)) for r in rows]
            for broken in self.broken:
                if broken["verdict"] is None:
                    break_glass.review(session, self.cast.vera, broken["id"], "justified", self.now)
        assert sorted(map(repr_of, noted)) == sorted(map(repr_of, self.disclosed))


def repr_of(entry: tuple[UUID, str, frozenset[str]]) -> tuple[str, str, str]:
    return str(entry[0]), entry[1], ",".join(sorted(entry[2]))


def test_no_order_of_acts_shows_what_is_not_allowed(store: Store) -> None:
    with transaction(store):
        pass
    cast = people.build(store, hold_minutes=None)
    with transaction(store) as session:
        session.delete(session.get_one(ServiceCapacity, cast.beds))
        session.get_one(Person, cast.olga.person_id).may_break_glass = True
    machine = type("Run", (Records,), {"store": store, "cast": cast})
    run_state_machine_as_test(machine, settings=settings(
        max_examples=EXAMPLES[store.engine.dialect.name], stateful_step_count=12,
        phases=(Phase.generate, Phase.shrink), deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck)))
