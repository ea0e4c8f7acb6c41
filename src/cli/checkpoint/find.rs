//! Which item is meant: by its id, its file, or its file's name.

use std::ffi::OsStr;
use std::path::Path;

use super::Entry;
use crate::cli::failure::Failure;
use crate::pipeline::suggest;
use crate::report::Names;
use crate::resilience::checkpoint::Checkpoint;

/// Candidates that are told where several fit.
const TOLD: usize = 20;

/// The place in `all` of the item that `wanted` means.
///
/// # Errors
/// None fits, or several do.
pub(super) fn find(all: &[Entry], wanted: &str) -> Result<usize, Failure> {
    let path = Path::new(wanted);
    let absolute = std::path::absolute(path).ok();
    let source = |checkpoint: &Checkpoint| checkpoint.source.path.as_path().to_owned();
    let by_path = |checkpoint: &Checkpoint| Some(source(checkpoint)) == absolute;
    let by_name = |checkpoint: &Checkpoint| source(checkpoint).file_name() == path.file_name() && is_name(path);
    // A generated item is called by its number, however many zeros are before it.
    let number = |name: &OsStr| name.to_str()?.parse::<u32>().ok();
    let by_number = |checkpoint: &Checkpoint| {
        checkpoint.is_generated()
            && source(checkpoint).file_name().and_then(number).is_some_and(|of| Some(of) == wanted.parse().ok())
    };
    let by_stem = |checkpoint: &Checkpoint| source(checkpoint).file_stem() == Some(path.as_os_str());
    let of = |fits: &dyn Fn(&Checkpoint) -> bool| -> Vec<usize> {
        let fitting = all.iter().enumerate().filter(|(_, (_, read))| read.as_ref().is_ok_and(fits));
        fitting.map(|(place, _)| place).collect()
    };
    // The most exact way that fits anything decides.
    let by_id = all.iter().position(|(id, _)| id == wanted).into_iter().collect();
    let ways = [by_id, of(&by_path), of(&by_name), of(&by_stem), of(&by_number), with_prefix(all, wanted)];
    match ways.into_iter().find(|places| !places.is_empty()).unwrap_or_default().as_slice() {
        [] => {
            let failure = Failure::usage(format!("no checkpoint is of an item '{wanted}'"));
            let stems = all.iter().filter_map(|(_, read)| {
                read.as_ref().ok()?.source.path.as_path().file_stem().and_then(|stem| stem.to_str())
            });
            Err(match suggest::closest(wanted, stems.chain(all.iter().map(|(id, _)| id.as_str()))) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`mediamill checkpoint list` lists all"),
            })
        }
        [one] => Ok(*one),
        several => Err(ambiguous(all, wanted, several)),
    }
}

fn is_name(path: &Path) -> bool {
    path.components().count() == 1
}

fn with_prefix(all: &[Entry], wanted: &str) -> Vec<usize> {
    let fitting = all.iter().enumerate().filter(|(_, (id, _))| !wanted.is_empty() && id.starts_with(wanted));
    fitting.map(|(place, _)| place).collect()
}

fn ambiguous(all: &[Entry], wanted: &str, several: &[usize]) -> Failure {
    let names = Names::here();
    let mut told = format!("'{wanted}' can be {} items:", several.len());
    for place in several.iter().take(TOLD) {
        let (id, read) = &all[*place];
        let source = read.as_ref().map_or_else(|_| String::new(), |found| names.short(found.source.path.as_path()));
        told.push_str(&format!("\n  {id}  {source}"));
    }
    if several.len() > TOLD {
        told.push_str(&format!("\n  ... and {} more", several.len() - TOLD));
    }
    Failure::usage(told).hint("name one by its id or its whole path")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use crate::resilience::os_text::OsText;
    use crate::resilience::store::ItemKey;

    fn all() -> Vec<Entry> {
        let entry = |path: &str| {
            let id = ItemKey::of(Path::new(path)).item_id(Path::new(path));
            let mut checkpoint = Checkpoint::new(id.clone(), OsText::from(path));
            checkpoint.source.generated = !path.starts_with('/');
            (id, Ok(checkpoint))
        };
        ["/a/song.wav", "/b/song.wav", "/b/song.mp3", "/b/other.wav", "000042", "/b/7.wav"].map(entry).to_vec()
    }

    #[test]
    fn an_item_is_found_by_its_id_its_path_its_file_name_and_its_stem() {
        let all = all();
        let found = |wanted: &str| find(&all, wanted).unwrap();
        assert_eq!(found(&all[1].0), 1);
        assert_eq!(found("/b/song.wav"), 1);
        assert_eq!(found("song.mp3"), 2);
        assert_eq!(found("other"), 3);
        assert_eq!(found("oth"), 3);
        assert_eq!((found("000042"), found("42"), found("7")), (4, 4, 5));
    }

    #[test]
    fn where_several_fit_all_are_told() {
        let told = find(&all(), "song").unwrap_err().to_string();
        assert!(told.starts_with("'song' can be 3 items:") && told.contains("/b/song.mp3"), "{told}");
        assert!(find(&all(), "song.wav").unwrap_err().to_string().contains("2 items"));
    }

    #[test]
    fn where_none_fits_the_nearest_is_told() {
        assert!(find(&all(), "othr").unwrap_err().to_string().contains("did you mean `other`?"));
        assert!(find(&all(), "").unwrap_err().to_string().contains("checkpoint list"));
    }
}
