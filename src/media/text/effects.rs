//! What a camera, a scanner or a copier does to a picture.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::background::resized;
use super::canvas::Canvas;
use super::random::{NORMAL, Random, Use, exp, normal};
use super::spec::TextSpec;
use crate::media::error::MediaError;

/// Does what `spec` asks for: less detail, blur, contrast and brightness, noise, JPEG.
pub(super) fn apply(canvas: &mut Canvas, spec: &TextSpec) -> Result<(), MediaError> {
    if spec.downscale < 1.0 {
        lose_detail(canvas, spec.downscale)?;
    }
    if spec.blur > 0.0 {
        let (stride, rows) = (canvas.width() as usize * canvas.channels(), canvas.height() as usize);
        canvas.pixels = blurred(&canvas.pixels, stride, rows, canvas.channels(), spec.blur);
    }
    canvas.straighten();
    if spec.contrast != 1.0 || spec.brightness != 0.0 {
        adjust(canvas, spec.contrast, spec.brightness);
    }
    if spec.noise > 0.0 {
        add_noise(canvas, spec.noise, spec.seed);
    }
    if let Some(quality) = spec.jpeg_quality {
        damage(canvas, quality)?;
    }
    Ok(())
}

fn lose_detail(canvas: &mut Canvas, scale: f64) -> Result<(), MediaError> {
    let (width, height) = (canvas.width(), canvas.height());
    let small = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let kind = if canvas.channels() == 4 { PixelType::U8x4 } else { PixelType::U8x3 };
    // Colours are multiplied by their alpha already.
    let options = |filter| ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let less = (small(width), small(height));
    let lost = resized(&canvas.pixels, (width, height), less, kind, &options(FilterType::Box))?;
    canvas.pixels = resized(&lost, less, (width, height), kind, &options(FilterType::Bilinear))?;
    Ok(())
}

/// The weights of a Gaussian from its middle on, out of 2^16 all together; beyond three deviations nothing is left.
fn weights(sigma: f64) -> Vec<u32> {
    let reach = (3.0 * sigma).ceil().max(1.0) as u32;
    let shape: Vec<f64> =
        (0..=reach).map(|at| 1.0 / exp(f64::from(at * at) / (2.0 * sigma * sigma).max(1e-3))).collect();
    let sum = shape[0] + 2.0 * shape[1..].iter().sum::<f64>();
    let mut weights: Vec<u32> = shape.iter().map(|weight| (weight / sum * 65_536.0).round() as u32).collect();
    let others: u32 = 2 * weights[1..].iter().sum::<u32>();
    weights[0] = 65_536 - others.min(65_536);
    weights
}

/// A Gaussian blur of `rows` rows of `stride` samples; neighbours are `channels` apart. Edges go on for ever.
pub(super) fn blurred(samples: &[u8], stride: usize, rows: usize, channels: usize, sigma: f64) -> Vec<u8> {
    let weights = weights(sigma);
    let mut sums = vec![0_u32; stride];
    // Down the columns first: row by row, so that the processor reads what it has at hand.
    let mut upright = vec![0_u8; samples.len()];
    for row in 0..rows {
        let line = |at: usize| &samples[at * stride..][..stride];
        begin(&mut sums, line(row), weights[0]);
        for (at, weight) in weights.iter().enumerate().skip(1) {
            let (before, after) = (row.saturating_sub(at), (row + at).min(rows - 1));
            add(&mut sums, line(before), line(after), *weight);
        }
        settle(&sums, &mut upright[row * stride..][..stride]);
    }
    let reach = (weights.len() - 1) * channels;
    let mut padded = vec![0_u8; stride + 2 * reach];
    let mut done = vec![0_u8; samples.len()];
    for row in 0..rows {
        let line = &upright[row * stride..][..stride];
        for side in 0..weights.len() - 1 {
            padded[side * channels..][..channels].copy_from_slice(&line[..channels]);
            padded[reach + stride + side * channels..][..channels].copy_from_slice(&line[stride - channels..]);
        }
        padded[reach..reach + stride].copy_from_slice(line);
        begin(&mut sums, line, weights[0]);
        for (at, weight) in weights.iter().enumerate().skip(1) {
            let (before, after) =
                (&padded[reach - at * channels..][..stride], &padded[reach + at * channels..][..stride]);
            add(&mut sums, before, after, *weight);
        }
        settle(&sums, &mut done[row * stride..][..stride]);
    }
    done
}

/// Begins the sums with one row; half of 2^16 is there to round.
fn begin(sums: &mut [u32], one: &[u8], weight: u32) {
    for (sum, one) in sums.iter_mut().zip(one) {
        *sum = u32::from(*one) * weight + 32_768;
    }
}

fn add(sums: &mut [u32], one: &[u8], other: &[u8], weight: u32) {
    for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
        *sum += (u32::from(*one) + u32::from(*other)) * weight;
    }
}

fn settle(sums: &[u32], samples: &mut [u8]) {
    for (sample, sum) in samples.iter_mut().zip(sums) {
        *sample = (sum >> 16) as u8;
    }
}

/// Contrast about mid-grey, and brightness; alpha stays.
fn adjust(canvas: &mut Canvas, contrast: f64, brightness: f64) {
    let table: [u8; 256] = std::array::from_fn(|value| {
        ((value as f64 - 128.0) * contrast + 128.0 + brightness).round().clamp(0.0, 255.0) as u8
    });
    match canvas.channels() {
        4 => canvas.pixels.chunks_exact_mut(4).for_each(|pixel| {
            pixel[..3].iter_mut().for_each(|sample| *sample = table[usize::from(*sample)]);
        }),
        _ => canvas.pixels.iter_mut().for_each(|sample| *sample = table[usize::from(*sample)]),
    }
}

/// Noise of this standard deviation on every sample but alpha, each its own.
fn add_noise(canvas: &mut Canvas, sigma: f64, seed: u64) {
    // In sixteenths of a step, so that small deviations are what they are told to be.
    let table: [i16; NORMAL] = std::array::from_fn(|at| (normal()[at] * sigma * 16.0).round() as i16);
    let mut random = Random::new(seed, Use::Noise);
    let noisy = |sample: &mut u8, bits: u64| {
        let value = i16::from(*sample) * 16 + table[(bits & 0xfff) as usize] + 8;
        *sample = (value >> 4).clamp(0, 255) as u8;
    };
    match canvas.channels() {
        4 => canvas.pixels.chunks_exact_mut(4).for_each(|pixel| {
            let bits = random.next();
            noisy(&mut pixel[0], bits);
            noisy(&mut pixel[1], bits >> 12);
            noisy(&mut pixel[2], bits >> 24);
        }),
        _ => canvas.pixels.chunks_mut(5).for_each(|samples| {
            let mut bits = random.next();
            for sample in samples {
                noisy(sample, bits);
                bits >>= 12;
            }
        }),
    }
}

/// Codes the picture as JPEG (4:2:0) and reads it again; alpha stays.
fn damage(canvas: &mut Canvas, quality: u8) -> Result<(), MediaError> {
    let colours: Vec<u8> = match canvas.channels() {
        4 => canvas.pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        _ => std::mem::take(&mut canvas.pixels),
    };
    let mut coded = Vec::new();
    let mut encoder = Encoder::new(&mut coded, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (canvas.width() as u16, canvas.height() as u16);
    encoder
        .encode(&colours, width, height, ColorType::Rgb)
        .map_err(|error| MediaError::Limit(format!("the picture cannot be coded as JPEG: {error}")))?;
    let read = jpeg_decoder::Decoder::new(coded.as_slice())
        .decode()
        .map_err(|error| MediaError::damaged(format!("the JPEG just written cannot be read: {error}")))?;
    match canvas.channels() {
        4 => {
            for (pixel, colour) in canvas.pixels.chunks_exact_mut(4).zip(read.chunks_exact(3)) {
                pixel[..3].copy_from_slice(colour);
            }
        }
        _ => canvas.pixels = read,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::text::colour::Colour;

    #[test]
    fn a_blur_has_its_deviation_and_loses_no_light() {
        for sigma in [0.3, 1.0, 2.5, 8.0] {
            let (width, height) = (101, 81);
            let mut samples = vec![0_u8; width * height];
            // A bright square, wide enough for its middle to keep its light.
            samples[40 * width + 50] = 255;
            let weights = weights(sigma);
            assert_eq!(weights[0] + 2 * weights[1..].iter().sum::<u32>(), 65_536);
            let variance = 2.0
                * weights.iter().enumerate().map(|(at, w)| (at * at) as f64 * f64::from(*w)).sum::<f64>()
                / 65_536.0;
            let wanted = if sigma < 0.5 { sigma * sigma * 0.5 } else { sigma * sigma * 0.96 };
            assert!(variance > wanted && variance < sigma * sigma * 1.04, "{sigma}: {variance}");
            let flat = blurred(&vec![200_u8; width * height], width, height, 1, sigma);
            assert!(flat.iter().all(|sample| *sample == 200), "{sigma}");
            let spread = blurred(&samples, width, height, 1, sigma);
            assert_eq!(spread[40 * width + 49], spread[40 * width + 51]);
            assert_eq!(spread[39 * width + 50], spread[41 * width + 50]);
        }
    }

    #[test]
    fn noise_has_its_deviation_and_no_bias() {
        for sigma in [0.5, 3.0, 20.0] {
            let mut canvas = Canvas::opaque(300, 300, Colour([128; 3]));
            add_noise(&mut canvas, sigma, 99);
            let count = canvas.pixels.len() as f64;
            let mean = canvas.pixels.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
            let variance = canvas.pixels.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum::<f64>() / count;
            // Rounding to whole steps adds a twelfth.
            let wanted = (sigma * sigma + 1.0 / 12.0).sqrt();
            assert!((mean - 128.0).abs() < 0.1, "{sigma}: {mean}");
            assert!((variance.sqrt() / wanted - 1.0).abs() < 0.02, "{sigma}: {}", variance.sqrt());
        }
    }
}
