// npm @okta/jwt-verifier: access tokens and ID tokens of the org server and of a custom server.

import OktaJwtVerifier from '@okta/jwt-verifier';
import * as oidc from 'openid-client';

import { Browser, assert, checksOf, context, expiredTokens, headerOf, refuses, rotateKeys, tampered } from './checks.mjs';

const CLIENT = 'okta-app';
const NONCE = 'n-0S6_WzA2Mj';
const check = checksOf('@okta/jwt-verifier');

for (const server of context.servers) {
  // Only the issuer is given: where the keys are is the library's own guess, for the org server `/v1/keys`.
  const verifier = (more = {}) => new OktaJwtVerifier({ issuer: server.issuer, clientId: CLIENT, ...more });
  const other = context.servers.find(({ id }) => id !== server.id);
  const { access_token: accessToken, id_token: idToken } = await issueTokens(server);
  const expired = await expiredTokens(server, CLIENT, NONCE);
  const foreign = await issueTokens(other);

  const access = (name, run) => check(`${server.id}: access token, ${name}`, run);
  const verifyAccess = (token, audience = server.audience, one = verifier()) => one.verifyAccessToken(token, audience);
  await access('valid', async () => {
    const { claims } = await verifyAccess(accessToken);
    assert(claims.cid === CLIENT && claims.scp.includes('openid'), claims);
  });
  await access('asserted claims', async () => {
    await verifyAccess(accessToken, server.audience, verifier({ assertClaims: { cid: CLIENT, 'scp.includes': ['openid'] } }));
    const wrong = verifier({ assertClaims: { 'scp.includes': ['admin'] } });
    await refuses(verifyAccess(accessToken, server.audience, wrong), 'does not include');
  });
  await access('expired', () => refuses(verifyAccess(expired.access_token), 'Jwt is expired'));
  await access('wrong audience', () => refuses(verifyAccess(accessToken, 'api://other'), 'does not match expected audience'));
  await access('tampered', () => refuses(verifyAccess(tampered(accessToken)), 'Signature verification failed'));
  await access('of another issuer', () => refuses(verifyAccess(foreign.access_token), 'resolving signing key'));
  await access('rotated key', () => rotated(server, verifier(), (one, tokens) =>
    one.verifyAccessToken(tokens.access_token, server.audience)));

  const id = (name, run) => check(`${server.id}: ID token, ${name}`, run);
  const verifyId = (token, client = CLIENT, nonce = NONCE) => verifier().verifyIdToken(token, client, nonce);
  await id('valid', async () => {
    const { claims } = await verifyId(idToken);
    assert(claims.nonce === NONCE && claims.ver === 1, claims);
  });
  await id('wrong nonce', () => refuses(verifyId(idToken, CLIENT, 'another'), 'does not match expected nonce'));
  await id('expired', () => refuses(verifyId(expired.id_token), 'Jwt is expired'));
  await id('wrong audience', () => refuses(verifyId(idToken, 'web-app'), 'does not match expected client id'));
  await id('tampered', () => refuses(verifyId(tampered(idToken)), 'Signature verification failed'));
  await id('rotated key', () => rotated(server, verifier(), (one, tokens) =>
    one.verifyIdToken(tokens.id_token, CLIENT, NONCE)));
}

/** One verifier throughout: it has cached the key set when it meets a key that it does not know. */
async function rotated(server, one, verify) {
  const old = await issueTokens(server);
  await verify(one, old);
  await rotateKeys(server);
  const fresh = await issueTokens(server);
  assert(headerOf(fresh.access_token).kid !== headerOf(old.access_token).kid, 'the key was not rotated');
  await verify(one, fresh);
  await verify(one, old);
}

/** The verifier does not ask for tokens. */
async function issueTokens(server) {
  const config = await oidc.discovery(
    new URL(server.issuer), CLIENT, undefined, oidc.ClientSecretBasic(context.client_secret));
  const verifier = oidc.randomPKCECodeVerifier();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: context.redirect_uri,
    scope: 'openid profile email',
    nonce: NONCE,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const callback = await new Browser().go(url, context.redirect_uri);
  return oidc.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedNonce: NONCE });
}
