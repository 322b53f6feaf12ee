//! The YubiKeys of the installation (Okta `/api/v1/org/factors/yubikey_token/tokens`).

use http::Method;
use serde_json::{Value, json};
use stepgate::{model::api_token::Access, store};

use crate::support::{
    Test, TestApp,
    api_token::assert_error,
    fixtures::{ALICE, BOB},
    http::{Response, ok},
    yubikey::Yubikey,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage: yubikeys_are_imported_listed_read_and_removed, pages_of_yubikeys_are_filtered_and_sorted;
        sqlite:
            sec_y07_only_administrators_with_the_right_see_and_change_yubikeys,
            the_secrets_of_yubikeys_are_sealed_and_never_shown,
            an_import_is_checked_and_takes_nothing_from_anybody,
            yubikeys_are_downloaded_as_csv,
            a_user_who_goes_leaves_the_yubikey_to_nobody,
    ]
}

const TOKENS: &str = "/api/v1/org/factors/yubikey_token/tokens";

fn next(page: &Response) -> Option<String> {
    let links = page.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
    let next = links.into_iter().find(|link| link.ends_with("rel=\"next\""))?;
    Some(next.split_once('>')?.0.trim_start_matches('<').to_owned())
}

fn serials(page: &Value) -> Vec<String> {
    let serial =
        |token: &Value| token["profile"]["serial"].as_str().unwrap().trim_start_matches('0').to_owned();
    page.as_array().unwrap().iter().map(serial).collect()
}

/// Okta's examples: 200 with `UNASSIGNED`, the serial number in 12 digits, links that say what can be done.
async fn yubikeys_are_imported_listed_read_and_removed(app: TestApp) {
    let manages = app.api_token(Access::Manage).await;
    let yubikey = Yubikey::new(7_886_622);
    let token = app.import(&yubikey, &manages).await;
    let id = token["id"].as_str().unwrap();
    assert!(id.starts_with("ykk") && id.len() == 20, "{id}");
    let path = format!("{TOKENS}/{id}");
    let own = json!({ "href": app.url(&path), "hints": { "allow": ["GET", "DELETE"] } });
    assert_eq!(
        token,
        json!({
            "id": id,
            "created": token["created"],
            "lastVerified": token["created"],
            "lastUpdated": token["created"],
            "status": "UNASSIGNED",
            "profile": { "serial": "000007886622" },
            "_links": { "self": own },
        })
    );
    assert_eq!(ok(&app.read(&path, &manages).await), token);
    assert_eq!(ok(&app.read(TOKENS, &manages).await), json!([token]));
    // Once more changes nothing.
    assert_eq!(app.import(&yubikey, &manages).await, token);
    assert_error(&app.read(&format!("{TOKENS}/ykkunknown"), &manages).await, 404, "E0000007");

    let alice = app.factors_of(ALICE).await;
    let mut yubikey = yubikey;
    assert_eq!(alice.enrol_yubikey(&yubikey.touch()).await.status, 200);
    let used = ok(&app.read(&path, &manages).await);
    assert_eq!(used["_links"]["self"]["hints"]["allow"], json!(["GET"]));
    let remove = || app.ssws(Method::DELETE, &path, &manages).send();
    assert_error(&remove().await, 403, "E0000102");
    assert_error(&app.post(TOKENS, &manages, &yubikey.seed()).await, 403, "E0000102");
    let expanded = ok(&app.read(&format!("{TOKENS}?expand=user"), &manages).await);
    assert_eq!(expanded[0]["_embedded"]["user"]["profile"]["login"], ALICE);
    assert!(used.get("_embedded").is_none());
    let deactivate = used["_links"]["deactivate"]["href"].as_str().unwrap();
    let deactivate = deactivate.strip_prefix(&app.issuer).unwrap();
    assert_eq!(app.ssws(Method::DELETE, deactivate, &manages).send().await.status, 204);
    let removed = remove().await;
    assert_eq!((removed.status, removed.body.len()), (204, 0));
    assert_error(&remove().await, 404, "E0000007");
    assert_eq!(ok(&app.read(TOKENS, &manages).await), json!([]));
}

/// Okta's query: `limit` and `after`, `filter`, `sortBy` and `sortOrder`.
async fn pages_of_yubikeys_are_filtered_and_sorted(app: TestApp) {
    let manages = app.api_token(Access::Manage).await;
    let mut yubikeys: Vec<Yubikey> = (1..=25).map(Yubikey::new).collect();
    for yubikey in &yubikeys {
        app.import(yubikey, &manages).await;
        app.clock.advance(60);
    }
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    assert_eq!(alice.enrol_yubikey(&yubikeys[8].touch()).await.status, 200);
    assert_eq!(bob.enrol_yubikey(&yubikeys[2].touch()).await.status, 200);
    let list = async |query: &str| ok(&app.read(&format!("{TOKENS}?{query}"), &manages).await);
    // Page by page, all of them once, in any order.
    for query in [
        "limit=7",
        "",
        "sortBy=status&limit=4",
        "sortBy=profile.email&sortOrder=DESC&limit=2",
        "sortBy=activated&limit=1",
    ] {
        let mut seen = Vec::new();
        let mut path = Some(app.url(&format!("{TOKENS}?{query}")));
        let mut pages = 0;
        while let Some(address) = path {
            let page = app.read(address.strip_prefix(&app.issuer).unwrap(), &manages).await;
            seen.extend(serials(&ok(&page)));
            path = next(&page);
            pages += 1;
        }
        assert!(pages > 1, "{query}: {pages}");
        let mut sorted: Vec<u32> = seen.iter().map(|serial| serial.parse().unwrap()).collect();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=25).collect::<Vec<u32>>(), "{query}: {seen:?}");
    }
    assert_eq!(list("").await.as_array().unwrap().len(), 20);
    assert_eq!(serials(&list("sortBy=profile.serial&limit=3").await), ["1", "2", "3"]);
    assert_eq!(serials(&list("sortBy=profile.serial&sortOrder=DESC&limit=2").await), ["25", "24"]);
    assert_eq!(serials(&list("sortBy=created&sortOrder=desc&limit=1").await), ["25"]);
    assert_eq!(serials(&list("sortBy=profile.email&limit=1").await), ["9"]);
    let found = async |filter: &str| {
        let encoded: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        serials(&list(&format!("sortBy=profile.serial&filter={encoded}")).await)
    };
    assert_eq!(found("profile.serial eq \"000000000012\"").await, ["12"]);
    assert_eq!(found("status eq \"ACTIVE\"").await, ["3", "9"]);
    assert_eq!(found(&format!("profile.email eq \"{ALICE}\"")).await, ["9"]);
    assert_eq!(found(&format!("user.id eq \"{}\" and status eq \"ACTIVE\"", bob.user.id)).await, ["3"]);
    let third = list("sortBy=profile.serial").await[2]["created"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("created lt \"{third}\"")).await, ["1", "2"]);
    assert_eq!(found("activated pr and status eq \"UNASSIGNED\"").await, [""; 0]);
    assert_eq!(found("activated pr").await, ["3", "9"]);
    for (query, code) in [
        ("limit=201", "E0000029"),
        ("limit=0", "E0000029"),
        ("after=x", "E0000029"),
        ("sortBy=aesKey", "E0000031"),
        ("sortBy=created&sortOrder=UP", "E0000031"),
        ("filter=aesKey%20pr", "E0000031"),
        ("filter=status%20sw%20%22A%22", "E0000031"),
        ("filter=status", "E0000031"),
        ("expand=factor", "E0000001"),
        ("forDownload=maybe", "E0000001"),
    ] {
        assert_error(&app.read(&format!("{TOKENS}?{query}"), &manages).await, 400, code);
    }
}

/// Y7: the rights of users and their factors; a token that reads changes nothing, and nobody else sees anything.
async fn sec_y07_only_administrators_with_the_right_see_and_change_yubikeys(app: TestApp) {
    let (reads, manages) = (app.api_token(Access::Read).await, app.api_token(Access::Manage).await);
    let id = app.import(&Yubikey::new(1), &manages).await["id"].as_str().unwrap().to_owned();
    let path = format!("{TOKENS}/{id}");
    assert_eq!(app.read(TOKENS, &reads).await.status, 200);
    assert_eq!(app.read(&path, &reads).await.status, 200);
    assert_error(&app.post(TOKENS, &reads, &Yubikey::new(2).seed()).await, 403, "E0000006");
    assert_error(&app.ssws(Method::DELETE, &path, &reads).send().await, 403, "E0000006");
    for path in [TOKENS, path.as_str()] {
        assert_error(&app.client().get(path).await, 401, "E0000011");
    }
    assert_eq!(ok(&app.read(TOKENS, &reads).await).as_array().unwrap().len(), 1);
}

/// ASVS 13.3: at rest they are sealed for their row; no answer and no event has them.
async fn the_secrets_of_yubikeys_are_sealed_and_never_shown(app: TestApp) {
    let manages = app.api_token(Access::Manage).await;
    let mut yubikey = Yubikey::new(9);
    let imported = app.post(TOKENS, &manages, &yubikey.seed()).await;
    let alice = app.factors_of(ALICE).await;
    let enrolled = alice.enrol_yubikey(&yubikey.touch()).await;
    let stored = store::yubikey_token::find_by_serial(&app.app.db, &yubikey.shown_serial()).await.unwrap();
    let stored = stored.unwrap();
    assert!(stored.secret.starts_with("v1."), "{}", stored.secret);
    let answers = [
        imported,
        enrolled,
        app.read(TOKENS, &manages).await,
        app.read(&format!("{TOKENS}?expand=user"), &manages).await,
        app.read(&format!("{TOKENS}?forDownload=true"), &manages).await,
        app.read("/api/v1/logs", &manages).await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        for secret in [yubikey.aes_key(), yubikey.private_id()] {
            assert!(!answer.text().to_lowercase().contains(&secret), "{}", answer.text());
        }
    }
}

/// What cannot be a YubiKey is refused with its member; nothing of a refused import is kept.
async fn an_import_is_checked_and_takes_nothing_from_anybody(app: TestApp) {
    let manages = app.api_token(Access::Manage).await;
    let good = Yubikey::new(10).seed();
    for (member, value) in [
        ("serialNumber", json!("")),
        ("serialNumber", json!(10)),
        ("serialNumber", json!("12x")),
        ("publicId", json!("ccccccijgib")),
        ("publicId", json!("aaaaaaaaaaaa")),
        ("privateId", json!("b74be616948")),
        ("privateId", json!("zzzzzzzzzzzz")),
        ("aesKey", json!("1fcc6d8ce39bf1604e0b17f3e0a1106")),
        ("aesKey", Value::Null),
    ] {
        let mut document = good.clone();
        document[member] = value;
        let refused = app.post(TOKENS, &manages, &document).await;
        assert_error(&refused, 400, "E0000001");
        assert!(refused.text().contains(member), "{}", refused.text());
    }
    assert_eq!(ok(&app.read(TOKENS, &manages).await), json!([]));
    app.import(&Yubikey::new(10), &manages).await;
    app.import(&Yubikey::new(11), &manages).await;
    // The serial number of one with the public id of another.
    let mut mixed = Yubikey::new(10).seed();
    mixed["publicId"] = Yubikey::new(11).public_id().into();
    assert_error(&app.post(TOKENS, &manages, &mixed).await, 400, "E0000001");
}

/// Okta `forDownload`: CSV (RFC 4180), a thousand at once.
async fn yubikeys_are_downloaded_as_csv(app: TestApp) {
    let manages = app.api_token(Access::Manage).await;
    let mut yubikeys: Vec<Yubikey> = (1..=30).map(Yubikey::new).collect();
    for yubikey in &yubikeys {
        app.import(yubikey, &manages).await;
    }
    let alice = app.factors_of(ALICE).await;
    assert_eq!(alice.enrol_yubikey(&yubikeys[0].touch()).await.status, 200);
    let file = app.read(&format!("{TOKENS}?forDownload=true&sortBy=profile.serial"), &manages).await;
    assert_eq!(file.status, 200, "{}", file.text());
    assert!(file.header("content-type").unwrap().starts_with("text/csv"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment"));
    let lines: Vec<&str> = file.text().split("\r\n").collect();
    assert_eq!(lines[0], "id,profile.serial,status,user.id,profile.email,created,activated,lastVerified");
    assert_eq!(lines.len(), 32);
    let first: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(first[1..5], ["000000000001", "ACTIVE", alice.user.id.as_str(), ALICE]);
    assert!(lines[2].contains(",000000000002,UNASSIGNED,,,"), "{}", lines[2]);
    let page = app.read(&format!("{TOKENS}?forDownload=true&limit=10"), &manages).await;
    assert!(next(&page).unwrap().contains("forDownload=true"));
    assert_error(
        &app.read(&format!("{TOKENS}?forDownload=true&limit=1001"), &manages).await,
        400,
        "E0000029",
    );
}

/// Whichever way the factor goes, with its user too, nobody has the YubiKey.
async fn a_user_who_goes_leaves_the_yubikey_to_nobody(app: TestApp) {
    let (alice, bob) = (app.factors_of(ALICE).await, app.factors_of(BOB).await);
    let mut yubikeys = [Yubikey::new(1), Yubikey::new(2)];
    alice.yubikey(&app, &mut yubikeys[0]).await;
    bob.yubikey(&app, &mut yubikeys[1]).await;
    assert_eq!(alice.post("/lifecycle/reset_factors", &json!({})).await.status, 200);
    assert_eq!(bob.post("/lifecycle/deactivate", &json!({})).await.status, 200);
    assert_eq!(bob.delete("").await.status, 204);
    let tokens = ok(&app.read(TOKENS, &alice.token).await);
    let statuses: Vec<&Value> = tokens.as_array().unwrap().iter().map(|token| &token["status"]).collect();
    assert_eq!(statuses, ["REVOKED", "REVOKED"]);
}
