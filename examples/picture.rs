//! Takes pictures of a program's screen, for the README: runs it in a pseudo-terminal, drives it with keys, and writes what
//! the terminal shows as SVG. `docs/pictures.sh` makes all pictures of the repository with it.
//!
//! ```text
//! cargo run --example picture -- 110x30 [STEP...] -- COMMAND [ARGUMENT...]
//!   until:TEXT      waits until the screen shows TEXT       gone:TEXT       waits until it does not
//!   key:KEYS        types KEYS; <enter>, <esc>, <tab>       wait:SECONDS    gives it time
//!   shot:FILE.svg   writes a picture
//! ```

#![expect(clippy::print_stderr, reason = "it is a program of its own")]

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use vt100::{Cell, Color, Parser};

/// A cell's width and height, and where its letters stand, in the picture's units.
const CELL: (f32, f32, f32) = (8.4, 18.0, 13.5);
/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The colours of text and ground, and the sixteen of a terminal.
const INK: &str = "#d4d7dd";
const GROUND: &str = "#14161b";
const PALETTE: [&str; 16] = [
    "#30343c", "#e0626d", "#7fbf6a", "#d9b15f", "#6a9fe8", "#c185d6", "#56b6c2", "#c8ccd4", "#7d8491", "#ff7b86",
    "#98d982", "#f0cb7a", "#86b8ff", "#dba0ef", "#74d3df", "#ffffff",
];

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match pictures() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("picture: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pictures() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (size, words) = words.split_first().ok_or("the size is missing, such as 110x30")?;
    let (columns, rows) = size.split_once('x').ok_or("the size is not of the form 110x30")?;
    let (columns, rows): (u16, u16) = (columns.parse()?, rows.parse()?);
    let dashes = words.iter().position(|word| word == "--").ok_or("the command is missing, after --")?;
    let (steps, command) = (&words[..dashes], &words[dashes + 1..]);
    let (program, arguments) = command.split_first().ok_or("the command is missing, after --")?;

    let pty = native_pty_system().openpty(PtySize { rows, cols: columns, ..PtySize::default() })?;
    let mut command = CommandBuilder::new(program);
    command.args(arguments);
    command.cwd(std::env::current_dir()?);
    for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")] {
        command.env(name, value);
    }
    let mut child = pty.slave.spawn_command(command)?;
    drop(pty.slave);
    let mut output = pty.master.try_clone_reader()?;
    let mut keys = pty.master.take_writer()?;
    let size = |number| NonZeroU16::new(number).ok_or("no size is 0");
    let screen = Arc::new(Mutex::new(Parser::new(size(rows)?, size(columns)?, 0)));
    let shown = Arc::clone(&screen);
    std::thread::spawn(move || {
        let mut block = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut block) {
            shown.lock().unwrap_or_else(PoisonError::into_inner).process(&block[..length]);
        }
    });
    let text = || screen.lock().unwrap_or_else(PoisonError::into_inner).screen().contents();
    for step in steps {
        let (what, with) = step.split_once(':').ok_or_else(|| format!("'{step}' is no step"))?;
        match what {
            "until" => wait(&format!("'{with}'"), || text().contains(with))?,
            "gone" => wait(&format!("the end of '{with}'"), || !text().contains(with))?,
            "wait" => std::thread::sleep(Duration::from_secs_f32(with.parse()?)),
            "key" => {
                let typed = with.replace("<enter>", "\r").replace("<esc>", "\x1b").replace("<tab>", "\t");
                keys.write_all(typed.as_bytes())?;
                keys.flush()?;
            }
            "shot" => {
                let svg = picture(screen.lock().unwrap_or_else(PoisonError::into_inner).screen(), columns, rows);
                std::fs::write(with, svg)?;
            }
            _ => return Err(format!("'{step}' is no step").into()),
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn wait(what: &str, condition: impl Fn() -> bool) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > until {
            return Err(format!("waited in vain for {what}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The screen as SVG.
fn picture(screen: &vt100::Screen, columns: u16, rows: u16) -> String {
    let (width, height) = (f32::from(columns) * CELL.0 + 24.0, f32::from(rows) * CELL.1 + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace\" font-size=\"14\" \
         shape-rendering=\"crispEdges\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{GROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let Some(cell) = screen.cell(row, column) else { break };
            let look = Look::of(cell);
            let from = column;
            let mut text = String::new();
            // Signs that fill their cell are drawn, each in its place: fonts leave gaps between them.
            let blocks = |cell: &Cell| block(cell.contents()).is_some();
            let is_block = blocks(cell);
            while let Some(cell) =
                screen.cell(row, column).filter(|cell| Look::of(cell) == look && blocks(cell) == is_block)
            {
                text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                column += if cell.is_wide() { 2 } else { 1 };
                if column >= columns {
                    break;
                }
            }
            draw(&mut svg, &look, &text, (from, column, row), is_block);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, look: &Look, text: &str, (from, to, row): (u16, u16, u16), is_block: bool) {
    let (x, y) = (f32::from(from) * CELL.0 + 12.0, f32::from(row) * CELL.1 + 12.0);
    let width = f32::from(to - from) * CELL.0;
    // Writing to a String cannot fail.
    if let Some(ground) = &look.ground {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{ground}\"/>",
            CELL.1
        );
    }
    if is_block {
        let mut signs = text.chars().enumerate().peekable();
        while let Some((place, sign)) = signs.next() {
            let mut cells = 1;
            while signs.next_if(|(_, next)| *next == sign).is_some() {
                cells += 1;
            }
            let Some((low, high, opacity)) = block(sign.encode_utf8(&mut [0; 4])) else { continue };
            let (x, wide) = (x + place as f32 * CELL.0, cells as f32 * CELL.0);
            let (top, tall) = (y + CELL.1 * (1.0 - high), CELL.1 * (high - low));
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\" fill=\"{}\" \
                 fill-opacity=\"{opacity}\"/>",
                look.ink
            );
        }
        return;
    }
    // A viewer takes many blanks for one: what stands behind them gets a place of its own.
    let mut cell = 0;
    for part in text.split("  ") {
        let shown = part.trim_start();
        let from = cell + columns(part) - columns(shown);
        cell += columns(part) + 2;
        if !shown.trim_end().is_empty() {
            letters(svg, look, shown.trim_end(), (x + from as f32 * CELL.0, y + CELL.2));
        }
    }
}

/// The columns that `text` takes.
fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

fn letters(svg: &mut String, look: &Look, text: &str, (x, y): (f32, f32)) {
    let width = columns(text) as f32 * CELL.0;
    let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
    let faint = if look.dim { " opacity=\"0.65\"" } else { "" };
    let ink = &look.ink;
    let shown = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"{ink}\"{weight}{faint} textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\">{shown}</text>"
    );
}

/// Of a sign that fills its cell from side to side: its lower and upper edge, and how dense it is.
fn block(sign: &str) -> Option<(f32, f32, f32)> {
    Some(match sign {
        "█" => (0.0, 1.0, 1.0),
        "▓" => (0.0, 1.0, 0.75),
        "▒" => (0.0, 1.0, 0.5),
        "░" => (0.0, 1.0, 0.25),
        "▁" => (0.0, 0.125, 1.0),
        "▂" => (0.0, 0.25, 1.0),
        "▃" => (0.0, 0.375, 1.0),
        "▄" => (0.0, 0.5, 1.0),
        "▅" => (0.0, 0.625, 1.0),
        "▆" => (0.0, 0.75, 1.0),
        "▇" => (0.0, 0.875, 1.0),
        "─" => (0.47, 0.53, 1.0),
        _ => return None,
    })
}

/// How a cell looks.
#[derive(PartialEq)]
struct Look {
    ink: String,
    ground: Option<String>,
    bold: bool,
    dim: bool,
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, ground) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        let (ink, ground) = if cell.inverse() {
            (ground.unwrap_or_else(|| GROUND.to_owned()), Some(ink.unwrap_or_else(|| INK.to_owned())))
        } else {
            (ink.unwrap_or_else(|| INK.to_owned()), ground)
        };
        Self { ink, ground, bold: cell.bold(), dim: cell.dim() }
    }
}

fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        Color::Idx(index @ 0..16) => Some(PALETTE[usize::from(index)].to_owned()),
        Color::Idx(index @ 16..232) => {
            let level = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
            let (index, level) = (index - 16, level);
            let (red, green, blue) = (level(index / 36), level(index / 6 % 6), level(index % 6));
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        Color::Idx(index) => Some(format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (index - 232))),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}
