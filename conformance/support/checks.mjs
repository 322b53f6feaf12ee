// What the Node.js checks share: the context of the run, a browser without a screen, and how a check is reported.

import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const LIMIT = 30_000;

export const context = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** Reports one JSON object per check; a check is a function that throws when something is wrong. */
export function checksOf(library) {
  return async (name, check) => {
    let detail = null;
    const alarm = new AbortController();
    try {
      const tooLong = sleep(LIMIT, undefined, { signal: alarm.signal }).then(
        () => { throw new Error('it took too long'); },
        () => {},
      );
      await Promise.race([Promise.resolve().then(check), tooLong]);
    } catch (error) {
      detail = [error, error.cause].filter(Boolean).map(describe).join(', because ');
    }
    alarm.abort();
    process.stdout.write(`${JSON.stringify({ ok: detail === null, library, case: name, detail })}\n`);
  };
}

function describe(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error);
}

export function assert(holds, detail) {
  if (!holds) throw new Error(typeof detail === 'string' ? detail : JSON.stringify(detail));
}

/** Passes only when it is refused, and for the expected reason. */
export async function refuses(promise, reason) {
  const refusal = await promise.then(() => null, (error) => error);
  assert(refusal !== null, 'it was accepted');
  // A refused resource request tells why in its challenges (RFC 6750 §3).
  const challenges = Array.isArray(refusal.cause) ? refusal.cause.map(({ parameters }) => parameters.error) : [];
  const told = [refusal.message, refusal.code, refusal.error, refusal.errorCode, refusal.cause?.message, ...challenges];
  const texts = told.filter(Boolean).map(String);
  assert(texts.some((text) => text.includes(reason)), `refused for another reason: ${texts.join(', ')}`);
}

/** How the forms of our pages are filled in, by their ids. */
const FORMS = {
  'login-form': () => ({ identifier: context.login, password: context.password, action: 'sign_in' }),
  'consent-form': () => ({ decision: 'accept' }),
  'device-form': (userCode) => ({ user_code: userCode }),
  'device-confirm-form': (_, decision) => ({ decision }),
};

/** Follows redirects within the provider, keeps cookies, and fills in the forms of its pages. */
export class Browser {
  #cookies = new Map();

  /**
   * Opens a URL of the provider, signs in and consents if asked, and returns what the client at `destination` gets: the
   * URL that it is called with, or the request with a form (OAuth 2.0 Form Post Response Mode).
   */
  async go(start, destination) {
    return this.#walk(start, { destination });
  }

  /** Types the code that a device shows (RFC 8628 §3.3), signs in if asked, and decides: `approve` or `deny`. */
  async decideDevice(start, userCode, decision) {
    await this.#walk(start, { userCode, decision });
  }

  async #walk(start, { destination, userCode, decision }) {
    let url = new URL(start);
    let response = await this.#request(url);
    for (let steps = 0; steps < 12; steps += 1) {
      const location = response.headers.get('location');
      const page = await response.text();
      if (location) {
        url = new URL(location, url);
        if (url.origin + url.pathname === destination) return url;
        response = await this.#request(url);
        continue;
      }
      if (decision && page.includes('id="device-done-page"')) return undefined;
      const answer = findForm(page, 'form-post');
      if (answer && answer.action === destination) {
        return new Request(destination, { method: 'POST', body: new URLSearchParams(answer.fields) });
      }
      const id = Object.keys(FORMS).find((name) => findForm(page, name));
      assert(id, `stopped at ${url.origin}${url.pathname}: ${response.status} ${summary(page)}`);
      const form = findForm(page, id);
      url = new URL(form.action, url);
      const body = new URLSearchParams({ ...form.fields, ...FORMS[id](userCode, decision) });
      response = await this.#request(url, { method: 'POST', body });
    }
    throw new Error(`too many redirects: ${url}`);
  }

  async #request(url, options = {}) {
    assert(url.origin === context.origin, `sent to a foreign address: ${url}`);
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...options,
      headers: { cookie, ...(options.method === 'POST' ? { origin: context.origin } : {}) },
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const [name, value] = [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1)];
      const gone = attributes.some((attribute) => /^\s*max-age\s*=\s*(0|-.*)$/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

/** What a page is about: its error code, or the beginning of its text. */
function summary(page) {
  const code = page.match(/id="error-code">([^<]*)</)?.[1];
  const text = page.replaceAll(/<(style|script)\b.*?<\/\1>|<[^>]*>/gs, ' ').replaceAll(/\s+/g, ' ');
  return code ?? text.trim().slice(0, 300);
}

/** The form of a page that has an id: where it goes and its hidden fields. */
function findForm(page, id) {
  const [, opening, inside] =
    [...page.matchAll(/(<form\b[^>]*>)(.*?)<\/form>/gs)].find(([, tag]) => attribute(tag, 'id') === id) ?? [];
  if (!opening) return null;
  const hidden = [...inside.matchAll(/<input\b[^>]*>/g)].filter(([tag]) => attribute(tag, 'type') === 'hidden');
  const fields = hidden.map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? '']);
  return { action: attribute(opening, 'action'), fields: Object.fromEntries(fields) };
}

function attribute(tag, name) {
  const text = tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1];
  return text?.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

/** Tokens that a slow clock minted. */
export async function expiredTokens(server, client, nonce) {
  const wanted = ['--server', server.id, '--client', client, '--user', context.login, '--nonce', nonce];
  return JSON.parse(await command([...context.expired_tokens, ...wanted]));
}

/** Rotates by the command line; returns once the running server publishes the new key. */
export async function rotateKeys(server) {
  const before = await publishedKeys(server);
  await command([...context.rotate_keys, '--server', server.id]);
  for (let waited = 0; waited < 5000; waited += 50) {
    const after = await publishedKeys(server);
    if (after.some((kid) => !before.includes(kid))) return;
    await sleep(50);
  }
  throw new Error('the running server does not publish the new key');
}

async function publishedKeys(server) {
  const response = await fetch(`${server.endpoints}/v1/keys`, { signal: AbortSignal.timeout(LIMIT) });
  const { keys } = await response.json();
  return keys.filter((key) => key.alg === 'RS256').map((key) => key.kid);
}

/** Calls an API of the server for the administrator; returns the answer's JSON, or undefined where there is none. */
export async function administer(method, path, body) {
  const response = await fetch(`${context.origin}${path}`, {
    method,
    headers: { authorization: `SSWS ${context.api_token}`, accept: 'application/json', 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(LIMIT),
  });
  const text = await response.text();
  assert(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/**
 * Does something that sends a message with a code, or with a link with a token, and returns its outcome and both. Notices
 * that arrive meanwhile have neither.
 */
export async function messageAfter(to, send) {
  const before = (await messages(to)).length;
  const outcome = await send();
  for (let waited = 0; waited < 15_000; waited += 50) {
    for (const { code: sent, text } of (await messages(to)).slice(before)) {
      const code = sent ?? text.match(/^\s*(\d{6})\s*$/m)?.[1];
      const token = text.match(/[?&]token=([\w-]+)/)?.[1];
      const link = text.match(/https:\S+#enroll=\S+/)?.[0];
      if (code || token || link) return { outcome, code, token, link };
    }
    await sleep(50);
  }
  throw new Error(`nothing arrived at ${to}: ${JSON.stringify(await messages(to))}`);
}

async function messages(to) {
  const response = await fetch(`${context.messages}?to=${encodeURIComponent(to)}`, { signal: AbortSignal.timeout(LIMIT) });
  return response.json();
}

/** A device that approves: `stepgate authenticator` with a key of its own. */
export class Device {
  constructor(name) {
    this.file = `${context.folder}/${name}.json`;
  }

  async enroll(address) {
    await this.#run('enroll', address);
  }

  async approve(number) {
    await this.#run('approve', String(number));
  }

  async deny() {
    await this.#run('deny');
  }

  #run(...words) {
    return command([...context.authenticator, '--file', this.file, ...words]);
  }
}

/** The code of a time-based one-time password (RFC 6238) so many steps of 30 seconds from now; the secret is base32. */
export function totp(secret, steps = 0) {
  const bits = [...secret.replaceAll('=', '')].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac('sha1', key).update(counter).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

async function command([program, ...words]) {
  const { stdout } = await promisify(execFile)(program, words, { timeout: LIMIT });
  return stdout;
}

export function headerOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
}

export function payloadOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
}

/** The token with another subject under the same signature. */
export function tampered(token) {
  const [header, payload, signature] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), sub: 'mallory@example.com' };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}
