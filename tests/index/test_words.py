import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_dir.index.text import EXCERPT, count_facets, excerpt, highlight
from referral_dir.index.words import GRAM, fold, surfaces, text_forms, tokens, word_forms


def words(text: str) -> list[str]:
    return [token.text for token in tokens(text)]


@pytest.mark.parametrize("word", [
    "आश्रय", "सुरक्षित",  # Hindi
    "নিরাপদ", "আশ্রয়",  # Bengali
    "பாதுகாப்பான",  # Tamil
    "ที่พักพิง",  # Thai
    "សុវត្ថិភាព",  # Khmer
    "مَأْوَى", "لِلنِّسَاءِ",  # vowelled Arabic
    "сім'я", "п’ять",  # Ukrainian apostrophes
    "می‌خواهم",  # a Persian word with its invisible joint
    "co\u00adop",  # a soft hyphen
])
def test_a_word_is_one_piece_in_every_script(word: str) -> None:
    assert words(f"({word})") == [word]


@pytest.mark.parametrize(("typed", "written"), [
    ("refugies", "Réfugiés"), ("REFUGIÉS", "réfugiés"), ("fine", "ﬁne"), ("abc", "ＡＢＣ"), ("strasse", "Straße"),
    ("lodz", "Łódź"), ("nang", "Nẵng"), ("ماوي", "مأوى"), ("مأوى", "مَأْوَى"), ("اسره", "أُسْرَة"),
    ("كمک", "کمك"), ("елка", "Ёлка"), ("24", "٢٤"), ("istanbul", "İstanbul"),
])
def test_spellings_that_people_use_for_one_another_fold_to_one(typed: str, written: str) -> None:
    assert fold(typed) == fold(written)


@pytest.mark.parametrize(("one", "other"), [("कमल", "कमला"), ("йод", "иод"), ("が", "か"), ("ไม้", "ไม่")])
def test_a_mark_that_makes_another_letter_is_kept(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(("typed", "written"), [
    ("shelters", "shelter"), ("counselling", "counselled"), ("abogados", "abogado"), ("logements", "logement"),
    ("hébergement", "d’hébergement"), ("women", "women's"), ("юристы", "юрист"), ("المأوى", "مأوى"),
    ("محامين", "محامي"),
])
def test_an_inflected_word_shares_a_form_with_its_stem(typed: str, written: str) -> None:
    assert word_forms(typed) & word_forms(written)


@pytest.mark.parametrize(("typed", "written"), [("policy", "police"), ("legal", "legion"), ("bed", "bad")])
def test_words_that_only_look_alike_share_no_form(typed: str, written: str) -> None:
    assert not word_forms(typed) & word_forms(written)


def test_unspaced_scripts_are_indexed_in_pairs_of_letters_with_their_marks() -> None:
    assert text_forms("ที่พัก") == {GRAM + form for form in ("ที่", "พั", "ก", "ที่พั", "พัก")}
    assert GRAM + "避難" in text_forms("東京避難所shelter")
    assert "shelter" in text_forms("東京避難所shelter")


def test_only_words_that_a_person_can_read_are_suggested() -> None:
    assert surfaces("Réfugiés 24h ab 東京避難所") == {("refugies", "réfugiés")}


@given(st.text(max_size=200))
def test_any_text_can_be_analysed_and_highlighted_without_losing_a_character(text: str) -> None:
    forms = text_forms(text)
    assert "".join(part for part, _ in highlight(text, forms)) == text
    assert all(form for form in forms)


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_the_hit_is_marked_as_it_was_written() -> None:
    assert highlight("Le Réfugié, ici", word_forms("refugies")) == (
        ("Le ", False), ("Réfugié", True), (", ici", False))
    assert highlight("Lawyers", frozenset({"x"}), "law") == (("Lawyers", True),)
    assert highlight("บ้านพักฉุกเฉิน", text_forms("พัก")) == (("บ้าน", False), ("พัก", True), ("ฉุกเฉิน", False))


def test_markup_in_a_text_stays_text() -> None:
    segments = highlight("<b>shelter</b> & more", word_forms("shelter"))
    assert "".join(part for part, _ in segments) == "<b>shelter</b> & more"
    assert ("shelter", True) in segments


def test_an_excerpt_shows_the_first_hit() -> None:
    text = "word " * 200 + "shelter " + "word " * 200
    cut = excerpt(highlight(text, word_forms("shelter")))
    assert ("shelter", True) in cut
    assert cut[0] == ("…", False)
    assert cut[-1] == ("…", False)
    assert sum(len(part) for part, _ in cut) <= EXCERPT + 2


def test_a_short_text_is_its_own_excerpt() -> None:
    segments = highlight("a shelter", word_forms("shelter"))
    assert excerpt(segments) == segments


def test_facets_count_each_service_once_per_value() -> None:
    counted = count_facets([
        {"language": ["es", "ht", "es"], "need": ["legal"]}, {"language": ["es"], "need": []}, {"language": ["ar"]}])
    assert counted == {"language": [("es", 2), ("ar", 1), ("ht", 1)], "need": [("legal", 1)]}
