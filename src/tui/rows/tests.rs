use proptest::prelude::*;

use super::*;
use crate::events::EventKind;
use crate::resilience::checkpoint::ItemState;
use crate::resilience::{Fault, FaultClass};
use crate::tui::facts::Facts;
use crate::tui::testing::{beginning, events, facts, scene};

/// All rows, one after the other.
fn shown(rows: &Rows, cursor: Option<Row>) -> Vec<Row> {
    let layout = rows.layout(cursor);
    (0..layout.len()).filter_map(|place| layout.row(place)).collect()
}

fn items(rows: &Rows) -> Vec<ItemIndex> {
    let of = |row| if let Row::Item(item) = row { Some(item) } else { None };
    shown(rows, None).into_iter().filter_map(of).collect()
}

#[test]
fn who_is_at_work_comes_first_and_what_is_finished_is_folded() {
    let facts = facts(&scene());
    let heads: Vec<Section> = shown(&facts.rows, None)
        .into_iter()
        .filter_map(|row| if let Row::Head(section) = row { Some(section) } else { None })
        .collect();
    let wanted =
        [Section::Running, Section::Failed, Section::Parked, Section::Done, Section::UpToDate, Section::Waiting];
    assert_eq!(heads, wanted);
    assert_eq!(items(&facts.rows), [1, 5, 2, 3, 6, 7, 8, 9]);
}

#[test]
fn the_cursor_stays_on_its_item_also_when_its_group_is_folded() {
    let mut facts = facts(&scene());
    let cursor = Row::Item(1);
    assert_eq!(facts.rows.layout(Some(cursor)).place(cursor), Some(1));
    let done = EventKind::ItemFinished { item: 1, state: ItemState::Done, step: None, fault: None, before: false };
    let mut all = scene().into_iter().map(|event| (event.elapsed, event.kind)).collect::<Vec<_>>();
    all.push((140_000, done));
    let Some(last) = events(all).pop() else { unreachable!("one was pushed") };
    facts.apply(&last);
    let layout = facts.rows.layout(Some(cursor));
    let place = layout.place(cursor);
    assert_eq!(place.and_then(|place| layout.row(place)), Some(cursor));
    assert_eq!(place.and_then(|place| layout.row(place - 1)), Some(Row::Head(Section::Done)));
    assert!(facts.rows.is_folded(Section::Done));
}

#[test]
fn a_filter_takes_all_its_words_and_none_that_are_negated() {
    let filter = Filter::of("  GIGUE wav !live ");
    assert!(filter.takes("/music/08 Gigue.wav"));
    assert!(!filter.takes("/music/live/08 Gigue.wav"));
    assert!(!filter.takes("/music/08 Gigue.mp3"));
    assert!(Filter::of(" ! ").is_empty());
    let mut facts = facts(&scene());
    facts.rows.set_filter(Filter::of("live"), &facts.state);
    facts.rows.toggle(Section::UpToDate);
    assert_eq!(items(&facts.rows), [10, 11, 9]);
    assert_eq!(facts.rows.total(Section::Running), 2);
    assert_eq!(facts.rows.count(Section::Running), 0);
}

#[test]
fn orders_are_by_name_and_by_time() {
    let mut facts = facts(&scene());
    facts.rows.toggle(Section::Done);
    facts.rows.set_order(Order::Time, &facts.state);
    let order = items(&facts.rows);
    let place = |item| order.iter().position(|other| *other == item);
    // The first took a minute, the fifth two seconds.
    assert!(place(0) < place(4));
    facts.rows.set_order(Order::Name, &facts.state);
    let order = items(&facts.rows);
    let place = |item| order.iter().position(|other| *other == item);
    assert!(place(6) < place(8) && place(8) < place(9));
}

#[test]
fn a_journal_that_claims_items_that_are_not_there_adds_no_rows() {
    let listed = |first| EventKind::ItemsListed { first, paths: vec!["/in/a".into(), "/in/b".into()] };
    let up_to_date = EventKind::ItemsUpToDate { ranges: vec![(1, u32::MAX)] };
    let kinds = vec![(0, listed(u32::MAX)), (1, up_to_date), (2, listed(0))];
    let mut facts = facts(&events(kinds));
    assert_eq!((facts.rows.total(Section::Waiting), facts.rows.total(Section::UpToDate)), (3, 1));
    facts.rows.toggle(Section::UpToDate);
    assert_eq!(items(&facts.rows), [1, 0, 2, 3]);
}

proptest! {
    #[test]
    fn no_journal_makes_the_rows_panic(events in crate::events::tests::any_events()) {
        let mut facts = facts(&events);
        let size: u32 = SECTIONS.iter().map(|section| facts.rows.total(*section)).sum();
        prop_assert_eq!(size as usize, facts.state.items());
        for order in [Order::Name, Order::Time, Order::Batch] {
            facts.rows.set_order(order, &facts.state);
            events.iter().for_each(|event| facts.apply(event));
            let _ = shown(&facts.rows, None);
        }
        facts.rows.rebuild(&facts.state, &facts.story);
    }
}

proptest! {
    #[test]
    fn groups_are_those_of_the_state_whatever_happens(
        steps in prop::collection::vec((0_u32..12, 0_u8..7), 0..200),
        filtered in any::<bool>(),
        order in 0_u8..3,
    ) {
        let mut kinds = beginning(&crate::tui::testing::NAMES);
        for (item, what) in steps {
            let fault = || Fault::new(FaultClass::Input, "decode", "broken");
            let finish = |state, fault| EventKind::ItemFinished { item, state, step: Some(0), fault, before: false };
            kinds.push((5, match what {
                0 | 1 => EventKind::AttemptStarted { item, step: 0, piece: None, attempt: 1, draws: Vec::new() },
                2 => EventKind::TaskParked { item, step: 1, dependency: "demucs".into() },
                3 => finish(ItemState::Done, None),
                4 => finish(ItemState::Failed, Some(fault())),
                5 => EventKind::ItemLeftOut { item, reason: "by hand".into() },
                _ => EventKind::TaskDone { item, step: 0, piece: None, attempts: 1, ms: 1, bytes: 1 },
            }));
        }
        let events = events(kinds);
        let mut facts: Facts = facts(&events[..6]);
        if filtered {
            facts.rows.set_filter(Filter::of("1"), &facts.state);
        }
        let orders = [Order::Batch, Order::Name, Order::Time];
        facts.rows.set_order(orders[usize::from(order)], &facts.state);
        for event in &events[6..] {
            facts.apply(event);
        }
        let takes = |item: &ItemIndex| {
            !filtered || facts.state.path(*item).is_some_and(|path| path.to_string_lossy().contains('1'))
        };
        for section in SECTIONS {
            let of: Vec<ItemIndex> = (0..12).filter(|item| Section::of(&facts.state, *item) == section).collect();
            prop_assert_eq!(facts.rows.total(section) as usize, of.len());
            prop_assert_eq!(facts.rows.count(section), of.iter().filter(|item| takes(item)).count());
        }
        let mut again = facts.rows.clone();
        again.rebuild(&facts.state, &facts.story);
        prop_assert_eq!(items(&again).len(), items(&facts.rows).len());
        for item in 0..12 {
            let row = Row::Item(item);
            let layout = facts.rows.layout(Some(row));
            prop_assert_eq!(layout.place(row).is_some(), takes(&item));
            if let Some(place) = layout.place(row) {
                prop_assert_eq!(layout.row(place), Some(row));
            }
        }
    }
}
