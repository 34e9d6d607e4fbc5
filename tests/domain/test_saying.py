"""What is said is English text, and can be said again in another language."""

import json
import pickle
from datetime import UTC, datetime

from referral_dir.desk.translating import in_language
from referral_dir.domain.saying import packed, say, say_language, say_list, say_many, say_need, say_week_time, unpacked


def test_what_is_said_is_english_text_for_whoever_asks_for_nothing_else() -> None:
    said = say("%(free)s free, said %(age)s", free=say_many("%(number)s bed", "%(number)s beds", 3), age="now")
    assert said == "3 beds free, said now"
    assert say("100 % sure") == "100 % sure"
    assert say_many("%(number)s bed", "%(number)s beds", 1) == "1 bed"
    assert pickle.loads(pickle.dumps(said)) == said


def test_what_is_nested_is_said_in_the_language_too() -> None:
    said = say("Meets %(needs)s", needs=say_list([say_need("shelter", "Shelter"), say_language("ar", "Arabic")]))
    assert in_language(said, "fr").endswith("Hébergement, arabe")
    assert in_language(say_list([say_need("shelter", "Shelter"), "x"]), "ar") == "مأوى، x"
    assert in_language(say_week_time(datetime(2026, 11, 25, 14, 0, tzinfo=UTC)), "fr") == "mer. 14:00"


def test_a_language_without_a_catalogue_leaves_the_english() -> None:
    nobody = say("Nobody has ever translated this (invented)")
    assert in_language(nobody, "fr") == nobody
    assert in_language("as it is", "fr") == "as it is"
    assert in_language(7, "fr") == 7


def test_what_is_kept_as_json_is_said_in_any_language_later() -> None:
    said = say("Meets %(needs)s", needs=say_list([say_need("shelter", "Shelter"), say_language("ar", "Arabic")]))
    beds = say_many("%(number)s place", "%(number)s places", 3)
    for text in (said, beds, "as it is"):
        kept = unpacked(json.loads(json.dumps(packed(text))))
        assert kept == text
        assert in_language(kept, "fr") == in_language(text, "fr")
