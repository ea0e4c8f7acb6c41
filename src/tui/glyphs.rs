//! The signs that screens are made of: two sets, one for fonts that hold common Unicode, one for ASCII alone.
//!
//! The Unicode set keeps to what DejaVu Sans Mono and its kin hold, every sign one column wide: no braille, no signs of
//! patched fonts, no emoji.

use ratatui::symbols::{bar, border, line, scrollbar};

use crate::events::ItemPhase;
use crate::events::story::StepStand;
use crate::resilience::breaker::BreakerState;

/// A set of signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glyphs {
    /// Whether these are the ASCII signs.
    pub is_ascii: bool,
    /// What runs, one sign for each frame of its animation.
    pub running: &'static [&'static str],
    /// Not begun.
    pub waiting: &'static str,
    /// Finished well.
    pub done: &'static str,
    /// Nothing to do.
    pub up_to_date: &'static str,
    /// Finished with a fault.
    pub failed: &'static str,
    /// Waits for a dependency.
    pub parked: &'static str,
    /// Ended by a stop.
    pub cancelled: &'static str,
    /// Left out of this run.
    pub left_out: &'static str,
    /// A step that an item was done without.
    pub skipped: &'static str,
    /// Waits for its next attempt.
    pub retry: &'static str,
    /// A breaker that lets every call through.
    pub breaker_closed: &'static str,
    /// A breaker that lets none through.
    pub breaker_open: &'static str,
    /// A breaker that lets one through.
    pub breaker_half_open: &'static str,
    /// Yes, there, good.
    pub tick: &'static str,
    /// No, missing, bad.
    pub cross: &'static str,
    /// Something to look at.
    pub warning: &'static str,
    /// The cursor row.
    pub cursor: &'static str,
    /// A row that is marked.
    pub marked: &'static str,
    /// Something folded up.
    pub folded: &'static str,
    /// Something unfolded.
    pub unfolded: &'static str,
    /// A branch of a tree that has more below it.
    pub branch: &'static str,
    /// The last branch of a tree.
    pub last_branch: &'static str,
    /// A line of a tree that goes on below.
    pub trunk: &'static str,
    /// The blank of a tree where no line goes on.
    pub no_trunk: &'static str,
    /// Lines of a graph and of tables.
    pub lines: line::Set<'static>,
    /// The border of a box.
    pub border: border::Set<'static>,
    /// The border of the box that has the keys.
    pub border_focused: border::Set<'static>,
    /// A bar filled from the left, by parts of a column: none, one part, ..., full.
    pub gauge: &'static [&'static str],
    /// The part of a bar that is not filled.
    pub gauge_empty: &'static str,
    /// Columns of a small chart.
    pub sparkline: bar::Set<'static>,
    /// The levels of `sparkline`, the lowest (nothing) first.
    pub levels: &'static [&'static str],
    /// A scrollbar at the right.
    pub scrollbar: scrollbar::Set<'static>,
    /// To the left.
    pub left: &'static str,
    /// To the right.
    pub right: &'static str,
    /// Upwards, and rising.
    pub up: &'static str,
    /// Downwards, and falling.
    pub down: &'static str,
    /// What was left out of a text.
    pub ellipsis: &'static str,
    /// Between parts of a line.
    pub separator: &'static str,
    /// Between a whole and its part.
    pub crumb: &'static str,
    /// Where something has no value.
    pub none: &'static str,
    /// How often: `3×`.
    pub times: &'static str,
}

const ASCII_LINES: line::Set<'static> = line::Set {
    vertical: "|",
    horizontal: "-",
    top_right: "+",
    top_left: "+",
    bottom_right: "+",
    bottom_left: "+",
    vertical_left: "+",
    vertical_right: "+",
    horizontal_down: "+",
    horizontal_up: "+",
    cross: "+",
};

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Glyphs {
    /// The Unicode set.
    #[must_use]
    pub const fn unicode() -> Self {
        Self {
            is_ascii: false,
            running: &["◐", "◓", "◑", "◒"],
            waiting: "·",
            done: "✓",
            up_to_date: "=",
            failed: "✗",
            parked: "‖",
            cancelled: "■",
            left_out: "−",
            skipped: "»",
            retry: "↻",
            breaker_closed: "●",
            breaker_open: "○",
            breaker_half_open: "◐",
            tick: "✓",
            cross: "✗",
            warning: "▲",
            cursor: "▸",
            marked: "◆",
            folded: "▸",
            unfolded: "▾",
            branch: "├─",
            last_branch: "└─",
            trunk: "│ ",
            no_trunk: "  ",
            lines: line::NORMAL,
            border: border::PLAIN,
            border_focused: border::THICK,
            gauge: &[" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
            gauge_empty: "░",
            sparkline: bar::NINE_LEVELS,
            levels: &[" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
            scrollbar: scrollbar::Set { track: "│", thumb: "█", begin: "▲", end: "▼" },
            left: "←",
            right: "→",
            up: "↑",
            down: "↓",
            ellipsis: "…",
            separator: "·",
            crumb: "›",
            none: "–",
            times: "×",
        }
    }

    /// The ASCII set.
    #[must_use]
    pub const fn ascii() -> Self {
        Self {
            is_ascii: true,
            running: &["|", "/", "-", "\\"],
            waiting: ".",
            done: "+",
            up_to_date: "=",
            failed: "x",
            parked: "z",
            cancelled: "c",
            left_out: "-",
            skipped: ">",
            retry: "r",
            breaker_closed: "*",
            breaker_open: "o",
            breaker_half_open: "%",
            tick: "+",
            cross: "x",
            warning: "!",
            cursor: ">",
            marked: "*",
            folded: ">",
            unfolded: "v",
            branch: "|-",
            last_branch: "`-",
            trunk: "| ",
            no_trunk: "  ",
            lines: ASCII_LINES,
            border: ASCII_BORDER,
            border_focused: border::Set { horizontal_top: "=", horizontal_bottom: "=", ..ASCII_BORDER },
            gauge: &[" ", "#"],
            gauge_empty: ".",
            sparkline: bar::Set {
                full: "#",
                seven_eighths: "#",
                three_quarters: "+",
                five_eighths: "+",
                half: "=",
                three_eighths: "-",
                one_quarter: "-",
                one_eighth: ".",
                empty: " ",
            },
            levels: &[" ", ".", "-", "-", "=", "+", "+", "#", "#"],
            scrollbar: scrollbar::Set { track: "|", thumb: "#", begin: "^", end: "v" },
            left: "<-",
            right: "->",
            up: "^",
            down: "v",
            ellipsis: "~",
            separator: "|",
            crumb: ">",
            none: "-",
            times: "x",
        }
    }

    /// The set for this terminal: ASCII on the Linux console and a dumb terminal, and where
    /// the locale is not UTF-8. `env` gives a variable of the environment.
    #[must_use]
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let plain_terminal = env("TERM").is_none_or(|term| matches!(term.as_str(), "" | "linux" | "dumb"));
        // The first that is set and not empty counts, as POSIX has it.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env(name).filter(|v| !v.is_empty()));
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        if plain_terminal || !utf8 { Self::ascii() } else { Self::unicode() }
    }

    /// The sign of what runs at the frame `frame` of its animation.
    #[must_use]
    pub const fn running(&self, frame: usize) -> &'static str {
        self.running[frame % self.running.len()]
    }

    /// The sign of where an item stands, at the frame `frame`.
    #[must_use]
    pub const fn phase(&self, phase: ItemPhase, frame: usize) -> &'static str {
        match phase {
            ItemPhase::Waiting => self.waiting,
            ItemPhase::UpToDate => self.up_to_date,
            ItemPhase::LeftOut => self.left_out,
            ItemPhase::Running => self.running(frame),
            ItemPhase::Done => self.done,
            ItemPhase::Failed => self.failed,
            ItemPhase::Parked => self.parked,
            ItemPhase::Cancelled => self.cancelled,
        }
    }

    /// The sign of where a task stands, at the frame `frame`.
    #[must_use]
    pub const fn stand(&self, stand: &StepStand, frame: usize) -> &'static str {
        match stand {
            StepStand::Running => self.running(frame),
            StepStand::Backoff(_) => self.retry,
            StepStand::Parked(_) => self.parked,
            StepStand::Done => self.done,
            StepStand::Skipped(..) => self.skipped,
            StepStand::Failed => self.failed,
        }
    }

    /// The sign of a breaker.
    #[must_use]
    pub const fn breaker(&self, state: BreakerState) -> &'static str {
        match state {
            BreakerState::Closed => self.breaker_closed,
            BreakerState::Open => self.breaker_open,
            BreakerState::HalfOpen => self.breaker_half_open,
        }
    }

    /// A bar of `width` columns that is filled to `share` (0 to 1): a filled part and the rest.
    #[must_use]
    pub fn bar(&self, share: f64, width: usize) -> (String, String) {
        let parts = self.gauge.len() - 1;
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let whole = width * parts;
        // Neither a bar that seems full before all is done, nor one that seems empty once something is.
        let filled = match (share * whole as f64).round() as usize {
            0 if share > 0.0 && whole > 0 => 1,
            filled if filled == whole && share < 1.0 => whole.saturating_sub(1),
            filled => filled,
        };
        let mut bar = self.gauge[parts].repeat(filled / parts);
        let rest = filled % parts;
        if rest > 0 {
            bar += self.gauge[rest];
        }
        let used = filled / parts + usize::from(rest > 0);
        (bar, self.gauge_empty.repeat(width - used))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn all(glyphs: &Glyphs) -> Vec<&'static str> {
        let phases = [
            ItemPhase::Waiting,
            ItemPhase::UpToDate,
            ItemPhase::LeftOut,
            ItemPhase::Done,
            ItemPhase::Failed,
            ItemPhase::Parked,
            ItemPhase::Cancelled,
        ];
        let breakers = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];
        let mut all: Vec<&str> = phases.map(|phase| glyphs.phase(phase, 0)).to_vec();
        all.extend(breakers.map(|state| glyphs.breaker(state)));
        all.extend([glyphs.skipped, glyphs.retry, glyphs.tick, glyphs.cross, glyphs.warning, glyphs.cursor]);
        all.extend([glyphs.marked, glyphs.folded, glyphs.unfolded, glyphs.up, glyphs.down, glyphs.ellipsis]);
        all.extend([glyphs.separator, glyphs.crumb, glyphs.none, glyphs.times, glyphs.gauge_empty]);
        all.extend(glyphs.running.iter().chain(glyphs.gauge).chain(glyphs.levels));
        let bar = &glyphs.scrollbar;
        all.extend([bar.track, bar.thumb, bar.begin, bar.end, glyphs.border.top_left, glyphs.lines.cross]);
        all
    }

    #[test]
    fn every_sign_is_one_column_and_ascii_is_ascii() {
        for glyphs in [Glyphs::unicode(), Glyphs::ascii()] {
            for glyph in all(&glyphs) {
                assert_eq!(glyph.width(), 1, "{glyph:?}");
                assert!(!glyphs.is_ascii || glyph.is_ascii(), "{glyph:?}");
            }
        }
    }

    #[test]
    fn no_two_stands_share_a_sign() {
        for glyphs in [Glyphs::unicode(), Glyphs::ascii()] {
            let signs: Vec<&str> = all(&glyphs)[..7].iter().copied().chain([glyphs.skipped, glyphs.retry]).collect();
            let different: BTreeSet<&str> = signs.iter().copied().collect();
            assert_eq!(different.len(), signs.len(), "{signs:?}");
        }
    }

    #[test]
    fn the_locale_and_the_terminal_choose_the_set() {
        let ascii = |vars: &[(&str, &str)]| {
            let env = |name: &str| vars.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
            Glyphs::detect(env).is_ascii
        };
        assert!(!ascii(&[("TERM", "xterm"), ("LANG", "de_DE.UTF-8")]));
        assert!(!ascii(&[("TERM", "xterm"), ("LC_ALL", ""), ("LANG", "C.utf8")]));
        assert!(ascii(&[("TERM", "linux"), ("LANG", "de_DE.UTF-8")]));
        assert!(ascii(&[("TERM", "dumb"), ("LANG", "de_DE.UTF-8")]));
        assert!(ascii(&[("TERM", "xterm"), ("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(ascii(&[("TERM", "xterm")]));
    }

    #[test]
    fn a_bar_is_as_wide_as_asked_and_tells_no_lie_at_its_ends() {
        for glyphs in [Glyphs::unicode(), Glyphs::ascii()] {
            for share in [0.0, 0.0001, 0.3, 0.5, 0.9999, 1.0, 7.0, -1.0, f64::NAN] {
                for width in [0, 1, 2, 10] {
                    let (filled, rest) = glyphs.bar(share, width);
                    assert_eq!(filled.width() + rest.width(), width, "{share} {width}");
                    assert!(width < 2 || !filled.is_empty() || share.is_nan() || share <= 0.0, "{share} {width}");
                }
            }
            assert_eq!(glyphs.bar(1.0, 3).0, glyphs.gauge[glyphs.gauge.len() - 1].repeat(3));
            assert_ne!(glyphs.bar(0.9999, 3).0, glyphs.bar(1.0, 3).0);
        }
        assert_eq!(Glyphs::ascii().bar(0.5, 4), ("##".to_owned(), "..".to_owned()));
        assert_eq!(Glyphs::unicode().bar(0.3, 4), ("█▎".to_owned(), "░░".to_owned()));
    }
}
