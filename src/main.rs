//! The `stepgate` binary.

/// Requests are thousands of small allocations, which this one is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    stepgate::cli::run()
}
