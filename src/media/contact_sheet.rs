//! Contact sheets: pictures small and side by side, each with its name under it.

use image::{DynamicImage, Rgb, RgbImage, imageops};

use super::plot::{Canvas, LETTER, LINE, text_width};

/// Pixels between cells, and around them all.
pub const GAP: u32 = 12;

/// Pixels under a picture for its name: letters of up to twice their size, and some room.
pub const LABEL: u32 = 2 * LINE + 8;

/// Pixels over the cells for a title: letters of three times their size, and some room.
pub const TITLE: u32 = 3 * LINE + GAP;

/// How a sheet is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Cells from left to right.
    pub columns: u32,
    /// Cells from top to bottom.
    pub rows: u32,
    /// Pixels of the box that each picture is fitted into, without its name: from left to right, and from top to bottom.
    pub cell: (u32, u32),
    /// What is behind the pictures: red, green and blue.
    pub background: [u8; 3],
    /// Whether names stand under the pictures.
    pub labelled: bool,
    /// What stands over them all.
    pub title: Option<String>,
}

impl Layout {
    /// Pixels of a sheet with so many rows of cells.
    #[must_use]
    pub fn size(&self, rows: u32) -> (u32, u32) {
        let (across, down) = (self.cell.0 + GAP, self.cell.1 + self.label() + GAP);
        (GAP + self.columns * across, GAP + self.title() + rows * down)
    }

    /// The upper left corner of the box of the cell number `at`, from 0.
    #[must_use]
    pub fn corner(&self, at: u32) -> (u32, u32) {
        let (column, row) = (at % self.columns.max(1), at / self.columns.max(1));
        let (across, down) = (self.cell.0 + GAP, self.cell.1 + self.label() + GAP);
        (GAP + column * across, GAP + self.title() + row * down)
    }

    fn label(&self) -> u32 {
        if self.labelled { LABEL } else { 0 }
    }

    fn title(&self) -> u32 {
        if self.title.is_some() { TITLE } else { 0 }
    }

    /// Black or white, whichever is told better from the background.
    fn ink(&self) -> Rgb<u8> {
        let [red, green, blue] = self.background.map(u32::from);
        Rgb(if 299 * red + 587 * green + 114 * blue > 127_500 { [0; 3] } else { [255; 3] })
    }
}

/// A sheet that is being filled, cell by cell.
#[derive(Debug)]
pub struct Sheet<'a> {
    layout: &'a Layout,
    pixels: RgbImage,
    filled: u32,
}

impl<'a> Sheet<'a> {
    /// An empty sheet.
    #[must_use]
    pub fn new(layout: &'a Layout) -> Self {
        let (width, height) = layout.size(layout.rows);
        let mut sheet = Self { layout, pixels: RgbImage::from_pixel(width, height, Rgb(layout.background)), filled: 0 };
        if let Some(title) = &layout.title {
            sheet.text((GAP, GAP), width - 2 * GAP, title, 3);
        }
        sheet
    }

    /// Cells that are filled.
    #[must_use]
    pub fn filled(&self) -> u32 {
        self.filled
    }

    /// Whether no cell is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.filled >= self.layout.columns * self.layout.rows
    }

    /// Fills the next cell, if one is left: with the picture in the middle of its box, or crossed out where there is none.
    pub fn add(&mut self, thumbnail: Option<&DynamicImage>, label: &str) {
        if self.is_full() {
            return;
        }
        let (x, y) = self.layout.corner(self.filled);
        let (width, height) = self.layout.cell;
        match thumbnail {
            Some(thumbnail) => {
                let left = x + width.saturating_sub(thumbnail.width()) / 2;
                let top = y + height.saturating_sub(thumbnail.height()) / 2;
                let mut place = DynamicImage::ImageRgb8(
                    imageops::crop_imm(&self.pixels, left, top, thumbnail.width(), thumbnail.height()).to_image(),
                );
                imageops::overlay(&mut place, thumbnail, 0, 0);
                imageops::replace(&mut self.pixels, &place.to_rgb8(), left.into(), top.into());
            }
            None => self.cross((x, y)),
        }
        if self.layout.labelled {
            let scale = if text_width(label) * 2 <= width { 2 } else { 1 };
            self.text((x, y + height + 4), width, label, scale);
        }
        self.filled += 1;
    }

    /// The sheet as a picture, without the rows that stayed empty.
    #[must_use]
    pub fn finish(self) -> DynamicImage {
        let rows = self.filled.div_ceil(self.layout.columns.max(1)).max(1);
        let (width, height) = self.layout.size(rows);
        DynamicImage::ImageRgb8(imageops::crop_imm(&self.pixels, 0, 0, width, height).to_image())
    }

    /// The frame of a box and its diagonals.
    fn cross(&mut self, (x, y): (u32, u32)) {
        let (width, height) = self.layout.cell;
        let ink = self.layout.ink();
        for across in 0..width {
            let down = u64::from(across) * u64::from(height.saturating_sub(1)) / u64::from(width.max(2) - 1);
            let down = down as u32;
            for row in [0, height.saturating_sub(1), down, height.saturating_sub(1) - down] {
                self.pixels.put_pixel(x + across, y + row, ink);
            }
        }
        for down in 0..height {
            let across = u64::from(down) * u64::from(width.saturating_sub(1)) / u64::from(height.max(2) - 1);
            let across = across as u32;
            for column in [0, width.saturating_sub(1), across, width.saturating_sub(1) - across] {
                self.pixels.put_pixel(x + column, y + down, ink);
            }
        }
    }

    /// Writes a line of text in the middle of `room` pixels, its letters so many times their size. What does not fit is left
    /// out of its middle: names of files differ at their ends.
    fn text(&mut self, (x, y): (u32, u32), room: u32, text: &str, scale: u32) {
        let text = fitted(text, ((room / scale + 1) / LETTER) as usize);
        let width = text_width(&text);
        let left = x + room.saturating_sub(width * scale) / 2;
        let mut line = Canvas::new(width, LINE, vec![[0; 3]; 2]);
        line.text(0, 0, &text, 1);
        let ink = self.layout.ink();
        for (down, across) in (0..LINE * scale).flat_map(|down| (0..width * scale).map(move |across| (down, across))) {
            if line.at(across / scale, down / scale) == 1 {
                self.pixels.put_pixel(left + across, y + down, ink);
            }
        }
    }
}

/// `text` in at most so many letters, with two dots for what is left out of its middle.
fn fitted(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_owned();
    }
    let ends = most.saturating_sub(2);
    let (first, last) = (ends.div_ceil(2), ends / 2);
    let dots = ['.'; 2].into_iter().take(most);
    letters[..first].iter().copied().chain(dots).chain(letters[letters.len() - last..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let title = Some("Title".to_owned());
        Layout { columns: 3, rows: 2, cell: (60, 40), background: [255; 3], labelled: true, title }
    }

    #[test]
    fn each_picture_is_in_the_middle_of_its_cell_and_empty_rows_are_cut_off() {
        let layout = layout();
        let mut sheet = Sheet::new(&layout);
        let red = DynamicImage::ImageRgb8(RgbImage::from_pixel(20, 40, Rgb([200, 0, 0])));
        for _ in 0..4 {
            sheet.add(Some(&red), "a.png");
        }
        assert!(!sheet.is_full());
        let full = sheet.finish().to_rgb8();
        assert_eq!(full.dimensions(), layout.size(2));
        for at in 0..4 {
            let (x, y) = layout.corner(at);
            assert_eq!(full.get_pixel(x + 20, y).0, [200, 0, 0]);
            assert_eq!(full.get_pixel(x + 39, y + 39).0, [200, 0, 0]);
            assert_eq!([full.get_pixel(x + 19, y).0, full.get_pixel(x + 40, y).0], [[255; 3]; 2]);
            let label = imageops::crop_imm(&full, x, y + 40, 60, LABEL).to_image();
            assert!(label.pixels().any(|pixel| pixel.0 == [0; 3]), "the name is under it");
        }
        let mut one = Sheet::new(&layout);
        one.add(None, "broken.png");
        let one = one.finish().to_rgb8();
        assert_eq!(one.dimensions(), layout.size(1));
        let (x, y) = layout.corner(0);
        assert!(
            [(0, 0), (59, 0), (0, 39), (59, 39), (30, 20)]
                .iter()
                .all(|at| one.get_pixel(x + at.0, y + at.1).0 == [0; 3])
        );
    }

    #[test]
    fn what_is_transparent_shows_the_background() {
        let layout = Layout { background: [10, 20, 30], labelled: false, title: None, ..layout() };
        let mut sheet = Sheet::new(&layout);
        sheet.add(Some(&DynamicImage::new_rgba8(60, 40)), "");
        assert!(sheet.finish().to_rgb8().pixels().all(|pixel| pixel.0 == [10, 20, 30]));
    }

    #[test]
    fn a_long_name_keeps_its_ends() {
        assert_eq!(fitted("IMG_20240817_101530.jpg", 12), "IMG_2..0.jpg");
        assert_eq!(fitted("short.jpg", 12), "short.jpg");
        assert_eq!([fitted("abc", 2), fitted("abc", 1), fitted("abc", 0)], ["..", ".", ""]);
    }
}
