//! The pictures among the artifacts, drawn with half blocks: every terminal can show those.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::Widget;
use ratatui_image::Image;
use ratatui_image::protocol::Protocol;

use crate::resilience::safe_text::safe_line;
use crate::tui::effect::{Effect, Load, Loaded};
use crate::tui::look::Look;
use crate::tui::theme::{ColorDepth, Role};
use crate::tui::widgets::{folded, put_lines, rule, span};

/// What a picture is made of where there are no colours, from dark to light.
const ASCII_SHADES: [&str; 8] = [" ", ".", ":", "-", "=", "+", "*", "#"];
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

type Shown = Result<Arc<Protocol>, String>;

/// The picture in sight.
#[derive(Clone, Default)]
pub(super) struct Preview {
    pub(super) open: bool,
    pictures: Vec<PathBuf>,
    at: usize,
    /// What was asked for last.
    asked: Option<(PathBuf, (u16, u16))>,
    shown: Option<(PathBuf, Shown)>,
    /// The cells that it had at the last frame.
    room: (u16, u16),
}

impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Preview({} of {:?}, open: {})", self.at, self.pictures, self.open)
    }
}

impl Preview {
    /// The pictures that there are now; the one in sight stays.
    pub(super) fn set(&mut self, pictures: Vec<PathBuf>) {
        let here = self.pictures.get(self.at);
        self.at = pictures.iter().position(|path| Some(path) == here).unwrap_or(0);
        self.open &= !pictures.is_empty();
        self.pictures = pictures;
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// Whether one can turn to another.
    pub(super) fn several(&self) -> bool {
        self.pictures.len() > 1
    }

    /// The next picture, or the one before.
    pub(super) fn turn(&mut self, forward: bool) {
        let all = self.pictures.len().max(1);
        self.at = (self.at + if forward { 1 } else { all - 1 }) % all;
    }

    fn path(&self) -> Option<&Path> {
        self.pictures.get(self.at).map(PathBuf::as_path)
    }

    /// The order for the picture, where it is not there in this size.
    pub(super) fn ask(&mut self) -> Option<Effect> {
        let wanted = (self.path().filter(|_| self.open)?.to_path_buf(), self.room);
        if self.asked.as_ref() == Some(&wanted) || self.room.0 == 0 || self.room.1 == 0 {
            return None;
        }
        self.asked = Some(wanted.clone());
        Some(Effect::Load(Load::Picture { path: wanted.0, size: wanted.1 }))
    }

    /// A picture came.
    pub(super) fn loaded(&mut self, loaded: &Loaded) {
        if let Loaded::Picture { path, picture } = loaded
            && self.asked.as_ref().is_some_and(|(asked, _)| asked == path)
        {
            self.shown = Some((path.clone(), picture.clone()));
        }
    }

    /// Draws it below its name.
    pub(super) fn draw(&mut self, look: &Look, depth: ColorDepth, focused: bool, area: Rect, buffer: &mut Buffer) {
        let name = self.path().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let mut said = String::new();
        if self.pictures.len() > 1 {
            let (left, right) = (look.glyphs.left, look.glyphs.right);
            said = format!("{left} {} of {} {right}", self.at + 1, self.pictures.len());
        }
        rule(buffer, area, (&safe_line(&name), &said), focused, look);
        let room = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        self.room = (room.width, room.height);
        if room.is_empty() {
            return;
        }
        let shown = self.shown.as_ref().filter(|(path, _)| Some(path.as_path()) == self.path());
        match shown {
            None => put_lines(buffer, room, &[span("reading the picture", Role::Dim, look).into()], 0, look),
            Some((_, Err(why))) => {
                let lead = span(format!("{} it cannot be shown: ", look.glyphs.cross), Role::Failed, look);
                let lines = folded(lead, &safe_line(why), Style::new(), usize::from(room.width));
                put_lines(buffer, room, &lines, 0, look);
            }
            Some((_, Ok(picture))) => draw(picture, look, depth, room, buffer),
        }
    }
}

fn draw(picture: &Protocol, look: &Look, depth: ColorDepth, room: Rect, buffer: &mut Buffer) {
    let size = picture.size();
    let (columns, rows) = (size.width.min(room.width), size.height.min(room.height));
    let place = Rect::new(room.x + (room.width - columns) / 2, room.y + (room.height - rows) / 2, columns, rows);
    Image::new(picture).allow_clipping(true).render(place, buffer);
    let plain = look.theme.name() == "mono";
    if !plain && !look.glyphs.is_ascii && depth == ColorDepth::Full {
        return;
    }
    for position in place.positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            if plain || look.glyphs.is_ascii { shade(cell, look, plain, depth) } else { reduce(cell, depth) }
        }
    }
}

fn reduce(cell: &mut Cell, depth: ColorDepth) {
    (cell.fg, cell.bg) = (depth.nearest(cell.fg), depth.nearest(cell.bg));
}

/// A cell without half blocks: how light it is, in its colour where there are colours.
fn shade(cell: &mut Cell, look: &Look, plain: bool, depth: ColorDepth) {
    let half = if cell.symbol() == " " { cell.bg } else { cell.fg };
    let (upper, lower) = (light(half), light(cell.bg));
    let signs: &[&'static str] = if look.glyphs.is_ascii { &ASCII_SHADES } else { &SHADES };
    let place = (upper + lower) / 2 * signs.len() / 256;
    let colour = half;
    cell.reset();
    cell.set_symbol(signs[place.min(signs.len() - 1)]);
    if !plain {
        cell.set_style(Style::new().fg(depth.nearest(colour)).remove_modifier(Modifier::all()));
    }
}

fn light(colour: Color) -> usize {
    match colour {
        Color::Rgb(r, g, b) => (usize::from(r) * 2126 + usize::from(g) * 7152 + usize::from(b) * 722) / 10_000,
        _ => 0,
    }
}
