// npm @okta/okta-auth-js in a trusted application: its requests carry an API token, so that it names the devices of its users
// and is told tokens of recovery.

import { OktaAuth } from '@okta/okta-auth-js';

import { administer, assert, checksOf, context, refuses, totp } from './checks.mjs';

const check = checksOf('okta-auth-js (trusted)');
const { issuer } = context.servers.find(({ id }) => id === 'default');
const NEW_PASSWORD = `${context.password}x`;

const application = (token = context.api_token) => new OktaAuth({
  issuer,
  clientId: 'page',
  redirectUri: `${context.app_origin}/callback`,
  headers: { Authorization: `SSWS ${token}` },
});

function at(tx, status) {
  assert(tx.status === status, `${tx.status} instead of ${status}: ${JSON.stringify(tx.data)}`);
  return tx;
}

await check('recovery: the token is in the answer', async () => {
  const username = 'forgot-trusted@example.com';
  const begun = at(await application().forgotPassword({ username }), 'RECOVERY');
  const { recoveryToken } = begun.data;
  assert(typeof recoveryToken === 'string' && recoveryToken.length > 20, begun.data);
  const reset = at(await application().verifyRecoveryToken({ recoveryToken }), 'PASSWORD_RESET');
  const done = at(await reset.resetPassword({ newPassword: NEW_PASSWORD }), 'SUCCESS');
  assert(done.sessionToken === undefined, 'a recovery opens no session');
  at(await application().signInWithCredentials({ username, password: NEW_PASSWORD }), 'SUCCESS');
  await refuses(application().verifyRecoveryToken({ recoveryToken }), 'E0000105');
});
await check('recovery: nobody, and nobody\'s token', async () => {
  await refuses(application().forgotPassword({ username: 'nobody@example.com' }), 'E0000095');
  await refuses(application('not-a-token').forgotPassword({ username: 'alice@example.com' }), 'E0000011');
});
await check('rememberDevice: the second sign-in is without a factor', async () => {
  const username = 'remembered@example.com';
  const { id } = await administer('GET', `/api/v1/users/${username}`);
  const factor = await administer('POST', `/api/v1/users/${id}/factors`, {
    factorType: 'token:software:totp', provider: 'GOOGLE',
  });
  const secret = factor._embedded.activation.sharedSecret;
  await administer('POST', `/api/v1/users/${id}/factors/${factor.id}/lifecycle/activate`, { passCode: totp(secret, -1) });
  const signIn = (deviceToken) => application().signInWithCredentials({
    username, password: context.password, context: { deviceToken },
  });
  const asked = at(await signIn('tablet'), 'MFA_REQUIRED');
  assert(asked.policy.allowRememberDevice === true, asked.data);
  const proved = asked.factors.find(({ factorType }) => factorType === 'token:software:totp');
  at(await proved.verify({ passCode: totp(secret), rememberDevice: true }), 'SUCCESS');
  at(await signIn('tablet'), 'SUCCESS');
  at(await signIn('phone'), 'MFA_REQUIRED');
  // Whoever loses the factor starts anew on all devices.
  await administer('POST', `/api/v1/users/${id}/lifecycle/reset_factors`);
  at(await signIn('tablet'), 'MFA_ENROLL');
});
