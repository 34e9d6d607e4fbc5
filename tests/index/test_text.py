import random
import shutil
import sys
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from invented_directory import Directory
from whoosh.util.filelock import FileLock

from referral_dir.index import common_text, documents
from referral_dir.index.common_search import Snapshot
from referral_dir.index.documents import MAXIMUM_WORDS, QueryWord
from referral_dir.index.feed import refresh_text, search_text
from referral_dir.index.text import IndexDamaged, TextHits, TextIndex, TextQuery, open_text_index
from referral_dir.store import Store, reading, transaction
from referral_dir.store.directory import Service
from referral_dir.store.feed import START
from referral_dir.store.records import ChangeLog

SEGMENT_FILES = {"whoosh": {".seg"}, "tantivy": {".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term"}}

Found = Callable[..., list[str]]
Ask = Callable[..., TextHits]


def test_a_name_counts_more_than_an_organization_and_that_more_than_a_description(
        directory: Directory, found: Found) -> None:
    directory.add("Night Desk", description="Speaks of a lighthouse, lighthouse and lighthouse.")
    directory.add("Lighthouse")
    directory.add("Day Desk", organization="Lighthouse House (invented)")
    assert found("lighthouse") == ["Lighthouse", "Day Desk", "Night Desk"]


def test_alternate_names_and_towns_are_found(directory: Directory, found: Found) -> None:
    directory.add("Harbour Desk", alternate_name="Puerta Abierta", city="Hialeah")
    directory.add("Hill Desk", near=("Irbid", 32.55, 35.85))
    assert found("puerta") == ["Harbour Desk"]
    assert found("hialeah") == ["Harbour Desk"]
    assert found("irbid") == ["Hill Desk"]


@pytest.mark.parametrize("typed", ["comida", "food", "طعام", "nourriture"])
def test_a_need_is_found_by_its_words_in_any_language(directory: Directory, found: Found, typed: str) -> None:
    directory.add("Pantry", needs=("basic.food",))
    directory.add("Desk", needs=("legal.criminal",))
    assert found(typed) == ["Pantry"]


@pytest.mark.parametrize("typed", ["abogado", "юрист", "юристы", "avocat", "محامي", "المحامي", "lawyers"])
def test_the_words_of_a_parent_find_its_children(directory: Directory, found: Found, typed: str) -> None:
    directory.add("Court Desk", needs=("legal.criminal",))
    directory.add("Pantry", needs=("basic.food",))
    assert found(typed) == ["Court Desk"]


def test_a_suggested_need_is_found_after_a_confirmed_one(directory: Directory, found: Found, ask: Ask) -> None:
    directory.add("Perhaps", suggested=("legal.immigration",))
    directory.add("Surely", needs=("legal.immigration",))
    assert found("abogado") == ["Surely", "Perhaps"]
    assert ask("abogado").hits[0].needs == ("legal.immigration",)


@pytest.mark.parametrize(("name", "typed"), [
    ("सुरक्षित आश्रय", "आश्रय"), ("নিরাপদ আশ্রয়", "আশ্রয়"), ("பாதுகாப்பான இல்லம்", "இல்லம்"),
    ("บ้านพักฉุกเฉิน", "ฉุกเฉิน"), ("ជម្រកសុវត្ថិភាព", "សុវត្ថិភាព"), ("ຫ້ອງການ", "ການ"), ("ဘေးကင်းသော", "ကင်း"),
    ("مَأْوَى آمِن", "ماوى"), ("東京避難所", "避難"), ("쉼터 지원", "쉼터"), ("Притулок Надія", "надія"),
    ("دار ﷺ", "ﷺ"),
])
def test_every_script_is_found_as_people_type_it(directory: Directory, found: Found, name: str, typed: str) -> None:
    directory.add(name)
    directory.add("Other Desk")
    assert found(typed) == [name]


def test_a_part_of_a_word_in_a_spaced_script_is_no_hit_unless_it_begins_the_last_word(
        directory: Directory, found: Found) -> None:
    directory.add("Immigration Desk")
    assert found("immigr") == ["Immigration Desk"]
    assert found("migration") == []
    assert found("immigr desk") == ["Immigration Desk"], "the words that are known still find it"
    assert found("immi ") == [], "a finished word is not a beginning"


def test_services_with_every_word_come_alone_and_else_those_with_most_words(
        directory: Directory, found: Found, ask: Ask) -> None:
    directory.add("Red Boat")
    directory.add("Red Boat Yard")
    directory.add("Red Barn")
    assert found("boat red") == ["Red Boat", "Red Boat Yard"]
    assert found("red boat zeppelin") == ["Red Boat", "Red Boat Yard", "Red Barn"]
    assert not ask("red boat zeppelin").every_word


def test_words_that_only_hold_a_sentence_together_do_not_count(directory: Directory, found: Found) -> None:
    directory.add("The Visa Desk")
    directory.add("The Pantry")
    assert found("I need the visa") == ["The Visa Desk"]
    assert set(found("the")) == {"The Visa Desk", "The Pantry"}


def test_a_misspelt_word_gets_the_nearest_word_of_the_directory(directory: Directory, ask: Ask) -> None:
    directory.add("Harbour Réfugiés Desk")
    assert ask("harbuor desk").did_you_mean == "harbour desk"
    assert ask("the REFUGEIS").did_you_mean == "the réfugiés"
    assert ask("harbour desk").did_you_mean is None
    assert ask("harbuor\x00 \x1bdesk").did_you_mean == "harbour desk"
    assert ask("zzzzzzzz").did_you_mean is None


def test_a_misspelt_synonym_is_corrected_when_a_service_has_the_need(directory: Directory, ask: Ask) -> None:
    directory.add("Pantry", needs=("basic.food",))
    assert ask("abogdo").did_you_mean is None, "no service meets it, so the correction would find nothing"
    directory.add("Court Desk", needs=("legal",))
    assert ask("abogdo").did_you_mean == "abogado"


def test_near_words_come_by_their_distance_and_then_by_how_many_services_hold_them(
        directory: Directory, ask: Ask, index: TextIndex) -> None:
    for name in ("Lantern one", "Lantern two", "Lanterns three", "Banterns four", "Réfugiés five"):
        directory.add(name)
    ask("one")
    assert index.near("lanterm", public_only=True) == ["lantern", "lanterns"]
    assert index.near("lantxrns", public_only=True) == ["lanterns", "lantern", "banterns"]
    assert index.near("lantxrns", public_only=True, limit=1) == ["lanterns"]
    assert index.near("REFUGEIS", public_only=True) == ["réfugiés"]
    assert index.near("lan", public_only=True) == [], "too short to tell what was meant"
    assert index.near("", public_only=True) == []
    directory.remove("Lanterns three")
    ask("one")
    assert index.near("lanternz", public_only=True) == ["lantern", "banterns"]


def test_an_index_that_was_never_built_has_no_near_words(index: TextIndex) -> None:
    assert index.near("lantern", public_only=False) == []


def test_a_word_as_it_was_typed_counts_more_than_another_of_its_stem(directory: Directory, found: Found) -> None:
    directory.add("Lantern")
    directory.add("Lanterns")
    assert found("lanterns ") == ["Lanterns", "Lantern"]
    assert found("lantern ") == ["Lantern", "Lanterns"]


def test_a_beginning_finds_every_word_that_goes_on_from_it(directory: Directory, found: Found, ask: Ask) -> None:
    for n in range(90):
        directory.add(f"Lan{chr(ord('a') + n % 26)}{chr(ord('a') + n // 26)} Desk")
    directory.add("Other Desk", description="A lanyard.")
    assert ask("lan").total == 91
    assert found("desk lany")[-1] == "Other Desk", "what begins a name comes before what begins a word of a description"


@pytest.mark.parametrize("typed", [
    "", "   ", "\x00\x01\x1f", "!!! ??? ***", "'", "…", "\u200d\u0301", "🙂",
])
def test_a_text_without_words_finds_nothing_and_says_so_calmly(directory: Directory, ask: Ask, typed: str) -> None:
    directory.add("Desk")
    assert ask(typed) == TextHits()


@pytest.mark.parametrize("typed", [
    "name:desk", "desk AND (", "\"desk", "desk*", "desk^2", "NOT desk", "[desk TO]", "desk\x00", "-desk", "~desk",
    "#desk", "desk~2",
])
def test_signs_of_a_query_language_mean_nothing(directory: Directory, found: Found, typed: str) -> None:
    directory.add("Desk")
    assert found(typed) == ["Desk"]


def test_ten_thousand_words_are_cut_to_a_bounded_number(directory: Directory, ask: Ask) -> None:
    directory.add("Desk")
    long = ask("desk " + " ".join(f"word{n}" for n in range(10_000)))
    assert long.cut
    assert long.total == 1
    assert not ask("desk " * 20).cut
    assert len(documents.query_words(" ".join(f"w{n}x" for n in range(200)))[0]) == MAXIMUM_WORDS
    assert ask("a" * 1_000_000).total == 0


def test_the_page_is_highlighted_and_all_ids_are_given(directory: Directory, ask: Ask) -> None:
    for n in range(5):
        directory.add(f"Desk {n}", description="A quiet desk <b>by</b> the sea. " * 20)
    hits = ask("desk", offset=1, limit=2)
    assert hits.total == len(hits.ids) == 5
    assert [hit.service_id for hit in hits.hits] == list(hits.ids[1:3])
    shown = hits.hits[0].highlighted
    assert shown["name"][0] == ("Desk", True)
    assert ("desk", True) in shown["description"]
    assert shown["organization"] == (("Paper Lantern (invented)", False),)


def test_a_search_can_keep_to_given_services(directory: Directory, ask: Ask) -> None:
    one, _ = directory.add("Desk one"), directory.add("Desk two")
    assert ask("desk", only={one}).ids == (one,)
    assert ask("desk", only=()).total == 0


def test_equal_questions_get_equal_order(directory: Directory, ask: Ask, tmp_path: Path, store: Store,
                                         kind: str) -> None:
    for n in range(20):
        directory.add(f"Desk {n}")
    again = open_text_index(tmp_path / "another", kind)
    with reading(store) as session:
        assert search_text(session, again, TextQuery("desk")).ids == ask("desk").ids


def test_changes_are_found_by_the_next_search(directory: Directory, found: Found) -> None:
    directory.add("Old Name")
    directory.add("Other Desk")
    assert found("old") == ["Old Name"]
    directory.change("Old Name", name="Brand Sign")
    assert found("old") == []
    directory.change("Other Desk", status="inactive")
    assert found("desk") == []
    directory.change("Other Desk", status="active")
    assert found("desk") == ["Other Desk"]
    directory.remove("Other Desk")
    assert found("desk") == []


def test_a_change_that_alters_no_text_writes_nothing(directory: Directory, found: Found, tmp_path: Path) -> None:
    directory.add("Desk", needs=("legal",))
    found("desk")
    before = files(tmp_path)
    directory.change("Desk", maximum_household=4)
    assert found("desk") == ["Desk"]
    assert files(tmp_path) == before


def files(tmp_path: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "instance" / "text-index").iterdir()}


def segment_files(tmp_path: Path) -> set[str]:
    return {name for name in files(tmp_path) if Path(name).suffix in SEGMENT_FILES["tantivy"]}


def everything_stored(index: TextIndex, tmp_path: Path) -> bytes:
    """The files, and what tantivy holds in them compressed."""
    stored = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    if (tmp_path / "instance" / "text-index" / "meta.json").exists():
        fields = ("public", "all", "public_words", "all_words")
        terms = [index._snapshot._searcher.terms_with_prefix(field, "") for field in fields]
        documents = [document.to_dict() for document in index._snapshot.documents_without([])]
        stored += repr((terms, documents)).encode()
        stored += b"".join(zlib.decompress(bytes(packed)) for document in documents for field in ("forms", "words")
                           for packed in document.get(field, ()))
    return stored


class TestConfidentialServices:
    @pytest.fixture(autouse=True)
    def hidden(self, directory: Directory) -> None:
        directory.add("Open Desk", description="Near the fountain.")
        directory.add("Nightingale Refuge", organization="Quillwort (invented)", confidential=True,
                      zone_name="Northshire", alternate_name="The Mill on Sluice Lane", city="Sluicetown",
                      description="A xylophone is there.", needs=("shelter.safe_house",))

    def test_staff_find_them_by_name_organization_need_zone_and_description(self, found: Found) -> None:
        for typed in ("nightingale", "quillwort", "safe house", "northshire", "xylophone"):
            assert found(typed) == ["Nightingale Refuge"], typed

    def test_no_word_of_their_place_is_indexed(self, found: Found, ask: Ask, index: TextIndex, tmp_path: Path) -> None:
        for typed in ("sluice", "sluicetown", "mill"):
            assert found(typed) == []
        assert ask("sluicetwon").did_you_mean is None
        stored = everything_stored(index, tmp_path)
        assert b"nightingale" in stored
        assert b"sluice" not in stored.lower()

    def test_the_public_search_can_not_tell_that_they_exist(self, directory: Directory, ask: Ask,
                                                          index: TextIndex) -> None:
        texts = ["nightingale", "nightingal", "nightengale", "quillwort", "safe house", "shelter", "sheltr", "refuge",
                 "northshire", "xylophone", "xylophine desk", "open desk", "fountian", "desk nightingale", "night"]
        prefixes = ["nig", "qui", "she", "xy", "des", "fou", "ref"]

        def everything() -> list[object]:
            hits = [ask(text, public_only=True) for text in texts]
            near = [index.near(text, public_only=True) for text in texts]
            return [hits, near, [index.suggest(prefix, public_only=True) for prefix in prefixes]]

        before = everything()
        assert ask("fountian", public_only=True).did_you_mean == "fountain"
        assert ask("nightengale").did_you_mean == "nightingale"
        assert index.suggest("nig", public_only=False) == ["nightingale"]
        assert index.near("nightengale", public_only=False) == ["nightingale"]
        directory.remove("Nightingale Refuge")
        assert ask("nightingale").total == 0
        assert everything() == before

    def test_a_service_that_becomes_confidential_leaves_no_word_of_its_past_in_the_files(
            self, directory: Directory, ask: Ask, index: TextIndex, tmp_path: Path) -> None:
        directory.add("Marigold Home", city="Brambleford", description="Ring at 3 Thornback Row.")
        for n in range(3):
            directory.add(f"Desk {n}")
        assert ask("brambleford", public_only=True).total == 1
        directory.change("Marigold Home", confidential=True, zone_name="Northshire", description="")
        assert ask("marigold").total == 1
        assert ask("marigold", public_only=True) == ask("marigolt", public_only=True)
        stored = everything_stored(index, tmp_path)
        assert b"thornback" not in stored.lower()
        assert b"brambleford" not in stored.lower()

    def test_tantivy_keeps_no_file_of_its_public_past(self, directory: Directory, store: Store, tmp_path: Path) -> None:
        """Its files are compressed, so no word of a removed document could be looked for in them."""
        pytest.importorskip("tantivy")
        index = open_text_index(tmp_path / "instance", "tantivy")

        def search(text: str) -> TextHits:
            with reading(store) as session:
                return search_text(session, index, TextQuery(text))

        directory.add("Marigold Home", city="Brambleford", description="Ring at 3 Thornback Row.")
        held = search("brambleford")
        assert held.total == 1
        before = segment_files(tmp_path)
        directory.change("Marigold Home", confidential=True, zone_name="Northshire", description="")
        assert search("marigold").total == search("fountain").total == search("xylophone").total == 1
        assert search("marigold northshire").every_word
        assert search("brambleford").total == 0
        assert index.suggest("bramble", public_only=False) == []
        assert not before & segment_files(tmp_path)
        assert held.hits[0].highlighted["name"] == (("Marigold Home", False),), "a page being made is not disturbed"

    def test_a_service_that_is_no_longer_confidential_is_public_again(self, directory: Directory, ask: Ask) -> None:
        assert ask("nightingale", public_only=True).total == 0
        directory.change("Nightingale Refuge", confidential=False)
        assert ask("nightingale", public_only=True).total == 1
        assert ask("sluicetown", public_only=True).total == 1


class TestStoredIndex:
    @pytest.fixture(autouse=True)
    def desk(self, directory: Directory) -> None:
        directory.add("Desk")

    @pytest.fixture
    def reopened(self, store: Store, tmp_path: Path, kind: str) -> Callable[[], list[str]]:
        """What a process finds that starts on the folder as it is."""

        def names() -> list[str]:
            fresh = open_text_index(tmp_path / "instance", kind)
            with reading(store) as session:
                ids = search_text(session, fresh, TextQuery("desk")).ids
                return sorted(session.get_one(Service, service_id).name for service_id in ids)

        return names

    def test_an_index_is_kept_and_not_built_again(self, found: Found, reopened: Callable[[], list[str]],
                                                  tmp_path: Path) -> None:
        found("desk")
        before = files(tmp_path)
        assert reopened() == ["Desk"]
        assert {name: at for name, at in files(tmp_path).items() if name != "apply.lock"} == {
            name: at for name, at in before.items() if name != "apply.lock"}

    def test_what_changed_while_no_process_ran_is_caught_up(self, found: Found, directory: Directory,
                                                            reopened: Callable[[], list[str]]) -> None:
        found("desk")
        directory.add("Desk two")
        assert reopened() == ["Desk", "Desk two"]

    @pytest.mark.parametrize("damage", ["wrong", "short", "empty", "lost"])
    @pytest.mark.parametrize("part", ["segment", "contents"])
    def test_a_damaged_index_is_rebuilt(self, found: Found, reopened: Callable[[], list[str]], tmp_path: Path,
                                        kind: str, part: str, damage: str) -> None:
        found("desk")
        folder = tmp_path / "instance" / "text-index"
        contents = next(folder.glob({"whoosh": "*.toc", "tantivy": "meta.json"}[kind]))
        segment = [path for path in folder.iterdir() if path.suffix in SEGMENT_FILES[kind]]
        for path in segment if part == "segment" else [contents]:
            content = path.read_bytes()
            # A new file, not the old one cut: the first process still reads that.
            path.unlink()
            if damage != "lost":
                half = content[:len(content) // 2]
                path.write_bytes({"wrong": b"\xff" * len(content), "short": half, "empty": b""}[damage])
        assert reopened() == ["Desk"]
        assert reopened() == ["Desk"]

    @pytest.mark.parametrize("suffix", [".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term"])
    def test_one_damaged_file_of_tantivy_is_enough(self, store: Store, tmp_path: Path, suffix: str) -> None:
        pytest.importorskip("tantivy")
        for _ in range(2):
            index = open_text_index(tmp_path / "instance", "tantivy")
            with reading(store) as session:
                assert search_text(session, index, TextQuery("desk")).total == 1
            for path in (tmp_path / "instance").rglob(f"*{suffix}"):
                path.unlink()

    def test_a_lost_folder_is_made_again(self, found: Found, reopened: Callable[[], list[str]], tmp_path: Path) -> None:
        found("desk")
        shutil.rmtree(tmp_path / "instance" / "text-index")
        assert reopened() == ["Desk"]
        assert reopened() == ["Desk"]

    def test_damage_that_shows_only_while_searching_is_rebuilt(self, found: Found, index: TextIndex,
                                                               caplog: pytest.LogCaptureFixture,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
        assert found("desk") == ["Desk"]
        snapshot = type(index._snapshot)
        good = snapshot._look_up
        broken = iter([True])

        def look_up(self: Snapshot, word: QueryWord, public_only: bool) -> object:
            if next(broken, False):
                raise EOFError(word.typed.text)
            return good(self, word, public_only)

        monkeypatch.setattr(snapshot, "_look_up", look_up)
        assert found("desk") == ["Desk"]
        assert next(broken, None) is None, "the damage was met"
        assert "rebuilt: EOFError" in caplog.text
        assert "desk" not in caplog.text, "what people search for is not logged"

    def test_a_panic_in_tantivy_is_damage_like_any(self, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
        tantivy = pytest.importorskip("tantivy")
        index = open_text_index(tmp_path / "instance", "tantivy")
        with reading(store) as session:
            refresh_text(session, index)
            with monkeypatch.context() as patch:
                patch.setattr(type(index._snapshot), "_term", lambda self, _field, _term: self._searcher.search(
                    tantivy.Query.all_query(), limit=0))
                with pytest.raises(IndexDamaged, match="is damaged"):
                    index.search(TextQuery("desk"))
            assert "rebuilt: PanicException" in caplog.text
            assert search_text(session, index, TextQuery("desk")).total == 1

    def test_an_index_of_another_kind_is_replaced_and_none_of_its_files_left(
            self, found: Found, store: Store, tmp_path: Path, kind: str) -> None:
        pytest.importorskip("tantivy")
        found("desk")
        before = files(tmp_path).keys() - {common_text.LOCK}
        other = open_text_index(tmp_path / "instance", "whoosh" if kind == "tantivy" else "tantivy")
        with reading(store) as session:
            assert search_text(session, other, TextQuery("desk")).total == 1
        assert not before & files(tmp_path).keys()
        assert found("desk") == ["Desk"]

    def test_an_index_of_another_version_is_rebuilt(self, found: Found, reopened: Callable[[], list[str]],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(common_text, "FORMAT", common_text.FORMAT - 1)
        found("desk")
        monkeypatch.undo()
        assert reopened() == ["Desk"]

    def test_an_index_of_other_needs_is_rebuilt(self, found: Found, reopened: Callable[[], list[str]],
                                                tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(common_text, "needs_digest", lambda: "other words")
        found("desk")
        before = files(tmp_path)
        monkeypatch.undo()
        assert reopened() == ["Desk"]
        assert files(tmp_path) != before

    def test_an_index_of_another_database_is_rebuilt(self, found: Found, store: Store, directory: Directory,
                                                     reopened: Callable[[], list[str]]) -> None:
        found("desk")
        with transaction(store) as session:
            session.query(ChangeLog).delete()
            session.query(Service).delete()
        directory.add("Replaced desk")
        assert reopened() == ["Replaced desk"]

    def test_a_folder_that_can_not_be_written_leaves_the_search_working(
            self, tmp_path: Path, store: Store, directory: Directory, kind: str,
            caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "a file").write_text("not a folder")
        index = open_text_index(tmp_path / "a file", kind)
        assert "stays in memory" in caplog.text
        with reading(store) as session:
            assert search_text(session, index, TextQuery("desk")).total == 1
        directory.add("Desk two")
        with reading(store) as session:
            assert search_text(session, index, TextQuery("desk")).total == 2

    def test_whoosh_on_a_full_disk_goes_on_in_memory(self, tmp_path: Path, store: Store,
                                                   monkeypatch: pytest.MonkeyPatch,
                                                   caplog: pytest.LogCaptureFixture) -> None:
        index = open_text_index(tmp_path / "full", "whoosh")

        def full(*_args: object, **_options: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("whoosh.filedb.filestore.FileStorage.create_file", full)
        with reading(store) as session:
            assert search_text(session, index, TextQuery("desk")).total == 1
        assert "No space left" in caplog.text

    @pytest.mark.parametrize("built_before", [False, True])
    def test_tantivy_on_a_full_disk_goes_on_in_memory(self, tmp_path: Path, store: Store, directory: Directory,
                                                      caplog: pytest.LogCaptureFixture, built_before: bool) -> None:
        resource = pytest.importorskip("resource")
        pytest.importorskip("tantivy")
        index = open_text_index(tmp_path / "full", "tantivy")
        if built_before:
            with reading(store) as session:
                assert search_text(session, index, TextQuery("desk")).total == 1
        directory.add("Desk two")
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        with reading(store) as session:
            session.connection()
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
            try:
                assert search_text(session, index, TextQuery("desk")).total == 2
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert "stays in memory" in caplog.text
        directory.add("Desk three")
        with reading(store) as session:
            assert search_text(session, index, TextQuery("desk")).total == 3

    def test_a_crash_before_the_commit_leaves_the_last_index(self, found: Found, directory: Directory,
                                                             index: TextIndex, store: Store, kind: str,
                                                             reopened: Callable[[], list[str]],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
        found("desk")
        directory.add("Desk two")

        class Crash(BaseException):
            pass

        def crash(*_args: object, **_options: object) -> None:
            raise Crash

        monkeypatch.setattr({"whoosh": "whoosh.index.TOC.write",
                             "tantivy": "referral_dir.index.tantivy_text._add_and_delete"}[kind], crash)
        with pytest.raises(Crash), reading(store) as session:
            refresh_text(session, index)
        monkeypatch.undo()
        assert reopened() == ["Desk", "Desk two"]
        assert sorted(found("desk")) == ["Desk", "Desk two"]


def test_threads_search_while_others_write(directory: Directory, ask: Ask, index: TextIndex) -> None:
    for n in range(5):
        directory.add(f"Desk {n}")
    ask("desk")
    stop = threading.Event()

    def search() -> set[int]:
        totals = set()
        while not stop.is_set():
            totals.add(index.search(TextQuery("desk")).total)
        return totals

    with ThreadPoolExecutor(3) as threads:
        results = [threads.submit(search) for _ in range(3)]
        try:
            for n in range(10):
                directory.change("Desk 0", status="inactive" if n % 2 else "active", description=f"number {n}")
                ask("desk")
        finally:
            stop.set()
        assert set().union(*(result.result() for result in results)) <= {4, 5}


def test_rows_that_are_older_than_the_index_are_not_taken_in(directory: Directory, index: TextIndex, found: Found,
                                                            store: Store) -> None:
    directory.add("Desk")
    assert found("desk") == ["Desk"]
    index.apply([], [directory.id("Desk")], START, seen=START, whole=False)
    index.apply([], (), START, seen=None, whole=True)
    assert found("desk") == ["Desk"]


def test_a_lock_that_is_never_released_leaves_the_search_at_what_it_has(
        directory: Directory, found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    directory.add("Desk")
    assert found("desk") == ["Desk"]
    monkeypatch.setattr(common_text, "LOCK_SECONDS", 0.1)
    lock = FileLock(str(tmp_path / "instance" / "text-index" / common_text.LOCK))
    assert lock.acquire()
    try:
        directory.add("Desk two")
        assert found("desk") == ["Desk"]
        assert "another process has been writing" in caplog.text
    finally:
        lock.release()
    assert found("desk") == ["Desk", "Desk two"]


def test_an_index_that_was_never_built_says_so(index: TextIndex) -> None:
    with pytest.raises(IndexDamaged, match="not been built"):
        index.search(TextQuery("desk"))


def test_an_empty_directory_is_searched_without_hits(ask: Ask) -> None:
    assert ask("desk") == TextHits(every_word=False)


def test_words_are_suggested_as_they_are_written_the_most_frequent_first(
        directory: Directory, ask: Ask, index: TextIndex) -> None:
    directory.add("Réfuge one")
    directory.add("Refectory one")
    directory.add("Refectory two")
    ask("one")
    assert index.suggest("REF", public_only=True) == ["refectory", "réfuge"]
    assert index.suggest("ref", public_only=True, limit=1) == ["refectory"]
    assert index.suggest("r", public_only=True) == []
    directory.remove("Réfuge one")
    ask("one")
    assert index.suggest("réf", public_only=True) == ["refectory"]


def test_an_unknown_kind_of_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose 'whoosh' or 'tantivy'"):
        open_text_index(tmp_path, "elastic")


def test_a_kind_that_is_not_installed_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tantivy_text", "tantivy_search"):
        monkeypatch.delitem(sys.modules, f"referral_dir.index.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "tantivy", None)
    with pytest.raises(ValueError, match=r"pip install referral-dir\[large\]"):
        open_text_index(tmp_path, "tantivy")


def test_both_kinds_find_the_same(directory: Directory, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("tantivy")
    chance = random.Random(7)
    words = ["harbour", "harbours", "harbor", "lantern", "night", "nights", "réfugiés", "refugee", "desk", "house"]
    for n in range(60):
        directory.add(" ".join(chance.choices(words, k=3)) + f" {n}", description=" ".join(chance.choices(words, k=4)),
                      confidential=n % 7 == 0, zone_name="Northshire", needs=("basic.food",) if n % 3 else ("shelter",))
    kinds = [open_text_index(tmp_path / kind, kind) for kind in ("whoosh", "tantivy")]
    with reading(store) as session:
        for index in kinds:
            refresh_text(session, index)
    some = [directory.id(f"desk {n}") for n in range(3)]
    asked = [" ".join(chance.choices([*words, "lantren", "nigth", "comida", "zeppelin", "har", "lan"], k=k))
             for k in (1, 2, 3) for _ in range(40)]
    for text in asked:
        for options in ({}, {"public_only": True}, {"only": some}, {"offset": 2, "limit": 3}):
            one, two = (index.search(TextQuery(text, **options)) for index in kinds)
            assert (set(one.ids), one.total, one.every_word, one.did_you_mean, len(one.hits)) == (
                set(two.ids), two.total, two.every_word, two.did_you_mean, len(two.hits)), (text, options)
            assert [hit.service_id for hit in two.hits] == list(two.ids)[options.get("offset", 0):][:len(two.hits)]
        one, two = (index.suggest(text[:3], public_only=True) for index in kinds)
        assert one == two
