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

async function create(options) {
  const { response } = await navigator.credentials.create({ publicKey: creation(options) });
  fill({ clientData: text(response.clientDataJSON), attestation: text(response.attestationObject) });
}

async function get(options, more) {
  const credential = await navigator.credentials.get({ publicKey: request(options), ...more });
  const { response } = credential;
  fill({
    clientData: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signatureData: text(response.signature),
    credentialId: text(credential.rawId),
    userHandle: response.userHandle ? text(response.userHandle) : "",
  });
}

function send(action) {
  fill({ action });
  for (const field of form.querySelectorAll("[required]")) field.required = false;
  form.submit();
}

// One ceremony at a time: a browser refuses the second.
let waiting = null;

async function ceremony(work, action) {
  waiting?.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  say("webauthn-waiting");
  try {
    await work({ signal });
  } catch (error) {
    if (!signal.aborted) say(error.name === "InvalidStateError" ? "webauthn-known" : "webauthn-failed");
    return;
  }
  send(action);
}

async function begin() {
  if (!form) return;
  if (!window.PublicKeyCredential) return say("webauthn-unsupported");
  const { webauthn, ceremony: kind, action, start } = form.dataset;
  const options = JSON.parse(webauthn);
  const work = kind === "create" ? () => create(options) : (more) => get(options, more);
  for (const button of document.querySelectorAll("[data-webauthn-start]")) {
    button.hidden = false;
    button.addEventListener("click", () => ceremony(work, action));
  }
  if (start === "at-once") return ceremony(work, action);
  if (kind !== "conditional") return;
  // Passkeys among what the browser fills in (§5.1.4): it asks only when one is picked.
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  waiting = new AbortController();
  try {
    await get(options, { mediation: "conditional", signal: waiting.signal });
  } catch {
    return;
  }
  send(action);
}

begin();
