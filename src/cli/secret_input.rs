//! Where a password or secret comes from: the terminal, standard input, a variable or a file, never an argument.

use std::{
    ffi::OsStr,
    io::{IsTerminal, Read},
    path::PathBuf,
    str::FromStr,
};

use clap::{
    Arg, Command,
    builder::TypedValueParser,
    error::{Error, ErrorKind},
};
use zeroize::Zeroizing;

use super::CliError;
use crate::secret::Secret;

/// A secret that an argument points to without holding it.
#[derive(Clone, Debug)]
pub(super) enum Pointer {
    /// `{env:NAME}`
    Env(String),
    /// `{file:PATH}`
    File(PathBuf),
}

impl FromStr for Pointer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The text is not repeated: it may be the secret itself.
        const EXPECTED: &str =
            "write {env:NAME} or {file:PATH}: arguments are seen by everybody on the machine";
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or(EXPECTED)?;
        match inner.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.trim().to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path.trim()))),
            _ => Err(EXPECTED),
        }
    }
}

/// Parses a [`Pointer`] of the command line. clap's own errors repeat the argument, and what ends up on a screen or in
/// the log of a build may be the secret itself.
#[derive(Clone, Debug)]
pub(super) struct PointerParser;

impl TypedValueParser for PointerParser {
    type Value = Pointer;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Pointer, Error> {
        let text = value.to_str().unwrap_or_default();
        text.parse().map_err(|expected: &str| {
            let name = argument.map(|argument| format!("{argument}: ")).unwrap_or_default();
            Error::raw(ErrorKind::ValueValidation, format!("{name}{expected}\n")).with_cmd(command)
        })
    }
}

/// Reads the secret from where the arguments say; without any, it is typed twice at the terminal.
///
/// # Errors
/// Nothing can be read, the two entries differ, or nothing was entered.
pub(super) async fn read(
    what: &'static str,
    pointer: Option<Pointer>,
    stdin: bool,
) -> Result<Secret<String>, CliError> {
    let secret = match pointer {
        Some(Pointer::Env(name)) => std::env::var(&name)
            .map(Zeroizing::new)
            .map_err(|_| CliError::Usage(format!("the environment variable {name} is not set")))?,
        Some(Pointer::File(path)) => {
            let text = Zeroizing::new(
                std::fs::read_to_string(&path).map_err(|error| CliError::file(&path, &error))?,
            );
            Zeroizing::new(without_line_end(&text).to_owned())
        }
        None => tokio::task::spawn_blocking(move || if stdin { from_stdin() } else { ask(what) })
            .await
            .map_err(|error| CliError::Usage(error.to_string()))??,
    };
    if secret.is_empty() {
        return Err(CliError::Usage(format!("the {what} is empty")));
    }
    Ok(Secret::new(String::clone(&secret)))
}

fn from_stdin() -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
    Ok(Zeroizing::new(without_line_end(&text).to_owned()))
}

const LONGEST: u64 = 64 * 1024;

fn ask(what: &str) -> Result<Zeroizing<String>, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(format!(
            "there is no terminal to ask for the {what}; pipe it in with --{what}-stdin, or use --{what} '{{env:NAME}}' or '{{file:PATH}}'"
        )));
    }
    let first = Zeroizing::new(rpassword::prompt_password(format!("New {what}: "))?);
    let second = Zeroizing::new(rpassword::prompt_password(format!("Repeat the {what}: "))?);
    if first == second {
        Ok(first)
    } else {
        Err(CliError::Usage(format!("the two entries of the {what} differ")))
    }
}

fn without_line_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_as_an_argument_is_refused_without_repeating_it() {
        let error = "hunter2".parse::<Pointer>().unwrap_err();
        assert!(!error.contains("hunter2"));
        assert!(matches!("{env:NAME}".parse(), Ok(Pointer::Env(name)) if name == "NAME"));
        assert!(matches!("{file:/run/secret}".parse(), Ok(Pointer::File(path)) if path.ends_with("secret")));
        for bad in ["", "{}", "{env:}", "{vault:x}", "env:NAME"] {
            assert!(bad.parse::<Pointer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_one_line_end_is_cut_off() {
        assert_eq!(without_line_end(" a b \n"), " a b ");
        assert_eq!(without_line_end("a\r\n"), "a");
        assert_eq!(without_line_end("a\n\n"), "a\n");
    }
}
