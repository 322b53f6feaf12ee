"""A YubiKey that is a program: it types one-time passwords (Yubico OTP)."""

import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MODHEX = str.maketrans("0123456789abcdef", "cbdefghijklnrtuv")


class Yubikey:
    def __init__(self, serial):
        self.serial = str(serial)
        self.public_id, self.private_id, self.key = os.urandom(6), os.urandom(6), os.urandom(16)
        self.session, self.touches = 1, 0

    def seed(self):
        """What its personalisation left, under Okta's names."""
        return {
            "serialNumber": self.serial,
            "publicId": modhex(self.public_id),
            "privateId": self.private_id.hex(),
            "aesKey": self.key.hex(),
        }

    def touch(self):
        block = self.private_id + self.session.to_bytes(2, "little") + os.urandom(3)
        block += bytes([self.touches]) + os.urandom(2)
        block += (crc(block) ^ 0xFFFF).to_bytes(2, "little")
        self.touches += 1
        # One block, which is what the protocol encrypts.
        encryptor = Cipher(algorithms.AES(self.key), modes.ECB()).encryptor()
        return modhex(self.public_id + encryptor.update(block) + encryptor.finalize())


def modhex(octets):
    return octets.hex().translate(MODHEX)


def crc(octets):
    value = 0xFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value
