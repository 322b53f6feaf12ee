//! The owner, who knows the password, has the factors and reads the mail.

use http::Method;
use proptest::sample::Index;
use serde_json::json;
use stepgate::{
    factor::service,
    model::{
        factor::{FactorClass, FactorKind, FactorStatus},
        session::VerifiedFactor,
        user::UserStatus,
    },
};

use super::{Issuer, Own, Play, Window};
use crate::support::http::Response;

impl Play<'_> {
    /// Signs in on the pages with whatever is asked for.
    pub(super) async fn owner_signs_in(&mut self, remember: bool) {
        let Some(password) = self.password.clone() else { return };
        let was_suspended = self.user().await.status == UserStatus::Suspended;
        if was_suspended && !self.may_guess() {
            return;
        }
        let page = Self::after_password(self.app, &mut self.owner.browser, &self.login, &password).await;
        if was_suspended {
            assert!(page.body_contains("login-page"), "{}", page.words());
            return;
        }
        self.owner_goes_on(page, remember).await;
    }

    /// Does what the pages ask for, up to the client.
    async fn owner_goes_on(&mut self, mut page: Response, remember: bool) {
        let mut methods = vec!["pwd"];
        let (mut sent, mut wished) = (false, false);
        // As it stood when the sign-in began: a password that is changed in it ends what is remembered.
        let asked = self.policy.require_factor && !self.remembered;
        for _ in 0..8 {
            if self.owner.browser.url().as_str().contains("code=") {
                assert!(!asked || methods.len() > 1, "the policy wants a factor: {methods:?}");
                self.owner.proved = Some(methods);
                // At the end of the sign-in, also where the password was changed in it.
                self.remembered |= wished;
                return;
            }
            let form = page.form("step-form");
            let browser = &mut self.owner.browser;
            page = if page.body_contains("factor-choice-page") {
                sent = matches!(self.factors[0], Own::Phone { .. });
                browser.submit(&form.press(self.factors[0].id())).await
            } else if page.body_contains("Send me a code") && page.body_contains("factor-page") {
                sent = true;
                browser.submit(&form.press("send")).await
            } else if page.body_contains("factor-page") {
                let code = match &self.factors[0] {
                    Own::App { seed, .. } if !sent => {
                        methods.push("google_otp");
                        self.app.totp(seed)
                    }
                    _ => {
                        methods.push("sms");
                        self.app.mailbox().code_for(&self.phone).await
                    }
                };
                self.seen.push(code.clone());
                let may_remember = page.body_contains("rememberDevice");
                let form = if remember && may_remember {
                    wished = true;
                    form.choose("rememberDevice", "true")
                } else {
                    form
                };
                browser.submit(&form.fill("passCode", &code).press("verify")).await
            } else if page.body_contains("enroll-page") {
                // S1, S2: nothing is enrolled past what there is.
                assert!(self.factors.is_empty(), "{:?}", self.factors);
                browser.submit(&form.press("google_otp")).await
            } else if page.body_contains("activate-page") {
                let shown =
                    page.text().split("id=\"shared-secret\"").nth(1).and_then(|rest| rest.split('>').nth(1));
                let seed: String =
                    shown.unwrap().chars().take_while(|c| *c != '<').filter(|c| !c.is_whitespace()).collect();
                methods.push("google_otp");
                let code = self.app.totp(&seed);
                let page = browser.submit(&form.fill("passCode", &code).press("activate")).await;
                let id = self.stored(FactorKind::TotpGoogle).await;
                self.factors.push(Own::App { id, seed });
                page
            } else if page.body_contains("password-page") {
                page = self.set_password(page, "change_password").await;
                continue;
            } else {
                panic!("{}: {}", self.owner.browser.url(), page.words());
            };
        }
        panic!("the sign-in does not end: {}", page.words());
    }

    /// The id of an active factor as stored.
    async fn stored(&self, kind: FactorKind) -> String {
        let factors = service::list(&self.app.app, &self.id).await.unwrap();
        let factor =
            factors.iter().find(|factor| factor.kind == kind && factor.status == FactorStatus::Active);
        factor.unwrap_or_else(|| panic!("no {kind:?}: {factors:?}")).id.to_string()
    }

    /// S10: weak passwords are refused; then a good one is set.
    async fn set_password(&mut self, mut page: Response, action: &str) -> Response {
        let old = self.password.clone().unwrap_or_default();
        for weak in ["Short-1", "Password123", self.login.as_str()] {
            let form = page.form("step-form").fill("newPassword", weak).fill("repeatPassword", weak);
            let form = if action == "change_password" { form.fill("oldPassword", &old) } else { form };
            page = self.owner.browser.submit(&form.press(action)).await;
            assert!(page.status == 400 && page.body_contains("password-page"), "{weak}: {}", page.words());
        }
        let new = self.fresh_password();
        let form = page.form("step-form").fill("newPassword", &new).fill("repeatPassword", &new);
        let form = if action == "change_password" { form.fill("oldPassword", &old) } else { form };
        let page = self.owner.browser.submit(&form.press(action)).await;
        self.password_was_set();
        page
    }

    /// S6: a code in place of a factor works once, and says what it was.
    pub(super) async fn owner_signs_in_by_code(&mut self) {
        let (Some(password), Some(code)) = (self.password.clone(), self.codes.pop()) else { return };
        if self.user().await.status != UserStatus::Active {
            return self.codes.push(code);
        }
        let page = Self::after_password(self.app, &mut self.owner.browser, &self.login, &password).await;
        if !page.body_contains("backup_code") {
            self.codes.push(code);
            return self.owner_goes_on(page, false).await;
        }
        let browser = &mut self.owner.browser;
        let page = browser.submit(&page.form("step-form").press("backup_code")).await;
        let form = page.form("step-form").fill("code", &code.text).press("verify_backup_code");
        let page = browser.submit(&form).await;
        assert!(browser.url().as_str().contains("code="), "{}", page.words());
        self.spent_codes.push(code.text);
        self.owner.proved = Some(vec!["pwd", "otp"]);
    }

    /// S1: with the session that proved a factor, or a fresh one where there is none.
    pub(super) async fn owner_enrols_phone(&mut self) {
        if self.factors.iter().any(|own| matches!(own, Own::Phone { .. })) {
            return;
        }
        let body =
            json!({ "factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": self.phone } });
        let begun = Self::me(&self.owner, self.app, (Method::POST, "/factors"), &body).await;
        match self.may_change_factors().await {
            Some(true) => assert_eq!(begun.status, 200, "{}", begun.text()),
            Some(false) => return assert_eq!(begun.status, 403, "{}", begun.text()),
            None => return assert_eq!(begun.status, 401, "{}", begun.text()),
        }
        let id = begun.json()["id"].as_str().unwrap().to_owned();
        let code = self.app.mailbox().code_for(&self.phone).await;
        let path = format!("/factors/{id}/lifecycle/activate");
        let activated =
            Self::me(&self.owner, self.app, (Method::POST, &path), &json!({ "passCode": code })).await;
        assert_eq!(activated.status, 200, "{}", activated.text());
        self.factors.push(Own::Phone { id });
    }

    /// Whether the session of the owner's browser may change factors; absent: there is none.
    async fn may_change_factors(&mut self) -> Option<bool> {
        self.owner.proved.as_ref()?;
        if self.user().await.status != UserStatus::Active {
            return None;
        }
        let guarded = self.is_guarded();
        let session = self.app.session(&mut self.owner.browser).await?;
        if guarded {
            let lately = self.app.app.now() - time::Duration::minutes(15);
            let shown = |proof: &VerifiedFactor| proof.is_of(FactorClass::Possession) && proof.at >= lately;
            return Some(self.owner.has_proved_possession() && session.factors.iter().any(shown));
        }
        Some(self.app.app.now() - session.auth_time <= time::Duration::minutes(5))
    }

    pub(super) async fn owner_removes_factor(&mut self, nth: Index) {
        if self.factors.is_empty() {
            return;
        }
        let nth = nth.index(self.factors.len());
        let path = format!("/factors/{}", self.factors[nth].id());
        let removed = Self::me(&self.owner, self.app, (Method::DELETE, &path), &json!({})).await;
        match self.may_change_factors().await {
            Some(true) => {
                // The last factor that the sign-in takes stays.
                if self.policy.require_factor && self.factors.len() == 1 {
                    return assert_eq!(removed.status, 403, "{}", removed.text());
                }
                assert_eq!(removed.status, 204, "{}", removed.text());
                // S9: what was won by it goes with it.
                let gone = match self.factors.remove(nth) {
                    Own::App { .. } => "google_otp",
                    Own::Phone { .. } => "sms",
                };
                self.owner.proved.iter_mut().for_each(|proved| proved.retain(|method| *method != gone));
                // S6: the codes that stand in for a factor go with the last one.
                if self.factors.is_empty() {
                    self.codes_were_issued(Issuer::Owner, std::iter::empty());
                }
            }
            Some(false) => assert_eq!(removed.status, 403, "{}", removed.text()),
            None => assert_eq!(removed.status, 401, "{}", removed.text()),
        }
    }

    /// S6: new codes end the old ones.
    pub(super) async fn owner_makes_codes(&mut self) {
        let made = Self::me(&self.owner, self.app, (Method::POST, "/recovery_codes"), &json!({})).await;
        match self.may_change_factors().await {
            Some(true) if self.is_guarded() => {
                assert_eq!(made.status, 200, "{}", made.text());
                let codes = made.json()["codes"].as_array().unwrap().clone();
                let two = codes.iter().take(2).map(|code| code.as_str().unwrap().to_owned());
                self.codes_were_issued(Issuer::Owner, two);
            }
            Some(true) => assert_eq!(made.status, 423, "{}", made.text()),
            Some(false) => assert_eq!(made.status, 403, "{}", made.text()),
            None => assert_eq!(made.status, 401, "{}", made.text()),
        }
    }

    /// Asks for a mail; the older link is no more.
    pub(super) async fn owner_forgets(&mut self) {
        let mails = self.app.mailbox().all(&self.login).await.len();
        let browser = &mut Window::new().browser;
        let page = browser.open(&self.app.authorize_url(super::WEB, &[])).await;
        let page = browser.follow(&page, "Forgot your password?").await;
        let form = page.form("step-form").fill("identifier", &self.login).press("recover");
        let page = browser.submit(&form).await;
        assert!(page.body_contains("recovery-sent-page"), "{}", page.words());
        if self.app.mailbox().all(&self.login).await.len() > mails {
            self.link_arrived().await;
        }
    }

    /// S4: a newer link ends the older one.
    pub(super) async fn link_arrived(&mut self) {
        let link = self.app.mailbox().link_for(&self.login).await;
        assert!(link.starts_with(&self.app.issuer), "{link}");
        self.spent_links.extend(self.link.replace(link));
    }

    /// S3, S5, S8, S10: looking uses nothing up; then the link sets a good password and opens no session.
    pub(super) async fn owner_follows_link(&mut self) {
        let Some(link) = self.link.clone() else { return };
        if self.user().await.status == UserStatus::Suspended {
            return;
        }
        let path = link.strip_prefix(&self.app.issuer).unwrap();
        for method in [Method::HEAD, Method::GET, Method::GET] {
            self.app.client().request(method, path).send().await;
        }
        let page = self.owner.browser.open(&link).await;
        let page = self.owner.browser.submit(&page.form("step-form").press("continue")).await;
        assert!(page.body_contains("password-page"), "{}", page.words());
        let done = self.set_password(page, "reset_password").await;
        assert!(done.body_contains("recovery-done-page"), "{}", done.words());
    }
}
