// A single-page public client, every step visible: authorization code with PKCE (RFC 7636), implicit and hybrid
// responses, pushed requests (RFC 9126), DPoP (RFC 9449); and a device next to it (RFC 8628).
// No dependencies; all text reaches the page through textContent.

const config = JSON.parse(document.getElementById("playground-config").textContent);
const redirectUri = location.origin + location.pathname;
const storageKey = "stepgate.playground";
const store = { settings: {}, tokens: null, issuer: null, pending: null, log: [], ...restore() };
const discovered = new Map();

const $ = (id) => document.getElementById(id);

async function start() {
  fillSettings();
  $("settings").addEventListener("submit", (event) => { event.preventDefault(); run(authorize); });
  $("settings").addEventListener("change", readSettings);
  for (const [id, action] of Object.entries({
    "act-refresh": refresh, "act-userinfo": userinfo, "act-introspect": introspect, "act-renew": silentRenew,
    "act-revoke": revokeAccess, "act-revoke-refresh": revokeRefresh, "act-logout": logout, "act-device": device,
  })) $(id).addEventListener("click", () => run(action));
  $("act-clear").addEventListener("click", () => { store.log = []; save(); render(); });
  $("act-forget").addEventListener("click", () => { store.tokens = null; store.pending = null; save(); render(); });
  render();
  await run(callback);
  if ($("problem").hidden) note(obstacle());
}

function obstacle() {
  if (!window.isSecureContext) return "This page needs https or http://localhost: browsers give WebCrypto to secure contexts only.";
  const origins = config.issuers.map((i) => new URL(i.issuer).origin);
  if (origins.length && !origins.includes(location.origin)) return `The issuer lives on ${origins[0]}: open ${origins[0]}${location.pathname}`;
  return "";
}

// ---- Authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1) ----

async function authorize() {
  const settings = readSettings();
  const metadata = await discover(settings.issuer);
  const { params, pending } = await authorizationRequest(settings, {});
  store.pending = pending;
  const url = endpointUrl(metadata.authorization_endpoint, settings.par ? await push(metadata, params) : params);
  record({ title: "Authorization request", verb: "GET", url: metadata.authorization_endpoint, request: fromUrl(url),
    remarks: ["state, nonce and code_verifier are fresh random values kept in sessionStorage.", `code_verifier = ${pending.verifier}`] });
  location.assign(url);
}

// RFC 9126 §2: the request travels from server to server, the browser carries a reference only.
async function push(metadata, params) {
  const { ok, body, entry } = await post(metadata.pushed_authorization_request_endpoint, params, "Pushed authorization request");
  record(entry);
  if (!ok) throw new Error(body?.error_description ?? "The request was not accepted.");
  return { client_id: params.client_id, request_uri: body.request_uri };
}

function endpointUrl(endpoint, params) {
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url.href;
}

async function authorizationRequest(settings, extra) {
  const pending = { issuer: settings.issuer, state: random(16), nonce: random(16), verifier: random(32), dpop: settings.dpop };
  const type = extra.response_type ?? settings.response_type;
  const params = {
    client_id: config.client_id, response_type: type, redirect_uri: redirectUri, scope: settings.scope,
    state: pending.state, nonce: pending.nonce, response_mode: settings.response_mode, prompt: settings.prompt,
    acr_values: settings.acr_values, max_age: settings.max_age, login_hint: settings.login_hint, ...extra,
  };
  if (type.split(" ").includes("code")) {
    Object.assign(params, { code_challenge: await challenge(pending.verifier), code_challenge_method: "S256" });
    // RFC 9449 §10: the code is bound to the key that the token request will prove.
    if (settings.dpop) params.dpop_jkt = await thumbprint((await dpopKey()).jwk);
  }
  return { params: Object.fromEntries(Object.entries(params).filter(([, value]) => value)), pending };
}

// ---- Authorization response (RFC 6749 §4.1.2, RFC 9207) ----

async function callback() {
  const params = new URLSearchParams(location.hash.length > 1 ? location.hash.slice(1) : location.search);
  if (![...params.keys()].length) return;
  history.replaceState(null, "", location.pathname);
  const answer = Object.fromEntries(params);
  if (store.pending?.logout) return loggedOut(answer);
  await receive(answer, "Authorization response");
}

async function receive(answer, title) {
  const pending = store.pending;
  store.pending = null;
  const metadata = pending && await discover(pending.issuer);
  const checks = [check("state is the one that was sent", !!pending && answer.state === pending.state)];
  if (answer.iss !== undefined || metadata?.authorization_response_iss_parameter_supported) {
    checks.push(check("iss is the issuer that was asked (RFC 9207)", answer.iss === metadata?.issuer));
  }
  checks.push(check("no error", !answer.error, answer.error));
  const trusted = checks.every((c) => c.ok !== false);
  const front = { access_token: answer.access_token, id_token: answer.id_token, token_type: answer.token_type };
  if (trusted && (front.access_token || front.id_token)) {
    store.tokens = { ...front, nonce: pending.nonce, client: config.client_id, code: answer.code };
    store.issuer = metadata.issuer;
    const jwt = decode(front.id_token);
    if (jwt) checks.push(...await idTokenChecks(jwt));
  }
  record({ title, verb: "←", url: redirectUri, response: answer, checks });
  if (!trusted || !answer.code) return;
  await tokenRequest(metadata, {
    grant_type: "authorization_code", code: answer.code, redirect_uri: redirectUri, code_verifier: pending.verifier,
  }, "Token request: authorization_code", pending);
}

// ---- Device authorization (RFC 8628) ----

async function device() {
  const settings = readSettings();
  const metadata = await discover(settings.issuer);
  const client = { client_id: config.device_client_id };
  const { ok, body, entry } = await post(metadata.device_authorization_endpoint, { ...client, scope: settings.scope }, "Device authorization request");
  record(entry);
  if (!ok) return;
  $("device-code").textContent = body.user_code;
  $("device-link").href = body.verification_uri_complete;
  $("device").hidden = false;
  try { await poll(metadata, body, { ...client, grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: body.device_code }); }
  finally { $("device").hidden = true; }
}

async function poll(metadata, { interval, expires_in: lifetime }, params) {
  let pause = interval ?? 5;
  for (const end = now() + lifetime; now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    const { ok, body, entry } = await post(metadata.token_endpoint, params, "Token request: device_code");
    if (body?.error === "authorization_pending") continue;
    if (body?.error === "slow_down") { pause += 5; continue; }
    if (ok) { store.tokens = { ...body, client: params.client_id, renewed: true }; store.issuer = metadata.issuer; }
    return record(entry);
  }
}

// ---- Token request (RFC 6749 §4.1.3, §6) ----

async function tokenRequest(metadata, params, title, pending) {
  const before = store.tokens ?? {};
  const renewed = params.grant_type === "refresh_token";
  const client = renewed ? before.client : config.client_id;
  const bound = pending ? pending.dpop : before.token_type === "DPoP";
  const { ok, body, entry } = await post(metadata.token_endpoint, { client_id: client, ...params }, title, bound);
  if (!ok) return record(entry);
  store.tokens = { ...(renewed ? before : {}), ...body, nonce: pending?.nonce ?? (renewed ? before.nonce : undefined), renewed, client };
  store.issuer = metadata.issuer;
  record(entry);
}

async function refresh() {
  const metadata = await discover(store.issuer);
  await tokenRequest(metadata, { grant_type: "refresh_token", refresh_token: store.tokens.refresh_token }, "Token request: refresh_token");
}

// ---- What the tokens are good for ----

async function userinfo() {
  const metadata = await discover(store.issuer);
  const { access_token: token, token_type: type } = store.tokens;
  const headers = { authorization: `${type ?? "Bearer"} ${token}` };
  const dpop = type === "DPoP" ? { token } : undefined;
  const { body, entry } = await call("GET", metadata.userinfo_endpoint, { headers, dpop }, "UserInfo request");
  const subject = decode(store.tokens.id_token)?.claims.sub;
  if (subject) entry.checks = [check("sub is the ID token's (Core §5.3.2)", body?.sub === subject)];
  record(entry);
}

async function introspect() {
  const metadata = await discover(store.issuer);
  const params = { client_id: store.tokens.client, token: store.tokens.access_token, token_type_hint: "access_token" };
  record((await post(metadata.introspection_endpoint, params, "Introspection of the access token")).entry);
}

async function revokeAccess() { await revoke("access_token"); }
async function revokeRefresh() { await revoke("refresh_token"); }

async function revoke(kind) {
  const metadata = await discover(store.issuer);
  const params = { client_id: store.tokens.client, token: store.tokens[kind], token_type_hint: kind };
  const { entry } = await post(metadata.revocation_endpoint, params, `Revocation of the ${kind.replace("_", " ")}`);
  entry.remarks = ["The token is still shown here so that you can see it refused from now on."];
  record(entry);
}

// ---- Silent renewal: prompt=none in a hidden frame, answered with postMessage ----

async function silentRenew() {
  const settings = { ...readSettings(), issuer: store.issuer ?? readSettings().issuer };
  const metadata = await discover(settings.issuer);
  const extra = { response_type: "code", prompt: "none", response_mode: "okta_post_message" };
  const { params, pending } = await authorizationRequest(settings, extra);
  const url = endpointUrl(metadata.authorization_endpoint, params);
  store.pending = pending;
  record({ title: "Silent authorization request (hidden frame)", verb: "GET", url: metadata.authorization_endpoint, request: fromUrl(url) });
  const answer = await framed(url, new URL(metadata.issuer).origin, pending.state);
  await receive(answer, "Authorization response (postMessage)");
}

function framed(url, origin, state) {
  return new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    frame.hidden = true;
    frame.title = "Silent renewal";
    const stop = (settle, value) => { clearTimeout(timer); removeEventListener("message", hear); frame.remove(); settle(value); };
    const hear = (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow || event.data?.state !== state) return;
      stop(resolve, event.data);
    };
    const timer = setTimeout(() => stop(reject, new Error("The frame did not answer within 10 seconds.")), 10_000);
    addEventListener("message", hear);
    frame.src = url;
    document.body.append(frame);
  });
}

// ---- RP-Initiated Logout 1.0 §2 ----

async function logout() {
  const metadata = await discover(store.issuer);
  const url = new URL(metadata.end_session_endpoint);
  const state = random(16);
  const params = { id_token_hint: store.tokens.id_token, post_logout_redirect_uri: redirectUri, state };
  for (const [name, value] of Object.entries(params)) if (value) url.searchParams.set(name, value);
  store.pending = { logout: true, state };
  record({ title: "Logout request", verb: "GET", url: metadata.end_session_endpoint, request: fromUrl(url.href) });
  location.assign(url.href);
}

function loggedOut(answer) {
  const checks = [check("state is the one that was sent", answer.state === store.pending.state)];
  store.pending = null;
  if (checks[0].ok) store.tokens = null;
  record({ title: "Logout response", verb: "←", url: redirectUri, response: answer, checks });
}

// ---- HTTP ----

async function discover(issuer) {
  if (discovered.has(issuer)) return discovered.get(issuer);
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const { ok, body, entry } = await call("GET", url, {}, "Discovery");
  entry.checks = [check("issuer is the one that was asked for (Discovery §4.3)", body?.issuer === issuer)];
  if (!ok || body?.issuer !== issuer) { record(entry); throw new Error(`No metadata for ${issuer}.`); }
  discovered.set(issuer, body);
  return body;
}

async function jwks(issuer, kid) {
  const metadata = await discover(issuer);
  const cached = discovered.get(metadata.jwks_uri);
  if (cached && (kid === undefined || cached.keys.some((k) => k.kid === kid))) return cached.keys;
  const response = await fetch(metadata.jwks_uri, { credentials: "omit" });
  const body = await response.json();
  discovered.set(metadata.jwks_uri, body);
  return body.keys;
}

function post(url, params, title, bound) {
  const sent = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  return call("POST", url, { body: new URLSearchParams(sent), shown: sent, dpop: bound ? {} : undefined }, title);
}

async function call(method, url, { headers = {}, body, shown, dpop }, title) {
  const proof = dpop && { DPoP: await dpopProof(method, url, dpop) };
  const request = { ...shown, ...(shown ? {} : headers), ...proof };
  const entry = { title, verb: method, url, request: Object.keys(request).length ? request : undefined };
  const response = await fetch(url, { method, headers: { accept: "application/json", ...headers, ...proof }, body, credentials: "omit", cache: "no-store" });
  const nonce = response.headers.get("dpop-nonce");
  // RFC 9449 §8: the server hands out a nonce, and the request is repeated once with it.
  if (dpop && nonce && !dpop.nonce && !response.ok && await wantsNonce(response)) {
    return call(method, url, { headers, body, shown, dpop: { ...dpop, nonce } }, title);
  }
  const text = await response.text();
  const parsed = parse(text);
  entry.status = response.status;
  entry.response = parsed ?? (text ? { body: text.slice(0, 2000) } : undefined);
  const challenged = response.headers.get("www-authenticate");
  if (challenged) entry.remarks = [`WWW-Authenticate: ${challenged}`];
  return { ok: response.ok, body: parsed, entry };
}

async function wantsNonce(response) {
  const challenge = response.headers.get("www-authenticate") ?? "";
  return challenge.includes("use_dpop_nonce") || (await response.clone().text()).includes("use_dpop_nonce");
}

// ---- DPoP (RFC 9449): a key of this browser that tokens are bound to; its private half cannot be read ----

async function dpopKey() {
  const known = await keyStore("readonly", (keys) => keys.get("dpop"));
  if (known) return known;
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const key = { privateKey: pair.privateKey, jwk: { kty, crv, x, y } };
  await keyStore("readwrite", (keys) => keys.put(key, "dpop"));
  return key;
}

function keyStore(mode, use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(storageKey, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const request = use(opening.result.transaction("keys", mode).objectStore("keys"));
      request.onsuccess = () => { opening.result.close(); resolve(request.result); };
      request.onerror = () => reject(request.error);
    };
  });
}

async function dpopProof(method, url, { token, nonce }) {
  const key = await dpopKey();
  const claims = { jti: random(16), htm: method, htu: url, iat: now(), nonce, ath: token && await sha256(token) };
  const encode = (value) => toBase64url(new TextEncoder().encode(JSON.stringify(value)));
  const signed = `${encode({ typ: "dpop+jwt", alg: "ES256", jwk: key.jwk })}.${encode(claims)}`;
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, new TextEncoder().encode(signed));
  return `${signed}.${toBase64url(new Uint8Array(signature))}`;
}

// RFC 7638 §3: the required members in lexical order.
function thumbprint({ crv, kty, x, y }) { return sha256(JSON.stringify({ crv, kty, x, y })); }

// ---- JWT: decoding and verification (RFC 7515, RFC 7518 §3.1, RFC 8037) ----

const algorithms = {
  RS256: { import: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, verify: { name: "RSASSA-PKCS1-v1_5" }, kty: "RSA", hash: "SHA-256" },
  RS384: { import: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" }, verify: { name: "RSASSA-PKCS1-v1_5" }, kty: "RSA", hash: "SHA-384" },
  RS512: { import: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" }, verify: { name: "RSASSA-PKCS1-v1_5" }, kty: "RSA", hash: "SHA-512" },
  PS256: { import: { name: "RSA-PSS", hash: "SHA-256" }, verify: { name: "RSA-PSS", saltLength: 32 }, kty: "RSA", hash: "SHA-256" },
  ES256: { import: { name: "ECDSA", namedCurve: "P-256" }, verify: { name: "ECDSA", hash: "SHA-256" }, kty: "EC", crv: "P-256", hash: "SHA-256" },
  ES384: { import: { name: "ECDSA", namedCurve: "P-384" }, verify: { name: "ECDSA", hash: "SHA-384" }, kty: "EC", crv: "P-384", hash: "SHA-384" },
  EdDSA: { import: { name: "Ed25519" }, verify: { name: "Ed25519" }, kty: "OKP", crv: "Ed25519", hash: "SHA-512" },
};
algorithms.Ed25519 = algorithms.EdDSA;

function decode(token) {
  const parts = typeof token === "string" ? token.split(".") : [];
  if (parts.length !== 3) return null;
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(fromBase64url(part))));
    return { header, claims, signed: new TextEncoder().encode(`${parts[0]}.${parts[1]}`), signature: fromBase64url(parts[2]) };
  } catch { return null; }
}

async function signatureCheck(jwt, issuer) {
  const title = `signature (${jwt.header.alg})`;
  const algorithm = Object.hasOwn(algorithms, jwt.header.alg) ? algorithms[jwt.header.alg] : null;
  if (!algorithm) return check(title, null, "this page does not verify that algorithm");
  try {
    const keys = (await jwks(issuer, jwt.header.kid)).filter((k) => k.kty === algorithm.kty
      && (!algorithm.crv || k.crv === algorithm.crv) && (!k.alg || k.alg === jwt.header.alg) && k.use !== "enc");
    const key = keys.find((k) => k.kid === jwt.header.kid) ?? (jwt.header.kid === undefined ? keys[0] : undefined);
    if (!key) return check(title, false, `no key ${jwt.header.kid ?? ""} in the JWKS`);
    const { kty, crv, n, e, x, y } = key;
    const bare = Object.fromEntries(Object.entries({ kty, crv, n, e, x, y }).filter(([, v]) => v !== undefined));
    const imported = await crypto.subtle.importKey("jwk", bare, algorithm.import, false, ["verify"]);
    return check(title, await crypto.subtle.verify(algorithm.verify, imported, jwt.signature, jwt.signed), `kid ${key.kid}`);
  } catch (error) {
    if (error.name === "NotSupportedError") return check(title, null, "this browser cannot verify that algorithm");
    return check(title, false, String(error.message));
  }
}

async function idTokenChecks(jwt) {
  const { claims, header } = jwt;
  const { client, nonce, renewed, access_token: accessToken, code } = store.tokens;
  const audience = [].concat(claims.aud ?? []);
  const checks = [
    await signatureCheck(jwt, store.issuer),
    check("iss is the issuer", claims.iss === store.issuer, claims.iss),
    check("aud contains the client", audience.includes(client), audience.join(" ")),
    // Core §12.2: a refreshed ID token may leave it out, and a device sent none.
    check("nonce is the one that was sent", claims.nonce === undefined && renewed ? null : claims.nonce === nonce, claims.nonce),
    expiry(claims),
  ];
  if (audience.length > 1) checks.push(check("azp is the client", claims.azp === client, claims.azp));
  // Core §3.2.2.9, §3.3.2.11: required beside what they are the hash of, unless that came from the token endpoint.
  if (code) checks.push(check("c_hash matches the code (Core §3.3.2.11)", claims.c_hash === await leftHalf(header.alg, code), claims.c_hash));
  if (claims.at_hash === undefined) checks.push(check("at_hash", accessToken && code ? false : null, "absent"));
  else checks.push(check("at_hash matches the access token (Core §3.1.3.6)", claims.at_hash === await leftHalf(header.alg, accessToken), claims.at_hash));
  return checks;
}

async function accessTokenChecks(jwt) {
  return [await signatureCheck(jwt, store.issuer), check("iss is the issuer", jwt.claims.iss === store.issuer, jwt.claims.iss), expiry(jwt.claims)];
}

function expiry(claims) {
  const left = claims.exp - now();
  return check("exp lies ahead", left > 0, left > 0 ? `${left} s left` : `expired ${-left} s ago`);
}

async function leftHalf(alg, text) {
  const digest = await crypto.subtle.digest(algorithms[alg]?.hash ?? "SHA-256", new TextEncoder().encode(text));
  return toBase64url(new Uint8Array(digest).slice(0, digest.byteLength / 2));
}

// ---- Page ----

let painting = 0;

function render() {
  const tokens = store.tokens;
  const can = {
    "act-refresh": tokens?.refresh_token, "act-userinfo": tokens?.access_token, "act-introspect": tokens?.access_token,
    "act-renew": true, "act-revoke": tokens?.access_token, "act-revoke-refresh": tokens?.refresh_token,
    "act-logout": tokens?.id_token, "act-forget": tokens, "act-clear": store.log.length, "act-device": config.device_client_id,
  };
  for (const [id, able] of Object.entries(can)) $(id).disabled = !able;
  const list = $("timeline");
  list.replaceChildren(...store.log.map(stepView).reverse());
  if (list.firstElementChild) list.firstElementChild.open = true;
  $("timeline-empty").hidden = store.log.length > 0;
  renderTokens();
}

async function renderTokens() {
  const mine = ++painting;
  const tokens = store.tokens;
  const views = [];
  if (tokens?.id_token) views.push(await tokenView("ID token", tokens.id_token, idTokenChecks));
  if (tokens?.access_token) views.push(await tokenView("Access token", tokens.access_token, accessTokenChecks));
  if (tokens?.refresh_token) views.push(await tokenView("Refresh token", tokens.refresh_token));
  if (mine !== painting) return;
  $("tokens").replaceChildren(...views);
  $("tokens-empty").hidden = views.length > 0;
}

async function tokenView(title, token, verify) {
  const jwt = decode(token);
  const heading = el("div", { class: "title" }, el("h3", {}, title), copyButton(token));
  if (!jwt) return el("div", { class: "box" }, heading, el("p", { class: "help" }, "Opaque: only the server can read it."), el("pre", { class: "wrap" }, token));
  let checks = [];
  try { checks = verify ? await verify(jwt) : []; } catch (error) { checks = [check("verification", false, error.message)]; }
  return el("div", { class: "box" }, heading, checksView(checks),
    section("Header", el("pre", { class: "wrap" }, pretty(jwt.header))),
    section("Claims", el("pre", { class: "wrap" }, pretty(withDates(jwt.claims)))),
    el("details", {}, el("summary", {}, "Encoded"), el("pre", { class: "wrap" }, token)));
}

function stepView(entry) {
  const failed = entry.checks?.some((c) => c.ok === false) || entry.status >= 400;
  const status = entry.status ?? (entry.checks ? (failed ? "failed" : "ok") : "");
  const summary = el("summary", {}, el("span", { class: "verb" }, entry.verb), el("span", {}, entry.title), el("span", { class: `status ${failed ? "bad" : "ok"}` }, String(status)));
  const inside = el("div", { class: "inside" }, el("p", { class: "help" }, `${entry.at} · ${entry.url}`));
  if (entry.request) inside.append(section("Sent", table(entry.request)));
  if (entry.response) inside.append(section("Received", table(entry.response)));
  if (entry.checks) inside.append(section("Checked", checksView(entry.checks)));
  for (const remark of entry.remarks ?? []) inside.append(el("p", { class: "help" }, remark));
  return el("details", { class: "step" }, summary, inside);
}

function checksView(checks) {
  const word = (ok) => (ok === null ? ["skip", "–", "not checked: "] : ok ? ["ok", "✓", "passed: "] : ["bad", "✗", "failed: "]);
  return el("ul", { class: "checks" }, ...checks.map((c) => {
    const [name, sign, spoken] = word(c.ok);
    return el("li", { class: name }, el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el("span", {}, el("span", { class: "unseen" }, spoken), c.text, c.detail ? el("span", { class: "help" }, ` · ${c.detail}`) : ""));
  }));
}

function section(title, content) { return el("div", {}, el("h4", {}, title), content); }

function table(values) {
  return el("table", { class: "data" }, el("tbody", {}, ...Object.entries(values).map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, el("code", {}, typeof value === "string" ? value : pretty(value)))))));
}

function copyButton(text) {
  const button = el("button", { class: "button", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Not allowed"; }
  });
  return button;
}

function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function fillSettings() {
  const issuer = $("issuer");
  for (const { name, issuer: value } of config.issuers) issuer.append(el("option", { value }, name));
  for (const [id, value] of Object.entries(store.settings)) {
    const field = $(id);
    if (field?.type === "checkbox") field.checked = value;
    else if (field && value) field.value = value;
  }
  if (!issuer.value && config.issuers.length) issuer.value = config.issuers[0].issuer;
  $("client-id").textContent = config.client_id;
  $("redirect-uri").textContent = redirectUri;
}

function readSettings() {
  for (const id of ["issuer", "scope", "response_type", "response_mode", "prompt", "acr_values", "max_age", "login_hint"]) store.settings[id] = $(id).value.trim();
  for (const id of ["par", "dpop"]) store.settings[id] = $(id).checked;
  save();
  return store.settings;
}

function record(entry) {
  entry.at = new Date().toLocaleTimeString();
  store.log.push(entry);
  store.log = store.log.slice(-40);
  save();
  render();
}

async function run(action) {
  note("");
  try { await action(); } catch (error) { note(error.message || String(error)); }
}

function note(text) {
  $("problem").hidden = !text;
  $("problem-text").textContent = text;
}

// ---- Small things ----

function check(text, ok, detail) { return { text, ok, detail }; }
function now() { return Math.floor(Date.now() / 1000); }
function pretty(value) { return JSON.stringify(value, null, 2); }
function parse(text) { try { return JSON.parse(text); } catch { return undefined; } }
function fromUrl(url) { return Object.fromEntries(new URL(url).searchParams); }
function save() { sessionStorage.setItem(storageKey, JSON.stringify(store)); }
function restore() { return parse(sessionStorage.getItem(storageKey) ?? "") ?? {}; }
function random(bytes) { return toBase64url(crypto.getRandomValues(new Uint8Array(bytes))); }
function toBase64url(bytes) { return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, ""); }
function fromBase64url(text) { return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)); }
async function sha256(text) { return toBase64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))); }
function challenge(verifier) { return sha256(verifier); }
function withDates(claims) {
  const shown = { ...claims };
  for (const name of ["exp", "iat", "auth_time", "nbf"]) {
    if (Number.isFinite(shown[name])) shown[name] = `${shown[name]} (${new Date(shown[name] * 1000).toLocaleString()})`;
  }
  return shown;
}

start();
