//! The columns of the list: those that there is no room for are left out.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{health, stand};
use crate::events::resources::{Amount, chief};
use crate::events::{ResourceView, milliseconds};
use crate::resilience::breaker::BreakerState;
use crate::resilience::safe_text::safe_line;
use crate::resources::{Health, Metrics};
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::text::{bytes, clip, count_within, fit, pad, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{BREAKER_WIDTH, breaker_word, clock, duration, padded, plain};

/// Columns of the bar of what is in use.
const BAR: usize = 8;
/// Columns of a length of time: `840 ms`, `12 s`, `2:10:05`.
const TIME: usize = 8;

/// Something that a row tells where there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Word,
    Use,
    Waiting,
    Kind,
    Leases,
    Breaker,
    Hold,
    Wait,
    Failed,
    Timeouts,
    Idle,
    Figures,
}

impl Column {
    /// From what matters most.
    const BY_WORTH: [Self; 12] = [
        Self::Word,
        Self::Use,
        Self::Waiting,
        Self::Breaker,
        Self::Leases,
        Self::Kind,
        Self::Hold,
        Self::Failed,
        Self::Wait,
        Self::Figures,
        Self::Timeouts,
        Self::Idle,
    ];

    /// In the order of the line, after the name.
    const IN_LINE: [Self; 12] = [
        Self::Kind,
        Self::Word,
        Self::Use,
        Self::Idle,
        Self::Waiting,
        Self::Leases,
        Self::Wait,
        Self::Hold,
        Self::Failed,
        Self::Timeouts,
        Self::Breaker,
        Self::Figures,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Word => "HEALTH",
            Self::Use => "IN USE",
            Self::Waiting => "WAIT",
            Self::Kind => "KIND",
            Self::Leases => "LEASES",
            Self::Breaker => "BREAKER",
            Self::Hold => "HELD",
            Self::Wait => "WAITED",
            Self::Failed => "FAILED",
            Self::Timeouts => "LATE",
            Self::Idle => "IDLE",
            Self::Figures => "FIGURES",
        }
    }

    /// Whether its values end at its right edge.
    const fn is_right(self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Leases | Self::Hold | Self::Wait | Self::Failed | Self::Timeouts | Self::Idle
        )
    }

    const fn columns(self, counts: usize) -> usize {
        match self {
            Self::Word => 9,
            Self::Kind => 10,
            Self::Use => BAR + 1 + counts,
            Self::Waiting | Self::Idle | Self::Timeouts => 4,
            Self::Leases | Self::Failed => 6,
            Self::Breaker => BREAKER_WIDTH,
            Self::Hold | Self::Wait => TIME,
            Self::Figures => 20,
        }
    }
}

/// What a row of the list has room for.
pub(super) struct Columns {
    name: usize,
    counts: usize,
    shown: Vec<Column>,
    /// Columns that are left for the figures.
    rest: usize,
}

/// `3/10`.
fn used(metrics: &Metrics) -> String {
    format!("{}/{}", metrics.active_connections, metrics.max_size)
}

impl Columns {
    pub(super) fn new(facts: &Facts, columns: u16) -> Self {
        let resources = &facts.state.resources;
        let widest = |texts: &mut dyn Iterator<Item = usize>, least: usize, most: usize| {
            texts.max().unwrap_or(0).clamp(least, most)
        };
        let name = widest(&mut resources.keys().map(|name| width(&safe_line(name))), 4, 20);
        let counts = widest(&mut resources.values().map(|view| used(&view.status.metrics).len()), 3, 11);
        let is_open =
            |name: &String| facts.state.breakers.get(name).is_some_and(|breaker| breaker.state != BreakerState::Closed);
        // The cursor, a sign and the name.
        let mut left = usize::from(columns).saturating_sub(2 + 2 + name);
        let mut shown = Vec::new();
        for column in Column::BY_WORTH {
            let takes = 2 + column.columns(counts);
            if takes > left || (column == Column::Breaker && !resources.keys().any(is_open)) {
                continue;
            }
            left -= takes;
            shown.push(column);
        }
        Self { name, counts, shown, rest: left }
    }

    fn columns(&self) -> impl Iterator<Item = (Column, usize)> {
        let shown = Column::IN_LINE.into_iter().filter(|column| self.shown.contains(column));
        shown.map(|column| {
            let more = if column == Column::Figures { self.rest } else { 0 };
            (column, column.columns(self.counts) + more)
        })
    }

    pub(super) fn head(&self, look: &Look) -> Line<'static> {
        let mut text = format!("    {}", pad("NAME", self.name));
        for (column, columns) in self.columns() {
            let title =
                if column.is_right() { pad_start(column.title(), columns) } else { pad(column.title(), columns) };
            text += &format!("  {title}");
        }
        Line::styled(text.trim_end().to_owned(), look.style(Role::Dim))
    }

    pub(super) fn line(&self, name: &str, view: &ResourceView, facts: &Facts, look: &Look) -> Line<'static> {
        let (plain, dim) = (plain(look), look.style(Role::Dim));
        let metrics = &view.status.metrics;
        let (sign, role, word) = stand(health(name, facts), look);
        let breaker = facts.state.breakers.get(name).filter(|breaker| breaker.state != BreakerState::Closed);
        let mut spans = vec![
            Span::styled(format!("{sign} "), look.style(role)),
            Span::styled(fit(&safe_line(name), self.name, look.glyphs.ellipsis), plain),
        ];
        let number = |value: u64, columns: usize, bad: Style| {
            let (text, style) = match value {
                0 => (look.glyphs.none.to_owned(), dim),
                value => (count_within(value, columns), bad),
            };
            vec![Span::styled(pad_start(&text, columns), style)]
        };
        let time = |seconds: f64, given: u64| {
            let (text, style) = match (given, milliseconds(seconds)) {
                (0, _) => (look.glyphs.none.to_owned(), dim),
                (_, 0..60_000) => (span(seconds), plain),
                (_, ms) => (clip(&clock(ms), TIME, look.glyphs.ellipsis).into_owned(), plain),
            };
            vec![Span::styled(pad_start(&text, TIME), style)]
        };
        for (column, columns) in self.columns() {
            spans.push(Span::raw("  "));
            spans.extend(match column {
                Column::Word => padded(word, columns, look.style(role)).to_vec(),
                Column::Kind => {
                    padded(fit(&safe_line(&view.kind), columns, look.glyphs.ellipsis), columns, dim).to_vec()
                }
                Column::Use => self.in_use(metrics, look),
                Column::Idle => number(metrics.available.into(), columns, plain),
                Column::Waiting => number(metrics.waiting.into(), columns, look.style(Role::Warn)),
                Column::Leases => number(metrics.total_acquisitions, columns, plain),
                Column::Wait => time(metrics.average_acquisition_time, metrics.total_acquisitions),
                Column::Hold => time(metrics.average_hold_time, metrics.total_acquisitions),
                Column::Failed => number(metrics.failed_acquisitions, columns, look.style(Role::Failed)),
                Column::Timeouts => number(metrics.timeouts, columns, look.style(Role::Warn)),
                Column::Breaker => match breaker {
                    Some(breaker) => breaker_word(breaker.state, look).to_vec(),
                    None => vec![Span::raw(" ".repeat(columns))],
                },
                Column::Figures => {
                    padded(fit(&figures(view, columns), columns, look.glyphs.ellipsis), columns, dim).to_vec()
                }
            });
        }
        Line::from(spans)
    }

    /// The bar of what is in use, of what is made and free, and of what could be made, and the numbers.
    fn in_use(&self, metrics: &Metrics, look: &Look) -> Vec<Span<'static>> {
        let most = f64::from(metrics.max_size.max(1));
        let share = |part: u32| f64::from(part) / most;
        let made = metrics.size.max(metrics.active_connections);
        let (full, rest) = look.glyphs.bar(share(metrics.active_connections), BAR);
        let (filled, left) = (width(&full), width(&rest));
        let ready = ((share(made) * BAR as f64).round() as usize).clamp(filled, BAR) - filled;
        let ready_sign = if look.glyphs.is_ascii { "=" } else { "▒" };
        let is_full = metrics.waiting > 0 && metrics.active_connections >= metrics.max_size;
        let role = if is_full { Role::GaugeFailed } else { Role::GaugeRunning };
        vec![
            Span::styled(full, look.style(role)),
            Span::styled(ready_sign.repeat(ready), look.style(Role::GaugeDone)),
            Span::styled(look.glyphs.gauge_empty.repeat(left - ready), look.style(Role::GaugeLeft)),
            Span::styled(format!(" {}", fit(&used(metrics), self.counts, "")), plain(look)),
        ]
    }
}

/// The figures of the kind that tell most, as many as fit.
fn figures(view: &ResourceView, columns: usize) -> String {
    let told = chief(&view.status.metrics.figures).into_iter().map(|figure| match figure.amount {
        Amount::Count(number) => format!("{} {}", count_within(number, 7), figure.label),
        Amount::Bytes(size) => bytes(size),
        Amount::Seconds(seconds) => format!("{} {}", figure.label, span(seconds)),
        Amount::Text(text) => format!("{} {text}", figure.label),
    });
    let mut line = String::new();
    for figure in told {
        let longer = if line.is_empty() { figure } else { format!("{line}, {figure}") };
        if width(&longer) > columns && !line.is_empty() {
            break;
        }
        line = safe_line(&longer).into_owned();
    }
    line
}

/// A length of time; what is less than a millisecond is not told as nothing.
pub(super) fn span(seconds: f64) -> String {
    match milliseconds(seconds) {
        0 if seconds > 0.0 => "<1 ms".to_owned(),
        ms => duration(ms),
    }
}

/// Whether somebody ought to look at it.
pub(super) const fn is_ill(health: Health) -> bool {
    matches!(health, Health::Unhealthy | Health::Degraded)
}
