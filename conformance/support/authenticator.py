"""An authenticator that is a program (Web Authentication Level 3 §6): one credential, ES256, nobody vouches for it."""

import base64
import hashlib
import json
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT_AND_VERIFIED = 0x05
ATTESTED = 0x40


class Authenticator:
    def __init__(self, origin):
        self.origin = origin
        self.id = os.urandom(32)
        self.counter = 0
        self.key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options):
        """`navigator.credentials.create()` (§5.1.3): the members that activate a factor."""
        point = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        public_key = cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public_key
        data = self.data(options["rp"]["id"], ATTESTED) + credential
        made = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self.client_data("webauthn.create", options["challenge"])
        return {"clientData": encoded(client_data), "attestation": encoded(made)}

    def get(self, options):
        """`navigator.credentials.get()` (§5.1.4): the members that verify a factor."""
        client_data = self.client_data("webauthn.get", options["challenge"])
        data = self.data(options["rpId"], 0)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return {
            "clientData": encoded(client_data),
            "authenticatorData": encoded(data),
            "signatureData": encoded(signature),
        }

    def data(self, rp_id, flags):
        self.counter += 1
        flags = bytes([PRESENT_AND_VERIFIED | flags])
        return hashlib.sha256(rp_id.encode()).digest() + flags + self.counter.to_bytes(4, "big")

    def client_data(self, ceremony, challenge):
        data = {"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(data).encode()


def cbor(value):
    """CBOR (RFC 8949 §3.1) of what attestation objects are made of: integers, text, bytes, and maps."""
    if isinstance(value, int):
        return head(1, -1 - value) if value < 0 else head(0, value)
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return head(5, len(value)) + b"".join(cbor(key) + cbor(one) for key, one in value.items())


def head(major, number):
    first = major << 5
    if number < 24:
        return bytes([first | number])
    return bytes([first | 24, number]) if number < 256 else bytes([first | 25]) + number.to_bytes(2, "big")


def encoded(octets):
    """Base64 with padding, as Okta's examples have it; what browsers send is base64url."""
    return base64.b64encode(octets).decode()
