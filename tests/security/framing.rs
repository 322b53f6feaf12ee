//! X12: where a request ends (RFC 9112 §6.3), and what a pattern may cost.

use std::time::{Duration, Instant};

use stepgate::claims::groups;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Test, TestApp};

pub(crate) fn trials() -> Vec<Test> {
    trials![
        sqlite:
            sec_x12_a_request_whose_end_is_unclear_is_refused_and_nothing_behind_it_is_read,
            sec_x12_a_body_that_is_cut_wrong_is_refused;
        plain:
            sec_x12_no_engine_backtracks,
            sec_x12_a_hostile_password_is_estimated_in_bounded_time,
            sec_x12_a_hostile_pattern_is_matched_in_linear_time
    ]
}

const IN_TIME: Duration = Duration::from_secs(5);

/// What a proxy in front that reads differently would take for the body.
const SMUGGLED: &str = "GET /oauth2/default/v1/keys HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Everything that is answered until the connection ends.
async fn answers(app: &TestApp, head: &str, rest: &str) -> String {
    let authority = app.issuer.strip_prefix("http://").unwrap();
    let port = authority.rsplit_once(':').unwrap().1;
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let head = head.replace("HOST", authority);
    let rest = rest.replace("localhost", authority);
    // It may be refused before all of it is sent.
    let _ = stream.write_all(format!("{head}\r\n{rest}").as_bytes()).await;
    let mut answer = Vec::new();
    let _ =
        tokio::time::timeout(IN_TIME, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

fn count(answer: &str) -> usize {
    answer.matches("HTTP/1.1 ").count()
}

/// RFC 9112 §6.1, §6.3: of two lengths none is right, and a coding that is not `chunked` last has no end. A server must
/// close the connection: whatever follows belongs to nobody.
async fn sec_x12_a_request_whose_end_is_unclear_is_refused_and_nothing_behind_it_is_read(app: TestApp) {
    for path in ["/oauth2/default/v1/token", "/signin", "/api/v1/sessions"] {
        let start = format!("POST {path} HTTP/1.1\r\nhost: HOST\r\n");
        for fields in [
            "content-length: 4\r\ncontent-length: 5\r\n",
            "content-length: 4, 5\r\n",
            "content-length: 4,4\r\n",
            "content-length: +4\r\n",
            "content-length: -4\r\n",
            "content-length: 0x4\r\n",
            "content-length: 4 4\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999999\r\n",
            "content-length : 4\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: chunked, identity\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            "transfer-encoding : chunked\r\n",
            "transfer-encoding:\r\n chunked, x\r\n",
            "x: y\r\n\ttransfer-encoding: chunked\r\n",
        ] {
            let answer = answers(&app, &format!("{start}{fields}"), &format!("0\r\n\r\n{SMUGGLED}")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{fields:?}: {answer}");
            assert_eq!(count(&answer), 1, "{fields:?}: {answer}");
            assert!(!answer.contains("\"keys\""), "{fields:?}: {answer}");
        }
        // RFC 9110 §6.6: HTTP/1.0 has no chunks.
        let old = start.replace("HTTP/1.1", "HTTP/1.0");
        let answer = answers(&app, &format!("{old}transfer-encoding: chunked\r\n"), SMUGGLED).await;
        assert!(answer.contains(" 400 ") && !answer.contains("\"keys\""), "{answer}");
        // RFC 9112 §6.3: of both, `chunked` may count; then this was the last request of the connection.
        for fields in [
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "content-length: 0\r\nTransfer-Encoding: CHUNKED\r\n",
        ] {
            let answer = answers(&app, &format!("{start}{fields}"), &format!("0\r\n\r\n{SMUGGLED}")).await;
            let status: u16 = answer.get(9..12).and_then(|status| status.parse().ok()).expect("an answer");
            assert!((400..500).contains(&status), "{fields:?}: {answer}");
            assert_eq!(count(&answer), 1, "{fields:?}: {answer}");
            assert!(!answer.contains("\"keys\""), "{fields:?}: {answer}");
        }
    }
    // One request after the other on one connection is fine, or the above would prove nothing.
    let closing = SMUGGLED.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let first = "GET /oauth2/default/v1/keys HTTP/1.1\r\nhost: HOST\r\n";
    assert_eq!(count(&answers(&app, first, &closing).await), 2);
}

/// RFC 9112 §7.1: chunks that are no chunks.
async fn sec_x12_a_body_that_is_cut_wrong_is_refused(app: TestApp) {
    let head = "POST /oauth2/default/v1/token HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\
                content-type: application/x-www-form-urlencoded\r\n";
    for body in [
        "0x5\r\nabcde\r\n0\r\n\r\n",
        "-1\r\nabcde\r\n0\r\n\r\n",
        "5\r\nabcdefgh\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
        " \r\nabcde\r\n0\r\n\r\n",
        "zz\r\nabcde\r\n0\r\n\r\n",
    ] {
        let answer = answers(&app, head, &format!("{body}{SMUGGLED}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert!(count(&answer) == 1 && !answer.contains("\"keys\""), "{body:?}: {answer}");
    }
}

/// Of the engines for regular expressions one takes linear time whatever the pattern. The only other one finds repetitions
/// in the first 100 characters of a new password, with three patterns that are built in: nothing else may use it.
fn sec_x12_no_engine_backtracks() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"regex\""), "the tree is not what this test thinks it is");
    for engine in ["onig", "onig_sys", "pcre", "pcre2", "pcre2-sys", "regress"] {
        assert!(!lock.contains(&format!("name = \"{engine}\"")), "{engine}");
    }
    let uses = |package: &&str| package.lines().any(|line| line.trim() == "\"fancy-regex\",");
    let users: Vec<&str> = lock.split("[[package]]").filter(uses).map(str::trim_start).collect();
    assert!(users.len() == 1 && users[0].starts_with("name = \"zxcvbn\""), "{users:?}");
}

/// The passwords that are hardest to find repetitions in, as long as one may be, cost no more than a glance.
fn sec_x12_a_hostile_password_is_estimated_in_bounded_time() {
    use stepgate::{
        model::{policy::PasswordRules, user::Profile},
        user::{
            credentials::MAX_PASSWORD_BYTES,
            password_policy::{Owner, check},
        },
    };
    let profile = Profile::default();
    for text in
        ["a", "ab", "aab", "abcdefghijklmnopqrstuvwxyz", "a1!", "aaaaaaaaaaaaaaaaaaaaaaaab", "p@55w0rd"]
    {
        let password: String = text.chars().cycle().take(MAX_PASSWORD_BYTES).collect();
        let began = Instant::now();
        let owner = Owner { login: "alice@example.com", profile: &profile };
        let _ = check(&password, owner, &PasswordRules::default());
        assert!(began.elapsed() < IN_TIME, "{text}: {:?}", began.elapsed());
    }
}

/// Operators write patterns for group names; a name is as long as somebody makes it.
fn sec_x12_a_hostile_pattern_is_matched_in_linear_time() {
    let long = format!("{}!", "a".repeat(100_000));
    for pattern in ["(a+)+", "(a|aa)+", "(a*)*b", "([a-z]+)*\\d", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
        let began = Instant::now();
        assert!(!groups::compile(pattern).unwrap().is_match(&long), "{pattern}");
        assert!(began.elapsed() < IN_TIME, "{pattern}: {:?}", began.elapsed());
    }
    for pattern in
        ["a{1000}{1000}{1000}", &"(".repeat(100_000), &format!("{}a{}", "(".repeat(100), ")".repeat(100))]
    {
        assert!(groups::compile(pattern).is_err());
    }
}
