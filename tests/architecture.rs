//! Who may use whom: the layers of the source tree, enforced.
//!
//! Reads the paths in `src/**/*.rs` and `keys/src/**/*.rs`, in `use` items and in expressions alike,
//! and holds them against [`LAYERS`] and [`CRATES`]. Unit tests, at the foot of a file, are exempt.

use std::path::{Path, PathBuf};

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    trials![plain: every_path_points_down_the_layers, a_path_that_points_up_is_caught, a_path_that_points_down_passes]
}

/// From the top down. A module may use its own layer (but see [`peers`]) and every layer below.
const LAYERS: [&[&str]; 6] = [
    &["main", "lib", "app", "router", "server", "config", "telemetry"],
    &["api", "web", "cli", "jobs", "seed", "setup"],
    &["authorize", "grant", "authn", "logout"],
    &[
        "user",
        "factor",
        "token",
        "claims",
        "client",
        "session",
        "consent",
        "policy",
        "message",
        "syslog",
        "limit",
        "signing_key",
    ],
    &["store", "cache", "ports", "keys"],
    &["model", "protocol", "id", "secret", "fault"],
];

/// A crate (by the start of its name) and the places that may use it.
const CRATES: [(&str, &[&str]); 10] = [
    ("sea_orm", &["store"]),
    ("sqlx", &["store"]),
    ("entity", &["store"]),
    ("poem", &["api", "web", "router", "server", "app"]),
    ("redis", &["cache::redis"]),
    ("josekit", &[]),
    ("x509_parser", &["client::certificate"]),
    ("openssl", &[]),
    ("webauthn_rs", &["factor::webauthn"]),
    ("totp_rs", &["factor::totp", "factor::hotp"]),
];

/// Modules that decide without looking: time and rows arrive as arguments.
const PURE: [&str; 4] = ["protocol", "model", "policy", "limit"];
const PURE_FILES: [&str; 2] = ["authn::transition", "keys::rotation"];
const IMPURE: [&str; 7] = ["await", "clock", "Clock", "now_utc", "SystemTime", "store", "sea_orm"];

fn every_path_points_down_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    list(&root.join("src"), &mut files);
    list(&root.join("keys/src"), &mut files);
    assert!(files.len() > 5, "the sources are not where this test looks for them");
    let mut offences = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).expect("a file below the root").to_string_lossy().into_owned();
        offences.extend(check(&name, &std::fs::read_to_string(&file).expect("a source file")));
    }
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

fn a_path_that_points_up_is_caught() {
    for (file, line) in [
        ("src/store/user.rs", "use crate::user::create;"),
        ("src/model/user.rs", "use crate::{id::UserId, store::db};"),
        ("src/model/user.rs", "fn f(key: &keys::Key) {}"),
        ("src/grant/password.rs", "use crate::authn::{\n    state::State,\n    service,\n};"),
        ("src/authn/service.rs", "fn f() { crate::authorize::dispatch::next() }"),
        ("src/logout/mod.rs", "use super::authn::service;"),
        ("src/web/signin.rs", "use super::super::api::payload;"),
        ("src/jobs/sweep.rs", "use crate::server::run;"),
        ("src/user/create.rs", "use sea_orm::EntityTrait;"),
        ("src/token/id.rs", "fn f() -> ::josekit::Error {}"),
        ("src/keys.rs", "use josekit as jose;"),
        ("src/cache/memory.rs", "#[derive(redis::FromRedisValue)] struct S;"),
        ("src/authorize/parse.rs", "use poem_openapi::Object;"),
        ("src/id.rs", "use crate::ports::clock::Clock;"),
        ("src/surprise.rs", "use crate::model::user;"),
        ("src/policy/zone.rs", "fn f() { g().await }"),
        ("src/authn/transition.rs", "use crate::ports::clock::Clock;"),
        ("keys/src/rotation.rs", "let now = OffsetDateTime::now_utc();"),
        ("keys/src/jwks.rs", "use sea_orm::Value;"),
    ] {
        let offences = check(file, &format!("//! Doc.\n\n{line}"));
        assert!(offences.iter().any(|offence| offence.starts_with(&format!("{file}:"))), "{file}: {line}");
    }
    let offences = check("src/store/user.rs", "use crate::{\n    id::UserId,\n    user::create,\n};");
    assert_eq!(offences.len(), 1, "{offences:?}");
    assert!(offences[0].starts_with("src/store/user.rs:3: "), "{offences:?}");
}

fn a_path_that_points_down_passes() {
    for (file, line) in [
        ("src/web/signin.rs", "use crate::{app::App, authn::service, id::UserId};"),
        ("src/grant/password.rs", "use crate::authn::service::{self, Outcome};"),
        (
            "src/grant/mod.rs",
            "use super::app::App; use self::password::Password; use super::grant::password;",
        ),
        ("src/store/db.rs", "use ::entity::user; use sea_orm::{EntityTrait, prelude::*};"),
        ("src/cache/redis.rs", "use redis::aio::ConnectionManager;"),
        (
            "src/policy/zone.rs",
            "// store:: and .await\nlet clock_skew = \"crate::api\"; let c = '\"'; fn f<'a>() {}",
        ),
        ("src/id.rs", "use crate::ports::random::Random;"),
        ("src/cli/serve.rs", "use crate::{config::Config, server, router, telemetry};"),
        ("src/user/create.rs", "#[cfg(test)]\nmod tests { use sea_orm::Database; }"),
        ("keys/src/sign.rs", "use crate::key::Key; use josekit::jws;"),
    ] {
        assert_eq!(check(file, line), Vec::<String>::new(), "{file}: {line}");
    }
}

/// The offences of a file, each as `file:line: reason`.
fn check(file: &str, source: &str) -> Vec<String> {
    let (inside, below) = match file.strip_prefix("keys/src/") {
        Some(below) => (Some("keys"), below),
        None => (None, file.strip_prefix("src/").expect("a file of `src`")),
    };
    let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
    let module: Vec<&str> = inside.into_iter().chain(below.split('/')).collect();
    let code = code_of(source);
    let pure = PURE.contains(&module[0]) || PURE_FILES.contains(&module.join("::").as_str());

    let mut offences = Vec::new();
    let mut offence = |line: usize, reason: String| offences.push(format!("{file}:{line}: {reason}"));
    if layer(module[0]).is_none() {
        offence(1, format!("`{}` has no place in the table of layers", module[0]));
    }
    for (line, word) in words(&code) {
        if pure && IMPURE.contains(&word) {
            offence(line, format!("`{word}` in `{}`, which is pure", module.join("::")));
        }
    }
    for (line, path) in paths(&code, &module) {
        let reason = if path[0] == "crate" {
            if inside.is_some() || path.len() < 2 { None } else { refuse_module(&module, &path[1..]) }
        } else {
            refuse_crate(&module, &path[0])
        };
        if let Some(reason) = reason {
            offence(line, format!("`{}`: {reason}", path.join("::")));
        }
    }
    offences
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn refuse_module(from: &[&str], to: &[String]) -> Option<String> {
    let (user, used) = (from[0], to[0].as_str());
    // Items re-exported at the root and macros belong to no layer.
    let (above, below) = (layer(user)?, layer(used)?);
    let allowed = if below == 0 {
        match used {
            _ if above == 0 => true,
            // The one way up: whoever serves a request takes what it needs from `App`.
            "app" => above <= 3,
            "config" | "router" | "server" | "telemetry" => user == "cli",
            _ => false,
        }
    } else if user == used {
        true
    } else if above == below {
        peers(user, used, to)
    } else {
        // Identifiers and secrets are drawn from a random source that the caller hands in.
        above < below
            || (matches!(user, "id" | "secret") && to.starts_with(&["ports".to_owned(), "random".to_owned()]))
    };
    (!allowed).then(|| format!("`{user}` may not use `{used}`"))
}

/// Whether a module may use another one of its layer.
fn peers(user: &str, used: &str, path: &[String]) -> bool {
    match (user, used) {
        // The password grant, `sessionToken` and step-up need a sign-in; nothing else does.
        ("grant" | "authorize", "authn") => path.get(1).is_some_and(|module| module == "service"),
        ("authorize" | "grant" | "authn" | "logout", _) | ("web", "api") => false,
        _ => true,
    }
}

fn refuse_crate(module: &[&str], name: &str) -> Option<String> {
    // An authorization server is configured with algorithms: their names are RFC 7518's vocabulary.
    let vocabulary = module.starts_with(&["model", "authorization_server"]);
    if name == "keys" && layer(module[0]) == Some(5) && !vocabulary {
        return Some(format!("`{}` may not use `keys`", module[0]));
    }
    let (_, places) = CRATES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let here = module.join("::");
    let allowed = match name {
        _ if module[0] == "keys" && module.len() > 1 => {
            name.starts_with("josekit") || name.starts_with("openssl")
        }
        _ => places.iter().any(|place| here == *place || here.starts_with(&format!("{place}::"))),
    };
    (!allowed).then(|| format!("`{here}` may not use the crate `{name}`"))
}

/// The paths of a file as `(line, segments)`; those that start in this crate start with `crate`.
fn paths(code: &str, module: &[&str]) -> Vec<(usize, Vec<String>)> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts_use = tokens[at].1 == "use";
        at += usize::from(starts_use);
        if tokens.get(at).is_some_and(|(_, token)| *token == "::") {
            at += 1;
        }
        let is_path = tokens.get(at).is_some_and(|(_, token)| is_word(token))
            && (starts_use || tokens.get(at + 1).is_some_and(|(_, token)| *token == "::"));
        if is_path { walk(&tokens, &mut at, &[], &mut paths) } else { at += 1 }
    }
    paths.iter().map(|(line, path)| (*line, resolve(path, module))).collect()
}

/// Reads one path, or one branch of a `use` tree, and stops behind it.
fn walk(tokens: &[(usize, &str)], at: &mut usize, prefix: &[String], paths: &mut Vec<(usize, Vec<String>)>) {
    let mut path = prefix.to_vec();
    let line = tokens[*at].0;
    while let Some((_, word)) = tokens.get(*at).filter(|(_, token)| is_word(token)) {
        path.push((*word).to_owned());
        *at += 1;
        if tokens.get(*at).is_none_or(|(_, token)| *token != "::") {
            break;
        }
        *at += 1;
        if tokens.get(*at).is_some_and(|(_, token)| *token == "{") {
            *at += 1;
            while tokens.get(*at).is_some_and(|(_, token)| *token != "}") {
                if is_word(tokens[*at].1) { walk(tokens, at, &path, paths) } else { *at += 1 }
            }
            *at += 1;
            return;
        }
    }
    // `as name` in a tree is no branch of it.
    if tokens.get(*at).is_some_and(|(_, token)| *token == "as") {
        *at += 2;
    }
    paths.push((line, path));
}

/// Turns `self`, `super` and the crate's own name into a path from the root.
fn resolve(path: &[String], module: &[&str]) -> Vec<String> {
    let ups = path.iter().take_while(|segment| *segment == "super").count();
    let rest = &path[ups..];
    match path[0].as_str() {
        "super" | "self" => {
            let here = &module[..module.len().saturating_sub(ups)];
            let rest = if ups == 0 { &rest[1..] } else { rest };
            ["crate"]
                .iter()
                .chain(here)
                .map(|segment| (*segment).to_owned())
                .chain(rest.iter().cloned())
                .collect()
        }
        "stepgate" => std::iter::once("crate".to_owned()).chain(path[1..].iter().cloned()).collect(),
        _ => path.to_vec(),
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    tokens(code).into_iter().filter(|(_, token)| is_word(token))
}

/// Words, `::` and single signs, each with its line.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, mut line) in code.lines().enumerate() {
        while let Some(first) = line.chars().next() {
            let length = if line.starts_with("::") {
                2
            } else if first.is_alphanumeric() || first == '_' {
                line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len())
            } else {
                first.len_utf8()
            };
            let (token, rest) = line.split_at(length);
            if !token.trim().is_empty() {
                tokens.push((number + 1, token));
            }
            line = rest;
        }
    }
    tokens
}

/// The code without comments, strings and the unit tests at its foot; lines keep their numbers.
fn code_of(source: &str) -> String {
    let source = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let source = if source.starts_with("#[cfg(test)]\nmod ") { "" } else { source };
    let mut code = String::new();
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let hashes = rest.strip_prefix('r').map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r\"") || (hashes > 0 && rest[1 + hashes..].starts_with('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |found| start + found + end.len())
        } else if c == '"' {
            quoted(rest)
        } else if c == '\'' {
            // A character literal; anything else behind the sign is a lifetime.
            let literal = rest[1..].chars().next().map_or(0, |inner| 1 + inner.len_utf8());
            if rest[1..].starts_with('\\') {
                2 + rest[3..].find('\'').map_or(0, |end| end + 2)
            } else if rest[literal..].starts_with('\'') {
                literal + 1
            } else {
                0
            }
        } else {
            0
        };
        let (gone, kept) = rest.split_at(skipped);
        code.extend(gone.chars().filter(|c| *c == '\n'));
        rest = kept;
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// The length of the string literal that `text` starts with.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
