//! From parameters to a picture and its label.

use std::path::Path;
use std::sync::Arc;

use super::background::{Cut, background};
use super::canvas::Canvas;
use super::effects::{apply, blurred};
use super::error::TextError;
use super::font::{Face, face};
use super::label::{Geometry, LABEL_VERSION, Label, LabelBackground, LabelFont, RENDERER};
use super::layout::{Fonts, Layout, lay_out};
use super::outline::{Outlines, outlines};
use super::placing::{Placed, label_lines};
use super::random::{Random, Use};
use super::raster::fill;
use super::runs::Chooser;
use super::shape::{is_notdef, leaves_ink};
use super::spec::{MAX_CHARACTERS, Missing, Overflow, Place, TextSpec, Writing, pixels};
use super::warp::{Bend, Bounds, View, corners, snapped};

/// Lines that are to be bent are cut into pieces of so many pixels: on the tightest arc in use they are off by 1/40 of one.
const PIECE: f64 = 2.0;

/// A picture of a text, and its label.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The picture.
    pub canvas: Canvas,
    /// What it shows and where, and what it was made from.
    pub label: Label,
}

/// Draws what `spec` asks for. The same parameters and files give the same bytes.
///
/// # Errors
/// Every [`TextError`] but [`TextError::Changed`]: each names the file that is to blame.
pub fn render(spec: &TextSpec) -> Result<Drawn, TextError> {
    spec.validate().map_err(TextError::Text)?;
    let spec = &spec.rounded();
    if spec.font.is_empty() {
        return Err(TextError::Text("no font is given: `font` is empty".to_owned()));
    }
    if spec.text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(TextError::Text(format!("the text has more than {MAX_CHARACTERS} characters")));
    }
    let fonts = Fonts::new(faces(spec)?, spec);
    let text = Chooser { faces: &fonts.faces, missing: spec.missing }.drawn(&spec.text);
    if !text.chars().any(leaves_ink) {
        return Err(TextError::Text("the text is empty: there is nothing to draw".to_owned()));
    }
    let layout = lay_out(&text, spec, &fonts, room(spec)?)?;
    let mut outlines = outlines(&layout, &fonts, spec.size, Bend::is_curved(spec).then_some(PIECE))?;
    let inks: Vec<Bounds> =
        (0..layout.glyphs.len()).map(|glyph| Bounds::of(&outlines.points[outlines.points_of(glyph)])).collect();
    check(&text, spec, &fonts, &layout, &inks)?;
    let ink = inks.iter().fold(Bounds::NOTHING, |all, ink| all.and(*ink));
    if ink.is_empty() {
        return Err(TextError::Text("the text is empty: there is nothing to draw".to_owned()));
    }

    let bend = Bend::new(spec, ink);
    outlines.points.iter_mut().for_each(|point| *point = bend.map(*point));
    let shares = corners(spec);
    let view = View::new(Bounds::of(&outlines.points), shares).map_err(TextError::Text)?;
    outlines.points.iter_mut().for_each(|point| *point = view.map(*point));
    let around = spec.stroke.map_or(0.0, |stroke| stroke.width);
    let frame = Frame::new(spec, Bounds::of(&outlines.points).grown(around), layout.to_left)?;
    let fit = View::NONE.then(frame.scale, frame.by);
    outlines.points.iter_mut().for_each(|point| *point = snapped(fit.map(*point)));

    let (mut canvas, cut) = ground(spec, frame.width, frame.height)?;
    draw(&mut canvas, spec, &outlines, frame.scale);
    apply(&mut canvas, spec)?;

    let geometry = Geometry {
        curve: told(bend.degrees(ink)),
        corners: shares.map(|share| share.map(told)),
        scale: told(frame.scale),
    };
    let placed = Placed {
        layout: &layout,
        outlines: &outlines,
        inks: &inks,
        bend,
        view: view.then(frame.scale, frame.by),
        around: around * frame.scale,
    };
    let label = Label {
        version: LABEL_VERSION,
        mediamill: env!("CARGO_PKG_VERSION").to_owned(),
        renderer: RENDERER,
        width: frame.width,
        height: frame.height,
        lines: label_lines(&text, &placed),
        fonts: fonts.faces.iter().map(|face| label_font(face)).collect(),
        background: cut,
        geometry,
        parameters: spec.clone(),
        text,
    };
    Ok(Drawn { canvas, label })
}

/// Draws the picture of `label` again, byte for byte.
///
/// # Errors
/// Those of [`render`]; [`TextError::Changed`] where a font or the background is not the file it was;
/// [`TextError::Text`] for labels of other versions.
pub fn redraw(label: &Label) -> Result<Drawn, TextError> {
    if (label.version, label.renderer) != (LABEL_VERSION, RENDERER) {
        return Err(TextError::Text(format!(
            "the label was written by mediamill {} (label {}, renderer {}), and this one makes label {LABEL_VERSION}, renderer \
             {RENDERER}: it might draw other pixels",
            label.mediamill, label.version, label.renderer
        )));
    }
    for font in &label.fonts {
        let path = Path::new(&font.path);
        if face(path, font.index)?.hash != font.blake3 {
            return Err(TextError::Changed { path: path.to_owned() });
        }
    }
    if let Some(behind) = &label.background {
        let path = Path::new(&behind.path);
        if background(path)?.hash != behind.blake3 {
            return Err(TextError::Changed { path: path.to_owned() });
        }
    }
    render(&label.parameters)
}

fn faces(spec: &TextSpec) -> Result<Vec<Arc<Face>>, TextError> {
    let mut faces = vec![face(Path::new(&spec.font), spec.font_index)?];
    if spec.missing == Missing::Fallback {
        for path in &spec.fallback {
            faces.push(face(Path::new(path), 0)?);
        }
    }
    Ok(faces)
}

/// How many pixels a line may have.
fn room(spec: &TextSpec) -> Result<Option<f64>, TextError> {
    let (name, side) = match spec.writing {
        Writing::Horizontal => ("width", spec.width),
        Writing::Vertical => ("height", spec.height),
    };
    let Some(side) = side else { return Ok(None) };
    match side.checked_sub(2 * spec.margin).filter(|room| *room > 0) {
        Some(room) => Ok(Some(f64::from(room))),
        None => Err(TextError::Text(format!("`margin` {} leaves no room in a {name} of {side} pixels", spec.margin))),
    }
}

/// Tells that a font draws nothing for a letter, or its box for missing ones where that is not asked for.
fn check(text: &str, spec: &TextSpec, fonts: &Fonts, layout: &Layout, inks: &[Bounds]) -> Result<(), TextError> {
    for cluster in layout.lines.iter().flat_map(|line| &line.clusters) {
        let letters = &text[cluster.text.clone()];
        let glyphs = &layout.glyphs[cluster.glyphs.clone()];
        let path = &fonts.faces[cluster.face].path;
        if glyphs.iter().any(|glyph| is_notdef(glyph.id)) {
            if spec.missing == Missing::Box {
                continue;
            }
            return Err(TextError::Missing { path: path.clone(), characters: letters.to_owned() });
        }
        if letters.chars().any(leaves_ink) && inks[cluster.glyphs.clone()].iter().all(|ink| ink.is_empty()) {
            return Err(TextError::font(path, format!("it draws nothing for {letters:?}")));
        }
    }
    Ok(())
}

/// Size of the picture, and where the text comes to stand in it.
struct Frame {
    width: u32,
    height: u32,
    scale: f64,
    by: [f64; 2],
}

impl Frame {
    fn new(spec: &TextSpec, ink: Bounds, to_left: bool) -> Result<Self, TextError> {
        let margin = f64::from(spec.margin);
        let needed = [ink.width(), ink.height()];
        let side = |given: Option<u32>, needed: f64| {
            given.unwrap_or((needed - 1e-6).ceil().clamp(1.0, 1e9) as u32 + 2 * spec.margin)
        };
        let (width, height) = (side(spec.width, needed[0]), side(spec.height, needed[1]));
        pixels(width, height).map_err(TextError::Text)?;
        let sides = [f64::from(width), f64::from(height)];
        let inner = sides.map(|side| (side - 2.0 * margin).max(1.0));
        let scale = match spec.overflow {
            Overflow::Shrink => (inner[0] / needed[0]).min(inner[1] / needed[1]).min(1.0),
            Overflow::Clip => 1.0,
            Overflow::Refuse if (0..2).any(|axis| needed[axis] > sides[axis] + 1e-6) => {
                let [wide, high] = needed.map(f64::ceil);
                return Err(TextError::Text(format!(
                    "the text needs {wide} x {high} pixels, and the picture has {width} x {height}: see `overflow`"
                )));
            }
            Overflow::Refuse => 1.0,
        };
        let spare: [f64; 2] = std::array::from_fn(|axis| inner[axis] - needed[axis] * scale);
        let share = match spec.place {
            Place::Center => [0.5; 2],
            Place::Start if to_left || spec.writing == Writing::Vertical => [1.0, 0.0],
            Place::Start => [0.0; 2],
            Place::Random => {
                let mut random = Random::new(spec.seed, Use::Place);
                [random.unit(), random.unit()]
            }
        };
        let by = std::array::from_fn(|axis| {
            // What is larger than the room between the margins stands in the middle.
            let share = if spare[axis] < 0.0 { 0.5 } else { share[axis] };
            margin + spare[axis] * share - ink.0[axis] * scale
        });
        Ok(Self { width, height, scale, by })
    }
}

/// What the text is drawn on.
fn ground(spec: &TextSpec, width: u32, height: u32) -> Result<(Canvas, Option<LabelBackground>), TextError> {
    if !spec.background.is_empty() {
        let path = Path::new(&spec.background);
        let behind = background(path)?;
        let (canvas, Cut { scale, piece }) = behind.cut(width, height, spec.seed)?;
        let label =
            LabelBackground { path: spec.background.clone(), blake3: behind.hash.clone(), scale: told(scale), piece };
        return Ok((canvas, Some(label)));
    }
    let canvas = match spec.background_color {
        Some(colour) => Canvas::opaque(width, height, colour),
        None => Canvas::transparent(width, height),
    };
    Ok((canvas, None))
}

/// Shadow, the line around, and the letters, all of them `scale` times as large as they are asked for.
fn draw(canvas: &mut Canvas, spec: &TextSpec, outlines: &Outlines, scale: f64) {
    let whole = Bounds([0.0, 0.0, f64::from(canvas.width()), f64::from(canvas.height())]);
    // Half of a line lies inside of the letters, where they cover it.
    let line = spec.stroke.filter(|stroke| stroke.width > 0.0).map(|stroke| (stroke.width * 2.0 * scale, stroke.color));
    if let Some(shadow) = spec.shadow {
        let [right, down, blur] = [shadow.x, shadow.y, shadow.blur].map(|length| length * scale);
        let reach = (3.0 * blur).ceil() + right.abs().max(down.abs()) + 1.0;
        let covered = fill(outlines, line.map(|(width, _)| width), whole.grown(reach));
        if let Some(mut covered) = covered {
            if blur > 0.0 {
                covered = covered.padded((3.0 * blur).ceil() as usize);
                covered.data = blurred(&covered.data, covered.width, covered.height, 1, blur);
            }
            covered.left += right.round() as i32;
            covered.top += down.round() as i32;
            canvas.lay(&covered, shadow.color, shadow.opacity * spec.opacity);
        }
    }
    if let Some((width, colour)) = line
        && let Some(covered) = fill(outlines, Some(width), whole)
    {
        canvas.lay(&covered, colour, spec.opacity);
    }
    if let Some(covered) = fill(outlines, None, whole) {
        canvas.lay(&covered, spec.color, spec.opacity);
    }
}

/// A number as labels tell it: with so few digits that it is read again as it was written.
fn told(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn label_font(face: &Face) -> LabelFont {
    LabelFont {
        path: face.path.to_string_lossy().into_owned(),
        index: face.index,
        family: face.family.clone(),
        blake3: face.hash.clone(),
    }
}
