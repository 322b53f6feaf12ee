//! Who gets which tokens and what is in them: access policies, assignment, custom claims (Okta; OpenID Connect Core §5).

use serde_json::{Value, json};
use stepgate::{
    app::Settings,
    id::{AuthorizationServerId, ClaimId, ClientId, GroupId, PolicyId, RuleId, UserId},
    model::{
        Status,
        authorization_server::{
            AccessPolicy, AccessRule, Claim, ClaimType, ClaimValue, GroupFilter, PeopleCondition,
            PolicyClients, RuleConditions, TokenLifetimes,
        },
        client::Assignment,
    },
    store,
    user::login::LoginKey,
};

use crate::support::{
    Test, TestApp,
    app::Change,
    fixtures::{ALICE, BOB, OTHER, SERVICE, WEB},
    http::{Browser, Response},
    op::{answer, claims, code_form},
};

pub(crate) fn trials() -> Vec<Test> {
    trials![storage:
        a_rule_decides_the_lifetimes,
        groups_decide_by_membership;
    sqlite:
        the_configured_lifetimes_count_where_there_is_no_policy,
        a_grant_type_that_no_rule_lists_is_denied,
        a_scope_that_no_rule_lists_is_denied,
        a_user_that_no_rule_includes_is_denied,
        the_first_policy_of_the_client_decides_alone,
        a_changed_policy_does_not_touch_what_was_granted,
        only_assigned_users_enter,
        static_claims_go_where_they_are_sent,
        attributes_become_claims_and_absent_ones_do_not,
        always_include_brings_an_identity_claim_into_every_id_token,
        a_claim_may_need_a_scope,
        groups_claims_carry_what_passes_the_filter,
        the_org_server_tells_groups_by_scope,
        more_than_a_hundred_groups_are_an_error,
        custom_claims_never_replace_those_of_the_protocol,
    ]
}

fn server() -> AuthorizationServerId {
    AuthorizationServerId::new("default")
}

async fn user_id(app: &TestApp, login: &str) -> UserId {
    let key = LoginKey::normalize(login).unwrap();
    store::user::find_by_login(&app.app.db, key.as_str()).await.unwrap().unwrap().id
}

fn rule(app: &TestApp, priority: i32, conditions: RuleConditions, access_minutes: u32) -> AccessRule {
    let lifetimes =
        TokenLifetimes { access_token_lifetime_minutes: access_minutes, ..TokenLifetimes::default() };
    AccessRule {
        id: RuleId::generate(app.app.random.as_ref()),
        name: format!("rule {priority}"),
        priority,
        status: Status::Active,
        conditions,
        lifetimes,
    }
}

async fn put_policy(app: &TestApp, priority: i32, clients: PolicyClients, rules: Vec<AccessRule>) {
    let policy = AccessPolicy {
        id: PolicyId::generate(app.app.random.as_ref()),
        name: format!("policy {priority}"),
        priority,
        status: Status::Active,
        clients,
        rules,
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_policy(&tx, &server(), &policy).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

fn only(client: &str) -> PolicyClients {
    PolicyClients::Only(vec![ClientId::new(client)])
}

fn grants(list: &[&str]) -> RuleConditions {
    RuleConditions { grant_types: texts(list), ..RuleConditions::default() }
}

fn scopes(list: &[&str]) -> RuleConditions {
    RuleConditions { scopes: texts(list), ..RuleConditions::default() }
}

fn people(people: PeopleCondition) -> RuleConditions {
    RuleConditions { people, ..RuleConditions::default() }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

/// Makes groups and puts the user into exactly these.
async fn join(app: &TestApp, login: &str, names: &[String]) -> Vec<GroupId> {
    let user = user_id(app, login).await;
    let tx = app.app.db.begin_write().await.unwrap();
    let mut ids = Vec::new();
    for name in names {
        let id = match store::group::find_by_name_in(&tx, name).await.unwrap() {
            Some(id) => id,
            None => {
                let id = GroupId::generate(app.app.random.as_ref());
                store::group::insert(&tx, &id, name, None, app.app.now()).await.unwrap();
                id
            }
        };
        ids.push(id);
    }
    store::group::set_memberships(&tx, &user, &ids).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

/// A custom claim for every request.
fn claim(name: &str, claim_type: ClaimType, value: ClaimValue) -> Claim {
    Claim {
        id: ClaimId::new(format!("ocl{name}{claim_type:?}")),
        name: name.to_owned(),
        claim_type,
        value,
        always_include: false,
        scopes: Vec::new(),
        status: Status::Active,
    }
}

async fn put_claims(app: &TestApp, claims: &[Claim]) {
    let tx = app.app.db.begin_write().await.unwrap();
    for claim in claims {
        store::server::upsert_claim(&tx, &server(), claim).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

/// What three places say about a user: ID token, access token, userinfo.
struct Told {
    id_token: Value,
    access_token: Value,
    userinfo: Value,
}

async fn told(app: &TestApp, scope: &str, login: &str) -> Told {
    let tokens = app.tokens(WEB, scope, login).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    Told {
        id_token: claims(tokens["id_token"].as_str().unwrap()),
        access_token: claims(access_token),
        userinfo: app.userinfo(access_token).await.json(),
    }
}

/// Signs in and says what the client is told; nothing was issued.
async fn denied_at_authorize(app: &TestApp, client: &str, scope: &str, login: &str) -> String {
    let mut browser = Browser::new();
    app.sign_in(&mut browser, &app.authorize_url(client, &[("scope", scope)]), login).await;
    let answer = answer(&browser);
    assert!(!answer.contains_key("code"), "{answer:?}");
    assert_eq!(answer["state"], "a-state");
    assert_eq!(answer["iss"], app.url("/oauth2/default"));
    answer["error"].clone()
}

#[track_caller]
fn assert_denied(response: &Response) {
    assert_eq!(
        (response.status, response.json()["error"].as_str()),
        (400, Some("access_denied")),
        "{}",
        response.text()
    );
}

async fn machine(app: &TestApp, scope: &str) -> Response {
    app.token(SERVICE, &[("grant_type", "client_credentials"), ("scope", scope)]).await
}

/// The first matching rule gives the lifetimes to the whole grant, refreshes included.
async fn a_rule_decides_the_lifetimes(app: TestApp) {
    let rules = vec![
        rule(&app, 1, grants(&["client_credentials"]), 5),
        rule(&app, 2, grants(&["authorization_code"]), 120),
    ];
    put_policy(&app, 1, PolicyClients::All, rules).await;
    let tokens = machine(&app, "api").await.json();
    assert_eq!(tokens["expires_in"], 300);
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    assert_eq!(tokens["expires_in"], 7200);
    let token = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap(), 7200);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(refreshed["expires_in"], 7200);
    app.clock.advance(7201);
    assert_eq!(app.introspect(refreshed["access_token"].as_str().unwrap()).await["active"], false);
}

/// An authorization server without any policy allows what is enabled, with the lifetimes of the installation.
async fn the_configured_lifetimes_count_where_there_is_no_policy(app: TestApp) {
    assert_eq!(machine(&app, "api").await.json()["expires_in"], 3600);
    let shorten = |settings: &mut Settings| {
        settings.token_lifetimes = TokenLifetimes {
            access_token_lifetime_minutes: 10,
            refresh_token_lifetime_minutes: 30,
            refresh_token_window_minutes: 20,
        };
    };
    let app = app.restart(Change { settings: Some(shorten), ..Change::default() }).await;
    assert_eq!(machine(&app, "api").await.json()["expires_in"], 600);
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    assert_eq!(tokens["expires_in"], 600);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let left = app.introspect(refresh_token).await["exp"].as_i64().unwrap() - app.app.now().unix_timestamp();
    assert!((1140..=1200).contains(&left), "{left}");
    app.clock.advance(1201);
    assert_eq!(app.refresh(WEB, refresh_token).await.json()["error"], "invalid_grant");
}

/// Okta: no rule, no token; at the token endpoint that is 400 `access_denied`.
async fn a_grant_type_that_no_rule_lists_is_denied(app: TestApp) {
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, grants(&["authorization_code"]), 60)]).await;
    assert_denied(&machine(&app, "api").await);
    app.tokens(WEB, "openid", ALICE).await;
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, grants(&["client_credentials"]), 60)]).await;
    assert_eq!(machine(&app, "api").await.status, 200);
    assert_eq!(denied_at_authorize(&app, WEB, "openid", ALICE).await, "access_denied");
    // A policy without rules lets nobody in.
    put_policy(&app, 1, PolicyClients::All, Vec::new()).await;
    assert_denied(&machine(&app, "api").await);
}

/// All custom scopes must be listed; those of OpenID Connect need not be.
async fn a_scope_that_no_rule_lists_is_denied(app: TestApp) {
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, scopes(&["api"]), 60)]).await;
    assert_eq!(machine(&app, "api").await.status, 200);
    assert_denied(&machine(&app, "car:drive").await);
    assert_denied(&machine(&app, "api car:drive").await);
    app.tokens(WEB, "openid profile offline_access api", ALICE).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid car:drive", ALICE).await, "access_denied");
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, scopes(&["*"]), 60)]).await;
    assert_eq!(machine(&app, "api car:drive").await.status, 200);
}

/// Users are included and excluded by name; machines are nobody, so conditions on people do not concern them.
async fn a_user_that_no_rule_includes_is_denied(app: TestApp) {
    let alice = user_id(&app, ALICE).await;
    let included = PeopleCondition { users: vec![alice.clone()], ..PeopleCondition::default() };
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, people(included), 60)]).await;
    app.tokens(WEB, "openid", ALICE).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", BOB).await, "access_denied");
    assert_eq!(machine(&app, "api").await.status, 200);
    let excluded = PeopleCondition { exclude_users: vec![alice], ..PeopleCondition::default() };
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, people(excluded), 60)]).await;
    app.tokens(WEB, "openid", BOB).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", ALICE).await, "access_denied");
}

/// Groups include and exclude, `EVERYONE` means all; exclusion wins.
async fn groups_decide_by_membership(app: TestApp) {
    let groups = join(&app, ALICE, &texts(&["Engineers", "Contractors"])).await;
    let engineers = vec![groups[0].clone()];
    join(&app, BOB, &[]).await;
    let included = PeopleCondition { groups: engineers.clone(), ..PeopleCondition::default() };
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, people(included), 60)]).await;
    app.tokens(WEB, "openid", ALICE).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", BOB).await, "access_denied");
    let excluded = PeopleCondition {
        groups: engineers,
        exclude_groups: vec![groups[1].clone()],
        ..PeopleCondition::default()
    };
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, people(excluded), 60)]).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", ALICE).await, "access_denied");
    let everyone = PeopleCondition { groups: vec![GroupId::new("EVERYONE")], ..PeopleCondition::default() };
    put_policy(&app, 1, PolicyClients::All, vec![rule(&app, 1, people(everyone), 60)]).await;
    app.tokens(WEB, "openid", BOB).await;
}

/// Okta: the first policy that speaks about the client is the only one; there is no falling through.
async fn the_first_policy_of_the_client_decides_alone(app: TestApp) {
    put_policy(&app, 1, only(OTHER), vec![rule(&app, 1, grants(&["client_credentials"]), 5)]).await;
    put_policy(&app, 2, only(SERVICE), vec![rule(&app, 1, scopes(&["api"]), 10)]).await;
    put_policy(&app, 3, PolicyClients::All, vec![rule(&app, 1, RuleConditions::default(), 15)]).await;
    assert_eq!(machine(&app, "api").await.json()["expires_in"], 600);
    assert_denied(&machine(&app, "car:drive").await);
    assert_eq!(app.tokens(WEB, "openid car:drive", ALICE).await["expires_in"], 900);
    assert_eq!(denied_at_authorize(&app, OTHER, "openid", ALICE).await, "access_denied");
}

/// Policy is asked once per grant, when it is made.
async fn a_changed_policy_does_not_touch_what_was_granted(app: TestApp) {
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let code = app.code(WEB, "openid", ALICE).await;
    put_policy(&app, 1, only(OTHER), Vec::new()).await;
    assert_eq!(app.redeem(WEB, &code).await.status, 200);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!((refreshed.status, &refreshed.json()["expires_in"]), (200, &json!(3600)));
    assert_eq!(denied_at_authorize(&app, WEB, "openid", ALICE).await, "access_denied");
}

/// A client may be for some users and groups only; others are told `access_denied`.
async fn only_assigned_users_enter(app: TestApp) {
    let groups = join(&app, BOB, &texts(&["Buyers"])).await;
    let assign = async |assignment: Option<Assignment>| {
        let tx = app.app.db.begin_write().await.unwrap();
        let mut client = store::client::find_in(&tx, &ClientId::new(WEB)).await.unwrap().unwrap();
        client.assignment = assignment;
        store::client::update(&tx, &client).await.unwrap();
        tx.commit().await.unwrap();
        app.app.forget_configuration();
    };
    let alice = user_id(&app, ALICE).await;
    assign(Some(Assignment { users: vec![alice], groups: vec![] })).await;
    app.tokens(WEB, "openid", ALICE).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", BOB).await, "access_denied");
    assign(Some(Assignment { users: vec![], groups })).await;
    app.tokens(WEB, "openid", BOB).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", ALICE).await, "access_denied");
    assert!(app.logged("app.oauth2.as.authorize", None).await);
    assign(Some(Assignment::default())).await;
    assert_eq!(denied_at_authorize(&app, WEB, "openid", BOB).await, "access_denied");
    assign(None).await;
    app.tokens(WEB, "openid", ALICE).await;
}

/// `RESOURCE` claims go into access tokens, `IDENTITY` claims to userinfo and into ID tokens that come alone.
async fn static_claims_go_where_they_are_sent(app: TestApp) {
    let value = |value| ClaimValue::Static(value);
    let mut off = claim("off", ClaimType::Resource, value(json!(1)));
    off.status = Status::Inactive;
    put_claims(
        &app,
        &[
            claim("tier", ClaimType::Resource, value(json!({"level": 2, "names": ["a", "b"]}))),
            claim("plan", ClaimType::Identity, value(json!("gold"))),
            off,
        ],
    )
    .await;
    let told = told(&app, "openid", ALICE).await;
    assert_eq!(told.access_token["tier"], json!({"level": 2, "names": ["a", "b"]}));
    assert_eq!(told.userinfo["plan"], "gold");
    for (place, absent) in [
        (&told.access_token, "plan"),
        (&told.id_token, "plan"),
        (&told.id_token, "tier"),
        (&told.userinfo, "tier"),
        (&told.access_token, "off"),
    ] {
        assert!(place.get(absent).is_none(), "{absent} in {place}");
    }
    // A machine has the server's own claims, too; introspection shows them.
    let token = machine(&app, "api").await.json();
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["tier"]["level"], 2);
    assert_eq!(app.introspect(token).await["tier"]["level"], 2);
}

/// A claim without a value is left out, never null (OpenID Connect Core §5.3.2).
async fn attributes_become_claims_and_absent_ones_do_not(app: TestApp) {
    let attribute = |name: &str| ClaimValue::Attribute(name.to_owned());
    put_claims(
        &app,
        &[
            claim("dept", ClaimType::Resource, attribute("department")),
            claim("dept", ClaimType::Identity, attribute("department")),
            claim("login_name", ClaimType::Resource, attribute("login")),
            claim("secret_answer", ClaimType::Resource, attribute("noSuchAttribute")),
        ],
    )
    .await;
    let alice = told(&app, "openid", ALICE).await;
    assert_eq!(alice.access_token["dept"], "Research");
    assert_eq!(alice.userinfo["dept"], "Research");
    assert_eq!(alice.access_token["login_name"], ALICE);
    assert!(alice.access_token.get("secret_answer").is_none());
    let bob = told(&app, "openid", BOB).await;
    assert!(bob.access_token.get("dept").is_none() && bob.userinfo.get("dept").is_none());
    assert_eq!(bob.access_token["login_name"], BOB);
    // A machine has no attributes.
    let token = machine(&app, "api").await.json();
    let token = claims(token["access_token"].as_str().unwrap());
    assert!(token.get("dept").is_none() && token.get("login_name").is_none());
}

/// Okta's `alwaysIncludeInToken`: also in ID tokens beside an access token, and again after a refresh.
async fn always_include_brings_an_identity_claim_into_every_id_token(app: TestApp) {
    let mut always = claim("plan", ClaimType::Identity, ClaimValue::Static(json!("gold")));
    always.always_include = true;
    put_claims(&app, &[always]).await;
    let told = told(&app, "openid", ALICE).await;
    assert_eq!((&told.id_token["plan"], &told.userinfo["plan"]), (&json!("gold"), &json!("gold")));
    assert!(told.access_token.get("plan").is_none());
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(claims(refreshed["id_token"].as_str().unwrap())["plan"], "gold");
}

/// A claim with scopes needs one of them.
async fn a_claim_may_need_a_scope(app: TestApp) {
    let scoped = |claim_type| Claim {
        scopes: texts(&["car:drive", "car:paint"]),
        ..claim("licence", claim_type, ClaimValue::Static(json!("B")))
    };
    put_claims(&app, &[scoped(ClaimType::Resource), scoped(ClaimType::Identity)]).await;
    let with = told(&app, "openid car:drive", ALICE).await;
    assert_eq!((&with.access_token["licence"], &with.userinfo["licence"]), (&json!("B"), &json!("B")));
    let without = told(&app, "openid profile", ALICE).await;
    assert!(without.access_token.get("licence").is_none() && without.userinfo.get("licence").is_none());
    // A refresh that narrows the scope narrows the claims.
    let tokens = app.tokens(WEB, "openid offline_access car:drive", ALICE).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("scope", "openid"),
    ];
    let narrow = app.token(WEB, &form).await.json();
    assert!(claims(narrow["access_token"].as_str().unwrap()).get("licence").is_none());
}

/// Names are compared without regard to case, except by regular expression, which matches the whole name.
async fn groups_claims_carry_what_passes_the_filter(app: TestApp) {
    join(&app, ALICE, &texts(&["Admins", "Eng Backend", "eng frontend", "Sales"])).await;
    join(&app, BOB, &texts(&["Sales"])).await;
    let groups = |name: &str, filter, value: &str| {
        claim(name, ClaimType::Resource, ClaimValue::Groups { filter, value: value.to_owned() })
    };
    put_claims(
        &app,
        &[
            groups("starts", GroupFilter::StartsWith, "ENG"),
            groups("equals", GroupFilter::Equals, "admins"),
            groups("contains", GroupFilter::Contains, "end"),
            groups("regex", GroupFilter::Regex, "[A-Z].*"),
            groups("part", GroupFilter::Regex, "ale"),
        ],
    )
    .await;
    let alice = told(&app, "openid", ALICE).await.access_token;
    assert_eq!(sorted(&alice["starts"]), ["Eng Backend", "eng frontend"]);
    assert_eq!(sorted(&alice["equals"]), ["Admins"]);
    assert_eq!(sorted(&alice["contains"]), ["Eng Backend", "eng frontend"]);
    assert_eq!(sorted(&alice["regex"]), ["Admins", "Eng Backend", "Sales"]);
    assert!(alice.get("part").is_none());
    let bob = told(&app, "openid", BOB).await.access_token;
    assert!(bob.get("starts").is_none() && bob.get("equals").is_none());
    assert_eq!(sorted(&bob["regex"]), ["Sales"]);
}

fn sorted(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Okta: the scope `groups` is built into the org server; elsewhere it takes a custom claim.
async fn the_org_server_tells_groups_by_scope(app: TestApp) {
    join(&app, ALICE, &texts(&["Admins", "Sales"])).await;
    let userinfo = async |scope: &str| {
        let code = app.code_in(&mut Browser::new(), "org", WEB, &[("scope", scope)], ALICE).await;
        let form = code_form(&code);
        let tokens = app.token_at("org", WEB, &form).await.json();
        let request = app.client().request(http::Method::GET, "/oauth2/v1/userinfo");
        request.bearer(tokens["access_token"].as_str().unwrap()).send().await.json()
    };
    assert_eq!(sorted(&userinfo("openid groups").await["groups"]), ["Admins", "Sales"]);
    assert!(userinfo("openid").await.get("groups").is_none());
}

/// Okta: no token rather than one without some groups; 400 `server_error`. What would have bought it is not spent.
async fn more_than_a_hundred_groups_are_an_error(app: TestApp) {
    let names: Vec<String> = (0..101).map(|number| format!("group {number:03}")).collect();
    let value = ClaimValue::Groups { filter: GroupFilter::StartsWith, value: "group".to_owned() };
    put_claims(&app, &[claim("groups", ClaimType::Resource, value)]).await;
    join(&app, ALICE, &names).await;
    let code = app.code(WEB, "openid", ALICE).await;
    let refused = app.redeem(WEB, &code).await;
    assert_eq!((refused.status, refused.json()["error"].as_str()), (400, Some("server_error")));
    join(&app, ALICE, &names[..100]).await;
    let tokens = app.redeem(WEB, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let groups = &claims(tokens.json()["access_token"].as_str().unwrap())["groups"];
    assert_eq!(groups.as_array().unwrap().len(), 100);
}

/// What a protocol defines means the same in every token.
async fn custom_claims_never_replace_those_of_the_protocol(app: TestApp) {
    let evil = || ClaimValue::Static(json!("evil"));
    let names = ["iss", "aud", "exp", "jti", "cid", "uid", "scp", "nonce", "amr", "auth_time", "at_hash"];
    let mut all = Vec::new();
    for name in names {
        all.push(claim(name, ClaimType::Resource, evil()));
        let mut identity = claim(name, ClaimType::Identity, evil());
        identity.always_include = true;
        all.push(identity);
    }
    put_claims(&app, &all).await;
    let told = told(&app, "openid", ALICE).await;
    for place in [&told.id_token, &told.access_token, &told.userinfo] {
        assert!(!place.to_string().contains("evil"), "{place}");
    }
}
