//! Whether the themes can be told apart and read, computed.

#![expect(clippy::unwrap_used, reason = "a test may")]

use ratatui::style::{Color, Style};

use super::*;

/// Dichromacy (severity 1.0) on linear RGB: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A Physiologically-based
/// Model for Simulation of Color Vision Deficiency", IEEE TVCG 15(6), 2009, table 1.
const PROTAN: [[f64; 3]; 3] =
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]];
const DEUTAN: [[f64; 3]; 3] =
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]];
const TRITAN: [[f64; 3]; 3] =
    [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]];
const NORMAL: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Pairs that nobody may mix up.
const PAIRS: &[(Role, Role)] = &[
    (Role::Done, Role::Failed),
    (Role::Running, Role::Parked),
    (Role::BreakerOpen, Role::BreakerClosed),
    (Role::BreakerOpen, Role::BreakerHalfOpen),
    (Role::BreakerClosed, Role::BreakerHalfOpen),
    (Role::Available, Role::Missing),
    (Role::GaugeDone, Role::GaugeFailed),
    (Role::GaugeDone, Role::GaugeLeft),
    (Role::Done, Role::Parked),
];

/// Roles that are read as text.
fn read(role: Role) -> bool {
    !matches!(role, Role::Border | Role::GaugeLeft | Role::Selected)
}

fn linear(color: Color) -> [f64; 3] {
    let rgb = match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) if index >= 16 => color::indexed(index),
        other => panic!("{other:?} is the terminal's own"),
    };
    rgb.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    })
}

fn seen(eye: &[[f64; 3]; 3], color: [f64; 3]) -> [f64; 3] {
    eye.map(|row| row.iter().zip(color).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0))
}

/// CIE L*a*b* of linear sRGB under D65.
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
    let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The difference of two colours for an eye: CIE 1976.
fn difference(eye: &[[f64; 3]; 3], a: Color, b: Color) -> f64 {
    let (a, b) = (lab(seen(eye, linear(a))), lab(seen(eye, linear(b))));
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// The contrast of WCAG 2.
fn contrast(a: Color, b: Color) -> f64 {
    let luminance = |color| {
        let [r, g, b] = linear(color);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn full(name: &str) -> [Theme; 2] {
    let theme = Theme::named(name).unwrap();
    [theme.clone().reduced(ColorDepth::Full), theme.reduced(ColorDepth::Indexed)]
}

#[test]
fn pairs_that_matter_stay_apart_for_the_eyes_a_theme_is_made_for() {
    let eyes: &[(&str, &[&[[f64; 3]; 3]])] = &[
        ("dark", &[&NORMAL]),
        ("light", &[&NORMAL]),
        ("deutan", &[&NORMAL, &DEUTAN, &PROTAN]),
        ("tritan", &[&NORMAL, &TRITAN]),
    ];
    let mut near = Vec::new();
    for (name, eyes) in eyes {
        for (theme, eye) in full(name).iter().flat_map(|theme| eyes.iter().map(move |eye| (theme, eye))) {
            for (a, b) in PAIRS {
                let distance = difference(eye, theme.style(*a).fg.unwrap(), theme.style(*b).fg.unwrap());
                if distance < 30.0 {
                    near.push(format!("{name}: {a:?} and {b:?} differ by {distance:.0}: {:?}", eye[0]));
                }
            }
        }
    }
    assert!(near.is_empty(), "{}", near.join("\n"));
}

#[test]
fn the_pairs_differ_where_the_colours_are_the_terminals_own_or_none() {
    for name in ["ansi", "mono"] {
        let theme = Theme::named(name).unwrap();
        for (a, b) in PAIRS {
            assert_ne!(theme.style(*a), theme.style(*b), "{name}: {a:?} {b:?}");
        }
    }
}

#[test]
fn text_can_be_read_on_the_background_of_its_theme() {
    let mut poor = Vec::new();
    for theme in ["dark", "light", "deutan", "tritan"].into_iter().flat_map(full) {
        let background = theme.style(Role::Text).bg.unwrap();
        let selected = theme.style(Role::Selected).bg.unwrap();
        for role in Role::ALL.iter().copied().filter(|role| read(*role)) {
            let style = theme.style(role);
            let own = style.bg.unwrap_or(background);
            let least = contrast(style.fg.unwrap(), own);
            if least < 4.5 {
                poor.push(format!("{} {role:?}: {least:.2}", theme.name()));
            }
            let on_cursor = contrast(style.fg.unwrap(), style.bg.filter(|_| role == Role::Match).unwrap_or(selected));
            if on_cursor < 4.5 {
                poor.push(format!("{} {role:?} in the cursor's row: {on_cursor:.2}", theme.name()));
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}

#[test]
fn mono_has_no_colour_and_ansi_no_background() {
    for (name, role) in ["ansi", "mono"].into_iter().flat_map(|name| Role::ALL.iter().map(move |role| (name, *role))) {
        let style = Theme::named(name).unwrap().style(role);
        assert_eq!(style.bg, None, "{name} {role:?}");
        assert!(name == "ansi" || style.fg.is_none(), "{role:?}");
        assert!(!matches!(style.fg, Some(Color::Rgb(..) | Color::Indexed(_))), "{role:?}");
    }
}

#[test]
fn the_theme_is_chosen_by_the_command_line_then_no_color_then_the_configuration() {
    let support = |vars: &[(&str, &str)]| {
        ColorSupport::detect(|name| vars.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
    };
    let chosen = |asked, configured, vars| Theme::choose(asked, configured, &[], support(vars)).name;
    assert_eq!(chosen(None, None, &[]), "ansi");
    assert_eq!(chosen(None, Some("dark"), &[]), "dark");
    assert_eq!(chosen(None, Some("dark"), &[("NO_COLOR", "1")]), "mono");
    assert_eq!(chosen(None, Some("dark"), &[("NO_COLOR", "")]), "dark");
    assert_eq!(chosen(Some("light"), Some("dark"), &[("NO_COLOR", "1")]), "light");
    assert_eq!(support(&[("COLORTERM", "truecolor")]).depth, ColorDepth::Full);
    let dark = Theme::choose(Some("dark"), None, &[], support(&[]));
    assert!(matches!(dark.style(Role::Failed).fg, Some(Color::Indexed(_))));
}

#[test]
fn an_override_changes_its_role_alone() {
    let support = ColorSupport { no_color: false, depth: ColorDepth::Full };
    let orange = Style::new().fg(Color::Rgb(255, 136, 0));
    let theme = Theme::choose(None, Some("dark"), &[(Role::Failed, orange), (Role::Text, orange)], support);
    let dark = Theme::named("dark").unwrap();
    assert_eq!(theme.style(Role::Failed), orange);
    assert_eq!(theme.style(Role::Text).bg, dark.style(Role::Text).bg);
    assert_eq!(theme.style(Role::Done), dark.style(Role::Done));
    let mono = Theme::choose(Some("mono"), None, &[(Role::Failed, orange)], support);
    assert_eq!(mono.style(Role::Failed).fg, None);
}

#[test]
fn roles_are_found_by_their_names() {
    for (place, role) in Role::ALL.iter().enumerate() {
        assert_eq!(*role as usize, place);
        assert_eq!(Role::named(role.name()), Some(*role));
    }
}
