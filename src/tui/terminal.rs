//! The terminal as a resource that is whole again whatever happens.
//!
//! [`Screen::enter`] takes it; [`Screen::leave`], dropping the screen, and a panic in any thread give it back: its modes,
//! its first screen, its cursor. It is opened as `/dev/tty`, for standard output may lead elsewhere, and without blocking: a
//! terminal that takes nothing (Ctrl-S, a dead line) holds nobody up. It is never asked anything, so that no answer is
//! waited for.

mod backend;
mod device;
mod escape;
mod input;
mod parse;
mod rescue;
mod signals;
mod suspend;
mod writer;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use backend::Collector;
use device::Device;
use input::Input;
use signals::Signals;
use writer::Writer;

/// What comes from the terminal and from the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key was pressed, or repeats.
    Key(KeyEvent),
    /// The mouse, where it is on.
    Mouse(MouseEvent),
    /// Text was pasted. It is as it came: not made safe.
    Paste(String),
    /// The size is now this many columns and rows.
    Resize(u16, u16),
    /// The terminal has the keys, or lost them.
    Focus(bool),
    /// A signal from outside: `SIGINT`, `SIGTERM`, `SIGHUP`, or `SIGTSTP`, which asks for [`Screen::suspend`].
    Signal(&'static str),
    /// Somebody stopped the program, not by [`Screen::suspend`], and it goes on: time for [`Screen::resume`].
    Continued,
    /// The terminal takes a frame again, after [`Screen::draw`] had to refuse one.
    Ready,
    /// The terminal is gone, or was given back by a panic in some thread: nothing will come any more.
    Closed,
}

/// Whoever takes the events.
type Handler = Arc<dyn Fn(TerminalEvent) + Send + Sync>;

/// Tells whether the panic of the current thread is caught and reported by somebody else.
pub type Contains = Arc<dyn Fn() -> bool + Send + Sync>;

/// What [`Screen::enter`] is told.
#[derive(Clone, Default)]
pub struct ScreenOptions {
    /// Whether the mouse is taken at once.
    pub mouse: bool,
    /// Whether tmux stands between: what is not for tmux itself is wrapped.
    pub tmux: bool,
    /// Asked on a thread that panics: a panic that is contained leaves the screen up, and nothing is printed.
    pub contains_panic: Option<Contains>,
}

/// Whether a wish to suspend came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspended {
    /// The program was stopped and goes on.
    Continued,
    /// There is nobody who would ever continue it, so that it was not stopped.
    Refused,
}

/// So long a terminal that takes nothing is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal, for as long as it shows our screen.
pub struct Screen {
    device: Arc<Device>,
    writer: Writer,
    terminal: Terminal<Collector>,
    handler: Handler,
    input: Option<Input>,
    signals: Option<Signals>,
    tmux: bool,
    title: Option<String>,
    repaint: bool,
}

impl Screen {
    /// Takes the terminal. From now on `handler` gets all that comes from it, on threads of its own: it must not block.
    ///
    /// # Errors
    /// There is no terminal, or it does not let us.
    pub fn enter(options: &ScreenOptions, handler: impl Fn(TerminalEvent) + Send + Sync + 'static) -> io::Result<Self> {
        // Whether there are colours is for the theme to say. Otherwise attributes would go with the colours.
        crossterm::style::force_color_output(true);
        let handler: Handler = Arc::new(handler);
        let device = Arc::new(Device::open()?);
        rescue::install(&device, options.contains_panic.clone());
        let signals = Signals::listen(Arc::clone(&handler), Arc::clone(&device))?;
        let writer = Writer::start(Arc::clone(&device), Arc::clone(&handler))?;
        let terminal = Terminal::new(Collector::new(Arc::clone(&device)))?;
        let mut screen = Self {
            device,
            writer,
            terminal,
            handler,
            input: None,
            signals: Some(signals),
            tmux: options.tmux,
            title: None,
            repaint: true,
        };
        // What is done of it is undone where the rest fails: the screen is dropped.
        screen.device.set_mouse(options.mouse);
        screen.begin()?;
        Ok(screen)
    }

    /// Gives the terminal back as it was. A second time does nothing.
    ///
    /// # Errors
    /// The terminal's modes could not be set back.
    pub fn leave(&mut self) -> io::Result<()> {
        let result = self.end();
        self.signals = None;
        self.writer.end();
        result
    }

    /// Whether a frame would be taken now: the last one is written, and nothing is lost.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.device.is_entered() && self.writer.is_idle()
    }

    /// Whether nothing can be drawn any more: after a panic, and when the terminal is gone.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.device.is_lost()
    }

    /// Whether it was lost by a panic, in whichever thread.
    #[must_use]
    pub fn has_panicked(&self) -> bool {
        self.device.has_panicked()
    }

    /// The terminal's columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.device.size()
    }

    /// Draws a frame, unless the last one is still being written: then nothing is drawn, `render` is not called, and a
    /// [`TerminalEvent::Ready`] follows as soon as it is. Tells whether it was drawn.
    ///
    /// # Errors
    /// None that the terminal could cause: a frame is collected in memory.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        if !self.device.is_entered() || !self.writer.is_idle_or_tells() {
            return Ok(false);
        }
        if std::mem::take(&mut self.repaint) {
            let (width, height) = self.size();
            // It empties the screen and draws it anew, and asks for no cursor, which `clear` would.
            self.terminal.resize(Rect::new(0, 0, width, height))?;
        }
        self.terminal.draw(render)?;
        let bytes = self.terminal.backend_mut().take();
        if !bytes.is_empty() {
            self.writer.send(&escape::synchronized(&bytes));
        }
        Ok(true)
    }

    /// Makes the next frame draw every cell anew.
    pub const fn repaint(&mut self) {
        self.repaint = true;
    }

    /// Takes the mouse from the terminal, or gives it back.
    pub fn set_mouse(&mut self, on: bool) {
        if self.device.set_mouse(on) && self.device.is_entered() {
            self.writer.send(if on { escape::MOUSE_ON } else { escape::MOUSE_OFF });
        }
    }

    /// Whether the mouse is taken.
    #[must_use]
    pub fn has_mouse(&self) -> bool {
        self.device.has_mouse()
    }

    /// Rings the bell.
    pub fn bell(&mut self) {
        self.send(b"\x07");
    }

    /// Shows a notification on the desktop, in terminals that can.
    pub fn notify(&mut self, title: &str, text: &str) {
        self.send(&escape::notification(title, text, self.tmux));
    }

    /// Puts `title` on the window. The one before comes back at the end, in terminals that can.
    pub fn set_title(&mut self, title: &str) {
        if self.title.replace(title.to_owned()).is_none() {
            self.save_title();
        }
        self.send(&escape::title(title));
    }

    /// Puts `text` into the clipboard, in terminals that can. Tells whether it was short enough.
    pub fn copy(&mut self, text: &str) -> bool {
        escape::clipboard(text, self.tmux).is_some_and(|bytes| self.send(&bytes))
    }

    /// Gives the terminal back, stops the program as Ctrl-Z does, and takes the terminal again once it is continued. The
    /// next frame is drawn whole, in the size that the terminal then has.
    ///
    /// # Errors
    /// The terminal could not be given back or taken again.
    pub fn suspend(&mut self) -> io::Result<Suspended> {
        let Some(signals) = self.signals.as_ref().filter(|signals| signals.may_stop() && suspend::is_watched()) else {
            return Ok(Suspended::Refused);
        };
        let continued = signals.expect_continue();
        self.end()?;
        let stopped = suspend::stop();
        if stopped.is_ok() {
            continued.wait();
        }
        // In the background this stops us once more, and the SIGCONT after that is no news either.
        self.begin()?;
        drop(continued);
        let (width, height) = self.size();
        (self.handler)(TerminalEvent::Resize(width, height));
        stopped.map(|()| Suspended::Continued)
    }

    /// Takes the terminal anew, after somebody else stopped the program and the shell used the terminal meanwhile.
    ///
    /// # Errors
    /// The terminal could not be taken.
    pub fn resume(&mut self) -> io::Result<()> {
        if self.device.is_entered() {
            let until = Instant::now() + PATIENCE;
            // No frame is torn by what is written past the writer.
            self.writer.finish(until);
            self.device.enter_again(until)?;
            self.repaint = true;
        }
        Ok(())
    }

    fn save_title(&self) {
        self.device.saves_title();
        self.send(escape::SAVE_TITLE);
    }

    fn send(&self, bytes: &[u8]) -> bool {
        self.device.is_entered() && self.writer.send(bytes)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.device.enter(Instant::now() + PATIENCE)?;
        self.repaint = true;
        if let Some(title) = &self.title {
            self.save_title();
            self.send(&escape::title(title));
        }
        self.input = Some(Input::start(Arc::clone(&self.device), Arc::clone(&self.handler))?);
        Ok(())
    }

    /// Reads no more, lets the last frame out and gives the terminal back.
    fn end(&mut self) -> io::Result<()> {
        // Before the modes are set back: no key that is meant for the next program may be read here.
        self.input = None;
        let until = Instant::now() + PATIENCE;
        self.writer.finish(until);
        self.device.restore(until)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = self.leave();
    }
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("ready", &self.is_ready()).field("lost", &self.is_lost()).finish_non_exhaustive()
    }
}
