//! What is asked: the prompt, and the text of a file after it.

use std::path::PathBuf;

use super::params::CompleteParams;
use super::text::read_text;
use crate::resilience::Fault;

/// The whole question. Blocks while the file is read.
pub(super) fn question(params: &CompleteParams, inputs: &[PathBuf]) -> Result<String, Fault> {
    let most = params.max_input_bytes;
    let said = params.system.as_ref().map_or(0, String::len) + params.prompt.len();
    let left = most.checked_sub(said as u64).ok_or_else(|| {
        Fault::input("input-size", format!("system and prompt are {said} bytes, more than {most}"))
            .with_hint("raise `max_input_bytes` if the model has room for it, or shorten the text")
    })?;
    if !params.attach {
        return Ok(params.prompt.clone());
    }
    let [path] = inputs else {
        let message = format!("`attach` takes one file, and {} were given", inputs.len());
        return Err(Fault::input("inputs", message));
    };
    let text = read_text(path, left)?;
    if text.trim().is_empty() {
        return Err(Fault::input("input-empty", format!("{} holds no text to ask about", path.display())));
    }
    Ok(format!("{}\n\n{text}", params.prompt))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_comes_after_the_prompt_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            vec![path]
        };
        let ask = |most: u64, inputs: &[PathBuf]| {
            let with = json!({ "prompt": "Sum up:", "system": "Be brief.", "attach": true, "max_input_bytes": most });
            question(&serde_json::from_value(with).unwrap(), inputs).map_err(|fault| fault.cause)
        };
        let text = file("a.txt", "\u{feff}Grüße".as_bytes());
        assert_eq!(ask(100, &text), Ok("Sum up:\n\nGrüße".to_owned()));
        // 9 of the system, 7 of the prompt, 10 of the file.
        assert!(ask(26, &text).is_ok());
        assert_eq!(ask(25, &text), Err("input-size".to_owned()));
        assert_eq!(ask(15, &text), Err("input-size".to_owned()));
        assert_eq!(ask(100, &file("b.txt", b"\xff\xfe")), Err("not-text".to_owned()));
        assert_eq!(ask(100, &file("c.txt", b" \n")), Err("input-empty".to_owned()));
        assert_eq!(ask(100, &[folder.path().join("gone")]), Err("not-found".to_owned()));
        assert_eq!(ask(100, &[]), Err("inputs".to_owned()));
    }
}
