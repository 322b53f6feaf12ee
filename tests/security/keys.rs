//! Group V: signing keys and the JWK Set (OpenID Connect Core §10.1.1, RFC 7517), and what is sealed at rest.

use std::{collections::BTreeSet, sync::Arc};

use http::Method;
use keys::{Algorithm, KeyState, Limits, MasterKey, Timing, VerifyingKey};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use stepgate::{
    app::{App, Ports, Settings},
    cache::memory::MemoryCounter,
    id::AuthorizationServerId,
    limit::rate::Rates,
    model::Status,
    model::authorization_server::{
        AccessPolicy, AccessRule, PolicyClients, RuleConditions, ServerSettings, TokenLifetimes,
    },
    ports::{fetch::FakeFetch, random::SystemRandom},
    setup::{self, Purpose, SetupError},
    signing_key,
    store::{self, Database, db::DatabaseSettings, signing_key::StoredKey},
    user::credentials::{PasswordHasher, PasswordHashing},
};
use time::{Duration, OffsetDateTime};

use crate::support::{
    Test, TestApp,
    app::Node,
    fixtures::{self, ALICE, MACHINE, REDIRECT_URI, SECRET, WEB},
    http::{Client, Response},
    op::claims,
};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        storage:
            sec_v01_a_key_is_published_before_it_signs_and_after_it_signed,
            sec_v01_keys_of_an_algorithm_that_is_used_no_more_leave_after_their_last_token,
            sec_v03_two_nodes_that_rotate_at_once_leave_one_active_key,
            sec_v03_two_nodes_that_begin_at_once_make_one_key,
            sec_v04_a_revoked_key_leaves_at_once_and_its_tokens_are_refused,
            sec_v06_a_wrong_master_key_refuses_to_start;
        sqlite:
            sec_v01_the_jwk_set_is_never_cached_beyond_the_next_change,
            sec_v01_a_late_job_still_publishes_before_it_activates,
            sec_v01_a_rotation_on_demand_waits_until_the_key_is_known,
            sec_v02_every_token_verifies_on_every_node_before_it_expires,
            sec_v03_the_database_refuses_a_second_active_or_next_key,
            sec_v04_an_unknown_key_is_not_revoked,
            sec_v04_a_revoked_successor_never_signs,
            sec_v05_the_jwk_set_holds_public_signing_keys_only,
            sec_k06_each_authorization_server_has_its_own_keys,
            sec_v06_an_altered_proof_refuses_to_start,
            sec_v06_sealed_keys_without_the_proof_refuse_to_start,
            sec_v06_private_keys_are_sealed_in_the_database,
            sec_z02_swapped_ciphertexts_do_not_open,
            sec_v07_each_client_gets_its_algorithm,
            oidc_k2_every_token_names_its_key,
    ]
}

const DAY: i64 = 86_400;
const SERVERS: [&str; 2] = ["org", "default"];
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

fn server(id: &str) -> AuthorizationServerId {
    AuthorizationServerId::new(id)
}

async fn ring(app: &App, id: &str, algorithm: Algorithm) -> Vec<StoredKey> {
    let keys = store::signing_key::list(&app.db, &server(id)).await.unwrap();
    keys.into_iter().filter(|key| key.record.algorithm == algorithm).collect()
}

async fn kid(app: &App, state: KeyState) -> Option<String> {
    let ring = ring(app, "default", Algorithm::Rs256).await;
    ring.into_iter().find(|key| key.record.state == state).map(|key| key.record.kid)
}

/// The keys of the published set.
async fn published(app: &TestApp, id: &str) -> Vec<Value> {
    let response = app.client().get(&format!("{}/v1/keys", crate::support::op::base(id))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["keys"].as_array().unwrap().clone()
}

async fn kids(app: &TestApp) -> BTreeSet<String> {
    let keys = published(app, "default").await;
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn header(token: &str) -> Value {
    let token = keys::parse(token, &Limits::default()).unwrap();
    json!({"kid": token.header().kid(), "alg": token.header().alg()})
}

fn kid_of(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

/// Verifies as a resource server does that has fetched this set (RFC 7517 §5).
fn verifies(token: &str, set: &[Value]) -> bool {
    let parsed = keys::parse(token, &Limits::default()).unwrap();
    let kid = parsed.header().kid().unwrap();
    let Some(jwk) = set.iter().find(|jwk| jwk["kid"] == kid) else { return false };
    let algorithm: Algorithm = jwk["alg"].as_str().unwrap().parse().unwrap();
    VerifyingKey::from_jwk(jwk, algorithm).unwrap().verify(&parsed).is_ok()
}

async fn machine_token(app: &TestApp) -> String {
    let response = app.token(MACHINE, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await;
    response.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", response.text())).to_owned()
}

async fn is_active(app: &TestApp, token: &str) -> bool {
    app.introspect(token).await["active"] == true
}

/// The job at a moment that is so far ahead.
async fn job_after(app: &TestApp, seconds: i64) -> bool {
    app.clock.advance(seconds);
    setup::maintain_keys(&app.app).await.unwrap()
}

/// NEXT (published, not used) → ACTIVE → RETIRED (published) → gone; RETIRED for the longest token lifetime and the skew.
async fn sec_v01_a_key_is_published_before_it_signs_and_after_it_signed(app: TestApp) {
    let first = kid(&app.app, KeyState::Active).await.unwrap();
    assert_eq!(kid_of(&machine_token(&app).await), first);
    assert_eq!(kid(&app.app, KeyState::Next).await, None);
    assert!(!job_after(&app, 44 * DAY).await, "nothing is due before half of the life of a key");

    assert!(job_after(&app, 2 * DAY).await);
    let second = kid(&app.app, KeyState::Next).await.unwrap();
    assert_ne!(second, first);
    assert!(kids(&app).await.is_superset(&BTreeSet::from([first.clone(), second.clone()])));
    assert_eq!(kid_of(&machine_token(&app).await), first, "published, not used");
    assert!(!job_after(&app, 43 * DAY).await);
    let old = machine_token(&app).await;
    assert_eq!(kid_of(&old), first);

    assert!(job_after(&app, 2 * DAY).await);
    assert_eq!(kid(&app.app, KeyState::Active).await.unwrap(), second);
    assert_eq!(kid(&app.app, KeyState::Retired).await.unwrap(), first);
    let new = machine_token(&app).await;
    assert_eq!(kid_of(&new), second);
    assert!(kids(&app).await.contains(&first), "retired, still published");
    assert!(verifies(&new, &published(&app, "default").await));

    // The longest lifetime is a day, the skew a minute.
    assert!(!job_after(&app, DAY + 50).await);
    assert!(kids(&app).await.contains(&first));
    assert!(job_after(&app, 80).await);
    assert!(!kids(&app).await.contains(&first));
    assert_eq!(kid(&app.app, KeyState::Retired).await, None);
    assert!(app.logged("app.oauth2.as.key.rollover", None).await);
    assert!(app.logged("app.oauth2.key.rollover", None).await);
}

/// RETIRED ≥ the longest token lifetime and the skew, also where nothing succeeds a key: the algorithm was taken out of
/// the configuration. Then it is gone, and does not verify for ever.
async fn sec_v01_keys_of_an_algorithm_that_is_used_no_more_leave_after_their_last_token(app: TestApp) {
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "id_token_signed_response_alg": "ES256",
    });
    fixtures::client(&app.app, WEB, metadata, Some(SECRET)).await;
    let id_token = async || {
        let tokens = app.tokens(WEB, "openid", ALICE).await;
        tokens["id_token"].as_str().unwrap().to_owned()
    };
    assert!(job_after(&app, 46 * DAY).await, "there is a successor");
    let es256 = async || ring(&app.app, "default", Algorithm::Es256).await;
    let signed = id_token().await;
    let kid = kid_of(&signed);
    let next = es256().await.into_iter().find(|key| key.record.state == KeyState::Next).unwrap().record.kid;
    assert!(kids(&app).await.is_superset(&BTreeSet::from([kid.clone(), next.clone()])));

    sign_with(&app, &[Algorithm::Rs256]).await;
    assert!(job_after(&app, 0).await);
    assert!(!job_after(&app, 0).await, "it is done once");
    let set = kids(&app).await;
    assert!(set.contains(&kid) && !set.contains(&next), "what never signed leaves at once: {set:?}");
    assert!(verifies(&signed, &published(&app, "default").await) && is_active(&app, &signed).await);
    assert_eq!(header(&id_token().await)["alg"], "RS256", "nothing is signed with it any more");

    // The longest lifetime is a day, the skew a minute.
    assert!(!job_after(&app, DAY + 50).await);
    assert!(kids(&app).await.contains(&kid));
    assert!(job_after(&app, 20).await);
    assert!(!kids(&app).await.contains(&kid) && es256().await.is_empty());
    let algorithms: BTreeSet<String> =
        published(&app, "default").await.iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(algorithms, BTreeSet::from(["RS256".to_owned()]));

    // Configured again it begins anew.
    sign_with(&app, &ALGORITHMS).await;
    assert!(job_after(&app, 0).await);
    let anew = id_token().await;
    assert!(header(&anew)["alg"] == "ES256" && ![kid, next].contains(&kid_of(&anew)));
    assert!(verifies(&anew, &published(&app, "default").await));
}

fn max_age(response: &Response) -> i64 {
    let value = response.header("cache-control").unwrap();
    value.strip_prefix("max-age=").unwrap().split(',').next().unwrap().parse().unwrap()
}

/// Whoever keeps a copy as long as allowed has every key when it begins to sign.
async fn sec_v01_the_jwk_set_is_never_cached_beyond_the_next_change(app: TestApp) {
    let client = app.client();
    let get = || client.get("/oauth2/default/v1/keys");
    assert_eq!(max_age(&get().await), 3600, "nothing is due for long");
    // The next change is the publication of a successor, 45 days after the first key of the set began to sign.
    let keys = store::signing_key::list(&app.app.db, &DEFAULT).await.unwrap();
    let since = keys.iter().filter_map(|key| key.record.activated_at).min().unwrap();
    let due = since + Duration::days(45);
    app.clock.advance((due - app.app.now()).whole_seconds() - 600);
    let left = max_age(&get().await);
    assert!((570..=600).contains(&left), "{left}");
    assert!(job_after(&app, 660).await);
    assert_eq!(max_age(&get().await), 3600);
    // Late: the change is due now.
    app.clock.advance(46 * DAY);
    assert_eq!(max_age(&get().await), 1);
}

/// An installation that slept through the date of publication and of activation does not do both at once.
async fn sec_v01_a_late_job_still_publishes_before_it_activates(app: TestApp) {
    let first = kid(&app.app, KeyState::Active).await.unwrap();
    app.clock.advance(400 * DAY);
    let copy = published(&app, "default").await;
    assert!(job_after(&app, 0).await);
    for _ in 0..2 {
        assert!(!job_after(&app, 1790).await);
        let token = machine_token(&app).await;
        assert!(kid_of(&token) == first && verifies(&token, &copy));
    }
    // Beyond the hour of the caches, the skew: another node may notice the key late.
    assert!(job_after(&app, 90).await);
    assert_ne!(kid_of(&machine_token(&app).await), first);
}

/// On demand the new key is published at once and signs when no cached copy can lack it; ordered twice is ordered once.
async fn sec_v01_a_rotation_on_demand_waits_until_the_key_is_known(app: TestApp) {
    let first = kid(&app.app, KeyState::Active).await.unwrap();
    let rotate = || signing_key::rotate(&app.app, &DEFAULT, Algorithm::Rs256, Timing::AfterPublication);
    assert!(rotate().await.unwrap());
    assert!(!rotate().await.unwrap());
    app.app.forget_configuration();
    let next = kid(&app.app, KeyState::Next).await.unwrap();
    assert!(kids(&app).await.contains(&next));
    assert!(!job_after(&app, 3590).await);
    assert_eq!(kid_of(&machine_token(&app).await), first);
    assert!(job_after(&app, 80).await);
    assert_eq!(kid_of(&machine_token(&app).await), next);
    assert!(kids(&app).await.contains(&first));
    // In haste it signs at once, and the old one stays published all the same.
    assert!(signing_key::rotate(&app.app, &DEFAULT, Algorithm::Rs256, Timing::Now).await.unwrap());
    app.app.forget_configuration();
    let hasty = kid_of(&machine_token(&app).await);
    assert!(hasty != next && kids(&app).await.is_superset(&BTreeSet::from([hasty, next, first])));
}

static DEFAULT: std::sync::LazyLock<AuthorizationServerId> = std::sync::LazyLock::new(|| server("default"));

/// What happens to an installation.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes.
    Pass(i64),
    /// The job runs on a node.
    Job(usize),
    /// An administrator rotates on a node.
    Rotate(usize),
    /// A token is issued by a node.
    Issue(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = prop_oneof![
        Just(1_i64),
        Just(600),
        Just(3599),
        Just(3601),
        Just(DAY / 2),
        Just(DAY),
        Just(DAY + 61),
        Just(20 * DAY),
        Just(46 * DAY)
    ];
    let step = prop_oneof![
        4 => seconds.prop_map(Step::Pass),
        3 => (0_usize..2).prop_map(Step::Job),
        1 => (0_usize..2).prop_map(Step::Rotate),
        4 => (0_usize..2).prop_map(Step::Issue),
    ];
    proptest::collection::vec(step, 60)
}

/// Of every token, at every moment before its `exp`, the key is in the set that every node publishes, and at issue in
/// every copy of the set that may still be cached, however late the job runs and whichever node rotates. Tokens live as
/// long as they may, a day.
async fn sec_v02_every_token_verifies_on_every_node_before_it_expires(app: TestApp) {
    let node = app.second_node().await;
    give_tokens_a_day(&app).await;
    sign_with(&app, &[Algorithm::Es256]).await;
    let apps = [Arc::clone(&app.app), Arc::clone(&node.app)];
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut issued: Vec<(String, i64)> = Vec::new();
    let mut copies: Vec<(Vec<Value>, OffsetDateTime)> = Vec::new();
    let there = format!("http://{}", node.address);
    let (mut checked, mut cached) = (0, 0);
    let mut signers = BTreeSet::new();
    for case in 0..4 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        for (n, step) in steps.iter().enumerate() {
            match *step {
                Step::Pass(seconds) => {
                    app.clock.advance(seconds);
                    // The poll: a node learns within a second of what the other one changed.
                    for app in &apps {
                        app.forget_configuration();
                    }
                }
                Step::Job(at) => {
                    setup::maintain_keys(&apps[at]).await.unwrap();
                }
                Step::Rotate(at) => {
                    let timing = Timing::AfterPublication;
                    signing_key::rotate(&apps[at], &DEFAULT, Algorithm::Es256, timing).await.unwrap();
                    apps[at].forget_configuration();
                }
                Step::Issue(at) => {
                    let token = if at == 0 { machine_token(&app).await } else { token_at(&app, &node).await };
                    signers.insert(kid_of(&token));
                    let exp = claims(&token)["exp"].as_i64().unwrap();
                    assert!(exp - app.app.now().unix_timestamp() > DAY - 60, "a token lives a day");
                    for (copy, _) in copies.iter().filter(|(_, until)| *until > app.app.now()) {
                        assert!(verifies(&token, copy), "case {case}, step {n} of {steps:?}: a cached copy");
                        cached += 1;
                    }
                    issued.push((token, exp));
                }
            }
            let now = app.app.now();
            issued.retain(|(_, exp)| *exp > now.unix_timestamp());
            copies.retain(|(_, until)| *until > now);
            let answers = [published_by(&app, &app.issuer).await, published_by(&app, &there).await];
            let sets = answers.each_ref().map(|answer| answer.json()["keys"].as_array().unwrap().clone());
            for (set, answer) in sets.iter().zip(&answers) {
                copies.push((set.clone(), now + Duration::seconds(max_age(answer))));
            }
            for (token, _) in &issued {
                for set in &sets {
                    assert!(verifies(token, set), "case {case}, step {n} of {steps:?}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 200 && cached > 50 && signers.len() > 4, "{checked}, {cached}, {} keys", signers.len());
}

/// Configures the algorithms of both servers; keys of new ones are made by the job.
async fn sign_with(app: &TestApp, algorithms: &[Algorithm]) {
    let tx = app.app.db.begin_write().await.unwrap();
    for id in SERVERS {
        let mut changed = store::server::find_in(&tx, &server(id)).await.unwrap().unwrap().server;
        changed.settings = ServerSettings { signing_algorithms: algorithms.to_vec(), ..changed.settings };
        store::server::update(&tx, &changed).await.unwrap();
    }
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

async fn give_tokens_a_day(app: &TestApp) {
    let random = app.app.random.as_ref();
    let policy = AccessPolicy {
        id: stepgate::id::PolicyId::generate(random),
        name: "long".to_owned(),
        priority: 1,
        status: Status::Active,
        clients: PolicyClients::All,
        rules: vec![AccessRule {
            id: stepgate::id::RuleId::generate(random),
            name: "everything".to_owned(),
            priority: 1,
            status: Status::Active,
            conditions: RuleConditions::default(),
            lifetimes: TokenLifetimes { access_token_lifetime_minutes: 1440, ..TokenLifetimes::default() },
        }],
    };
    let tx = app.app.db.begin_write().await.unwrap();
    store::server::upsert_policy(&tx, &DEFAULT, &policy).await.unwrap();
    tx.commit().await.unwrap();
    app.app.forget_configuration();
}

async fn token_at(app: &TestApp, node: &Node) -> String {
    let response = Client::new(&format!("http://{}", node.address))
        .request(Method::POST, "/oauth2/default/v1/token")
        .header("host", app.app.settings.authority())
        .basic(MACHINE, SECRET)
        .form(&[("grant_type", "client_credentials"), ("scope", "car:drive")])
        .send()
        .await;
    response.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", response.text())).to_owned()
}

async fn published_at(app: &TestApp, node: &Node) -> Vec<Value> {
    let answer = published_by(app, &format!("http://{}", node.address)).await;
    answer.json()["keys"].as_array().unwrap().clone()
}

/// The published set as the node at this address answers it.
async fn published_by(app: &TestApp, base: &str) -> Response {
    let request = Client::new(base).request(Method::GET, "/oauth2/default/v1/keys");
    request.header("host", app.app.settings.authority()).send().await
}

/// One active key a ring, and one successor at most, whoever wins.
async fn assert_one_of_each(app: &App, algorithms: &[Algorithm]) {
    for id in SERVERS {
        for &algorithm in algorithms {
            let ring = ring(app, id, algorithm).await;
            let count = |state| ring.iter().filter(|key| key.record.state == state).count();
            assert_eq!(count(KeyState::Active), 1, "{id} {algorithm:?}: {ring:?}");
            assert!(count(KeyState::Next) <= 1, "{id} {algorithm:?}: {ring:?}");
        }
    }
}

/// Two processes on one database, really at once, through the whole life of several keys.
async fn sec_v03_two_nodes_that_rotate_at_once_leave_one_active_key(app: TestApp) {
    let node = app.second_node().await;
    // Keys that are made fast, so that both nodes come to the point together.
    sign_with(&app, &[Algorithm::Es256]).await;
    let mut rotations = BTreeSet::new();
    for round in 0..8 {
        app.clock.advance(46 * DAY);
        let job = |app: &Arc<App>| {
            let app = Arc::clone(app);
            tokio::spawn(async move { setup::maintain_keys(&app).await })
        };
        let (here, there) = (job(&app.app), job(&node.app));
        let (here, there) = (here.await.unwrap().unwrap(), there.await.unwrap().unwrap());
        assert!(here || there, "{round}: something was due");
        assert_one_of_each(&app.app, &[Algorithm::Es256]).await;
        // The two of them together did what one would have done.
        assert!(!setup::maintain_keys(&app.app).await.unwrap(), "{round}");
        for app in [&app.app, &node.app] {
            app.forget_configuration();
        }
        let token = token_at(&app, &node).await;
        rotations.insert(kid_of(&token));
        assert!(verifies(&token, &published(&app, "default").await));
    }
    assert!(rotations.len() >= 4, "{rotations:?}");
    // The same in haste: each order is carried out, one after the other.
    let rotate = |app: &Arc<App>| {
        let app = Arc::clone(app);
        tokio::spawn(async move { signing_key::rotate(&app, &DEFAULT, Algorithm::Es256, Timing::Now).await })
    };
    let orders = [rotate(&app.app), rotate(&node.app), rotate(&app.app), rotate(&node.app)];
    for order in orders {
        order.await.unwrap().unwrap();
    }
    assert_one_of_each(&app.app, &[Algorithm::Es256]).await;
}

/// A new algorithm on two nodes: whoever is first makes the key, the other one takes it.
async fn sec_v03_two_nodes_that_begin_at_once_make_one_key(app: TestApp) {
    let node = app.second_node().await;
    let begin = |app: &Arc<App>| {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            signing_key::maintain(&app, &DEFAULT, &[Algorithm::EdDsa, Algorithm::Es384]).await
        })
    };
    let (here, there) = (begin(&app.app), begin(&node.app));
    let (here, there) = (here.await.unwrap().unwrap(), there.await.unwrap().unwrap());
    assert!(here || there);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es384] {
        let ring = ring(&app.app, "default", algorithm).await;
        assert_eq!(ring.len(), 1, "{ring:?}");
        assert_eq!(ring[0].record.state, KeyState::Active);
    }
}

/// Should the code ever be wrong, the unique indexes still hold.
async fn sec_v03_the_database_refuses_a_second_active_or_next_key(app: TestApp) {
    let now = app.app.now();
    for state in [KeyState::Active, KeyState::Next] {
        let mut outcomes = Vec::new();
        for n in 0..2 {
            let mut key = ring(&app.app, "default", Algorithm::Es256).await.remove(0);
            key.record.kid = format!("{state:?}{n}");
            key.record.state = state;
            key.record.created_at = now;
            let tx = app.app.db.begin_write().await.unwrap();
            let inserted = store::signing_key::insert(&tx, &key).await;
            if inserted.is_ok() {
                tx.commit().await.unwrap();
            }
            outcomes.push(inserted.is_ok());
        }
        // There is an active one already, and no next one.
        assert_eq!(outcomes, if state == KeyState::Active { [false, false] } else { [true, false] });
    }
}

/// In an emergency the key is out of the set and its tokens are refused at once, on every node after its poll.
async fn sec_v04_a_revoked_key_leaves_at_once_and_its_tokens_are_refused(app: TestApp) {
    let node = app.second_node().await;
    let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
    let access = tokens["access_token"].as_str().unwrap();
    let machine = token_at(&app, &node).await;
    assert!(is_active(&app, &machine).await);
    let leaked = kid_of(access);
    signing_key::revoke(&app.app, &DEFAULT, &leaked).await.unwrap();
    for app in [&app.app, &node.app] {
        app.forget_configuration();
    }
    assert!(!kids(&app).await.contains(&leaked));
    let there = published_at(&app, &node).await;
    assert!(there.iter().all(|key| key["kid"] != leaked.as_str()));
    for token in [access, tokens["id_token"].as_str().unwrap(), &machine] {
        assert_eq!(kid_of(token), leaked);
        assert!(!is_active(&app, token).await);
    }
    assert_eq!(app.userinfo(access).await.status, 401);
    let request =
        Client::new(&format!("http://{}", node.address)).request(Method::GET, "/oauth2/default/v1/userinfo");
    let response = request.header("host", app.app.settings.authority()).bearer(access).send().await;
    assert_eq!(response.status, 401);
    // Signing goes on with a fresh key, and the grant itself was not leaked.
    let fresh = token_at(&app, &node).await;
    assert_ne!(kid_of(&fresh), leaked);
    assert!(is_active(&app, &fresh).await);
    let refreshed = app.refresh(WEB, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    assert_eq!(app.userinfo(refreshed.json()["access_token"].as_str().unwrap()).await.status, 200);
    assert_one_of_each(&app.app, &ALGORITHMS).await;
    // It is on record, and the private half is no longer kept.
    let events = store::log_event::list(&app.app.db, OffsetDateTime::UNIX_EPOCH, 1000).await.unwrap();
    assert!(events.iter().any(|(_, event)| {
        let detail = event.detail.as_deref().unwrap_or_default();
        event.event_type == "app.oauth2.as.key.rollover"
            && detail.contains(&leaked)
            && detail.contains("gone")
    }));
    assert_eq!(sealed(&app, &leaked).await, "");
}

async fn sec_v04_an_unknown_key_is_not_revoked(app: TestApp) {
    let before = kids(&app).await;
    let unknown = signing_key::revoke(&app.app, &DEFAULT, "nothing").await;
    assert!(matches!(unknown, Err(signing_key::RevokeError::UnknownKey)));
    // Nor one of another server.
    let org = ring(&app.app, "org", Algorithm::Rs256).await.remove(0).record.kid;
    let foreign = signing_key::revoke(&app.app, &DEFAULT, &org).await;
    assert!(matches!(foreign, Err(signing_key::RevokeError::UnknownKey)));
    app.app.forget_configuration();
    assert_eq!(kids(&app).await, before);
}

/// A key may leak before it ever signed.
async fn sec_v04_a_revoked_successor_never_signs(app: TestApp) {
    assert!(job_after(&app, 46 * DAY).await);
    let active = kid(&app.app, KeyState::Active).await.unwrap();
    let leaked = kid(&app.app, KeyState::Next).await.unwrap();
    signing_key::revoke(&app.app, &DEFAULT, &leaked).await.unwrap();
    app.app.forget_configuration();
    assert!(!kids(&app).await.contains(&leaked));
    assert_eq!(kid_of(&machine_token(&app).await), active);
    assert!(job_after(&app, 45 * DAY).await);
    assert!(job_after(&app, DAY).await);
    let signer = kid_of(&machine_token(&app).await);
    assert!(signer != active && signer != leaked);
}

/// RFC 7517 §4, Core §10.1: public halves of signing keys, each named once, each bound to its algorithm and use.
async fn sec_v05_the_jwk_set_holds_public_signing_keys_only(app: TestApp) {
    job_after(&app, 46 * DAY).await;
    job_after(&app, 45 * DAY).await;
    for (id, path) in [("org", "/oauth2/v1/keys"), ("default", "/oauth2/default/v1/keys")] {
        let keys = published(&app, id).await;
        assert!(keys.len() >= 4, "{keys:?}");
        let mut kids = BTreeSet::new();
        for key in &keys {
            assert!(kids.insert(key["kid"].as_str().unwrap().to_owned()), "{keys:?}");
            assert!(!key["kid"].as_str().unwrap().is_empty());
            assert_eq!(key["use"], "sig");
            let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            match key["kty"].as_str().unwrap() {
                "RSA" => {
                    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
                    assert_eq!(key["alg"], "RS256");
                    // 2048 bits are 256 bytes, 342 characters.
                    assert!(key["n"].as_str().unwrap().len() >= 342);
                }
                "EC" => {
                    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
                    assert_eq!((&key["alg"], &key["crv"]), (&json!("ES256"), &json!("P-256")));
                }
                kty => panic!("{kty} is not what was configured"),
            }
            assert_eq!(keys::thumbprint(key).unwrap(), key["kid"].as_str().unwrap(), "RFC 7638");
        }
        let response = app.client().request(Method::POST, path).send().await;
        assert_eq!(response.status, 405);
        assert!(app.client().get(path).await.header("etag").is_some());
    }
    assert_eq!(app.client().get("/v1/keys").await.body, app.client().get("/oauth2/v1/keys").await.body);
}

async fn sec_k06_each_authorization_server_has_its_own_keys(app: TestApp) {
    let kids = async |id| {
        let keys = published(&app, id).await;
        keys.iter().map(|key| key["kid"].to_string()).collect::<BTreeSet<_>>()
    };
    assert!(kids("org").await.is_disjoint(&kids("default").await));
}

/// A process with another master key on the same database.
async fn with_master_key(app: &TestApp, master: MasterKey) -> App {
    let db = Database::connect(&DatabaseSettings::new(app.database_url())).await.unwrap();
    let random = Arc::new(SystemRandom);
    let ports = Ports {
        clock: Arc::clone(&app.clock) as _,
        random: Arc::clone(&random) as _,
        fetch: Arc::new(FakeFetch::default()),
        counter: Arc::new(MemoryCounter::new(100)),
        couriers: stepgate::app::Couriers::default(),
    };
    let hashing = PasswordHashing { memory_kib: 64, iterations: 1, lanes: 1, permits: Some(1), queue: 1 };
    let passwords = PasswordHasher::new(&hashing, random).unwrap();
    App::new(Settings::new(&app.issuer), db, ports, passwords, (master, Rates::default()))
}

async fn all_keys(app: &App) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for id in SERVERS {
        let keys = store::signing_key::list(&app.db, &server(id)).await.unwrap();
        all.extend(keys.into_iter().map(|key| (key.record.kid, key.sealed_private)));
    }
    all
}

/// Without the right key nothing is served, and nothing is "repaired" by making new keys.
async fn sec_v06_a_wrong_master_key_refuses_to_start(app: TestApp) {
    let before = all_keys(&app.app).await;
    let wrong = with_master_key(&app, MasterKey::generate().unwrap()).await;
    for purpose in [Purpose::Production, Purpose::Development] {
        match setup::verify_master_key(&wrong, purpose).await {
            Err(SetupError::WrongMasterKey { sealed, loaded }) => {
                assert_eq!((sealed.as_str(), loaded.as_str()), (app.app.master.id(), wrong.master.id()));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(setup::prepare(&wrong, purpose).await, Err(SetupError::WrongMasterKey { .. })));
    }
    assert!(wrong.server("default").await.is_err());
    assert_eq!(all_keys(&app.app).await, before);
    // The right one is let in, as often as it comes.
    for _ in 0..2 {
        assert!(!setup::verify_master_key(&app.app, Purpose::Production).await.unwrap().dev);
    }
    assert_eq!(all_keys(&app.app).await, before);
}

async fn execute(app: &TestApp, sql: &str) {
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    database.execute_unprepared(sql).await.unwrap();
}

async fn sec_v06_an_altered_proof_refuses_to_start(app: TestApp) {
    // Another sealed value, of the same key but for another place.
    let sealed = all_keys(&app.app).await.remove(0).1;
    execute(&app, &format!("UPDATE installation SET seal_check = '{sealed}'")).await;
    let refused = setup::verify_master_key(&app.app, Purpose::Production).await;
    assert!(matches!(refused, Err(SetupError::Tampered)), "{refused:?}");
}

async fn sec_v06_sealed_keys_without_the_proof_refuse_to_start(app: TestApp) {
    execute(&app, "DELETE FROM installation").await;
    let right = MasterKey::from_text(app.app.master.to_text().as_bytes()).unwrap();
    for master in [MasterKey::generate().unwrap(), right] {
        let app = with_master_key(&app, master).await;
        let refused = setup::prepare(&app, Purpose::Production).await;
        assert!(matches!(refused, Err(SetupError::NoInstallation)), "{refused:?}");
    }
}

async fn sealed(app: &TestApp, kid: &str) -> String {
    use sea_orm::EntityTrait;
    let database = sea_orm::Database::connect(app.database_url()).await.unwrap();
    let row = entity::signing_key::Entity::find_by_id(kid).one(&database).await.unwrap().unwrap();
    row.private_key
}

/// A copy of the database signs nothing: the private half is authenticated ciphertext that names its key.
async fn sec_v06_private_keys_are_sealed_in_the_database(app: TestApp) {
    for (kid, private) in all_keys(&app.app).await {
        assert!(private.starts_with(&format!("v1.{}.", app.app.master.id())), "{kid}");
        assert!(!private.contains("kty") && !private.contains("\"d\""));
        let aad = keys::Aad { table: "signing_key", column: "private_key", row: &kid };
        let opened = app.app.master.open(&aad, &private).unwrap();
        let jwk: Value = serde_json::from_slice(&opened).unwrap();
        assert!(jwk["d"].is_string(), "{kid}");
    }
}

/// Who can write the database cannot make one server sign with the key of another: a sealed value opens in its row only.
async fn sec_z02_swapped_ciphertexts_do_not_open(app: TestApp) {
    let one = ring(&app.app, "default", Algorithm::Rs256).await.remove(0).record.kid;
    let two = ring(&app.app, "org", Algorithm::Rs256).await.remove(0).record.kid;
    let before = (sealed(&app, &one).await, sealed(&app, &two).await);
    let swap = format!(
        "UPDATE signing_key SET private_key = CASE kid WHEN '{one}' THEN '{}' ELSE '{}' END WHERE kid IN ('{one}', '{two}')",
        before.1, before.0
    );
    execute(&app, &swap).await;
    app.app.forget_configuration();
    for id in SERVERS {
        assert!(app.app.server(id).await.is_err(), "{id}");
    }
    let refused = app.token(MACHINE, &[("grant_type", "client_credentials"), ("scope", "car:drive")]).await;
    assert_eq!((refused.status, &refused.json()["error"]), (500, &json!("server_error")));
    assert!(!refused.text().contains("signing") && !refused.text().contains(&one), "{}", refused.text());
    // Put back, all is well.
    for (kid, private) in [(&one, &before.0), (&two, &before.1)] {
        execute(&app, &format!("UPDATE signing_key SET private_key = '{private}' WHERE kid = '{kid}'")).await;
    }
    app.app.forget_configuration();
    machine_token(&app).await;
}

/// Registration §2: ID tokens by the algorithm that the client registered; a change concerns what is issued from then on.
async fn sec_v07_each_client_gets_its_algorithm(app: TestApp) {
    sign_with(&app, &[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]).await;
    assert!(setup::maintain_keys(&app.app).await.unwrap());
    let metadata = |algorithm: &str| {
        json!({
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "id_token_signed_response_alg": algorithm,
        })
    };
    let mut before: Option<Value> = None;
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        fixtures::client(&app.app, WEB, metadata(algorithm), Some(SECRET)).await;
        let tokens = app.tokens(WEB, "openid offline_access", ALICE).await;
        let [access, id_token] =
            ["access_token", "id_token"].map(|name| tokens[name].as_str().unwrap().to_owned());
        assert_eq!(header(&id_token)["alg"], algorithm);
        // Access tokens are for resource servers, which know the server's first algorithm.
        assert_eq!(header(&access)["alg"], "RS256");
        let set = published(&app, "default").await;
        assert!(verifies(&id_token, &set) && verifies(&access, &set), "{algorithm}");
        let jwk = set.iter().find(|jwk| jwk["kid"] == header(&id_token)["kid"]).unwrap();
        assert_eq!(jwk["alg"], algorithm);
        if let Some(before) = before {
            // What was issued before is neither dead nor issued again; a refresh follows the registration of today.
            assert!(is_active(&app, before["id_token"].as_str().unwrap()).await);
            let refreshed = app.refresh(WEB, before["refresh_token"].as_str().unwrap()).await.json();
            assert_eq!(header(refreshed["id_token"].as_str().unwrap())["alg"], algorithm);
        }
        before = Some(tokens);
    }
}

/// Core §10.1: with several keys in the set the header says which; RS256 unless registered otherwise.
async fn oidc_k2_every_token_names_its_key(app: TestApp) {
    let tokens = app.tokens(WEB, "openid", ALICE).await;
    let kids = kids(&app).await;
    for token in ["access_token", "id_token"] {
        let header = header(tokens[token].as_str().unwrap());
        assert!(kids.contains(header["kid"].as_str().unwrap()), "{token}");
        assert_eq!(header["alg"], "RS256", "{token}");
    }
    assert!(is_active(&app, &machine_token(&app).await).await);
    assert!(app.app.settings.keys.rotation.retain >= Duration::DAY + app.app.settings.clock_skew);
}
