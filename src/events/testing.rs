//! A run that draws from pools, for the tests of all who tell of it.

pub(crate) mod resources;

use std::path::Path;

use super::{
    Draw, EVENT_VERSION, Event, EventKind, ItemIndex, ListedAsset, PoolKind, PoolShape, RunState, ScoreChange, Scoring,
    Standing, StepShape,
};
use crate::resilience::Fault;
use crate::resilience::checkpoint::ItemState;
use crate::resilience::os_text::OsText;

/// What the run is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing {
    /// Files of the batch.
    pub(crate) items: u32,
    /// Fonts in the pool.
    pub(crate) fonts: u32,
    /// Every so many of them is broken.
    pub(crate) broken: u32,
}

/// A run over `items` files whose only step draws a font and a paper for each.
pub(crate) fn drawing(what: Drawing) -> Vec<Event> {
    let mut run = Run::begun(what);
    for item in 0..what.items {
        run.item(item);
    }
    run.events
}

/// The run that most tests look at: 40 fonts of which five are broken, and four papers.
pub(crate) fn pools_scene() -> Vec<Event> {
    let mut run = Run::begun(Drawing { items: 400, fonts: 40, broken: 8 });
    for item in 0..360 {
        run.item(item);
    }
    // One is put on the denylist by hand, and of the papers none is good: the best of them is drawn all the same.
    run.add(EventKind::AssetScored {
        pool: 0,
        asset: 1,
        score: 49,
        change: ScoreChange::Banned,
        standing: Standing::Denylisted,
        item: None,
    });
    for (asset, standing) in [(0, Standing::Denylisted), (1, Standing::Denylisted), (2, Standing::Spared)] {
        let (score, change) = (42 - asset as i32, ScoreChange::Failure);
        run.add(EventKind::AssetScored { pool: 1, asset, score, change, standing, item: Some(7) });
    }
    run.add(EventKind::AttemptStarted {
        item: 360,
        step: 0,
        piece: None,
        attempt: 1,
        draws: vec![Draw { pool: 0, asset: 3 }, Draw { pool: 1, asset: 3 }],
    });
    run.events
}

/// The same run, over.
pub(crate) fn pools_scene_over() -> Vec<Event> {
    let mut run = Run { events: pools_scene(), ..Run::default() };
    let fault = Fault::asset(Path::new("/fonts/sans/Font 3.ttf"), "font", "no glyph for U+0041")
        .with_hint("look at the font with fc-validate");
    let state = ItemState::Failed;
    run.add(EventKind::ItemFinished { item: 360, state, step: Some(0), fault: Some(fault), before: false });
    let mut state = RunState::default();
    run.events.iter().for_each(|event| state.apply(event));
    run.add(EventKind::RunFinished { counts: state.counts, reason: None });
    run.events
}

#[derive(Default)]
struct Run {
    events: Vec<Event>,
    scores: Vec<i32>,
    broken: u32,
    chance: u64,
}

impl Run {
    fn begun(Drawing { items, fonts, broken }: Drawing) -> Self {
        let mut run = Self { scores: vec![100; fonts as usize], broken, chance: 7, ..Self::default() };
        let folders = |names: &[(&str, Option<f64>)]| {
            names.iter().map(|(name, share)| (OsText::from(Path::new(name)), *share)).collect()
        };
        let shape = |name: &str, kind, folders| PoolShape {
            name: name.to_owned(),
            kind,
            scoring: Scoring::default(),
            folders,
            probation: None,
            persist: false,
        };
        run.add(EventKind::RunStarted {
            run: "20261122-080000-ab12".to_owned(),
            pipeline: "ocr".to_owned(),
            steps: vec!["render".to_owned()],
            jobs: 2,
            seed: 7,
            shapes: vec![StepShape { attempts: 4, ..StepShape::default() }],
            breakers: Vec::new(),
            pools: vec![
                shape("fonts", PoolKind::Fonts, folders(&[("/fonts/serif", Some(0.7)), ("/fonts/sans", Some(0.3))])),
                shape("papers", PoolKind::Images, folders(&[("/papers", None)])),
            ],
            output: OsText::from(Path::new("/work/out")),
            generated: false,
        });
        let paths = (0..items).map(|item| OsText::from(Path::new("/texts").join(format!("{item:05}.txt")))).collect();
        run.add(EventKind::ItemsListed { first: 0, paths });
        let font = |font: u32| ListedAsset {
            path: OsText::from(format!(
                "/fonts/{}/Font {font}.ttf",
                if font.is_multiple_of(2) { "serif" } else { "sans" }
            )),
            folder: font % 2,
            score: 100,
        };
        run.add(EventKind::AssetsListed { pool: 0, first: 0, assets: (0..fonts).map(font).collect() });
        let paper =
            |paper: u32| ListedAsset { path: OsText::from(format!("/papers/{paper}.jpg")), folder: 0, score: 100 };
        run.add(EventKind::AssetsListed { pool: 1, first: 0, assets: (0..4).map(paper).collect() });
        run
    }

    fn add(&mut self, kind: EventKind) {
        let seq = self.events.len() as u64;
        let elapsed = seq * 20;
        self.events.push(Event { v: EVENT_VERSION, seq, at: 1_790_000_000_000 + elapsed, elapsed, kind });
    }

    /// The next number of a generator with a fixed seed.
    fn next(&mut self) -> u32 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) as u32
    }

    /// A font that is available; seven of ten from the first folder.
    fn font(&mut self) -> u32 {
        let folder = u32::from(self.next() % 10 >= 7);
        loop {
            let font = self.next() % self.scores.len() as u32;
            if font % 2 == folder && self.scores[font as usize] >= 50 {
                return font;
            }
        }
    }

    /// What happens to an item: each broken font that it is given costs an attempt.
    fn item(&mut self, item: ItemIndex) {
        for attempt in 1.. {
            let (font, paper) = (self.font(), self.next() % 4);
            let draws = vec![Draw { pool: 0, asset: font }, Draw { pool: 1, asset: paper }];
            self.add(EventKind::AttemptStarted { item, step: 0, piece: None, attempt, draws });
            let is_broken = font % self.broken == 0;
            // Some of the others fail now and then.
            let fails = is_broken || (font % 8 == 3 && self.next().is_multiple_of(12));
            let score = &mut self.scores[font as usize];
            let before = *score;
            *score = if fails { before - 10 } else { (before + 1).min(100) };
            let (score, standing) = (*score, if *score >= 50 { Standing::Available } else { Standing::Denylisted });
            let change = if fails { ScoreChange::Failure } else { ScoreChange::Success };
            let scored = EventKind::AssetScored { pool: 0, asset: font, score, change, standing, item: Some(item) };
            if fails {
                let folder = if font % 2 == 0 { "serif" } else { "sans" };
                let path = format!("/fonts/{folder}/Font {font}.ttf");
                let message = if is_broken { "its table glyf is cut off" } else { "no glyph for U+0041" };
                let fault = Fault::asset(Path::new(&path), "font", message);
                let (step, piece, log, ms) = (0, None, None, 15);
                self.add(EventKind::AttemptFailed { item, step, piece, attempt, fault, log, ms });
                self.add(scored);
                let (piece, attempt, delay) = (None, attempt + 1, 0);
                self.add(EventKind::RetryScheduled { item, step, piece, attempt, delay });
                continue;
            }
            self.add(EventKind::TaskDone { item, step: 0, piece: None, attempts: attempt, ms: 15, bytes: 9_000 });
            if score != before {
                self.add(scored);
            }
            let state = ItemState::Done;
            self.add(EventKind::ItemFinished { item, state, step: None, fault: None, before: false });
            return;
        }
    }
}
