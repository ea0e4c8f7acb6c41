//! A log file that is read on as it grows.

use std::path::{Path, PathBuf};

use super::LogView;
use crate::tui::effect::{Effect, Load, Loaded};
use crate::tui::loader::MOST_READ;

/// Times that [`Tail::ask`] waits for an answer before it asks again.
const PATIENCE: u8 = 20;

/// A log file and its view. It asks for one piece after the other.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    /// How it is looked at.
    pub view: LogView,
    path: Option<PathBuf>,
    /// Bytes that are known.
    to: u64,
    /// From where was asked, and how often was waited since.
    asked: Option<(u64, u8)>,
    /// An answer has come, and the last one brought nothing new.
    settled: bool,
    /// Why there is nothing to read.
    missing: Option<String>,
}

impl Tail {
    /// Turns to another file, or to none.
    pub fn turn_to(&mut self, path: Option<PathBuf>) {
        if self.path != path {
            self.view.clear();
            let view = std::mem::take(&mut self.view);
            *self = Self { view, path, ..Self::default() };
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether all that was there at the last look is known.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Why there is nothing to read.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    /// The order for what is not known yet, unless one is under way. `growing`: more may be written at any time.
    pub fn ask(&mut self, growing: bool) -> Option<Effect> {
        let path = self.path.clone()?;
        if let Some((_, waited)) = &mut self.asked
            && *waited < PATIENCE
        {
            *waited += 1;
            return None;
        }
        if self.settled && !growing {
            return None;
        }
        self.asked = Some((self.to, 0));
        Some(Effect::Load(Load::Log { path, from: self.to }))
    }

    /// Something came; it is taken where it is what was asked for.
    pub fn loaded(&mut self, loaded: &Loaded) {
        match loaded {
            Loaded::Log { path, from, to, text } if self.path.as_ref() == Some(path) => {
                let Some((asked, _)) = self.asked else { return };
                // A file that shrank begins anew; what was far behind jumps ahead; all else is an old answer.
                let (shrank, jumped) = (*from == 0 && *to < asked, *from > asked && to - from + 8 >= MOST_READ);
                if *from != asked && !shrank && !jumped {
                    return;
                }
                if shrank {
                    self.view.clear();
                } else if jumped {
                    let left_out = crate::tui::text::bytes(from - asked);
                    self.view.skip(&format!("({left_out} are left out here)"));
                }
                self.view.add(text);
                self.settled = to == from;
                (self.to, self.asked, self.missing) = (*to, None, None);
            }
            Loaded::Nothing { load: Load::Log { path, .. }, why } if self.path.as_ref() == Some(path) => {
                (self.asked, self.settled, self.missing) = (None, true, Some(why.clone()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn more(from: u64, text: &str) -> Loaded {
        let to = from + text.len() as u64;
        Loaded::Log { path: "/log".into(), from, to, text: text.into() }
    }

    fn tail() -> Tail {
        let mut tail = Tail::default();
        tail.turn_to(Some("/log".into()));
        tail
    }

    #[test]
    fn one_order_is_under_way_and_a_log_that_ended_is_left_alone() {
        let mut tail = tail();
        assert_eq!(tail.ask(false), Some(Effect::Load(Load::Log { path: "/log".into(), from: 0 })));
        assert_eq!(tail.ask(false), None);
        tail.loaded(&more(0, "one\n"));
        assert_eq!(tail.ask(false), Some(Effect::Load(Load::Log { path: "/log".into(), from: 4 })));
        tail.loaded(&more(4, ""));
        assert!(tail.is_settled());
        assert_eq!(tail.ask(false), None);
        assert!(tail.ask(true).is_some());
    }

    #[test]
    fn an_order_that_is_never_answered_is_given_again() {
        let mut tail = tail();
        assert!(tail.ask(true).is_some());
        assert!((0..PATIENCE).all(|_| tail.ask(true).is_none()));
        assert!(tail.ask(true).is_some());
    }

    #[test]
    fn old_answers_are_not_taken_and_a_file_that_shrank_begins_anew() {
        let mut tail = tail();
        tail.loaded(&more(0, "nobody asked"));
        assert!(tail.view.is_empty());
        tail.ask(true);
        tail.loaded(&more(700, "of an earlier look"));
        assert!(tail.view.is_empty());
        tail.loaded(&more(0, "first line\n"));
        tail.ask(true);
        tail.loaded(&more(0, "first line\nagain"));
        tail.loaded(&more(0, "new\n"));
        assert_eq!(tail.ask(true), Some(Effect::Load(Load::Log { path: "/log".into(), from: 4 })));
    }

    #[test]
    fn a_file_that_is_not_there_says_why() {
        let mut tail = tail();
        let Some(Effect::Load(load)) = tail.ask(true) else { return };
        tail.loaded(&Loaded::Nothing { load, why: "no such file".into() });
        assert_eq!(tail.missing(), Some("no such file"));
        tail.turn_to(None);
        assert_eq!(tail.missing(), None);
        assert_eq!(tail.ask(true), None);
    }
}
