//! Built-in steps on pictures.

mod coded;
pub mod compare;
pub mod contact_sheet;
pub mod convert;
pub mod crop;
pub mod dedupe;
pub(super) mod fit;
pub mod hash;
pub mod orient;
pub mod probe;
pub mod resize;
pub mod sizes;
pub mod strip;
pub mod verify;
