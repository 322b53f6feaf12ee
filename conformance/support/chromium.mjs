// A headless Chromium of a run's own, driven through its remote debugging pipe, and the pages of an application for it.

import { spawn } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { assert, context } from './checks.mjs';

const LIMIT = 20_000;
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Serves files (path to `{ type, body }`) at the origin of the application. */
export async function serve(files) {
  const certificate = readFileSync(context.server_certificate);
  const server = createServer({ cert: certificate, key: readFileSync(context.server_key) }, (request, response) => {
    const file = files[new URL(request.url, context.app_origin).pathname];
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' });
    response.end(file?.body);
  });
  await new Promise((listening) => server.listen(new URL(context.app_origin).port, '127.0.0.1', listening));
  return server;
}

/** One window of a browser with an empty profile. */
export class Chromium {
  #process;
  #profile = mkdtempSync(join(tmpdir(), 'stepgate-chromium-'));
  #calls = new Map();
  #lastCall = 0;
  #session;

  static async open() {
    const one = new Chromium();
    await one.#start();
    return one;
  }

  async #start() {
    // The certificate of this run is believed, and no other that is not.
    const { publicKey } = new X509Certificate(readFileSync(context.server_certificate));
    const key = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
    const words = [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
      '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage', '--no-proxy-server',
      '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`, `--ignore-certificate-errors-spki-list=${key}`,
    ];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'];
    for (const program of PROGRAMS) {
      this.#process = spawn(program, words, { stdio });
      const runs = await new Promise((told) => {
        this.#process.once('spawn', () => told(true));
        this.#process.once('error', () => told(false));
      });
      if (runs) break;
      this.#process = undefined;
    }
    assert(this.#process, `none of ${PROGRAMS.join(', ')} is installed`);
    let rest = '';
    this.#process.stdio[4].setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\0');
      rest = lines.pop();
      lines.forEach((line) => this.#receive(JSON.parse(line)));
    });
    this.#process.stdio[3].on('error', () => {});
    const { targetId } = await this.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#call('Target.attachToTarget', { targetId, flatten: true });
    this.#session = sessionId;
  }

  #receive({ id, result, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.refuse(new Error(error.message));
    else call?.answer(result);
  }

  #call(method, params) {
    const id = (this.#lastCall += 1);
    const answered = new Promise((answer, refuse) => this.#calls.set(id, { answer, refuse }));
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.#session })}\0`);
    const late = sleep(LIMIT, undefined, { ref: false }).then(() => { throw new Error(`${method} took too long`); });
    return Promise.race([answered, late]);
  }

  /** Opens a page and waits until it is there. */
  async go(url) {
    const { errorText } = await this.#call('Page.navigate', { url });
    assert(!errorText, `${url}: ${errorText}`);
    await this.until((wanted) => document.readyState === 'complete' && location.href.startsWith(wanted), url);
  }

  /** Runs a function in the page and returns what it returns, as JSON; what it throws is thrown here. */
  async run(script, ...values) {
    const expression = `(${script})(...${JSON.stringify(values)})`;
    const told = await this.#call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (told.exceptionDetails) {
      const { exception, text } = told.exceptionDetails;
      throw new Error(exception?.description ?? JSON.stringify(exception?.value) ?? text);
    }
    return told.result.value;
  }

  /** Waits until a function in the page returns something; pages may come and go meanwhile. */
  async until(script, ...values) {
    let last;
    for (let waited = 0; waited < LIMIT; waited += 50) {
      last = await this.run(script, ...values).catch(({ message }) => message);
      if (last && typeof last !== 'string') return last;
      await sleep(50);
    }
    throw new Error(`it did not come to that: ${last}, ${await this.run(() => `${location} ${document.body?.innerText}`)}`);
  }

  async close() {
    const over = new Promise((exit) => this.#process.once('exit', exit));
    await this.#call('Browser.close').catch(() => this.#process.kill('SIGKILL'));
    await over;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
