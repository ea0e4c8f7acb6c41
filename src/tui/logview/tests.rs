use proptest::prelude::*;

use super::*;
use crate::tui::testing::{drawn, look};

fn log(lines: usize) -> LogView {
    let mut log = LogView::default();
    for number in 1..=lines {
        log.add(&format!("line {number}\n"));
    }
    log
}

fn seen(log: &mut LogView, size: (u16, u16)) -> Vec<String> {
    let text = drawn(size, |area, buffer| log.draw(&look(), area, buffer));
    let rows = text.lines().take(usize::from(size.1));
    rows.map(|row| row.trim_matches('|').trim_end().to_owned()).collect()
}

#[test]
fn it_follows_until_somebody_scrolls_up_and_again_from_the_end_on() {
    let mut log = log(10);
    assert_eq!(seen(&mut log, (20, 3)), ["line 8", "line 9", "line 10"]);
    log.scroll(-2);
    assert!(!log.follows());
    log.add("line 11\n");
    assert_eq!(seen(&mut log, (20, 3)), ["line 6", "line 7", "line 8"]);
    log.page(1);
    log.page(1);
    assert!(log.follows());
    assert_eq!(seen(&mut log, (20, 3)), ["line 9", "line 10", "line 11"]);
    log.to_top();
    assert_eq!(seen(&mut log, (20, 3)), ["line 1", "line 2", "line 3"]);
    log.toggle_follow();
    assert_eq!(log.status(true), ["follows"]);
}

#[test]
fn long_lines_are_cut_moved_or_wrapped() {
    let mut log = LogView::default();
    log.add("0123456789abcdefghijklmnopqrstuvwxyz\nshort\n");
    assert_eq!(seen(&mut log, (12, 4)), ["0123456789a…", "short", "", ""]);
    assert!(log.to_right());
    assert_eq!(seen(&mut log, (12, 4))[0], "…hijklmnopq…");
    assert!(log.to_right());
    assert!(!log.to_right());
    assert!(log.to_left() && log.to_left() && !log.to_left());
    log.toggle_wrap();
    assert_eq!(seen(&mut log, (12, 4)), ["0123456789ab", "cdefghijklmn", "opqrstuvwxyz", "short"]);
    assert_eq!(seen(&mut log, (12, 2)), ["opqrstuvwxyz", "short"]);
    log.scroll(-1);
    assert_eq!(seen(&mut log, (12, 2)), ["cdefghijklmn", "opqrstuvwxyz"]);
}

#[test]
fn a_search_goes_from_match_to_match_and_around() {
    let mut log = log(100);
    seen(&mut log, (20, 6));
    log.search("LINE 4");
    assert_eq!(log.status(true)[0], "match 11 of 11");
    assert!(log.next_match(true));
    assert_eq!(log.status(true)[0], "match 1 of 11");
    assert_eq!(seen(&mut log, (20, 6))[0], "line 2");
    log.next_match(true);
    assert_eq!(log.status(true)[0], "match 2 of 11");
    log.next_match(false);
    log.next_match(false);
    assert_eq!(log.status(true)[0], "match 11 of 11");
    log.add("one more line 4\n");
    assert_eq!(log.status(true)[0], "match 11 of 12");
    log.search("nowhere");
    assert!(!log.next_match(true));
    assert_eq!(log.status(true)[0], "no match");
}

#[test]
fn what_was_found_is_marked() {
    let mut log = LogView::default();
    log.add("demucs: Error in track\n");
    log.search("error");
    let text = drawn((24, 1), |area, buffer| log.draw(&look(), area, buffer));
    assert!(text.contains("0:8-12: "), "{text}");
}

#[test]
fn half_of_a_wide_letter_is_not_drawn() {
    assert_eq!(part_from("日本語", 1), ("本語", 1));
    assert_eq!(part_from("日本語", 2), ("本語", 0));
    assert_eq!(part_from("ab", 5), ("", 0));
}

#[test]
fn a_wrapped_log_that_stands_still_may_get_wider() {
    let mut log = LogView::default();
    log.add(&"0123456789".repeat(12));
    log.add("\nshort\n");
    log.toggle_wrap();
    seen(&mut log, (10, 4));
    log.scroll(-2);
    assert_eq!(seen(&mut log, (10, 4))[0], "0123456789");
    assert_eq!(seen(&mut log, (60, 1))[0].len(), 60);
    assert_eq!(seen(&mut log, (200, 4)), [&"0123456789".repeat(12), "short", "", ""]);
}

/// Something that is done to a log.
#[derive(Debug, Clone)]
enum Deed {
    Add(String),
    Draw(u16, u16),
    Scroll(isize),
    Page(isize),
    Wrap,
    Follow,
    Search(String),
    Match(bool),
    Sideways(bool),
    Top,
}

fn deed() -> impl Strategy<Value = Deed> {
    let text = || "([a-c日é ]{0,40}\n?){0,4}";
    prop_oneof![
        text().prop_map(Deed::Add),
        (0_u16..50, 0_u16..12).prop_map(|(width, height)| Deed::Draw(width, height)),
        (-9_isize..9).prop_map(Deed::Scroll),
        (-2_isize..3).prop_map(Deed::Page),
        Just(Deed::Wrap),
        Just(Deed::Follow),
        "[a-c日]{0,2}".prop_map(Deed::Search),
        any::<bool>().prop_map(Deed::Match),
        any::<bool>().prop_map(Deed::Sideways),
        Just(Deed::Top),
    ]
}

proptest! {
    #[test]
    fn whatever_is_done_to_it_in_whatever_size_there_is_text_in_sight(
        deeds in prop::collection::vec(deed(), 1..30),
        size in (1_u16..50, 1_u16..12),
    ) {
        let mut log = LogView::default();
        log.add("first\n");
        for deed in deeds {
            match deed {
                Deed::Add(text) => log.add(&text),
                Deed::Draw(width, height) => drop(seen(&mut log, (width, height))),
                Deed::Scroll(rows) => log.scroll(rows),
                Deed::Page(pages) => log.page(pages),
                Deed::Wrap => log.toggle_wrap(),
                Deed::Follow => log.toggle_follow(),
                Deed::Search(text) => log.search(&text),
                Deed::Match(forward) => drop(log.next_match(forward)),
                Deed::Sideways(true) => drop(log.to_right()),
                Deed::Sideways(false) => drop(log.to_left()),
                Deed::Top => log.to_top(),
            }
        }
        seen(&mut log, size);
        let range = log.lines.range();
        prop_assert!(log.follow || range.contains(&log.top.0), "{:?} {:?}", log.top, range);
        prop_assert!(log.follow || log.top.1 < log.rows(log.top.0));
        // A line of the log stays in sight when the screen is another size.
        let before = log.top.0;
        seen(&mut log, (size.0 * 2, size.1));
        prop_assert!(log.follow || log.top.0 <= before);
    }
}
