// Ceremonies of passkeys and security keys (Web Authentication Level 3 §5.1): the page carries the options, the form takes
// what the authenticator made of them.

const form = document.querySelector("form[data-webauthn]");
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (list) => (list ?? []).map((known) => ({ ...known, id: bytes(known.id) }));

function creation(options) {
  return {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: listed(options.excludeCredentials),
  };
}

function request(options) {
  return { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) };
}

// Buttons of the form have names, too: what is filled in stands beside them.
function fill(values) {
  for (const [name, value] of Object.entries(values)) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
}

function say(id) {
  for (const note of document.querySelectorAll("[data-webauthn-note]")) note.hidden = note.id !== id;
}

const options = () => JSON.parse(form.dataset.webauthn);

async function create(more) {
  const { response } = await navigator.credentials.create({ publicKey: creation(options()), ...more });
  fill({ clientData: text(response.clientDataJSON), attestation: text(response.attestationObject) });
}

async function get(more) {
  const { rawId, response } = await navigator.credentials.get({ publicKey: request(options()), ...more });
  fill({
    clientData: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signatureData: text(response.signature),
    credentialId: text(rawId),
    userHandle: response.userHandle ? text(response.userHandle) : "",
  });
}

function send() {
  fill({ action: form.dataset.action });
  form.submit();
}

// One ceremony at a time: a browser refuses the second.
let waiting = null;

function alone() {
  waiting?.abort();
  waiting = new AbortController();
  return waiting.signal;
}

async function ceremony(work) {
  const signal = alone();
  say("webauthn-waiting");
  try {
    await work({ signal });
  } catch (error) {
    if (signal.aborted) return;
    say(error.name === "InvalidStateError" ? "webauthn-known" : "webauthn-failed");
    return offer();
  }
  send();
}

// Passkeys among what the browser fills in (§5.1.4): it asks only when one is picked.
async function offer() {
  if (form.dataset.ceremony !== "conditional") return;
  const signal = alone();
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.()) || signal.aborted) return;
  const renewal = setTimeout(renew, 0.9 * options().timeout, signal);
  try {
    await get({ mediation: "conditional", signal });
  } catch {
    return clearTimeout(renewal);
  }
  send();
}

// A page may be open for longer than its challenge lives: it gets another one. Of what a form answered there is none to get.
async function renew(signal) {
  if (!location.search) return;
  const page = await fetch(location.href).then((answer) => answer.text(), () => "");
  const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("form[data-webauthn]");
  if (!fresh || signal.aborted) return;
  form.dataset.webauthn = fresh.dataset.webauthn;
  return offer();
}

function begin() {
  if (!form) return;
  if (!window.PublicKeyCredential) return say("webauthn-unsupported");
  const work = form.dataset.ceremony === "create" ? create : get;
  for (const button of document.querySelectorAll("[data-webauthn-start]")) {
    button.hidden = false;
    button.addEventListener("click", () => ceremony(work));
  }
  return form.dataset.start === "at-once" ? ceremony(work) : offer();
}

begin();
