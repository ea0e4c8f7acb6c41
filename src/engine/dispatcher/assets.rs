//! Assets: which one an attempt is given, and what becomes of its score.
//!
//! An asset is chosen when its attempt starts, never ahead, by numbers made of the run's seed, the item, the step and the
//! asset's name: no matter when and where the task runs, it is given the same, as long as the same assets are healthy.

mod pool;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use self::pool::{Moved, PoolState};
use super::working::TaskId;
use super::{Dispatcher, Timer};
use crate::engine::assets::{AssetPool, is_path};
use crate::engine::item::Fields;
use crate::engine::kept;
use crate::engine::slot::Workers;
use crate::events::{Draw, EventKind, ItemIndex, ScoreChange};
use crate::resilience::os_text::OsText;
use crate::resilience::retry::chance;
use crate::resilience::{Fault, FaultClass};

/// An item that so many assets of one pool fail for is to blame itself.
const MOST_BLAMED: usize = 16;
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
            let is_blamed = |asset: u32| working.blamed.contains(&Draw { pool: *place as u32, asset });
            let fits = |asset: u32| {
                !is_blamed(asset) && text.as_ref().is_none_or(|text| pool.assets[asset as usize].covers(text))
            };
            match self.assets[*place].choose(pool, chance, fits) {
                Some(asset) => draws.push(Draw { pool: *place as u32, asset }),
                None => return Err(self.none_to_draw(id.item, *place, pool, text.as_deref())),
            }
        }
        for draw in &draws {
            self.assets[draw.pool as usize].count(draw.asset);
        }
        Ok(draws)
    }

    /// Why no asset of the pool is drawn for the item.
    fn none_to_draw(&mut self, item: ItemIndex, place: usize, pool: &AssetPool, text: Option<&str>) -> Fault {
        let (name, one) = (&pool.spec.name, pool.spec.kind.one());
        if let Some(text) = text
            && pool.assets.iter().all(|asset| !asset.covers(text))
        {
            let lacks = pool.assets.iter().map(|asset| asset.lacks(text)).min_by_key(|lacks| lacks.chars().count());
            let lacks = lacks.unwrap_or_default();
            let codes: Vec<String> = lacks.chars().map(|c| format!("{c} (U+{:04X})", u32::from(c))).collect();
            let message = format!(
                "no font of the pool '{name}' has all characters of its text; the nearest lacks {}",
                codes.join(", ")
            );
            return Fault::input("coverage", message);
        }
        if self.blamed(item, place) > 0 {
            return self.poisoned(item, place);
        }
        let message = format!("every {one} of the pool '{name}' that fits it is on the denylist");
        Fault::new(FaultClass::Asset, "denylisted", message)
            .with_hint("revive one, or run again: scores begin anew where they are not kept")
    }

    /// How many assets of the pool failed for the item.
    fn blamed(&self, item: ItemIndex, place: usize) -> usize {
        let of_pool = |draw: &&Draw| draw.pool as usize == place;
        self.active.get(&item).map_or(0, |working| working.blamed.iter().filter(of_pool).count())
    }

    /// Too many assets failed for the item: it is to blame itself, and what they were charged is taken back.
    fn poisoned(&mut self, item: ItemIndex, place: usize) -> Fault {
        let Some(working) = self.active.get_mut(&item) else {
            return Fault::input("assets", "every asset that was drawn for it failed");
        };
        let (of_pool, others) =
            std::mem::take(&mut working.blamed).into_iter().partition(|draw| draw.pool as usize == place);
        working.blamed = others;
        let last = working.last_blame.clone();
        let of_pool: Vec<Draw> = of_pool;
        for draw in &of_pool {
            let moved = self.assets[place].take_back(draw.asset);
            self.tell_moved(draw.pool, moved, Some(item));
        }
        let spec = &self.workshop.context.pools[place].spec;
        let (name, kind) = (&spec.name, spec.kind.word());
        let message = match of_pool.len() {
            1 => format!("the only one of the {kind} in the pool '{name}' that fits it failed: {last}"),
            count if count < MOST_BLAMED => {
                format!("all {count} {kind} of the pool '{name}' that could be drawn for it failed; the last: {last}")
            }
            count => {
                format!("{count} {kind} of the pool '{name}' failed for it, so it is to blame itself; the last: {last}")
            }
        };
        Fault::input("assets", message)
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

    fn drawn(&self, id: TaskId) -> &[Draw] {
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
                _ => pool.unblamed(draw.asset),
            };
            self.tell_moved(draw.pool, moved, Some(id.item));
        }
    }

    /// What a fault says of those that were drawn.
    pub(super) fn verdict(&self, id: TaskId, fault: &Fault) -> Verdict {
        let blamed =
            self.drawn(id).iter().find(|draw| fault.class == FaultClass::Asset && self.is_meant(**draw, fault));
        blamed.map_or(Verdict::Nobodys, |draw| Verdict::Blame(*draw))
    }

    /// Notes that the asset failed for the item: it is not drawn for it again. The fault is the item's, where too many did.
    pub(super) fn note_blame(&mut self, id: TaskId, fault: &Fault, draw: Draw) -> Option<Fault> {
        let working = self.active.get_mut(&id.item)?;
        working.last_blame.clone_from(&fault.message);
        if !working.blamed.contains(&draw) {
            working.blamed.push(draw);
        }
        let place = draw.pool as usize;
        (self.blamed(id.item, place) >= MOST_BLAMED).then(|| self.poisoned(id.item, place))
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
