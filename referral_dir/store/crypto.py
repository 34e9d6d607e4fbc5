"""Sealing of single values: AES-256-GCM with the row's id and column as associated data, and key rotation."""

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SealError(Exception):
    """A sealed value could not be opened: wrong key, wrong row, or altered bytes."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id. The first seals; all of them open, so that a new first key rotates without downtime."""

    keys: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `id:base64,id2:base64`. Raises ValueError with what is wrong."""
        keys = []
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            key_id, colon, encoded = part.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not (colon and key_id.isalnum() and len(key_id) <= 16 and len(key) == KEY_BYTES):
                raise ValueError("each master key must be written as ID:BASE64 with 32 bytes, "
                                 "the ID of at most 16 letters and digits")
            keys.append((key_id, key))
        if not keys or len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("at least one master key is needed, and each ID only once")
        return cls(tuple(keys))

    def seal(self, plain: bytes, row: UUID, column: str) -> bytes:
        """Ciphertext that opens only for this row and column: `key id | 0 | nonce | AES-GCM`."""
        key_id, key = self.keys[0]
        return key_id.encode() + b"\0" + seal(key, plain, row, column)

    def open(self, token: bytes, row: UUID, column: str) -> bytes:
        """The plain bytes. Raises SealError."""
        key_id, _, body = token.partition(b"\0")
        key = dict(self.keys).get(key_id.decode("ascii", "replace"))
        if key is None:
            raise SealError("sealed with a key that is not configured")
        return unseal(key, body, row, column)

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, by HKDF from the first key: no key ever does two jobs.

        It changes when a new first key is put in, so nothing that must outlive a rotation may hang on it.
        """
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"referral-dir:" + purpose.encode()).derive(self.keys[0][1])

    def derive_all(self, purpose: str) -> tuple[bytes, ...]:
        """As `derive`, for every key: what was made under an older first key is still known after a rotation."""
        return tuple(KeyRing((pair,)).derive(purpose) for pair in self.keys)


def new_key() -> bytes:
    """A fresh random key of 32 bytes."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plain: bytes, row: UUID, column: str) -> bytes:
    """`nonce | AES-GCM(plain)` with row and column as associated data."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, _associated(row, column))


def unseal(key: bytes, body: bytes, row: UUID, column: str) -> bytes:
    """The plain bytes. Raises SealError."""
    try:
        return AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], _associated(row, column))
    except (InvalidTag, ValueError) as error:
        raise SealError("the sealed value does not belong here or was altered") from error


def _associated(row: UUID, column: str) -> bytes:
    return row.bytes + column.encode()
