//! How the scores of a pool are spread, and its draws over its folders.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::order::{Order, Scores};
use crate::events::PoolView;
use crate::resilience::safe_text::safe_line;
use crate::tui::look::Look;
use crate::tui::text::{clip, clip_middle, count, fit, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{plain, put, row, span};

/// The columns of a part at most, its gap among them.
const WIDEST: usize = 7;
/// The least of them.
const NARROWEST: usize = 3;

/// The columns of a part where all parts have so many.
pub(super) fn part_width(columns: usize, scores: &Scores) -> usize {
    (columns / scores.counts.len()).clamp(NARROWEST, WIDEST)
}

/// The columns that the chart takes of so many.
pub(super) fn chart_width(columns: usize, scores: &Scores) -> usize {
    part_width(columns, scores) * scores.counts.len()
}

/// Columns with their counts above and their scores below; a line stands where the scores begin that are high enough.
pub(super) fn chart(buffer: &mut Buffer, area: Rect, scores: &Scores, look: &Look) {
    let area = area.intersection(buffer.area);
    let part = part_width(usize::from(area.width), scores) as u16;
    let bars = area.height.saturating_sub(2);
    if bars == 0 || usize::from(area.width) < NARROWEST * scores.counts.len() {
        return;
    }
    let levels = look.glyphs.levels;
    let top = levels.len() - 1;
    let most = scores.counts.iter().copied().max().unwrap_or(0).max(1);
    for (at, many) in scores.counts.iter().enumerate() {
        let x = area.x + at as u16 * part;
        let room = part - 1;
        if at == scores.good {
            for y in area.top()..area.bottom() {
                buffer.set_string(x, y, look.glyphs.lines.vertical, look.style(Role::Accent));
            }
        }
        let role = if at < scores.good { Role::GaugeFailed } else { Role::GaugeDone };
        // Whatever there is one of is in sight.
        let eighths = (many * usize::from(bars) * top).div_ceil(most);
        let used = (eighths.div_ceil(top) as u16).min(bars);
        for y in 0..used {
            let level = (eighths - usize::from(y) * top).min(top);
            let sign = levels[level].repeat(usize::from(room));
            buffer.set_string(x + 1, area.y + bars - y, sign, look.style(role));
        }
        if *many > 0 {
            // The gap beside it is free at this height, or a line that may be covered.
            let told = centred(&told(*many, part.into()), room.into());
            buffer.set_stringn(x + 1, area.y + bars - used, told, part.into(), plain(look));
        }
        let label = centred(&scores.label(at), room.into());
        buffer.set_stringn(x + 1, area.bottom() - 1, label, room.into(), look.style(Role::Dim));
    }
}

/// A number in so many columns, in thousands or millions where there is not room for all of it.
fn told(many: usize, columns: usize) -> String {
    let units = [(1, ""), (1_000, "k"), (1_000_000, "M")];
    let fits =
        units.into_iter().map(|(unit, sign)| format!("{}{sign}", many / unit)).find(|told| told.len() <= columns);
    fits.unwrap_or_default()
}

fn centred(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text)) / 2))
}

/// The same in one line: `<0 ▂    │   █ 100`.
pub(super) fn line(scores: &Scores, most: i32, look: &Look) -> Line<'static> {
    let levels = look.glyphs.levels;
    let greatest = scores.counts.iter().copied().max().unwrap_or(0).max(1);
    let mut spans = vec![span("scores <0 ", Role::Dim, look)];
    for (at, many) in scores.counts.iter().enumerate() {
        if at == scores.good {
            spans.push(span(look.glyphs.lines.vertical, Role::Accent, look));
        }
        let role = if at < scores.good { Role::GaugeFailed } else { Role::GaugeDone };
        let level = (many * (levels.len() - 1)).div_ceil(greatest);
        let sign = if *many == 0 { look.glyphs.separator.trim() } else { levels[level] };
        let role = if *many == 0 { Role::GaugeLeft } else { role };
        spans.push(span(sign, role, look));
    }
    spans.push(span(format!(" {most}"), Role::Dim, look));
    Line::from(spans)
}

/// The draws of each folder beside the share that is wanted of it.
pub(super) fn folders(buffer: &mut Buffer, area: Rect, pool: &PoolView, order: &Order, look: &Look) {
    let shape = &pool.shape;
    let (columns, rows) = (usize::from(area.width), usize::from(area.height));
    if rows < 2 || columns < 20 {
        return;
    }
    let is_weighed = shape.folders.iter().any(|(_, share)| share.is_some());
    let has_draws = columns >= 36;
    let numbers = if is_weighed { 16 } else { 8 } + if has_draws { 10 } else { 0 };
    let names = columns - numbers;
    let line = |name: &str, wanted: &str, seen: &str, draws: &str, role: Role| {
        let mut spans = vec![Span::styled(fit(name, names, look.glyphs.ellipsis), look.style(role))];
        if is_weighed {
            spans.push(Span::styled(pad_start(wanted, 8), look.style(Role::Dim)));
        }
        spans.push(Span::styled(pad_start(seen, 8), look.style(role)));
        if has_draws {
            spans.push(Span::styled(pad_start(draws, 10), look.style(Role::Dim)));
        }
        Line::from(spans)
    };
    put(buffer, row(area, 0), &line("draws of", "wanted", "seen", "draws", Role::Dim), look);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let room = rows - 1;
    let shown = if shape.folders.len() > room { room - 1 } else { room };
    for (at, (folder, share)) in shape.folders.iter().enumerate().take(shown) {
        let name = order.folder(folder.as_path());
        let name = clip_middle(&safe_line(&name), names.saturating_sub(1), look.glyphs.ellipsis).into_owned();
        let wanted = share.map_or_else(|| look.glyphs.none.to_owned(), percent);
        let seen = pool.share(at).map_or_else(|| look.glyphs.none.to_owned(), percent);
        let draws = pool.folder_draws.get(at).copied().unwrap_or(0);
        put(buffer, row(area, at as u16 + 1), &line(&name, &wanted, &seen, &count(draws), Role::Text), look);
    }
    if shown < shape.folders.len() {
        let more = format!("{} {} more folders", look.glyphs.ellipsis, shape.folders.len() - shown);
        let more = clip(&more, columns, look.glyphs.ellipsis).into_owned();
        put(buffer, row(area, shown as u16 + 1), &Line::styled(more, look.style(Role::Dim)), look);
    }
}
