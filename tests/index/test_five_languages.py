"""A query in any language of the pages finds services that are described in another."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

import pytest
from invented_directory import Directory

from referral_dir.desk.find import Indexes, search_services
from referral_dir.index.asked import Asked, agreed, meaning, met, told_of
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import TextIndex
from referral_dir.store import Store, reading

NOW = datetime(2026, 11, 24, tzinfo=UTC)
WORDS = [("comida", "basic.food"), ("مأوى", "shelter"), ("abogado", "legal"), ("юрист", "legal"),
         ("logement", "shelter")]
Search = Callable[[str], tuple[list[str], str | None]]


@pytest.fixture
def search(store: Store, directory: Directory, index: TextIndex) -> Search:
    """The names that the desk's search finds, best first, and what it read the words as."""

    def names(text: str) -> tuple[list[str], str | None]:
        with reading(store) as session:
            answer = search_services(session, Indexes(MatchIndex(), index), None, text, NOW)
        return [found.candidate.name for found in answer.found], answer.did_you_mean

    return names


@pytest.mark.parametrize(("word", "need"), WORDS)
def test_a_word_finds_the_services_of_its_need_by_labels_and_synonyms(
        word: str, need: str, directory: Directory, found: Callable[..., list[str]]) -> None:
    directory.add("Lighthouse desk", needs=("legal",), description="Advice on rights, by appointment.")
    directory.add("Harbour rooms", suggested=("shelter.emergency",), description="Beds for the night.")
    directory.add("Corner kitchen", needs=("basic.food",), description="Soup at noon.")
    expected = {"legal": "Lighthouse desk", "shelter": "Harbour rooms", "basic.food": "Corner kitchen"}
    assert found(word) == [expected[need]]


@pytest.mark.parametrize("sentence", [
    "She has nowhere to sleep tonight", "no tengo donde dormir", "je ne sais pas où dormir", "أين أجد مكان للنوم",
    "немає де ночувати", "негде переночевать", "mwen pa gen kote pou dòmi aswè a"])
def test_a_sentence_finds_the_service_of_the_need_that_it_speaks_of(sentence: str, directory: Directory,
                                                                    search: Search) -> None:
    directory.add("Harbour rooms", needs=("shelter.emergency",), description="Beds, every evening from six.")
    directory.add("Night school", needs=("education",), description="Courses for those who have to work by day.")
    assert search(sentence)[0][0] == "Harbour rooms"


@pytest.mark.parametrize("text", ["cuidado de niños barato", "cuidado de niños hoy", "cheap cuidado niños tonight"])
def test_that_it_must_be_soon_and_cheap_says_nothing_of_what_is_needed(text: str, directory: Directory,
                                                                       found: Callable[..., list[str]]) -> None:
    directory.add("Nest", description="Cuidado de niños.")
    directory.add("Tools", description="Barato, cheap, hoy, tonight.")
    assert found(text) == ["Nest"]


def test_a_misspelled_word_finds_what_the_corrected_one_does_and_says_so(directory: Directory, search: Search) -> None:
    directory.add("Lighthouse desk", needs=("legal",), description="Advice on rights.")
    assert search("abogdo") == (["Lighthouse desk"], "abogado")
    assert search("abogado") == (["Lighthouse desk"], None)


def test_who_is_named_comes_before_who_meets_the_need(directory: Directory, search: Search) -> None:
    directory.add("Doctor Moth Bookshop", description="Old books.")
    directory.add("Harbour clinic", needs=("medical.general",), description="Every doctor is a volunteer.")
    assert search("doctor moth")[0][0] == "Doctor Moth Bookshop"
    assert search("doctor")[0] == ["Harbour clinic", "Doctor Moth Bookshop"]


def first_need(text: str, unknown: Collection[str] = ()) -> str:
    return meaning(text, unknown).asked[0].need


def test_words_and_phrases_tell_what_is_asked_and_what_tells_nothing_asks_nothing() -> None:
    assert first_need("copy of my birth certificate") == "documents"
    assert meaning("the colour of the harbour").asked == ()
    assert meaning("hospitl").asked == ()
    assert first_need("hospitl", {"hospitl"}).startswith("medical")


def test_a_need_is_met_by_itself_or_a_child_and_half_by_its_parent() -> None:
    asked = (Asked("legal.immigration", 0.9),)
    assert (met(asked, {"legal.immigration"}), met(asked, {"legal"}), met(asked, {"work"})) == (1.0, 0.5, 0.0)
    assert met((Asked("legal", 1.0),), {"legal.immigration"}) == 1.0
    assert met((), {"legal"}) == 0.0


@pytest.mark.parametrize(("text", "what_for", "state"), [
    ("toothache and no money", "medical.general", "basic.money"),
    ("médico para una mujer sin hogar", "medical", "shelter"),
    ("стоматолог, немає грошей", "medical.general", "basic.money")])
def test_in_what_state_somebody_is_counts_less_than_what_they_need(text: str, what_for: str, state: str) -> None:
    asked = meaning(text).asked
    assert met(asked, {what_for}) > met(asked, {state})
    assert asked[0].need.startswith(what_for)


def test_a_state_is_what_is_asked_where_nothing_else_is_clear() -> None:
    assert first_need("I think I am pregnant and nobody can know") == "medical.maternity"
    assert met(meaning("no money").asked, {"basic.money"}) > 0.7


def test_a_phrase_counts_for_more_than_its_words() -> None:
    assert meaning("on the street").named == 1
    assert meaning("street").named == 0
    assert met(meaning("on the street").asked, {"shelter"}) > met(meaning("street").asked, {"shelter"})


@pytest.mark.parametrize(("text", "need"), [
    ("طفل بدون أهله", "family.tracing"), ("أدوية لأطفالها", "medical"), ("в аптеці", "medical"),
    ("загубив паспорт", "documents")])
def test_inflected_words_are_those_of_the_phrase(text: str, need: str) -> None:
    assert met(meaning(text).asked, {need}) > 0


def test_a_long_word_with_one_wrong_letter_is_read_right_although_others_name_a_need() -> None:
    assert met(meaning("hebergment pour femme seule").asked, {"shelter.emergency"}) > 0.2


@pytest.mark.parametrize(("text", "need"), [
    ("the manager keeps three weeks of her tips", "legal.labour"),
    ("duermen los cuatro en el coche cuando llueve", "shelter.emergency"),
    ("le petit maigrit et vomit depuis lundi", "medical"),
    ("المدير لم يعطنا أجرة الأسبوع", "legal.labour"),
    ("хлопчик кричить уві сні після обстрілів", "mental_health")])
def test_a_sentence_that_holds_no_phrase_tells_by_its_words_what_is_needed(text: str, need: str) -> None:
    assert met(meaning(text).asked, {need}) > 0.5


def test_what_a_service_says_of_itself_tells_what_it_is_there_for() -> None:
    asked = meaning("pregnant").asked
    maternity = told_of("Mothers' ward", "Births, midwives and care before and after pregnancy.")
    rations = told_of("Ration shop", "Food parcels, rice and bread, also for pregnant women.")
    assert agreed(asked, maternity) > agreed(asked, rations)
    assert agreed(asked, told_of("", "")) == agreed((), maternity) == 0.0


@pytest.mark.parametrize("question", [
    "her husband beats her", "marido violento", "mari violent", "زوجي يضربني", "чоловік б'є"])
def test_of_services_for_a_need_those_come_first_that_speak_of_just_this(question: str, directory: Directory,
                                                                         search: Search) -> None:
    for place in ("Harbour", "Lighthouse", "Pier"):
        directory.add(f"{place} police department", suggested=("safety",), description="Law and protection.")
    directory.add("The Anchor", suggested=("safety",), description="For women after domestic violence and abuse.")
    assert search(question)[0][0] == "The Anchor"
