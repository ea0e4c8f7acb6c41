//! The kinds of things that a picture file carries besides its pixels, and which of them are wanted.

/// What a picture file may carry besides its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// EXIF: camera, exposure, date, thumbnail, and mostly the place.
    Exif,
    /// The place where it was taken, wherever it is told: in EXIF, in XMP, as GeoTIFF.
    Gps,
    /// The colour profile.
    Icc,
    /// XMP: what editors write.
    Xmp,
    /// IPTC: captions, keywords, names; Photoshop's own blocks, which hold it.
    Iptc,
    /// Texts of any kind.
    Comments,
    /// What only its maker knows: private blocks, signatures, pictures and films behind the end of the picture.
    Other,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [Self::Exif, Self::Gps, Self::Icc, Self::Xmp, Self::Iptc, Self::Comments, Self::Other];

    /// The kind as parameters and values write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exif => "exif",
            Self::Gps => "gps",
            Self::Icc => "icc",
            Self::Xmp => "xmp",
            Self::Iptc => "iptc",
            Self::Comments => "comments",
            Self::Other => "other",
        }
    }
}

/// What is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// EXIF.
    pub exif: bool,
    /// The place. Without it, EXIF and XMP stay but for the place, and what cannot be looked into goes as a whole:
    /// [`Kind::Other`], and blocks that are too broken to take the place out of.
    pub gps: bool,
    /// The colour profile.
    pub icc: bool,
    /// XMP.
    pub xmp: bool,
    /// IPTC.
    pub iptc: bool,
    /// Texts.
    pub comments: bool,
    /// The rest.
    pub other: bool,
}

impl Keep {
    /// Everything.
    pub const ALL: Self = Self { exif: true, gps: true, icc: true, xmp: true, iptc: true, comments: true, other: true };

    /// Everything but `dropped`.
    #[must_use]
    pub fn all_but(dropped: &[Kind]) -> Self {
        let stays = |kind: Kind| !dropped.contains(&kind);
        Self {
            exif: stays(Kind::Exif),
            gps: stays(Kind::Gps),
            icc: stays(Kind::Icc),
            xmp: stays(Kind::Xmp),
            iptc: stays(Kind::Iptc),
            comments: stays(Kind::Comments),
            other: stays(Kind::Other),
        }
    }

    /// Whether blocks of `kind` stay, as far as that goes without looking into them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Exif => self.exif,
            Kind::Gps => self.gps,
            Kind::Icc => self.icc,
            Kind::Xmp => self.xmp,
            Kind::Iptc => self.iptc,
            Kind::Comments => self.comments,
            Kind::Other => self.other && self.gps,
        }
    }
}

/// What became of the metadata of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// What it carried.
    pub found: Vec<Kind>,
    /// What it still carries. EXIF that holds nothing but the orientation is not told.
    pub left: Vec<Kind>,
    /// How it must be turned, as before: 1 (not at all) to 8.
    pub orientation: u8,
    /// The bytes of the old file.
    pub before: u64,
    /// The bytes of the new one. A TIFF file stays as long as it is: what goes is zeros in its place.
    pub after: u64,
}
