"""Bodies as the server itself reads them, over a socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from click.testing import CliRunner
from waitress import create_server

import config
from referral_dir import cli, create_app
from referral_dir.store.db import Store


@pytest.fixture
def options(settings: config.Settings, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `serve` asks the server for."""
    asked: dict[str, Any] = {}

    def refuse(_app: object, **options: Any) -> None:
        asked.update(options)
        raise OSError(98, "in use")

    with monkeypatch.context() as patched:
        patched.setattr("waitress.create_server", refuse)
        patched.setattr(cli, "_open", lambda: (settings, sqlite_store))
        patched.setattr(cli, "load_demo", lambda _store: None)
        assert "can't be used" in CliRunner().invoke(cli.main, ["serve"]).output
    return asked


@pytest.fixture
def port(options: dict[str, Any], settings: config.Settings, sqlite_store: Store) -> Iterator[int]:
    server = create_server(create_app(settings, sqlite_store), **{**options, "port": 0, "threads": 2})
    threading.Thread(target=server.run, daemon=True).start()
    yield server.effective_port
    server.close()


def answer(port: int, head: str, body: bytes) -> str:
    """The answer's beginning. A server that has heard enough may hang up before everything is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                           f"Content-Type: application/x-www-form-urlencoded\r\n{head}\r\n\r\n".encode())
        told = b""
        with suppress(ConnectionError):
            connection.sendall(body)
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                told += part
    return told.decode()


def chunks(size: int) -> bytes:
    piece = b"x" * 65536
    return b"".join(b"10000\r\n" + piece + b"\r\n" for _ in range(size // len(piece) + 1)) + b"0\r\n\r\n"


def test_a_body_in_chunks_is_refused_by_its_real_length(port: int) -> None:
    told = answer(port, "Transfer-Encoding: chunked", chunks(config.LARGEST_BODY))
    assert told.startswith("HTTP/1.1 413 ")
    assert "Content-Security-Policy: default-src 'none'" in told


def test_a_body_that_is_far_too_long_is_refused_by_the_server(port: int) -> None:
    for head, body in ((f"Content-Length: {10**9}", b"text=food"),
                       ("Transfer-Encoding: chunked", chunks(config.LARGEST_BODY_READ * 2))):
        assert answer(port, head, body).startswith("HTTP/1.1 413 ")


def test_a_short_body_in_chunks_is_answered(port: int) -> None:
    told = answer(port, "Transfer-Encoding: chunked", b"9\r\ntext=food\r\n0\r\n\r\n")
    assert told.startswith("HTTP/1.1 200 ")
    assert 'value="food"' in told


def test_two_lengths_in_one_request_are_refused(port: int) -> None:
    both = answer(port, "Content-Length: 9\r\nTransfer-Encoding: chunked", b"0\r\n\r\nGET /about HTTP/1.1\r\n\r\n")
    assert both.count("HTTP/1.1 ") == 1
    assert answer(port, "Content-Length: 9\r\nContent-Length: 5", b"text=food").startswith("HTTP/1.1 400 ")
    assert answer(port, "Transfer-Encoding: gzip, chunked", b"0\r\n\r\n").startswith(("HTTP/1.1 501 ", "HTTP/1.1 400 "))


def test_only_the_page_of_imports_is_read_further_and_only_with_a_cookie(port: int) -> None:
    body = b"x" * (config.LARGEST_BODY_READ + 1)
    head = f"Content-Length: {len(body)}"

    def told(path: str, cookie: str) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{cookie}{head}\r\n"
                               "Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
            answered = b""
            with suppress(ConnectionError):
                connection.sendall(body)
            with suppress(ConnectionError):
                while part := connection.recv(65536):
                    answered += part
        return answered.decode()

    # What the server cuts off, no page has seen: its answer lacks what every page carries.
    for path, cookie in (("/administration/imports", ""), ("/sign-in", "Cookie: session=x\r\n")):
        cut_off = told(path, cookie)
        assert "413" in cut_off.partition("\r\n")[0]
        assert "Content-Security-Policy" not in cut_off
    # Read further, and refused by the page: nobody is signed in.
    refused = told("/administration/imports", "Cookie: session=x\r\n")
    assert "413" in refused.partition("\r\n")[0]
    assert "Content-Security-Policy" in refused
