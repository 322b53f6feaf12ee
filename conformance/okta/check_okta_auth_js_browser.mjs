// npm @okta/okta-auth-js in Chromium: its packaged bundle on a page of a trusted origin. A session token becomes tokens
// without a prompt, they are renewed silently, raised by `acr_values`, revoked, and the user signs out.

import { readFileSync } from 'node:fs';

import { administer, assert, checksOf, context, payloadOf, totp } from './checks.mjs';
import { Chromium, serve } from './chromium.mjs';

const check = checksOf('okta-auth-js (Chromium)');
const { issuer } = context.servers.find(({ id }) => id === 'default');
const USER = 'browser@example.com';
const TWO_FACTORS = 'urn:okta:loa:2fa:any';

const bundle = readFileSync(new URL('node_modules/@okta/okta-auth-js/dist/okta-auth-js.min.js', import.meta.url));
const page = `<!doctype html><title>Page</title><script src="/okta-auth-js.min.js"></script><script>
window.auth = new OktaAuth(${JSON.stringify({
    issuer,
    clientId: 'page',
    redirectUri: `${context.app_origin}/callback`,
    scopes: ['openid', 'profile', 'email'],
    // Nothing happens by itself.
    services: { autoRenew: false, autoRemove: false, syncStorage: false },
  })});
</script><p>A page of an application.</p>`;
const html = { type: 'text/html', body: page };
const server = await serve({
  '/': html,
  '/callback': html,
  '/okta-auth-js.min.js': { type: 'text/javascript', body: bundle },
});

const secret = await enrolTotp();
const browser = await Chromium.open();
try {
  await journey();
} finally {
  await browser.close();
  server.close();
}

async function journey() {
  let tokens;
  await check('no session: getWithoutPrompt is refused', async () => {
    await browser.go(`${context.app_origin}/`);
    assert((await browser.run(() => auth.session.exists())) === false, 'there is a session');
    const error = await browser.run(() => auth.token.getWithoutPrompt().then(() => null, (refusal) => refusal.errorCode));
    assert(error === 'login_required', `${error}`);
  });
  await check('wrong password', async () => {
    const error = await browser.run((username) =>
      auth.signInWithCredentials({ username, password: 'wrong' }).then(() => null, (refusal) => refusal.errorCode), USER);
    assert(error === 'E0000004', `${error}`);
  });
  await check('sessionToken: getWithoutPrompt (okta_post_message)', async () => {
    tokens = await browser.run(async (username, password) => {
      const { status, sessionToken } = await auth.signInWithCredentials({ username, password });
      if (status !== 'SUCCESS') throw new Error(status);
      const { tokens } = await auth.token.getWithoutPrompt({ sessionToken });
      auth.tokenManager.setTokens(tokens);
      return tokens;
    }, USER, context.password);
    const { acr, amr } = payloadOf(tokens.idToken.idToken);
    assert(acr === 'urn:okta:loa:1fa:pwd' && JSON.stringify(amr) === '["pwd"]', { acr, amr });
  });
  await check('the session: exists, get, refresh', async () => {
    assert(await browser.run(() => auth.session.exists()), 'there is none');
    assert((await browser.run(() => auth.session.get().then(({ login }) => login))) === USER, 'of somebody else');
    await browser.run(() => auth.session.refresh().then(() => true));
  });
  await check('user info', async () => {
    const info = await browser.run(() => auth.token.getUserInfo());
    assert(info.email === USER, info);
  });
  await check('silent renew', async () => {
    const renewed = await browser.run(() => auth.tokenManager.renew('accessToken'));
    assert(renewed.accessToken && renewed.accessToken !== tokens.accessToken.accessToken, renewed);
  });
  await check('acr_values without a prompt are refused', async () => {
    const error = await browser.run((acrValues) =>
      auth.token.getWithoutPrompt({ acrValues }).then(() => null, (refusal) => refusal.errorCode), TWO_FACTORS);
    assert(['login_required', 'interaction_required', 'unmet_authentication_requirements'].includes(error), `${error}`);
  });
  await check('step-up: acr_values with a redirect', async () => {
    await browser.run((acrValues) => { auth.token.getWithRedirect({ acrValues, state: 'a-state' }); }, TWO_FACTORS);
    await browser.until(() => document.getElementById('pass-code') !== null);
    assert(await browser.run(() => document.getElementById('password') === null), 'the password is asked for again');
    const answer = (code) => browser.run((typed) => {
      document.getElementById('pass-code').value = typed;
      document.getElementById('step-submit').click();
    }, code);
    await answer(totp(secret, 1000));
    await browser.until(() => document.getElementById('step-error') !== null);
    await answer(totp(secret));
    await browser.until((origin) => location.origin === origin && Boolean(window.auth), context.app_origin);
    tokens = await browser.run(async () => {
      const { tokens } = await auth.token.parseFromUrl();
      auth.tokenManager.setTokens(tokens);
      return tokens;
    });
    const { acr, amr } = payloadOf(tokens.idToken.idToken);
    assert(acr === TWO_FACTORS && ['pwd', 'google_otp', 'mfa'].every((method) => amr.includes(method)), { acr, amr });
  });
  await check('the raised session answers acr_values without a prompt', async () => {
    const idToken = await browser.run((acrValues) =>
      auth.token.getWithoutPrompt({ acrValues }).then(({ tokens }) => tokens.idToken.idToken), TWO_FACTORS);
    assert(payloadOf(idToken).acr === TWO_FACTORS, payloadOf(idToken));
  });
  await check('renew with a refresh token', async () => {
    const [before, after] = await browser.run(async () => {
      const { tokens } = await auth.token.getWithoutPrompt({ scopes: ['openid', 'offline_access'] });
      auth.tokenManager.setTokens(tokens);
      const renewed = await auth.token.renewTokens();
      auth.tokenManager.setTokens(renewed);
      return [tokens, renewed];
    });
    assert(before.refreshToken && after.refreshToken, 'there is no refresh token');
    assert(before.refreshToken.refreshToken !== after.refreshToken.refreshToken, 'it was not rotated');
    assert(before.accessToken.accessToken !== after.accessToken.accessToken, 'it is the same access token');
  });
  await check('revoke', async () => {
    const error = await browser.run(async () => {
      const { accessToken, idToken } = await auth.tokenManager.getTokens();
      await auth.revokeAccessToken(accessToken);
      return auth.token.getUserInfo(accessToken, idToken).then(() => null, (refusal) => refusal.errorCode ?? refusal.message);
    });
    assert(error, 'the revoked token was accepted');
  });
  await check('signOut', async () => {
    await browser.run(() => { auth.signOut({ clearTokensBeforeRedirect: true }); });
    await browser.until((home) => location.href === home && Boolean(window.auth), `${context.app_origin}/`);
    assert((await browser.run(() => auth.session.exists())) === false, 'the session lives on');
    assert(await browser.run(() => auth.tokenManager.getTokens().then(({ idToken }) => !idToken)), 'tokens were kept');
  });
}

/** The secret of the user's authenticator app. */
async function enrolTotp() {
  const { id } = await administer('GET', `/api/v1/users/${USER}`);
  const factors = `/api/v1/users/${id}/factors`;
  const factor = await administer('POST', factors, { factorType: 'token:software:totp', provider: 'GOOGLE' });
  const { sharedSecret } = factor._embedded.activation;
  await administer('POST', `${factors}/${factor.id}/lifecycle/activate`, { passCode: totp(sharedSecret, -1) });
  return sharedSecret;
}
