//! Tools for sound and video.

use std::time::Duration;

use super::{Ask, KnownTool, Row, exits, says};
use crate::resilience::FaultClass::{Dependency, Input, Transient};

const REBUILD: &str = "install a build of ffmpeg that has it, or name another in the pipeline";

/// FFmpeg ends with 1 for nearly everything: its words decide.
const FFMPEG: &[Row] = &[
    exits(255, "received signal", Transient, "signal"),
    says("unknown encoder", Dependency, "encoder").hint(REBUILD),
    says("unknown decoder", Dependency, "decoder").hint(REBUILD),
    says("no such filter", Dependency, "filter").hint(REBUILD),
    says("unrecognized option", Dependency, "option").hint(REBUILD),
    says("requested output format", Dependency, "format").hint(REBUILD),
    says("unable to find a suitable output format", Dependency, "format").hint(REBUILD),
    says("server returned 404", Input, "not-found"),
    says("server returned 401", Dependency, "refused").hint("check the credentials"),
    says("server returned 403", Dependency, "refused").hint("check the credentials"),
    says("server returned 5", Transient, "network"),
    says("invalid data found when processing input", Input, "decode"),
    says("moov atom not found", Input, "decode"),
    says("corrupt input packet", Input, "decode"),
    says("could not find codec parameters", Input, "decode"),
    says("error while decoding", Input, "decode"),
    says("end of file", Input, "decode"),
    says("does not contain any stream", Input, "no-stream"),
    says("matches no streams", Input, "no-stream"),
    says("already exists. exiting", Input, "exists"),
    exits(1, "no such file or directory", Input, "not-found"),
];

const SOX: &[Row] = &[
    says("no handler for", Dependency, "format").hint("install libsox-fmt-all"),
    says("no default audio device", Dependency, "device"),
    says("premature eof", Input, "decode"),
    exits(2, "no such file or directory", Input, "not-found"),
    says("can't open input", Input, "decode"),
];

const FLAC: &[Row] = &[
    says("error while decoding", Input, "decode"),
    says("error during decoding", Input, "decode"),
    says("not a flac file", Input, "decode"),
    says("is not a wave file", Input, "decode"),
    says("unsupported", Input, "format"),
    says("can't open input file", Input, "not-found"),
];

const LAME: &[Row] = &[
    says("could not find", Input, "not-found"),
    says("unsupported", Input, "format"),
    says("can't init infile", Input, "decode"),
    says("this does not look like", Input, "decode"),
];

const AUBIO: &[Row] = &[
    says("could not open", Input, "decode"),
    says("failed opening", Input, "decode"),
    says("failed reading", Input, "decode"),
    says("error opening", Input, "decode"),
];

const RUBBERBAND: &[Row] =
    &[says("failed to open input file", Input, "decode"), says("unable to open input", Input, "decode")];

const SHORT: Duration = Duration::from_secs(5);

pub(super) const TOOLS: &[KnownTool] = &[
    KnownTool {
        name: "ffmpeg",
        title: "FFmpeg",
        purpose: "converts sound and video",
        programs: &["ffmpeg"],
        siblings: &[],
        ask: Ask::Args(&["-version"]),
        pattern: "ffmpeg version {version}",
        limit: SHORT,
        install: "apt install ffmpeg, or brew install ffmpeg",
        rows: FFMPEG,
        canary: &["-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=duration=0.1", "-f", "null", "-"],
    },
    KnownTool {
        name: "ffprobe",
        title: "ffprobe",
        purpose: "tells what is in sound and video files",
        programs: &["ffprobe"],
        siblings: &[],
        ask: Ask::Args(&["-version"]),
        pattern: "ffprobe version {version}",
        limit: SHORT,
        install: "apt install ffmpeg, or brew install ffmpeg",
        rows: FFMPEG,
        canary: &["-v", "error", "-show_format", "canary.wav"],
    },
    KnownTool {
        name: "sox",
        title: "SoX",
        purpose: "converts sound and applies effects",
        programs: &["sox"],
        siblings: &[],
        ask: Ask::Args(&["--version"]),
        pattern: "SoX v{version}",
        limit: SHORT,
        install: "apt install sox libsox-fmt-all, or brew install sox",
        rows: SOX,
        canary: &["-n", "-n", "synth", "0.1", "sine", "440"],
    },
    KnownTool {
        name: "flac",
        title: "FLAC",
        purpose: "packs sound without loss",
        programs: &["flac"],
        siblings: &["metaflac"],
        ask: Ask::Args(&["--version"]),
        pattern: "flac {version}",
        limit: SHORT,
        install: "apt install flac, or brew install flac",
        rows: FLAC,
        canary: &["-s", "-f", "-o", "canary.flac", "canary.wav"],
    },
    KnownTool {
        name: "lame",
        title: "LAME",
        purpose: "makes MP3 files",
        programs: &["lame"],
        siblings: &[],
        ask: Ask::Args(&["--version"]),
        pattern: "version {version}",
        limit: SHORT,
        install: "apt install lame, or brew install lame",
        rows: LAME,
        canary: &["--silent", "canary.wav", "canary.mp3"],
    },
    KnownTool {
        name: "aubio",
        title: "aubio",
        purpose: "finds onsets, tempo, pitch and notes",
        programs: &["aubio"],
        siblings: &[],
        ask: Ask::Args(&["--version"]),
        pattern: "aubio version {version}",
        limit: SHORT,
        install: "apt install aubio-tools, or brew install aubio",
        rows: AUBIO,
        canary: &["quiet", "canary.wav"],
    },
    KnownTool {
        name: "rubberband",
        title: "Rubber Band",
        purpose: "stretches time and shifts pitch",
        programs: &["rubberband"],
        siblings: &["rubberband-r3"],
        ask: Ask::Args(&["--version"]),
        pattern: "{version}",
        limit: SHORT,
        install: "apt install rubberband-cli, or brew install rubberband",
        rows: RUBBERBAND,
        canary: &["-q", "-t", "1", "canary.wav", "stretched.wav"],
    },
];
