//! The asset pools: how their scores are spread, what their folders gave, each asset, and the denylist.

mod details;
mod draw;
mod order;
mod scores;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Screen;
use super::asks::path_word;
use crate::events::{AssetView, Command, PoolView, Standing};
use crate::resilience::os_text::OsText;
use crate::resilience::safe_text::safe_line;
use crate::tui::action::Action;
use crate::tui::effect::{Effect, Question};
use crate::tui::facts::Facts;
use crate::tui::list::List;
use crate::tui::look::Look;
use crate::tui::text::count;
use crate::tui::theme::Role;
use draw::Areas;
use order::{Asked, Order};

/// The asset pools: how their scores are spread, what their folders gave, each asset, and the denylist.
#[derive(Debug, Default)]
pub struct Pools {
    asked: Asked,
    order: Order,
    /// The asset that was chosen; none: the first, whichever that is.
    chosen: Option<u32>,
    /// The row that it was in last, for the time when the filter hides it.
    row: usize,
    list: List,
    pool_list: List,
    areas: Areas,
}

/// The sign of a standing.
const fn sign_of(standing: Standing, look: &Look) -> &'static str {
    match standing {
        Standing::Available => look.glyphs.tick,
        Standing::Spared => look.glyphs.warning,
        Standing::Denylisted => look.glyphs.cross,
    }
}

/// How a standing looks.
const fn role_of(standing: Standing) -> Role {
    match standing {
        Standing::Available => Role::Available,
        Standing::Spared => Role::Warn,
        Standing::Denylisted => Role::Missing,
    }
}

/// Assets that are on the denylist, drawn all the same or not.
fn denylisted(pool: &PoolView) -> usize {
    pool.standing(Standing::Denylisted) + pool.standing(Standing::Spared)
}

impl Pools {
    /// The chosen pool.
    fn pool<'a>(&self, facts: &'a Facts) -> Option<&'a PoolView> {
        facts.state.pools().get(self.asked.pool)
    }

    /// Takes in what came since, and finds the cursor's asset again.
    fn follow(&mut self, facts: &Facts) {
        // A moment before the pools were known has none.
        self.asked.pool = self.asked.pool.min(facts.state.pools().len().saturating_sub(1));
        let Some(pool) = self.pool(facts) else { return };
        self.order.follow(pool, &self.asked);
        self.row = self.at().unwrap_or(0);
    }

    /// The row of the cursor.
    fn at(&self) -> Option<usize> {
        let last = self.order.len().checked_sub(1)?;
        let Some(chosen) = self.chosen else { return Some(0) };
        Some(self.order.row(chosen).unwrap_or_else(|| self.row.min(last)))
    }

    /// What the cursor is on.
    fn asset<'a>(&self, pool: &'a PoolView) -> Option<&'a AssetView> {
        pool.assets.get(self.order.asset(self.at()?)? as usize)
    }

    fn selected<'a>(&self, facts: &'a Facts) -> Option<(&'a PoolView, &'a AssetView)> {
        let pool = self.pool(facts)?;
        Some((pool, self.asset(pool)?))
    }

    fn choose_pool(&mut self, pool: usize, facts: &Facts) {
        if pool != self.asked.pool && pool < facts.state.pools().len() {
            (self.asked.pool, self.chosen, self.row) = (pool, None, 0);
            self.follow(facts);
        }
    }

    /// Moves the cursor; `false` where the action moves none.
    fn move_by(&mut self, action: Action) -> bool {
        let len = self.order.len();
        self.list.go(self.at().unwrap_or(0));
        if !self.list.act(action, len) {
            return false;
        }
        self.chosen = self.list.cursor(len).and_then(|row| self.order.asset(row));
        self.row = self.at().unwrap_or(0);
        true
    }

    /// Asks before an asset is taken out of a pool.
    fn ask_to_ban(&self, facts: &Facts) -> Option<Question> {
        let (pool, asset) = self.selected(facts)?;
        let name = safe_line(&self.order.name(asset)).into_owned();
        let (pool_name, left) = (safe_line(&pool.shape.name), pool.standing(Standing::Available).saturating_sub(1));
        let rest: String = match left {
            _ if asset.standing == Standing::Spared => " Another one of the denylist is drawn in its place.".into(),
            0 => " It is the last that is available: while there is no better one it is drawn all the same.".into(),
            _ => format!(" {} of {} are left.", count(left as u64), count(pool.assets.len() as u64)),
        };
        let ban = Command::BanAsset { pool: pool.shape.name.clone(), asset: OsText::from(&*asset.path) };
        let said = format!("{name} is put on the denylist of {pool_name}");
        let answers = vec![('b', "ban it: no attempt is given it".into(), vec![Effect::Send(ban), Effect::Say(said)])];
        Some(Question { text: format!("Put {name} on the denylist of {pool_name}?{rest}"), answers })
    }
}

impl Screen for Pools {
    fn draw(&mut self, facts: &Facts, look: &Look, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        self.follow(facts);
        self.draw_all(facts, look, area, buffer);
    }

    fn act(&mut self, action: Action, facts: &mut Facts) -> Vec<Effect> {
        // Whatever is done is done to what was under the cursor when it was asked for.
        if matches!(action, Action::ReviveAsset | Action::BanAsset | Action::Open | Action::Copy) {
            self.chosen = self.chosen.or_else(|| self.order.asset(0));
        }
        self.follow(facts);
        if self.move_by(action) {
            return Vec::new();
        }
        match action {
            Action::PreviousPool => self.choose_pool(self.asked.pool.saturating_sub(1), facts),
            Action::NextPool => self.choose_pool(self.asked.pool + 1, facts),
            Action::SortAssets => {
                self.asked.sort = self.asked.sort.next();
                self.follow(facts);
                return vec![Effect::Say(format!("sorted: {}", self.asked.sort.title()))];
            }
            Action::Denylist => {
                self.asked.only_denylist = !self.asked.only_denylist;
                self.follow(facts);
            }
            _ => {}
        }
        let Some((pool, asset)) = self.selected(facts) else { return Vec::new() };
        let name = || safe_line(&self.order.name(asset)).into_owned();
        let revive = |asset| Effect::Send(Command::ReviveAsset { pool: pool.shape.name.clone(), asset });
        match action {
            Action::ReviveAsset => {
                let said = format!("{} begins anew with the score {}", name(), pool.shape.scoring.start);
                vec![revive(Some(OsText::from(&*asset.path))), Effect::Say(said)]
            }
            Action::ReviveAll => {
                let many = match denylisted(pool) {
                    1 => "1 asset".to_owned(),
                    many => format!("{} assets", count(many as u64)),
                };
                let (pool_name, start) = (safe_line(&pool.shape.name), pool.shape.scoring.start);
                vec![revive(None), Effect::Say(format!("{many} of {pool_name} begin anew with the score {start}"))]
            }
            Action::BanAsset => self.ask_to_ban(facts).map(Effect::Confirm).into_iter().collect(),
            Action::Open => asset.last_failure.iter().map(|(item, _)| Effect::Show(*item)).collect(),
            Action::Copy => vec![Effect::Copy(path_word(&asset.path), "the path")],
            _ => Vec::new(),
        }
    }

    fn can(&self, action: Action, facts: &Facts) -> Result<(), String> {
        let Some(pool) = self.pool(facts) else { return Err("there is no pool".into()) };
        match action {
            Action::SortAssets | Action::Denylist => return Ok(()),
            Action::NextPool if self.asked.pool + 1 >= facts.state.pools().len() => {
                return Err("this is the last one".into());
            }
            Action::PreviousPool if self.asked.pool == 0 => return Err("this is the first one".into()),
            Action::NextPool | Action::PreviousPool => return Ok(()),
            Action::ReviveAll if denylisted(pool) == 0 => return Err("none is on the denylist".into()),
            Action::ReviveAll => return Ok(()),
            _ => {}
        }
        let Some(asset) = self.asset(pool) else { return Err("there is no asset".into()) };
        match (action, asset.standing) {
            (Action::ReviveAsset, Standing::Available) => Err("it is available already".into()),
            (Action::BanAsset, Standing::Denylisted) => Err("it is on the denylist already".into()),
            (Action::BanAsset, Standing::Spared) if pool.assets.len() == 1 => Err("it is the only one".into()),
            (Action::Open, _) if asset.last_failure.is_none() => Err("it has not failed in this run".into()),
            _ => Ok(()),
        }
    }

    fn searched(&self) -> &str {
        &self.asked.text
    }

    fn search(&mut self, text: &str, facts: &mut Facts) {
        text.clone_into(&mut self.asked.text);
        self.follow(facts);
    }

    fn click(&mut self, column: u16, row: u16, again: bool, facts: &mut Facts) -> Vec<Effect> {
        let at = Position::new(column, row);
        if self.areas.pools.contains(at) {
            if let Some(pool) = self.pool_list.at(row - self.areas.pools.y) {
                self.choose_pool(pool, facts);
            }
        } else if self.areas.assets.contains(at)
            && let Some(place) = self.list.at(row - self.areas.assets.y)
        {
            self.chosen = self.order.asset(place);
            self.row = place;
            if again && self.can(Action::Open, facts).is_ok() {
                return self.act(Action::Open, facts);
            }
        }
        Vec::new()
    }
}
