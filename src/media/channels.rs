//! Fewer or more channels.

/// Mixes interleaved `from` channels to `to` of them, which is the same number, 1 (the mean of all) or 2 (one is doubled; of
/// more, the odd and the even ones are averaged). What was in `mixed` is replaced.
pub fn mix(block: &[f32], from: usize, to: usize, mixed: &mut Vec<f32>) {
    mixed.clear();
    if from == to {
        mixed.extend_from_slice(block);
        return;
    }
    for frame in block.chunks_exact(from) {
        for channel in 0..to {
            // With one channel in, or one out, all are averaged; else channels are dealt to left and right in turn.
            let step = if from == 1 { 1 } else { to };
            let start = if from == 1 { 0 } else { channel };
            let dealt = frame.iter().skip(start).step_by(step);
            let count = dealt.len().max(1);
            mixed.push(dealt.sum::<f32>() / count as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged() {
        let mut mixed = Vec::new();
        mix(&[1.0, 0.0, 0.5, 0.5], 2, 1, &mut mixed);
        assert_eq!(mixed, [0.5, 0.5]);
        mix(&[0.25, -0.5], 1, 2, &mut mixed);
        assert_eq!(mixed, [0.25, 0.25, -0.5, -0.5]);
        mix(&[1.0, 0.0, 0.0, 0.5, 0.5, 0.1], 6, 2, &mut mixed);
        assert_eq!(mixed, [0.5, 0.2]);
    }
}
