//! Assets: which one an attempt is given, and what becomes of its score.
//!
//! An asset is chosen when its attempt starts, never ahead, by numbers made of the run's seed, the item, the step and the
//! asset's name: no matter when and where the task runs, it is given the same, as long as the same assets are healthy. So
//! a batch comes out the same however many run at once, where an asset fails for every item or for none. One that fails for
//! some is healthy at one time and not at another, which depends on who comes first: then all items are still done, and
//! some perhaps with another asset.

mod pool;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::pool::{Moved, PoolState};
use super::working::{TaskId, Tried, Vain};
use super::{Dispatcher, Timer};
use crate::engine::assets::{AssetPool, is_path};
use crate::engine::item::Fields;
use crate::engine::kept;
use crate::engine::slot::Workers;
use crate::events::{Draw, EventKind, ItemIndex, ScoreChange};
use crate::media::text::error::shown;
use crate::resilience::fault::UNSUITED;
use crate::resilience::os_text::OsText;
use crate::resilience::retry::chance;
use crate::resilience::{Fault, FaultClass};

/// An item that so many assets of one pool fail for is to blame itself.
const MOST_BLAMED: usize = 16;
/// Causes of attempts that were lost with their host, or took too long: another asset may do better.
const LOST: [&str; 4] = ["timeout", "memory", "crash", "killed"];
/// Scores that are kept are written at most so often.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// Whose doing the end of an attempt was, as far as its assets go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    /// It was done: good for all that were drawn.
    Success,
    /// This one was to blame.
    Blame(Draw),
    /// None of them.
    Nobodys,
}

impl<W: Workers> Dispatcher<W> {
    /// Tells of assets that stand otherwise than their scores say: the best of a pool without a good one.
    pub(super) fn tell_standings(&mut self) {
        for place in 0..self.assets.len() {
            let moved = self.assets[place].restand();
            self.tell_moved(place as u32, moved, None);
        }
    }

    /// Draws what an attempt at the task is given: one asset of each pool that its step names.
    ///
    /// # Errors
    /// Why there is none for it.
    pub(super) fn draw(&mut self, id: TaskId) -> Result<Vec<Draw>, Fault> {
        let workshop = Arc::clone(&self.workshop);
        let step = &workshop.context.plan.steps[id.step];
        let mut draws = Vec::with_capacity(step.pools.len());
        for place in &step.pools {
            let (pool, Some(working)) = (&workshop.context.pools[*place], self.active.get(&id.item)) else { continue };
            if pool.assets.is_empty() {
                continue;
            }
            let fields = Fields { item: Some(&working.active.item), ..Fields::default() };
            let text = pool.spec.covers.as_ref().map(|covers| covers.expand(&fields)).transpose();
            let text = text.map_err(|why| Fault::input("placeholder", format!("`covers` cannot be filled: {why}")))?;
            let text = text.map(|text| text.to_string_lossy().into_owned());
            let of_piece = id.piece.map_or_else(String::new, |piece| format!(".{piece}"));
            let task = format!("pool {} {}{of_piece}", pool.spec.name, step.id);
            let chance = chance(self.seed, &working.active.item.id, &task, 0);
            if let Some(text) = text.as_deref().filter(|text| !pool.has_font_for(text)) {
                return Err(uncovered(pool, text));
            }
            let tried = working.task(id).map_or(&[][..], |task| &task.tried);
            let fits = |asset: u32, lost_too: bool| {
                let draw = Draw { pool: *place as u32, asset };
                let was_in_vain = |tried: &Tried| tried.draw == draw && (lost_too || tried.how != Vain::Lost);
                !tried.iter().any(was_in_vain)
                    && text.as_ref().is_none_or(|text| pool.assets[asset as usize].covers(text))
            };
            let state = &self.assets[*place];
            let chosen = state
                .choose(pool, chance, |asset| fits(asset, true))
                .or_else(|| state.choose(pool, chance, |asset| fits(asset, false)));
            match chosen {
                Some(asset) => draws.push(Draw { pool: *place as u32, asset }),
                None => return Err(self.none_to_draw(id, *place)),
            }
        }
        for draw in &draws {
            self.assets[draw.pool as usize].count(draw.asset);
        }
        Ok(draws)
    }

    /// Why no asset of the pool is drawn for the task.
    fn none_to_draw(&mut self, id: TaskId, place: usize) -> Fault {
        let spec = &self.workshop.context.pools[place].spec;
        let (name, one) = (&spec.name, spec.kind.one());
        let denylisted = || {
            let message = format!("every {one} of the pool '{name}' that fits it is on the denylist");
            Fault::new(FaultClass::Asset, "denylisted", message)
                .with_hint("revive one, or run again: scores begin anew where they are not kept")
        };
        let unsuited = self.tried(id, place, Vain::Unsuited).last().map(|tried| {
            let message = format!("no {one} that is left in the pool '{name}' fits it; the last: {}", tried.why);
            Fault::input(UNSUITED, message)
        });
        if self.tried(id, place, Vain::Blamed).next().is_none() {
            return unsuited.unwrap_or_else(denylisted);
        }
        let fault = self.poisoned(id, place);
        unsuited.unwrap_or(fault)
    }

    /// The assets of the pool that the task was given in vain, in this way.
    fn tried(&self, id: TaskId, place: usize, how: Vain) -> impl Iterator<Item = &Tried> {
        let task = self.active.get(&id.item).and_then(|working| working.task(id));
        let tried = task.map_or(&[][..], |task| &task.tried).iter();
        tried.filter(move |tried| tried.how == how && tried.draw.pool as usize == place)
    }

    /// Every asset failed for the task, or too many: the item is to blame itself, where one of them works, and what these
    /// were charged is taken back. Where none has worked yet, they are to blame.
    fn poisoned(&mut self, id: TaskId, place: usize) -> Fault {
        let failed: Vec<Draw> = self.tried(id, place, Vain::Blamed).map(|tried| tried.draw).collect();
        let last = self.tried(id, place, Vain::Blamed).last().map(|tried| tried.why.clone()).unwrap_or_default();
        let one_works = failed.iter().any(|draw| self.assets[place].is_proven(draw.asset));
        for draw in &failed {
            let moved = self.assets[place].take_back(draw.asset);
            self.tell_moved(draw.pool, moved, Some(id.item));
        }
        if let Some(task) = self.active.get_mut(&id.item).and_then(|working| working.task_mut(id)) {
            task.tried.retain(|tried| tried.how != Vain::Blamed || tried.draw.pool as usize != place);
        }
        let spec = &self.workshop.context.pools[place].spec;
        let (name, kind) = (&spec.name, spec.kind.word());
        let message = match failed.len() {
            1 => format!("the only one of the {kind} in the pool '{name}' that could be drawn for it failed: {last}"),
            count if count < MOST_BLAMED => {
                format!("all {count} {kind} of the pool '{name}' that could be drawn for it failed; the last: {last}")
            }
            count if one_works => {
                format!("{count} {kind} of the pool '{name}' failed for it, so it is to blame itself; the last: {last}")
            }
            count => format!("{count} {kind} of the pool '{name}' failed for it; the last: {last}"),
        };
        if one_works {
            return Fault::input("assets", message);
        }
        Fault::new(FaultClass::Asset, "assets", message).with_hint(format!(
            "look at the {kind} of the pool: none of those that failed for it has worked in this run"
        ))
    }

    /// The fault as it is charged: one of an asset names the asset that was drawn, or is the item's where none was.
    pub(super) fn blame(&self, id: TaskId, fault: Fault) -> Fault {
        if fault.class != FaultClass::Asset {
            return fault;
        }
        let context = &self.workshop.context;
        let Some(draw) = self.drawn(id).iter().find(|draw| self.is_meant(**draw, &fault)) else {
            return Fault { class: FaultClass::Input, asset: None, ..fault };
        };
        let pool = &context.pools[draw.pool as usize];
        let path = &pool.assets[draw.asset as usize].path;
        let shown = path.display().to_string();
        let message = match fault.message.contains(&shown) {
            true => fault.message,
            false => format!("{} '{shown}': {}", pool.spec.kind.one(), fault.message),
        };
        Fault { message, asset: Some(OsText::from(path)), ..fault }
    }

    /// Whether the fault means this asset: by its path, or by its pool's name.
    fn is_meant(&self, draw: Draw, fault: &Fault) -> bool {
        let pool = &self.workshop.context.pools[draw.pool as usize];
        let path = &pool.assets[draw.asset as usize].path;
        fault.asset.as_ref().is_some_and(|asset| is_path(path, asset) || asset.0 == *pool.spec.name)
    }

    pub(super) fn drawn(&self, id: TaskId) -> &[Draw] {
        self.active.get(&id.item).and_then(|working| working.task(id)).map_or(&[], |task| &task.drawn)
    }

    /// The attempt is over: whoever was drawn for it gets what it deserves.
    pub(super) fn settle_draws(&mut self, id: TaskId, verdict: Verdict) {
        let task = self.active.get_mut(&id.item).and_then(|working| working.task_mut(id));
        let draws = task.map(|task| std::mem::take(&mut task.drawn)).unwrap_or_default();
        for draw in draws {
            let pool = &mut self.assets[draw.pool as usize];
            let moved = match verdict {
                Verdict::Success => pool.success(draw.asset),
                Verdict::Blame(blamed) if blamed == draw => pool.failure(draw.asset),
                Verdict::Blame(_) | Verdict::Nobodys => {
                    pool.unblamed(draw.asset);
                    continue;
                }
            };
            self.tell_moved(draw.pool, moved, Some(id.item));
        }
    }

    /// The asset that the fault is about, of those that were drawn for the task.
    pub(super) fn meant(&self, id: TaskId, fault: &Fault) -> Option<Draw> {
        let is_about_one = fault.class == FaultClass::Asset;
        self.drawn(id).iter().find(|draw| is_about_one && self.is_meant(**draw, fault)).copied()
    }

    /// Notes what the attempt, which ended with `fault`, was given in vain. The task's fault, where that is the last word.
    pub(super) fn note_vain(&mut self, id: TaskId, fault: &Fault, draws: &[Draw]) -> Option<Fault> {
        let how = match fault.class {
            FaultClass::Asset if fault.cause == UNSUITED => Vain::Unsuited,
            FaultClass::Asset => Vain::Blamed,
            FaultClass::Transient if LOST.contains(&fault.cause.as_str()) => Vain::Lost,
            _ => return None,
        };
        let task = self.active.get_mut(&id.item)?.task_mut(id)?;
        for draw in draws {
            // One that was lost, and was drawn again for want of others, may be found out now.
            task.tried.retain(|tried| tried.draw != *draw);
            task.tried.push(Tried { draw: *draw, how, why: fault.message.clone() });
        }
        let place = draws.first()?.pool as usize;
        let too_many = how == Vain::Blamed && self.tried(id, place, how).count() >= MOST_BLAMED;
        too_many.then(|| self.poisoned(id, place))
    }

    pub(super) fn revive_asset(&mut self, pool: &str, asset: Option<&OsText>) {
        self.by_hand(pool, asset, |state, asset, is_named| match is_named {
            false if state.is_available(asset) => Vec::new(),
            _ => state.revive(asset),
        });
    }

    pub(super) fn ban_asset(&mut self, pool: &str, asset: &OsText) {
        self.by_hand(pool, Some(asset), |state, asset, _| state.ban(asset));
    }

    /// Does something with the named asset of the pool, or with each. What is not there is left alone.
    fn by_hand(&mut self, pool: &str, asset: Option<&OsText>, act: impl Fn(&mut PoolState, u32, bool) -> Vec<Moved>) {
        let workshop = Arc::clone(&self.workshop);
        let found = workshop.context.pools.iter().enumerate().find(|(_, one)| one.spec.name == pool);
        let Some((place, pool)) = found else { return };
        let meant: Vec<u32> = match asset {
            Some(asset) => pool.place_of(asset).into_iter().collect(),
            None => (0..pool.assets.len() as u32).collect(),
        };
        for one in meant {
            let moved = act(&mut self.assets[place], one, asset.is_some());
            self.tell_moved(place as u32, moved, None);
        }
    }

    /// Writes the scores that outlive the run, where any moved since they were written.
    pub(super) fn keep_scores(&mut self) {
        if !std::mem::take(&mut self.keeps_scores) {
            return;
        }
        let scores = |pool: usize, asset: u32| self.assets[pool].score(asset);
        if let Err(error) = kept::keep(&self.workshop.context, scores) {
            let message = format!("the scores of the pools cannot be kept: {error}");
            self.recorder.record(EventKind::Warning { message, item: None });
        }
    }

    fn tell_moved(&mut self, pool: u32, moved: Vec<Moved>, item: Option<ItemIndex>) {
        let is_kept = self.workshop.context.pools[pool as usize].spec.persist;
        if is_kept && !moved.is_empty() && !std::mem::replace(&mut self.keeps_scores, true) {
            self.set_timer(Instant::now() + KEEP_EVERY, Timer::Scores);
        }
        for Moved { asset, score, change, standing } in moved {
            let item = item.filter(|_| change != ScoreChange::Standing);
            self.recorder.record(EventKind::AssetScored { pool, asset, score, change, standing, item });
        }
    }
}

/// No font of the pool can be drawn for the text.
fn uncovered(pool: &AssetPool, text: &str) -> Fault {
    let name = &pool.spec.name;
    let lacks = pool.assets.iter().filter_map(|asset| asset.lacks(text)).min_by_key(|lacks| lacks.chars().count());
    match lacks {
        Some(lacks) => {
            let lacks = shown(&lacks);
            let message =
                format!("no font of the pool '{name}' has all characters of its text; the nearest lacks {lacks}");
            Fault::input("coverage", message)
        }
        None => Fault::new(FaultClass::Asset, "coverage", format!("no font of the pool '{name}' can be read")),
    }
}
