//! The encoders, one for each format. All are given pixels and metadata that their format holds.

use std::io::Write;
use std::marker::PhantomData;

use image::codecs::bmp::BmpEncoder;
use image::codecs::gif::GifEncoder;
use image::codecs::webp::WebPEncoder;
use image::error::{EncodingError, ImageError};
use image::{DynamicImage, ExtendedColorType, ImageFormat};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder as Jpeg, SamplingFactor};
use tiff::encoder::colortype::{ColorType as TiffColours, Gray8, Gray16, RGB8, RGB16};
use tiff::encoder::compression::DeflateLevel;
use tiff::encoder::{Compression, Predictor, TiffEncoder, TiffValue};
use tiff::tags::{ExtraSamples, PhotometricInterpretation, SampleFormat, Tag};

use super::encode::{JpegCoding, PngLevel, Subsampling, TiffCompression, WebPCoding};
use super::file::PictureFile;
use super::riff::write_webp;
use crate::media::metadata::Metadata;

type Done = Result<(), ImageError>;

/// What a segment with XMP begins with.
pub(super) const XMP_NAME: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

pub(super) fn jpeg(file: &mut PictureFile, pixels: &DynamicImage, metadata: &Metadata, how: JpegCoding) -> Done {
    let trouble = |error: jpeg_encoder::EncodingError| match error {
        jpeg_encoder::EncodingError::IoError(error) => ImageError::IoError(error),
        error => encoding(ImageFormat::Jpeg, error),
    };
    let mut encoder = Jpeg::new(file, how.quality);
    match how.subsampling {
        Subsampling::Auto => {}
        Subsampling::Quarter => encoder.set_sampling_factor(SamplingFactor::R_4_2_0),
        Subsampling::Full => encoder.set_sampling_factor(SamplingFactor::R_4_4_4),
    }
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_progressive(how.progressive);
    if let Some(exif) = &metadata.exif {
        encoder.add_exif_metadata(exif).map_err(trouble)?;
    }
    if let Some(xmp) = &metadata.xmp {
        encoder.add_app_segment(1, [XMP_NAME, xmp].concat()).map_err(trouble)?;
    }
    if let Some(icc) = &metadata.icc {
        encoder.add_icc_profile(icc).map_err(trouble)?;
    }
    let colours = if pixels.color().has_color() { ColorType::Rgb } else { ColorType::Luma };
    encoder.encode(pixels.as_bytes(), pixels.width() as u16, pixels.height() as u16, colours).map_err(trouble)
}

pub(super) fn png(file: &mut PictureFile, pixels: &DynamicImage, metadata: &Metadata, level: PngLevel) -> Done {
    let trouble = |error: png::EncodingError| match error {
        png::EncodingError::IoError(error) => ImageError::IoError(error),
        error => encoding(ImageFormat::Png, error),
    };
    let mut info = png::Info::with_size(pixels.width(), pixels.height());
    info.icc_profile = metadata.icc.as_deref().map(Into::into);
    info.exif_metadata = metadata.exif.as_deref().map(Into::into);
    let mut encoder = png::Encoder::with_info(file, info).map_err(trouble)?;
    encoder.set_color(match (pixels.color().has_color(), pixels.color().has_alpha()) {
        (false, false) => png::ColorType::Grayscale,
        (false, true) => png::ColorType::GrayscaleAlpha,
        (true, false) => png::ColorType::Rgb,
        (true, true) => png::ColorType::Rgba,
    });
    let deep = super::pixels::depth(pixels) == 16;
    encoder.set_depth(if deep { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    encoder.set_compression(match level {
        PngLevel::Fast => png::Compression::Fast,
        PngLevel::Balanced => png::Compression::Balanced,
        PngLevel::Best => png::Compression::High,
    });
    encoder.set_filter(png::Filter::Adaptive);
    if let Some(xmp) = metadata.xmp.as_deref().and_then(|xmp| std::str::from_utf8(xmp).ok()) {
        encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), xmp.into()).map_err(trouble)?;
    }
    let mut writer = encoder.write_header().map_err(trouble)?;
    if deep {
        let mut bytes = pixels.as_bytes().to_vec();
        for sample in bytes.as_chunks_mut::<2>().0 {
            *sample = u16::from_ne_bytes(*sample).to_be_bytes();
        }
        writer.write_image_data(&bytes).map_err(trouble)?;
    } else {
        writer.write_image_data(pixels.as_bytes()).map_err(trouble)?;
    }
    writer.finish().map_err(trouble)
}

pub(super) fn webp(file: &mut PictureFile, pixels: &DynamicImage, metadata: &Metadata, how: WebPCoding) -> Done {
    let (width, height, alpha) = (pixels.width(), pixels.height(), pixels.color().has_alpha());
    let colours = if alpha { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
    let done = match how {
        WebPCoding::Lossless => {
            let mut coded = Vec::new();
            WebPEncoder::new_lossless(&mut coded).encode(pixels.as_bytes(), width, height, colours)?;
            write_webp(&coded, (width, height), alpha, metadata, file)
        }
        WebPCoding::Lossy(quality) => {
            let encoder = match alpha {
                true => webp::Encoder::from_rgba(pixels.as_bytes(), width, height),
                false => webp::Encoder::from_rgb(pixels.as_bytes(), width, height),
            };
            let coded = encoder
                .encode_simple(false, quality.into())
                .map_err(|error| encoding(ImageFormat::WebP, format!("libwebp fails: {error:?}")))?;
            write_webp(&coded, (width, height), alpha, metadata, file)
        }
    };
    done.map_err(ImageError::IoError)
}

pub(super) fn tiff(file: &mut PictureFile, pixels: &DynamicImage, metadata: &Metadata, how: TiffCompression) -> Done {
    let compression = match how {
        TiffCompression::Deflate => Compression::Deflate(DeflateLevel::Balanced),
        TiffCompression::Lzw => Compression::Lzw,
    };
    let done = TiffEncoder::new(file).and_then(|encoder| {
        let encoder = encoder.with_compression(compression).with_predictor(Predictor::Horizontal);
        match pixels {
            DynamicImage::ImageLuma8(of) => tiff_page::<Gray8, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageLumaA8(of) => tiff_page::<WithAlpha<Gray8>, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageRgb8(of) => tiff_page::<RGB8, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageRgba8(of) => tiff_page::<WithAlpha<RGB8>, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageLuma16(of) => tiff_page::<Gray16, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageLumaA16(of) => tiff_page::<WithAlpha<Gray16>, _>(encoder, pixels, of.as_raw(), metadata),
            DynamicImage::ImageRgb16(of) => tiff_page::<RGB16, _>(encoder, pixels, of.as_raw(), metadata),
            other => tiff_page::<WithAlpha<RGB16>, _>(encoder, other, other.to_rgba16().as_raw(), metadata),
        }
    });
    done.map_err(|error| match error {
        tiff::TiffError::IoError(error) => ImageError::IoError(error),
        error => encoding(ImageFormat::Tiff, error),
    })
}

/// Colours with alpha beside them. The encoder takes further samples, and its predictor takes no notice of them.
struct WithAlpha<C>(PhantomData<C>);

impl<C: TiffColours<Inner: Difference>> TiffColours for WithAlpha<C> {
    type Inner = C::Inner;
    const TIFF_VALUE: PhotometricInterpretation = C::TIFF_VALUE;
    const BITS_PER_SAMPLE: &'static [u16] = C::BITS_PER_SAMPLE;
    const SAMPLE_FORMAT: &'static [SampleFormat] = C::SAMPLE_FORMAT;

    fn horizontal_predict(row: &[C::Inner], result: &mut Vec<C::Inner>) {
        let samples = C::BITS_PER_SAMPLE.len() + 1;
        result.extend_from_slice(&row[..samples.min(row.len())]);
        result.extend(row.iter().zip(row.iter().skip(samples)).map(|(before, this)| this.since(*before)));
    }
}

/// Samples whose differences wrap around.
trait Difference: Copy {
    fn since(self, before: Self) -> Self;
}

impl Difference for u8 {
    fn since(self, before: Self) -> Self {
        self.wrapping_sub(before)
    }
}

impl Difference for u16 {
    fn since(self, before: Self) -> Self {
        self.wrapping_sub(before)
    }
}

fn tiff_page<C: TiffColours, T>(
    mut encoder: TiffEncoder<&mut PictureFile>,
    pixels: &DynamicImage,
    samples: &[T],
    metadata: &Metadata,
) -> tiff::TiffResult<()>
where
    C: TiffColours<Inner = T>,
    [T]: TiffValue,
{
    let mut page = encoder.new_image::<C>(pixels.width(), pixels.height())?;
    if pixels.color().has_alpha() {
        page.extra_samples(&[ExtraSamples::UnassociatedAlpha])?;
    }
    if let Some(icc) = &metadata.icc {
        page.encoder().write_tag(Tag::IccProfile, icc.as_slice())?;
    }
    if let Some(xmp) = &metadata.xmp {
        page.encoder().write_tag(Tag::Unknown(700), xmp.as_slice())?;
    }
    page.write_data(samples)
}

pub(super) fn gif(file: &mut PictureFile, pixels: &DynamicImage) -> Done {
    // 1 is the best choice of colours and very slow, 30 the worst.
    let mut encoder = GifEncoder::new_with_speed(file, 10);
    encoder.encode(pixels.as_bytes(), pixels.width(), pixels.height(), ExtendedColorType::Rgba8)
}

pub(super) fn bmp(mut file: &mut PictureFile, pixels: &DynamicImage) -> Done {
    BmpEncoder::new(&mut file).encode(pixels.as_bytes(), pixels.width(), pixels.height(), pixels.color().into())?;
    file.flush().map_err(ImageError::IoError)
}

fn encoding(format: ImageFormat, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    ImageError::Encoding(EncodingError::new(format.into(), error))
}
