//! The spectrogram of a sound file, and nothing else.

use super::{Look, Spectrogram};
use crate::media::error::MediaError;
use crate::media::plot::Canvas;
use crate::media::source::Source;
use crate::media::spectrum::{Frames, Spectrum};

/// Decodes `source` once and draws its spectrogram: the mean power of the channels. Frames are those of [`Look::frames`]
/// for `size` samples, or `hop` apart where that is given. Tells how many seconds of sound there were, too.
///
/// # Errors
/// Those of [`Source::open`] and [`crate::media::SoundReader::next_block`]: a damaged file has no picture.
/// [`MediaError::Limit`] where the picture would begin above half the sample rate.
pub fn draw(source: &Source, look: Look, size: usize, hop: Option<usize>) -> Result<(Canvas, f64), MediaError> {
    let mut sound = source.open()?;
    let (rate, channels, length) = (sound.info().sample_rate, sound.info().channels, sound.info().frames);
    let top = f64::from(rate) / 2.0;
    if let Some(from) = look.from_hz.filter(|from| *from >= top) {
        let wrong =
            format!("the picture is to begin at {from} Hz, and a sound of {rate} Hz has nothing above {top} Hz");
        return Err(MediaError::Limit(wrong));
    }
    let frames = hop.map_or_else(|| look.frames(size, length), |hop| Frames { size, hop });
    let mut spectrum = Spectrum::new(frames, channels);
    let mut gram = Spectrogram::new(look, rate, length.map(|length| spectrum.frames().count(length)));
    let mut count = 0_u64;
    while let Some(block) = sound.next_block()? {
        count += (block.len() / channels) as u64;
        spectrum.add(block, |power| gram.add(power));
    }
    spectrum.finish(|power| gram.add(power));
    let seconds = count as f64 / f64::from(rate);
    Ok((gram.finish(seconds), seconds))
}
