"""Messages over a real SMTP connection."""

import socket
from dataclasses import replace
from email import message_from_bytes

from aiosmtpd.controller import Controller

import config
from referral_dir import cli
from referral_dir.desk import audit_heads, notify
from referral_dir.store.db import Store, reading
from tests import cast as people
from tests.cast import NOW


class Letterbox:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.letters.append(envelope.content)  # type: ignore[attr-defined]
        return "250 OK"


def test_the_mail_that_arrives_says_only_that_something_waits(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    box = Letterbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        mailer = notify.Mailer("127.0.0.1", port, "referrals@test.example", "https://directory.example", starttls=False)
        assert notify.deliver(store, mailer, NOW).sent == 1
        assert notify.deliver(store, mailer, NOW).sent == 0
    finally:
        server.stop()
    [letter] = [message_from_bytes(raw) for raw in box.letters]
    assert letter["To"] == "petra@test.example"
    body = str(letter.get_payload())
    assert f"https://directory.example/waiting/{handoff_id}" in body
    for secret in ("Harbour", "Invented", "Miami", "shelter", "ht", "Olga"):
        assert secret not in body.replace("https", "")


def test_without_a_mail_server_messages_wait(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    nowhere = notify.Mailer(None, 25, "referrals@test.example", "https://directory.example")
    done = notify.deliver(store, nowhere, NOW)
    assert (done.sent, done.retried) == (0, 1)


def test_once_a_day_the_witness_is_sent_a_head_that_later_checks_the_chain(
        store: Store, settings: config.Settings) -> None:
    cast = people.build(store)
    people.request(store, cast)
    box = Letterbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mailing = replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False,
                      audit_witness="witness@elsewhere.example")
    cli.deliver_once(mailing, store)
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        cli.deliver_once(mailing, store)
        cli.deliver_once(mailing, store)
    finally:
        server.stop()
    [letter] = [m for m in map(message_from_bytes, box.letters) if m["To"] == "witness@elsewhere.example"]
    [_, attached] = letter.get_payload()
    kept = attached.get_payload(decode=True).decode()
    trusted = audit_heads.public_key(audit_heads.signing_key(settings.audit_key))
    head = audit_heads.read_head(kept, trusted).head
    with reading(store) as session:
        assert audit_heads.verify(session, trusted, head).broken_at is None
