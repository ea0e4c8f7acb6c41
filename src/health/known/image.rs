//! Tools for pictures.

use std::time::Duration;

use super::{Ask, KnownTool, Row, says};
use crate::resilience::FaultClass::{Dependency, Input, Transient};

/// Several lines, of which the first tells the cause; tails like `@ error/png.c/ReadPNGImage/4110`.
const IMAGEMAGICK: &[Row] = &[
    says("cache resources exhausted", Transient, "memory").hint("the limits are in ImageMagick's policy.xml"),
    says("not allowed by the security policy", Dependency, "policy").hint("ImageMagick's policy.xml forbids it"),
    says("delegatefailed", Dependency, "delegate").hint("a program that ImageMagick calls is missing"),
    says("no encode delegate", Dependency, "format").hint("this build of ImageMagick cannot write that format"),
    says("no decode delegate", Input, "format"),
    says("width or height exceeds limit", Input, "limit"),
    says("improper image header", Input, "decode"),
    says("not a jpeg file", Input, "decode"),
    says("corrupt image", Input, "decode"),
    says("corruptimage", Input, "decode"),
    says("insufficient image data", Input, "decode"),
    says("negative or zero image size", Input, "decode"),
    says("unexpected end-of-file", Input, "decode"),
    says("premature end of jpeg", Input, "decode"),
    says("unable to open image", Input, "not-found"),
];

const LIBVIPS: &[Row] = &[
    says("is not a known file format", Input, "format"),
    says("is not in a known format", Input, "format"),
    says("does not exist", Input, "not-found"),
    says("premature end of", Input, "decode"),
    says("not a jpeg file", Input, "decode"),
    says("corrupt", Input, "decode"),
    says("is not a known buffer format", Dependency, "format"),
];

const EXIFTOOL: &[Row] = &[
    says("file not found", Input, "not-found"),
    says("file format error", Input, "decode"),
    says("not a valid", Input, "decode"),
    says("is not yet supported", Input, "format"),
    says("unknown file type", Input, "format"),
    says("can't locate image/exiftool.pm", Dependency, "module").hint("install it anew: its library is missing"),
];

const SHORT: Duration = Duration::from_secs(5);

pub(super) const TOOLS: &[KnownTool] = &[
    KnownTool {
        name: "imagemagick",
        title: "ImageMagick",
        purpose: "converts and edits pictures",
        programs: &["magick", "convert"],
        siblings: &["identify", "mogrify", "composite", "montage", "compare"],
        ask: Ask::Args(&["-version"]),
        pattern: "ImageMagick {version}",
        limit: SHORT,
        install: "apt install imagemagick, or brew install imagemagick",
        rows: IMAGEMAGICK,
        canary: &["-size", "1x1", "xc:red", "null:"],
    },
    KnownTool {
        name: "libvips",
        title: "libvips",
        purpose: "resizes large pictures in little memory",
        programs: &["vips"],
        siblings: &[],
        ask: Ask::Args(&["--version"]),
        pattern: "vips-{version}",
        limit: SHORT,
        install: "apt install libvips-tools, or brew install vips",
        rows: LIBVIPS,
        canary: &["black", "canary.v", "1", "1"],
    },
    KnownTool {
        name: "exiftool",
        title: "ExifTool",
        purpose: "reads and writes dates, places and other notes in files",
        programs: &["exiftool"],
        siblings: &[],
        ask: Ask::Args(&["-ver"]),
        pattern: "{version}",
        limit: SHORT,
        install: "apt install libimage-exiftool-perl, or brew install exiftool",
        rows: EXIFTOOL,
        canary: &["canary.wav"],
    },
];
