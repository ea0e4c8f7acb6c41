//! What a sound file says of its content: title, artist, pictures and so on. Read, kept through conversions, written.

mod containers;
mod opus;
mod splice;

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use lofty::config::{ParseOptions, WriteOptions};
use lofty::file::TaggedFileExt;
use lofty::picture::PictureInformation;
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag, TagExt, TagType};

use self::containers::{PICTURE, VORBIS_COMMENT, into_flac, into_mp4};
use self::opus::into_opus;
use self::splice::splice;
use super::encode::lossy::Codec;
use super::encode::{Coding, Target};
use super::error::MediaError;
use super::opening::guarded;

/// The tags that have a name here, each with the one that the library knows it by.
const NAMES: [(&str, ItemKey); 10] = [
    ("title", ItemKey::TrackTitle),
    ("artist", ItemKey::TrackArtist),
    ("album", ItemKey::AlbumTitle),
    ("album_artist", ItemKey::AlbumArtist),
    ("track", ItemKey::TrackNumber),
    ("disc", ItemKey::DiscNumber),
    ("year", ItemKey::RecordingDate),
    ("genre", ItemKey::Genre),
    ("composer", ItemKey::Composer),
    ("comment", ItemKey::Comment),
];

/// What tells how loud the sound is: wrong as soon as its level is changed.
const LEVELS: [ItemKey; 6] = [
    ItemKey::ReplayGainAlbumGain,
    ItemKey::ReplayGainAlbumPeak,
    ItemKey::ReplayGainTrackGain,
    ItemKey::ReplayGainTrackPeak,
    ItemKey::R128TrackGain,
    ItemKey::R128AlbumGain,
];

/// The tags of a sound file, pictures included, whatever its format.
#[derive(Clone)]
pub struct Tags(Tag);

impl Default for Tags {
    fn default() -> Self {
        Self(Tag::new(TagType::VorbisComments))
    }
}

impl Tags {
    /// The names that [`Tags::texts`] tells and [`Tags::set`] takes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The tags of the sound file at `path`; none where there are none, or where they cannot be read: broken tags are no
    /// reason to refuse a sound.
    ///
    /// # Errors
    /// [`MediaError::Unreadable`] when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, MediaError> {
        let file = File::open(path).map_err(MediaError::Unreadable)?;
        let mut options = ParseOptions::new();
        options.read_properties(false);
        let Ok(probe) = Probe::new(BufReader::new(file)).options(options).guess_file_type() else {
            return Ok(Self::default());
        };
        let Some(Ok(found)) = guarded(|| probe.read()) else { return Ok(Self::default()) };
        let Some(tag) = found.primary_tag().or_else(|| found.first_tag()) else { return Ok(Self::default()) };
        let mut tag = tag.clone();
        // Of all formats this one has a place for most.
        tag.re_map(TagType::VorbisComments);
        // What coded the file that is read did not code the one that is written.
        tag.remove_key(ItemKey::EncoderSoftware);
        tag.remove_key(ItemKey::EncoderSettings);
        Ok(Self(tag))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those with a name here, each with its text.
    pub fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        NAMES.iter().filter_map(|(name, key)| Some((*name, self.0.get_string(*key)?)))
    }

    /// How many pictures there are.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.0.pictures().len()
    }

    /// Sets the tag `name`, one of [`Tags::names`]; an empty text takes it away. `false`: there is no such name.
    pub fn set(&mut self, name: &str, text: &str) -> bool {
        let Some((_, key)) = NAMES.iter().find(|(known, _)| *known == name) else { return false };
        if text.is_empty() {
            self.0.remove_key(*key);
        } else {
            self.0.insert_text(*key, text.to_owned());
        }
        true
    }

    /// Takes away what tells how loud the sound is (ReplayGain, R128): its level has been changed.
    pub fn forget_level(&mut self) {
        LEVELS.into_iter().for_each(|key| self.0.remove_key(key));
    }

    /// Takes away the pictures.
    pub fn forget_pictures(&mut self) {
        while !self.0.pictures().is_empty() {
            self.0.remove_picture(0);
        }
    }

    /// Puts them into each of these finished sound files.
    ///
    /// # Errors
    /// Those of [`Tags::write`].
    pub fn write_all(&self, to: &[Target]) -> Result<(), MediaError> {
        to.iter().try_for_each(|target| self.write(&target.path, target.coding))
    }

    /// Puts them into the finished sound file at `path`. What its format has no place for is left out.
    ///
    /// A file of any length is written in little memory.
    ///
    /// # Errors
    /// [`MediaError::Unwritable`].
    pub fn write(&self, path: &Path, coding: Coding) -> Result<(), MediaError> {
        let kind = match coding {
            Coding::Wav(_) => TagType::Id3v2,
            Coding::Flac(_) => TagType::VorbisComments,
            Coding::Lossy(lossy) => match lossy.codec {
                Codec::Mp3 => TagType::Id3v2,
                Codec::Aac => TagType::Mp4Ilst,
                Codec::Opus => TagType::VorbisComments,
            },
        };
        let mut tag = self.0.clone();
        tag.re_map(kind);
        if tag.is_empty() {
            return Ok(());
        }
        let mut blocks = Vec::new();
        if matches!(coding, Coding::Flac(_)) {
            // Here pictures have a place of their own, beside the texts.
            while !tag.pictures().is_empty() {
                let picture = tag.remove_picture(0);
                let about = PictureInformation::from_picture(&picture).unwrap_or_default();
                blocks.push((PICTURE, picture.as_flac_bytes(about, false)));
            }
        }
        let mut bytes = Vec::new();
        let how = WriteOptions::new().preferred_padding(0);
        tag.dump_to(&mut bytes, how).map_err(|error| unwritable(&error.to_string()))?;
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(MediaError::Unwritable)?;
        match coding {
            Coding::Wav(_) => append_chunk(file, &bytes),
            Coding::Flac(_) => {
                blocks.insert(0, (VORBIS_COMMENT, bytes));
                blocks.retain(|(_, body)| body.len() < 1 << 24);
                into_flac(&file, &blocks)
            }
            Coding::Lossy(lossy) => match lossy.codec {
                Codec::Mp3 => splice(&file, 0, 0, &bytes),
                Codec::Aac => into_mp4(&file, &bytes),
                Codec::Opus => into_opus(&file, &bytes),
            },
        }
        .map_err(MediaError::Unwritable)
    }
}

fn unwritable(why: &str) -> MediaError {
    MediaError::Unwritable(std::io::Error::other(format!("its tags: {why}")))
}

/// Appends a chunk with an ID3 tag to the WAV or RF64 file, whose sizes are then put right.
fn append_chunk(mut file: File, body: &[u8]) -> std::io::Result<()> {
    let mut name = [0; 4];
    file.read_exact(&mut name)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(b"id3 ")?;
    file.write_all(&(body.len() as u32).to_le_bytes())?;
    file.write_all(body)?;
    if body.len() % 2 == 1 {
        file.write_all(&[0])?;
    }
    let riff = file.stream_position()? - 8;
    if &name == b"RF64" {
        // The first number in its `ds64` chunk.
        file.seek(SeekFrom::Start(20))?;
        file.write_all(&riff.to_le_bytes())
    } else {
        file.seek(SeekFrom::Start(4))?;
        file.write_all(&u32::try_from(riff).unwrap_or(u32::MAX).to_le_bytes())
    }
}
