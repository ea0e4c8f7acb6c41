//! A configuration is read, and what is wrong with it told.

#![expect(clippy::unwrap_used, reason = "a test may")]

use ratatui::style::{Color, Modifier};

use super::*;

const ACTIONS: &[&str] = &["quit", "pause", "retry_failed", "help"];

fn parse(text: &str) -> (Config, Vec<String>) {
    Config::parse("tui.toml", text, ACTIONS)
}

#[test]
fn every_key_is_read() {
    let (config, warnings) = parse(
        r##"
theme = "deutan"
glyphs = "ascii"
mouse = true
notify = "bell"
frames_per_second = 30
images = "off"
[keys]
pause = "space"
retry_failed = ["R", "ctrl-r", "Ctrl-R"]
quit = []
[theme_colors]
failed = "bold red"
done = "#ff8800"
border = "none"
"##,
    );
    assert_eq!(warnings, [""; 0]);
    let wanted = Config {
        theme: Some("deutan".into()),
        glyphs: GlyphChoice::Ascii,
        mouse: true,
        notify: Notify::Bell,
        frames_per_second: 30,
        images: Images::Off,
        keys: [("pause", &["space"][..]), ("retry_failed", &["R", "ctrl-r"]), ("quit", &[])]
            .into_iter()
            .map(|(action, keys)| (action.to_owned(), keys.iter().map(|key| key.parse().unwrap()).collect()))
            .collect(),
        theme_colors: vec![
            (Role::Failed, Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)),
            (Role::Done, Style::new().fg(Color::Rgb(255, 136, 0))),
            (Role::Border, Style::new()),
        ],
    };
    // The order of a table means nothing.
    let sorted = |mut config: Config| {
        config.theme_colors.sort_by_key(|(role, _)| *role as usize);
        config
    };
    assert_eq!(sorted(config), sorted(wanted));
}

#[test]
fn nothing_is_needed() {
    assert_eq!(parse(""), (Config::default(), Vec::new()));
}

#[test]
fn all_that_is_wrong_is_told_with_its_place_and_the_rest_is_taken() {
    let (config, warnings) = parse(
        r##"theme = "drak"
glyhps = "ascii"
mouse = "yes"
frames_per_second = 120
notify = "bell"
[keys]
puase = "p"
pause = ["spcae", "P"]
quit = "spcae"
[theme_colors]
faild = "red"
failed = "rde"
"##,
    );
    let wanted = [
        "tui.toml:1:9: `theme` cannot be `drak`; did you mean `dark`?",
        "tui.toml:2:1: there is no key `glyhps`; did you mean `glyphs`?",
        "tui.toml:3:9: `mouse` is of the wrong type (string); it is `true` or `false`",
        "tui.toml:4:21: `frames_per_second` is out of range; it is 1 to 60",
        "tui.toml:7:1: there is no action `puase`; did you mean `pause`?",
        "tui.toml:8:10: `spcae` is no key; did you mean `space`?",
        "tui.toml:9:8: `spcae` is no key; did you mean `space`?",
        "tui.toml:11:1: there is no role `faild`; did you mean `failed`?",
        "tui.toml:12:10: `rde` is no colour; did you mean `red`?",
    ];
    assert_eq!(warnings, wanted);
    let keys = [("pause".to_owned(), vec![KeyChord::char('P')])].into_iter().collect();
    assert_eq!(config, Config { notify: Notify::Bell, keys, ..Config::default() });
}

#[test]
fn a_slip_of_syntax_is_told_with_its_place() {
    let (config, warnings) = parse("mouse = true\ntheme = dark\n");
    assert_eq!(config, Config::default());
    assert!(warnings[0].starts_with("tui.toml:2:9: "), "{warnings:?}");
}

#[test]
fn the_place_is_the_named_one_then_that_of_xdg_then_home() {
    let at = |vars: &[(&str, &str)]| {
        let found = place(|name| vars.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).into()));
        found.map(|(path, named)| (path.display().to_string(), named))
    };
    let home = ("HOME", "/home/a");
    assert_eq!(at(&[home]), Some(("/home/a/.config/mediamill/tui.toml".into(), false)));
    assert_eq!(at(&[home, ("XDG_CONFIG_HOME", "/c")]), Some(("/c/mediamill/tui.toml".into(), false)));
    assert_eq!(at(&[home, ("XDG_CONFIG_HOME", "c")]), Some(("/home/a/.config/mediamill/tui.toml".into(), false)));
    assert_eq!(at(&[home, (CONFIG_VARIABLE, "x.toml")]), Some(("x.toml".into(), true)));
    assert_eq!(at(&[]), None);
}

#[test]
fn only_a_named_file_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str, value: &Path| {
        Config::load(|own| (own == name).then(|| value.as_os_str().to_owned()), ACTIONS).1.len()
    };
    assert_eq!(load("XDG_CONFIG_HOME", folder.path()), 0);
    assert_eq!(load(CONFIG_VARIABLE, &folder.path().join("x.toml")), 1);
    assert_eq!(load(CONFIG_VARIABLE, Path::new("/dev/zero")), 1);
    let path = folder.path().join("bad.toml");
    std::fs::write(&path, b"theme = \"\xff\"").unwrap();
    assert_eq!(load(CONFIG_VARIABLE, &path), 1);
}
