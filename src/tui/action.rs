//! Everything that a person can do on the screen, and where.
//!
//! The table here is what the help, the palette, the hints at the foot and the config file are made from.

/// Something that a key, the palette or the mouse asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below tells what each does")]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
    Open,
    Back,
    GoRun,
    GoFailures,
    GoHealth,
    GoBreakers,
    GoLog,
    GoPools,
    GoResources,
    NextScreen,
    PreviousScreen,
    Search,
    NextMatch,
    PreviousMatch,
    Sort,
    SortAssets,
    NextPool,
    PreviousPool,
    Denylist,
    NextOwner,
    PreviousOwner,
    Fold,
    Follow,
    Wrap,
    Preview,
    Level,
    Kind,
    CancelItem,
    RetryItem,
    SkipItem,
    RetryGroup,
    SkipGroup,
    Copy,
    CheckOne,
    CheckAll,
    ResetBreaker,
    TripBreaker,
    ReviveAsset,
    ReviveAll,
    BanAsset,
    Pause,
    MoreJobs,
    FewerJobs,
    EarlierEvent,
    LaterEvent,
    Earlier,
    Later,
    Start,
    End,
    Help,
    Palette,
    Mouse,
    Repaint,
    Suspend,
    Stop,
    Quit,
}

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// The batch.
    Run,
    /// One item.
    Item,
    /// What failed, by cause.
    Failures,
    /// The dependencies and the machine.
    Health,
    /// The circuit breakers.
    Breakers,
    /// The events.
    Log,
    /// The asset pools, of a run that draws from some.
    Pools,
    /// The resources: leases, waits, owners, health.
    Resources,
}

impl Place {
    /// The screens that a digit opens, in the order of their tabs.
    pub const TABS: [Self; 7] =
        [Self::Run, Self::Failures, Self::Health, Self::Breakers, Self::Log, Self::Pools, Self::Resources];

    /// Its name, as its tab shows it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Run => "Run",
            Self::Item => "Item",
            Self::Failures => "Failures",
            Self::Health => "Health",
            Self::Breakers => "Breakers",
            Self::Log => "Log",
            Self::Pools => "Pools",
            Self::Resources => "Resources",
        }
    }
}

/// What the help is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Ways on a screen.
    Move,
    /// Ways between screens.
    Screens,
    /// What is shown, and how.
    View,
    /// What is asked of the work.
    Work,
    /// The time line of a run that is over.
    Time,
    /// The program.
    Program,
}

impl Group {
    /// The heading in the help.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Screens => "Screens",
            Self::View => "View",
            Self::Work => "Work",
            Self::Time => "Time line",
            Self::Program => "Program",
        }
    }
}

/// What is to be known of an action.
#[derive(Debug)]
pub struct About {
    /// The action.
    pub action: Action,
    /// Its name in the config file.
    pub name: &'static str,
    /// What it does, for the help.
    pub title: &'static str,
    /// One word for the hints at the foot; none where it is not worth a hint.
    pub hint: Option<&'static str>,
    /// The keys that it has unless the config file says others.
    pub keys: &'static [&'static str],
    /// The group in the help.
    pub group: Group,
    /// The screens that it belongs to; none: all of them.
    pub places: &'static [Place],
}

const fn about(
    action: Action,
    name: &'static str,
    title: &'static str,
    hint: Option<&'static str>,
    keys: &'static [&'static str],
    group: Group,
    places: &'static [Place],
) -> About {
    About { action, name, title, hint, keys, group, places }
}

const ALL: &[Place] = &[];
const ITEMS: &[Place] = &[Place::Run, Place::Item];
const SEARCHED: &[Place] = &[Place::Item, Place::Log];
const CHECKED: &[Place] = &[Place::Health, Place::Resources];

/// All actions. Where two have one key, the first that belongs to the screen gets it.
pub const ACTIONS: &[About] = &[
    about(Action::Up, "up", "one row up", None, &["up", "k"], Group::Move, ALL),
    about(Action::Down, "down", "one row down", None, &["down", "j"], Group::Move, ALL),
    about(Action::PageUp, "page-up", "one page up", None, &["pgup", "ctrl-u"], Group::Move, ALL),
    about(Action::PageDown, "page-down", "one page down", None, &["pgdn", "ctrl-d"], Group::Move, ALL),
    about(Action::Top, "top", "to the first row", None, &["home", "g"], Group::Move, ALL),
    about(Action::Bottom, "bottom", "to the last row", None, &["end", "G"], Group::Move, ALL),
    about(Action::Left, "left", "to the left", None, &["left", "h"], Group::Move, ALL),
    about(Action::Right, "right", "to the right", None, &["right", "l"], Group::Move, ALL),
    about(Action::Open, "open", "open what is selected", Some("open"), &["enter"], Group::Screens, ALL),
    about(Action::Back, "back", "back", Some("back"), &["esc", "backspace"], Group::Screens, ALL),
    about(Action::GoRun, "go-run", "the batch", None, &["1"], Group::Screens, ALL),
    about(Action::GoFailures, "go-failures", "failures by cause", None, &["2"], Group::Screens, ALL),
    about(Action::GoHealth, "go-health", "dependencies and the machine", None, &["3"], Group::Screens, ALL),
    about(Action::GoBreakers, "go-breakers", "circuit breakers", None, &["4"], Group::Screens, ALL),
    about(Action::GoLog, "go-log", "the stream of events", None, &["5"], Group::Screens, ALL),
    about(Action::GoPools, "go-pools", "asset pools", None, &["6"], Group::Screens, ALL),
    about(Action::GoResources, "go-resources", "resources and who holds them", None, &["7"], Group::Screens, ALL),
    about(Action::NextScreen, "next-screen", "the next screen", None, &["tab"], Group::Screens, ALL),
    about(Action::PreviousScreen, "previous-screen", "the screen before", None, &["shift-tab"], Group::Screens, ALL),
    about(
        Action::Search,
        "search",
        "filter the rows by a text",
        Some("filter"),
        &["/"],
        Group::View,
        &[Place::Run, Place::Failures, Place::Pools],
    ),
    about(Action::Search, "find", "search the text", Some("search"), &["/"], Group::View, SEARCHED),
    about(Action::NextMatch, "next-match", "the next match", None, &["n"], Group::View, SEARCHED),
    about(Action::PreviousMatch, "previous-match", "the match before", None, &["N"], Group::View, SEARCHED),
    about(Action::Sort, "sort", "sort by place, name or time", Some("sort"), &["s"], Group::View, &[Place::Run]),
    about(
        Action::SortAssets,
        "sort-assets",
        "sort by score, draws or path",
        Some("sort"),
        &["s"],
        Group::View,
        &[Place::Pools],
    ),
    about(Action::NextPool, "next-pool", "the next pool", Some("pool"), &["right", "l"], Group::View, &[Place::Pools]),
    about(Action::PreviousPool, "previous-pool", "the pool before", None, &["left", "h"], Group::View, &[Place::Pools]),
    about(
        Action::Denylist,
        "denylist",
        "only the denylist, or all",
        Some("denylist"),
        &["d"],
        Group::View,
        &[Place::Pools],
    ),
    about(
        Action::NextOwner,
        "next-owner",
        "the next who holds a lease",
        Some("owner"),
        &["right", "l"],
        Group::View,
        &[Place::Resources],
    ),
    about(
        Action::PreviousOwner,
        "previous-owner",
        "the one before who holds a lease",
        None,
        &["left", "h"],
        Group::View,
        &[Place::Resources],
    ),
    about(Action::Fold, "fold", "fold or unfold the group", Some("fold"), &["z", "space"], Group::View, &[Place::Run]),
    about(Action::Follow, "follow", "follow the end", Some("follow"), &["f"], Group::View, SEARCHED),
    about(Action::Wrap, "wrap", "wrap long lines", Some("wrap"), &["w"], Group::View, SEARCHED),
    about(
        Action::Preview,
        "preview",
        "show the pictures that were made",
        Some("preview"),
        &["v"],
        Group::View,
        &[Place::Item],
    ),
    about(Action::Level, "level", "how much is told", Some("level"), &["l"], Group::View, &[Place::Log]),
    about(Action::Kind, "kind", "events of which kind", Some("kind"), &["t"], Group::View, &[Place::Log]),
    about(Action::RetryItem, "retry", "try the item again", Some("retry"), &["r"], Group::Work, ITEMS),
    about(Action::CancelItem, "cancel", "end the work on the item", Some("cancel"), &["c"], Group::Work, ITEMS),
    about(
        Action::SkipItem,
        "leave-out",
        "leave the item out of this run",
        Some("leave out"),
        &["x"],
        Group::Work,
        ITEMS,
    ),
    about(
        Action::RetryGroup,
        "retry-group",
        "try all with this cause again",
        Some("retry all"),
        &["r"],
        Group::Work,
        &[Place::Failures],
    ),
    about(
        Action::SkipGroup,
        "leave-group-out",
        "leave all with this cause out",
        Some("leave all out"),
        &["x"],
        Group::Work,
        &[Place::Failures],
    ),
    about(Action::Copy, "copy", "copy the command, the path or the line", Some("copy"), &["y"], Group::Work, ALL),
    about(Action::CheckOne, "check", "look at it again", Some("check"), &["r"], Group::Work, CHECKED),
    about(Action::CheckAll, "check-all", "look at all again", Some("check all"), &["R"], Group::Work, CHECKED),
    about(Action::ResetBreaker, "reset", "close the breaker", Some("reset"), &["r"], Group::Work, &[Place::Breakers]),
    about(
        Action::ResetBreaker,
        "reset-resource",
        "close its breaker",
        Some("reset"),
        &["c"],
        Group::Work,
        &[Place::Resources],
    ),
    about(
        Action::TripBreaker,
        "trip",
        "open the breaker",
        Some("trip"),
        &["t"],
        Group::Work,
        &[Place::Breakers, Place::Resources],
    ),
    about(Action::ReviveAsset, "revive", "begin anew with it", Some("revive"), &["r"], Group::Work, &[Place::Pools]),
    about(
        Action::ReviveAll,
        "revive-all",
        "begin anew with all on the denylist",
        Some("revive all"),
        &["R"],
        Group::Work,
        &[Place::Pools],
    ),
    about(Action::BanAsset, "ban", "put it on the denylist", Some("ban"), &["b"], Group::Work, &[Place::Pools]),
    about(Action::Pause, "pause", "start nothing new, or go on", Some("pause"), &["p"], Group::Work, ALL),
    about(Action::MoreJobs, "more-jobs", "one task more at once", Some("jobs"), &["+", "="], Group::Work, ALL),
    about(Action::FewerJobs, "fewer-jobs", "one task less at once", None, &["-"], Group::Work, ALL),
    about(Action::EarlierEvent, "earlier-event", "one event back", None, &[","], Group::Time, ALL),
    about(Action::LaterEvent, "later-event", "one event on", None, &["."], Group::Time, ALL),
    about(Action::Earlier, "earlier", "a twentieth back", Some("earlier"), &["["], Group::Time, ALL),
    about(Action::Later, "later", "a twentieth on", Some("later"), &["]"], Group::Time, ALL),
    about(Action::Start, "start", "to the start", None, &["{"], Group::Time, ALL),
    about(Action::End, "end", "to the end", None, &["}"], Group::Time, ALL),
    about(Action::Help, "help", "all keys", Some("help"), &["?", "f1"], Group::Program, ALL),
    about(Action::Palette, "palette", "find an action by its name", None, &[":", "ctrl-p"], Group::Program, ALL),
    about(Action::Mouse, "mouse", "mouse on or off", None, &["m"], Group::Program, ALL),
    about(Action::Repaint, "repaint", "draw everything anew", None, &["ctrl-l"], Group::Program, ALL),
    about(
        Action::Suspend,
        "suspend",
        "to the shell; the run pauses until `fg`",
        None,
        &["ctrl-z"],
        Group::Program,
        ALL,
    ),
    about(Action::Stop, "stop", "end the run; once more: now", None, &["ctrl-c"], Group::Program, ALL),
    about(Action::Quit, "quit", "leave", Some("quit"), &["q"], Group::Program, ALL),
];

impl About {
    /// Whether it belongs to the screen.
    #[must_use]
    pub fn belongs_to(&self, place: Place) -> bool {
        self.places.is_empty() || self.places.contains(&place)
    }
}

impl Action {
    /// What is to be known of it on the screen.
    #[must_use]
    pub fn about(self, place: Place) -> Option<&'static About> {
        let of_it = || ACTIONS.iter().filter(|about| about.action == self);
        of_it().find(|about| about.belongs_to(place)).or_else(|| of_it().next())
    }
}
