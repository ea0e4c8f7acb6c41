//! Tools that run models: Python programs, most without an option for their version.

use std::time::Duration;

use super::{Ask, KnownTool, Row, exits, says};
use crate::resilience::FaultClass::{Dependency, Input};

const DEMUCS: &[Row] = &[
    says("is neither a single pre-trained model", Dependency, "model")
        .hint("name a model that is there: demucs --list-models"),
    says("must exist and be a directory", Dependency, "model").hint("the folder after --repo must hold the model"),
    says("pre-trained model not found", Dependency, "model").hint("name a model that is there: demucs --list-models"),
    says("invalid checksum for file", Dependency, "model").hint("the model is damaged: remove it and fetch it again"),
    says("loadaudioerror", Input, "decode"),
    says("could not load file", Input, "decode"),
    // It ends with 0.
    exits(0, "does not exist", Input, "not-found"),
];

const BASIC_PITCH: &[Row] = &[
    // These end with 0, and the traceback is on standard output.
    says("would be overwritten. skipping output", Input, "exists"),
    says("nobackenderror", Input, "decode"),
    says("libsndfileerror", Input, "decode"),
    says("error opening", Input, "decode"),
    says("file format not recognised", Input, "decode"),
    says("format not recognised", Input, "decode"),
    says("file does not exist", Input, "not-found"),
    exits(0, "traceback", Input, "decode"),
];

const WHISPER: &[Row] = &[
    says("invalid data found when processing input", Input, "decode"),
    says("failed to load audio", Input, "decode"),
    // It ends with 0.
    exits(0, "skipping ", Input, "decode"),
    says("not found; available models", Dependency, "model").hint("name a model that is there: whisper --help"),
    says("sha256 checksum does not match", Dependency, "model")
        .hint("the model is damaged: remove it and fetch it again"),
    says("should be one of the available models", Dependency, "model")
        .hint("name a model that is there: whisper --help"),
];

const ESSENTIA: &[Row] = &[
    says("could not open file", Input, "decode"),
    says("audioloader: could not", Input, "decode"),
    says("unsupported codec", Input, "decode"),
    says("error while configuring", Dependency, "configuration"),
];

const LONG: Duration = Duration::from_secs(10);

pub(super) const TOOLS: &[KnownTool] = &[
    KnownTool {
        name: "demucs",
        title: "Demucs",
        purpose: "separates a song into stems",
        programs: &["demucs"],
        siblings: &[],
        ask: Ask::Distribution("demucs"),
        pattern: "{version}",
        limit: LONG,
        install: "pip install demucs (pipx install demucs keeps it apart)",
        rows: DEMUCS,
        canary: &["--help"],
    },
    KnownTool {
        name: "basic-pitch",
        title: "Basic Pitch",
        purpose: "writes notes down as MIDI",
        programs: &["basic-pitch"],
        siblings: &[],
        ask: Ask::Distribution("basic-pitch"),
        pattern: "{version}",
        limit: LONG,
        install: "pip install basic-pitch (pipx install basic-pitch keeps it apart)",
        rows: BASIC_PITCH,
        canary: &["--help"],
    },
    KnownTool {
        name: "essentia",
        title: "Essentia",
        purpose: "finds tempo, key and features of music",
        programs: &["python3", "python"],
        siblings: &[],
        ask: Ask::Args(&["-c", "import essentia; print(essentia.__version__)"]),
        pattern: "{version}",
        limit: LONG,
        install: "pip install essentia",
        rows: ESSENTIA,
        canary: &["-c", "import essentia.standard"],
    },
    KnownTool {
        name: "whisper",
        title: "Whisper",
        purpose: "writes down what is said",
        programs: &["whisper"],
        siblings: &[],
        ask: Ask::Distribution("openai-whisper"),
        pattern: "{version}",
        limit: Duration::from_secs(20),
        install: "pip install openai-whisper (pipx install openai-whisper keeps it apart)",
        rows: WHISPER,
        canary: &["--help"],
    },
];
