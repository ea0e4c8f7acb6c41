//! Who holds a lease, as a person would call him.

use crate::events::{ItemIndex, RunState};
use crate::resilience::store::ItemKey;
use crate::resources::Owner;

/// The digits of the key in an item's id, after its name.
const KEY: usize = 12;

/// The attempt behind an owner: `run/item/step/attempt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The item's id: the stem of its file's name, and its key.
    pub item: &'a str,
    /// The step, with the number of its piece where it runs for each.
    pub step: &'a str,
    /// Counts from 1.
    pub attempt: &'a str,
}

impl<'a> Holder<'a> {
    /// The attempt that an owner stands for; nothing where he is somebody else.
    #[must_use]
    pub fn read(owner: &'a Owner) -> Option<Self> {
        let mut parts = owner.as_str().rsplitn(4, '/');
        let (attempt, step, item) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = !attempt.is_empty() && attempt.bytes().all(|digit| digit.is_ascii_digit());
        (is_number && parts.next().is_some() && !item.is_empty()).then_some(Self { item, step, attempt })
    }

    /// The item's name, without its key.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let cut = self.item.rsplit_once('-');
        let named = cut
            .filter(|(name, key)| !name.is_empty() && key.len() == KEY && key.bytes().all(|c| c.is_ascii_hexdigit()));
        named.map_or(self.item, |(name, _)| name)
    }

    /// `01 Overture, step save, attempt 2`.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}, step {}, attempt {}", self.name(), self.step, self.attempt)
    }

    /// The item, among those that are worked on now.
    #[must_use]
    pub fn working(&self, state: &RunState) -> Option<ItemIndex> {
        let mut items: Vec<ItemIndex> = state.tasks.keys().map(|(item, _)| *item).collect();
        items.sort_unstable();
        items.dedup();
        items.into_iter().find(|item| self.is(*item, state))
    }

    /// The item, wherever it stands. Looks at all of them where it must.
    #[must_use]
    pub fn find(&self, state: &RunState) -> Option<ItemIndex> {
        self.working(state).or_else(|| (0..state.items() as ItemIndex).find(|item| self.is(*item, state)))
    }

    fn is(&self, item: ItemIndex, state: &RunState) -> bool {
        // A name that begins with another letter cannot be its own, and costs no hash.
        let first = |text: &str| text.chars().find(|c| c.is_alphanumeric());
        let could_be = first(&state.name(item)).is_none_or(|letter| first(self.item) == Some(letter));
        could_be && state.path(item).is_some_and(|path| ItemKey::of(&path).item_id(&path) == self.item)
    }
}

/// Who an owner is, for people.
#[must_use]
pub fn told(owner: &Owner) -> String {
    Holder::read(owner).map_or_else(|| owner.to_string(), |holder| holder.told())
}
