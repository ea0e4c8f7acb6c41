//! Fewer or more channels.

use std::f32::consts::FRAC_1_SQRT_2;

/// What goes to left and right of a speaker: surrounds and the centre at -3 dB (ITU-R BS.775-3, table 2), the rear centre
/// at -3 dB of that. The deep effects have no place in a downmix.
type Speaker = [f32; 2];
const LEFT: Speaker = [1.0, 0.0];
const RIGHT: Speaker = [0.0, 1.0];
const CENTRE: Speaker = [FRAC_1_SQRT_2, FRAC_1_SQRT_2];
const EFFECTS: Speaker = [0.0, 0.0];
const LEFT_SURROUND: Speaker = [FRAC_1_SQRT_2, 0.0];
const RIGHT_SURROUND: Speaker = [0.0, FRAC_1_SQRT_2];
const REAR: Speaker = [0.5, 0.5];

/// The speakers of so many channels, in the order in which WAV has them; `None` for more than have a common layout.
const fn layout(channels: usize) -> Option<&'static [Speaker]> {
    Some(match channels {
        1 => &[CENTRE],
        2 => &[LEFT, RIGHT],
        3 => &[LEFT, RIGHT, CENTRE],
        4 => &[LEFT, RIGHT, LEFT_SURROUND, RIGHT_SURROUND],
        5 => &[LEFT, RIGHT, CENTRE, LEFT_SURROUND, RIGHT_SURROUND],
        6 => &[LEFT, RIGHT, CENTRE, EFFECTS, LEFT_SURROUND, RIGHT_SURROUND],
        7 => &[LEFT, RIGHT, CENTRE, EFFECTS, REAR, LEFT_SURROUND, RIGHT_SURROUND],
        8 => &[LEFT, RIGHT, CENTRE, EFFECTS, LEFT_SURROUND, RIGHT_SURROUND, LEFT_SURROUND, RIGHT_SURROUND],
        _ => return None,
    })
}

/// Mixes interleaved `from` channels to `to` of them, which is the same number, 1 or 2. Of 3 to 8 channels this is the
/// downmix of ITU-R BS.775 to stereo, scaled so that it cannot clip; one channel is the mean of that. Of more channels,
/// which have no common layout, one is the mean of all, and two are those of the odd and of the even ones. What was in
/// `mixed` is replaced.
pub fn mix(block: &[f32], from: usize, to: usize, mixed: &mut Vec<f32>) {
    mixed.clear();
    if from == to {
        mixed.extend_from_slice(block);
        return;
    }
    if (from, to) == (2, 1) {
        mixed.extend(block.as_chunks::<2>().0.iter().map(|[left, right]| (left + right) * 0.5));
        return;
    }
    let weights = weights(from, to);
    for frame in block.chunks_exact(from) {
        for weights in weights.chunks_exact(from) {
            mixed.push(frame.iter().zip(weights).map(|(sample, weight)| sample * weight).sum());
        }
    }
}

/// What each of `from` channels counts in each of `to`; those of one sum up to 1.
fn weights(from: usize, to: usize) -> Vec<f32> {
    let speaker = |channel: usize| match layout(from) {
        Some(layout) => layout[channel],
        None => [LEFT, RIGHT][channel % 2],
    };
    let share = |channel: usize, side: usize| {
        let [left, right] = speaker(channel);
        if to == 1 { left + right } else { [left, right][side % 2] }
    };
    (0..to)
        .flat_map(|side| {
            let all: f32 = (0..from).map(|channel| share(channel, side)).sum();
            (0..from).map(move |channel| share(channel, side) / all)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(block: &[f32], from: usize, to: usize) -> Vec<f32> {
        let mut mixed = Vec::new();
        mix(block, from, to, &mut mixed);
        mixed
    }

    #[test]
    fn stereo_is_averaged_and_one_channel_doubled() {
        assert_eq!(mixed(&[1.0, 0.0, 0.5, 0.5], 2, 1), [0.5, 0.5]);
        assert_eq!(mixed(&[0.25, -0.5], 1, 2), [0.25, 0.25, -0.5, -0.5]);
    }

    /// What one speaker alone, at full scale, is in the mix.
    fn alone(speaker: usize, from: usize, to: usize) -> Vec<f32> {
        let frame: Vec<f32> = (0..from).map(|at| f32::from(u8::from(at == speaker))).collect();
        mixed(&frame, from, to)
    }

    #[test]
    fn surround_is_mixed_by_bs_775() {
        for (channels, all, left, right, both) in [
            (3, 1.707, &[][..], &[][..], &[2][..]),
            (4, 1.707, &[2], &[3], &[]),
            (5, 2.414, &[3], &[4], &[2]),
            (6, 2.414, &[4], &[5], &[2]),
            (7, 2.914, &[5], &[6], &[2]),
            (8, 3.121, &[4, 6], &[5, 7], &[2]),
        ] {
            let near = |found: Vec<f32>, wanted: [f32; 2]| {
                let wanted = wanted.map(|wanted| wanted / all);
                let off = found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-3);
                assert!(off && found.len() == 2, "{channels} channels: {found:?}, not {wanted:?}");
            };
            near(alone(0, channels, 2), [1.0, 0.0]);
            near(alone(1, channels, 2), [0.0, 1.0]);
            left.iter().for_each(|at| near(alone(*at, channels, 2), [0.707, 0.0]));
            right.iter().for_each(|at| near(alone(*at, channels, 2), [0.0, 0.707]));
            both.iter().for_each(|at| near(alone(*at, channels, 2), [0.707, 0.707]));
        }
        assert_eq!(alone(3, 6, 2), [0.0, 0.0], "no deep effects");
        assert_eq!(alone(3, 6, 1), [0.0]);
    }

    #[test]
    fn one_channel_is_the_mean_of_two_and_no_mix_clips() {
        for from in 3..=9 {
            for speaker in 0..from {
                let [left, right] = alone(speaker, from, 2)[..] else { unreachable!("two were asked for") };
                if from <= 8 {
                    assert!((alone(speaker, from, 1)[0] - (left + right) / 2.0).abs() < 1e-6);
                }
            }
            let loud = vec![1.0; from];
            let peak = |to| mixed(&loud, from, to).into_iter().fold(0.0, f32::max);
            assert!([1, 2].iter().all(|to| (peak(*to) - 1.0_f32).abs() < 1e-6), "{from} channels");
        }
    }
}
