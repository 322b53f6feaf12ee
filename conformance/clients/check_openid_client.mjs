// npm openid-client: clients of every kind at the org server and at a custom server.

import { readFileSync } from 'node:fs';

import * as oidc from 'openid-client';
import * as undici from 'undici';

import { Browser, assert, checksOf, context, headerOf, payloadOf, refuses } from './checks.mjs';

const SCOPE = 'openid profile email';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const check = checksOf('openid-client');
const basic = () => oidc.ClientSecretBasic(context.client_secret);

/** The private half of the key that the clients of the seed have registered. */
const clientKey = await crypto.subtle.importKey(
  'pkcs8',
  Buffer.from(readFileSync(context.client_key, 'utf8').replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'),
  { name: 'ECDSA', namedCurve: 'P-256' },
  false,
  ['sign'],
);
const signingKey = { key: clientKey, kid: 'client' };

for (const server of context.servers) {
  const at = (name, run) => check(`${server.id}: ${name}`, () => run(server));
  await at('pushed authorization request', pushedAuthorizationRequest);
  await at('what must be pushed is not taken from a URL', unpushedAuthorizationRequest);
  await at('signed request object', signedRequestObject);
  await at('signed request object, pushed', pushedRequestObject);
  await at('what must be signed is not taken unsigned', unsignedRequest);
  await at('request object with a signature of another key', foreignRequestObject);
  await at('response type id_token', implicitFlow);
  await at('response type code id_token', hybridFlow);
  await at('response mode form_post', formPost);
  await at('DPoP', dpop);
  await at('DPoP: the token is worth nothing with another key', dpopWithAnotherKey);
  await at('DPoP: nothing without a proof', dpopWithoutProof);
  await at('mutual TLS', mutualTls);
  await at('mutual TLS: nothing without a certificate', mutualTlsWithoutCertificate);
  await at('device grant', deviceGrant);
  await at('device grant, denied', deviceGrantDenied);
  await at('dynamic registration', dynamicRegistration);
  await at('dynamic registration without a token', registrationOfAStranger);
  // The org server protects Okta's own API, for which nobody acts on behalf of another.
  if (server.id === 'org') continue;
  await at('token exchange', tokenExchange);
  await at('token exchange of a token that is none', tokenExchangeOfNonsense);
}

async function pushedAuthorizationRequest(server) {
  const config = await discover(server, 'par-app', basic());
  const { parameters, checks } = await request();
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
  assert(url.searchParams.get('request_uri') && !url.searchParams.has('scope'), `${url}`);
  const tokens = await oidc.authorizationCodeGrant(config, await arrive(url), checks);
  assert(tokens.claims().aud === 'par-app', tokens.claims());
}

async function unpushedAuthorizationRequest(server) {
  const config = await discover(server, 'par-app', basic());
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  await refuses(oidc.authorizationCodeGrant(config, callback, checks), 'invalid_request');
}

async function signedRequestObject(server) {
  const config = await discover(server, 'jar-app', oidc.PrivateKeyJwt(signingKey));
  const { parameters, checks } = await request();
  const url = await oidc.buildAuthorizationUrlWithJAR(config, parameters, signingKey);
  assert(headerOf(url.searchParams.get('request')).alg === 'ES256', `${url}`);
  assert(!url.searchParams.has('state'), `${url}`);
  const tokens = await oidc.authorizationCodeGrant(config, await arrive(url), checks);
  assert(tokens.claims().aud === 'jar-app', tokens.claims());
}

async function pushedRequestObject(server) {
  const config = await discover(server, 'jar-app', oidc.PrivateKeyJwt(signingKey));
  const { parameters, checks } = await request();
  const signed = await oidc.buildAuthorizationUrlWithJAR(config, parameters, signingKey);
  const url = await oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams);
  const tokens = await oidc.authorizationCodeGrant(config, await arrive(url), checks);
  assert(tokens.claims().aud === 'jar-app', tokens.claims());
}

async function unsignedRequest(server) {
  const config = await discover(server, 'jar-app', oidc.PrivateKeyJwt(signingKey));
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  await refuses(oidc.authorizationCodeGrant(config, callback, checks), 'invalid_request');
}

async function foreignRequestObject(server) {
  const config = await discover(server, 'jar-app', oidc.PrivateKeyJwt(signingKey));
  const { privateKey } = await oidc.randomDPoPKeyPair('ES256');
  const { parameters } = await request();
  const signed = await oidc.buildAuthorizationUrlWithJAR(config, parameters, { key: privateKey, kid: 'client' });
  await refuses(oidc.buildAuthorizationUrlWithPAR(config, signed.searchParams), 'invalid_request_object');
}

async function implicitFlow(server) {
  const config = await discover(server, 'hybrid-app', basic());
  oidc.useIdTokenResponseType(config);
  const nonce = oidc.randomNonce();
  const state = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, { redirect_uri: context.redirect_uri, scope: SCOPE, nonce, state });
  const callback = await arrive(url);
  assert(callback.hash && !callback.search, `not in the fragment: ${callback}`);
  const claims = await oidc.implicitAuthentication(config, callback, nonce, { expectedState: state });
  assert(claims.aud === 'hybrid-app', claims);
  const other = oidc.randomNonce();
  await refuses(oidc.implicitAuthentication(config, callback, other, { expectedState: state }), 'nonce');
}

async function hybridFlow(server) {
  const config = await discover(server, 'hybrid-app', basic());
  oidc.useCodeIdTokenResponseType(config);
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  assert(callback.hash && !callback.search, `not in the fragment: ${callback}`);
  // Both ID tokens, c_hash among them, are verified.
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert(info.email === context.login, info);
}

async function formPost(server) {
  const config = await discover(server, 'hybrid-app', basic());
  oidc.useCodeIdTokenResponseType(config);
  const { parameters, checks } = await request({ response_mode: 'form_post' });
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  assert(callback instanceof Request, `not a form: ${callback}`);
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  assert(tokens.claims().aud === 'hybrid-app', tokens.claims());
}

async function dpop(server) {
  const { config, DPoP, tokens } = await dpopTokens(server);
  assert(tokens.token_type === 'dpop', tokens.token_type);
  const { sub } = tokens.claims();
  const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
  assert(info.email === context.login, info);
  const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert(fresh.token_type === 'dpop', fresh.token_type);
  await oidc.fetchUserInfo(config, fresh.access_token, sub, { DPoP });
}

async function dpopWithAnotherKey(server) {
  const { config, tokens } = await dpopTokens(server);
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const { sub } = tokens.claims();
  await refuses(oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP }), 'invalid_dpop_proof');
  // RFC 9449 §5: a refresh token of a public client is bound to the key.
  await refuses(oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP }), 'invalid_');
}

async function dpopWithoutProof(server) {
  const { config, tokens } = await dpopTokens(server);
  await refuses(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), 'invalid_token');
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  await refuses(oidc.authorizationCodeGrant(config, callback, checks), 'invalid_');
}

async function dpopTokens(server) {
  const config = await discover(server, 'dpop-app', oidc.None());
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const { parameters, checks } = await request({ scope: `${SCOPE} offline_access` });
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks, undefined, { DPoP });
  return { config, DPoP, tokens };
}

async function mutualTls(server) {
  const config = await discover(server, 'mtls-app', oidc.TlsClientAuth(), { use_mtls_endpoint_aliases: true });
  assert(config.serverMetadata().mtls_endpoint_aliases?.token_endpoint, config.serverMetadata());
  const tokens = await mutualTlsTokens(config);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert(info.email === context.login, info);
  // RFC 8705 §3: the token is bound to the certificate, which the main listener never asks for.
  const plain = await discover(server, 'mtls-app', oidc.TlsClientAuth());
  const stolen = oidc.fetchUserInfo(plain, tokens.access_token, tokens.claims().sub);
  await refuses(stolen, 'invalid_token');
}

async function mutualTlsWithoutCertificate(server) {
  const config = await discover(server, 'mtls-app', oidc.TlsClientAuth());
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  await refuses(oidc.authorizationCodeGrant(config, callback, checks), 'invalid_client');
}

async function mutualTlsTokens(config) {
  const dispatcher = new undici.Agent({
    connect: {
      ca: readFileSync(context.authority),
      cert: readFileSync(context.client_certificate),
      key: readFileSync(context.client_key),
    },
  });
  config[oidc.customFetch] = (url, options) => undici.fetch(url, { ...options, dispatcher });
  const { parameters, checks } = await request();
  return oidc.authorizationCodeGrant(config, await arrive(oidc.buildAuthorizationUrl(config, parameters)), checks);
}

async function deviceGrant(server) {
  const config = await discover(server, 'device-app', oidc.None());
  const started = await oidc.initiateDeviceAuthorization(config, { scope: SCOPE });
  assert(started.verification_uri_complete.includes(started.user_code), started);
  const waiting = oidc.pollDeviceAuthorizationGrant(config, { ...started, interval: started.interval ?? 5 });
  await new Browser().decideDevice(started.verification_uri, started.user_code, 'approve');
  const tokens = await waiting;
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert(info.email === context.login, info);
}

async function deviceGrantDenied(server) {
  const config = await discover(server, 'device-app', oidc.None());
  const started = await oidc.initiateDeviceAuthorization(config, { scope: SCOPE });
  await new Browser().decideDevice(started.verification_uri_complete, started.user_code, 'deny');
  await refuses(oidc.pollDeviceAuthorizationGrant(config, started), 'access_denied');
}

async function dynamicRegistration(server) {
  const wanted = {
    client_name: 'Client that registered itself',
    redirect_uris: [context.redirect_uri],
    token_endpoint_auth_method: 'client_secret_post',
  };
  const initialAccessToken = context.registration_token;
  const config = await oidc.dynamicClientRegistration(new URL(server.issuer), wanted, undefined, { initialAccessToken });
  assert(config.clientMetadata().client_name === wanted.client_name, config.clientMetadata());
  const { parameters, checks } = await request();
  const callback = await arrive(oidc.buildAuthorizationUrl(config, parameters));
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  assert(tokens.claims().aud === config.clientMetadata().client_id, tokens.claims());
}

async function registrationOfAStranger(server) {
  const wanted = { redirect_uris: [context.redirect_uri] };
  // RFC 6750 §3.1: a request without credentials is not told an error.
  await refuses(oidc.dynamicClientRegistration(new URL(server.issuer), wanted), 'OAUTH_WWW_AUTHENTICATE_CHALLENGE');
}

async function tokenExchange(server) {
  const frontend = await discover(server, 'hybrid-app', basic());
  const { parameters, checks } = await request({ scope: `${SCOPE} orders.read` });
  const callback = await arrive(oidc.buildAuthorizationUrl(frontend, parameters));
  const tokens = await oidc.authorizationCodeGrant(frontend, callback, checks);

  const backend = await discover(server, 'exchange-app', basic());
  const exchanged = await oidc.genericGrantRequest(backend, TOKEN_EXCHANGE, {
    subject_token: tokens.access_token,
    subject_token_type: ACCESS_TOKEN,
    audience: server.audience,
    scope: 'orders.read',
  });
  // RFC 8693 §2.2.1, §4.1.
  assert(exchanged.issued_token_type === ACCESS_TOKEN, exchanged);
  const [before, after] = [tokens, exchanged].map((one) => payloadOf(one.access_token));
  assert(after.sub === before.sub, 'it is about somebody else');
  assert(after.act, 'it does not say who acts');
  const answer = await oidc.tokenIntrospection(backend, exchanged.access_token);
  assert(answer.active === true && answer.client_id === 'exchange-app', answer);
}

async function tokenExchangeOfNonsense(server) {
  const config = await discover(server, 'exchange-app', basic());
  const asked = oidc.genericGrantRequest(config, TOKEN_EXCHANGE, {
    subject_token: 'no token',
    subject_token_type: ACCESS_TOKEN,
    audience: server.audience,
    scope: 'orders.read',
  });
  // RFC 8693 §2.2.2 says invalid_request, RFC 6749 §5.2 invalid_grant.
  await refuses(asked, 'invalid_');
}

/** What the provider says about itself, for a client; ID tokens are verified by the published keys, too. */
async function discover(server, client, authentication, metadata = {}) {
  const config = await oidc.discovery(new URL(server.issuer), client, metadata, authentication);
  oidc.enableNonRepudiationChecks(config);
  return config;
}

/** The parameters of an authorization request and what its answer is checked against. */
async function request(more = {}) {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  };
  const parameters = {
    redirect_uri: context.redirect_uri,
    scope: SCOPE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  };
  return { parameters, checks };
}

/** What the client gets when a browser opens the URL. */
function arrive(url) {
  return new Browser().go(url, context.redirect_uri);
}
