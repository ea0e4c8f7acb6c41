//! The order of the steps, and circles in it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Checker, Span};
use crate::pipeline::diagnostic::Diagnostic;

impl Checker<'_, '_, '_> {
    /// The steps in an order where each stands after all that it waits for: that of the file, where it can be. Each
    /// circle is a finding.
    pub(super) fn order(&mut self) -> Vec<usize> {
        let count = self.spec.steps.len();
        let needs: Vec<Vec<usize>> =
            self.links.iter().map(|links| links.all().map(|(step, _)| *step).collect()).collect();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (step, needs) in needs.iter().enumerate() {
            for need in needs {
                needed_by[*need].push(step);
            }
        }
        let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut done = vec![false; count];
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|step| open[*step] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(count);
        loop {
            while let Some(Reverse(step)) = ready.pop() {
                if std::mem::replace(&mut done[step], true) {
                    continue;
                }
                order.push(step);
                for other in &needed_by[step] {
                    open[*other] -= 1;
                    if open[*other] == 0 {
                        ready.push(Reverse(*other));
                    }
                }
            }
            let Some(stuck) = (0..count).find(|step| !done[*step]) else { return order };
            let circle = circle(stuck, &needs, &done);
            self.tell(&circle);
            // Cut there, so that other circles are found too.
            ready.extend(circle.into_iter().map(Reverse));
        }
    }

    fn tell(&mut self, circle: &[usize]) {
        let id = |step: usize| self.spec.steps[step].id.as_ref().map_or("?", |id| id.text.as_str());
        let mut path: Vec<&str> = circle.iter().map(|step| id(*step)).collect();
        path.extend(path.first().copied());
        let mut wrong = Diagnostic::error(format!("steps wait for each other in a circle: {}", path.join(" -> ")));
        for (at, step) in circle.iter().enumerate() {
            let next = circle[(at + 1) % circle.len()];
            let Some((_, span)) = self.links[*step].all().find(|(need, _)| *need == next) else { continue };
            let line = self.found.place(span.start).line;
            wrong = wrong.note(format!("`{}` waits for `{}` in line {line}", id(*step), id(next)));
            if at == 0 {
                wrong = wrong.at(span.clone()).label(format!("waits for `{}`", id(next)));
            }
        }
        self.found
            .push(wrong.help("a step can only read what is made before it: break the circle at one of these places"));
    }
}

impl super::Links {
    /// All that the step waits for.
    fn all(&self) -> impl Iterator<Item = &(usize, Span)> {
        self.reads.iter().chain(&self.after)
    }
}

/// A circle that can be reached from `start`, which waits for something that is not done.
fn circle(start: usize, needs: &[Vec<usize>], done: &[bool]) -> Vec<usize> {
    let mut path = vec![start];
    let mut step = start;
    // Each step that is not done waits for another such step, so the walk must meet itself.
    while let Some(next) = needs[step].iter().copied().find(|need| !done[*need]) {
        if let Some(seen) = path.iter().position(|step| *step == next) {
            let mut circle = path.split_off(seen);
            // Begin with the step that stands first in the file.
            let first = circle.iter().enumerate().min_by_key(|(_, step)| **step).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            return circle;
        }
        path.push(next);
        step = next;
    }
    path
}
