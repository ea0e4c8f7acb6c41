//! How alike pictures are: what is between two of them, a hash that stays the same when a picture is made smaller or
//! compressed again, and groups of near duplicates.

pub mod compare;
mod difference;
mod flat;
pub mod groups;
pub mod hash;
mod ssim;
