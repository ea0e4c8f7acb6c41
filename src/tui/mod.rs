//! The screen: a front end that draws what is known of a run and sends commands to it.
//!
//! It follows the one stream of events, of a run that it owns, of one of another process, or of one that is over, and folds
//! it into [`facts::Facts`]. Keys become [`action::Action`]s, actions become changes of the [`model::Model`] and
//! [`effect::Effect`]s; only [`app`] touches the world.

pub mod action;
pub mod app;
pub mod config;
pub mod draw;
pub mod effect;
pub mod facts;
pub mod feed;
pub mod glyphs;
pub mod keymap;
pub mod keys;
pub mod list;
pub mod loader;
pub mod logview;
pub mod look;
pub mod model;
pub mod overlays;
pub mod ranks;
pub mod rows;
pub mod screens;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod text;
pub mod theme;
pub mod timeline;
pub mod update;
pub mod widgets;
pub mod wrap;
