"""What may not be written about someone before a yes, and what is no secret at all."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from referral_dir.domain.duty import Shift, check_shift, on_duty
from referral_dir.domain.errors import Invalid
from referral_dir.domain.screening import pattern_in, value_in
from referral_dir.domain.talking import ANSWERS, QUESTIONS, local_time
from tests.cast import NOW

TODAY = date(2026, 11, 25)
SEALED = {"name": "María José Núñez", "date_of_birth": "1987-03-19", "nationality": "Ruritanian",
          "phone": "+44 7700 900463", "health": "takes insulin every day", "background": "taken from a mill near Bor"}


@pytest.mark.parametrize("text", [
    "ring her on 305 555 0142", "call ٠٧٧٠٠٩٠٠٤٦٣", "passport AB1234567", "born 19.03.1987", "03/19/87", "1987-3-19",
    "she was born in 1987", "maria@example.org", "her account is @mariajose", "see https://x.example/y", "wa.me/1",
    "3\u200b0\u200b5\u200b5\u200b5\u200b5", "12-34-56"])
def test_what_reaches_or_dates_a_person_is_refused_with_the_reason(text: str) -> None:
    assert pattern_in(text, TODAY)


@pytest.mark.parametrize("text", [
    "Two people, one child of about 9. They can come at 18:30.", "We have 3 beds on floor 2, room 214.",
    "هل يمكنهم صعود الدرج؟", "Between 10 and 12 on Friday 27.", "They are 12, 14 and 16."])
def test_plain_questions_pass(text: str) -> None:
    assert pattern_in(text, TODAY) is None
    assert value_in(text, SEALED) is None


@pytest.mark.parametrize(("text", "field"), [
    ("Is MARIA with you?", "name"), ("nunez speaks French", "name"), ("m\u200baría waits", "name"),
    ("she is ruritanian", "nationality"), ("call 7700900463", "phone"), ("1 9 0 3 1 9 8 7", "date_of_birth"),
    ("she takes insulin every morning", "health"), ("taken from a mill", "background")])
def test_a_value_that_is_sealed_is_known_in_any_dress(text: str, field: str) -> None:
    assert value_in(text, SEALED) == field


def test_a_name_without_spaces_around_it_is_found_in_scripts_that_have_none() -> None:
    assert value_in("我们在等李小龙来", {"name": "李小龙"}) == "name"
    assert value_in("李明在这里", {"name": "李 明"}) == "name"
    assert value_in("amarillo", {"name": "Mari"}) is None, "a name inside another word is none"


@pytest.mark.parametrize(("text", "name"), [
    ("Fatima's child is three", "Fatima"), ("Fatma’nın çocuğu", "Fatma"), ("F a t i m a waits", "Fatima"),
    ("F.A.T.I.M.A.", "Fatima"), ("وفاطمة معها طفل", "فاطمة حسن"), ("سألت لفاطمة", "فاطمة"),
    ("김민수는 혼자입니다", "김민수"),
    ("ask for O'Neil", "O'Neil"), ("ONeil is here", "O'Neil")])
def test_a_name_is_found_with_what_languages_write_in_one_with_it(text: str, name: str) -> None:
    assert value_in(text, {"name": name}) == "name"
    assert value_in("وعليه توقيع", {"name": "علي حسن"}) is None, "another word that begins like it"


@pytest.mark.parametrize(("text", "name"), [
    ("F\u0430tim\u0430 waits", "Fatima"), ("FATIM\u0410", "Fatima"), ("\u0412eatrice is here", "Beatrice"),
    ("Mapt\u0430", "Марта"), ("MAPTA", "Марта"), ("Αnna", "Anna"), ("ᴍᴀʀɪᴀ", "Maria"), ("Ｍａｒｉａ", "Maria"),
    ("Ma\u200dri\u2060a", "Maria"), ("Ma\u034fr\ufe0fi\u3164a", "Maria"),
    ("m\u0336a\u0336r\u0336i\u0336a\u0336", "Maria")])
def test_a_name_in_letters_that_look_alike_or_with_what_cant_be_seen_in_it_is_found(text: str, name: str) -> None:
    assert value_in(text, {"name": name}) == "name"
    for other in ("сама", "Мир", "Ανα", "the capital of Armenia, Երևան"):
        assert value_in(other, {"name": name}) is None


@pytest.mark.parametrize("text", [
    "٠١٢٣٤٥", "۷۷۰۰۹۰", "७७००९०", "７７００９０", "፩፪፫፬፭፮", "\ufe0f\u20e3".join("7700900"),
    "77\u201300\u201390", "7\u200b7\u200b0\u200b0\u200b9\u200b0", "w\u0430.me/someone", "ｍ＠example．org"])
def test_a_number_or_a_link_is_found_in_every_scripts_digits_and_letters(text: str) -> None:
    assert pattern_in(text, NOW.date()) is not None


def test_every_question_has_answers_and_one_can_always_be_unknown() -> None:
    assert QUESTIONS.keys() == ANSWERS.keys()
    assert all("unknown" in answers for answers in ANSWERS.values())


def test_a_time_is_read_on_the_services_clock_also_when_it_changes() -> None:
    miami = ZoneInfo("America/New_York")
    now = datetime(2026, 10, 20, tzinfo=UTC)
    assert local_time("2026-10-25", "18:30", miami, now).astimezone(UTC).hour == 22
    assert local_time("2026-11-01", "01:30", miami, now).astimezone(UTC).hour == 5, "the first of the two"
    spring = datetime(2027, 3, 1, tzinfo=UTC)
    with pytest.raises(Invalid, match="no such time"):
        local_time("2027-03-14", "02:30", miami, spring)
    for day, clock in (("2026-10-19", "10:00"), ("2027-01-30", "10:00"), ("soon", "10:00"), ("2026-10-25", "")):
        with pytest.raises(Invalid):
            local_time(day, clock, miami, now)


def test_a_night_shift_goes_over_midnight_on_its_own_clock() -> None:
    from uuid import uuid4

    petra, paul = uuid4(), uuid4()
    shifts = [Shift(petra, ("MO",), "22:00", "06:00"), Shift(paul, ("TU",), "06:00", "14:00")]
    # NOW is Tuesday 03:00 UTC, which is Monday 22:00 in Miami.
    duty = on_duty(shifts, (), "America/New_York", NOW)
    assert duty.people == {petra}
    assert duty.until is not None
    assert f"{duty.until:%a %H:%M}" == "Tue 14:00", "without a gap until the next one ends"
    assert on_duty(shifts, {petra}, "America/New_York", NOW).people == frozenset()
    assert on_duty(shifts, (), "UTC", NOW).people == {petra}
    assert on_duty([], (), "UTC", NOW).people == frozenset()
    with pytest.raises(Invalid) as caught:
        check_shift([], "25:00", "6")
    assert set(caught.value.errors) == {"days", "begins", "ends"}
