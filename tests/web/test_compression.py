"""Answers are short on the line, and their length tells no secret."""

import gzip

from tests.web.conftest import World

ASKED = {"Accept-Encoding": "br, gzip"}


def test_pages_and_files_are_compressed_for_whoever_can_unpack_them(world: World) -> None:
    client = world.app.test_client()
    for path in ("/about", "/static/style.css"):
        plain, packed = client.get(path), client.get(path, headers=ASKED)
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    assert gzip.decompress(client.get("/static/style.css", headers=ASKED).data) == client.get("/static/style.css").data


def test_the_same_page_has_another_length_each_time(world: World) -> None:
    client = world.app.test_client()
    sizes = {len(client.get("/static/style.css", headers=ASKED).data) for _ in range(30)}
    assert len(sizes) > 10


def test_what_would_not_gain_is_left_as_it_is(world: World) -> None:
    client = world.app.test_client()
    assert "Content-Encoding" not in world.app.test_client().get("/leave", headers=ASKED).headers
    assert "Content-Encoding" not in client.get("/about", headers={"Accept-Encoding": "gzip;q=0"}).headers
    first = client.get("/static/style.css", headers=ASKED)
    again = client.get("/static/style.css", headers={**ASKED, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
