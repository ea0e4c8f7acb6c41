//! Collects a frame's bytes.

use std::io;
use std::sync::Arc;

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::device::Device;

/// Makes a frame's bytes, in memory. A frame that changes nothing has none. It never asks the terminal anything.
pub(super) struct Collector {
    device: Arc<Device>,
    bytes: Vec<u8>,
    cursor: bool,
}

impl Collector {
    pub(super) const fn new(device: Arc<Device>) -> Self {
        Self { device, bytes: Vec::new(), cursor: false }
    }

    /// What was collected.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn inner(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.bytes)
    }
}

impl Backend for Collector {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut content = content.peekable();
        // Without a cell there is nothing to reset.
        if content.peek().is_some() { self.inner().draw(content) } else { Ok(()) }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.cursor) { self.inner().hide_cursor() } else { Ok(()) }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.cursor, true) { Ok(()) } else { self.inner().show_cursor() }
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Nobody needs it, and the terminal would have to be asked.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.inner().set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner().clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        // Whoever had the screen meanwhile may have left any of these: the whole screen is made anew.
        if region == ClearType::All {
            self.cursor = false;
            self.bytes.extend(b"\x1b[0m\x1b[?25l");
        }
        self.inner().clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = self.device.size();
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        let (width, height) = self.device.pixels();
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size { width, height } })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
