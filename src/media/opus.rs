//! Opus (RFC 6716), in whatever container: the head of RFC 7845, and packets to samples at 48 kHz.

use opus_pure::{OpusDecoder, OpusMSDecoder};

use super::error::MediaError;

/// The rate that Opus is decoded at, whatever went in, in Hz.
pub const RATE: u32 = 48_000;

/// The longest packet: 120 ms.
const MOST_FRAMES: usize = 5760;

/// What stands at the head of an Opus stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) channels: usize,
    /// Frames to drop at the start.
    pub(super) pre_skip: u16,
    /// What every sample is to be multiplied with.
    gain: f32,
    family: u8,
}

impl Head {
    /// Reads the head, as the containers keep it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, MediaError> {
        let short = || MediaError::damaged("its Opus head is cut");
        let head: &[u8; 19] = bytes.first_chunk().filter(|head| head.starts_with(b"OpusHead")).ok_or_else(short)?;
        let pair = |at: usize| {
            let pair = [head[at], head[at + 1]];
            // In MP4 the version is 0, and numbers have their highest byte first.
            if head[8] == 0 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        let (channels, family) = (usize::from(head[9]), head[18]);
        let gain = 10_f32.powf(f32::from(pair(16).cast_signed()) / (20.0 * 256.0));
        let found = Self { channels, pre_skip: pair(10), gain, family };
        match family {
            0 if (1..=2).contains(&channels) => Ok(found),
            1 if (1..=8).contains(&channels) => {
                let usual = OpusMSDecoder::new(RATE as i32, channels, family).map_err(|error| refused(&error))?;
                let layout = usual.layout();
                let (streams, coupled) = (layout.nb_streams as u8, layout.nb_coupled_streams as u8);
                let told = bytes.get(19..21 + channels).ok_or_else(short)?;
                if told[..2] == [streams, coupled] && told[2..] == layout.mapping {
                    Ok(found)
                } else {
                    Err(MediaError::Unsupported("Opus with an unusual order of its streams".into()))
                }
            }
            0 | 1 => Err(MediaError::damaged(format!("its Opus head tells of {channels} channels"))),
            _ => Err(MediaError::Unsupported(format!("Opus with the channel mapping {family}"))),
        }
    }
}

/// Decodes the packets of one stream.
pub(super) struct OpusStream {
    decoder: Decoder,
    head: Head,
    /// Where each channel of the result is in what is decoded.
    order: &'static [usize],
    decoded: Vec<f32>,
}

enum Decoder {
    One(Box<OpusDecoder>),
    Several(Box<OpusMSDecoder>),
}

impl OpusStream {
    pub(super) fn new(head: Head) -> Result<Self, MediaError> {
        let decoder = if head.family == 0 {
            Decoder::One(Box::new(OpusDecoder::new(RATE as i32, head.channels).map_err(|error| refused(&error))?))
        } else {
            let several = OpusMSDecoder::new(RATE as i32, head.channels, head.family);
            Decoder::Several(Box::new(several.map_err(|error| refused(&error))?))
        };
        // Streams have the order of Vorbis, everybody else that of WAVE.
        let order: &[usize] = match head.channels {
            3 => &[0, 2, 1],
            5 => &[0, 2, 1, 3, 4],
            6 => &[0, 2, 1, 5, 3, 4],
            7 => &[0, 2, 1, 6, 5, 3, 4],
            8 => &[0, 2, 1, 7, 5, 6, 3, 4],
            _ => &[],
        };
        Ok(Self { decoder, head, order, decoded: vec![0.0; MOST_FRAMES * head.channels] })
    }

    /// The samples of `packet`, interleaved, into `block`.
    pub(super) fn decode(&mut self, packet: &[u8], block: &mut Vec<f32>) -> Result<(), String> {
        let frames = match &mut self.decoder {
            Decoder::One(one) => one.decode(packet, MOST_FRAMES, &mut self.decoded),
            Decoder::Several(several) => several.decode(packet, MOST_FRAMES, &mut self.decoded),
        };
        let frames = frames.map_err(|error| error.to_string())?;
        block.clear();
        let decoded = &self.decoded[..frames * self.head.channels];
        if self.order.is_empty() {
            block.extend_from_slice(decoded);
        } else {
            for frame in decoded.chunks_exact(self.head.channels) {
                block.extend(self.order.iter().map(|place| frame[*place]));
            }
        }
        if self.head.gain != 1.0 {
            block.iter_mut().for_each(|sample| *sample *= self.head.gain);
        }
        Ok(())
    }
}

fn refused(error: &opus_pure::Error) -> MediaError {
    MediaError::damaged(format!("its Opus head: {error}"))
}
