//! How the screen looks, as the command line and the user's configuration say it.

use crate::tui::config::{Config, GlyphChoice};
use crate::tui::glyphs::Glyphs;
use crate::tui::keymap::Keymap;
use crate::tui::look::Look;
use crate::tui::theme::{ColorSupport, Theme};

/// How the screen looks.
#[derive(Debug, Clone, clap::Args)]
pub struct ScreenArgs {
    /// The theme of the screen.
    #[arg(long, value_name = "THEME", value_parser = clap::builder::PossibleValuesParser::new(Theme::NAMES))]
    theme: Option<String>,
    /// Draw the screen with ASCII signs only.
    #[arg(long)]
    ascii: bool,
}

/// Whether there is a terminal that a screen can be drawn on.
pub fn is_possible() -> bool {
    use std::io::IsTerminal;
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    std::io::stdout().is_terminal() && !dumb && std::fs::File::options().read(true).write(true).open("/dev/tty").is_ok()
}

impl ScreenArgs {
    /// What to draw with, the user's configuration, and what is wrong with it.
    pub fn look(&self) -> (Look, Config, Vec<String>) {
        let env = |name: &str| std::env::var(name).ok();
        let (config, warnings) = Config::load(|name| std::env::var_os(name), &Keymap::names());
        let support = ColorSupport::detect(env);
        let theme = Theme::choose(self.theme.as_deref(), config.theme.as_deref(), &config.theme_colors, support);
        let glyphs = match config.glyphs {
            _ if self.ascii => Glyphs::ascii(),
            GlyphChoice::Ascii => Glyphs::ascii(),
            GlyphChoice::Unicode => Glyphs::unicode(),
            GlyphChoice::Auto => Glyphs::detect(env),
        };
        let look = Look { theme, glyphs, keymap: Keymap::new(&config.keys), beat: 0, epoch: 0 };
        (look, config, warnings)
    }
}
