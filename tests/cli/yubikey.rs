//! `stepgate yubikey`, and YubiKeys in configuration files.

use super::Place;
use crate::support::{Test, yubikey::Yubikey};

pub(super) fn trials() -> Vec<Test> {
    trials![plain: a_file_of_a_personalisation_tool_is_imported_whole_or_not, yubikeys_of_a_file_are_imported_once]
}

fn installation() -> Place {
    let place = Place::new();
    place.settings("");
    place.run(&["migrate"]).succeeded();
    place
}

fn a_file_of_a_personalisation_tool_is_imported_whole_or_not() {
    let place = installation();
    let import = |text: &str| {
        place.write("keys.csv", 0o600, text);
        place.run(&["yubikey", "import", "keys.csv"])
    };
    let lines = [Yubikey::new(7).line(), Yubikey::new(8).line()];
    let file = format!("# ykksm 1\n{}\r\n\n{}\n", lines[0], lines[1]);
    assert!(import(&file).succeeded().contains("2 YubiKeys imported"));
    import(&file).succeeded();
    let listed = place.run(&["yubikey", "list"]).succeeded();
    for expected in ["000000000007", "000000000008", "UNASSIGNED", &Yubikey::new(7).public_id()] {
        assert!(listed.contains(expected), "{listed}");
    }
    assert!(!listed.contains(&Yubikey::new(7).aes_key()));
    for (bad, said) in [
        (format!("{}\nnonsense\n", Yubikey::new(9).line()), "keys.csv:2"),
        (format!("{}\n1,cccccccccccc,b74be6169486,short\n", Yubikey::new(9).line()), "aesKey"),
    ] {
        let refused = import(&bad);
        assert_ne!(refused.code, Some(0), "{bad}");
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    assert!(!place.run(&["yubikey", "list"]).succeeded().contains("000000000009"));
    assert_ne!(place.run(&["yubikey", "import", "missing.csv"]).code, Some(0));
    place.run(&["yubikey", "remove", "7"]).succeeded();
    assert_ne!(place.run(&["yubikey", "remove", "7"]).code, Some(0));
    assert!(!place.run(&["yubikey", "list"]).succeeded().contains("000000000007"));
}

fn yubikeys_of_a_file_are_imported_once() {
    let place = installation();
    let apply = |text: &str| {
        place.write("keys.yaml", 0o600, text);
        place.run(&["apply", "keys.yaml"])
    };
    let yubikey = Yubikey::new(5);
    let entry = |serial: &str, key: &str| {
        format!(
            "yubikey_tokens:\n  - {{serial_number: \"{serial}\", public_id: {}, private_id: \"{}\", aes_key: \"{key}\"}}\n",
            yubikey.public_id(),
            yubikey.private_id()
        )
    };
    for _ in 0..2 {
        assert!(apply(&entry("5", &yubikey.aes_key())).succeeded().contains("1 YubiKeys"));
    }
    assert_eq!(place.run(&["yubikey", "list"]).succeeded().matches("UNASSIGNED").count(), 1);
    for wrong in [entry("x", &yubikey.aes_key()), entry("5", "short"), entry("6", &yubikey.aes_key())] {
        assert_ne!(apply(&wrong).code, Some(0), "{wrong}");
    }
}
