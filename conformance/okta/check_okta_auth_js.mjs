// npm @okta/okta-auth-js in Node.js: the Authentication API from the first password to a session token, through every
// factor, an expired password, and the ways back into an account.

import { OktaAuth } from '@okta/okta-auth-js';

import { Authenticator } from './authenticator.mjs';
import { administer, assert, checksOf, context, Device, messageAfter, refuses, totp } from './checks.mjs';

const check = checksOf('@okta/okta-auth-js');
const { issuer } = context.servers.find(({ id }) => id === 'default');
const NEW_PASSWORD = `${context.password}x`;

/** Nothing is kept from one application to the next. */
const application = () => new OktaAuth({ issuer, clientId: 'page', redirectUri: `${context.app_origin}/callback` });
const signIn = (username, password = context.password, more = {}) =>
  application().signInWithCredentials({ username, password, ...more });
const factorOf = (tx, type) => tx.factors.find(({ factorType }) => factorType === type);

function at(tx, status) {
  assert(tx.status === status, `${tx.status} instead of ${status}: ${JSON.stringify(tx.data)}`);
  if (status === 'SUCCESS') assert(typeof tx.sessionToken === 'string', tx.data);
  return tx;
}

/** A factor of a user that is there from the beginning. */
async function enrolled(login, factor) {
  const { id } = await administer('GET', `/api/v1/users/${login}`);
  return administer('POST', `/api/v1/users/${id}/factors?activate=true`, { provider: 'OKTA', ...factor });
}

await check('wrong password', () => refuses(signIn(context.login, 'not-the-password'), 'E0000004'));
await check('unknown user', () => refuses(signIn('nobody@example.com'), 'E0000004'));
await check('nothing but the password', async () => {
  const tx = at(await signIn(context.login), 'SUCCESS');
  assert(tx.user.profile.login === context.login, tx.data);
});
await check('a session token is worth one session', async () => {
  const { sessionToken } = at(await signIn(context.login), 'SUCCESS');
  const buy = () => fetch(`${context.origin}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sessionToken }),
  });
  const session = await (await buy()).json();
  assert(session.status === 'ACTIVE' && session.login === context.login, session);
  assert((await buy()).status === 401, 'it was accepted twice');
});

await totpChecks();
await smsChecks();
await callChecks();
await emailChecks();
await questionChecks();
await passkeyChecks();
await pushChecks();
await passwordChecks();

async function totpChecks() {
  const user = 'totp@example.com';
  let secret;
  await check('TOTP: MFA_ENROLL, enrol, wrong code, activate', async () => {
    const tx = at(await signIn(user), 'MFA_ENROLL');
    assert(tx.factors.every((factor) => typeof factor.enroll === 'function'), tx.data);
    const factor = tx.factors.find(({ factorType, provider }) => factorType === 'token:software:totp' && provider === 'GOOGLE');
    const enrolling = at(await factor.enroll(), 'MFA_ENROLL_ACTIVATE');
    const { activation } = enrolling.factor;
    secret = activation.sharedSecret;
    const picture = await fetch(activation.qrcode.href);
    assert(picture.headers.get('content-type') === 'image/png', `${picture.status}`);
    await refuses(enrolling.activate({ passCode: totp(secret, 1000) }), 'E0000068');
    at(await enrolling.activate({ passCode: totp(secret, -1) }), 'SUCCESS');
  });
  await check('TOTP: MFA_REQUIRED, wrong code, right code', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const factor = factorOf(tx, 'token:software:totp');
    await refuses(factor.verify({ passCode: totp(secret, 1000) }), 'E0000068');
    at(await factor.verify({ passCode: totp(secret) }), 'SUCCESS');
  });
  await check('TOTP: a code is worth one sign-in', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    await refuses(factorOf(tx, 'token:software:totp').verify({ passCode: totp(secret, -1) }), 'E0000068');
  });
  await check('resume, then cancel', async () => {
    const { stateToken } = at(await signIn(user), 'MFA_REQUIRED').data;
    const resumed = at(await application().tx.resume({ stateToken }), 'MFA_REQUIRED');
    await resumed.cancel();
    await refuses(application().tx.resume({ stateToken }), 'E0000011');
  });
  await check('resume by what the library has kept', async () => {
    const one = application();
    at(await one.signInWithCredentials({ username: user, password: context.password }), 'MFA_REQUIRED');
    assert(one.tx.exists(), 'nothing was kept');
    at(await (await one.tx.resume()).cancel().then(() => signIn(user)), 'MFA_REQUIRED');
  });
  await check('an unknown state token', () => refuses(application().tx.resume({ stateToken: 'unknown' }), 'E0000011'));
}

async function smsChecks() {
  const user = 'sms@example.com';
  const phone = '+15555550101';
  await check('SMS: challenge, previous, resend too soon, code', async () => {
    await enrolled(user, { factorType: 'sms', profile: { phoneNumber: phone } });
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const { outcome, code } = await messageAfter(phone, () => factorOf(tx, 'sms').verify());
    const challenge = at(outcome, 'MFA_CHALLENGE');
    assert(/^\d{6}$/.test(code), `no code: ${code}`);
    assert(challenge.factor.profile.phoneNumber.endsWith('0101'), challenge.data);
    assert(!JSON.stringify(challenge.data).includes(phone), 'the number is not masked');
    await refuses(challenge.resend('sms'), 'E0000109');
    await refuses(challenge.verify({ passCode: code === '000000' ? '111111' : '000000' }), 'E0000068');
    at(await challenge.prev(), 'MFA_REQUIRED');
    await refuses(factorOf(tx, 'sms').verify(), 'E0000109');
    at(await factorOf(tx, 'sms').verify({ passCode: code }), 'SUCCESS');
  });
  await check('SMS: enrol, previous, activate', async () => {
    const number = '+15555550102';
    const tx = at(await signIn('enrol@example.com'), 'MFA_ENROLL');
    await refuses(factorOf(tx, 'sms').enroll({ profile: { phoneNumber: '12' } }), 'E00000');
    const away = at(await factorOf(tx, 'token:software:totp').enroll(), 'MFA_ENROLL_ACTIVATE');
    const back = at(await away.prev(), 'MFA_ENROLL');
    const { outcome, code } = await messageAfter(
      number, () => factorOf(back, 'sms').enroll({ profile: { phoneNumber: number } }));
    const enrolling = at(outcome, 'MFA_ENROLL_ACTIVATE');
    await refuses(enrolling.resend('sms'), 'E0000109');
    at(await enrolling.activate({ passCode: code }), 'SUCCESS');
  });
}

async function callChecks() {
  const user = 'call@example.com';
  const phone = '+15555550104';
  await check('call: challenge, again too soon, wrong code, code', async () => {
    await enrolled(user, { factorType: 'call', profile: { phoneNumber: phone } });
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const { outcome, code } = await messageAfter(phone, () => factorOf(tx, 'call').verify());
    const challenge = at(outcome, 'MFA_CHALLENGE');
    assert(challenge.factor.profile.phoneNumber.endsWith('0104'), challenge.data);
    await refuses(challenge.resend('call'), 'E0000133');
    await refuses(challenge.verify({ passCode: code === '000000' ? '111111' : '000000' }), 'E0000068');
    at(await challenge.verify({ passCode: code }), 'SUCCESS');
  });
}

async function emailChecks() {
  const user = 'email@example.com';
  await check('e-mail: a code that comes by SMTP', async () => {
    await enrolled(user, { factorType: 'email', profile: { email: user } });
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const { outcome, code } = await messageAfter(user, () => factorOf(tx, 'email').verify());
    const challenge = at(outcome, 'MFA_CHALLENGE');
    await refuses(challenge.resend('email'), 'E0000118');
    at(await challenge.verify({ passCode: code }), 'SUCCESS');
  });
}

async function questionChecks() {
  const user = 'question@example.com';
  const answer = 'a blue rabbit';
  await check('question: the list, enrol', async () => {
    const tx = at(await signIn(user), 'MFA_ENROLL');
    const questions = await factorOf(tx, 'question').questions();
    const { question } = questions.find((one) => one.question === 'name_of_first_plush_toy');
    at(await factorOf(tx, 'question').enroll({ profile: { question, answer } }), 'SUCCESS');
  });
  await check('question: wrong answer, right answer', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const factor = factorOf(tx, 'question');
    assert(factor.profile.questionText, tx.data);
    await refuses(factor.verify({ answer: 'a red fox' }), 'E0000068');
    at(await factor.verify({ answer }), 'SUCCESS');
  });
}

async function passkeyChecks() {
  const user = 'passkey@example.com';
  const passkey = new Authenticator(context.origin);
  const { buildCredentialCreationOptions, buildCredentialRequestOptions, getAttestation, getAssertion } = OktaAuth.webauthn;
  const attest = (authenticator, activation) =>
    getAttestation(authenticator.create(buildCredentialCreationOptions(activation, []).publicKey));
  const assertion = (authenticator, challenge) =>
    getAssertion(authenticator.get(buildCredentialRequestOptions(challenge, []).publicKey));
  await check('WebAuthn: enrol, another site, activate', async () => {
    const tx = at(await signIn(user), 'MFA_ENROLL');
    const elsewhere = at(await factorOf(tx, 'webauthn').enroll(), 'MFA_ENROLL_ACTIVATE');
    const stranger = new Authenticator('https://elsewhere.example');
    await refuses(elsewhere.activate(attest(stranger, elsewhere.factor.activation)), 'E0000068');
    const back = at(await elsewhere.prev(), 'MFA_ENROLL');
    const enrolling = at(await factorOf(back, 'webauthn').enroll(), 'MFA_ENROLL_ACTIVATE');
    at(await enrolling.activate(attest(passkey, enrolling.factor.activation)), 'SUCCESS');
  });
  await check('WebAuthn: challenge, another authenticator, verify', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const asked = at(await factorOf(tx, 'webauthn').verify(), 'MFA_CHALLENGE');
    const stranger = new Authenticator(context.origin);
    await refuses(asked.verify(assertion(stranger, asked.factor.challenge)), 'E0000068');
    const again = at(await asked.verify(), 'MFA_CHALLENGE');
    at(await again.verify(assertion(passkey, again.factor.challenge)), 'SUCCESS');
  });
  await check('WebAuthn: a challenge by type is worth one sign-in', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const kind = tx.factorTypes.find(({ factorType }) => factorType === 'webauthn');
    const asked = at(await kind.verify(), 'MFA_CHALLENGE');
    const answer = assertion(passkey, asked.challenge);
    at(await asked.verify(answer), 'SUCCESS');
    const other = at(await signIn(user), 'MFA_REQUIRED');
    await refuses(factorOf(other, 'webauthn').verify(answer), 'E0000068');
  });
}

async function pushChecks() {
  const user = 'push@example.com';
  const device = new Device('push');
  const often = { delay: 200 };
  const numberOf = (tx) => tx.factor.challenge.correctAnswer;
  await check('push: enrol, mail the address, poll', async () => {
    const tx = at(await signIn(user), 'MFA_ENROLL');
    const enrolling = at(await factorOf(tx, 'push').enroll(), 'MFA_ENROLL_ACTIVATE');
    assert(enrolling.factorResult === 'WAITING', enrolling.data);
    assert(enrolling.factor.activation.qrcode.href.startsWith(context.origin), enrolling.data);
    const { outcome, link } = await messageAfter(user, () => enrolling.factor.activation.send('email'));
    at(outcome, 'MFA_ENROLL_ACTIVATE');
    const done = enrolling.poll(often);
    await device.enroll(link);
    at(await done, 'SUCCESS');
  });
  await check('push: challenge, right number, poll with autoPush and rememberDevice', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const info = tx.policy.factorsPolicyInfo[factorOf(tx, 'push').id];
    assert(info.autoPushEnabled === false, tx.data);
    const asked = at(await factorOf(tx, 'push').verify({ autoPush: true, rememberDevice: false }), 'MFA_CHALLENGE');
    assert(asked.factorResult === 'WAITING' && asked.factor.profile.name, asked.data);
    const done = asked.poll({ ...often, autoPush: true, rememberDevice: false });
    await device.approve(numberOf(asked));
    at(await done, 'SUCCESS');
  });
  await check('push: REJECTED, asked again, resent, cancelled', async () => {
    const tx = at(await signIn(user), 'MFA_REQUIRED');
    const asked = at(await factorOf(tx, 'push').verify(), 'MFA_CHALLENGE');
    const denied = asked.poll(often);
    await device.deny();
    const told = at(await denied, 'MFA_CHALLENGE');
    assert(told.factorResult === 'REJECTED', told.data);
    const again = at(await told.verify(), 'MFA_CHALLENGE');
    assert(again.factorResult === 'WAITING', again.data);
    const resent = at(await again.resend('push'), 'MFA_CHALLENGE');
    const done = resent.poll(often);
    await device.approve(numberOf(resent));
    at(await done, 'SUCCESS');
    const other = at(await signIn(user), 'MFA_REQUIRED');
    const left = at(await factorOf(other, 'push').verify(), 'MFA_CHALLENGE');
    at(await left.prev(), 'MFA_REQUIRED');
  });
}

async function passwordChecks() {
  await check('PASSWORD_EXPIRED: wrong old password, weak password, change', async () => {
    const user = 'expired@example.com';
    const tx = at(await signIn(user), 'PASSWORD_EXPIRED');
    const change = (oldPassword, newPassword) => tx.changePassword({ oldPassword, newPassword });
    await refuses(change('not-the-password', NEW_PASSWORD), 'E0000014');
    await refuses(change(context.password, 'weak'), 'E00000');
    at(await change(context.password, NEW_PASSWORD), 'SUCCESS');
    await refuses(signIn(user), 'E0000004');
    at(await signIn(user, NEW_PASSWORD), 'SUCCESS');
  });
  await check('forgotPassword by e-mail: verifyRecoveryToken, resetPassword', async () => {
    const username = 'forgot@example.com';
    const { outcome, token: recoveryToken } = await messageAfter(
      username, () => application().forgotPassword({ username, factorType: 'EMAIL' }));
    assert(at(outcome, 'RECOVERY_CHALLENGE').factorResult === 'WAITING', outcome.data);
    const reset = at(await application().verifyRecoveryToken({ recoveryToken }), 'PASSWORD_RESET');
    await refuses(reset.resetPassword({ newPassword: 'weak' }), 'E00000');
    gavePassword(await reset.resetPassword({ newPassword: NEW_PASSWORD }));
    await refuses(application().verifyRecoveryToken({ recoveryToken }), 'E0000');
    at(await signIn(username, NEW_PASSWORD), 'SUCCESS');
  });
  await check('forgotPassword by SMS: verify, resetPassword', async () => {
    const username = 'forgot-sms@example.com';
    const phone = '+15555550103';
    await enrolled(username, { factorType: 'sms', profile: { phoneNumber: phone } });
    const { outcome, code } = await messageAfter(
      phone, () => application().forgotPassword({ username, factorType: 'SMS' }));
    const challenge = at(outcome, 'RECOVERY_CHALLENGE');
    await refuses(challenge.resend(), 'E0000109');
    await refuses(challenge.verify({ passCode: code === '000000' ? '111111' : '000000' }), 'E0000068');
    const reset = at(await challenge.verify({ passCode: code }), 'PASSWORD_RESET');
    gavePassword(await reset.resetPassword({ newPassword: NEW_PASSWORD }));
    at(await signIn(username, NEW_PASSWORD), 'SUCCESS');
  });
  await check('forgotPassword by call: verify, resetPassword', async () => {
    const username = 'forgot-call@example.com';
    const phone = '+15555550105';
    await enrolled(username, { factorType: 'call', profile: { phoneNumber: phone } });
    const { outcome, code } = await messageAfter(
      phone, () => application().forgotPassword({ username, factorType: 'CALL' }));
    const challenge = at(outcome, 'RECOVERY_CHALLENGE');
    await refuses(challenge.resend(), 'E0000133');
    const reset = at(await challenge.verify({ passCode: code }), 'PASSWORD_RESET');
    gavePassword(await reset.resetPassword({ newPassword: NEW_PASSWORD }));
    at(await signIn(username, NEW_PASSWORD), 'SUCCESS');
  });
  await check('forgotPassword of nobody looks the same', async () => {
    const tx = await application().forgotPassword({ username: 'nobody@example.com', factorType: 'EMAIL' });
    assert(at(tx, 'RECOVERY_CHALLENGE').factorResult === 'WAITING', tx.data);
  });
  await check('unlockAccount', async () => {
    const username = 'locked@example.com';
    await refuses(signIn(username), 'E0000004');
    const { outcome, token: recoveryToken } = await messageAfter(
      username, () => application().unlockAccount({ username, factorType: 'EMAIL' }));
    at(outcome, 'RECOVERY_CHALLENGE');
    const unlocked = await application().verifyRecoveryToken({ recoveryToken });
    assert(unlocked.status === 'SUCCESS' && unlocked.recoveryType === 'UNLOCK', unlocked.data);
    at(await signIn(username), 'SUCCESS');
  });
}

/** Whoever has a new password signs in with it: a recovery opens no session. */
function gavePassword(tx) {
  assert(tx.status === 'SUCCESS' && tx.recoveryType === 'PASSWORD' && tx.sessionToken === undefined, tx.data);
}
