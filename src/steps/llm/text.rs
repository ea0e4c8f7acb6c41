//! Files of text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::resilience::Fault;

/// The text of a file of so many bytes at most. Blocks.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String, Fault> {
    let shown = path.display();
    let failed = |error: std::io::Error| Fault::from_io(&format!("cannot read {shown}"), &error);
    let mut bytes = Vec::new();
    // One byte more tells that there is more.
    File::open(path).map_err(failed)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(Fault::input("input-size", format!("{shown} has more than the {most} bytes that are left for it"))
            .with_hint("raise `max_input_bytes` if the model has room for it, or split the text"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Fault::input("not-text", format!("{shown} is no text: byte {place} is not UTF-8"))
            .with_hint("name the file that holds the text in `in`")
    })?;
    // Editors on Windows begin a file with a mark that is no part of the text.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
