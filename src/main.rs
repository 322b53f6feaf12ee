//! The `stepgate` binary.

fn main() -> std::process::ExitCode {
    stepgate::cli::run()
}
