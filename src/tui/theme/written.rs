//! Looks as a user writes them: `red`, `#ff8800`, `bold light-blue on black`, `none`.

use ratatui::style::{Color, Modifier, Style};

use crate::pipeline::suggest;

/// Why a text is no look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StyleError {
    /// What is wrong: a fragment, lower case, no period.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

const COLORS: &[(&str, Color)] = &[
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
    ("default", Color::Reset),
];

const ATTRIBUTES: &[(&str, Modifier)] = &[
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// The look that `text` describes: attributes (`bold`, `dim`, `italic`, `underlined`, `reversed`), a colour by name, as
/// `#rrggbb` or as one of the numbers 0 to 255, and `on` before that of the background. `none` is no look at all.
///
/// # Errors
/// The word that is none of these.
pub fn parse_style(text: &str) -> Result<Style, StyleError> {
    let mut style = Style::new();
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    if words.is_empty() {
        let help = Some("write `none` for no colour".to_owned());
        return Err(StyleError { message: "no colour is named".to_owned(), help });
    }
    if words == ["none"] {
        return Ok(style);
    }
    let mut behind = false;
    for word in &words {
        let attribute = ATTRIBUTES.iter().find(|(name, _)| name == word);
        match (color(word), attribute) {
            (Some(color), _) if behind => style.bg = Some(color),
            (Some(color), _) => style.fg = Some(color),
            (None, Some((_, attribute))) if !behind => style.add_modifier |= *attribute,
            _ if word == "on" && !behind => {
                behind = true;
                continue;
            }
            _ => return Err(unknown(word)),
        }
        behind = false;
    }
    if behind {
        let help = Some("a colour follows on `on`".to_owned());
        return Err(StyleError { message: "`on` stands at the end".to_owned(), help });
    }
    Ok(style)
}

fn color(word: &str) -> Option<Color> {
    if let Some(hex) = word.strip_prefix('#') {
        let full = hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        return u32::from_str_radix(hex, 16).ok().filter(|_| full).map(Color::from_u32);
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok().map(Color::Indexed);
    }
    let plain = word.replace('_', "-").replace("grey", "gray");
    COLORS.iter().find(|(name, _)| *name == plain).map(|(_, color)| *color)
}

fn unknown(word: &str) -> StyleError {
    let message = format!("`{word}` is no colour");
    let number = word.starts_with('#') || word.bytes().all(|byte| byte.is_ascii_digit());
    let names = COLORS.iter().map(|(name, _)| *name).chain(ATTRIBUTES.iter().map(|(name, _)| *name));
    let near = suggest::closest(word, names).filter(|_| !number);
    let help = near.map_or_else(
        || {
            "a name as `red` or `light-blue`, `#rrggbb`, a number from 0 to 255, `bold`, `on` a colour, or `none`"
                .into()
        },
        |near| format!("did you mean `{near}`?"),
    );
    StyleError { message, help: Some(help) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use super::*;

    #[test]
    fn a_look_is_read_word_by_word() {
        let style = Style::new;
        for (text, wanted) in [
            ("none", style()),
            ("red", style().fg(Color::Red)),
            ("#ff8800", style().fg(Color::Rgb(255, 136, 0))),
            ("Bold red", style().fg(Color::Red).add_modifier(Modifier::BOLD)),
            ("208 on light_blue", style().fg(Color::Indexed(208)).bg(Color::LightBlue)),
            ("on dark-grey", style().bg(Color::DarkGray)),
            ("underlined reversed", style().add_modifier(Modifier::UNDERLINED | Modifier::REVERSED)),
        ] {
            assert_eq!(parse_style(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_look_is_told_with_what_would_be_right() {
        let help = |text: &str| parse_style(text).unwrap_err().help.unwrap();
        assert_eq!(help("grene"), "did you mean `green`?");
        assert_eq!(help("blod red"), "did you mean `bold`?");
        assert_eq!(help("red on"), "a colour follows on `on`");
        for text in ["", "#ff88", "#ggg000", "256", "on bold", "on on red", "zebra", "#+12345", "é"] {
            assert!(parse_style(text).is_err(), "{text}");
        }
    }
}
