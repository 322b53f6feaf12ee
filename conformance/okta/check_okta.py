"""PyPI okta, the SDK of Okta's management API: users, their factors, and the system log."""

import base64
import datetime
import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from authenticator import Authenticator
from checks import Checks, Device, load_context, message_after, totp
from okta.client import Client
from okta.models import (
    CreateUserRequest,
    PasswordCredential,
    PasswordCredentialHash,
    UploadYubikeyOtpTokenSeedRequest,
    UserCredentialsWritable,
    UserFactorActivateRequest,
    UserFactorCall,
    UserFactorCallProfile,
    UserFactorEmail,
    UserFactorEmailProfile,
    UserFactorPush,
    UserFactorSecurityQuestion,
    UserFactorSecurityQuestionProfile,
    UserFactorSMS,
    UserFactorSMSProfile,
    UserFactorTokenHardware,
    UserFactorTokenHardwareAllOfVerify,
    UserFactorTokenSoftwareTOTP,
    UserFactorVerifyRequest,
    UserFactorWebAuthn,
    UserFactorYubikeyOtpToken,
    UserProfile,
)
from pydantic import Field, ValidationError
from yubikey import Yubikey

PHONE = "+15555550111"
DEVICE_PHONE = "+15555550114"
ANSWER = "a green elephant"


# The SDK's models of these bodies know push only; everything else is added by who uses it.
class Activation(UserFactorActivateRequest):
    pass_code: str = Field(alias="passCode")


class PassCode(UserFactorVerifyRequest):
    pass_code: str = Field(alias="passCode")


class Answer(UserFactorVerifyRequest):
    answer: str


class Registration(UserFactorActivateRequest):
    client_data: str = Field(alias="clientData")
    attestation: str


class Assertion(UserFactorVerifyRequest):
    client_data: str = Field(alias="clientData")
    authenticator_data: str = Field(alias="authenticatorData")
    signature_data: str = Field(alias="signatureData")


class Journey:
    def __init__(self, context):
        self.context = context
        # It would wait until what was asked for too soon is allowed.
        once = {"rateLimit": {"maxRetries": 0}}
        self.client = Client({"orgUrl": context.origin, "token": context.api_token} | once)
        self.users, self.factors = [], {}
        self.started = now()

    async def create(self):
        for name in ("kim", "lee", "max"):
            profile = UserProfile(
                login=f"{name}@example.org", email=f"{name}@example.org", first_name=name.title(), last_name="Smith"
            )
            password = PasswordCredential(value=self.context.password)
            request = CreateUserRequest(profile=profile, credentials=UserCredentialsWritable(password=password))
            user = good(await self.client.create_user(request, activate=True))
            assert user.status == "ACTIVE" and user.profile.login == f"{name}@example.org", user
            self.users.append(user)
        self.id = self.users[0].id

    async def create_refused(self):
        twice = CreateUserRequest(profile=self.users[0].profile)
        error = refused(await self.client.create_user(twice), 400, "E0000001")
        assert any(cause["errorSummary"].startswith("login:") for cause in error.error_causes), error.error_causes

    async def get(self):
        for key in (self.id, "kim@example.org"):
            user = good(await self.client.get_user(key))
            assert user.id == self.id and user.profile.first_name == "Kim", user
        refused(await self.client.get_user("nobody@example.org"), 404, "E0000007")

    async def list(self):
        found, after = [], None
        for pages in range(1, 20):
            users, response, error = await self.client.list_users(limit=2, after=after)
            assert error is None and len(users) <= 2, error
            found += [user.id for user in users]
            if (after := next_page(response)) is None:
                break
        assert pages > 2 and len(found) == len(set(found)), f"{pages} pages, {found}"
        assert {user.id for user in self.users} <= set(found), found
        search = 'profile.login eq "lee@example.org"'
        [only] = good(await self.client.list_users(filter=search))
        assert only.id == self.users[1].id, only
        refused(await self.client.list_users(filter="profile.login equals"), 400, "E0000031")

    async def sort(self):
        search = 'profile.login co "@example.org"'
        for order, wanted in (("asc", ["Kim", "Lee", "Max"]), ("desc", ["Max", "Lee", "Kim"])):
            users = good(await self.client.list_users(search=search, sort_by="profile.firstName", sort_order=order))
            names = [user.profile.first_name for user in users]
            assert [name for name in names if name in wanted] == wanted, names
        refused(await self.client.list_users(search=search, sort_by="password"), 400, "E0000031")

    async def imported(self):
        salt = b"rosemary"
        value = base64.b64encode(hashlib.sha512(salt + self.context.password.encode()).digest()).decode()
        hashed = PasswordCredentialHash(
            algorithm="SHA-512", salt=base64.b64encode(salt).decode(), salt_order="PREFIX", value=value
        )
        login = "imported@example.org"
        profile = UserProfile(login=login, email=login, first_name="Ina", last_name="Smith")
        credentials = UserCredentialsWritable(password=PasswordCredential(hash=hashed))
        user = good(await self.client.create_user(CreateUserRequest(profile=profile, credentials=credentials)))
        assert user.status == "ACTIVE", user
        for password, status in ((self.context.password + "x", 401), (self.context.password, 200)):
            answer = post_json(f"{self.context.origin}/api/v1/authn", {"username": login, "password": password})
            assert answer == status, answer

    async def api_tokens(self):
        tokens = good(await self.client.list_api_tokens())
        [token] = [token for token in tokens if token.name == "Conformance"]
        assert token.token_window == "P30D" and token.expires_at > token.created, token
        assert good(await self.client.get_api_token(token.id)).user_id == token.user_id
        refused(await self.client.get_api_token("00Tunknown"), 404, "E0000007")
        refused(await self.client.revoke_api_token("00Tunknown"), 404, "E0000007")

    async def lifecycle(self):
        user = self.users[2].id
        good(await self.client.suspend_user(user))
        assert good(await self.client.get_user(user)).status == "SUSPENDED"
        refused(await self.client.suspend_user(user), 400, "E0000001")
        good(await self.client.unsuspend_user(user))
        good(await self.client.deactivate_user(user))
        assert good(await self.client.get_user(user)).status == "DEPROVISIONED"

    async def catalog(self):
        supported = good(await self.client.list_supported_factors(self.id))
        kinds = {(one.factor_type, one.provider) for one in supported}
        wanted = {("question", "OKTA"), ("sms", "OKTA"), ("email", "OKTA"), ("token:software:totp", "GOOGLE")}
        assert wanted <= kinds, kinds
        questions = good(await self.client.list_supported_security_questions(self.id))
        assert "disliked_food" in [one.question for one in questions], questions

    async def question(self):
        profile = UserFactorSecurityQuestionProfile(question="disliked_food", answer=ANSWER)
        factor = await self.enrol("question", UserFactorSecurityQuestion, profile)
        assert factor.status == "ACTIVE", factor
        refused(await self.verify("question", Answer(answer="another")), 403, "E0000068")
        assert good(await self.verify("question", Answer(answer=ANSWER))).factor_result == "SUCCESS"

    async def sms(self):
        profile = UserFactorSMSProfile(phone_number=PHONE)
        factor, code = await message_after(self.context, PHONE, lambda: self.enrol("sms", UserFactorSMS, profile))
        assert factor.status == "PENDING_ACTIVATION", factor
        wrong = Activation(passCode=other(code))
        refused(await self.client.activate_factor(self.id, factor.id, wrong), 403, "E0000068")
        active = await self.activate(factor, code)
        assert active.profile.phone_number == PHONE, active
        refused(await self.verify("sms"), 429, "E0000109")

    async def sms_challenge(self):
        # Enrolled by the administrator alone: nothing was sent to this phone within the last 30 seconds.
        user, phone = self.users[1].id, "+15555550112"
        body = UserFactorSMS(factor_type="sms", provider="OKTA", profile=UserFactorSMSProfile(phone_number=phone))
        factor = good(await self.client.enroll_factor(user, body, activate=True))
        assert factor.status == "ACTIVE", factor
        sent, code = await message_after(self.context, phone, lambda: self.client.verify_factor(user, factor.id))
        assert good(sent).factor_result == "CHALLENGE", sent
        refused(await self.client.verify_factor(user, factor.id, body=PassCode(passCode=other(code))), 403, "E0000068")
        verified = good(await self.client.verify_factor(user, factor.id, body=PassCode(passCode=code)))
        assert verified.factor_result == "SUCCESS", verified

    async def call(self):
        user, phone = self.users[1].id, "+15555550113"
        profile = UserFactorCallProfile(phone_number=phone)
        body = UserFactorCall(factor_type="call", provider="OKTA", profile=profile)
        factor = good(await self.client.enroll_factor(user, body, activate=True))
        assert factor.status == "ACTIVE" and factor.profile.phone_number == phone, factor
        sent, code = await message_after(self.context, phone, lambda: self.client.verify_factor(user, factor.id))
        assert good(sent).factor_result == "CHALLENGE", sent
        refused(await self.client.verify_factor(user, factor.id, body=PassCode(passCode=other(code))), 403, "E0000068")
        verified = good(await self.client.verify_factor(user, factor.id, body=PassCode(passCode=code)))
        assert verified.factor_result == "SUCCESS", verified

    async def email(self):
        address = "kim@example.org"
        profile = UserFactorEmailProfile(email=address)
        factor, code = await message_after(self.context, address, lambda: self.enrol("email", UserFactorEmail, profile))
        assert factor.status == "PENDING_ACTIVATION", factor
        active = await self.activate(factor, code)
        assert active.profile.email == address, active

    async def totp(self):
        factor = await self.enrol("token:software:totp", UserFactorTokenSoftwareTOTP, None, provider="GOOGLE")
        secret = factor.embedded["activation"]["sharedSecret"]
        wrong = Activation(passCode=totp(secret, 1000))
        refused(await self.client.activate_factor(self.id, factor.id, wrong), 403, "E0000068")
        await self.activate(factor, totp(secret, -1))
        code = PassCode(passCode=totp(secret))
        assert good(await self.verify("token:software:totp", code)).factor_result == "SUCCESS"
        refused(await self.verify("token:software:totp", code), 403, "E0000082")

    async def webauthn(self):
        passkey = Authenticator(self.context.origin)
        factor = await self.enrol("webauthn", UserFactorWebAuthn, None, provider="FIDO")
        assert factor.status == "PENDING_ACTIVATION", factor
        made = passkey.create(factor.embedded["activation"])
        good(await self.client.activate_factor(self.id, factor.id, Registration(**made)))
        active = good(await self.client.get_factor(self.id, factor.id))
        assert active.status == "ACTIVE" and active.profile.credential_id, active
        asked = good(await self.verify("webauthn"))
        assert asked.factor_result == "CHALLENGE", asked
        answer = Assertion(**passkey.get(asked.embedded["challenge"]))
        assert good(await self.verify("webauthn", answer)).factor_result == "SUCCESS"
        refused(await self.verify("webauthn", answer), 403, "E0000082")

    async def yubikey(self):
        yubikey = Yubikey(7886622)
        first = await self.token("POST", yubikey.seed())
        assert first["status"] == "UNASSIGNED" and first["profile"] == {"serial": "000007886622"}, first
        refused(await self.upload({**yubikey.seed(), "aesKey": "short"}), 400, "E0000001")
        verify = UserFactorTokenHardwareAllOfVerify(pass_code=yubikey.touch())
        body = UserFactorTokenHardware(factor_type="token:hardware", provider="YUBICO", verify=verify)
        factor = good(await self.client.enroll_factor(self.id, body))
        assert factor.status == "ACTIVE" and factor.profile.credential_id == "000007886622", factor
        refused(await self.client.enroll_factor(self.users[1].id, body), 403, "E0000082")
        self.factors["token:hardware"] = factor
        code = PassCode(passCode=yubikey.touch())
        assert good(await self.verify("token:hardware", code)).factor_result == "SUCCESS"
        refused(await self.verify("token:hardware", code), 403, "E0000082")
        used = await self.token("GET", None, f"/{first['id']}")
        assert used["status"] == "ACTIVE", used
        assert used["_links"]["deactivate"]["href"].endswith(factor.id), used
        refused(await self.client.get_yubikey_otp_token_by_id("ykkunknown"), 404, "E0000007")

    async def yubikeys(self):
        for serial in range(3):
            await self.token("POST", Yubikey(serial).seed())
        found, after = [], ""
        while after is not None:
            tokens, response = await self.token("GET", None, f"?sortBy=profile.serial&limit=2{after}", True)
            assert len(tokens) <= 2, tokens
            found += [token["profile"]["serial"] for token in tokens]
            cursor = next_page(response)
            after = cursor and f"&after={urllib.parse.quote(cursor)}"
        assert found == ["000000000000", "000000000001", "000000000002", "000007886622"], found
        [used] = await self.token("GET", None, "?expand=user&filter=" + urllib.parse.quote('status eq "ACTIVE"'))
        assert used["_embedded"]["user"]["id"] == self.id, used
        refused(await self.client.list_yubikey_otp_tokens(filter="aesKey pr"), 400, "E0000031")
        refused(await self.client.list_yubikey_otp_tokens(sort_by="aesKey"), 400, "E0000031")

    def upload(self, seed):
        return self.client.upload_yubikey_otp_token_seed(UploadYubikeyOtpTokenSeedRequest.from_dict(seed))

    async def token(self, method, body, rest="", with_response=False):
        """What the inventory tells, by the SDK's own requests: its calls take objects only in `profile`, where Okta has the
        serial number as text, and fail on every answer. Their model takes all the rest of it."""
        url = f"{self.context.origin}/api/v1/org/factors/yubikey_token/tokens{rest}"
        executor = self.client._request_executor
        request, error = await executor.create_request(method, url, body, {"Accept": "application/json"})
        assert error is None, error
        response, text, error = await executor.execute(request)
        assert error is None, error
        told = json.loads(text)
        for token in told if isinstance(told, list) else [told]:
            try:
                UserFactorYubikeyOtpToken.from_dict(token)
            except ValidationError as problem:
                assert {error["loc"] for error in problem.errors()} == {("profile", "serial")}, problem
            else:
                raise AssertionError("the SDK takes the answer by now: drive its own calls")
        return (told, response) if with_response else told

    async def push(self):
        device = Device(self.context, "push-api")
        factor = await self.enrol("push", UserFactorPush, None)
        assert factor.status == "PENDING_ACTIVATION", factor
        assert factor.embedded["activation"]["factorResult"] == "WAITING", factor
        base = f"{self.context.origin}/api/v1/users/{self.id}/factors/{factor.id}"

        async def send():
            headers = {"Authorization": f"SSWS {self.context.api_token}", "Content-Type": "application/json"}
            body = json.dumps({"profile": {"phoneNumber": DEVICE_PHONE}}).encode()
            request = urllib.request.Request(f"{base}/lifecycle/activate/sms", data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200

        _, address = await message_after(self.context, DEVICE_PHONE, send)
        await device.run("enroll", address)
        active = good(await self.client.get_factor(self.id, factor.id))
        assert active.status == "ACTIVE" and active.profile.name == "Terminal", active

        async def ask():
            asked = good(await self.verify("push"))
            assert asked.factor_result == "WAITING", asked
            return asked.links.poll.href.rsplit("/", 1)[1], asked.embedded.challenge.correct_answer

        async def result(transaction):
            return good(await self.client.get_factor_transaction_status(self.id, factor.id, transaction)).factor_result

        transaction, number = await ask()
        assert await result(transaction) == "WAITING"
        await device.run("approve", str(number))
        assert await result(transaction) == "SUCCESS"
        transaction, _ = await ask()
        await device.run("deny")
        # The SDK takes the link to the factor, which Okta's answer has, for a factor.
        headers = {"Authorization": f"SSWS {self.context.api_token}"}
        look = urllib.request.Request(f"{base}/transactions/{transaction}", headers=headers)
        with urllib.request.urlopen(look, timeout=30) as answer:
            assert json.load(answer)["factorResult"] == "REJECTED"
        transaction, _ = await ask()
        cancel = urllib.request.Request(
            f"{base}/transactions/{transaction}",
            method="DELETE",
            headers=headers,
        )
        with urllib.request.urlopen(cancel, timeout=30) as answer:
            assert answer.status == 204

    async def list_factors(self):
        factors = good(await self.client.list_factors(self.id))
        assert {one.id for one in factors} == {one.id for one in self.factors.values()}, factors
        for factor in factors:
            one = good(await self.client.get_factor(self.id, factor.id))
            assert one.factor_type == factor.factor_type and one.status == "ACTIVE", one

    async def factors_refused(self):
        refused(await self.client.get_factor(self.id, "unknown"), 404, "E0000007")
        refused(await self.client.list_factors("unknown"), 404, "E0000007")
        profile = UserFactorSecurityQuestionProfile(question="disliked_food", answer=ANSWER)
        again = UserFactorSecurityQuestion(factor_type="question", provider="OKTA", profile=profile)
        refused(await self.client.enroll_factor(self.id, again), 400, "E0000001")

    async def delete(self):
        for factor in self.factors.values():
            _, response, error = await self.client.unenroll_factor(self.id, factor.id)
            assert error is None and response.status_code == 204, error
        assert good(await self.client.list_factors(self.id)) == []

    async def log(self):
        events = good(await self.client.list_log_events(since=self.started, until=now(1), limit=1000))
        told = {event.event_type for event in events}
        wanted = {"user.lifecycle.create", "user.mfa.factor.activate", "user.mfa.factor.deactivate"}
        assert wanted <= told, told
        assert events[0].actor.alternate_id and events[0].outcome.result, events[0]
        assert good(await self.client.list_log_events(since=now(-120), until=now(-60))) == []
        # A query without `until` is a poll, which ends some seconds ago.
        created = 'eventType eq "user.lifecycle.create"'
        only = good(await self.client.list_log_events(since=self.started, until=now(1), filter=created))
        assert {event.event_type for event in only} == {"user.lifecycle.create"}, only
        refused(await self.client.list_log_events(since="yesterday"), 400, "E0000030")

    async def reset(self):
        profile = UserFactorSecurityQuestionProfile(question="disliked_food", answer=ANSWER)
        await self.enrol("question", UserFactorSecurityQuestion, profile)
        await self.client.reset_factors(self.id)
        assert good(await self.client.list_factors(self.id)) == []
        expired = good(await self.client.expire_password(self.id))
        assert expired.status == "PASSWORD_EXPIRED", expired

    async def strangers(self):
        stranger = Client({"orgUrl": self.context.origin, "token": "not-a-token"})
        refused(await stranger.get_user(self.id), 401, "E0000011")

    async def enrol(self, kind, model, profile, provider="OKTA"):
        body = model(factor_type=kind, provider=provider, profile=profile)
        self.factors[kind] = good(await self.client.enroll_factor(self.id, body))
        return self.factors[kind]

    async def activate(self, factor, code):
        """The activated factor; the SDK's model of the activation's own answer knows push only."""
        good(await self.client.activate_factor(self.id, factor.id, Activation(passCode=code)))
        active = good(await self.client.get_factor(self.id, factor.id))
        assert active.status == "ACTIVE", active
        return active

    def verify(self, kind, body=None):
        return self.client.verify_factor(self.id, self.factors[kind].id, body=body)


def post_json(url, document):
    """The status of the answer."""
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def good(answer):
    """What was asked for. The SDK returns its errors, and of an answer without a body the answer only."""
    assert answer[-1] is None, answer[-1]
    return answer[0]


def refused(answer, status, code):
    error = answer[-1]
    assert error is not None, f"it was accepted: {answer[0]}"
    assert getattr(error, "error_code", None) == code and error.status == status, f"another reason: {error}"
    return error


def next_page(response):
    """The cursor of the next page (RFC 8288)."""
    links = ",".join(value for name, value in response.headers.items() if name.lower() == "link")
    found = re.search(r'<([^>]*)>;\s*rel="next"', links)
    return urllib.parse.parse_qs(urllib.parse.urlsplit(found[1]).query)["after"][0] if found else None


def other(code):
    return "111111" if code == "000000" else "000000"


def now(minutes=0):
    instant = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def main():
    checks = Checks("okta")
    journey = Journey(load_context())
    for case, step in [
        ("users: create", journey.create),
        ("users: create, login taken", journey.create_refused),
        ("users: get by id and login", journey.get),
        ("users: list with paging, filter", journey.list),
        ("users: search, sorted", journey.sort),
        ("users: imported password hash", journey.imported),
        ("API tokens: list, get, revoke", journey.api_tokens),
        ("users: suspend, unsuspend, deactivate", journey.lifecycle),
        ("factors: catalog, questions", journey.catalog),
        ("factors: question", journey.question),
        ("factors: sms, enrol and activate", journey.sms),
        ("factors: sms, challenge and verify", journey.sms_challenge),
        ("factors: call", journey.call),
        ("factors: email", journey.email),
        ("factors: totp", journey.totp),
        ("factors: webauthn", journey.webauthn),
        ("factors: yubikey, imported, enrolled and verified", journey.yubikey),
        ("factors: yubikeys, list with paging, filter", journey.yubikeys),
        ("factors: push", journey.push),
        ("factors: list, get", journey.list_factors),
        ("factors: unknown, enrolled twice", journey.factors_refused),
        ("factors: delete", journey.delete),
        ("users: reset_factors, expire_password", journey.reset),
        ("log: since, until, filter", journey.log),
        ("another token", journey.strangers),
    ]:
        checks.check(case, step)


if __name__ == "__main__":
    main()
