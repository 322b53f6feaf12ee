//! What the build is made of: licences, banned crates, sources, versions with known holes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::Test;

pub(crate) fn trials() -> Vec<Test> {
    trials![plain:
        every_crate_has_a_known_licence,
        no_crate_is_banned,
        every_crate_comes_from_the_registry_or_this_tree,
        one_version_of_what_must_be_one,
        no_crate_is_older_than_its_last_hole,
        licence_expressions_are_read,
    ]
}

/// Licences that allow what we do: use, change, ship.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// A second TLS or cryptography stack beside rustls with ring and josekit's OpenSSL.
const BANNED: [&str; 4] = ["native-tls", "aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys"];

/// Two versions of these would be two configurations, two pools or two providers.
const SINGLE: [&str; 8] =
    ["rustls", "ring", "sqlx", "sqlx-core", "libsqlite3-sys", "openssl-sys", "josekit", "tokio"];

/// The first version without the advisory, for crates whose older versions have one.
const FLOORS: [(&str, [u64; 3], &str); 8] = [
    ("h2", [0, 4, 16], "RUSTSEC-2026-0258"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2026-0104"),
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007"),
    ("time", [0, 3, 47], "RUSTSEC-2026-0009"),
    ("idna", [1, 0, 0], "RUSTSEC-2024-0421"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055"),
    ("lettre", [0, 11, 22], "RUSTSEC-2026-0141"),
    ("sqlx", [0, 8, 1], "RUSTSEC-2024-0363"),
];

fn every_crate_has_a_known_licence() {
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !package.licence.as_deref().is_some_and(is_allowed))
        .map(|package| format!("{}: {:?}", package, package.licence))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

fn no_crate_is_banned() {
    let banned: Vec<String> = packages()
        .iter()
        .filter(|package| BANNED.contains(&package.name.as_str()))
        .map(Package::to_string)
        .collect();
    assert!(banned.is_empty(), "{banned:#?}");
}

fn every_crate_comes_from_the_registry_or_this_tree() {
    let foreign: Vec<String> = packages()
        .iter()
        .filter(|package| package.source.as_deref().is_some_and(|source| !source.starts_with("registry+")))
        .map(|package| format!("{package}: {:?}", package.source))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
}

fn one_version_of_what_must_be_one() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    let single = SINGLE.iter().filter_map(|name| versions.get(*name).map(|found| (name, found)));
    let double: Vec<_> = single.filter(|(_, found)| found.len() > 1).collect();
    assert!(double.is_empty(), "{double:#?}");
    assert!(versions.contains_key("rustls"), "the tree is not what this test thinks it is");
}

fn no_crate_is_older_than_its_last_hole() {
    let mut old = Vec::new();
    for package in packages() {
        for (name, floor, advisory) in FLOORS {
            if package.name == name && numbers(&package.version) < floor {
                old.push(format!("{package}: {advisory} is fixed in {floor:?}"));
            }
        }
    }
    assert!(old.is_empty(), "{old:#?}");
}

fn licence_expressions_are_read() {
    for allowed in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "MIT AND (GPL-2.0 OR ISC)",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR Apache-2.0"));
    for refused in
        ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND AGPL-3.0", "", "MIT OR", "MIT ISC", "(MIT"]
    {
        assert!(!is_allowed(refused), "{refused}");
    }
    assert!(numbers("0.4.15") < [0, 4, 16] && numbers("0.10.0-rc.1") > [0, 4, 16]);
}

#[derive(Clone, Debug)]
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The crates that are really built for this machine, as Cargo resolved them.
fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // Without a platform Cargo wants the manifests of all of them, which a build does not download.
    let platform = host(&cargo);
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform];
    let document: Value = serde_json::from_str(&output(&cargo, &arguments)).unwrap();
    let nodes = document["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let text = |package: &Value, field: &str| package[field].as_str().map(str::to_owned);
    let packages = document["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| used.contains(package["id"].as_str().unwrap()))
        .map(|package| Package {
            name: text(package, "name").unwrap(),
            version: text(package, "version").unwrap(),
            licence: text(package, "license"),
            source: text(package, "source"),
        })
        .collect()
}

fn host(cargo: &str) -> String {
    let version = output(cargo, &["--version", "--verbose"]);
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether an SPDX expression can be satisfied with [`LICENCES`].
fn is_allowed(expression: &str) -> bool {
    // Older manifests write `/` for OR.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words) == Some(true) && words.next().is_none()
}

type Words<'a, 'b> = &'a mut std::iter::Peekable<std::str::SplitWhitespace<'b>>;

fn any_of(words: Words<'_, '_>) -> Option<bool> {
    let mut allowed = all_of(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all_of(words)?;
    }
    Some(allowed)
}

fn all_of(words: Words<'_, '_>) -> Option<bool> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: Words<'_, '_>) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let allowed = any_of(words)?;
        return (words.next()? == ")").then_some(allowed);
    }
    let licence = match words.next_if_eq(&"WITH") {
        Some(_) => format!("{word} WITH {}", words.next()?),
        None => word.to_owned(),
    };
    Some(LICENCES.contains(&licence.as_str()))
}

/// Major, minor, patch.
fn numbers(version: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    let release = version.split(['-', '+']).next().unwrap_or_default();
    for (number, part) in numbers.iter_mut().zip(release.split('.')) {
        *number = part.parse().unwrap();
    }
    numbers
}
