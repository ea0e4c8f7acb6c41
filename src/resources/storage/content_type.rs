//! What a file is, by the ending of its name.

/// The media type of files with the ending of `name`, as the IANA registers it; nothing where it is not known.
#[must_use]
pub fn of_name(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "aac" => "audio/aac",
        "aif" | "aiff" => "audio/aiff",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "csv" => "text/csv",
        "flac" => "audio/flac",
        "gif" => "image/gif",
        "gz" => "application/gzip",
        "html" | "htm" => "text/html; charset=utf-8",
        "jpg" | "jpeg" => "image/jpeg",
        "json" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "m4a" => "audio/mp4",
        "md" => "text/markdown; charset=utf-8",
        "mid" | "midi" => "audio/midi",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "ogg" | "oga" => "audio/ogg",
        "opus" => "audio/ogg; codecs=opus",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "srt" => "application/x-subrip",
        "svg" => "image/svg+xml",
        "tif" | "tiff" => "image/tiff",
        "txt" => "text/plain; charset=utf-8",
        "vtt" => "text/vtt",
        "wav" => "audio/wav",
        "webm" => "video/webm",
        "webp" => "image/webp",
        "xml" => "application/xml",
        "zip" => "application/zip",
        _ => return None,
    })
}
