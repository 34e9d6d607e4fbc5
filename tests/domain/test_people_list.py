"""A list of people as somebody types it standing: forgiving about form, strict about names."""

import pytest

from referral_dir.desk.cases import AGES
from referral_dir.desk.raid import _spoken
from referral_dir.domain.members import ages, banded, in_words, with_child
from referral_dir.domain.people_list import Line, lines_of_table, read_lines


def read(text: str) -> Line:
    [line] = read_lines(text, _spoken)
    return line


@pytest.mark.parametrize(("text", "household", "age", "gender", "languages", "needs"), [
    ("2 adults 1 child, Arabic, shelter", 3, None, None, ("ar",), ("shelter.emergency",)),
    ("woman 25; ti; medical", 1, "18-25", "female", ("ti",), ("medical",)),
    ("girl 15, Ukrainian", 1, "12-17", "female", ("uk",), ()),
    ("man 25 with child 3, dari", 2, None, None, ("prs",), ()),
    ("2 mujeres y 1 niño, español, comida", 3, None, None, ("es",), ("basic.food",)),
    ("امرأة 30، العربية، مأوى", 1, "26-59", "female", ("ar",), ("shelter.emergency",)),
    ("дівчина 15, українська", 1, "12-17", "female", ("uk",), ()),
    ("5", 5, None, None, (), ()),
    ("woman around 30", 1, "26-59", "female", (), ()),
    ("man 40 spanish", 1, "26-59", "male", ("es",), ()),
    ("mother + girl 6", 2, None, "female", (), ()),
    ("about 5 people haitian creole emergency shelter", 5, None, None, ("ht",), ("shelter.emergency",)),
    ("family of 4, woman (30) needs a doctor, speaks french", 5, None, None, ("fr",), ("medical",)),
    ("woman, 25, Spanish", 1, "18-25", "female", ("es",), ()),
    ("6 year old girl", 1, "0-11", "female", (), ()),
    ("Arabic, French", 1, None, None, ("ar", "fr"), ()),
])
def test_people_ages_languages_and_needs_are_understood_in_any_order(
        text: str, household: int, age: str | None, gender: str | None, languages: tuple[str, ...],
        needs: tuple[str, ...]) -> None:
    line = read(text)
    assert (line.errors, line.household, line.age_band, line.gender, line.languages, line.needs) == (
        (), household, age, gender, languages, needs)


@pytest.mark.parametrize(("text", "people", "span"), [
    ("woman and girl 6, Haitian Creole, bed", "woman, girl of 6", (6, 110)),
    ("2 adults, 1 children, age 30", "adult of 30, adult, child of 0 to 11", (0, 110)),
    ("father with 2 boys 4 and 7", "man, boy of 4, boy of 7", (4, 110)),
    ("mère et bébé", "woman, child of 0 to 11", (0, 110)),
    ("2 women", "2 × woman", (18, 110)),
    ("mother 30 + girl 6", "woman of 30, girl of 6", (6, 30)),
    ("mother 30 girl 6", "woman of 30, girl of 6", (6, 30)),
    ("woman 30 & 2 girls", "woman of 30, 2 × girl of 0 to 11", (0, 30)),
    ("1 woman 2 girls", "woman, 2 × girl of 0 to 11", (0, 110)),
    ("5 people", "", None),
    ("person and girl 6", "person, girl of 6", (6, 110)),
])
def test_a_child_among_grown_ups_is_kept_with_its_age(text: str, people: str, span: tuple[int, int] | None) -> None:
    line = read(text)
    assert not line.errors
    assert (in_words(line.members), ages(line.members)) == (people, span)
    assert with_child(line.members) == ("girl" in people or "boy" in people or "child" in people)


def test_before_acceptance_only_the_band_of_a_childs_age_is_known() -> None:
    assert in_words(banded(read("woman 30, girl 6").members, AGES.values())) == "woman of 26 to 59, girl of 0 to 11"


@pytest.mark.parametrize(("text", "word"), [
    ("woman 30 spanihs", "spanihs"), ("Spanish Maria Lopez, bed", "Maria Lopez"), ("2 women frum Cuba", "frum Cuba")])
def test_the_very_word_that_is_not_understood_is_named(text: str, word: str) -> None:
    assert [error.partition(" is not")[0] for error in read(text).errors] == [f"“{word}”"]


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
    text, problems = lines_of_table([["People", "Age", "Sex"],
                                     ["2", "25", "woman"], ["1", "15", "girl"], ["1", "", "M"]])
    assert [(line.household, line.age_band, line.gender) for line in read_lines(text, _spoken)] == [
        (2, "18-25", "female"), (1, "12-17", "female"), (1, "18+", "male")], "who they are adds nobody"
    text, [problem] = lines_of_table([["Name", "Adults", "DOB"], ["Invented Person", "1", "1999"]])
    assert text == ""
    assert "“Name”, “DOB” are not taken" in problem
