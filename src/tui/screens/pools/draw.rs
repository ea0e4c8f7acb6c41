//! How the room is shared out between the pools, the scores, the folders, the assets and the selected one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Pools, details, role_of, scores, sign_of};
use crate::events::{AssetView, PoolView, Standing};
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::text::{clip_middle, count, count_within, fit, pad, pad_start, width};
use crate::tui::theme::Role;
use crate::tui::widgets::{WIDE, padded, panel, plain, put, put_lines, row, rule, scrollbar, span};

/// The widest column of the names of pools.
const WIDEST_POOL: usize = 16;
/// The columns of a sign and a standing.
const STANDING: usize = 12;
/// Rows of pools that are in sight at once.
const POOLS: u16 = 5;
/// Rows of the chart: its columns, the counts above them, the scores below them.
const CHART: u16 = 6;

/// Where things were at the last frame, from the upper left corner of the screen's area.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Areas {
    pub(super) pools: Rect,
    pub(super) assets: Rect,
}

/// `area` without its first rows.
fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

impl Pools {
    pub(super) fn draw_all(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        self.areas = Areas::default();
        let pools = facts.state.pools();
        let Some(pool) = pools.get(self.asked.pool) else {
            let told = "the steps of this pipeline draw from no pool";
            return put(buffer, area, &Line::styled(told, look.style(Role::Dim)), look);
        };
        // The one list that is left where there is no room for more.
        if area.height < 6 || area.width < 30 {
            let head = u16::from(area.height > 2);
            self.draw_pool(pool, pools, look, Rect { height: head, ..area }, buffer);
            return self.draw_assets(pool, facts, look, below(area, head), area, buffer);
        }
        let wanted = (pools.len() as u16).min(POOLS).min(area.height / 4).max(1);
        let is_wide = area.width >= WIDE && area.height >= 16;
        let (left, side) = if is_wide {
            let side = (area.width * 2 / 5).min(60);
            let left = Rect { width: area.width - side - 1, ..area };
            (left, Rect { x: left.right() + 1, width: side, ..area })
        } else {
            (area, Rect::default())
        };
        let list = Rect { height: wanted, ..left };
        self.draw_pools(pools, look, list, buffer);
        self.areas.pools = from(list, area);
        let mut rest = below(left, wanted);
        let foot = if is_wide {
            self.draw_side(pool, facts, look, side, buffer);
            Rect::default()
        } else {
            rest = self.draw_scores(pool, look, rest, buffer);
            // What happened to the selected one is worth a few rows.
            let foot = match rest.height {
                0..6 => 0,
                6..10 => 1,
                10..14 => 4,
                _ => 5,
            };
            let whole = rest;
            rest.height -= foot;
            below(whole, rest.height)
        };
        let title = format!("assets of {}", safe_line(&pool.shape.name));
        rule(buffer, row(rest, 0), (&title, &self.said(pool)), true, look);
        self.draw_assets(pool, facts, look, below(rest, 1), area, buffer);
        self.draw_foot(pool, facts, look, foot, buffer);
    }

    /// How the assets are shown, in a word.
    fn said(&self, pool: &PoolView) -> String {
        let (shown, all) = (self.order.len(), pool.assets.len());
        let of =
            if shown == all { count(all as u64) } else { format!("{} of {}", count(shown as u64), count(all as u64)) };
        let which = if self.asked.only_denylist { "denylist, " } else { "" };
        format!("{which}{}, {of}", self.asked.sort.title())
    }

    /// One row for each pool, those about the chosen one.
    fn draw_pools(&mut self, pools: &[PoolView], look: &Look, area: Rect, buffer: &mut Buffer) {
        self.pool_list.go(self.asked.pool);
        for placed in self.pool_list.place(pools.len(), area.height, |_| 1) {
            let here = row(area, placed.line);
            self.draw_pool(&pools[placed.row], pools, look, here, buffer);
        }
    }

    fn draw_pool(&self, pool: &PoolView, pools: &[PoolView], look: &Look, area: Rect, buffer: &mut Buffer) {
        let is_chosen = pools.get(self.asked.pool).is_some_and(|chosen| std::ptr::eq(chosen, pool));
        let named = |pool: &PoolView| width(&safe_line(&pool.shape.name));
        let names = pools.iter().map(named).max().unwrap_or(0).min(WIDEST_POOL);
        let (plain, dim) = (plain(look), look.style(Role::Dim));
        let cursor = if is_chosen && pools.len() > 1 { look.glyphs.cursor } else { " " };
        let title = if is_chosen { look.style(Role::Title) } else { plain };
        let mut spans = vec![Span::styled(format!("{cursor} "), plain)];
        spans.extend(padded(fit(&safe_line(&pool.shape.name), names, look.glyphs.ellipsis), names + 2, title));
        if area.width >= 78 {
            let kind = pool.shape.kind.word();
            spans.extend(padded(if kind == pool.shape.name { "" } else { kind }, 8, dim));
        }
        let digits = pools.iter().map(|pool| count(pool.assets.len() as u64).len()).max().unwrap_or(1);
        let available = pool.standing(Standing::Available);
        let told = format!("{} of {}", count(available as u64), pad_start(&count(pool.assets.len() as u64), digits));
        let role = if available > 0 { Role::Available } else { Role::Missing };
        spans.push(Span::styled(pad_start(&told, digits * 2 + 4), look.style(role)));
        spans.push(Span::styled(" available", dim));
        for standing in [Standing::Denylisted, Standing::Spared] {
            let many = pool.standing(standing);
            let told = format!("{} {} {}", sign_of(standing, look), count(many as u64), standing.word());
            let told = if many > 0 { told } else { String::new() };
            if many > 0 || (area.width >= 70 && pools.iter().any(|pool| pool.standing(standing) > 0)) {
                spans.push(Span::raw("  "));
                spans.extend(padded(told, 14, look.style(role_of(standing))));
            }
        }
        spans.push(Span::styled(format!("  {} draws", count(pool.draws)), dim));
        put(buffer, area, &Line::from(spans), look);
    }

    /// The scores and the folders, as much as there is room for; gives what is left.
    fn draw_scores(&self, pool: &PoolView, look: &Look, area: Rect, buffer: &mut Buffer) -> Rect {
        if area.height < 17 || area.width < 60 {
            let line = scores::line(&self.order.scores, pool.shape.scoring.most, look);
            let line = Line::from([vec![Span::raw("  ")], line.spans].concat());
            put(buffer, row(area, 0), &line, look);
            return below(area, 1);
        }
        let threshold = pool.shape.scoring.threshold;
        rule(buffer, row(area, 0), ("scores", &format!("drawn from {threshold} on")), false, look);
        let chart = Rect { x: area.x + 1, y: area.y + 1, width: area.width - 1, height: CHART - 1 };
        let columns = scores::chart_width(usize::from(chart.width) * 3 / 5, &self.order.scores) as u16;
        scores::chart(buffer, Rect { width: columns, ..chart }, &self.order.scores, look);
        let folders = Rect { x: chart.x + columns + 3, width: chart.width.saturating_sub(columns + 4), ..chart };
        scores::folders(buffer, folders, pool, &self.order, look);
        below(area, CHART)
    }

    /// The scores, the folders and the selected asset below each other.
    fn draw_side(&self, pool: &PoolView, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let title =
            format!("{}: drawn from the score {} on", safe_line(&pool.shape.name), pool.shape.scoring.threshold);
        let inner = panel(buffer, area, &title, look);
        let chart = Rect { height: CHART.min(inner.height), ..inner };
        scores::chart(buffer, chart, &self.order.scores, look);
        let rest = below(inner, chart.height + 1);
        let folders = (pool.shape.folders.len() as u16 + 1).min(rest.height / 2);
        scores::folders(buffer, Rect { height: folders, ..rest }, pool, &self.order, look);
        let rest = below(rest, folders + 1);
        let Some(asset) = self.asset(pool) else { return };
        let lines = details::lines(asset, pool, facts, look, (usize::from(rest.width), true));
        put_lines(buffer, rest, &lines, 0, look);
    }

    /// The selected asset below the list.
    fn draw_foot(&self, pool: &PoolView, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let Some(asset) = self.asset(pool).filter(|_| !area.is_empty()) else { return };
        if area.height == 1 {
            let told = match details::last(asset, facts) {
                Some(last) => span(format!("  {} {last}", look.glyphs.failed), Role::Text, look),
                None => span("  it has not failed in this run", Role::Dim, look),
            };
            return put(buffer, area, &Line::from(told), look);
        }
        let name = safe_line(&self.order.name(asset)).into_owned();
        let name = clip_middle(&name, usize::from(area.width).saturating_sub(4), look.glyphs.ellipsis).into_owned();
        rule(buffer, row(area, 0), (&name, ""), false, look);
        let inner = below(Rect { x: area.x + 2, width: area.width - 2, ..area }, 1);
        let room = (usize::from(inner.width), inner.height >= 4);
        let lines = details::lines(asset, pool, facts, look, room);
        put_lines(buffer, inner, &lines, 0, look);
    }

    /// The assets; `whole` is the area of the screen.
    fn draw_assets(
        &mut self,
        pool: &PoolView,
        facts: &Facts,
        look: &Look,
        area: Rect,
        whole: Rect,
        buffer: &mut Buffer,
    ) {
        let columns = Columns { width: usize::from(area.width).saturating_sub(2) };
        let head = u16::from(area.height >= 4 && columns.has_standing());
        if head > 0 {
            put(buffer, row(area, 0), &columns.head(look), look);
        }
        let window = below(area, head);
        self.areas.assets = from(window, whole);
        let len = self.order.len();
        if len == 0 {
            put(buffer, window, &Line::styled(self.nothing(pool), look.style(Role::Dim)), look);
        }
        self.list.go(self.at().unwrap_or(0));
        let placed = self.list.place(len, window.height, |_| 1);
        for place in &placed {
            let asset = self.order.asset(place.row).and_then(|asset| pool.assets.get(asset as usize));
            let Some(asset) = asset else { continue };
            let is_selected = self.list.cursor(len) == Some(place.row);
            let name = safe_line(&self.order.name(asset)).into_owned();
            let here = Rect { width: columns.width as u16, ..row(window, place.line) };
            put(buffer, here, &columns.line(asset, &name, is_selected, facts, look), look);
            if is_selected {
                look.highlight(here, buffer);
            }
        }
        scrollbar(buffer, window, self.list.top(), placed.len(), len, look);
    }

    /// Why no asset is shown.
    fn nothing(&self, pool: &PoolView) -> &'static str {
        match (pool.assets.is_empty(), self.asked.text.is_empty()) {
            (true, _) => "  its assets are not known yet",
            (false, false) => "  no asset matches the filter; Esc takes it away",
            (false, true) => "  none is on the denylist",
        }
    }
}

/// `inner` from the corner of `outer`.
fn from(inner: Rect, outer: Rect) -> Rect {
    Rect { x: inner.x - outer.x, y: inner.y - outer.y, ..inner }
}

/// What a row of the list has room for.
struct Columns {
    width: usize,
}

impl Columns {
    const fn has_standing(&self) -> bool {
        self.width >= 40
    }

    const fn has_counts(&self) -> bool {
        self.width >= 60
    }

    const fn has_reason(&self) -> bool {
        self.width >= 110
    }

    /// The columns of the name.
    const fn name(&self) -> usize {
        let standing = if self.has_standing() { STANDING + 2 } else { 2 };
        let counts = if self.has_counts() { 8 * 3 } else { 0 };
        let score = if self.has_standing() { 7 } else { 5 };
        let rest = self.width.saturating_sub(2 + standing + score + counts);
        if self.has_reason() { rest / 2 } else { rest }
    }

    fn head(&self, look: &Look) -> Line<'static> {
        let mut text = format!("  {}{}  ", pad("standing", STANDING + 2), pad_start("score", 5));
        text += &pad("asset", self.name());
        if self.has_counts() {
            text += &["drawn", "good", "failed"].map(|word| pad_start(word, 8)).concat();
        }
        if self.has_reason() {
            text += "  last failure";
        }
        Line::styled(text, look.style(Role::Dim))
    }

    fn line(&self, asset: &AssetView, name: &str, is_selected: bool, facts: &Facts, look: &Look) -> Line<'static> {
        let (plain, dim) = (plain(look), look.style(Role::Dim));
        let cursor = if is_selected { look.glyphs.cursor } else { " " };
        let mut spans = vec![Span::styled(format!("{cursor} "), plain)];
        let (sign, role) = (sign_of(asset.standing, look), look.style(role_of(asset.standing)));
        if self.has_standing() {
            spans.extend(padded(format!("{sign} {}", asset.standing.word()), STANDING + 2, role));
        } else {
            spans.push(Span::styled(format!("{sign} "), role));
        }
        let (digits, gap) = if self.has_standing() { (5, "  ") } else { (4, " ") };
        spans.push(Span::styled(pad_start(&asset.score.to_string(), digits), plain));
        spans.push(Span::styled(gap, plain));
        let room = self.name();
        let name = clip_middle(name, room.saturating_sub(1), look.glyphs.ellipsis).into_owned();
        spans.push(Span::styled(pad(&name, room), plain));
        if self.has_counts() {
            let failed = if asset.standing == Standing::Available { look.style(Role::Warn) } else { role };
            for (many, style) in [(asset.draws, plain), (asset.successes, plain), (asset.failures, failed)] {
                let told = if many == 0 { look.glyphs.none.to_owned() } else { count_within(many.into(), 7) };
                spans.push(Span::styled(pad_start(&told, 8), if many == 0 { dim } else { style }));
            }
        }
        if self.has_reason()
            && let Some(last) = details::last(asset, facts)
        {
            spans.push(Span::styled(format!("  {last}"), dim));
        }
        Line::from(spans)
    }
}
