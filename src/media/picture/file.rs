//! A picture file that is being written.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use image::ImageError;

use crate::media::error::MediaError;

/// A file that remembers why it could not be written: encoders wrap the error, and a full disk must stay one.
pub(in crate::media) struct PictureFile {
    file: BufWriter<File>,
    trouble: Option<io::Error>,
}

impl PictureFile {
    fn keep<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| {
            if let Some(code) = error.raw_os_error() {
                self.trouble.get_or_insert(io::Error::from_raw_os_error(code));
            }
        })
    }
}

impl Write for PictureFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.file.write(bytes);
        self.keep(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.file.flush();
        self.keep(done)
    }
}

impl Seek for PictureFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let done = self.file.seek(to);
        self.keep(done)
    }
}

/// Writes the picture file `to` by `encode`; what is there is replaced.
pub(in crate::media) fn write_picture(
    to: &Path,
    encode: impl FnOnce(&mut PictureFile) -> Result<(), ImageError>,
) -> Result<(), MediaError> {
    let file = BufWriter::new(File::create(to).map_err(MediaError::Unwritable)?);
    let mut file = PictureFile { file, trouble: None };
    // Dropping a buffer would flush it too, and keep a full disk to itself.
    let done = encode(&mut file).and_then(|()| file.flush().map_err(ImageError::IoError));
    match (file.trouble, done) {
        (Some(trouble), _) => Err(MediaError::Unwritable(trouble)),
        (None, Err(ImageError::IoError(error))) => Err(MediaError::Unwritable(error)),
        (None, Err(other)) => Err(MediaError::Limit(format!("it cannot be written in this format: {other}"))),
        (None, Ok(())) => Ok(()),
    }
}
