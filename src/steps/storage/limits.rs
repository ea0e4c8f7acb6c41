//! What keys and lives of links the steps take.

use std::ffi::OsString;
use std::time::Duration;

use crate::pipeline::template::{Field, Lookup, Template};
use crate::resilience::quantity::Period;
use crate::resources::storage::{Key, LONGEST_LINK, SHORTEST_LINK};

/// How long a link that a step signs lasts: at least an hour, and at most a week.
pub(super) fn link_life(name: &str, Period(lasts): Period) -> Result<Duration, String> {
    let seconds = lasts.as_secs_f64();
    if lasts < SHORTEST_LINK {
        return Err(format!("`{name}` is {seconds} s: a link lasts an hour at least, 3600 s"));
    }
    if lasts > LONGEST_LINK {
        return Err(format!("`{name}` is {seconds} s: no link lasts longer than 7 days, 604800 s"));
    }
    Ok(lasts)
}

/// What is wrong with a key in which placeholders stand for anything.
pub(super) fn key_problem(text: &str, may_be_folder: bool) -> Option<String> {
    struct Anything;
    impl Lookup for Anything {
        fn lookup(&self, _: &Field) -> Result<OsString, String> {
            Ok("x".into())
        }
    }
    let filled = Template::parse(text).ok()?.expand(&Anything).ok()?.into_string().ok()?;
    let key = if may_be_folder { filled.strip_suffix('/').unwrap_or(&filled) } else { &filled };
    Key::parse(key).err().map(|fault| fault.message)
}
