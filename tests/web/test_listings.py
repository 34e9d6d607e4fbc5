"""The caseworker's pages: look before saving, two at once, spreadsheets in and out; and corrections by anyone."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from referral_dir.desk.bulk import COLUMNS
from referral_dir.desk.spreadsheets import csv_text, read_table
from referral_dir.domain.access import Actor
from referral_dir.store.db import reading, transaction
from referral_dir.store.directory import Service
from tests.web.conftest import Browser, World


def hidden_fields(page: str) -> dict[str, str]:
    """What the form with the id `edit` sends beside what is typed."""
    form = page[page.index('id="edit"'):]
    return dict(re.findall(r'type="hidden" name="(seen|whole|correction)" value="([^"]*)"', form))


def name_of(world: World) -> str:
    with reading(world.store) as session:
        return session.get_one(Service, world.cast.clinic).name


def test_saving_takes_a_look_first_and_going_back_keeps_what_was_typed(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl, path = sign_in(world.cast.carl), f"/caseworker/service/{world.cast.clinic}"
    typed: dict[str, Any] = {**hidden_fields(carl.get(path).text), "name": "Night clinic (invented)",
                             "status": "active", "needs": "medical.general", "languages": ["en", "ht"],
                             "mo_opens": "09:00", "mo_closes": "17:00", "rules": "serves gender female",
                             "remote": "1", "accepts_handoffs": "1"}
    look = carl.post(path, **typed)
    assert (look.status_code, name_of(world)) == (200, "Clinic (invented)")
    for text in ("Look before saving", "Night clinic (invented)", "Haitian Creole", "Mon 09:00–17:00"):
        assert text in look.text
    again = carl.post(path, **typed, again="yes")
    assert 'value="Night clinic (invented)"' in again.text
    assert 'name="mo_opens" value="09:00"' in again.text
    wrong = carl.post(path, **{**typed, "mo_closes": "", "minimum_age": "forty"}, confirmed="yes")
    assert wrong.status_code == 422
    assert 'value="forty"' in wrong.text
    assert name_of(world) == "Clinic (invented)"
    assert carl.post(path, **typed, confirmed="yes").status_code == 302
    assert name_of(world) == "Night clinic (invented)"
    page = carl.get(path).text
    assert "Carl, Other Network (invented)" in page
    assert "Nothing is different" in carl.post(path, **{**typed, **hidden_fields(page)}).text


def test_who_saves_second_sees_both_and_keeps_their_words(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl, path = sign_in(world.cast.carl), f"/caseworker/service/{world.cast.clinic}"
    old = {"status": "active", "needs": "medical.general", "remote": "1", "accepts_handoffs": "1",
           **hidden_fields(carl.get(path).text)}
    first = carl.post(path, **old, name="First (invented)", confirmed="yes")
    assert first.status_code == 302
    second = carl.post(path, **old, name="Second (invented)", wait_time="a day", confirmed="yes")
    assert second.status_code == 409
    assert "Somebody else has saved: First (invented)" in second.text
    assert 'value="Second (invented)"' in second.text
    assert 'value="a day"' in second.text
    assert name_of(world) == "First (invented)"
    new = {**old, **hidden_fields(second.text)}
    assert carl.post(path, **new, name="Second (invented)", wait_time="a day", confirmed="yes").status_code == 302
    assert name_of(world) == "Second (invented)"


def test_anyone_corrects_a_public_service_without_a_trace_and_its_keeper_puts_it_right(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    visitor, path = world.app.test_client(), f"/service/{world.cast.clinic}/correct"
    form = visitor.get(path)
    assert form.status_code == 200
    assert path in visitor.get(f"/service/{world.cast.clinic}").text
    assert visitor.post(path, data={"about": "phone", "text": ""}).status_code == 422
    sent = visitor.post(path, data={"about": "phone", "text": "It is 555 0199 now"})
    assert (sent.status_code, "Thank you" in sent.text) == (200, True)
    assert all("Set-Cookie" not in answer.headers for answer in (form, sent))
    hidden, unknown = (visitor.post(f"/service/{key}/correct", data={"about": "phone", "text": "x"})
                       for key in (world.cast.shelter, world.cast.olga.person_id))
    assert hidden.status_code == unknown.status_code == 404
    carl = sign_in(world.cast.carl)
    page = carl.get("/caseworker/suggestions").text
    assert "It is 555 0199 now" in page
    assert "It is 555 0199 now" not in sign_in(world.cast.clara).get("/caseworker/suggestions").text
    found = re.search(r'href="(/caseworker/service/[^"?]+\?correction=[^"]+)"', page)
    assert found
    editor = carl.get(found[1]).text
    assert "It is 555 0199 now" in editor
    saved = carl.post(f"/caseworker/service/{world.cast.clinic}", **hidden_fields(editor), name="Clinic (invented)",
                      status="active", needs="medical.general", remote="1", accepts_handoffs="1",
                      phones="+1 305 555 0199", confirmed="yes")
    assert saved.status_code == 302
    assert "It is 555 0199 now" not in carl.get("/caseworker/suggestions").text


def test_a_spreadsheet_goes_out_comes_in_is_looked_at_and_then_written(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl = sign_in(world.cast.carl)
    assert read_table(carl.get("/caseworker/bulk/services.xlsx").data)[0] == list(COLUMNS)
    header, row = read_table(carl.get("/caseworker/bulk/services.csv").data)
    row = row + [""] * (len(header) - len(row))
    row[header.index("wait_time")] = "a week (invented)"

    def send(data: bytes) -> Any:
        return carl.client.post("/caseworker/bulk", content_type="multipart/form-data", data={
            "csrf_token": carl.token, "file": (BytesIO(data), "services.csv")})

    assert send(b"").status_code == 422
    assert send(b"x" * 400_000).status_code == 422, "larger than a form may be, and read"
    sent = send(csv_text(header, [row, ["x", *row[1:]]]).encode())
    assert sent.status_code == 302
    path = sent.headers["Location"]
    page = carl.get(path).text
    assert "a week (invented)" in page
    assert "no service of yours has this id" in page
    assert sign_in(world.cast.clara).get(path).status_code == 404
    assert carl.post(path).status_code == 302
    assert "a week (invented)" in carl.get(f"/caseworker/service/{world.cast.clinic}").text
    assert "done" in carl.get(path + "/report.csv").text
    assert carl.post(path).status_code == 409


def test_only_the_page_of_spreadsheets_reads_a_file(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    from referral_dir.web import uploads

    with world.app.test_request_context("/", method="POST", data={"file": (BytesIO(b"secret"), "x")}):
        from flask import request

        assert uploads.bytes_of(request, "file") == b""
        assert uploads.digest_of(request, "file")


def test_every_place_and_the_closed_days_are_edited_on_the_page_and_seen_by_officers_and_the_public(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl, path = sign_in(world.cast.carl), f"/caseworker/service/{world.cast.clinic}"

    def send(**typed: Any) -> Any:
        base = {"name": "Clinic (invented)", "status": "active", "needs": "medical.general", "remote": "1",
                "accepts_handoffs": "1", "address_1": "1 First Road", "city": "Miami", "country": "US"}
        return carl.post(path, **{**hidden_fields(carl.get(path).text), **base, **typed})

    assert send(confirmed="yes").status_code == 302
    new = {"place": "new", "place_new_address_1": "2 Second Road", "place_new_city": "Orlando",
           "place_new_country": "US"}
    wrong = send(**{**new, "place_new_country": "Nowhereland"}, closed_last="2027-12-26")
    assert wrong.status_code == 422
    for text in ("Place 2: no country is called “Nowhereland”", 'value="Nowhereland"', "is no day",
                 'value="2027-12-26"'):
        assert text in wrong.text
    look = send(**new, closed_first="2099-12-25", closed_words="Christmas (invented)")
    for text in ("2 Second Road, Orlando, US", "What an officer will see", "What the public will see"):
        assert text in look.text
    assert look.text.count("25 Dec 2099 (Christmas (invented))") == 2, "the officer's part and the public's"
    assert send(**new, closed_first="2099-12-25", confirmed="yes").status_code == 302
    page = carl.get(path).text
    [key] = re.findall(r'name="place_2_key" value="(\w+)"', page)
    assert "Place 2: 2 Second Road, Orlando, US" in page
    second = {"place": "2", "place_2_key": key, "place_2_address_1": "2 Second Road", "place_2_city": "Orlando",
              "place_2_country": "US", "closed": "2099-12-25"}
    assert "Nothing is different" in send(**second).text
    assert send(**second, closed_gone="2099-12-25", place_2_gone="1", confirmed="yes").status_code == 302
    page = carl.get(path).text
    assert 'name="place_2_key"' not in page
    assert 'value="2099-12-25"' not in page


def test_the_preview_of_a_hidden_service_says_that_the_public_sees_nothing(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    clara, path = sign_in(world.cast.clara), f"/caseworker/service/{world.cast.shelter}"
    page = clara.get(path).text
    assert 'name="place_1_gone"' not in page
    look = clara.post(path, **hidden_fields(page), name="Shelter (invented)", status="active", wait_time="a day")
    assert "so it is on no public page" in look.text
    assert "What an officer will see" in look.text


def test_a_merge_is_undone_on_the_page_of_the_service_that_stayed(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl, clinic = sign_in(world.cast.carl), world.cast.clinic
    with transaction(world.store) as session:
        kept = session.get_one(Service, clinic)
        double = Service(organization_id=kept.organization_id, name="The Clinic (invented)", status="active",
                         kept_by_id=kept.kept_by_id)
        session.add(double)
        session.flush()
        other = double.id
    path = f"/caseworker/doubles/{clinic}/{other}"
    seen = dict(re.findall(r'name="(seen|other_seen)" value="([^"]+)"', carl.get(path).text))
    assert carl.post(path, **seen, stays="this").status_code == 302
    page = carl.get(f"/caseworker/service/{clinic}").text
    assert "Undoing gives it back as it was" in page
    assert f'action="{path}/undo"' in page
    undone = carl.post(path + "/undo")
    assert undone.headers["Location"].endswith(path)
    assert "They are two again" in carl.get(path).text
    assert carl.get(f"/caseworker/service/{other}").status_code == 200
    carl.post(path + "/undo")
    assert "There is nothing to undo any more." in carl.get(path).text
