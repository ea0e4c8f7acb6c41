//! What colours mean: screens name a [`Role`], a [`Theme`] gives it its look.
//!
//! Nothing is told by colour alone: a sign and a word stand beside it. The theme `ansi`, the default, keeps to the sixteen
//! colours that the terminal's owner has chosen, on their background.

mod builtin;
mod color;
mod written;

use ratatui::style::{Color, Modifier, Style};

pub use color::ColorDepth;
pub use written::{StyleError, parse_style};

/// Names the roles once: the type, the list of all, and their names in the configuration.
macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $role:ident = $name:literal,)+) => {
        /// What a part of a screen is, whatever it looks like.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role { $($(#[doc = $doc])+ $role,)+ }

        impl Role {
            /// Every role.
            pub const ALL: &[Self] = &[$(Self::$role,)+];

            /// Its name in the configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$role => $name,)+ }
            }
        }
    };
}

roles! {
    /// Plain text. Its background is that of the whole screen.
    Text = "text",
    /// What matters less.
    Dim = "dim",
    /// The head of a box or a column.
    Title = "title",
    /// What the eye ought to find first.
    Accent = "accent",
    /// The border of a box.
    Border = "border",
    /// The border of the box that has the keys.
    BorderFocused = "border_focused",
    /// The row of the cursor.
    Selected = "selected",
    /// A key in a hint.
    Key = "key",
    /// Runs.
    Running = "running",
    /// Not begun.
    Waiting = "waiting",
    /// Finished well.
    Done = "done",
    /// Nothing to do.
    UpToDate = "up_to_date",
    /// Finished with a fault.
    Failed = "failed",
    /// Waits for a dependency.
    Parked = "parked",
    /// Ended by a stop.
    Cancelled = "cancelled",
    /// Left out.
    Skipped = "skipped",
    /// Waits for its next attempt.
    Retry = "retry",
    /// Something to look at.
    Warn = "warn",
    /// A breaker that lets every call through.
    BreakerClosed = "breaker_closed",
    /// A breaker that lets none through.
    BreakerOpen = "breaker_open",
    /// A breaker that lets one through.
    BreakerHalfOpen = "breaker_half_open",
    /// A dependency that can be used.
    Available = "available",
    /// A dependency that cannot.
    Missing = "missing",
    /// The part of a bar that is done.
    GaugeDone = "gauge_done",
    /// The part of a bar that failed.
    GaugeFailed = "gauge_failed",
    /// The part of a bar that runs.
    GaugeRunning = "gauge_running",
    /// The part of a bar that is left.
    GaugeLeft = "gauge_left",
    /// A small chart.
    Spark = "spark",
    /// What a search found.
    Match = "match",
    /// A line of a log that tells of an error.
    LogError = "log_error",
}

impl Role {
    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }
}

/// The looks of all roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: &'static str,
    styles: Vec<Style>,
}

/// What the environment says on colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColorSupport {
    /// `NO_COLOR` is set and not empty: no colours, unless a theme is named on the command line.
    pub no_color: bool,
    /// What the terminal can show.
    pub depth: ColorDepth,
}

impl ColorSupport {
    /// What `NO_COLOR` and `COLORTERM` say. `env` gives a variable of the environment.
    #[must_use]
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let no_color = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let full = env("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit"));
        Self { no_color, depth: if full { ColorDepth::Full } else { ColorDepth::Indexed } }
    }
}

impl Theme {
    /// The names of the built-in themes; the first is the default.
    pub const NAMES: &[&str] = &["ansi", "dark", "light", "deutan", "tritan", "mono"];

    /// The theme of this name, for a terminal that shows every colour.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = Self::NAMES.iter().find(|known| **known == name)?;
        Some(Self { name, styles: Role::ALL.iter().map(|role| builtin::style(name, *role)).collect() })
    }

    /// The theme for this terminal. One that is named on the command line is taken in any case; without one `NO_COLOR`
    /// means `mono`; else it is what the configuration says, with its `overrides`, or else `ansi`. A name that is none
    /// gives `ansi`: whoever takes a name from a user checks it against [`Theme::NAMES`].
    #[must_use]
    pub fn choose(
        asked: Option<&str>,
        configured: Option<&str>,
        overrides: &[(Role, Style)],
        support: ColorSupport,
    ) -> Self {
        let name = asked.or(support.no_color.then_some("mono")).or(configured).unwrap_or("ansi");
        let mut theme = Self::named(name).unwrap_or_else(Self::ansi);
        for (role, style) in overrides {
            theme.set(*role, *style);
        }
        theme.reduced(support.depth)
    }

    fn ansi() -> Self {
        Self { name: "ansi", styles: Role::ALL.iter().map(|role| builtin::style("ansi", *role)).collect() }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The look of `role`. That of [`Role::Text`] is for the whole screen, before all else is drawn on it: it alone has
    /// the theme's background.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Gives `role` another look. `mono` takes its attributes and leaves its colours.
    pub fn set(&mut self, role: Role, style: Style) {
        let colourless = Style { fg: None, bg: None, underline_color: None, ..style };
        let mut style = if self.name == "mono" { colourless } else { style };
        if role == Role::Text {
            // A foreground alone must not take the background from all the rest.
            style.bg = style.bg.or(self.style(role).bg);
        }
        if let Some(own) = self.styles.get_mut(role as usize) {
            *own = style;
        }
    }

    /// The same theme with colours that a terminal of this depth can show.
    #[must_use]
    pub fn reduced(mut self, depth: ColorDepth) -> Self {
        for style in &mut self.styles {
            style.fg = style.fg.map(|color| depth.nearest(color));
            style.bg = style.bg.map(|color| depth.nearest(color));
        }
        self
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::ansi()
    }
}

/// A style of one colour.
const fn fg(color: Color) -> Style {
    Style::new().fg(color)
}

/// A style of some attributes.
const fn with(modifier: Modifier) -> Style {
    Style::new().add_modifier(modifier)
}

#[cfg(test)]
mod tests;
