"""A list of people as somebody types it standing: forgiving about form, strict about names."""

import pytest

from referral_dir.desk.raid import _spoken
from referral_dir.domain.people_list import Line, lines_of_table, read_lines


def read(text: str) -> Line:
    [line] = read_lines(text, _spoken)
    return line


@pytest.mark.parametrize(("text", "household", "age", "gender", "languages", "needs"), [
    ("2 adults 1 child, Arabic, shelter", 3, None, None, ("ar",), ("shelter",)),
    ("woman 25; ti; medical", 1, "18-25", "female", ("ti",), ("medical",)),
    ("girl 15, Ukrainian", 1, "12-17", "female", ("uk",), ()),
    ("man 25 with child 3, dari", 2, None, None, ("prs",), ()),
    ("2 mujeres y 1 niño, español, comida", 3, None, None, ("es",), ("basic.food",)),
    ("امرأة 30، العربية، مأوى", 1, "26-59", "female", ("ar",), ("shelter",)),
    ("дівчина 15, українська", 1, "12-17", "female", ("uk",), ()),
    ("5", 5, None, None, (), ()),
    ("Arabic, French", 1, None, None, ("ar", "fr"), ()),
])
def test_people_ages_languages_and_needs_are_understood_in_any_order(
        text: str, household: int, age: str | None, gender: str | None, languages: tuple[str, ...],
        needs: tuple[str, ...]) -> None:
    line = read(text)
    assert (line.errors, line.household, line.age_band, line.gender, line.languages, line.needs) == (
        (), household, age, gender, languages, needs)


@pytest.mark.parametrize("text", ["Maria Lopez, Spanish", "Ali, adult", "Maria, 25 years", "woman called Rosa"])
def test_a_name_is_refused_with_its_line(text: str) -> None:
    [wrong, kept] = read_lines(f"{text}\n1 adult, Spanish", _spoken)
    assert "Write no names" in wrong.errors[0]
    assert not kept.errors


def test_too_many_people_in_one_line_are_refused() -> None:
    assert read("60 people").errors == ("from 1 to 50 people",)


def test_a_table_becomes_lines_and_a_column_that_is_not_known_refuses_it() -> None:
    text, problems = lines_of_table([["Adults", "Children", "Languages", "Age"], ["2", "1", "Arabic, French", ""],
                                     ["1", "0", "ti", "30"], ["", "", "", ""]])
    assert problems == []
    assert [(line.household, line.languages, line.age_band) for line in read_lines(text, _spoken)] == [
        (3, ("ar", "fr"), None), (1, ("ti",), "26-59")]
    text, [problem] = lines_of_table([["Name", "Adults", "DOB"], ["Invented Person", "1", "1999"]])
    assert text == ""
    assert "“Name”, “DOB” are not taken" in problem
