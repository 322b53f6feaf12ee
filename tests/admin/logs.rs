//! Okta's System Log API.

use http::Method;
use serde_json::{Value, json};
use stepgate::{
    model::api_token::Access,
    syslog::{Caller, Event, EventType, query::SETTLES_AFTER},
    user::{
        administration::{self, Begins, NewUser, Rank},
        lifecycle::PasswordPresence,
    },
};
use time::Duration;

use crate::support::{
    Test, TestApp,
    fixtures::{ALICE, BOB, WEB},
    http::Response,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: polling_goes_on_where_it_stopped, whoever_polls_misses_no_event, events_are_filtered;
        sqlite: an_event_has_every_member_of_okta_s,
            the_event_of_a_creation_is_dated_when_it_is_written,
            wrong_queries_are_refused,
    ]
}

const LOGS: &str = "/api/v1/logs";
/// Seconds after which whoever polls is told of an event.
const SETTLED: i64 = SETTLES_AFTER.whole_seconds() + 1;

fn events(page: &Response) -> Vec<Value> {
    assert_eq!(page.status, 200, "{}", page.text());
    page.json().as_array().unwrap().clone()
}

fn link(page: &Response, relation: &str) -> Option<String> {
    let mut links = page.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
    let wanted = format!("rel=\"{relation}\"");
    let link = links.find(|link| link.ends_with(&wanted))?;
    let url = link.split_once('>').unwrap().0.trim_start_matches('<');
    Some(url.split_once("/api/").map(|(_, path)| format!("/api/{path}")).unwrap())
}

async fn suspend(app: &TestApp, token: &str, login: &str) {
    let done = app.post(&format!("/api/v1/users/{login}/lifecycle/suspend"), token, &json!({})).await;
    assert_eq!(done.status, 200, "{}", done.text());
}

async fn an_event_has_every_member_of_okta_s(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    app.tokens(WEB, "openid", ALICE).await;
    let path = format!("/api/v1/users/{BOB}/lifecycle/suspend");
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
    let done =
        app.ssws(Method::POST, &path, &token).header("user-agent", agent).json(&json!({})).send().await;
    let found = events(
        &app.read(
            &format!("{LOGS}?sortOrder=DESCENDING&filter=eventType+eq+%22user.lifecycle.suspend%22"),
            &token,
        )
        .await,
    );
    assert_eq!(found.len(), 1);
    let event = &found[0];
    let members = [
        "uuid",
        "published",
        "eventType",
        "version",
        "severity",
        "legacyEventType",
        "displayMessage",
        "actor",
        "client",
        "outcome",
        "target",
        "transaction",
        "debugContext",
        "authenticationContext",
        "securityContext",
        "request",
    ];
    let mut names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    let mut members = members.to_vec();
    names.sort_unstable();
    members.sort_unstable();
    assert_eq!(names, members);
    assert_eq!(event["version"], "0");
    assert_eq!(event["outcome"], json!({"result": "SUCCESS", "reason": null}));
    // The administrator did it, to Bob, by the token.
    assert_eq!(event["actor"]["alternateId"], "root@example.com");
    assert_eq!(event["actor"]["type"], "User");
    assert_eq!(event["target"][0]["alternateId"], BOB);
    assert!(event["transaction"]["detail"]["requestApiTokenId"].as_str().unwrap().starts_with("00T"));
    assert_eq!(event["transaction"]["id"], done.header("x-okta-request-id").unwrap());
    let user_agent = json!({"rawUserAgent": agent, "os": "Linux", "browser": "FIREFOX"});
    assert_eq!(event["client"]["userAgent"], user_agent);
    assert_eq!(event["client"]["ipAddress"], "127.0.0.1");
    assert_eq!(event["request"]["ipChain"][0]["ip"], "127.0.0.1");
    // A user who signs in does it to nobody else.
    let found = events(
        &app.read(
            &format!("{LOGS}?sortOrder=DESCENDING&filter=eventType+eq+%22user.session.start%22"),
            &token,
        )
        .await,
    );
    assert_eq!(found[0]["actor"]["alternateId"], ALICE);
    assert_eq!(found[0]["target"], Value::Null);
}

/// Okta: who polls gets a link to go on even when nothing has happened, and no event twice.
async fn polling_goes_on_where_it_stopped(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    for login in [ALICE, BOB] {
        suspend(&app, &token, login).await;
    }
    app.clock.advance(SETTLED);
    let mut path = format!("{LOGS}?limit=2");
    let mut seen = Vec::new();
    for _ in 0..20 {
        let page = app.read(&path, &token).await;
        let found = events(&page);
        seen.extend(found.iter().map(|event| event["uuid"].as_str().unwrap().to_owned()));
        path = link(&page, "next").expect("a poll always goes on");
        assert!(link(&page, "self").is_some());
        if found.is_empty() {
            break;
        }
    }
    let all = seen.len();
    assert!(all >= 4, "{seen:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "an event came twice");
    let unsuspended = format!("/api/v1/users/{BOB}/lifecycle/unsuspend");
    assert_eq!(app.post(&unsuspended, &token, &json!({})).await.status, 200);
    app.clock.advance(SETTLED);
    let page = events(&app.read(&path, &token).await);
    assert_eq!(page.len(), 1, "{page:?}");
    assert_eq!(page[0]["eventType"], "user.lifecycle.unsuspend");
    // What is bounded ends.
    let until = "2999-01-01T00:00:00.000Z";
    let bounded = app.read(&format!("{LOGS}?until={until}&since=2998-12-31T00:00:00.000Z"), &token).await;
    assert!(events(&bounded).is_empty() && link(&bounded, "next").is_none());
    let mut newest_first = Vec::new();
    let mut path = Some(format!("{LOGS}?sortOrder=DESCENDING&limit=1"));
    while let Some(next) = path {
        let page = app.read(&next, &token).await;
        newest_first
            .extend(events(&page).iter().map(|event| event["published"].as_str().unwrap().to_owned()));
        path = link(&page, "next");
    }
    assert!(newest_first.len() > all, "{newest_first:?}");
    assert!(newest_first.is_sorted_by(|a, b| a >= b), "{newest_first:?}");
}

/// A write that took longer than the one after it is told of as well, also to who has just begun.
async fn whoever_polls_misses_no_event(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    app.clock.advance(60);
    suspend(&app, &token, BOB).await;
    let first = app.read(LOGS, &token).await;
    let mut seen = events(&first);
    let tx = app.app.db.begin_write().await.unwrap();
    let (caller, before) = (Caller::system("test"), app.app.now() - Duration::seconds(5));
    let late = Event::new(EventType::AccountUnlock);
    late.insert(&tx, &caller, app.app.random.as_ref(), before).await.unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(SETTLED);
    seen.extend(events(&app.read(&link(&first, "next").unwrap(), &token).await));
    for kind in ["user.lifecycle.suspend", "user.account.unlock_by_admin"] {
        assert_eq!(seen.iter().filter(|event| event["eventType"] == kind).count(), 1, "{kind}: {seen:?}");
    }
}

/// Between the draft of a user and the user lies the hash of a password, or somebody who types one.
async fn the_event_of_a_creation_is_dated_when_it_is_written(app: TestApp) {
    let profile = json!({"firstName": "E", "lastName": "V", "email": "eve@example.com"});
    let new = NewUser {
        login: "eve@example.com".to_owned(),
        profile: profile.as_object().unwrap().clone(),
        password: PasswordPresence::Unset,
        begins: Begins::Activated,
        rank: Rank::User,
        groups: Vec::new(),
    };
    let draft = administration::draft(&app.app, new);
    app.clock.advance(3600);
    let written = app.app.now();
    let tx = app.app.db.begin_write().await.unwrap();
    administration::create(&app.app, &tx, draft, &Caller::system("test")).await.unwrap();
    tx.commit().await.unwrap();
    let since = time::OffsetDateTime::UNIX_EPOCH;
    let events = stepgate::store::log_event::list(&app.app.db, since, 1000).await.unwrap();
    let of_user = |kind: &str| kind == "user.lifecycle.create" || kind == "user.lifecycle.activate";
    let at: Vec<_> =
        events.iter().filter(|(_, event)| of_user(&event.event_type)).map(|(at, _)| *at).collect();
    assert_eq!(at.len(), 2);
    assert!(at.iter().all(|at| written - *at < Duration::SECOND), "{at:?}");
}

async fn events_are_filtered(app: TestApp) {
    let token = app.api_token(Access::Manage).await;
    suspend(&app, &token, BOB).await;
    let admin = app.admin().await;
    let bob = app.read(&format!("/api/v1/users/{BOB}"), &token).await.json();
    let bob = bob["id"].as_str().unwrap();
    let found = async |query: &str| {
        events(&app.read(&format!("{LOGS}?sortOrder=DESCENDING&{query}"), &token).await).len()
    };
    assert_eq!(found(&format!("filter=target.id+eq+%22{bob}%22")).await, 1);
    assert_eq!(found(&format!("filter=actor.id+eq+%22{}%22+and+severity+eq+%22INFO%22", admin.id)).await, 1);
    assert_eq!(found("filter=outcome.result+eq+%22FAILURE%22").await, 0);
    assert_eq!(
        found("filter=actor.id+eq+%22SystemPrincipal%22+and+eventType+sw+%22system.api_token%22").await,
        1
    );
    assert_eq!(found("filter=client.ipAddress+eq+%22127.0.0.1%22+and+eventType+co+%22suspend%22").await, 1);
    assert_eq!(found("filter=eventType+eq+%22nothing%22").await, 0);
    assert_eq!(found("q=SUSPEND+bob@example.com").await, 1);
    assert_eq!(found("q=suspend+nobody").await, 0);
    let reads = app.api_token(Access::Read).await;
    assert_eq!(app.read(LOGS, &reads).await.status, 200);
}

async fn wrong_queries_are_refused(app: TestApp) {
    let token = app.api_token(Access::Read).await;
    // Okta: a page of nothing.
    let none = app.read(&format!("{LOGS}?limit=0&sortOrder=DESCENDING"), &token).await;
    assert_eq!((none.status, none.json()), (200, json!([])));
    let next = link(&app.read(LOGS, &token).await, "next").unwrap();
    assert_eq!(app.read(&next, &token).await.status, 200);
    for (query, code) in [
        ("since=yesterday".to_owned(), "E0000030"),
        ("since=0001-01-01".to_owned(), "E0000030"),
        ("since=2000-01-01T00:00:00Z".to_owned(), "E0000053"),
        ("since=2030-01-01T00:00:00Z&until=2029-01-01T00:00:00Z".to_owned(), "E0000053"),
        ("limit=1001".to_owned(), "E0000029"),
        ("after=x".to_owned(), "E0000029"),
        ("sortOrder=UP".to_owned(), "E0000001"),
        ("filter=nonsense".to_owned(), "E0000053"),
        ("filter=secret+eq+%22x%22".to_owned(), "E0000053"),
        (format!("q={}", "x".repeat(41)), "E0000053"),
        (format!("q={}", "x+".repeat(11)), "E0000053"),
    ] {
        let refused = app.read(&format!("{LOGS}?{query}"), &token).await;
        assert_eq!((refused.status, &refused.json()["errorCode"]), (400, &json!(code)), "{query}");
    }
    let both = next.replace("?", "?since=2026-01-01T00:00:00Z&");
    assert_eq!(app.read(&both, &token).await.json()["errorCode"], "E0000063");
}
