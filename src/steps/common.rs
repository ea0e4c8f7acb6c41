//! Small things that the built-in steps share: reading parameters, telling ranges, writing values.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::builtin::Job;
use crate::resilience::Fault;

/// Reads the parameters `P` at check time.
///
/// # Errors
/// What serde has to say.
pub fn read<P: DeserializeOwned>(with: Value) -> Result<P, String> {
    serde_json::from_value(with).map_err(|error| error.to_string())
}

/// Tells that the parameter `name` must lie between two values, both included.
///
/// # Errors
/// The sentence for the reader.
pub fn within<T: PartialOrd + Display>(name: &str, value: T, least: T, most: T, unit: &str) -> Result<(), String> {
    // Written so that a NaN is outside.
    if value >= least && value <= most {
        return Ok(());
    }
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Err(format!("`{name}` is {value}; it must be between {least} and {most}{unit}"))
}

/// Where to write an output that the step cannot do without.
///
/// # Errors
/// An input fault: the pipeline does not name it in `out`.
pub fn required<'a>(job: &'a Job, name: &str) -> Result<&'a Path, Fault> {
    job.output(name)
        .ok_or_else(|| Fault::input("outputs", format!("this step makes `{name}`, and its `out` does not name it")))
}

/// Writes values as a JSON file, for people and programs.
///
/// # Errors
/// The fault of the disk.
pub fn write_json(values: &impl Serialize, to: &Path) -> Result<(), Fault> {
    let mut text = serde_json::to_vec_pretty(values)
        .map_err(|error| Fault::from_io(&format!("cannot write {}", to.display()), &error.into()))?;
    text.push(b'\n');
    std::fs::write(to, text).map_err(|error| Fault::from_io(&format!("cannot write {}", to.display()), &error))
}

/// Writes values as a JSON file on one line, for programs: no copy of the text is held.
///
/// # Errors
/// The fault of the disk.
pub fn write_compact_json(values: &impl Serialize, to: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::from_io(&format!("cannot write {}", to.display()), &error);
    let mut file = BufWriter::new(File::create(to).map_err(failed)?);
    serde_json::to_writer(&mut file, values).map_err(|error| failed(error.into()))?;
    file.write_all(b"\n").and_then(|()| file.flush()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_outside_its_range_is_told_with_the_range_and_its_unit() {
        assert_eq!(within("quality", 85, 1, 100, ""), Ok(()));
        assert_eq!(
            within("width", 0, 1, 20, "pixels"),
            Err("`width` is 0; it must be between 1 and 20 pixels".to_string())
        );
        assert!(within("range_db", f32::NAN, 1.0, 2.0, "dB").is_err());
    }
}
