//! Writes FLAC files (RFC 9639), in bounded memory.
//!
//! Each block of 4096 frames is predicted linearly from its own past, once by fixed and once by fitted coefficients, and
//! what is left over is Rice coded in partitions; of two channels, the cheaper of left, right, middle and side are kept.

mod bits;
mod frame;
mod lpc;
mod rice;
mod subframe;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use symphonia::core::checksum::Md5;
use symphonia::core::io::Monitor;

use self::bits::BitWriter;
use self::frame::{BLOCK, FrameCoder};
use crate::media::encode::rounding::integer;
use crate::media::error::MediaError;

/// The most channels that the format has room for.
const MOST_CHANNELS: usize = 8;

/// The highest rate that the format has room for, in Hz.
const MOST_RATE: u32 = (1 << 20) - 1;

/// Where the body of STREAMINFO begins: after the marker and the header of the block.
const STREAMINFO_AT: u64 = 8;

/// How many bits a sample has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlacBits {
    /// 16-bit integers.
    Int16,
    /// 24-bit integers.
    Int24,
}

impl FlacBits {
    const fn bits(self) -> u32 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
        }
    }
}

/// A FLAC file that is being written.
pub struct FlacWriter {
    file: BufWriter<File>,
    rate: u32,
    channels: usize,
    bits: FlacBits,
    coder: FrameCoder,
    /// The samples of the block that is not full yet, channel by channel.
    block: Vec<Vec<i32>>,
    md5: Md5,
    bytes: Vec<u8>,
    frames: u64,
    /// The smallest and the largest coded block, in bytes.
    sizes: (usize, usize),
}

impl FlacWriter {
    /// Begins a FLAC file at `path`, of `channels` channels at `rate` Hz. What is there is replaced.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`], and [`MediaError::Limit`] for rates and channels that the format has no room for.
    pub fn create(path: &Path, rate: u32, channels: usize, bits: FlacBits) -> Result<Self, MediaError> {
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(MediaError::Limit(format!("FLAC takes {MOST_CHANNELS} channels, this sound has {channels}")));
        }
        if rate == 0 || rate > MOST_RATE {
            return Err(MediaError::Limit(format!("FLAC takes rates up to {MOST_RATE} Hz, this sound has {rate}")));
        }
        let mut writer = Self {
            file: BufWriter::with_capacity(1 << 16, File::create(path).map_err(MediaError::Unwritable)?),
            rate,
            channels,
            bits,
            coder: FrameCoder::new(rate, bits.bits()),
            block: vec![Vec::with_capacity(BLOCK); channels],
            md5: Md5::default(),
            bytes: Vec::new(),
            frames: 0,
            sizes: (usize::MAX, 0),
        };
        writer.begin().map_err(MediaError::Unwritable)?;
        Ok(writer)
    }

    /// STREAMINFO is the only metadata block, and is filled in at the end.
    fn begin(&mut self) -> std::io::Result<()> {
        self.file.write_all(b"fLaC\x80\0\0\x22")?;
        self.file.write_all(&[0; 34])
    }

    /// Appends whole frames of interleaved samples, which are rounded, and clipped at full scale.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), MediaError> {
        let mut rest = samples;
        while !rest.is_empty() {
            let room = BLOCK - self.block[0].len();
            let (now, later) = rest.split_at(rest.len().min(room * self.channels));
            self.take(now);
            rest = later;
            if self.block[0].len() == BLOCK {
                self.code_block().map_err(MediaError::Unwritable)?;
            }
        }
        Ok(())
    }

    /// Rounds samples into the block.
    fn take(&mut self, samples: &[f32]) {
        let full = (1_u32 << (self.bits.bits() - 1)) as f32;
        for (channel, block) in self.block.iter_mut().enumerate() {
            let own = samples.iter().skip(channel).step_by(self.channels);
            block.extend(own.map(|sample| integer(*sample, full)));
        }
    }

    fn code_block(&mut self) -> std::io::Result<()> {
        let count = self.block[0].len();
        self.bytes.clear();
        let width = self.bits.bits() as usize / 8;
        self.bytes.resize(count * self.channels * width, 0);
        let stride = self.channels * width;
        for (channel, block) in self.block.iter().enumerate() {
            let places = self.bytes.chunks_exact_mut(stride);
            for (frame, sample) in places.zip(block) {
                frame[channel * width..(channel + 1) * width].copy_from_slice(&sample.to_le_bytes()[..width]);
            }
        }
        self.md5.process_buf_bytes(&self.bytes);
        let coded = self.coder.code(&self.block);
        self.sizes = (self.sizes.0.min(coded.len()), self.sizes.1.max(coded.len()));
        self.file.write_all(coded)?;
        self.frames += count as u64;
        self.block.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Codes the rest, fills in what the head of the file tells of the whole, and closes it; tells how many frames are in it.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn finish(mut self) -> Result<u64, MediaError> {
        self.complete().map_err(MediaError::Unwritable)?;
        Ok(self.frames)
    }

    fn complete(&mut self) -> std::io::Result<()> {
        if !self.block[0].is_empty() {
            self.code_block()?;
        }
        let mut info = BitWriter::default();
        info.put(BLOCK as u64, 16);
        info.put(BLOCK as u64, 16);
        info.put(if self.sizes.1 == 0 { 0 } else { self.sizes.0 as u64 }, 24);
        info.put(self.sizes.1 as u64, 24);
        info.put(self.rate.into(), 20);
        info.put(self.channels as u64 - 1, 3);
        info.put(u64::from(self.bits.bits()) - 1, 5);
        // What cannot be told in 36 bits is told as unknown.
        info.put(if self.frames < 1 << 36 { self.frames } else { 0 }, 36);
        let mut info = info.finish().to_vec();
        info.extend_from_slice(&self.md5.md5());
        self.file.seek(SeekFrom::Start(STREAMINFO_AT))?;
        self.file.write_all(&info)?;
        self.file.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its file has failed")]
mod tests {
    use super::*;
    use crate::media::SoundReader;

    /// What `samples` are when they have been written and read back, with the checksum of the file held against them.
    fn round_trip(channels: usize, bits: FlacBits, samples: &[f32]) -> Vec<f32> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.flac");
        let mut flac = FlacWriter::create(&path, 44_100, channels, bits).unwrap();
        // Blocks of an odd length, as readers give them.
        samples.chunks(channels * 1009).for_each(|part| flac.write(part).unwrap());
        assert_eq!(flac.finish().unwrap(), (samples.len() / channels) as u64);
        let mut reader = SoundReader::open_verifying(&path).unwrap();
        assert_eq!(reader.info().frames, Some((samples.len() / channels) as u64));
        let mut back = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            back.extend_from_slice(block);
        }
        back
    }

    #[test]
    fn every_kind_of_sound_reads_back_as_it_was() {
        let mut seed = 1_u32;
        let mut noise = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for bits in [FlacBits::Int16, FlacBits::Int24] {
            let full = if bits == FlacBits::Int16 { 32_768.0 } else { 8_388_608.0 };
            for channels in [1, 2, 3, 6, 8] {
                let length = 10_007 * channels;
                let sine = |at: usize| ((at / channels) as f32 * 0.05 + (at % channels) as f32).sin();
                let mut sounds: Vec<Vec<f32>> = vec![
                    (0..length).map(|_| noise()).collect(),
                    (0..length).map(sine).collect(),
                    (0..length).map(|at| sine(at) * 0.1 + noise() * 0.001).collect(),
                    vec![0.0; length],
                    vec![-1.0; length],
                    // Full scale at every change: what predicts worst.
                    (0..length).map(|at| if (at / 37) % 2 == 0 { 1.0 } else { -1.0 }).collect(),
                    // Left and right against each other, at full scale: the side needs its one bit more.
                    (0..length).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect(),
                    // 8 bits in a file of more.
                    (0..length).map(|at| (sine(at) * 100.0).round() / 128.0).collect(),
                    (0..3 * channels).map(sine).collect(),
                    (0..channels).map(sine).collect(),
                    (0..4096 * channels).map(sine).collect(),
                    (0..4101 * channels).map(sine).collect(),
                ];
                for sound in &mut sounds {
                    for sample in sound.iter_mut() {
                        *sample = integer(*sample, full) as f32 / full;
                    }
                    assert!(round_trip(channels, bits, sound) == *sound, "{bits:?}, {channels} channels");
                }
            }
        }
    }
}
