//! `mediamill init`: a new pipeline file, from a command or to begin with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::failure::Failure;
use super::output;
use crate::pipeline::init::from_command;

/// Write a new pipeline: from a command that works on one file, or one to begin with.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write; `-` prints it.
    #[arg(default_value = "pipeline.toml")]
    file: PathBuf,
    /// The command, such as "ffmpeg -i {in} {out.mp3}": {in} is the file, {out.EXTENSION} what it makes.
    #[arg(long, value_name = "COMMAND")]
    from: Option<String>,
}

/// A pipeline to begin with.
const STARTER: &str = include_str!("init/starter.toml");

/// Writes the pipeline.
///
/// # Errors
/// That the command cannot be a step, or the file exists or cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let text = match &args.from {
        Some(command) => from_command(command).map_err(Failure::usage)?,
        None => STARTER.to_owned(),
    };
    if args.file == Path::new("-") {
        output::print(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.file.display();
    let written = std::fs::File::create_new(&args.file).and_then(|mut new| new.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!("{file} exists already, and is left as it is"))
            .hint("name another file, or `-` to print the pipeline"),
        _ => Failure::usage(format!("cannot write {file}: {error}")),
    })?;
    output::note(&format!("{file} is written; next: mediamill check {file}, then mediamill run {file} FILES...\n"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::load::parse;
    use crate::steps::catalog::Catalog;

    #[test]
    fn the_pipeline_to_begin_with_is_good() {
        let (plan, found) = parse("starter.toml", STARTER, &Catalog::registered());
        assert!(plan.is_some() && found.is_empty(), "{}", found.to_text(false));
    }
}
