//! `stepgate factor-profile`, and profiles in configuration files.

use super::Place;
use crate::support::Test;

pub(super) fn trials() -> Vec<Test> {
    trials![plain: profiles_are_added_listed_and_removed, a_profile_of_a_file_changes_by_force_only]
}

fn installation() -> Place {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    place
}

fn profiles_are_added_listed_and_removed() {
    let place = installation();
    let badges = ["--hmac-algorithm", "HMacSHA256", "--pass-code-length", "8", "--time-step", "60"];
    let added = place.run(&[&["factor-profile", "add", "Badges"][..], &badges].concat()).succeeded();
    assert!(added.starts_with("fpr"), "{added}");
    place.run(&["factor-profile", "add", "Counting", "--look-ahead", "10"]).succeeded();
    let listed = place.run(&["factor-profile", "list"]).succeeded();
    let line = |name: &str| listed.lines().find(|line| line.ends_with(name)).unwrap_or_default().to_owned();
    assert!(line("Badges").contains("HMacSHA256") && line("Badges").contains("every 60 s"), "{listed}");
    assert!(line("Counting").contains("counted, 10 ahead"), "{listed}");
    for wrong in [
        &["add", "Badges"][..],
        &["add", "Short", "--pass-code-length", "5"],
        &["add", "Both", "--look-ahead", "5", "--time-step", "30"],
        &["add", "Other", "--hmac-algorithm", "MD5"],
        &["remove", "Nothing"],
    ] {
        let refused = place.run(&[&["factor-profile"][..], wrong].concat());
        assert_ne!(refused.code, Some(0), "{wrong:?}: {refused:?}");
    }
    place.run(&["factor-profile", "remove", "Badges"]).succeeded();
    let listed = place.run(&["factor-profile", "list"]).succeeded();
    assert!(!listed.contains("Badges") && listed.contains("Counting"), "{listed}");
}

/// How codes are made decides about tokens that users hold.
fn a_profile_of_a_file_changes_by_force_only() {
    let place = installation();
    let apply = |text: &str| {
        place.write("profiles.yaml", 0o600, text);
        place.run(&["apply", "profiles.yaml"])
    };
    let listed = || place.run(&["factor-profile", "list"]).succeeded();
    apply("factor_profiles:\n  - {name: Badges, time_step: 60}\n").succeeded();
    assert!(listed().contains("every 60 s"));
    apply("factor_profiles:\n  - {name: Badges, time_step: 30}\n").succeeded();
    assert!(listed().contains("every 60 s"));
    apply("factor_profiles:\n  - {name: Badges, time_step: 30, force: true}\n").succeeded();
    assert!(listed().contains("every 30 s"));
    for wrong in [
        "time_step: 5",
        "look_ahead: 5, time_step: 30",
        "pass_code_length: 9",
        "encoding: rot13",
        "digits: 6",
    ] {
        let refused = apply(&format!("factor_profiles:\n  - {{name: Other, {wrong}}}\n"));
        assert_ne!(refused.code, Some(0), "{wrong}: {refused:?}");
    }
    assert!(!listed().contains("Other"));
}
