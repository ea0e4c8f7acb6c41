//! The pipelines that ship: each is free of errors and warnings, runs on real files, and makes what its comment says.

#![expect(clippy::unwrap_used, reason = "a test whose files cannot be read has failed")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::GenericImageView;
use image::imageops::FilterType;
use mediamill::media::decode;
use mediamill::pipeline::load::{LoadError, load};
use mediamill::steps::catalog::Catalog;
use serde_json::Value;

const SHIPPED: [&str; 10] = [
    "lesson",
    "library-check",
    "ocr-again",
    "ocr",
    "photo-check",
    "podcast",
    "quickstart",
    "speech-data",
    "thumbnails",
    "transcode",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pipeline(name: &str) -> PathBuf {
    root().join("pipelines").join(name).with_extension("toml")
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/media").join(name)
}

/// Whether these tools are here. On a build machine they must be.
fn here(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let missing: Vec<&str> = tools.iter().filter(|tool| !is_there(tool)).copied().collect();
    if missing.is_empty() {
        return true;
    }
    let said = format!("skipped: {} is not installed", missing.join(", "));
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{said}");
    let _ = writeln!(std::io::stderr(), "{said}");
    false
}

/// A folder in which mediamill is run, as a user would: outputs in `out`, state in `checkpoints`.
struct Place {
    folder: tempfile::TempDir,
    path: Option<String>,
}

/// How a run ended.
struct Ran {
    output: Output,
    /// From its journal: `done`, `up_to_date`, `failed`, ...
    counts: Value,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), path: None }
    }

    fn at(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// Copies a real file in, under this name.
    fn take(&self, name: &str, to: &str) -> PathBuf {
        let to = self.at(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixture(name), &to).unwrap();
        to
    }

    fn run(&self, name: &str, inputs: &[PathBuf]) -> Ran {
        let runs = self.at("checkpoints").join(name).join("runs");
        let list = || -> Vec<PathBuf> {
            fs::read_dir(&runs).map_or_else(|_| Vec::new(), |runs| runs.map(|run| run.unwrap().path()).collect())
        };
        let before = list();
        // A run that hangs is ended, and leaves no end in its journal.
        let mut command = Command::new("/usr/bin/timeout");
        command
            .args(["--kill-after=10", "120", env!("CARGO_BIN_EXE_mediamill"), "run"])
            .arg(pipeline(name))
            .args(inputs)
            .arg("--no-tui");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        let run = list().into_iter().find(|run| !before.contains(run));
        let journal =
            fs::read_to_string(run.unwrap_or_else(|| panic!("no run: {shown}")).join("journal.jsonl")).unwrap();
        let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "run_finished", "{shown}");
        Ran { output, counts: last["counts"].clone() }
    }

    /// Runs it twice: everything is done, and then there is nothing left to do and nothing was touched.
    fn run_all(&self, name: &str, inputs: &[PathBuf], items: u64) {
        let first = self.run(name, inputs);
        assert_eq!((first.output.status.code(), &first.counts["done"]), (Some(0), &items.into()), "{}", first.told());
        let made = times(&self.at("out"));
        let again = self.run(name, inputs);
        let counts = (&again.counts["up_to_date"], &again.counts["done"]);
        assert_eq!((again.output.status.code(), counts), (Some(0), (&items.into(), &0.into())), "{}", again.told());
        assert_eq!(made, times(&self.at("out")), "the second run touched an output");
        self.no_scratch();
    }

    fn no_scratch(&self) {
        for folder in ["out", "checkpoints"] {
            let left: Vec<PathBuf> =
                files(&self.at(folder)).into_iter().filter(|file| file.to_string_lossy().contains("scratch")).collect();
            assert_eq!(left, Vec::<PathBuf>::new());
        }
    }

    /// The rows of a CSV table, by the text of their first column without its folders.
    fn table(&self, below: &str) -> Vec<Vec<String>> {
        let mut table = csv::Reader::from_path(self.at(below)).unwrap();
        table.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    /// A program of this name, to be found first.
    fn fake(&mut self, name: &str, script: &str) {
        let program = self.at("bin").join(name);
        fs::create_dir_all(self.at("bin")).unwrap();
        // As the real ones do, it answers when it is asked whether it is there.
        fs::write(&program, format!("#!/bin/sh\n[ \"$1\" = --help ] && exit 0\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        self.path = Some(format!("{}:/usr/bin:/bin", self.at("bin").display()));
    }
}

impl Ran {
    fn told(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}\n{}{}", self.counts, text(&self.output.stdout), text(&self.output.stderr))
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn times(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    files(folder).into_iter().map(|file| (file.clone(), fs::metadata(file).unwrap().modified().unwrap())).collect()
}

fn tool(program: &str, arguments: &[&OsStr]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {text}");
    text
}

fn arguments<'a>(before: &[&'a str], file: &'a Path, after: &[&'a str]) -> Vec<&'a OsStr> {
    let text = |list: &[&'a str]| list.iter().map(|text| OsStr::new(*text)).collect::<Vec<_>>();
    [text(before), vec![file.as_os_str()], text(after)].concat()
}

/// Integrated loudness in LUFS and the true peak in dBFS, as ffmpeg measures them.
fn loudness(file: &Path) -> (f64, f64) {
    let measured = tool(
        "ffmpeg",
        &arguments(&["-nostdin", "-hide_banner", "-i"], file, &["-af", "ebur128=peak=true", "-f", "null", "-"]),
    );
    let summary = measured.rsplit("Summary:").next().unwrap();
    let figure = |name: &str| -> f64 {
        let line = summary.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (figure("I:"), figure("Peak:"))
}

fn probe(file: &Path, entries: &str) -> Value {
    let text = tool("ffprobe", &arguments(&["-v", "error", "-of", "json", "-show_entries", entries], file, &[]));
    serde_json::from_str(&text).unwrap()
}

fn seconds(file: &Path) -> f64 {
    probe(file, "format=duration")["format"]["duration"].as_str().unwrap().parse().unwrap()
}

#[test]
fn every_file_is_free_of_errors_and_warnings_and_says_what_for_and_how() {
    let mut names = Vec::new();
    let all = files(&root().join("pipelines"));
    for file in all.into_iter().filter(|file| file.extension() == Some(OsStr::new("toml"))) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        match load(&file, &Catalog::registered()) {
            Ok(loaded) => {
                assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.to_text(false));
                assert_eq!(loaded.plan.name, name);
                assert!(!loaded.plan.description.is_empty(), "{name}");
            }
            Err(LoadError::Invalid(found)) => panic!("{}", found.to_text(false)),
            Err(error) => panic!("{error}"),
        }
        let text = fs::read_to_string(&file).unwrap();
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(head.first().is_some_and(|line| line.starts_with("# What for: ")), "{name}");
        let how = format!("# How: mediamill run pipelines/{name}.toml");
        assert!(head.iter().any(|line| line.starts_with(&how)) && head.len() <= 4, "{name}: {head:?}");
        names.push(name);
    }
    assert_eq!(names, SHIPPED, "each of them has its test here");
}

#[test]
fn quickstart_measures_and_draws_the_sound_and_the_pictures_of_the_repository() {
    let place = Place::new();
    // It names its files from the root of the repository.
    for file in files(&root().join("tests/fixtures/media")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        place.take(name, &format!("tests/fixtures/media/{name}"));
    }
    place.run_all("quickstart", &[], 12);
    let checkpoints = files(&place.at("checkpoints/quickstart/items"));
    let of_items = checkpoints.iter().filter(|file| !file.file_name().unwrap().to_string_lossy().starts_with('_'));
    assert_eq!(of_items.count(), 12);

    let rows = place.table("out/quickstart/table.csv");
    assert_eq!(rows.len(), 12);
    let row = |name: &str| rows.iter().find(|row| row[0] == name).unwrap();
    assert_eq!(row("speech-1.wav")[1..3], ["193644", "6.05"]);
    assert_eq!(row("speech-1.wav")[6..8], ["", ""], "a sound has no width");
    assert_eq!(row("photo-coffee-rotated.jpg")[2..8], ["", "", "", "", "480", "320"], "and a picture no length");
    assert!(rows.iter().all(|row| row[8].len() == 64));
    for sound in rows.iter().filter(|row| !row[2].is_empty()) {
        let folder = place.at("out/quickstart").join(&sound[0]);
        assert_eq!(image::open(folder.join("spectrogram.png")).unwrap().dimensions(), (1024, 512));
        let values: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        assert_eq!(values["duration_s"].to_string(), sound[2]);
        assert!((-30.0..-10.0).contains(&values["signal"]["rms_dbfs"].as_f64().unwrap()), "{values}");
    }
    let preview = image::open(place.at("out/quickstart/photo-coffee-rotated.jpg/preview.jpg")).unwrap();
    assert_eq!(preview.dimensions(), (256, 171));

    // One file more is one item more.
    place.take("speech-3.mp3", "tests/fixtures/media/new.mp3");
    let more = place.run("quickstart", &[]);
    assert_eq!((&more.counts["done"], &more.counts["up_to_date"]), (&1.into(), &12.into()));
    assert_eq!(place.table("out/quickstart/table.csv").len(), 13);
}

#[test]
fn a_library_is_read_to_its_end_and_what_is_rotten_is_named_with_its_place() {
    let place = Place::new();
    for name in ["speech-1.wav", "music-1.flac", "music-2.ogg", "music-2.mp3", "music-1.m4a", "photo-cat.png"] {
        place.take(name, &format!("library/{name}"));
    }
    place.run_all("library-check", &[place.at("library")], 6);
    let rows = place.table("out/library-check/library.csv");
    assert_eq!(rows.len(), 6);
    let row = |name: &str| rows.iter().find(|row| row[0].ends_with(name)).unwrap();
    assert_eq!(row("music-1.flac")[3..6], ["3.0", "flac", "ok"]);
    assert_eq!(row("speech-1.wav")[5], "none");
    assert_eq!(row("photo-cat.png")[6..8], ["300", "200"]);
    assert!(rows.iter().all(|row| row[2].len() == 64));

    // One bit of a sound, and half of a picture.
    let mut rotten = fs::read(fixture("music-1.flac")).unwrap();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    fs::write(place.at("library/rotten.flac"), rotten).unwrap();
    let whole = fs::read(fixture("photo-cat.png")).unwrap();
    fs::write(place.at("library/half.png"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("library-check", &[place.at("library")]);
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&2.into(), &6.into()), "{}", ran.told());
    assert!(ran.told().contains("damaged at 1."), "{}", ran.told());
    assert_eq!(place.table("out/library-check/library.csv").len(), 6);
}

#[test]
fn thumbnails_are_upright_never_enlarged_and_a_broken_photo_stops_nothing() {
    let place = Place::new();
    place.take("photo-coffee-rotated.jpg", "photos/2024/coffee.jpg");
    place.take("photo-cat.png", "photos/cat.png");
    place.take("photo-astronaut.webp", "photos/astronaut.webp");
    let large = image::open(fixture("photo-rocket.jpg")).unwrap().resize_exact(3000, 2000, FilterType::Triangle);
    large.save(place.at("photos/rocket.png")).unwrap();
    place.run_all("thumbnails", &[place.at("photos")], 4);

    let size = |below: &str| image::open(place.at("out/thumbnails").join(below)).unwrap().dimensions();
    assert_eq!(
        ["256", "1024", "2048"].map(|box_of| size(&format!("rocket.png/{box_of}.jpg"))),
        [(256, 171), (1024, 683), (2048, 1365)]
    );
    assert_eq!(
        ["256", "1024", "2048"].map(|box_of| size(&format!("cat.png/{box_of}.jpg"))),
        [(256, 171), (300, 200), (300, 200)]
    );
    assert_eq!([size("rocket.png/1024.webp"), size("cat.png/1024.webp")], [(1024, 683), (300, 200)]);
    let upright = image::open(fixture("photo-coffee-rotated.jpg")).unwrap().rotate90();
    let made = image::open(place.at("out/thumbnails/2024/coffee.jpg/256.jpg")).unwrap().to_rgb8();
    let wanted = upright.resize_exact(made.width(), made.height(), FilterType::Triangle).to_rgb8();
    let apart: u64 = made.iter().zip(wanted.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(
        apart / (made.len() as u64) < 8,
        "a turned picture would differ by about 60: {}",
        apart / made.len() as u64
    );

    let whole = fs::read(fixture("photo-rocket.jpg")).unwrap();
    fs::write(place.at("photos/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("thumbnails", &[place.at("photos")]);
    assert_eq!(ran.output.status.code(), Some(1), "{}", ran.told());
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&1.into(), &4.into()));
    assert!(!place.at("out/thumbnails/cut.jpg").exists(), "nothing half-made is left");
    assert_eq!(place.table("out/thumbnails/thumbnails.csv").len(), 4);
}

#[test]
fn photos_that_are_broken_or_there_twice_are_named_and_all_are_on_a_contact_sheet() {
    let place = Place::new();
    for name in ["photo-coffee-rotated.jpg", "photo-cat.png", "photo-astronaut.webp", "photo-rocket.jpg"] {
        place.take(name, &format!("photos/{name}"));
    }
    let coffee = image::open(fixture("photo-coffee-rotated.jpg")).unwrap().rotate90();
    fs::create_dir_all(place.at("photos/phone")).unwrap();
    coffee.resize_exact(160, 107, FilterType::Lanczos3).to_rgb8().save(place.at("photos/phone/coffee.jpg")).unwrap();
    place.run_all("photo-check", &[place.at("photos")], 5);

    let copies = place.table("out/photo-check/duplicates.csv");
    let told: Vec<(&str, &str, bool)> = copies
        .iter()
        .map(|row| (row[0].as_str(), row[1].as_str(), row[2].ends_with("photo-coffee-rotated.jpg")))
        .collect();
    assert_eq!(told, [("1", "true", true), ("1", "false", false)]);
    assert_eq!(place.table("out/photo-check/photos.csv").len(), 5);
    // Five in one row of six.
    let sheet = image::open(place.at("out/photo-check/contact-0001.jpg")).unwrap();
    assert_eq!(sheet.dimensions(), (12 + 6 * 252, 12 + 33 + 274));
    assert!(!place.at("out/photo-check/contact-0002.jpg").exists());

    let whole = fs::read(fixture("photo-rocket.jpg")).unwrap();
    fs::write(place.at("photos/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    let ran = place.run("photo-check", &[place.at("photos")]);
    assert_eq!((&ran.counts["failed"], &ran.counts["up_to_date"]), (&1.into(), &5.into()), "{}", ran.told());
    assert!(ran.told().contains("cut.jpg"), "{}", ran.told());
    assert_eq!(place.table("out/photo-check/photos.csv").len(), 5);
}

#[test]
fn podcast_episodes_are_as_loud_as_players_expect() {
    if !here(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let place = Place::new();
    let episodes = ["speech-1.wav", "speech-2.flac", "speech-3.mp3"];
    for name in episodes {
        place.take(name, &format!("recordings/{name}"));
    }
    place.run_all("podcast", &[place.at("recordings")], 3);
    for (name, row) in episodes.iter().zip(place.table("out/podcast/episodes.csv")) {
        let (recording, episode) = (fixture(name), place.at("out/podcast").join(name).with_extension("mp3"));
        assert_eq!(Path::new(&row[1]), fs::canonicalize(&episode).unwrap());
        let (loudness, peak) = loudness(&episode);
        assert!((loudness + 16.0).abs() <= 1.0, "{name}: {loudness} LUFS");
        assert!(peak <= -1.0, "{name}: {peak} dBTP");
        let told: f64 = row[3].parse().unwrap();
        assert!((told - loudness).abs() <= 0.2, "{name}: told as {told} LUFS, and ffmpeg measures {loudness}");
        let (before, after): (f64, f64) = (seconds(&recording), row[2].parse().unwrap());
        assert!((before - after).abs() < 0.1, "{name}: {before} s became {after} s");
        let stream = &probe(&episode, "stream=codec_name,bit_rate,channels,sample_rate")["streams"][0];
        assert_eq!((&stream["codec_name"], &stream["bit_rate"]), (&"mp3".into(), &"128000".into()));
        assert_eq!((&stream["channels"], &stream["sample_rate"]), (&2.into(), &"44100".into()));
    }
    // A recording that was cut short, and a text that calls itself one.
    let whole = fs::read(fixture("speech-1.wav")).unwrap();
    fs::write(place.at("recordings/cut.wav"), &whole[..whole.len() / 2 + 1]).unwrap();
    fs::write(
        place.at("recordings/list.m4a"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://localhost:9/x.ts\n",
    )
    .unwrap();
    let ran = place.run("podcast", &[place.at("recordings")]);
    assert_eq!((ran.output.status.code(), &ran.counts["failed"]), (Some(1), &2.into()), "{}", ran.told());
    assert!(!place.at("out/podcast/cut.mp3").exists() && !place.at("out/podcast/list.mp3").exists());
}

#[test]
fn transcoded_songs_keep_their_length_and_their_tags() {
    if !here(&["ffmpeg", "ffprobe"]) {
        return;
    }
    let place = Place::new();
    fs::create_dir_all(place.at("music/album")).unwrap();
    let tagged = place.at("music/album/-- 1. Überall & 'nirgends'.flac");
    let flac = fixture("music-1.flac");
    let tags = ["-metadata", "title=Über", "-metadata", "artist=Somebody", "-metadata", "track=3", "-c", "copy"];
    tool("ffmpeg", &[arguments(&["-v", "error", "-i"], &flac, &tags), arguments(&[], &tagged, &[])].concat());
    place.take("music-1.wav", "music/plain.wav");
    place.run_all("transcode", &[place.at("music")], 2);
    let opus = place.at("out/transcode/album/-- 1. Überall & 'nirgends'.opus");
    let about = probe(&opus, "format=duration:stream=codec_name:stream_tags=title,artist,track");
    let (stream, tags) = (&about["streams"][0], &about["streams"][0]["tags"]);
    assert_eq!(stream["codec_name"], "opus");
    let tag = |name: &str| tags.get(name).or_else(|| tags.get(name.to_uppercase())).cloned().unwrap_or_default();
    assert_eq!(["title", "artist", "track"].map(tag), ["Über", "Somebody", "3"].map(Value::from), "{about}");
    assert!((seconds(&opus) - 3.0).abs() < 0.1 && (seconds(&place.at("out/transcode/plain.opus")) - 3.0).abs() < 0.1);
}

#[test]
fn a_lesson_is_made_without_demucs_and_basic_pitch() {
    let mut place = Place::new();
    fs::create_dir_all(place.at("bin")).unwrap();
    place.path = Some(place.at("bin").display().to_string());
    place.take("music-2.ogg", "songs/one.ogg");
    place.take("music-1.m4a", "songs/two.m4a");
    place.run_all("lesson", &[], 2);
    for (name, length) in [("one", 8.0), ("two", 5.0)] {
        let folder = place.at("out/lesson").join(name);
        let wav = folder.join(format!("{name}.wav"));
        let sound = mediamill::media::SoundReader::open(&wav).unwrap();
        assert_eq!((sound.info().sample_rate, sound.info().channels), (44100, 1));
        let found = decode::verify(&wav).unwrap() as f64 / 44100.0;
        assert!(found <= length + 0.01 && found > length - 1.0, "{name} has {found} s");
        let values: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        assert!(
            (values["signal"]["peak_dbfs"].as_f64().unwrap() + 1.0).abs() < 0.01,
            "normalised to -1 dBFS: {values}"
        );
        assert_eq!(image::open(folder.join("spectrogram.png")).unwrap().dimensions(), (1024, 512));
    }
    let rows = songs(&place);
    assert_eq!(rows.len(), 2);
    assert!(rows[0]["vocals"].as_str().unwrap().ends_with("/one/one.wav"), "the full mix stands in: {}", rows[0]);
    assert_eq!((&rows[0]["midi"], &rows[0]["bass"]), (&Value::Null, &Value::Null));
    // Phrases of whole beats: those that are there are in the table, and together as long as from the first beat to the end.
    for (row, name) in rows.iter().zip(["one", "two"]) {
        let folder = place.at("out/lesson").join(name);
        let phrases = files(&folder.join("phrases"));
        assert_eq!(row["phrases"], phrases.len(), "{row}");
        let analysis: Value = serde_json::from_slice(&fs::read(folder.join("analysis.json")).unwrap()).unwrap();
        let whole: f64 = phrases.iter().map(|phrase| decode::verify(phrase).unwrap() as f64 / 44100.0).sum();
        if let Some(first) = analysis["tempo"]["beats_s"][0].as_f64() {
            assert!((row["seconds"].as_f64().unwrap() - first - whole).abs() < 1e-3, "{row}: {whole} s from {first}");
        }
        assert!(row["key"].is_string() && row["lufs"].is_number(), "{row}");
    }
}

fn songs(place: &Place) -> Vec<Value> {
    let text = fs::read_to_string(place.at("out/lesson/songs.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes what demucs writes, where it writes it: for the last of its arguments, below the one after `-o`.
const DEMUCS: &str = r#"
while [ $# -gt 1 ]; do [ "$1" = -o ] && to=$2; shift; done
name=$(basename "$1"); to="$to/htdemucs/${name%.*}"
mkdir -p "$to" && for stem in vocals drums bass other; do cp "$1" "$to/$stem.wav" || exit 1; done
"#;

const BASIC_PITCH: &str = r#"name=$(basename "$2"); printf 'MThd' > "$1/${name%.*}_basic_pitch.mid""#;

#[test]
fn a_lesson_has_stems_and_notes_where_the_tools_are_there() {
    let mut place = Place::new();
    place.fake("demucs", DEMUCS);
    place.fake("basic-pitch", BASIC_PITCH);
    place.take("music-2.ogg", "songs/one.ogg");
    place.run_all("lesson", &[], 1);
    let made = |below: &str| place.at("out/lesson/one").join(below).is_file();
    assert!(["vocals", "drums", "bass", "other"].iter().all(|stem| made(&format!("stems/{stem}.wav"))));
    assert!(["one", "bass", "accompaniment"].iter().all(|part| made(&format!("{part}.mid"))));
    let row = &songs(&place)[0];
    assert!(row["vocals"].as_str().unwrap().ends_with("/one/stems/vocals.wav"), "{row}");
    assert!(row["midi"].as_str().unwrap().ends_with("/one/one.mid"), "{row}");
}

#[test]
fn a_demucs_that_dies_costs_a_few_calls_and_no_song() {
    let mut place = Place::new();
    place.fake("demucs", &format!("echo called >> '{}'; kill -9 $$", place.at("bin/calls").display()));
    place.fake("basic-pitch", BASIC_PITCH);
    for number in 0..6 {
        place.take("music-1.m4a", &format!("songs/{number}.m4a"));
    }
    let ran = place.run("lesson", &[]);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &6.into()), "{}", ran.told());
    let calls = fs::read_to_string(place.at("bin/calls")).unwrap().lines().count();
    assert!((1..=3).contains(&calls), "a dead tool costs no more calls than its breaker allows: {calls}");
    assert!(songs(&place).iter().all(|song| !song["vocals"].as_str().unwrap().contains("/stems/")));
    assert_eq!(songs(&place).len(), 6);
    place.no_scratch();

    // It is well again: the next run makes up for what is missing.
    place.fake("demucs", DEMUCS);
    let ran = place.run("lesson", &[]);
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &6.into()), "{}", ran.told());
    assert!(songs(&place).iter().all(|song| song["vocals"].as_str().unwrap().ends_with("/stems/vocals.wav")));
}

/// Writes what whisper writes, where it writes it: for the last of its arguments, below the one after `--output_dir`.
const WHISPER: &str = r#"
while [ $# -gt 1 ]; do [ "$1" = --output_dir ] && to=$2; shift; done
name=$(basename "$1"); printf 'What %s says.\n' "${name%.*}" > "$to/${name%.*}.txt"
"#;

/// The rows of both manifests.
fn manifest(place: &Place) -> Vec<Value> {
    let side = |name: &str| fs::read_to_string(place.at("out/speech-data").join(name)).unwrap();
    let text = side("train.jsonl") + &side("test.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn speech_data_are_clips_of_speech_and_a_row_for_each() {
    let mut place = Place::new();
    place.fake("whisper", WHISPER);
    place.take("speech-1.wav", "recordings/a/one.wav");
    place.take("speech-2.flac", "recordings/a/two.flac");
    // Nobody speaks in it: no clips, and nothing is wrong.
    fs::write(place.at("recordings/none.wav"), silence(16_000, 4)).unwrap();
    place.run_all("speech-data", &[place.at("recordings")], 3);
    let rows = manifest(&place);
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in &rows {
        let clip = Path::new(row["audio"].as_str().unwrap());
        let sound = mediamill::media::SoundReader::open(clip).unwrap();
        assert_eq!((sound.info().sample_rate, sound.info().channels), (16_000, 1));
        let seconds = decode::verify(clip).unwrap() as f64 / 16_000.0;
        let figure = |name: &str| row[name].as_f64().unwrap();
        assert!((figure("duration") - seconds).abs() < 1e-6 && (3.0..=30.0).contains(&seconds), "{row}");
        assert!((figure("end") - figure("start") - seconds).abs() < 1e-6, "{row}");
        assert!(figure("speech_ratio") > 0.8, "{row}");
        assert_eq!(row["text"], "What 00001 says.");
        assert!(row["source"].as_str().unwrap().contains("/recordings/a/"), "{row}");
    }
}

#[test]
fn speech_data_are_made_without_whisper_too() {
    let mut place = Place::new();
    fs::create_dir_all(place.at("bin")).unwrap();
    place.path = Some(place.at("bin").display().to_string());
    place.take("speech-1.wav", "recordings/one.wav");
    place.run_all("speech-data", &[place.at("recordings")], 1);
    let rows = manifest(&place);
    assert_eq!((rows.len(), &rows[0]["text"]), (1, &Value::Null), "{rows:?}");
}

/// A WAV file of so many seconds in which nothing sounds.
fn silence(rate: u32, seconds: u32) -> Vec<u8> {
    let bytes = rate * seconds * 2;
    let numbers = [(36 + bytes).to_le_bytes().to_vec(), b"WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec()];
    let mut wav = [b"RIFF".to_vec(), numbers.concat(), rate.to_le_bytes().to_vec()].concat();
    wav.extend(
        [(rate * 2).to_le_bytes().to_vec(), b"\x02\0\x10\0data".to_vec(), bytes.to_le_bytes().to_vec()].concat(),
    );
    wav.resize(44 + bytes as usize, 0);
    wav
}

#[test]
fn pictures_of_text_have_labels_and_are_the_same_however_many_are_drawn_at_once_and_again_from_their_labels() {
    let place = Place::new();
    // Fonts, backgrounds and texts are looked for from where mediamill is started.
    std::os::unix::fs::symlink(root().join("pipelines"), place.at("pipelines")).unwrap();
    let arguments = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    let ran = place.run("ocr", &arguments(&["--jobs", "4"]));
    assert_eq!((ran.output.status.code(), &ran.counts["done"]), (Some(0), &60.into()), "{}", ran.told());
    let picture = |number: usize| place.at(&format!("out/ocr/pictures/{number:06}.png"));
    let label = |number: usize| place.at(&format!("out/ocr/labels/{number:06}.json"));
    let rows: Vec<Value> = fs::read_to_string(place.at("out/ocr/labels.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 60);
    for (row, number) in rows.iter().zip(1..) {
        let (width, height) = image::image_dimensions(picture(number)).unwrap();
        let label: Value = serde_json::from_slice(&fs::read(label(number)).unwrap()).unwrap();
        assert_eq!((&label["width"], &label["height"]), (&width.into(), &height.into()), "{number}");
        assert_eq!((&row["text"], &row["width"]), (&label["text"], &label["width"]), "{number}");
        let words = label["lines"].as_array().unwrap().iter().flat_map(|line| line["words"].as_array().unwrap());
        let words: Vec<&str> = words.map(|word| word["text"].as_str().unwrap()).collect();
        assert_eq!(words, label["text"].as_str().unwrap().split_whitespace().collect::<Vec<_>>(), "{number}");
    }
    assert_eq!(rows.iter().filter(|row| row["kind"] == "clean").count(), 36);
    assert_eq!(rows.iter().filter(|row| row["kind"] == "worn").count(), 24);

    let again = place.run("ocr-again", &[label(1), label(29), label(42)]);
    assert_eq!((again.output.status.code(), &again.counts["done"]), (Some(0), &3.into()), "{}", again.told());
    for number in [1, 29, 42] {
        let again = place.at(&format!("out/ocr-again/{number:06}.png"));
        assert_eq!(fs::read(again).unwrap(), fs::read(picture(number)).unwrap(), "{number}");
    }

    let pictures = || -> BTreeMap<PathBuf, Vec<u8>> {
        let all = files(&place.at("out/ocr/pictures"));
        all.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
    };
    let four = pictures();
    fs::remove_dir_all(place.at("out")).unwrap();
    let one = place.run("ocr", &arguments(&["--jobs", "1", "--limit", "15", "--fresh"]));
    assert_eq!((one.output.status.code(), &one.counts["done"]), (Some(0), &15.into()), "{}", one.told());
    let one = pictures();
    assert_eq!(one.len(), 15);
    assert!(one.iter().all(|(name, picture)| four[name] == *picture));
    place.no_scratch();
}
