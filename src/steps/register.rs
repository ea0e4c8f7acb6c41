//! The register of built-in steps: one line each.

use super::builtin::Builtin;

/// Every built-in step, by name.
pub static BUILTINS: &[&Builtin] = &[];

/// The built-in step called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().copied().find(|builtin| builtin.name == name)
}
