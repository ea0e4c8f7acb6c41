//! From a command line that works on one file to a pipeline that works on all.

use std::fmt::Write as _;
use std::path::Path;

use super::template::{Field, Template, is_name};
use super::words::{self, NotWords};

/// The extension of an output that the command says nothing of.
const UNKNOWN: &str = "out";

/// The text of a pipeline that runs `command` on every file. `{in}` (or `{}`) is the file, `{out.mp3}` (or `{out}.mp3`,
/// `{.}.mp3`, `out.mp3`) what the command makes.
///
/// # Errors
/// Why the command cannot be a step, and what to do: for the person who typed it.
pub fn from_command(command: &str) -> Result<String, String> {
    let words = words::split(command).map_err(|why| refusal(&why))?;
    let Some(program) = words.first().filter(|program| !program.is_empty()) else {
        return Err("there is no command; for example: ffmpeg -i {in} {out.mp3}".to_owned());
    };
    if command.contains('\0') {
        return Err("the command holds a NUL, which no argument can".to_owned());
    }
    if !program.contains('/') && program.contains('=') {
        return Err(format!(
            "`{program}` would need a shell, and none is run: leave it out, and add `env = {{ NAME = \"value\" }}` to the step"
        ));
    }
    let mut draft = Draft::default();
    let mut run: Vec<String> = words.iter().map(|word| draft.word(word)).collect();
    if !draft.reads {
        return Err(
            "the command reads no file: write `{in}` where the file's name goes, as in ffmpeg -i {in} {out.mp3}"
                .to_owned(),
        );
    }
    draft.name_outputs(&mut run);
    Ok(draft.pipeline(command, &run))
}

fn refusal(why: &NotWords) -> String {
    match why {
        NotWords::Unclosed(quote) => format!("a quote ({quote}) is not closed"),
        NotWords::Shell('|') => {
            "no shell is run, so `|` cannot join commands: make a step of each, the second reading \
                                 the first's output as {first.file}"
                .to_owned()
        }
        NotWords::Shell(c @ ('<' | '>')) => {
            format!("no shell is run, so `{c}` cannot redirect: let the tool itself read {{in}} and write {{out}}")
        }
        NotWords::Shell(c @ ('$' | '`')) => {
            format!(
                "no shell is run, so `{c}` is not filled in: write the value itself, or put `{c}` into '...' if it is meant as text"
            )
        }
        NotWords::Shell(c) => {
            format!("no shell is run, so `{c}` means nothing: make a step of each command, or quote it if it is text")
        }
    }
}

/// What stands in a word for an output until all outputs are known: no word holds NUL.
fn mark(index: usize) -> String {
    format!("\0{index}\0")
}

#[derive(Default)]
struct Draft {
    reads: bool,
    /// The outputs: each the text after the stem, then the extension.
    outputs: Vec<(String, String)>,
}

impl Draft {
    /// One word with its placeholders in our own spelling, and outputs marked.
    fn word(&mut self, word: &str) -> String {
        if let Some(extension) = placeholder_file(word, &["out", "output"]) {
            return self.output("", &extension);
        }
        if placeholder_file(word, &["in", "input"]).is_some() {
            self.reads = true;
            return "{in}".to_owned();
        }
        let mut done = String::new();
        let mut rest = word;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(open);
            done.push_str(before);
            let closed = braces.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            rest = match closed {
                Some((inner, after)) => match self.placeholder(inner, after, &mut done) {
                    Some(after) => after,
                    None => double_brace(braces, &mut done),
                },
                None => double_brace(braces, &mut done),
            };
        }
        done.push_str(rest);
        done
    }

    /// Writes the placeholder `{inner}`, which `after` follows; what is left to read. `None`: it is none.
    fn placeholder<'w>(&mut self, inner: &str, after: &'w str, done: &mut String) -> Option<&'w str> {
        match inner {
            "" | "in" => {
                self.reads = true;
                done.push_str("{in}");
            }
            "out" => {
                let (extension, after) = leading_extension(after).unwrap_or((UNKNOWN, after));
                done.push_str(&self.output("", extension));
                return Some(after);
            }
            "/" => done.push_str("{item.name}"),
            "." | "/." | "item.stem" if !after.is_empty() && extension_of(after).is_some() => {
                let extension = extension_of(after)?;
                // The folder is the engine's to choose: what stands before the name goes, but for `--out=`.
                done.truncate(done.rfind('=').map_or(0, |equals| equals + 1));
                let suffix = after.strip_suffix(&format!(".{extension}"))?;
                done.push_str(&self.output(suffix, extension));
                return Some("");
            }
            "." | "/." => done.push_str("{item.stem}"),
            _ => {
                if let Some(extension) = inner.strip_prefix("out.").filter(|extension| is_extension(extension)) {
                    done.push_str(&self.output("", extension));
                } else if inner == "scratch" || inner.starts_with("item.") {
                    let whole = format!("{{{inner}}}");
                    let template = Template::parse(&whole).ok()?;
                    if matches!(template.whole_field(), Some(Field::ItemValue(_))) {
                        return None;
                    }
                    self.reads |= inner == "item.path";
                    done.push_str(&whole);
                } else {
                    return None;
                }
            }
        }
        Some(after)
    }

    fn output(&mut self, suffix: &str, extension: &str) -> String {
        let output = (suffix.to_owned(), extension.to_owned());
        let known = self.outputs.iter().position(|other| *other == output);
        mark(known.unwrap_or_else(|| {
            self.outputs.push(output);
            self.outputs.len() - 1
        }))
    }

    /// The name of each output: `file` where there is one; else its extension, with a number where that is taken.
    fn names(&self) -> Vec<String> {
        if self.outputs.len() == 1 {
            return vec!["file".to_owned()];
        }
        let mut names: Vec<String> = Vec::new();
        for (_, extension) in &self.outputs {
            let numbered = (2..).map(|number| format!("{extension}-{number}"));
            let free = std::iter::once(extension.clone()).chain(numbered).find(|name| !names.contains(name));
            names.extend(free);
        }
        names
    }

    fn name_outputs(&self, run: &mut [String]) {
        for (index, name) in self.names().iter().enumerate() {
            let placeholder = if self.outputs.len() == 1 { "{out}".to_owned() } else { format!("{{out.{name}}}") };
            for word in run.iter_mut() {
                *word = word.replace(&mark(index), &placeholder);
            }
        }
    }

    fn pipeline(&self, command: &str, run: &[String]) -> String {
        let program = &run[0];
        let tool = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_literal = Template::parse(program).is_ok_and(|program| program.is_literal());
        let reserved = ["item", "in", "out", "scratch"].contains(&tool.as_str());
        let id = if is_name(&tool) && tool.len() <= 64 && !reserved { tool.as_str() } else { "convert" };
        let mut text = format!(
            "# Made from: {}\n\
             # Each line can be changed; `mediamill check FILE` tells what is wrong with it.\n\
             name = \"{id}\"\n\
             \n\
             [input]\n\
             # paths = [\"songs\"]              # files, folders, globs; the command line replaces them\n\
             # match = [\"*.wav\", \"*.flac\"]    # take only these from folders\n\
             \n\
             [output]\n\
             dir = \"out/{{item.stem}}\"         # each file has a folder for its outputs\n\n",
            one_line(command),
        );
        if is_literal && !tool.contains(['{', '}']) {
            let _ = writeln!(
                text,
                "[health]\n{} = {{ required = true }}    # refuse to start without it\n",
                if is_name(&tool) { tool.clone() } else { quoted(&tool) }
            );
        }
        let _ = writeln!(text, "[[step]]\nid = \"{id}\"\nrun = {}", words::toml_list(run));
        if self.outputs.is_empty() {
            text.push_str(
                "# out = { file = \"{item.stem}.EXTENSION\" }    # name what it makes, and write {out} in `run`\n",
            );
        } else {
            let outputs = self.names().into_iter().zip(&self.outputs).map(|(name, (suffix, extension))| {
                format!("{name} = {}", quoted(&format!("{{item.stem}}{suffix}.{extension}")))
            });
            let _ = writeln!(text, "out = {{ {} }}", outputs.collect::<Vec<_>>().join(", "));
        }
        text.push_str(
            "# timeout = \"10m\"                # stop it when it hangs\n\
             # retry = { max_retries = 3 }    # after failures that may pass\n\
             # optional = true                # a file is good without this step\n",
        );
        text
    }
}

/// Writes the brace that `braces` begins with as text; what is left to read.
fn double_brace<'w>(braces: &'w str, done: &mut String) -> &'w str {
    let (brace, rest) = braces.split_at(1);
    done.push_str(brace);
    done.push_str(brace);
    rest
}

/// The extension of a word such as `out.mp3` whose stem is one of `stems`.
fn placeholder_file(word: &str, stems: &[&str]) -> Option<String> {
    let name = word.rsplit('/').next()?;
    let (stem, extension) = name.split_once('.')?;
    (stems.contains(&stem) && is_extension(extension)).then(|| extension.to_owned())
}

/// The extension that `text` begins with (`.mp3`), and what follows.
fn leading_extension(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('.')?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (extension, rest) = rest.split_at(end);
    is_extension(extension).then_some((extension, rest))
}

/// The extension that `text` ends with, where it is the end of a file name.
fn extension_of(text: &str) -> Option<&str> {
    let (before, extension) = text.rsplit_once('.')?;
    let is_name_part = before.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
    (is_name_part && is_extension(extension)).then_some(extension)
}

fn is_extension(text: &str) -> bool {
    !text.is_empty() && text.len() <= 16 && text.chars().all(|c| c.is_ascii_alphanumeric())
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The command on one line, fit for a comment.
fn one_line(command: &str) -> String {
    command.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::load::parse;
    use crate::pipeline::plan::{Action, Plan};
    use crate::pipeline::tests::Few;

    fn plan(command: &str) -> Plan {
        let text = from_command(command).unwrap();
        let (plan, found) = parse("x.toml", &text, &Few);
        plan.unwrap_or_else(|| panic!("{command}\n{text}\n{}", found.to_text(false)))
    }

    /// The arguments and the outputs that come of `command`.
    fn made(command: &str) -> (Vec<String>, Vec<(String, String)>) {
        let plan = plan(command);
        let Action::Run(run) = &plan.steps[0].action else { panic!("it runs a tool") };
        let out = plan.steps[0].out.iter().map(|(name, out)| (name.clone(), out.from.source.clone())).collect();
        (run.iter().map(|word| word.source.clone()).collect(), out)
    }

    #[test]
    fn every_way_to_say_in_and_out_is_understood() {
        let one = |file: &str| vec![("file".to_owned(), file.to_owned())];
        let table = [
            ("sox {in} {out.mp3}", vec!["sox", "{in}", "{out}"], one("{item.stem}.mp3")),
            ("sox {in} {out}.mp3", vec!["sox", "{in}", "{out}"], one("{item.stem}.mp3")),
            ("sox {in} {out}", vec!["sox", "{in}", "{out}"], one("{item.stem}.out")),
            ("sox in.wav out.mp3", vec!["sox", "{in}", "{out}"], one("{item.stem}.mp3")),
            ("sox {} {.}.mp3", vec!["sox", "{in}", "{out}"], one("{item.stem}.mp3")),
            ("sox {} mp3/{/.}_16k.mp3", vec!["sox", "{in}", "{out}"], one("{item.stem}_16k.mp3")),
            ("dd if={} of=x/{.}.bin", vec!["dd", "if={in}", "of={out}"], one("{item.stem}.bin")),
            ("awk '{print $1}' {in}", vec!["awk", "{{print $1}}", "{in}"], vec![]),
            ("tool {in} --name {/} {item.hash}", vec!["tool", "{in}", "--name", "{item.name}", "{item.hash}"], vec![]),
            (
                "tool {in} {out.wav} {out.json} {out.wav}",
                vec!["tool", "{in}", "{out.wav}", "{out.json}", "{out.wav}"],
                vec![
                    ("wav".to_owned(), "{item.stem}.wav".to_owned()),
                    ("json".to_owned(), "{item.stem}.json".to_owned()),
                ],
            ),
        ];
        for (command, run, out) in table {
            assert_eq!(made(command), (run.into_iter().map(str::to_owned).collect(), out), "{command}");
        }
    }

    #[test]
    fn the_pipeline_is_named_after_the_tool() {
        let plan = plan("/opt/bin/my-tool {in}");
        assert_eq!((plan.name.as_str(), plan.steps[0].tool.as_deref()), ("my-tool", Some("my-tool")));
        assert_eq!(plan.tools["my-tool"].required, Some(true));
    }

    #[test]
    fn what_needs_a_shell_is_refused_with_the_way_out() {
        let table = [
            ("sox {in} - | lame - {out.mp3}", "make a step of each"),
            ("sox {in} > {out}", "cannot redirect"),
            ("sox {in} $HOME/x", "is not filled in"),
            ("cd x; sox {in}", "make a step of each"),
            ("A=1 sox {in}", "env ="),
            ("sox 'a {in}", "not closed"),
            ("sox a b", "write `{in}`"),
            ("  ", "there is no command"),
        ];
        for (command, help) in table {
            let refusal = from_command(command).unwrap_err();
            assert!(refusal.contains(help), "{command}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_always_valid(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "ffmpeg", "{in}", "{}", "{out}", "{out.mp3}", "{out}.wav", "{.}.mp3", "{/.}.x", "{.}", "{", "}", "{}}", "=",
                    "{item.stem}.y", "{item.zebra}", "{a.b}", "'", "\"", "\\", " ", " ", " ", "é", "\n", "-", "/", "..", "out.wav", "{scratch}",
                ]),
                0..20,
            )
        ) {
            let command = words.concat();
            if let Ok(text) = from_command(&command) {
                let (plan, found) = parse("x.toml", &text, &Few);
                prop_assert!(plan.is_some(), "{}\n{}\n{}", command, text, found.to_text(false));
            }
        }
    }
}
