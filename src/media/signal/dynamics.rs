//! The dynamic range of a sound, after the rule of the TT DR meter.

/// Length of a block, in seconds.
const BLOCK_S: usize = 3;

/// Measures the blocks of each channel. A block takes eight bytes a channel: 10 kB for an hour.
#[derive(Debug, Clone)]
pub(super) struct Dynamics {
    /// Samples of one channel in a block.
    block: usize,
    filled: usize,
    channels: Vec<Channel>,
}

#[derive(Debug, Clone, Default)]
struct Channel {
    squares: f64,
    peak: f32,
    /// Root mean square and peak of the blocks that are complete.
    blocks: Vec<(f32, f32)>,
}

impl Dynamics {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        Self { block: BLOCK_S * rate as usize, filled: 0, channels: vec![Channel::default(); channels] }
    }

    /// Takes in whole frames, the sums of the squares of their channels, and the largest magnitude of all.
    pub(super) fn add(&mut self, samples: &[f32], squares: &[f64], peak: f32) {
        let count = self.channels.len();
        for (at, (channel, squares)) in self.channels.iter_mut().zip(squares).enumerate() {
            channel.squares += squares;
            if peak > channel.peak {
                let own = samples.iter().skip(at).step_by(count).fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                channel.peak = channel.peak.max(own);
            }
        }
        // A block ends with the part of some hundred samples in which its end lies.
        self.filled += samples.len() / count;
        if self.filled >= self.block {
            for channel in &mut self.channels {
                let mean = std::mem::take(&mut channel.squares) / self.filled as f64;
                channel.blocks.push(((2.0 * mean).sqrt() as f32, std::mem::take(&mut channel.peak)));
            }
            self.filled = 0;
        }
    }

    pub(super) fn finish(self) -> Option<f64> {
        let ranges: Vec<f64> = self.channels.into_iter().filter_map(Channel::range).collect();
        (!ranges.is_empty()).then(|| ranges.iter().sum::<f64>() / ranges.len() as f64)
    }
}

impl Channel {
    /// `None` for fewer than two blocks, and for silence.
    fn range(mut self) -> Option<f64> {
        self.blocks.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
        let peak = f64::from(self.blocks.get(1)?.1);
        self.blocks.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let loudest = &self.blocks[..self.blocks.len().div_ceil(5)];
        let squares: f64 = loudest.iter().map(|(rms, _)| f64::from(*rms) * f64::from(*rms)).sum();
        let rms = (squares / loudest.len() as f64).sqrt();
        (peak > 0.0 && rms > 0.0).then(|| 20.0 * (peak / rms).log10())
    }
}
