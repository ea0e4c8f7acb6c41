//! Hooks: what is done when an item or the batch has come to its end.

use serde_json::Value;

/// What a hook waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookOn {
    /// Each item that is done.
    ItemDone,
    /// Each item that failed for good.
    ItemFailed,
    /// The end of a run in which every item is done.
    BatchDone,
    /// The end of a run after which an item is not done, or that was ended early.
    BatchFailed,
}

/// A call of a step that works with a resource, made when something has come to its end. Its failure is told, and changes
/// nothing else.
#[derive(Debug, Clone)]
pub struct Hook {
    /// When.
    pub on: HookOn,
    /// The step's name in the register.
    pub uses: String,
    /// The resource that it works with.
    pub resource: String,
    /// Its parameters. Texts may hold placeholders.
    pub with: Value,
}
