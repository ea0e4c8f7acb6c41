//! The built-in themes.

use ratatui::style::{Color, Modifier, Style};

use super::{Role, fg, with};

/// The look of `role` in the theme `name`.
pub(super) fn style(name: &str, role: Role) -> Style {
    match name {
        "dark" => DARK.style(role),
        "light" => LIGHT.style(role),
        "deutan" => DEUTAN.style(role),
        "tritan" => TRITAN.style(role),
        "mono" => mono(role),
        _ => ansi(role),
    }
}

/// Sixteen colours, and no background but the reversed one of the cursor's row. `DarkGray` is avoided: some palettes
/// give it the colour of the background.
fn ansi(role: Role) -> Style {
    const BOLD: Modifier = Modifier::BOLD;
    match role {
        Role::Text => Style::new(),
        Role::Dim | Role::Waiting | Role::Skipped | Role::Border | Role::GaugeLeft => with(Modifier::DIM),
        Role::Title => with(BOLD),
        Role::Accent | Role::Key => fg(Color::Cyan).add_modifier(BOLD),
        Role::BorderFocused | Role::Spark | Role::GaugeRunning | Role::BreakerHalfOpen => fg(Color::Cyan),
        Role::Running => fg(Color::Cyan),
        Role::Selected => with(Modifier::REVERSED),
        Role::Done | Role::BreakerClosed | Role::Available | Role::GaugeDone | Role::UpToDate => fg(Color::Green),
        Role::Failed | Role::BreakerOpen | Role::Missing => fg(Color::Red).add_modifier(BOLD),
        Role::GaugeFailed | Role::LogError => fg(Color::Red),
        Role::Parked | Role::Warn => fg(Color::Yellow),
        Role::Cancelled | Role::Retry => fg(Color::Magenta),
        Role::Match => with(Modifier::REVERSED.union(BOLD)),
    }
}

/// Attributes alone.
fn mono(role: Role) -> Style {
    const BOLD: Modifier = Modifier::BOLD;
    const UNDERLINED: Modifier = Modifier::UNDERLINED;
    match role {
        Role::Text | Role::Done | Role::BreakerClosed | Role::Available | Role::GaugeDone | Role::Spark => Style::new(),
        Role::Dim
        | Role::Waiting
        | Role::Skipped
        | Role::Border
        | Role::GaugeLeft
        | Role::UpToDate
        | Role::Cancelled => with(Modifier::DIM),
        Role::Title | Role::Accent | Role::Key | Role::BorderFocused | Role::Running | Role::GaugeRunning => with(BOLD),
        Role::Selected => with(Modifier::REVERSED),
        Role::Failed | Role::BreakerOpen | Role::Missing | Role::GaugeFailed | Role::LogError => {
            with(BOLD.union(UNDERLINED))
        }
        Role::Parked | Role::Warn | Role::Retry | Role::BreakerHalfOpen => with(UNDERLINED),
        Role::Match => with(BOLD.union(Modifier::REVERSED)),
    }
}

/// The colours of a theme with a background of its own, as `0xRRGGBB`.
struct Palette {
    background: u32,
    text: u32,
    dim: u32,
    border: u32,
    accent: u32,
    selected: u32,
    well: u32,
    rested: u32,
    running: u32,
    failed: u32,
    parked: u32,
    retry: u32,
    cancelled: u32,
}

const DARK: Palette = Palette {
    background: 0x16181d,
    text: 0xe4e6eb,
    dim: 0xa4abb6,
    border: 0x596070,
    accent: 0x8ccbff,
    selected: 0x283242,
    well: 0x7bd88f,
    rested: 0x9cc7a6,
    running: 0x6cb8ff,
    failed: 0xff7f7f,
    parked: 0xf0c05a,
    retry: 0xffa963,
    cancelled: 0xc9a6f0,
};

const LIGHT: Palette = Palette {
    background: 0xfbfbfa,
    text: 0x1f2328,
    dim: 0x555c66,
    border: 0xa0a6ae,
    accent: 0x0b4fa8,
    selected: 0xdde9f8,
    well: 0x11662b,
    rested: 0x3d6149,
    running: 0x0d55b5,
    failed: 0xb3131d,
    parked: 0x6e4a00,
    retry: 0x8a3c09,
    cancelled: 0x5f3396,
};

/// For eyes without green or red receptors: what is well is blue, what is not is orange, as in the colours of Okabe and
/// Ito (<https://jfly.uni-koeln.de/color/>), lightened for text.
const DEUTAN: Palette = Palette {
    background: 0x14161a,
    text: 0xe6e8ec,
    dim: 0xa4abb6,
    border: 0x5a6170,
    accent: 0xffffff,
    selected: 0x263145,
    well: 0x5cb3f5,
    rested: 0x8fb2d6,
    running: 0xf0e442,
    failed: 0xff8a33,
    parked: 0xece6dc,
    retry: 0xe6b800,
    cancelled: 0xc0c4cc,
};

/// For eyes without blue receptors: what is well is cyan, what is not is red.
const TRITAN: Palette = Palette {
    background: 0x14171a,
    text: 0xe6e8ec,
    dim: 0xa4abb6,
    border: 0x5a646c,
    accent: 0xffffff,
    selected: 0x20343a,
    well: 0x3ecbd4,
    rested: 0x8cc0c6,
    running: 0x6fe4ee,
    failed: 0xff7676,
    parked: 0xf2dcd8,
    retry: 0xff9f9f,
    cancelled: 0xc0c4cc,
};

impl Palette {
    fn style(&self, role: Role) -> Style {
        let colored = |hex: u32| fg(Color::from_u32(hex));
        match role {
            Role::Text => colored(self.text).bg(Color::from_u32(self.background)),
            Role::Dim | Role::Waiting | Role::Skipped => colored(self.dim),
            Role::Title => colored(self.text).add_modifier(Modifier::BOLD),
            Role::Accent | Role::Key => colored(self.accent).add_modifier(Modifier::BOLD),
            Role::Border | Role::GaugeLeft => colored(self.border),
            Role::BorderFocused | Role::Spark => colored(self.accent),
            Role::Selected => Style::new().bg(Color::from_u32(self.selected)),
            Role::Running | Role::GaugeRunning => colored(self.running),
            Role::Done | Role::BreakerClosed | Role::Available | Role::GaugeDone => colored(self.well),
            Role::UpToDate => colored(self.rested),
            Role::Failed | Role::BreakerOpen | Role::Missing => colored(self.failed).add_modifier(Modifier::BOLD),
            Role::GaugeFailed | Role::LogError => colored(self.failed),
            Role::Parked | Role::BreakerHalfOpen => colored(self.parked),
            Role::Cancelled => colored(self.cancelled),
            Role::Retry | Role::Warn => colored(self.retry),
            Role::Match => fg(Color::from_u32(self.background)).bg(Color::from_u32(self.retry)),
        }
    }
}
