//! `audio.slice`: cuts a sound into clips: at pauses of speech, at silences, into windows, at beats.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::encoded::{Bits, SOUND_OUTPUTS, targets};
use crate::media::Source;
use crate::media::encode::{Coding, Target};
use crate::media::segment::beats::at_beats;
use crate::media::segment::plan::{Clips, clips};
use crate::media::segment::slice::{Clip, Cuts, Slicing, slice};
use crate::media::segment::track::Track;
use crate::media::segment::voice::{Run, share, sounding, speech};
use crate::resilience::Fault;
use crate::steps::builtin::{Builtin, Job, OutputDoc, ValueDoc, Values, parameters, schema_of};
use crate::steps::common::{read, required, within};
use crate::steps::media_fault::media_fault;
use indexmap::IndexMap;

/// Where a sound is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// At pauses between words, into clips of 3 to 30 s that hold all that is spoken. Music counts as speech, noise does not.
    #[default]
    Speech,
    /// At silences, which are left out.
    Silence,
    /// Into windows of equal length.
    Windows,
    /// At beats: from the first beat on, so many in each clip.
    Beats,
}

/// The parameters of `audio.slice`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SliceParams {
    /// Where the sound is cut: `speech` (at pauses), `silence`, `windows` or `beats`.
    #[serde(default)]
    pub by: By,
    /// No clip is shorter, in seconds: 3 for `speech`, 0 for `silence` and `windows`. What is shorter is joined with what is
    /// near or widened into the silence around it; where that is not enough, and in `windows`, it is left out.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub min_s: Option<f64>,
    /// No clip is longer, in seconds: 30 for `speech`, without bound for `silence`. At least twice `min_s`.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub max_s: Option<f64>,
    /// A silence of this length is one, in seconds; for `speech`: longer pauses are cut rather than kept. 0.5 where nothing is
    /// said.
    #[serde(default)]
    #[schemars(range(min = 0.05, max = 60.0))]
    pub min_silence_s: Option<f64>,
    /// What is below this level in every channel is silence, in dBFS, for `silence`; -40 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = -120.0, max = -1.0))]
    pub below_dbfs: Option<f64>,
    /// How much silence stays at the ends of a clip, in milliseconds, for `speech` and `silence`; 100 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 0, max = 5000))]
    pub pad_ms: Option<u32>,
    /// Length of a window, in seconds; 10 where nothing is said. The last one is as long as what is left.
    #[serde(default)]
    #[schemars(range(min = 0.05, max = 86_400.0))]
    pub window_s: Option<f64>,
    /// How much of a window is in the next one too, in seconds; at most 15/16 of it, 0 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub overlap_s: Option<f64>,
    /// The times of the beats, in seconds. Where nothing is said they are read from a second input: the JSON file of
    /// `audio.analyze`, or a list of numbers.
    #[serde(default)]
    pub beats: Option<Vec<f64>>,
    /// Beats in a clip; 4 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub beats_per_clip: Option<u32>,
    /// The sample rate of the clips, in Hz; that of the input where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1000, max = 384_000))]
    pub sample_rate: Option<u32>,
    /// 1 or 2; those of the input where nothing is said. Surround (3 to 8 channels, in the order of WAV) becomes stereo by
    /// ITU-R BS.775: the centre at -3 dB on both sides, surrounds at -3 dB on theirs, no deep effects, all scaled down so
    /// that nothing clips. 1 is the mean of left and right.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2))]
    pub channels: Option<u8>,
    /// Length of a fade at either end of a clip, in milliseconds.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 5000.0))]
    pub fade_ms: f64,
    /// Bits of a sample in clips that are WAV or FLAC: 16 or 24 (integers), or, for WAV, 32 (floating point).
    #[serde(default)]
    pub bits: Bits,
}

impl SliceParams {
    fn validate(&self) -> Result<(), String> {
        self.only_what_fits()?;
        let optional = |name: &str, value: Option<f64>, least: f64, most: f64, unit: &str| {
            value.map_or(Ok(()), |value| within(name, value, least, most, unit))
        };
        optional("min_s", self.min_s, 0.0, 3600.0, "seconds")?;
        optional("max_s", self.max_s, 0.1, 3600.0, "seconds")?;
        optional("min_silence_s", self.min_silence_s, 0.05, 60.0, "seconds")?;
        optional("below_dbfs", self.below_dbfs, -120.0, -1.0, "dBFS")?;
        optional("pad_ms", self.pad_ms.map(f64::from), 0.0, 5000.0, "milliseconds")?;
        optional("window_s", self.window_s, 0.05, 86_400.0, "seconds")?;
        optional("beats_per_clip", self.beats_per_clip.map(f64::from), 1.0, 10_000.0, "beats")?;
        optional("sample_rate", self.sample_rate.map(f64::from), 1000.0, 384_000.0, "Hz")?;
        optional("channels", self.channels.map(f64::from), 1.0, 2.0, "")?;
        within("fade_ms", self.fade_ms, 0.0, 5000.0, "milliseconds")?;
        optional("overlap_s", self.overlap_s, 0.0, self.window() * 15.0 / 16.0, "seconds, 15/16 of a window")?;
        let Clips { least, most, .. } = self.clips();
        if most < 2.0 * least {
            return Err(format!("`max_s` is {most}; it must be at least twice `min_s`, which is {least}"));
        }
        Ok(())
    }

    /// A parameter that the way of cutting does not heed is a mistake.
    fn only_what_fits(&self) -> Result<(), String> {
        use By::{Beats, Silence, Speech, Windows};
        let rules: [(&str, bool, &[By]); 9] = [
            ("min_s", self.min_s.is_some(), &[Speech, Silence, Windows]),
            ("max_s", self.max_s.is_some(), &[Speech, Silence]),
            ("min_silence_s", self.min_silence_s.is_some(), &[Speech, Silence]),
            ("below_dbfs", self.below_dbfs.is_some(), &[Silence]),
            ("pad_ms", self.pad_ms.is_some(), &[Speech, Silence]),
            ("window_s", self.window_s.is_some(), &[Windows]),
            ("overlap_s", self.overlap_s.is_some(), &[Windows]),
            ("beats", self.beats.is_some(), &[Beats]),
            ("beats_per_clip", self.beats_per_clip.is_some(), &[Beats]),
        ];
        for (name, is_said, ways) in rules {
            if is_said && !ways.contains(&self.by) {
                let ways: Vec<String> = ways.iter().map(|way| format!("\"{}\"", way.word())).collect();
                return Err(format!("`{name}` is for by = {}, and `by` is \"{}\"", ways.join(" or "), self.by.word()));
            }
        }
        Ok(())
    }

    fn window(&self) -> f64 {
        self.window_s.unwrap_or(10.0)
    }

    fn clips(&self) -> Clips {
        let speech = self.by == By::Speech;
        Clips {
            least: self.min_s.unwrap_or(if speech { 3.0 } else { 0.0 }),
            most: self.max_s.unwrap_or(if speech { 30.0 } else { f64::INFINITY }),
            // Every silence is cut.
            pause: if speech { self.min_silence_s.unwrap_or(0.5) } else { 0.0 },
            pad: f64::from(self.pad_ms.unwrap_or(100)) / 1000.0,
        }
    }
}

impl By {
    const fn word(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Silence => "silence",
            Self::Windows => "windows",
            Self::Beats => "beats",
        }
    }
}

/// What is told of each clip.
const PIECE_VALUES: [ValueDoc; 7] = [
    ValueDoc { name: "index", summary: "its number, from 1" },
    ValueDoc { name: "start_s", summary: "where it begins in the sound, in seconds" },
    ValueDoc { name: "end_s", summary: "where it ends in the sound, in seconds" },
    ValueDoc { name: "duration_s", summary: "its length, in seconds" },
    ValueDoc { name: "peak_dbfs", summary: "its largest sample, in dBFS; null for digital silence" },
    ValueDoc { name: "rms_dbfs", summary: "its root mean square over all channels, in dBFS; null for digital silence" },
    ValueDoc { name: "speech_ratio", summary: "the part of it in which somebody speaks, 0 to 1; by = \"speech\" only" },
];

/// The step.
pub static SLICE: Builtin = Builtin {
    name: "audio.slice",
    version: 2,
    summary: "Cuts a sound into clips: at pauses of speech, at silences, into windows, at beats",
    outputs: &[
        OutputDoc::new(
            "clips",
            "the clips, as wav or flac, a star for the number: \"clips/*.wav\"; they have the tags of the sound, no pictures",
        )
        .required()
        .many()
        .with_piece_values(&PIECE_VALUES),
        OutputDoc::new("json", "a list of the clips: file, start, end, length, levels"),
    ],
    values: &[
        ValueDoc { name: "count", summary: "number of clips; 0 where nothing is spoken, or sounds" },
        ValueDoc { name: "kept_s", summary: "seconds of the sound that are in a clip" },
        ValueDoc { name: "dropped_s", summary: "seconds of the sound that are in none" },
        ValueDoc { name: "duration", summary: "length of the whole sound, in seconds" },
    ],
    schema: schema_of::<SliceParams>,
    check: |with| read::<SliceParams>(with)?.validate(),
    run,
};

fn run(with: Value, job: &Job) -> Result<Values, Fault> {
    let params: SliceParams = parameters(with)?;
    params.validate().map_err(|wrong| Fault::input("parameters", wrong))?;
    let path = sound_of(job, &params)?;
    let from = &Source { watch: job.watch.clone(), ..Source::new(path) };
    let names = Names::new(required(job, "clips")?, &params)?;
    let charged = |error| media_fault(path, &error);

    let rate = from.open().map_err(charged)?.info().sample_rate;
    let mut spoken = None;
    let cuts = match params.by {
        By::Speech => {
            let track = Track::of(from, true).map_err(charged)?;
            let runs = speech(&track);
            let spans = clips(&track, &runs, &params.clips());
            spoken = Some(runs);
            Cuts::Into(spans)
        }
        By::Silence => {
            let track = Track::of(from, false).map_err(charged)?;
            let least = (params.min_silence_s.unwrap_or(0.5) * 100.0).round() as usize;
            let runs = sounding(&track, params.below_dbfs.unwrap_or(-40.0) as f32, least);
            Cuts::Into(clips(&track, &runs, &params.clips()))
        }
        By::Windows => {
            let window = params.window();
            let hop = window - params.overlap_s.unwrap_or(0.0);
            Cuts::Windows { window, hop, least: params.min_s.unwrap_or(0.0) }
        }
        By::Beats => Cuts::Into(at_beats(&beats(job, &params)?, params.beats_per_clip.unwrap_or(4) as usize, rate)),
    };
    let how = Slicing {
        sample_rate: params.sample_rate,
        channels: params.channels.map(usize::from),
        fade: params.fade_ms / 1000.0,
    };
    let done = slice(from, &cuts, &how, |at| names.target(at)).map_err(charged)?;

    let seconds = |frames: u64| frames as f64 / f64::from(done.sample_rate);
    let mut pieces = Map::new();
    let mut list = Vec::with_capacity(done.clips.len());
    for (at, clip) in done.clips.iter().enumerate() {
        let about = described(clip, at + 1, seconds, spoken.as_deref());
        let file = clip.target.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut entry = Map::from_iter([("file".to_owned(), json!(file))]);
        entry.extend(about.clone());
        list.push(Value::Object(entry));
        pieces.insert(file, Value::Object(about));
    }
    if let Some(to) = job.output("json") {
        write_list(&list, to)?;
    }
    let mut values = Values::new();
    values.insert("count".into(), json!(done.clips.len()));
    values.insert("kept_s".into(), json!(seconds(done.kept())));
    values.insert("dropped_s".into(), json!(seconds(done.frames - done.kept())));
    values.insert("duration".into(), json!(seconds(done.frames)));
    values.insert("pieces".into(), json!({ "clips": pieces }));
    Ok(values)
}

fn described(clip: &Clip, index: usize, seconds: impl Fn(u64) -> f64, spoken: Option<&[Run]>) -> Map<String, Value> {
    let (start, end) = (seconds(clip.span.start), seconds(clip.span.end));
    let mut about = Map::new();
    about.insert("index".into(), json!(index));
    about.insert("start_s".into(), json!(start));
    about.insert("end_s".into(), json!(end));
    about.insert("duration_s".into(), json!(seconds(clip.span.frames())));
    // Integers hold nothing above full scale.
    let most = if clip.target.coding.clips() { 0.0 } else { f64::INFINITY };
    about.insert("peak_dbfs".into(), json!(clip.level.peak_dbfs().map(|peak| peak.min(most))));
    about.insert("rms_dbfs".into(), json!(clip.level.rms_dbfs()));
    if let Some(runs) = spoken {
        about.insert("speech_ratio".into(), json!(share(runs, start, end)));
    }
    about
}

/// The file that is cut: the only one, or the first of two where the second one holds the beats.
fn sound_of<'a>(job: &'a Job, params: &SliceParams) -> Result<&'a Path, Fault> {
    match job.inputs.as_slice() {
        [sound, _] if params.by == By::Beats && params.beats.is_none() => Ok(sound),
        _ => job.input(),
    }
}

fn beats(job: &Job, params: &SliceParams) -> Result<Vec<f64>, Fault> {
    if let Some(beats) = &params.beats {
        return Ok(beats.clone());
    }
    let [_, file] = job.inputs.as_slice() else {
        return Err(Fault::input("beats", "by = \"beats\" needs the times of the beats, and none are given")
            .with_hint(
                "give the JSON file of audio.analyze as a second input: in = [\"{item.path}\", \"{analyze.json}\"]",
            ));
    };
    let name = file.display();
    let text = std::fs::read(file).map_err(|error| Fault::from_io(&format!("cannot read {name}"), &error))?;
    let found: Value = serde_json::from_slice(&text)
        .map_err(|error| Fault::input("beats", format!("{name} holds no beats: it is no JSON: {error}")))?;
    let list = if found.is_array() { Some(&found) } else { found.pointer("/tempo/beats_s") };
    list.and_then(Value::as_array).and_then(|list| list.iter().map(Value::as_f64).collect()).ok_or_else(|| {
        Fault::input("beats", format!("{name} holds no beats: neither a list of numbers nor tempo.beats_s"))
    })
}

/// The names of the clips: the last star of a pattern is their number.
struct Names {
    before: Vec<u8>,
    after: Vec<u8>,
    coding: Coding,
}

impl Names {
    fn new(pattern: &Path, params: &SliceParams) -> Result<Self, Fault> {
        let bytes = pattern.as_os_str().as_bytes();
        let name = pattern.file_name().map_or(0, |name| name.len());
        let star = bytes.iter().rposition(|byte| *byte == b'*').filter(|at| *at >= bytes.len() - name);
        let Some(star) = star else {
            let shown = pattern.file_name().unwrap_or_default().to_string_lossy();
            return Err(Fault::input(
                "outputs",
                format!("`clips` is \"{shown}\"; its name must hold a star for the number"),
            )
            .with_hint("such as clips = \"clips/*.wav\""));
        };
        // An extension is the name of the output that such a sound is elsewhere.
        let extension = pattern.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let Some(like) = SOUND_OUTPUTS.iter().find(|output| output.name == extension) else {
            return Err(Fault::input(
                "outputs",
                format!("clips cannot be written as `.{extension}`, but as wav or flac"),
            ));
        };
        // A process for each of thousands of clips, and nobody who minds its health.
        if let Some(tool) = like.tool {
            let wrong = format!("clips are written as wav or flac; `.{extension}` needs {tool}, which is not run here");
            return Err(Fault::input("outputs", wrong)
                .with_hint("cut into wav, and give each clip to audio.convert: a step with `each`"));
        }
        let outputs = IndexMap::from([(extension, pattern.to_path_buf())]);
        let like = Job { inputs: Vec::new(), outputs, watch: None };
        let coding = targets(&like, params.bits, None)?[0].coding;
        Ok(Self { before: bytes[..star].to_vec(), after: bytes[star + 1..].to_vec(), coding })
    }

    /// The clip that is written when so many were begun before it.
    fn target(&self, at: usize) -> Target {
        let number = format!("{:05}", at + 1);
        let name = [&self.before, number.as_bytes(), &self.after].concat();
        Target { path: PathBuf::from(OsString::from_vec(name)), coding: self.coding }
    }
}

fn write_list(list: &[Value], to: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::from_io(&format!("cannot write {}", to.display()), &error);
    let mut text = serde_json::to_vec_pretty(list).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    std::fs::write(to, text).map_err(failed)
}
