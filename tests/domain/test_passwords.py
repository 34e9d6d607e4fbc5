"""Passwords: long, not on the list, not a repetition, not one's own name; and nothing else is asked of them."""

import pytest

from referral_dir.domain.passwords import DEMO_PASSWORD, common_passwords, problem

ABOUT = ("olga.petrenko@border.example", "Olga Petrenko", "Border Unit Miami (invented)")


@pytest.mark.parametrize("password", [
    "orange bicycle under snow", "all small letters", "ALL LARGE LETTERS", "7 3 9 1 8 4 6 2 5 0 8",
    "пʼять слів без цифр",
    "ثلاث كلمات ليست معا", "f3hq0x7mz2kd9wv", "my sister olga likes trains", "x" * 7 + "tulips and rain"])
def test_no_kind_of_character_is_required_or_refused(password: str) -> None:
    assert problem(password, ABOUT) is None


def test_fifteen_characters_are_enough_and_fourteen_are_not() -> None:
    assert problem("tulipsandrain12", ABOUT) is None
    assert "15" in (problem("tulipsandrain1", ABOUT) or "")
    assert problem("𝕥" * 5 + "tulips and rain", ABOUT) is None
    assert problem("tulips and rain " * 63, ABOUT) is not None


@pytest.mark.parametrize("password", [
    "qwertyuiopasdfgh", "123456789012345", "PasswordPassword", "P@ssw0rdP@ssw0rd", "password1234567",
    "iloveyou iloveyou", "dragon-monkey-1987", "Correct Horse Battery Staple", "1qaz2wsx3edc4rfv",
    "2024!password!2024", DEMO_PASSWORD])
def test_what_guessing_begins_with_is_refused(password: str) -> None:
    assert "tried first" in (problem(password, ABOUT) or "")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "xyzxyzxyzxyzxyzx", "abcdefghijklmnop", "tulip tulip tulip"])
def test_repetitions_and_series_are_refused(password: str) -> None:
    assert problem(password, ABOUT) is not None


@pytest.mark.parametrize("password", [
    "olga.petrenko@border.example", "OlgaPetrenko1984!", "petrenko olga 99", "Border Unit Miami", "referral-directory",
    "olga border unit", "Referral Directory 24"])
def test_ones_own_name_address_organization_and_the_services_name_are_refused(password: str) -> None:
    assert problem(password, ABOUT) is not None


def test_every_common_password_that_is_long_enough_is_refused() -> None:
    long_ones = [entry for entry in common_passwords() if len(entry) >= 15]
    assert len(common_passwords()) > 40_000
    assert len(long_ones) > 30
    assert [entry for entry in long_ones if problem(entry) is None] == []


def test_every_common_password_said_twice_is_refused() -> None:
    twice = [entry * 2 for entry in common_passwords() if len(entry) in (8, 9)][:3000]
    assert [password for password in twice if problem(password) is None] == []
