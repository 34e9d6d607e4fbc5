"""Signed heads of the audit chain: made, kept outside, and checked against."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from referral_dir.desk import audit
from referral_dir.domain.access import Actor, require
from referral_dir.domain.audit_head import Head, Verification, check_chain
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store import audit_queries
from referral_dir.store.records import AuditHead

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SEND_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head with its Ed25519 signature (RFC 8032) and the public key, both as base64."""

    head: Head
    public_key: str
    signature: str

    def to_json(self) -> str:
        """As it is kept outside."""
        return json.dumps({"sequence": self.head.sequence, "hash": self.head.hash, "at": self.head.at.isoformat(),
                           "public_key": self.public_key, "signature": self.signature}, indent=1)


def signing_key(text: str) -> Ed25519PrivateKey:
    """The key from base64 of 32 bytes. Raises Invalid."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Invalid({"REFERRAL_DIR_AUDIT_KEY": "write 32 random bytes as base64"}) from error


def public_key(key: Ed25519PrivateKey) -> str:
    """The public half, as base64: give it to whoever keeps the heads."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def take_head(session: "Session", key: Ed25519PrivateKey, now: datetime, actor: Actor | None = None) -> SignedHead:
    """A signed head for someone who will keep it elsewhere. `actor` is None for the command line."""
    if actor is not None:
        require(actor, "audit:head")
    signed = sign_head(session, key, now)
    audit.record(session, actor, "audit:head", now, details={"sequence": signed.head.sequence})
    return signed


def sign_head(session: "Session", key: Ed25519PrivateKey, now: datetime) -> SignedHead:
    """Sign the chain's end as it is now. Raises Invalid where there is no entry yet."""
    last = audit_queries.last_entry(session)
    if last is None:
        raise Invalid({"audit": "there is no entry yet"})
    head = Head(*last, now)
    return SignedHead(head, public_key(key), base64.b64encode(key.sign(head.text())).decode())


def read_head(text: str, trusted_key: str | None = None) -> SignedHead:
    """A head that was kept outside. Raises Invalid where it is unreadable, or not signed by the trusted key.

    Without a trusted key the head's own is taken: that shows changes since, but not who signed it.
    """
    try:
        kept = json.loads(text)
        head = Head(int(kept["sequence"]), str(kept["hash"]), datetime.fromisoformat(kept["at"]))
        key, signature = trusted_key or str(kept["public_key"]), str(kept["signature"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid({"head": say("this is not a seal: copy the whole content of the file")}) from error
    if not _is_signed(head, key, signature):
        raise Invalid({"head": say("the signature is not ours, or the seal was changed")})
    return SignedHead(head, key, signature)


def verify(session: "Session", trusted_key: str, head: Head | None = None) -> Verification:
    """Walk the whole chain, against a head that was kept elsewhere if there is one. Reads only.

    A chain whose beginning was cut by `purge` must begin right after a head that is signed by the trusted key.
    """
    return check_chain(audit_queries.audit_rows(session), head, _cut_at(session, trusted_key))


def _cut_at(session: "Session", trusted_key: str) -> Head | None:
    kept = audit_queries.head_before_first(session)
    if kept is None:
        return None
    head = Head(kept.sequence, kept.hash, kept.at)
    return head if _is_signed(head, trusted_key, kept.signature) else None


def _is_signed(head: Head, key: str, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True)).verify(
            base64.b64decode(signature, validate=True), head.text())
    except (InvalidSignature, ValueError):
        return False
    return True


def head_is_due(session: "Session", now: datetime) -> bool:
    """Whether something has happened since the last head that was sent, and that one is a day old."""
    sent, last = audit_queries.last_head(session), audit_queries.last_entry(session)
    if last is None:
        return False
    # The sending of a head is itself an entry: alone, it is no reason to send another.
    return sent is None or (last[0] > sent.sequence + 1 and now - sent.at >= SEND_EVERY)


def keep_head(session: "Session", signed: SignedHead, now: datetime) -> None:
    """Note that this head was sent."""
    audit.record(session, None, "audit:head", now, details={"sequence": signed.head.sequence, "sent": True})
    session.add(AuditHead(sequence=signed.head.sequence, hash=signed.head.hash, at=signed.head.at,
                          signature=signed.signature, sent=now))


def head_mail(signed: SignedHead, sender: str, witness: str) -> EmailMessage:
    """The mail that carries a head to whoever keeps it: numbers and hashes, nothing else."""
    mail = EmailMessage()
    mail["Subject"] = f"Audit head {signed.head.sequence}"
    mail["From"], mail["To"] = sender, witness
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("Please keep the attached file. With it, `referral-dir audit verify --head FILE` shows later "
                     "whether anything before it was changed.\n")
    mail.add_attachment(signed.to_json().encode(), maintype="application", subtype="json",
                        filename=f"audit-head-{signed.head.sequence}.json")
    return mail
