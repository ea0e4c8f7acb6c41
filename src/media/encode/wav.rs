//! Writes WAV files, in bounded memory; those over 4 GiB as RF64 (EBU Tech 3306).

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::rounding::integer;
use crate::media::error::MediaError;

/// How samples are coded in a WAV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WavBits {
    /// 16-bit integers.
    Int16,
    /// 24-bit integers.
    Int24,
    /// 32-bit floating point, which nothing clips.
    Float32,
}

impl WavBits {
    const fn bytes(self) -> u16 {
        match self {
            Self::Int16 => 2,
            Self::Int24 => 3,
            Self::Float32 => 4,
        }
    }
}

/// Where the chunk is that holds the lengths of 64 bits, should they be needed; until then it is called `JUNK`, which
/// readers pass over.
const DS64_AT: u64 = 12;

/// A WAV file that is being written.
pub struct WavWriter {
    file: BufWriter<File>,
    bits: WavBits,
    frame_bytes: u64,
    data: u64,
    /// Where the length of the samples is to be written at the end.
    length_at: u64,
    fact_at: Option<u64>,
    bytes: Vec<u8>,
    /// Sizes beyond this do not fit in the fields of a WAV file.
    most: u64,
}

impl WavWriter {
    /// Begins a WAV file at `path`, of `channels` channels at `rate` Hz. What is there is replaced.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn create(path: &Path, rate: u32, channels: usize, bits: WavBits) -> Result<Self, MediaError> {
        let channels = u16::try_from(channels).map_err(|_| MediaError::Limit(format!("{channels} channels")))?;
        let align =
            channels.checked_mul(bits.bytes()).ok_or_else(|| MediaError::Limit(format!("{channels} channels")))?;
        let float = bits == WavBits::Float32;
        // More than two channels, or more than 16 bits of integers, want the longer header by the letter of the format.
        let long = channels > 2 || bits == WavBits::Int24;
        let tag: u16 = if float { 3 } else { 1 };
        let mut head = Vec::with_capacity(128);
        head.extend_from_slice(b"RIFF\0\0\0\0WAVEJUNK\x1c\0\0\0");
        head.extend_from_slice(&[0; 28]);
        head.extend_from_slice(b"fmt ");
        head.extend_from_slice(&(if long { 40_u32 } else { 16 }).to_le_bytes());
        head.extend_from_slice(&(if long { 0xfffe } else { tag }).to_le_bytes());
        head.extend_from_slice(&channels.to_le_bytes());
        head.extend_from_slice(&rate.to_le_bytes());
        head.extend_from_slice(&rate.saturating_mul(align.into()).to_le_bytes());
        head.extend_from_slice(&align.to_le_bytes());
        head.extend_from_slice(&(bits.bytes() * 8).to_le_bytes());
        if long {
            head.extend_from_slice(&22_u16.to_le_bytes());
            head.extend_from_slice(&(bits.bytes() * 8).to_le_bytes());
            head.extend_from_slice(&speakers(channels).to_le_bytes());
            head.extend_from_slice(&tag.to_le_bytes());
            head.extend_from_slice(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        }
        let mut fact_at = None;
        if float {
            head.extend_from_slice(b"fact\x04\0\0\0");
            fact_at = Some(head.len() as u64);
            head.extend_from_slice(&[0; 4]);
        }
        head.extend_from_slice(b"data");
        let length_at = head.len() as u64;
        head.extend_from_slice(&[0; 4]);
        let mut file = BufWriter::with_capacity(1 << 16, File::create(path).map_err(MediaError::Unwritable)?);
        file.write_all(&head).map_err(MediaError::Unwritable)?;
        Ok(Self {
            file,
            bits,
            frame_bytes: align.into(),
            data: 0,
            length_at,
            fact_at,
            bytes: Vec::new(),
            most: u32::MAX.into(),
        })
    }

    /// Appends whole frames of interleaved samples. Integers are rounded, and clipped at full scale.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        self.bytes.clear();
        match self.bits {
            WavBits::Int16 => {
                self.bytes.extend(samples.iter().flat_map(|sample| (integer(*sample, 32_768.0) as i16).to_le_bytes()));
            }
            WavBits::Int24 => {
                for sample in samples {
                    self.bytes.extend_from_slice(&integer(*sample, 8_388_608.0).to_le_bytes()[..3]);
                }
            }
            WavBits::Float32 => self.bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
        }
        self.data += self.bytes.len() as u64;
        self.file.write_all(&self.bytes).map_err(MediaError::Unwritable)
    }

    /// Fills in the lengths and closes the file; tells how many frames are in it.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn finish(mut self) -> Result<u64, MediaError> {
        let frames = self.data / self.frame_bytes;
        self.complete(frames).map_err(MediaError::Unwritable)?;
        Ok(frames)
    }

    fn complete(&mut self, frames: u64) -> std::io::Result<()> {
        if self.data % 2 == 1 {
            self.file.write_all(&[0])?;
        }
        let riff = self.length_at + 4 + self.data.next_multiple_of(2) - 8;
        let long = riff > self.most;
        let mut put = |at: u64, bytes: &[u8]| {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(bytes)
        };
        // A field that is too narrow is all ones, and the chunk tells what it should be.
        let narrow = |value: u64| if long { u32::MAX } else { value as u32 }.to_le_bytes();
        if long {
            put(0, b"RF64")?;
            let lengths = [riff, self.data, frames].map(u64::to_le_bytes).concat();
            put(DS64_AT, &[b"ds64\x1c\0\0\0", lengths.as_slice(), &[0; 4]].concat())?;
        }
        put(4, &narrow(riff))?;
        put(self.length_at, &narrow(self.data))?;
        if let Some(at) = self.fact_at {
            put(at, &narrow(frames))?;
        }
        self.file.flush()
    }
}

/// The usual places of so many speakers; zero is "not said".
const fn speakers(channels: u16) -> u32 {
    match channels {
        1 => 0x4,
        2 => 0x3,
        3 => 0x7,
        4 => 0x33,
        5 => 0x37,
        6 => 0x3f,
        8 => 0x63f,
        _ => 0,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its file has failed")]
mod tests {
    use super::*;
    use crate::media::SoundReader;

    #[test]
    fn what_is_written_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let sound: Vec<f32> = (0..3000).map(|at| ((at * 37 % 200) as f32 - 100.0) / 128.0).collect();
        for (bits, channels) in [
            (WavBits::Int16, 1),
            (WavBits::Int16, 6),
            (WavBits::Int24, 3),
            (WavBits::Float32, 2),
            (WavBits::Float32, 5),
        ] {
            let path = folder.path().join("a.wav");
            let mut wav = WavWriter::create(&path, 22_050, channels, bits).unwrap();
            wav.write(&sound).unwrap();
            assert_eq!(wav.finish().unwrap(), 3000 / channels as u64);
            let mut reader = SoundReader::open(&path).unwrap();
            assert_eq!((reader.info().sample_rate, reader.info().channels), (22_050, channels));
            let mut back = Vec::new();
            while let Some(block) = reader.next_block().unwrap() {
                back.extend_from_slice(block);
            }
            assert_eq!(back, sound, "{bits:?}, {channels} channels");
        }
    }

    #[test]
    fn integers_clip_at_full_scale() {
        assert_eq!(integer(2.0, 32_768.0), 32_767);
        assert_eq!(integer(-2.0, 32_768.0), -32_768);
    }
}
