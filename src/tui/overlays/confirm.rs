//! A question before something is lost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::resilience::safe_text::safe_text;
use crate::tui::effect::Question;
use crate::tui::look::Look;
use crate::tui::theme::Role;
use crate::tui::widgets::{overlay, plain, put, row};
use crate::tui::wrap::fold;

/// Columns of the keys and the room behind them.
const KEYS: usize = 5;
/// Columns of the text at most.
const WIDEST: u16 = 64;

/// Draws the question over `area`, the whole screen.
pub fn draw(question: &Question, look: &Look, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(WIDEST.min(area.width.saturating_sub(4)));
    let (text, answers) = (fold(&safe_text(&question.text), width), answers(question, look, width));
    let height = text.len() + 1 + answers.iter().map(Vec::len).sum::<usize>();
    let inner = overlay(buffer, area, (width as u16, height as u16), "?", look);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    let (text, answers) = (fold(&safe_text(&question.text), width), self::answers(question, look, width));
    let plain = plain(look);
    let whole = text.len() + 1 + answers.iter().map(Vec::len).sum::<usize>();
    let mut lines: Vec<Line<'static>> = Vec::new();
    if whole <= height {
        lines.extend(text.into_iter().map(|line| Line::styled(line, plain)));
        lines.push(Line::default());
        lines.extend(answers.into_iter().flatten());
    } else {
        // What can be answered is more than how it is asked: each answer keeps its line.
        let answers: Vec<Line> = self::answers(question, look, usize::from(u16::MAX)).into_iter().flatten().collect();
        let room = height.saturating_sub(answers.len());
        let (shown, left) = text.split_at(room.min(text.len()));
        lines.extend(shown.iter().map(|line| Line::styled(line.clone(), plain)));
        if let Some(last) = lines.last_mut().filter(|_| !left.is_empty()) {
            last.spans.push(Span::styled(format!(" {}", left.join(" ")), plain));
        }
        lines.extend(answers);
    }
    for (y, line) in lines.iter().take(height).enumerate() {
        put(buffer, row(inner, y as u16), line, look);
    }
}

/// The answers, each in its lines, and the way back.
fn answers(question: &Question, look: &Look, width: usize) -> Vec<Vec<Line<'static>>> {
    let given = question.answers.iter().map(|(key, text, _)| (key.to_string(), text.as_str()));
    let answer = |(key, text): (String, &str)| -> Vec<Line<'static>> {
        let texts = fold(&safe_text(text), width.saturating_sub(KEYS).max(8));
        let key = |at: usize| format!("{:<KEYS$}", if at == 0 { key.as_str() } else { "" });
        let line = |(at, text)| {
            Line::from(vec![Span::styled(key(at), look.style(Role::Key)), Span::styled(text, plain(look))])
        };
        texts.into_iter().enumerate().map(line).collect()
    };
    given.chain([("Esc".to_owned(), "go on as before")]).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{SIZES, drawn, looks};

    fn question() -> Question {
        let answer = |key, text: &str| (key, text.to_owned(), Vec::new());
        Question {
            text: "2 tasks are running.".to_owned(),
            answers: vec![
                answer('k', "keep running without a screen (mediamill watch shows it again)"),
                answer('d', "drain: start nothing new, end when what runs is done"),
                answer('s', "stop: end running tools now; the next run goes on from here"),
            ],
        }
    }

    #[test]
    fn each_answer_has_its_key_and_there_is_a_way_back() {
        for (width, height) in SIZES {
            for (name, look) in looks() {
                let text = drawn((width, height), |area, buffer| draw(&question(), &look, area, buffer));
                insta::assert_snapshot!(format!("confirm-{width}x{height}-{name}"), text);
                for answer in ["k    keep", "d    drain", "s    stop", "Esc  go on"] {
                    assert!(text.contains(answer), "{width}x{height}\n{text}");
                }
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn no_size_is_too_small_or_too_large(width in 0_u16..=300, height in 0_u16..=100) {
            for (_, look) in looks() {
                drawn((width, height), |area, buffer| draw(&question(), &look, area, buffer));
            }
        }
    }
}
