//! The one place that writes to standard output and standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::CliError;

/// Prints lines to standard output. A reader that has gone away is no failure of the command.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a remark to standard error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints why the command failed.
pub(super) fn failure(error: &CliError) -> ExitCode {
    note(&format!("error: {error}"));
    error.exit_code()
}

/// Prints rows below a head, in aligned columns.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    print(&line(&mut head.iter().copied()));
    for row in rows {
        print(&line(&mut row.iter().map(String::as_str)));
    }
}

/// A time as people read it.
pub(super) fn time(at: time::OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}
