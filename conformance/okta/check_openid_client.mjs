// npm openid-client: the whole life of a session at the org server and at a custom server, as clients of several kinds.

import * as oidc from 'openid-client';

import { Browser, assert, checksOf, context, refuses } from './checks.mjs';

const SCOPE = 'openid profile email offline_access';
const check = checksOf('openid-client');

const CLIENTS = [
  { id: 'web-app', method: 'client_secret_basic', authentication: oidc.ClientSecretBasic(context.client_secret) },
  { id: 'web-app-post', method: 'client_secret_post', authentication: oidc.ClientSecretPost(context.client_secret) },
  {
    id: 'web-app-jwt',
    method: 'client_secret_jwt',
    authentication: oidc.ClientSecretJwt(context.client_secret),
    metadata: { id_token_signed_response_alg: 'ES256' },
    keepsRefreshToken: true,
  },
  { id: 'spa', method: 'none', authentication: oidc.None() },
];

for (const server of context.servers) {
  for (const client of CLIENTS) await journey(server, client);
}
await check('default: RFC 8414 discovery', async () => {
  const { issuer } = context.servers.find(({ id }) => id === 'default');
  const config = await oidc.discovery(new URL(issuer), 'web-app', undefined, oidc.None(), { algorithm: 'oauth2' });
  assert(config.serverMetadata().issuer === issuer, config.serverMetadata());
});

async function journey(server, client) {
  const step = (name, run) => check(`${server.id}: ${client.method}: ${name}`, run);
  const browser = new Browser();
  let config;
  let tokens;

  await step('discovery', async () => {
    config = await oidc.discovery(new URL(server.issuer), client.id, client.metadata, client.authentication);
    // Signatures of ID tokens are verified by the published keys, too.
    oidc.enableNonRepudiationChecks(config);
    assert(config.serverMetadata().issuer === server.issuer, config.serverMetadata());
  });
  await step('code with PKCE, ID token', async () => {
    const { url, checks } = await request(config);
    tokens = await oidc.authorizationCodeGrant(config, await browser.go(url, context.redirect_uri), checks);
    assert(tokens.claims().aud === client.id && tokens.refresh_token, tokens);
  });
  await step('a code is worth tokens once', async () => {
    const { url, checks } = await request(config);
    const callback = await browser.go(url, context.redirect_uri);
    await oidc.authorizationCodeGrant(config, callback, checks);
    await refuses(oidc.authorizationCodeGrant(config, callback, checks), 'invalid_grant');
  });
  await step('wrong code_verifier', async () => {
    const { url, checks } = await request(config);
    const callback = await browser.go(url, context.redirect_uri);
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
    await refuses(oidc.authorizationCodeGrant(config, callback, { ...checks, pkceCodeVerifier }), 'invalid_grant');
  });
  await step('userinfo', async () => {
    const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert(info.email === context.login, info);
  });
  await step('introspection', async () => {
    const answer = await oidc.tokenIntrospection(config, tokens.access_token);
    assert(answer.active === true && answer.client_id === client.id, answer);
  });
  await step('refresh', async () => {
    const { sub } = tokens.claims();
    const old = tokens;
    tokens = await oidc.refreshTokenGrant(config, old.refresh_token);
    assert(tokens.access_token !== old.access_token, 'it is the same access token');
    tokens.refresh_token ??= old.refresh_token;
    const kept = tokens.refresh_token === old.refresh_token;
    assert(kept === Boolean(client.keepsRefreshToken), kept ? 'the refresh token was not rotated' : 'it was rotated');
    await oidc.fetchUserInfo(config, tokens.access_token, sub);
    tokens.id_token ??= old.id_token;
  });
  await step('revocation', async () => {
    await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
    await refuses(oidc.refreshTokenGrant(config, tokens.refresh_token), 'invalid_grant');
  });
  await step('logout', async () => {
    const state = oidc.randomState();
    const url = oidc.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: context.post_logout_redirect_uri,
      state,
    });
    const landed = await browser.go(url, context.post_logout_redirect_uri);
    assert(landed.searchParams.get('state') === state, `${landed}`);
    const silent = await request(config, { prompt: 'none' });
    const callback = await browser.go(silent.url, context.redirect_uri);
    await refuses(oidc.authorizationCodeGrant(config, callback, silent.checks), 'login_required');
  });
}

/** An authorization request and what its answer is checked against. */
async function request(config, more = {}) {
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
    idTokenExpected: true,
  };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: context.redirect_uri,
    scope: SCOPE,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  });
  return { url, checks };
}
