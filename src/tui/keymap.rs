//! Which key does what: the defaults of the table of actions, and what the config file says in their place.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::action::{ACTIONS, About, Action, Place};
use super::keys::KeyChord;

/// The keys in use.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// By name of the action, its keys, the first one shown in hints.
    keys: HashMap<&'static str, Vec<KeyChord>>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&IndexMap::new())
    }
}

impl Keymap {
    /// The default keys, but for the actions that `overrides` names.
    #[must_use]
    pub fn new(overrides: &IndexMap<String, Vec<KeyChord>>) -> Self {
        let own = |about: &About| {
            let default = || about.keys.iter().filter_map(|key| key.parse().ok()).collect();
            (about.name, overrides.get(about.name).cloned().unwrap_or_else(default))
        };
        Self { keys: ACTIONS.iter().map(own).collect() }
    }

    /// The names of all actions.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        ACTIONS.iter().map(|about| about.name).collect()
    }

    /// What the key does on the screen: what belongs to this screen goes before what belongs to all.
    #[must_use]
    pub fn action(&self, key: &KeyChord, place: Place) -> Option<Action> {
        let has = |about: &&About| self.keys(about).contains(key) && about.belongs_to(place);
        let own = ACTIONS.iter().filter(has).find(|about| !about.places.is_empty());
        own.or_else(|| ACTIONS.iter().find(has)).map(|about| about.action)
    }

    /// The keys of an action.
    #[must_use]
    pub fn keys(&self, about: &About) -> &[KeyChord] {
        self.keys.get(about.name).map_or(&[], Vec::as_slice)
    }

    /// The first key of an action on a screen, as it is written.
    #[must_use]
    pub fn key(&self, action: Action, place: Place) -> Option<String> {
        self.keys(action.about(place)?).first().map(ToString::to_string)
    }
}
