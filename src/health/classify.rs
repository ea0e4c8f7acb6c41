//! Whose fault it was that a tool failed.

use std::borrow::Cow;

use rustix::io::Errno;

use super::canary::CanaryResult;
use super::known::{self, EVERY_TOOL, KnownTool, Row};
use crate::pipeline::plan::{FaultRule, ToolSpec};
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;
use crate::resilience::{Fault, FaultClass};

/// How a tool ended that did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitKind {
    /// With this exit code. 0: it said that all went well, but an output that it promised is not there.
    Code(i32),
    /// By this signal, which we did not send.
    Signal(i32),
    /// It ran past its time limit.
    TimedOut,
    /// It did nothing for longer than it may.
    IdleTimedOut,
    /// It wrote more to its standard streams than it may.
    OutputFlood,
    /// It never ran.
    StartFailed {
        /// The number of the system's error, where it gave one.
        errno: Option<i32>,
        /// What the system said.
        message: String,
    },
}

/// What is known of a tool's failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolEnd {
    /// How it ended.
    pub exit: ExitKind,
    /// The last that it wrote to standard error.
    pub stderr_tail: String,
    /// The last that it wrote to standard output.
    pub stdout_tail: String,
    /// Whether the disk that it wrote to was full when it ended.
    pub disk_full: bool,
}

/// Whose fault it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is known.
    Fault(Fault),
    /// No row fits: the tool's canary decides. The fault is what holds where there is none: transient, because of a tool
    /// that nothing is known of it may be, and a retry loses no item.
    Ambiguous(Fault),
}

impl Verdict {
    /// The fault, once the canary has been asked: if it went well, the input is to blame; if not, the tool is. `None`:
    /// there is no canary.
    #[must_use]
    pub fn decide(self, canary: Option<&CanaryResult>) -> Fault {
        match (self, canary) {
            (Self::Fault(fault), _) | (Self::Ambiguous(fault), None) => fault,
            (Self::Ambiguous(fault), Some(canary)) if canary.well => Fault { class: FaultClass::Input, ..fault },
            (Self::Ambiguous(fault), Some(canary)) => {
                let message = format!("{}; it fails with a good input too ({})", fault.message, canary.details);
                Fault { class: FaultClass::Dependency, message, ..fault }
            }
        }
    }
}

/// Whose fault it was that `tool` ended as `end`. `spec` is what the pipeline says of it: its rows are asked first, then
/// those of the tool's table, then those for every tool.
#[must_use]
pub fn classify(tool: &str, spec: Option<&ToolSpec>, end: &ToolEnd) -> Verdict {
    let known = known::find(tool);
    let case = Case { tool: safe_line(tool), known, spec, end };
    case.by_start()
        .or_else(|| case.by_disk())
        .or_else(|| case.by_how_it_was_ended())
        .or_else(|| case.by_rows())
        .map_or_else(|| Verdict::Ambiguous(case.fault(FaultClass::Transient, case.cause(), None)), Verdict::Fault)
}

struct Case<'a> {
    tool: Cow<'a, str>,
    known: Option<&'static KnownTool>,
    spec: Option<&'a ToolSpec>,
    end: &'a ToolEnd,
}

impl Case<'_> {
    fn by_start(&self) -> Option<Fault> {
        let install = |fault: Fault| match self.install() {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        };
        match &self.end.exit {
            ExitKind::StartFailed { errno, message } => {
                let message = format!("{} cannot be started: {}", self.tool, safe_line(message));
                let fault = |class, cause| Fault::new(class, cause, bounded(&message));
                Some(match errno.map(Errno::from_raw_os_error) {
                    Some(Errno::AGAIN | Errno::NOMEM) => {
                        fault(FaultClass::Transient, "start").with_hint("lower --jobs")
                    }
                    Some(Errno::MFILE | Errno::NFILE) => fault(FaultClass::Environment, "descriptors")
                        .with_hint("raise the limit of open files (ulimit -n), or lower --jobs"),
                    Some(Errno::NOSPC | Errno::DQUOT) => fault(FaultClass::Environment, "disk-full"),
                    Some(Errno::TOOBIG) => fault(FaultClass::Input, "arguments"),
                    _ => install(fault(FaultClass::Dependency, "start")),
                })
            }
            ExitKind::Code(126) => Some(install(self.fault(FaultClass::Dependency, "start", None))),
            ExitKind::Code(127) => Some(install(self.fault(FaultClass::Dependency, "missing", None))),
            _ => None,
        }
    }

    fn by_disk(&self) -> Option<Fault> {
        let fault = || Fault::new(FaultClass::Environment, "disk-full", self.message("the disk is full", None));
        self.end.disk_full.then(|| fault().with_hint("free room on that disk; the run goes on by itself"))
    }

    fn by_how_it_was_ended(&self) -> Option<Fault> {
        let fault = |class, cause| Some(self.fault(class, cause, None));
        match self.end.exit {
            ExitKind::Signal(9) => fault(FaultClass::Transient, "signal")
                .map(|fault| fault.with_hint("lower --jobs, or give it less to do")),
            ExitKind::Signal(_) => fault(FaultClass::Transient, "signal"),
            ExitKind::TimedOut => fault(FaultClass::Transient, "timeout"),
            ExitKind::IdleTimedOut => fault(FaultClass::Transient, "idle-timeout"),
            ExitKind::OutputFlood => fault(FaultClass::Input, "output-flood"),
            ExitKind::Code(_) | ExitKind::StartFailed { .. } => None,
        }
    }

    fn by_rows(&self) -> Option<Fault> {
        let ExitKind::Code(code) = self.end.exit else { return None };
        let (stderr, stdout) = (self.end.stderr_tail.to_lowercase(), self.end.stdout_tail.to_lowercase());
        let own = self.spec.map_or(&[][..], |spec| &spec.faults).iter().find(|rule| {
            let says = |text: &str| stderr.contains(text) || stdout.contains(text);
            (rule.exit.is_some() || rule.output.is_some())
                && rule.exit.is_none_or(|exit| exit == code)
                && rule.output.as_ref().is_none_or(|text| says(&text.to_lowercase()))
        });
        own.map(|rule| self.by_rule(rule)).or_else(|| self.by_tables(code)).or_else(|| {
            // What a shell says of a child that a signal ended.
            let signal = code.checked_sub(128).filter(|signal| (1..=31).contains(signal))?;
            let how = format!("{} was ended by {}", self.tool, signal_name(signal));
            Some(Fault::new(FaultClass::Transient, "signal", self.message(&how, None)))
        })
    }

    /// The last line that a row fits decides: what a tool complains of and goes on is not what it ends with.
    fn by_tables(&self, code: i32) -> Option<Fault> {
        let rows = || self.known.map_or(&[][..], |known| known.rows).iter().chain(EVERY_TOOL);
        let (row, line) =
            lines(&self.end.stderr_tail).rev().chain(lines(&self.end.stdout_tail).rev()).find_map(|line| {
                let said = line.to_lowercase();
                let fits = |row: &&Row| row.exit.is_none_or(|exit| exit == code) && said.contains(row.text);
                rows().find(fits).map(|row| (row, line))
            })?;
        // "Traceback" alone tells whose fault it is, and nothing of what it was.
        let message = match is_closing_word(line) {
            true => self.message(&self.how(), None),
            false => format!("{}: {}", self.how(), quote(line)),
        };
        let fault = Fault::new(row.class, row.cause, message);
        Some(match row.hint {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        })
    }

    fn by_rule(&self, rule: &FaultRule) -> Fault {
        let fault = match &rule.message {
            Some(message) => Fault::new(rule.class, self.cause(), bounded(&safe_line(message))),
            None => self.fault(rule.class, self.cause(), rule.output.as_deref()),
        };
        let fault = Fault { asset: rule.pool.as_deref().map(OsText::from), ..fault };
        match self.spec.and_then(|spec| spec.hint.as_deref()) {
            Some(hint) if rule.class == FaultClass::Dependency => fault.with_hint(hint),
            _ => fault,
        }
    }

    fn install(&self) -> Option<String> {
        let own = self.spec.and_then(|spec| spec.hint.clone());
        own.or_else(|| self.known.map(|known| known.install.to_owned()))
    }

    /// What failures of this kind are grouped by where no row says it better.
    fn cause(&self) -> &'static str {
        if self.end.exit == ExitKind::Code(0) { "output-missing" } else { "exit" }
    }

    fn fault(&self, class: FaultClass, cause: &str, text: Option<&str>) -> Fault {
        Fault::new(class, cause, self.message(&self.how(), text))
    }

    /// How it ended, in words.
    fn how(&self) -> String {
        let tool = &self.tool;
        match &self.end.exit {
            ExitKind::Code(0) => format!("{tool} ended well but did not make what it should"),
            ExitKind::Code(126) => format!("{tool} cannot be run (exit code 126)"),
            ExitKind::Code(127) => format!("{tool} or what it calls was not found (exit code 127)"),
            ExitKind::Code(code) => format!("{tool} ended with exit code {code}"),
            ExitKind::Signal(9) => {
                format!("{tool} was killed (SIGKILL), most likely because the machine ran out of memory")
            }
            ExitKind::Signal(signal) => format!("{tool} was ended by {}", signal_name(*signal)),
            ExitKind::TimedOut => format!("{tool} ran past its time limit"),
            ExitKind::IdleTimedOut => format!("{tool} did nothing for longer than it may"),
            ExitKind::OutputFlood => format!("{tool} wrote more messages than it may"),
            ExitKind::StartFailed { message, .. } => format!("{tool} cannot be started: {}", safe_line(message)),
        }
    }

    /// `how`, and the line of the tool that tells most: one with `text` in it, or else the last.
    fn message(&self, how: &str, text: Option<&str>) -> String {
        let tails = [&self.end.stderr_tail, &self.end.stdout_tail];
        let with_text = text.and_then(|text| tails.iter().find_map(|tail| line_with(tail, text)));
        // Standard output is often data: it is quoted only where a row or the lack of anything else points at it.
        match with_text.or_else(|| tails.iter().find_map(|tail| telling_line(tail))) {
            Some(line) => format!("{how}: {line}"),
            None => how.to_owned(),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

/// The longest quote, in characters.
const QUOTE: usize = 300;

fn bounded(line: &str) -> String {
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// The lines of a terminal's output: a carriage return begins one anew.
fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty())
}

fn line_with(tail: &str, text: &str) -> Option<String> {
    let text = text.to_lowercase();
    lines(tail).find(|line| line.to_lowercase().contains(&text)).map(quote)
}

/// The last line that tells something: no progress bar, no closing word.
pub(super) fn telling_line(tail: &str) -> Option<String> {
    lines(tail).rfind(|line| !is_progress(line) && !is_closing_word(line)).map(quote)
}

fn quote(line: &str) -> String {
    bounded(&safe_line(line))
}

fn is_progress(line: &str) -> bool {
    line.contains("%|")
        || (line.contains("time=") && line.contains("bitrate="))
        || line.starts_with("In:")
        || line.chars().all(|c| !c.is_alphanumeric())
}

fn is_closing_word(line: &str) -> bool {
    ["Conversion failed!", "Exiting.", "Traceback (most recent call last):"].contains(&line)
        || line.contains("no images defined `")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_line_is_no_progress_bar_and_no_closing_word() {
        let tail =
            "x.wav: Invalid data\nframe= 1 time=00:01 bitrate=1k\r 50%|###   | 3/6\r\n   ^^^^^\nConversion failed!\n";
        assert_eq!(telling_line(tail).as_deref(), Some("x.wav: Invalid data"));
        assert_eq!(telling_line(" \n\r\n"), None);
    }

    #[test]
    fn a_quote_is_bounded_and_safe() {
        let quote = telling_line(&format!("\x1b[2J{}", "ä".repeat(1000))).expect("a line");
        assert!(quote.starts_with("\\u{1b}[2J") && quote.ends_with("..."), "{quote}");
        assert_eq!(quote.chars().count(), 303);
    }
}
