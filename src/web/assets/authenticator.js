// Stepgate Authenticator: keeps a P-256 key for each account that cannot leave this browser (WebCrypto, IndexedDB), shows what
// is asked and signs the answer. The protocol is that of the server's documentation: statements are compact JWS (RFC 7515).

const TYPE = "stepgate-authenticator+jwt";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const HOLD = 25;
const root = document.getElementById("authenticator");
const issuer = root.dataset.issuer;
const at = (name) => document.getElementById(`authenticator-${name}`);
const show = (name, shown = true) => (at(name).hidden = !shown);

function problem(text) {
  show("problem", Boolean(text));
  at("problem-text").textContent = text ?? "";
}

// ---- What is kept.

function database() {
  return new Promise((done, failed) => {
    const request = indexedDB.open("stepgate-authenticator", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("accounts", { keyPath: "factor" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

async function store(mode, work) {
  const accounts = (await database()).transaction("accounts", mode).objectStore("accounts");
  return new Promise((done, failed) => {
    const request = work(accounts);
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

const kept = () => store("readonly", (accounts) => accounts.getAll());
const keep = (account) => store("readwrite", (accounts) => accounts.put(account));
const forget = (account) => store("readwrite", (accounts) => accounts.delete(account.factor));

// ---- Statements.

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const part = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));

// How far the clock here is behind the server's, in milliseconds: found out when a statement is refused for its time.
let behind = 0;

async function statement(key, factor, claims) {
  const now = Math.floor((Date.now() + behind) / 1000);
  const signed = `${part({ alg: "ES256", typ: TYPE })}.${part({ aud: issuer, factor, iat: now, ...claims })}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, new TextEncoder().encode(signed));
  return `${signed}.${base64url(signature)}`;
}

async function post(text, act, signal) {
  const response = await fetch(`/api/v1/authenticator/${act}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ statement: text }),
    credentials: "omit",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    signal,
  });
  const body = await response.json().catch(() => ({}));
  return { status: response.status, body, date: Date.parse(response.headers.get("date")) };
}

// Says something as the device of an account.
async function say({ key, factor }, claims, signal) {
  const told = await post(await statement(key, factor, claims), claims.act, signal);
  const off = told.date - Date.now();
  if (told.status !== 400 || !(Math.abs(off - behind) > 60_000)) return told;
  behind = off;
  return post(await statement(key, factor, claims), claims.act, signal);
}

// ---- Enrolment: the token is behind the #, where only this page sees it.

function invitation() {
  const [, factor, token] = location.hash.match(/^#enroll=([A-Za-z0-9]+)\.([A-Za-z0-9_-]+)$/) ?? [];
  if (location.hash) history.replaceState(null, "", location.pathname);
  return factor && { factor, token };
}

function deviceName() {
  const agent = navigator.userAgent;
  const named = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS X", "Mac"], ["Linux", "Linux"]];
  const system = named.find(([mark]) => agent.includes(mark))?.[1] ?? "Browser";
  return `Browser on ${system}`;
}

async function enroll({ factor, token }, name) {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const claims = { act: "enroll", token, name, platform: "WEB", jwk: { kty, crv, x, y } };
  // Browsers that are short of space forget what they were not asked to keep.
  navigator.storage?.persist?.().catch(() => {});
  const { status, body } = await say({ key: pair.privateKey, factor }, claims);
  if (status !== 201) {
    problem("This picture or link was used, or is too old. Begin again where you sign in.");
    return;
  }
  const account = { ...body, key: pair.privateKey };
  await keep(account);
  problem(null);
  done(`This device now approves for ${body.login}.`);
  await list();
  follow(account);
}

// ---- Questions: one is shown at a time, in the order that they came; those to other accounts wait behind it.

const questions = new Map(); // By the factor.
let shown;
// So long, in milliseconds, a question takes no answer: it may just have taken the place of the one that was to be answered.
const READ = 700;

function done(text) {
  show("done", Boolean(text));
  at("done").textContent = text ?? "";
}

function take(ready) {
  for (const button of root.querySelectorAll("#authenticator-question button")) button.disabled = !ready;
}

function turn() {
  const [next] = questions.values();
  if (next === shown) return;
  shown = next;
  show("question", Boolean(next));
  show("waiting", !next);
  if (!next) return;
  done(null);
  problem(null);
  ask(next.challenge);
  take(false);
  setTimeout(() => next === shown && take(true), READ);
}

function ask(challenge) {
  at("login").textContent = challenge.login;
  at("application").textContent = challenge.application ?? new URL(issuer).host;
  at("address").textContent = challenge.address ?? "unknown";
  at("agent").textContent = challenge.userAgent ?? "unknown";
  at("time").textContent = new Date(challenge.created).toLocaleString();
  const { numbers } = challenge;
  at("hint").textContent = numbers
    ? "Pick the number that is shown where you sign in. Is none of them shown there, or are you not signing in? Then it’s not you."
    : "Approve only if you are signing in right now.";
  at("numbers").replaceChildren(
    ...(numbers ?? []).map((number) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "button", textContent: String(number) });
      button.dataset.number = String(number);
      button.addEventListener("click", () => answer("approve", number));
      return button;
    }),
  );
  show("approve", !numbers);
}

// Browsers let few requests to one server wait. The account's own ends, so that the answer need not stand in line; the next
// begins after it.
const waits = new Map();
let answering = Promise.resolve();

function answer(decision, number) {
  if (!shown) return;
  const { account, challenge } = shown;
  questions.delete(account.factor);
  turn();
  answering = reply(account, challenge, decision, number);
  waits.get(account.factor)?.abort();
}

async function reply(account, challenge, decision, number) {
  const claims = { act: "answer", challenge: challenge.id, user: challenge.user, answer: decision };
  if (number !== undefined) claims.number = number;
  try {
    const { status, body } = await say(account, claims);
    if (status === 409) return done("Too late: that question is over.");
    if (status !== 200) return problem("The answer did not count. Try again where you sign in.");
    if (body.result === "SUCCESS") return done("Approved.");
    done(decision === "deny" ? "Denied. If that was not you, change your password." : "That was another number: denied.");
  } catch {
    questions.set(account.factor, { account, challenge });
    turn();
    problem("The server cannot be reached. Try again.");
  }
}

// So long, in seconds, or until somebody looks at the page again.
const pause = (seconds) =>
  new Promise((over) => {
    setTimeout(over, seconds * 1000);
    document.addEventListener("visibilitychange", over, { once: true });
  });

let followed = 0;

// One request waits for each account; whatever happens, the next begins a moment later.
async function follow(account) {
  let seen;
  let patience = 1;
  followed += 1;
  for (;;) {
    await answering;
    const begun = Date.now();
    const wait = new AbortController();
    waits.set(account.factor, wait);
    try {
      // Many accounts take turns.
      const hold = Math.ceil((4 * HOLD) / Math.max(4, followed));
      const { status, body } = await say(account, { act: "wait", hold, ...(seen && { seen }) }, wait.signal);
      if (status === 401) break;
      if (status !== 200) throw new Error(String(status));
      patience = 1;
      const { challenge } = body;
      if (challenge?.id !== seen) {
        questions.delete(account.factor);
        if (challenge) questions.set(account.factor, { account, challenge });
        turn();
      } else if (Date.now() - begun < 1000) {
        // A server that is about to stop has nobody wait.
        await pause(1);
      }
      seen = challenge?.id;
    } catch {
      if (wait.signal.aborted) continue;
      await pause(patience);
      patience = Math.min(patience * 2, 30);
    }
  }
  followed -= 1;
  await forget(account);
  questions.delete(account.factor);
  turn();
  await list();
  done(`This device no longer approves for ${account.login}.`);
}

// ---- The page.

async function list() {
  const accounts = await kept();
  at("accounts").replaceChildren(
    ...accounts.map((account) => {
      const item = document.createElement("li");
      item.dataset.factor = account.factor;
      item.textContent = account.login;
      return item;
    }),
  );
  show("empty", accounts.length === 0 && at("enroll").hidden);
  show("waiting", accounts.length > 0 && !shown);
  return accounts;
}

async function begin() {
  if (!window.isSecureContext || !crypto.subtle || !window.indexedDB) {
    problem("This browser, or this address, cannot keep keys. Use https and a current browser.");
    return;
  }
  const invited = invitation();
  if (invited) {
    at("name").value = deviceName();
    show("enroll");
    at("enroll").addEventListener("submit", async (event) => {
      event.preventDefault();
      show("enroll", false);
      try {
        await enroll(invited, at("name").value);
      } catch {
        problem("The key could not be made or kept, or the server cannot be reached. Try again.");
        show("enroll");
      }
    });
  }
  at("approve").addEventListener("click", () => answer("approve"));
  at("deny").addEventListener("click", () => answer("deny"));
  for (const account of await list()) follow(account);
}

// Another QR code that is opened in this tab changes only what is behind the #.
window.addEventListener("hashchange", () => location.reload());
begin();
