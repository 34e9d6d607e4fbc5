"""A passkey in software: makes and signs as a security key does, and can be told to do it wrong."""

import json
import os
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url as text


class Authenticator:
    """One key for one site."""

    def __init__(self, origin: str, site: str) -> None:
        self.origin, self.site, self.count = origin, site, 0
        self.key, self.id = ec.generate_private_key(ec.SECP256R1()), os.urandom(32)

    def make(self, options: str, **wrong: Any) -> str:
        """The answer to a registration."""
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(0x45, **wrong) + credential
        return self._answer({
            "clientDataJSON": self._client("webauthn.create", options, **wrong),
            "attestationObject": cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})})

    def sign(self, options: str, **wrong: Any) -> str:
        """The answer to an authentication; each counts one more."""
        self.count = wrong.get("count", self.count + 1)
        data, client = self._data(0x05, **wrong), self._client("webauthn.get", options, **wrong)
        signature = self.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer({"clientDataJSON": client, "authenticatorData": data, "signature": signature})

    def _data(self, flags: int, site: str | None = None, **_: Any) -> bytes:
        return sha256((site or self.site).encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: str, origin: str | None = None, challenge: str | None = None,
                **_: Any) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge or json.loads(options)["challenge"],
                           "origin": origin or self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, bytes]) -> str:
        return json.dumps({"id": text(self.id), "rawId": text(self.id), "type": "public-key",
                           "response": {name: text(value) for name, value in response.items()}})
