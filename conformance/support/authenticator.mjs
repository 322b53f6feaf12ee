// An authenticator that is a program (Web Authentication Level 3 §6): one credential, ES256, nobody vouches for it.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const PRESENT_AND_VERIFIED = 0x05;
const ATTESTED = 0x40;
const sha256 = (data) => createHash('sha256').update(data).digest();

/** CBOR (RFC 8949 §3.1) of what attestation objects are made of: integers, text, bytes, and maps. */
function cbor(value) {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, value.length), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(5, value.size), ...[...value].flat().map(cbor)]);
}

function head(major, number) {
  const first = major << 5;
  if (number < 24) return Buffer.from([first | number]);
  return number < 256 ? Buffer.from([first | 24, number]) : Buffer.from([first | 25, number >> 8, number & 255]);
}

export class Authenticator {
  #origin;
  #id = randomBytes(32);
  #counter = 0;
  #key;

  constructor(origin) {
    this.#origin = origin;
    this.#key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  /** `navigator.credentials.create()` (§5.1.3). */
  create({ rp, challenge }) {
    const { x, y } = this.#key.publicKey.export({ format: 'jwk' });
    const coordinate = (text) => Buffer.from(text, 'base64url');
    const publicKey = cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, coordinate(x)], [-3, coordinate(y)]]));
    const length = Buffer.from([0, this.#id.length]);
    const credential = Buffer.concat([Buffer.alloc(16), length, this.#id, publicKey]);
    const authData = Buffer.concat([this.#data(rp.id, ATTESTED), credential]);
    const attestationObject = cbor(new Map([['fmt', 'none'], ['attStmt', new Map()], ['authData', authData]]));
    return this.#answer({ clientDataJSON: this.#clientData('webauthn.create', challenge), attestationObject });
  }

  /** `navigator.credentials.get()` (§5.1.4). */
  get({ rpId, challenge }) {
    const clientDataJSON = this.#clientData('webauthn.get', challenge);
    const authenticatorData = this.#data(rpId, 0);
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
    const signature = sign('sha256', signed, this.#key.privateKey);
    return this.#answer({ clientDataJSON, authenticatorData, signature });
  }

  #data(rpId, flags) {
    const rest = Buffer.alloc(5);
    rest[0] = PRESENT_AND_VERIFIED | flags;
    rest.writeUInt32BE((this.#counter += 1), 1);
    return Buffer.concat([sha256(rpId), rest]);
  }

  #clientData(type, challenge) {
    const text = Buffer.from(challenge).toString('base64url');
    return Buffer.from(JSON.stringify({ type, challenge: text, origin: this.#origin, crossOrigin: false }));
  }

  #answer(response) {
    return { id: this.#id.toString('base64url'), type: 'public-key', response };
  }
}
