//! A front end: draws a [`RunState`](crate::events::RunState), sends [`Command`](crate::events::Command)s.

pub mod config;
pub mod glyphs;
pub mod keys;
pub mod terminal;
pub mod text;
pub mod theme;
