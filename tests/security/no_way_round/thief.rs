//! Somebody who knows the password, looks over the owner's shoulder, and keeps what others throw away.

use http::Method;
use proptest::sample::Index;
use serde_json::{Value, json};
use stepgate::model::user::UserStatus;

use super::{Own, Play, Window};
use crate::support::{
    authn::path_of,
    fixtures::{BOB, PASSWORD},
    http::{Browser, Response},
};

/// The thief's own phone.
const PHONE: &str = "+15554169999";

impl Play<'_> {
    pub(super) fn may_guess(&mut self) -> bool {
        let may = self.guesses_left > 0;
        self.guesses_left = self.guesses_left.saturating_sub(1);
        may
    }

    /// With the password, if it is still that.
    async fn thief_types_password(&mut self) -> Option<Response> {
        let right = self.password.as_ref() == Some(&self.known_password);
        // Of somebody who may not sign in, every password is counted.
        let counts = !right || self.user().await.status == UserStatus::Suspended;
        if counts && !self.may_guess() {
            return None;
        }
        // Cookies are those of the page that is open: before the browser leaves for the client.
        let devices = [&self.thief, &self.owner].map(|window| self.device_of(&window.browser));
        let remembered = self.remembered && devices[0] == devices[1];
        let browser = &mut self.thief.browser;
        let page = Self::after_password(self.app, browser, &self.login, &self.known_password).await;
        if browser.url().as_str().contains("code=") {
            assert!(right, "with an old password");
            assert!(!self.policy.require_factor || remembered, "with the password alone");
            self.thief.proved = Some(vec!["pwd"]);
            return None;
        }
        Some(page)
    }

    pub(super) async fn thief_signs_in(&mut self) {
        self.thief_types_password().await;
    }

    /// S1, S2: on the pages, every way that is not offered, and every secret that is spent.
    pub(super) async fn thief_tries_pages(&mut self) {
        let Some(page) = self.thief_types_password().await else { return };
        if !self.is_guarded() || !page.body_contains("step-form") {
            return;
        }
        assert!(!page.body_contains("enroll-page"), "enrols past {:?}", self.factors);
        let form = page.form("step-form");
        let say = |fields: &[(&str, &str)]| {
            fields.iter().fold(form.clone(), |mut form, (name, value)| {
                form.fields.retain(|(known, _)| known != name);
                form.smuggle(name, value)
            })
        };
        let new = "Thief-Was-Here-77";
        let mut tries = vec![
            say(&[("kind", "okta_sms"), ("phoneNumber", PHONE), ("action", "enroll")]),
            say(&[("kind", "google_otp")]),
            say(&[
                ("kind", "okta_question"),
                ("question", "disliked_food"),
                ("answer", "anything"),
                ("action", "enroll"),
            ]),
            say(&[("action", "skip")]),
            say(&[("action", "activate"), ("passCode", "000000")]),
            say(&[("action", "answer"), ("answer", "anything")]),
            say(&[("action", "reset_password"), ("newPassword", new), ("repeatPassword", new)]),
            say(&[]),
        ];
        // Where a password is enough, whoever knows it may change it.
        if !page.body_contains("password-page") {
            let old = self.known_password.as_str();
            tries.push(say(&[
                ("action", "change_password"),
                ("oldPassword", old),
                ("newPassword", new),
                ("repeatPassword", new),
            ]));
        }
        let app_factor = self.factors.iter().any(|own| matches!(own, Own::App { .. }));
        if let (Some(seen), true) = (self.seen.last().cloned(), app_factor && self.may_guess()) {
            tries.push(say(&[("action", "verify"), ("passCode", &seen)]));
        }
        if let (Some(spent), true) = (self.spent_codes.last().cloned(), self.may_guess()) {
            tries.push(say(&[("action", "verify_backup_code"), ("code", &spent)]));
        }
        for form in tries {
            let answer = self.thief.browser.submit(&form).await;
            let inside = self.thief.browser.url().as_str().contains("code=");
            assert!(!inside, "{:?}: {}", form.fields, answer.words());
        }
    }

    /// S1: with the session that a password opened.
    pub(super) async fn thief_tries_session(&mut self) {
        let active = self.user().await.status == UserStatus::Active;
        let expected = if active && self.thief.proved.is_some() { 403 } else { 401 };
        if expected == 403 && !self.is_guarded() {
            // Whoever signed in with the password may enrol a first factor: nothing tells them apart.
            return;
        }
        let sms = json!({ "factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": PHONE } });
        let totp = json!({ "factorType": "token:software:totp", "provider": "OKTA" });
        let code = json!({ "passCode": "000000" });
        let mut tries: Vec<(Method, String, &Value)> = vec![
            (Method::POST, "/factors".to_owned(), &sms),
            (Method::POST, "/factors".to_owned(), &totp),
            (Method::POST, "/recovery_codes".to_owned(), &code),
            (Method::DELETE, "/recovery_codes".to_owned(), &code),
        ];
        for own in &self.factors {
            tries.push((Method::DELETE, format!("/factors/{}", own.id()), &code));
            tries.push((Method::POST, format!("/factors/{}/lifecycle/activate", own.id()), &code));
            tries.push((Method::POST, format!("/factors/{}/resend", own.id()), &code));
        }
        for (method, path, body) in tries {
            let refused = Self::me(&self.thief, self.app, (method, &path), body).await;
            assert_eq!(refused.status, expected, "{path}: {}", refused.text());
        }
        // S7: nobody plays the administrator.
        for path in ["reset_factors", "reset_password?sendEmail=false", "unlock", "suspend"] {
            let path = format!("/api/v1/users/{}/lifecycle/{path}", self.id);
            let name = format!("sid_{}", self.app.app.settings.port());
            let cookie =
                self.thief.browser.cookie(&name).map(|cookie| cookie.value.clone()).unwrap_or_default();
            let request =
                self.app.client().request(Method::POST, &path).header("cookie", &format!("{name}={cookie}"));
            let refused = request.header("origin", &self.app.issuer).json(&json!({})).send().await;
            assert!(matches!(refused.status, 401 | 403), "{path}: {}", refused.text());
        }
    }

    /// S1, S2 by the Authentication API.
    pub(super) async fn thief_tries_program(&mut self) {
        let right = self.password.as_ref() == Some(&self.known_password);
        let counts = !right || self.user().await.status == UserStatus::Suspended;
        if counts && !self.may_guess() {
            return;
        }
        let body = json!({ "username": self.login, "password": self.known_password });
        let begun = self.app.authn("", &body).await;
        if begun.status != 200 {
            assert_eq!(begun.status, 401, "{}", begun.text());
            return;
        }
        assert!(right, "with an old password");
        let state = begun.json();
        if !self.is_guarded() {
            return;
        }
        if !self.policy.require_factor {
            // S2: a token of one factor, and no more.
            return assert!(
                matches!(state["status"].as_str(), Some("SUCCESS" | "PASSWORD_EXPIRED")),
                "{state}"
            );
        }
        assert_eq!(state["status"], "MFA_REQUIRED", "{state}");
        let token = |more: Value| {
            let mut body = more;
            body["stateToken"] = state["stateToken"].clone();
            body
        };
        let new = "Thief-Was-Here-77";
        let mut tries = vec![
            (
                "/factors".to_owned(),
                json!({ "factorType": "sms", "provider": "OKTA", "profile": { "phoneNumber": PHONE } }),
            ),
            ("/factors".to_owned(), json!({ "factorType": "token:software:totp", "provider": "GOOGLE" })),
            ("/skip".to_owned(), json!({})),
            (
                "/credentials/change_password".to_owned(),
                json!({ "oldPassword": self.known_password, "newPassword": new }),
            ),
            ("/credentials/reset_password".to_owned(), json!({ "newPassword": new })),
            ("/recovery/answer".to_owned(), json!({ "answer": "anything" })),
        ];
        if let (Some(spent), true) = (self.spent_codes.last().cloned(), self.may_guess()) {
            tries.push(("/factors/recovery_code/verify".to_owned(), json!({ "passCode": spent })));
        }
        let listed = state["_embedded"]["factors"].as_array().unwrap();
        let app_factor = listed.iter().find(|factor| factor["factorType"] == "token:software:totp");
        if let (Some(factor), Some(seen), true) = (app_factor, self.seen.last().cloned(), self.may_guess()) {
            tries.push((path_of(&factor["_links"]["verify"]), json!({ "passCode": seen })));
        }
        for (path, body) in tries {
            let refused = self.app.authn(&path, &token(body)).await;
            assert_eq!(refused.status, 403, "{path}: {}", refused.text());
        }
    }

    /// S4: a link that was used, replaced or voided sets nothing, on the page and by the API, by "another way" or nothing at all.
    pub(super) async fn thief_replays_link(&mut self, nth: Index) {
        if self.spent_links.is_empty() {
            return;
        }
        let link = nth.get(&self.spent_links).clone();
        let token = link.split_once("token=").unwrap().1.to_owned();
        let refused = self.app.authn("/recovery/token", &json!({ "recoveryToken": token })).await;
        assert!(matches!(refused.status, 401 | 403), "{}", refused.text());
        let mut browser = Browser::new();
        let page = browser.open(&link).await;
        let form = page.form("step-form").smuggle("newPassword", "Thief-Was-Here-77").press("continue");
        let page = browser.submit(&form).await;
        assert!(page.status == 400 && page.body_contains("no longer works"), "{}", page.words());
    }

    /// S7, S8: the cookie of a session that is over opens nothing.
    pub(super) async fn thief_replays_session(&mut self, nth: Index) {
        if self.old_sessions.is_empty() {
            return;
        }
        let name = format!("sid_{}", self.app.app.settings.port());
        let cookie = nth.get(&self.old_sessions).clone();
        let mut browser = Browser::new();
        browser.open(&self.app.url("/")).await;
        browser.plant(&name, &cookie);
        let window = Window { browser, ..Window::new() };
        let refused = Self::me(&window, self.app, (Method::GET, "/factors"), &json!({})).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        let Window { mut browser, .. } = window;
        browser.open(&self.app.authorize_url(super::WEB, &[("prompt", "none")])).await;
        assert!(browser.url().as_str().contains("error=login_required"), "{}", browser.url());
    }

    fn device_of(&self, browser: &Browser) -> Option<String> {
        browser.cookie(&format!("dt_{}", self.app.app.settings.port())).map(|cookie| cookie.value.clone())
    }

    /// S9: with the owner's browser cookie the password opens what it opens there, and earns no level.
    pub(super) async fn thief_takes_device(&mut self) {
        self.owner.browser.open(&self.app.url("/")).await;
        self.thief.browser.open(&self.app.url("/")).await;
        if let Some(device) = self.device_of(&self.owner.browser) {
            self.thief.browser.plant(&format!("dt_{}", self.app.app.settings.port()), &device);
        }
    }

    /// S9: a browser that is remembered for one user is not for another.
    pub(super) async fn stranger_takes_device(&mut self) {
        self.owner.browser.open(&self.app.url("/")).await;
        let Some(device) = self.device_of(&self.owner.browser) else { return };
        let mut browser = Browser::new();
        browser.open(&self.app.url("/")).await;
        browser.plant(&format!("dt_{}", self.app.app.settings.port()), &device);
        let page = Self::after_password(self.app, &mut browser, BOB, PASSWORD).await;
        let inside = browser.url().as_str().contains("code=");
        assert_eq!(inside, !self.policy.require_factor, "{}", page.words());
    }
}
