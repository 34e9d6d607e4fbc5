"""Consent by its pages: plain steps, what was typed is kept, evidence is not, and the copy betrays nothing."""

import hashlib
import html
import io
import re
from collections.abc import Callable

import pytest

from referral_dir.desk import consents
from referral_dir.domain import receipt
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Terms
from referral_dir.store.cases import Consent, Disclosure
from referral_dir.store.db import reading, transaction
from tests import cast as people
from tests.web import conftest
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]
# What must not stand on paper that somebody may find, in any language of the copy.
BETRAYING = (
    "traffick", "shelter", "safe house", "refuge", "victim", "police", "border", "immigration", "asylum", "officer",
    "referral", "handoff", "case", "exploit", "abuse", "violen", "consent", "organi", "agency", "unit", "service",
    "trata", "refugio", "víctima", "policía", "frontera", "agente", "asilo", "traite", "foyer", "victime", "frontière",
    "asile", "притул", "жертв", "поліці", "кордон", "торгівл", "الشرطة", "مأوى", "ضحية", "الاتجار", "اللجوء", "الحدود",
    # Names, places, needs and values of this very record.
    "harbour", "olga", "invented", "clinic", "miami", "asthma", "haitian", "créole", "female", "what happened",
)


def drafted(world: World, fields: tuple[str, ...] = ("name", "health", "background")) -> str:
    with transaction(world.store) as session:
        return str(consents.draft(session, world.cast.olga, world.case, world.cast.shelter, Terms(fields),
                                  people.NOW).id)


def row(world: World, consent_id: object) -> Consent:
    with reading(world.store) as session:
        found = session.query(Consent).filter(Consent.id == conftest.UUID(str(consent_id))).one()
        session.expunge(found)
        return found


def test_three_steps_lead_to_a_full_record(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    answer = browser.post(f"/officer/case/{world.case}/consent/{world.cast.clinic}", fields="name", days="5",
                          review_days="2", onward_sharing="yes", legal_basis="vital_interests")
    assert answer.status_code == 302
    path = answer.headers["Location"].partition("?")[0]
    explained = browser.post(path + "/explain", language="ht", interpreter="professional_remote",
                             interpreter_reference="Agency 4711", format="read_aloud", capacity="adult")
    assert explained.status_code == 302
    given = browser.post(path + "/give", method="witnessed_oral", witness="interpreter")
    assert given.status_code == 302
    found = row(world, path.rpartition("/")[2])
    assert (found.state, found.onward_sharing, found.legal_basis, found.witness) == (
        "active", True, "vital_interests", "interpreter")
    page = browser.get(path).text
    for text in ("Agency 4711", "The professional interpreter", "Vital interests", receipt.code(found.id)):
        assert text in page


@pytest.mark.parametrize(("step", "sent", "kept"), [
    ("explain", {"interpreter": "professional_remote", "capacity": "minor", "guardian": "parent",
                 "guardian_suspected": "yes", "language": "es", "format": "easy_read"},
     ['value="minor" checked', 'value="parent" checked', 'value="easy_read" checked', 'name="language" value="es"',
      "not someone who is suspected", "the number by which the agency"]),
    ("give", {"method": "signed", "witness": "recording", "evidence": "not a hash"},
     ['value="signed" checked', 'value="recording" checked', 'value="not a hash"', "64 characters"]),
])
def test_what_was_typed_is_kept_and_each_problem_is_named(world: World, sign_in: SignIn, step: str,
                                                          sent: dict[str, str], kept: list[str]) -> None:
    browser = sign_in(world.cast.olga)
    consent_id = drafted(world)
    if step == "give":
        with transaction(world.store) as session:
            consents.explain(session, world.cast.olga, conftest.UUID(consent_id), people.EXPLAINED, people.NOW)
    answer = browser.post(f"/officer/consent/{consent_id}/{step}", **sent)
    assert answer.status_code == 422
    for text in kept:
        assert text in answer.text


def test_terms_that_can_not_be_are_named_and_kept(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/case/{world.case}/consent/{world.cast.clinic}"
    answer = browser.post(path, fields="health", days="91", legal_basis="consent", onward_sharing="yes")
    assert answer.status_code == 422
    for text in ('value="91"', 'value="health" checked', 'value="consent" checked', 'value="yes" checked',
                 "from 1 to 90 days"):
        assert text in answer.text
    assert "as 2026-12-31" in browser.post(path, fields="health", valid_from="tomorrow").text


def test_the_server_decides_whatever_the_form_says(world: World, sign_in: SignIn) -> None:
    """A forged form cannot skip a step, name a fourth interpreter, or leave the child unasked."""
    browser = sign_in(world.cast.olga)
    path = f"/officer/consent/{drafted(world)}"
    assert browser.post(path + "/give", method="digital").status_code == 409, "not explained yet"
    forged = {"language": "ht", "interpreter": "her_boss", "capacity": "adult", "format": "text", "state": "active"}
    assert browser.post(path + "/explain", **forged).status_code == 422
    guarded = {**forged, "interpreter": "staff_member", "capacity": "minor", "guardian": "authority",
               "guardian_suspected": "no"}
    assert browser.post(path + "/explain", **guarded).status_code == 302
    assert browser.post(path + "/give", method="digital", fields="background").status_code == 422
    assert row(world, path.rpartition("/")[2]).state == "explained"


def test_evidence_is_hashed_as_it_arrives_and_never_kept(world: World, sign_in: SignIn,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a file was written")

    browser = sign_in(world.cast.olga)
    consent_id = drafted(world)
    with transaction(world.store) as session:
        consents.explain(session, world.cast.olga, conftest.UUID(consent_id), people.EXPLAINED, people.NOW)
    paper = b"signed, invented " * 100_000
    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, fail)
    path = f"/officer/consent/{consent_id}/give"
    wrong = browser.client.post(path, data={"csrf_token": browser.token, "method": "signed", "evidence": "a" * 64,
                                            "evidence_file": (io.BytesIO(paper), "paper.jpg")})
    assert wrong.status_code == 422
    answer = browser.client.post(path, data={"csrf_token": browser.token, "method": "signed",
                                             "evidence_file": (io.BytesIO(paper), "paper.jpg")})
    assert answer.status_code == 302
    assert row(world, consent_id).evidence_sha256 == hashlib.sha256(paper).hexdigest()


def test_no_other_form_takes_more_than_its_due(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    big = {"csrf_token": browser.token, "file": (io.BytesIO(b"x" * 400_000), "big.bin")}
    assert browser.client.post(f"/officer/consent/{drafted(world)}/explain", data=big).status_code == 413


def visible(text: str) -> str:
    """What is printed: the page's main part and its title, without tags."""
    main = re.search(r"<main>(.*)</main>", text, re.S)
    title = re.search(r"<title>(.*?)</title>", text)
    assert main
    assert title
    return html.unescape(re.sub(r"<[^>]+>", " ", title.group(1) + main.group(1)))


@pytest.mark.parametrize("language", receipt.languages())
def test_the_copy_betrays_nothing_if_it_is_found(world: World, sign_in: SignIn, language: str) -> None:
    browser = sign_in(world.cast.olga)
    consent_id = drafted(world)
    with transaction(world.store) as session:
        consents.explain(session, world.cast.olga, conftest.UUID(consent_id), people.EXPLAINED, people.NOW)
        consents.give(session, world.cast.olga, conftest.UUID(consent_id), people.SAID_YES, people.NOW)
    answer = browser.post(f"/officer/consent/{consent_id}/copy", number="+1 305 555 0142", language=language)
    assert answer.status_code == 200
    paper = visible(answer.text)
    found = row(world, consent_id)
    assert [word for word in BETRAYING if word in paper.casefold()] == []
    for needed in (receipt.code(found.id), receipt.office_code(found.id), "+1 305 555 0142", "US",
                   (found.notice_sha256 or "")[:12], f"{found.expires:%Y-%m-%d}", receipt.phrases(language)["health"],
                   receipt.phrases(language)["call"]):
        assert needed in paper
    assert consent_id not in paper
    assert f'lang="{language}"' in answer.text


def test_a_number_that_is_none_is_refused_and_kept(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    answer = browser.post(f"/officer/consent/{world.consent}/copy", number="Harbour Shelter")
    assert answer.status_code == 422
    assert 'value="Harbour Shelter"' in answer.text
    assert "Harbour" not in visible(answer.text)


def test_the_code_on_the_copy_leads_the_officer_to_the_record(world: World, sign_in: SignIn) -> None:
    code = receipt.code(world.consent)
    answer = sign_in(world.cast.olga).post("/officer/consent/code", code=code)
    assert answer.headers["Location"].endswith(f"/officer/consent/{world.consent}")
    stranger = sign_in(world.cast.omar).post("/officer/consent/code", code=code)
    assert stranger.headers["Location"].endswith("/officer/cases")


def test_withdrawing_is_one_step_and_who_and_how_can_be_said(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/consent/{world.consent}/withdraw"
    assert browser.post(path, by="nobody").status_code == 422
    assert browser.post(path, by="guardian", method="by_phone").status_code == 302
    found = row(world, world.consent)
    assert (found.state, found.withdrawn_by, found.withdrawal_method) == ("withdrawn", "guardian", "by_phone")
    with reading(world.store) as session:
        assert session.query(Disclosure).count() == 0
