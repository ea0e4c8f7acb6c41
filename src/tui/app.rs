//! The loop: events, keys and time go into the model, frames and effects come out. The one place that touches the world.

mod clock;
mod outbox;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use self::clock::Clock;
use self::outbox::Outbox;
pub use self::outbox::Send;

use super::config::{Config, Notify};
use super::effect::{Effect, Leave, Loaded};
use super::facts::{Facts, Link};
use super::feed::{Ended, Inbox};
use super::loader::Loader;
use super::look::Look;
use super::model::{Model, Overlay};
use super::terminal::{Screen, ScreenOptions, Suspended, TerminalEvent};
use super::text;
use super::theme::ColorSupport;
use super::timeline::{Moment, Timeline};
use crate::events::{Command, Event, RunPhase, StopLevel};
use crate::resilience::safe_text::safe_line;

/// After a key the next frame comes as soon as this.
const AFTER_KEY: Duration = Duration::from_millis(15);
/// How often clocks move, and files are looked at, while something happens.
const TICK: Duration = Duration::from_millis(500);
/// The same while nobody looks.
const TICK_UNSEEN: Duration = Duration::from_secs(2);
/// So long events are folded in before a frame is drawn.
const AT_ONCE: Duration = Duration::from_millis(25);

/// What is said until a record was read.
const READING: &str = "reading the journal";

/// A run, and the ways to it.
pub struct Session {
    /// What is known of it before any event.
    pub facts: Facts,
    /// Begins to put events into the inbox, on a thread of its own.
    pub follow: Box<dyn FnOnce(Inbox)>,
    /// Asks something of the run; called on a thread of its own, for it may take time.
    pub send: Send,
    /// The journal, where the run is over and has a time line.
    pub journal: Option<std::path::PathBuf>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// How the screen was left, and with what.
#[derive(Debug)]
pub struct Left {
    /// How.
    pub how: Leave,
    /// What is known of the run.
    pub facts: Facts,
    /// The signal that ended it, if one did.
    pub signal: Option<String>,
}

/// What the loop waits for.
enum Message {
    News,
    Terminal(TerminalEvent),
    Loaded(Box<Loaded>),
    Moment(Result<Box<Moment>, String>),
    /// The run did not take a command, for this reason.
    Refused(String),
}

/// Shows the run until the person leaves.
///
/// # Errors
/// That there is no terminal to draw on. One that goes away later is no error: it is as if somebody hung up.
pub fn run(session: Session, look: Look, config: &Config, warnings: &[String]) -> std::io::Result<Left> {
    let (sender, messages) = channel();
    let to = |sender: &Sender<Message>| sender.clone();
    let news = to(&sender);
    let inbox = Inbox::new(move || drop(news.send(Message::News)));
    let loaded = to(&sender);
    let loader = Loader::start(move |found| drop(loaded.send(Message::Loaded(Box::new(found)))))?;
    let terminal = to(&sender);
    let options = ScreenOptions {
        mouse: config.mouse,
        tmux: std::env::var_os("TMUX").is_some(),
        contains_panic: Some(Arc::new(is_contained)),
    };
    let screen = Screen::enter(&options, move |event| drop(terminal.send(Message::Terminal(event))))?;
    let timeline = match session.journal {
        Some(journal) => {
            let moments = to(&sender);
            Some(Timeline::open(journal, move |moment| drop(moments.send(Message::Moment(moment))))?)
        }
        None => None,
    };
    let mut model = Model::new(session.facts, look);
    model.screens.item.images = config.images != super::config::Images::Off;
    model.screens.item.depth = ColorSupport::detect(|name| std::env::var(name).ok()).depth;
    if let Some(first) = warnings.first() {
        let more = warnings.len() - 1;
        model.say(if more > 0 { format!("{first} (and {more} more, told at the end)") } else { first.clone() });
    } else if timeline.is_some() {
        model.say(READING);
    }
    model.mouse = config.mouse;
    (session.follow)(inbox.clone());
    let frame = Duration::from_secs(1) / config.frames_per_second.max(1);
    let refused = to(&sender);
    let outbox = Outbox::start(session.send, move |why| drop(refused.send(Message::Refused(why))))?;
    let mut app = App {
        opened: Instant::now(),
        clock: Clock::default(),
        last_frame: None,
        last_tick: Instant::now(),
        dirty: Dirty::Key,
        seen: true,
        signal: None,
        left: None,
        paused_by_us: false,
        title: String::new(),
        notify: config.notify,
        frame,
        model,
        screen,
        inbox,
        loader,
        timeline,
        outbox,
        pending: VecDeque::new(),
        ended: None,
    };
    let lived = app.live(&messages);
    let left = app.screen.leave();
    app.inbox.close();
    let how = match app.left {
        Some(how) => how,
        None if app.screen.has_panicked() => Leave::Failed,
        // The terminal went away before it could tell so.
        None => {
            let gone = lived.and(left).is_err() || app.screen.is_lost();
            app.signal = app.signal.or_else(|| gone.then(|| "SIGHUP".to_owned()));
            Leave::Over
        }
    };
    Ok(Left { how, facts: app.model.facts, signal: app.signal })
}

/// A decoder that panics does so on the loader's thread, which tells it as a picture that cannot be shown.
fn is_contained() -> bool {
    std::thread::current().name() == Some(super::loader::THREAD)
}

/// What a new frame is due for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dirty {
    /// Nothing.
    No,
    /// Something happened.
    Event,
    /// A key was pressed.
    Key,
}

struct App {
    model: Model,
    screen: Screen,
    inbox: Inbox,
    loader: Loader,
    timeline: Option<Timeline>,
    outbox: Outbox,
    /// Events that were taken out of the inbox and not folded in yet.
    pending: VecDeque<Event>,
    ended: Option<Ended>,
    notify: Notify,
    frame: Duration,
    opened: Instant,
    clock: Clock,
    last_frame: Option<Instant>,
    last_tick: Instant,
    dirty: Dirty,
    /// Whether the terminal has the focus, as far as it tells.
    seen: bool,
    signal: Option<String>,
    left: Option<Leave>,
    /// The run was paused because the screen was suspended.
    paused_by_us: bool,
    /// The title that the terminal has.
    title: String,
}

impl App {
    fn live(&mut self, messages: &Receiver<Message>) -> std::io::Result<()> {
        while self.left.is_none() && !self.screen.is_lost() {
            let wait = self.draw_if_due()?;
            let message = match wait {
                Some(wait) => messages.recv_timeout(wait),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Ok(message) = messages.try_recv() {
                self.take(message);
            }
            self.tick_if_due();
        }
        Ok(())
    }

    /// Draws if a frame is due; tells how long nothing has to be done.
    fn draw_if_due(&mut self) -> std::io::Result<Option<Duration>> {
        if self.dirty != Dirty::No {
            let gap = if self.dirty == Dirty::Key { AFTER_KEY } else { self.frame };
            let since = self.last_frame.map_or(gap, |at| at.elapsed());
            if since < gap {
                return Ok(Some(gap - since));
            }
            self.drain();
            self.draw()?;
            if !self.pending.is_empty() {
                self.dirty = self.dirty.max(Dirty::Event);
            }
            if self.dirty != Dirty::No {
                return Ok(Some(self.frame));
            }
        }
        Ok(self.next_tick().map(|tick| tick.saturating_sub(self.last_tick.elapsed())))
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let due = std::mem::replace(&mut self.dirty, Dirty::No);
        self.last_frame = Some(Instant::now());
        self.set_time();
        let model = &mut self.model;
        if model.facts.rows.advance(&model.facts.state) {
            // The filter has more to look at.
            self.dirty = Dirty::Event;
        }
        // A terminal that takes nothing at the moment tells when it does again; keys and events go on meanwhile.
        let is_drawn = self.screen.draw(|frame| {
            let area = frame.area();
            if let Some(cursor) = model.draw(area, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        self.set_title();
        // Some of what a screen wants to read it knows once it was drawn, and where time stands still no tick asks for it.
        if is_drawn && due == Dirty::Key {
            let effects = self.model.tick();
            self.carry_out(effects);
        }
        Ok(())
    }

    /// How far it is, on the tab of a terminal that is out of sight. The console of Linux has no title, and chokes on one.
    fn set_title(&mut self) {
        let state = &self.model.facts.state;
        let counts = &state.counts;
        let percent = text::percent(u64::from(counts.ended()), u64::from(counts.total));
        let title = format!("{percent} {} - mediamill", safe_line(&state.pipeline));
        if self.title != title && std::env::var_os("TERM").is_some_and(|term| term != "linux") {
            self.screen.set_title(&title);
            self.title = title;
        }
    }

    /// How often time is looked at; never where nothing changes with it.
    fn next_tick(&self) -> Option<Duration> {
        let goes_on =
            self.clock.now().is_some() && !self.model.facts.is_over() && self.model.facts.link != Link::Record;
        match (goes_on, self.model.said.is_some(), self.seen) {
            (true, _, true) | (false, true, _) => Some(TICK),
            (true, _, false) => Some(TICK_UNSEEN),
            (false, false, _) => None,
        }
    }

    fn tick_if_due(&mut self) {
        let Some(tick) = self.next_tick() else { return };
        if self.last_tick.elapsed() < tick {
            return;
        }
        self.last_tick = Instant::now();
        self.set_time();
        self.model.look.beat += 1;
        let effects = self.model.tick();
        self.carry_out(effects);
        self.dirty = self.dirty.max(Dirty::Event);
    }

    fn set_time(&mut self) {
        self.model.clock = self.opened.elapsed();
        if let Some(now) = self.clock.now()
            && !self.model.facts.is_over()
            && self.model.facts.link != Link::Record
        {
            self.model.facts.now = now;
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::News => self.dirty = self.dirty.max(Dirty::Event),
            Message::Terminal(event) => self.terminal(event),
            Message::Loaded(loaded) => {
                self.model.loaded(&loaded);
                self.dirty = self.dirty.max(Dirty::Event);
            }
            Message::Refused(why) => {
                self.model.say(format!("the run does not take it: {why}"));
                self.dirty = Dirty::Key;
            }
            Message::Moment(moment) => {
                match moment {
                    Ok(moment) => self.go_to(*moment),
                    Err(why) => {
                        self.model.asked_moment = None;
                        self.model.say(why);
                    }
                }
                self.dirty = Dirty::Key;
            }
        }
    }

    fn terminal(&mut self, event: TerminalEvent) {
        self.dirty = Dirty::Key;
        self.set_time();
        let effects = match event {
            TerminalEvent::Key(key) => {
                #[cfg(debug_assertions)]
                panic_if_asked(key);
                self.model.key(key)
            }
            TerminalEvent::Mouse(mouse) => self.model.mouse(mouse),
            TerminalEvent::Paste(text) => self.model.paste(&text),
            TerminalEvent::Resize(..) | TerminalEvent::Ready => Vec::new(),
            TerminalEvent::Focus(seen) => {
                self.seen = seen;
                Vec::new()
            }
            TerminalEvent::Continued => {
                if self.screen.resume().is_err() {
                    return self.signalled("SIGHUP");
                }
                Vec::new()
            }
            TerminalEvent::Signal("SIGTSTP") => return self.suspend(),
            TerminalEvent::Signal(name) => return self.signalled(name),
            TerminalEvent::Closed => return self.signalled("SIGHUP"),
        };
        self.carry_out(effects);
    }

    /// Whoever ends the screen from outside ends the run that it owns.
    fn signalled(&mut self, name: &str) {
        if self.model.facts.is_over() || self.model.facts.link != Link::Owner {
            self.left = Some(Leave::Over);
        } else {
            // A terminal that goes away tells so twice: by a signal, and by its end. That is no second wish.
            let again = self.signal.is_some() && name != "SIGHUP";
            let level = if again { StopLevel::Kill } else { StopLevel::Cancel };
            self.outbox.ask(Command::Stop { level, by: name.into() });
        }
        self.signal.get_or_insert_with(|| name.into());
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(command) => self.outbox.ask(command),
                Effect::Copy(text, what) => {
                    let is_taken = self.screen.copy(&text);
                    self.model.say(if is_taken {
                        format!("{what} is in the clipboard, if the terminal allows that: {text}")
                    } else {
                        format!("{what} is too long for the clipboard of a terminal")
                    });
                }
                Effect::Load(load) => self.loader.load(load),
                Effect::Mouse(on) => self.screen.set_mouse(on),
                Effect::Repaint => self.screen.repaint(),
                Effect::Suspend => self.suspend(),
                Effect::Seek(to) => {
                    if let Some(timeline) = &self.timeline {
                        timeline.seek(to);
                    }
                }
                Effect::Leave(how) => self.left = Some(how),
                // The model has done these itself.
                Effect::Confirm(_) | Effect::Go(_) | Effect::Show(_) | Effect::Say(_) => {}
            }
        }
    }

    /// To the shell and back. What runs goes on meanwhile, and nothing new is started.
    fn suspend(&mut self) {
        let works = self.model.facts.link == Link::Owner && self.model.facts.state.phase == RunPhase::Running;
        if works {
            self.outbox.ask_now(Command::Pause);
            self.paused_by_us = true;
        }
        match self.screen.suspend() {
            // The window has the shell's title.
            Ok(Suspended::Continued) => self.title.clear(),
            Ok(Suspended::Refused) => {
                self.model.say("there is no shell to go to");
            }
            Err(error) => self.model.say(format!("cannot suspend: {error}")),
        }
        if std::mem::take(&mut self.paused_by_us) {
            self.outbox.ask(Command::Resume);
        }
        self.dirty = Dirty::Key;
    }

    /// Takes what has come into the inbox.
    fn drain(&mut self) {
        let (events, ended) = self.inbox.take();
        self.pending.extend(events);
        self.ended = self.ended.take().or(ended);
        let begun = Instant::now();
        let mut last = None;
        while let Some(event) = self.pending.pop_front() {
            self.model.facts.apply(&event);
            last = Some(event);
            if begun.elapsed() > AT_ONCE {
                // Keys and frames come between: a long journal is caught up with piece by piece.
                break;
            }
        }
        if let Some(last) = last {
            self.model.look.epoch = last.at.saturating_sub(last.elapsed);
            self.clock.follow(&last, !self.pending.is_empty());
        }
        if !self.pending.is_empty() {
            return;
        }
        if let Some(Ended::Lost(why)) = self.ended.take()
            && !self.model.facts.is_over()
        {
            self.model.facts.link = Link::Record;
            self.model.say(why);
        }
        if self.model.facts.is_over() && !self.model.told_end && self.timeline.is_none() {
            self.model.told_end = true;
            self.tell_end();
        }
    }

    fn tell_end(&mut self) {
        let counts = self.model.facts.state.counts;
        let told = format!("{}: {} done, {} failed", self.model.facts.state.pipeline, counts.done, counts.failed);
        match self.notify {
            Notify::Off => {}
            Notify::Bell => self.screen.bell(),
            Notify::Desktop => self.screen.notify("mediamill", &told),
        }
        // Who asked for the end does not wait for a screen that tells of it.
        if self.model.stops > 0 || self.signal.is_some() {
            self.left = Some(Leave::Over);
        }
        // What was asked of a run that worked is no question any more.
        self.model.overlay.take_if(|overlay| matches!(overlay, Overlay::Confirm(_)));
        self.model.say(format!("the run is over: {} done, {} failed", counts.done, counts.failed));
    }

    fn go_to(&mut self, moment: Moment) {
        self.model.said.take_if(|(said, _)| said == READING);
        self.model.asked_moment.take_if(|asked| *asked == moment.events);
        if let Some(why) = moment.broken {
            self.model.say(why);
        }
        let facts = &mut self.model.facts;
        facts.now = moment.state.elapsed;
        self.model.look.epoch = moment.state.at.saturating_sub(moment.state.elapsed);
        facts.moment = Some((moment.events, moment.total));
        facts.state = moment.state;
        facts.story = moment.story;
        facts.root = facts.state.root();
        facts.rows.rebuild(&facts.state, &facts.story);
    }
}

/// A way to see what a panic of the screen leaves behind: F12, where the environment says so.
#[cfg(debug_assertions)]
fn panic_if_asked(key: ratatui::crossterm::event::KeyEvent) {
    let is_key = key.code == ratatui::crossterm::event::KeyCode::F(12);
    assert!(!is_key || std::env::var_os("MEDIAMILL_SCREEN_PANICS").is_none(), "the screen was asked to panic");
}
