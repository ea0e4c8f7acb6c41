//! What a picture file carries besides its pixels: EXIF, a colour profile, XMP.

/// The blocks of metadata of one picture, each as raw bytes without the container's framing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// EXIF, from its TIFF header on (`II` or `MM`), without the `Exif\0\0` of JPEG. CIPA DC-008 (Exif 3.0), section 4.
    pub exif: Option<Vec<u8>>,
    /// The colour profile. ICC.1:2022.
    pub icc: Option<Vec<u8>>,
    /// XMP, a packet of RDF/XML. ISO 16684-1.
    pub xmp: Option<Vec<u8>>,
}
