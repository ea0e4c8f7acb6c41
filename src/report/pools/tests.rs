//! What reports tell of pools.
#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::events::testing::{Drawing, drawing, pools_scene_over};
use crate::report::summary::{self, Places};
use crate::report::testing::folded;

fn told(state: &RunState) -> String {
    let mut told = String::new();
    tell(&mut told, &of(state), &Names::below("/fonts")).unwrap();
    told
}

#[test]
fn pools_are_summed_up_with_their_shares_and_every_asset_on_the_denylist() {
    let expected = "
Pools:
  fonts: 34 of 40 assets available; 394 draws, 33 failures
    serif: 69.8 %, wanted 70.0 %
    sans: 30.2 %, wanted 30.0 %
    denylisted: 6
      serif/Font 0.ttf  score 40 after 6 failures
        its table glyf is cut off
      serif/Font 8.ttf  score 40 after 6 failures
        its table glyf is cut off
      serif/Font 16.ttf  score 40 after 6 failures
        its table glyf is cut off
      serif/Font 24.ttf  score 40 after 6 failures
        its table glyf is cut off
      serif/Font 32.ttf  score 40 after 6 failures
        its table glyf is cut off
      sans/Font 1.ttf  score 49
  papers: 1 of 4 assets available; 394 draws, 0 failures
    denylisted: 3
      /papers/2.jpg  score 40, drawn all the same
      /papers/1.jpg  score 41
      /papers/0.jpg  score 42
";
    assert_eq!(told(&folded(&pools_scene_over())), expected);
    assert_eq!(told(&folded(&crate::report::testing::story())), "");
}

#[test]
fn ten_thousand_failures_of_assets_are_a_few_lines() {
    let state = folded(&drawing(Drawing { items: 20_000, fonts: 4_000, broken: 2 + 1 }));
    let pool = &of(&state)[0];
    assert!(pool.failures > 5_000 && pool.denylist.len() > 100, "{} {}", pool.failures, pool.denylist.len());
    let text = told(&state);
    assert!(text.lines().count() < 60, "{text}");
    assert!(text.contains("      ... and "), "{text}");
    assert_eq!(pool.denylist.len() + pool.available, 4_000);
}

#[test]
fn the_json_of_the_summary_tells_the_pools_too() {
    let json: serde_json::Value =
        serde_json::from_str(&summary::json(&folded(&pools_scene_over()), &Places::default())).unwrap();
    let fonts = &json["pools"][0];
    assert_eq!((&fonts["name"], &fonts["kind"], &fonts["draws"]), (&"fonts".into(), &"fonts".into(), &394.into()));
    assert_eq!((&fonts["available"], &fonts["denylisted"]), (&34.into(), &6.into()));
    assert_eq!((&fonts["folders"][0]["wanted"], &fonts["folders"][0]["draws"]), (&0.7.into(), &275.into()));
    assert_eq!(fonts["denylist"][0]["last_reason"], "its table glyf is cut off");
    assert_eq!(json["pools"][1]["denylist"][0]["standing"], "spared");
    let without: serde_json::Value =
        serde_json::from_str(&summary::json(&folded(&crate::report::testing::story()), &Places::default())).unwrap();
    assert!(without.get("pools").is_none());
}
