"""Words that may be nowhere but sealed, and a search for them in any bytes: as text, base64 or hex, in any case."""

import base64
import json
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

# One that is of the house is seen by its keeper and provider; one that is of the person by those of the handoff.
HOUSE: Final = {
    "street": "77 Zanzibarquay Passage", "line 2": "Garret Xylothek", "postcode": "ZQ9 7XJ",
    "place": "Kestrelholm Cottage", "phone": "+44 7700 900461", "contact": "Ottoline Featherstonehaugh",
    "e-mail": "ottoline.f@hush.example", "directions": "behind the vermilion dovecote", "landline": "+44 7700 900462",
    "transport": "bus 9 to Quillback Corner"}
POINT: Final = (25.7704317, -80.2054913)
PERSON: Final = {"name": "Perpetua Nightshade", "date_of_birth": "1987-03-19", "nationality": "Ruritanian-XQ",
                 "phone": "+44 7700 900463", "health": "takes fictizine-q daily",
                 "background": "taken from Grauholz mill"}
CONTACT: Final = "ring twice at Mallowmarsh then hang up"
# Why glass was broken: for a supervisor of the case's own organization, and nobody else.
EXPLANATION: Final = "slumped beside the Umberwick turnstile"
# What one side wrote to the other about the person.
TOLD: Final = "her sister sings at the Pomegranate Lantern"
MEETING: Final = "the ochre bench by Tolliver fountain"
# What may be found everywhere: it proves that the search sees anything at all.
OPEN: Final = "Lanternlight Refuge"
SIX: Final = 6


def found_in(data: bytes, words: Mapping[str, str]) -> set[str]:
    """Which of the words are in the bytes."""
    low = data.lower()
    if not _begins_somewhere(low, frozenset(words.values())):
        return set()
    return {name for name, word in words.items() if any(form in low for form in forms(word))}


def _begins_somewhere(low: bytes, words: frozenset[str]) -> bool:
    """Whether the first six bytes of some form of a word stand anywhere. There are a thousand forms, and each page is
    searched for all: in nearly every page none of them begins, and that is seen at one glance."""
    begins, table = _beginnings(words)
    text = np.frombuffer(low, dtype=np.uint8)
    if len(text) < SIX:
        return False
    places = np.flatnonzero(table[_numbers(text)])
    return any(low[at:at + SIX] in begins for at in places)


@cache
def _beginnings(words: frozenset[str]) -> tuple[frozenset[bytes], npt.NDArray[np.bool_]]:
    """The first bytes of every form, and a table that is true at the number of each."""
    begins = frozenset(form[:SIX] for word in words for form in forms(word))
    assert all(len(begin) == SIX for begin in begins)
    table = np.zeros(1 << 20, dtype=np.bool_)
    for begin in begins:
        table[_numbers(np.frombuffer(begin, dtype=np.uint8))] = True
    return begins, table


def _numbers(text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """A number of 20 bits for every six bytes that follow each other."""
    count = len(text) - SIX + 1
    number = np.zeros(count, dtype=np.uint64)
    for at in range(SIX):
        number = (number << np.uint64(8)) | text[at:at + count]
    return (number * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(44)


def point_in(data: bytes) -> bool:
    """Whether the point is there: as text, or as a number as databases and arrays hold it."""
    texts = [f"{degrees:.{digits}f}".encode() for degrees in POINT for digits in (4, 5, 6, 7)]
    raw = [struct.pack(order + kind, degrees) for degrees in POINT for order in "<>" for kind in "df"]
    return any(form in data for form in (*texts, *raw))


@cache
def forms(word: str) -> frozenset[bytes]:
    """The word as it could be written, in lower case."""
    spellings = {word, word.replace(" ", ""), word.replace(" ", "_"), word.replace(" ", "+"), quote(word),
                 json.dumps(word)[1:-1]}
    if word.startswith("+"):
        digits = "".join(c for c in word if c.isdigit())
        spellings |= {digits, digits[2:]}
    found = set()
    for spelling in spellings:
        for plain in (spelling.encode(), spelling.lower().encode(), spelling.upper().encode()):
            found |= {plain.lower(), plain.hex().encode(), plain.decode().encode("utf-16-le").lower()}
            # At three offsets, without the letters that its neighbours share.
            for offset in range(3):
                coded = base64.b64encode(b"\0" * offset + plain).rstrip(b"=")
                kept = coded[(0, 2, 3)[offset]:len(coded) - (1 if (offset + len(plain)) % 3 else 0)]
                found |= {kept.lower(), kept.replace(b"+", b"-").replace(b"/", b"_").lower()}
    return frozenset(found)


def folder_bytes(folder: Path) -> bytes:
    """Every file of a folder, with its name."""
    return b"\n".join(str(p.relative_to(folder)).encode() + b"\n" + p.read_bytes()
                      for p in sorted(folder.rglob("*")) if p.is_file())


def directory(keep_public: bool) -> dict[str, Any]:
    """A file with a shelter that has everything; `keep_public`: as a source that thinks nothing of publishing it."""
    address = {"id": "a1", "address_1": HOUSE["street"], "address_2": HOUSE["line 2"], "city": "Miami",
               "state_province": "FL", "postal_code": HOUSE["postcode"], "country": "US", "address_type": "physical"}

    def said(key: str) -> dict[str, Any]:
        return {"attributes": [{"id": f"at-{key}", "value": HOUSE["street"], "label": HOUSE["place"]}],
                "metadata": [{"id": f"m-{key}", "last_action_date": "2026-01-01", "last_action_type": "update",
                              "field_name": "x", "previous_value": HOUSE["street"], "updated_by": HOUSE["contact"],
                              "replacement_value": HOUSE["phone"]}]}

    place = {"id": "l1", "name": HOUSE["place"], "location_type": "physical",
             "latitude": POINT[0], "longitude": POINT[1],
             "transportation": HOUSE["transport"], "description": HOUSE["directions"], "addresses": [address],
             "phones": [{"id": "p2", "number": HOUSE["landline"]}], **said("l1"),
             "contacts": [{"id": "c1", "name": HOUSE["contact"], "email": HOUSE["e-mail"]}],
             "accessibility": [{"id": "x1", "description": HOUSE["directions"]}]}
    service: dict[str, Any] = {
        "id": "s1", "name": OPEN, "status": "active", "phones": [{"id": "p0", "number": "+1 305 555 0100"}],
        "description": f"A house at {HOUSE['street'].upper()}, {HOUSE['postcode']}; ask for {HOUSE['contact']}.",
        "email": HOUSE["e-mail"], "application_process": f"ring {HOUSE['phone']}", "house": {"at": HOUSE["street"]},
        "service_areas": [{"id": "ar1", "name": "around", "extent": json.dumps({"coordinates": POINT[::-1]}),
                           "referral_dir": {"latitude": POINT[0], "longitude": POINT[1], "radius_km": 3}}],
        "service_at_locations": [{"id": "sl1", "description": f"in {HOUSE['street']}", "location": place,
                                  "phones": [{"id": "p1", "number": HOUSE["phone"]}]}], **said("s1"),
        "referral_dir": {"needs": ["shelter.safe_house"], "confidential": not keep_public}}
    return {"organizations": [{"id": "o1", "name": "Lanternlight (invented)", "services": [service],
                               "description": f"Based at {HOUSE['street']}."}]}
