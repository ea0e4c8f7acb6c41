//! Built-in steps on pictures.

pub mod compare;
pub mod contact_sheet;
pub mod dedupe;
pub mod hash;
pub mod probe;
pub mod resize;
