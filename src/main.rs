//! The `stepgate` binary.
fn main() {}
