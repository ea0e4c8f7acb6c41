//! Gives the terminal back before a panic prints its message.

use std::panic;
use std::sync::Arc;

use super::Contains;
use super::device::Device;

/// From now on a panic in any thread gives `device` back first, if it is taken, and then goes to the hook that was there
/// before. One that is contained does neither.
pub(super) fn install(device: &Arc<Device>, contains: Option<Contains>) {
    // A hook cannot be taken back from a thread that panics, so it stays; but it keeps no terminal open.
    let device = Arc::downgrade(device);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Some(device) = device.upgrade().filter(|device| device.is_entered()) {
            if contains.as_ref().is_some_and(|contains| contains()) {
                return;
            }
            device.panicked();
            device.rescue();
        }
        before(panic);
    }));
}
