//! MP3, AAC and Opus: coded by ffmpeg, with our settings, from samples that it is given through a pipe.

use std::path::Path;

use super::child::Child;
use crate::media::error::MediaError;
use crate::media::resample::RateChange;

/// A lossy codec, in the container that it is at home in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// MPEG audio layer 3, by LAME.
    Mp3,
    /// AAC-LC in an MP4 file, by ffmpeg's own encoder. With more than 2 channels we write it and do not read it.
    Aac,
    /// Opus in an Ogg file, by libopus; not with 5 and 7 channels, which ffmpeg 5.1 puts in the wrong order.
    Opus,
}

/// How much a lossy codec may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lossy {
    /// The codec.
    pub codec: Codec,
    /// Kilobits per second for all channels. `None`: for MP3 a constant quality (LAME's V2, about 190 in stereo), for AAC 96
    /// and for Opus 64 per channel.
    pub kbps: Option<u32>,
}

impl Codec {
    /// The rates that it can code, in Hz, rising.
    const fn rates(self) -> &'static [u32] {
        match self {
            Self::Mp3 => &[8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
            Self::Aac => {
                &[7350, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000]
            }
            Self::Opus => &[8000, 12_000, 16_000, 24_000, 48_000],
        }
    }

    const fn most_channels(self) -> usize {
        match self {
            Self::Mp3 => 2,
            Self::Aac | Self::Opus => 8,
        }
    }

    /// The highest bitrate for all channels, in kbit/s. That of MP3 is lower below 32 kHz (ISO/IEC 13818-3), that of
    /// AAC below 43 kHz (ISO/IEC 14496-3).
    const fn most_kbps(self, rate: u32, channels: usize) -> u32 {
        match self {
            Self::Mp3 if rate >= 32_000 => 320,
            Self::Mp3 => 160,
            // 6144 bits for 1024 samples of a channel.
            Self::Aac if 6 * rate < 256_000 => 6 * rate / 1000 * channels as u32,
            Self::Aac | Self::Opus => 256 * channels as u32,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Mp3 => "MP3",
            Self::Aac => "AAC",
            Self::Opus => "Opus",
        }
    }

    /// The rate that a sound of `rate` Hz is coded at: the same, or the next higher one, or the highest.
    #[must_use]
    pub fn rate(self, rate: u32) -> u32 {
        let rates = self.rates();
        rates.iter().copied().find(|known| *known >= rate).or(rates.last().copied()).unwrap_or(rate)
    }
}

impl Lossy {
    /// What ffmpeg is told of the coding.
    fn arguments(self, channels: usize) -> Vec<String> {
        let channels = channels as u32;
        let owned = |arguments: &[&str]| arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>();
        let kilobits = |each: u32| format!("{}k", self.kbps.unwrap_or(each * channels));
        match self.codec {
            Codec::Mp3 => {
                let mut arguments = owned(&["-c:a", "libmp3lame"]);
                match self.kbps {
                    Some(kbps) => arguments.extend(["-b:a".to_owned(), format!("{kbps}k")]),
                    None => arguments.extend(owned(&["-q:a", "2"])),
                }
                // The tag with the padding and the count of frames, without which the length is a guess.
                arguments.extend(owned(&["-write_xing", "1", "-id3v2_version", "0", "-f", "mp3"]));
                arguments
            }
            Codec::Aac => {
                let rate = kilobits(96);
                let mut arguments = owned(&["-c:a", "aac", "-b:a"]);
                arguments.push(rate);
                arguments.extend(owned(&["-movflags", "+faststart", "-f", "ipod"]));
                arguments
            }
            Codec::Opus => {
                let rate = kilobits(64);
                let mut arguments = owned(&["-c:a", "libopus", "-b:a"]);
                arguments.push(rate);
                arguments.extend(owned(&["-vbr", "on", "-f", "ogg"]));
                arguments
            }
        }
    }
}

/// A lossy file that is being written.
pub struct LossyWriter {
    child: Child,
    change: Option<RateChange>,
}

impl LossyWriter {
    /// Begins a file at `path`, of `channels` channels. A rate that the codec does not know becomes the next higher one,
    /// by [`RateChange`].
    ///
    /// # Errors
    /// [`MediaError::Limit`] for channels that the codec has no room or no order for, or a higher bitrate than it has, and
    /// [`MediaError::Tool`] where ffmpeg cannot be started.
    pub fn create(path: &Path, rate: u32, channels: usize, how: Lossy) -> Result<Self, MediaError> {
        let most = how.codec.most_channels();
        if channels > most {
            let codec = how.codec.word();
            return Err(MediaError::Limit(format!("{codec} takes {most} channels, this sound has {channels}")));
        }
        if how.codec == Codec::Opus && matches!(channels, 5 | 7) {
            return Err(MediaError::Limit(format!("Opus files of {channels} channels cannot be written; mix to 2")));
        }
        let coded = how.codec.rate(rate);
        let most = how.codec.most_kbps(coded, channels);
        if let Some(kbps) = how.kbps.filter(|kbps| *kbps > most) {
            let codec = how.codec.word();
            let wrong = format!("{codec} has {most} kbit/s at most for {channels} channels at {coded} Hz, not {kbps}");
            return Err(MediaError::Limit(wrong));
        }
        let change = if coded == rate { None } else { Some(RateChange::new(rate, coded, channels)?) };
        Ok(Self { child: Child::start(path, coded, channels, &how.arguments(channels))?, change })
    }

    /// Appends whole frames of interleaved samples.
    ///
    /// # Errors
    /// [`MediaError::Tool`] where ffmpeg has ended, with its words.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let child = &mut self.child;
        match &mut self.change {
            Some(change) => change.add(samples, |samples| child.write(samples)),
            None => child.write(samples),
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`MediaError::Tool`] where ffmpeg fails, with its words.
    pub fn finish(mut self) -> Result<(), MediaError> {
        let child = &mut self.child;
        if let Some(change) = &mut self.change {
            change.finish(|samples| child.write(samples))?;
        }
        self.child.finish()
    }
}
