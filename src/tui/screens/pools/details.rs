//! All that is known of the asset that is selected.

use ratatui::text::{Line, Span};

use super::{role_of, sign_of};
use crate::events::telling::counted;
use crate::events::{AssetView, PoolView, Standing};
use crate::resilience::safe_text::safe_line;
use crate::tui::facts::Facts;
use crate::tui::look::Look;
use crate::tui::text::{count, pad, width as columns};
use crate::tui::theme::Role;
use crate::tui::widgets::{pair, plain};

/// The columns of the labels.
const LABEL: usize = 6;

/// What became of the last attempt that failed for it: the item and the reason.
pub(super) fn last(asset: &AssetView, facts: &Facts) -> Option<String> {
    let (item, why) = asset.last_failure.as_ref()?;
    Some(format!("{}: {}", facts.name(*item), safe_line(why)))
}

/// The lines of the panel, for so many columns; with the path where there is room for it.
pub(super) fn lines(
    asset: &AssetView,
    pool: &PoolView,
    facts: &Facts,
    look: &Look,
    (width, with_path): (usize, bool),
) -> Vec<Line<'static>> {
    let (standing, score) = (asset.standing, asset.score);
    let mut lines = Vec::new();
    if with_path {
        lines.extend(pair("asset", &safe_line(&asset.path.to_string_lossy()), LABEL, width, look));
    }
    let mut is = vec![
        Span::styled(pad("is", LABEL + 2), look.style(Role::Dim)),
        Span::styled(format!("{} {}", sign_of(standing, look), standing.word()), look.style(role_of(standing))),
        Span::styled(format!(", score {score}"), plain(look)),
    ];
    let told = match (standing, pool.shape.probation) {
        (Standing::Available, _) => String::new(),
        (Standing::Spared, _) => "drawn, as there is no better one".to_owned(),
        (Standing::Denylisted, Some(draws)) => format!("tried again after {}", counted(draws as usize, "draw")),
        (Standing::Denylisted, None) => "not drawn any more".to_owned(),
    };
    let used: usize = is.iter().map(|span| columns(&span.content)).sum();
    if !told.is_empty() && used + columns(&told) + 2 <= width {
        is.push(Span::styled(format!("; {told}"), look.style(Role::Dim)));
        lines.push(Line::from(is));
    } else {
        lines.push(Line::from(is));
        if !told.is_empty() && with_path {
            lines.extend(pair("", &told, LABEL, width, look));
        }
    }
    let (draws, good, failed) = (asset.draws, asset.successes, asset.failures);
    let (drawn, good) = (count(draws.into()), count(good.into()));
    let times = if draws == 1 { "time" } else { "times" };
    lines.extend(pair(
        "drawn",
        &format!("{drawn} {times}: {good} good, {} failed for it", count(failed.into())),
        LABEL,
        width,
        look,
    ));
    if let Some(last) = last(asset, facts) {
        lines.extend(pair("last", &last, LABEL, width, look));
    }
    lines
}
