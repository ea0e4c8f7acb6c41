//! Tools that neither read sound nor pictures.

use std::time::Duration;

use super::{Ask, KnownTool, Row, says};
use crate::resilience::FaultClass::{Dependency, Input};

const YT_DLP: &[Row] = &[
    says("video unavailable", Input, "not-found"),
    says("private video", Input, "refused"),
    says("http error 404", Input, "not-found"),
    says("unsupported url", Input, "format"),
    says("is not a valid url", Input, "format"),
    says("requested format is not available", Input, "format"),
    says("sign in to confirm", Dependency, "refused"),
    says("please report this issue", Dependency, "outdated").hint("update it: pip install --upgrade yt-dlp"),
];

const NVIDIA_SMI: &[Row] = &[
    says("no devices were found", Dependency, "gpu"),
    says("couldn't communicate with the nvidia driver", Dependency, "gpu"),
    says("driver/library version mismatch", Dependency, "gpu").hint("restart the machine: the driver was updated"),
];

pub(super) const TOOLS: &[KnownTool] = &[
    KnownTool {
        name: "yt-dlp",
        title: "yt-dlp",
        purpose: "fetches sound and video from the web",
        programs: &["yt-dlp"],
        siblings: &[],
        ask: Ask::Args(&["--version"]),
        pattern: "{version}",
        limit: Duration::from_secs(10),
        install: "pip install yt-dlp, or brew install yt-dlp",
        rows: YT_DLP,
        canary: &["--version"],
    },
    KnownTool {
        name: "nvidia-smi",
        title: "NVIDIA driver",
        purpose: "tells the memory and load of NVIDIA graphics cards",
        programs: &["nvidia-smi"],
        siblings: &[],
        ask: Ask::Args(&["--query-gpu=driver_version", "--format=csv,noheader"]),
        pattern: "{version}",
        limit: Duration::from_secs(5),
        install: "install the driver of the card (apt install nvidia-driver on Debian)",
        rows: NVIDIA_SMI,
        canary: &["-L"],
    },
];
