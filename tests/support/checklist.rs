//! Which lines of a checklist have a test, by the names of functions.

use std::collections::BTreeSet;

/// The lines that functions of this repository are named after: with the prefix `sec_`, `sec_c02_…` is of `c2`.
pub(crate) fn tested(prefix: &str) -> BTreeSet<String> {
    let start = format!("fn {prefix}");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("tests"), root.join("keys/src")];
    let mut lines = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                lines.extend(text.split(&start).skip(1).filter_map(line_of));
            }
        }
    }
    lines
}

fn line_of(name: &str) -> Option<String> {
    let (group, number) = name.split('_').next()?.split_at_checked(1)?;
    Some(format!("{group}{}", number.parse::<u8>().ok()?))
}
