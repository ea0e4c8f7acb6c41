//! What bends, leans, turns and foreshortens a text: one map of points, applied to outlines and boxes alike.

use super::random::{Random, Use};
use super::spec::{TextSpec, Wave};

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds(pub(super) [f64; 4]);

impl Bounds {
    pub(super) const NOTHING: Self = Self([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY]);

    pub(super) fn of(points: &[[f64; 2]]) -> Self {
        points.iter().fold(Self::NOTHING, |bounds, [x, y]| {
            let [left, top, right, bottom] = bounds.0;
            Self([left.min(*x), top.min(*y), right.max(*x), bottom.max(*y)])
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a.min(e), b.min(f), c.max(g), d.max(h)])
    }

    pub(super) fn is_empty(self) -> bool {
        !(self.0[0] <= self.0[2] && self.0[1] <= self.0[3])
    }

    pub(super) fn grown(self, by: f64) -> Self {
        let [left, top, right, bottom] = self.0;
        Self([left - by, top - by, right + by, bottom + by])
    }

    pub(super) fn width(self) -> f64 {
        self.0[2] - self.0[0]
    }

    pub(super) fn height(self) -> f64 {
        self.0[3] - self.0[1]
    }

    /// Upper left, upper right, lower right, lower left.
    pub(super) fn corners(self) -> [[f64; 2]; 4] {
        let [left, top, right, bottom] = self.0;
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    }
}

/// Bending, waving, leaning and turning, in this order, about the middle of the text.
#[derive(Debug, Clone)]
pub(super) struct Bend {
    middle: [f64; 2],
    /// Radius of the arc, positive for ends that point down; none for straight lines.
    radius: Option<f64>,
    wave: Option<Wave>,
    lean: f64,
    sine: f64,
    cosine: f64,
}

impl Bend {
    /// What `spec` asks for a text whose ink has these bounds.
    pub(super) fn new(spec: &TextSpec, ink: Bounds) -> Self {
        let [left, top, right, bottom] = ink.0;
        let least = ink.height().max(1.0);
        let arc = spec.curve.to_radians();
        let radius = (arc != 0.0).then(|| arc.signum() * (ink.width() / arc.abs()).max(least));
        let (sine, cosine) = spec.rotation.to_radians().sin_cos();
        Self {
            middle: [f64::midpoint(left, right), f64::midpoint(top, bottom)],
            radius,
            wave: spec.wave.filter(|wave| wave.amplitude > 0.0),
            lean: spec.shear.to_radians().tan(),
            sine,
            cosine,
        }
    }

    /// Whether straight lines become curves.
    pub(super) fn is_curved(spec: &TextSpec) -> bool {
        spec.curve != 0.0 || spec.wave.is_some_and(|wave| wave.amplitude > 0.0)
    }

    /// How many degrees of arc the text really has.
    pub(super) fn degrees(&self, ink: Bounds) -> f64 {
        self.radius.map_or(0.0, |radius| (ink.width() / radius).to_degrees())
    }

    pub(super) fn map(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        // From the middle; y still grows downwards.
        let (mut x, mut y) = (x - self.middle[0], y - self.middle[1]);
        if let Some(wave) = self.wave {
            y += wave.amplitude * (x / wave.length * std::f64::consts::TAU + wave.phase.to_radians()).sin();
        }
        if let Some(radius) = self.radius {
            let (sine, cosine) = (x / radius).sin_cos();
            (x, y) = ((radius - y) * sine, radius - (radius - y) * cosine);
        }
        x -= self.lean * y;
        (x, y) = (x * self.cosine + y * self.sine, y * self.cosine - x * self.sine);
        [x + self.middle[0], y + self.middle[1]]
    }
}

/// A perspective, and then a change of size and place: a projective map of the plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct View([f64; 9]);

impl View {
    pub(super) const NONE: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// The one that moves the corners of `from` by `shares` of its width and height.
    ///
    /// # Errors
    /// The corners do not lie around the text any more.
    pub(super) fn new(from: Bounds, shares: [[f64; 2]; 4]) -> Result<Self, String> {
        if shares == [[0.0; 2]; 4] {
            return Ok(Self::NONE);
        }
        let (width, height) = (from.width().max(1e-3), from.height().max(1e-3));
        let unit = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        let to: Vec<[f64; 2]> =
            unit.iter().zip(shares).map(|([x, y], [dx, dy])| [(x + dx) * width, (y + dy) * height]).collect();
        let side =
            |a: [f64; 2], b: [f64; 2], c: [f64; 2]| (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
        let least = width * height * 1e-3;
        if (0..4).any(|at| side(to[at], to[(at + 1) % 4], to[(at + 2) % 4]) <= least) {
            return Err("`corners` fold the text or make it a line: its four sides must lie around it".to_owned());
        }
        // From the unit square: Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, section 2.2.3.
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = [to[0], to[1], to[2], to[3]];
        let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
        let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
        let below = dx1 * dy2 - dx2 * dy1;
        let (g, h) = ((sx * dy2 - dx2 * sy) / below, (dx1 * sy - sx * dy1) / below);
        let square = [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1.0];
        // The bounds become the unit square first.
        let [left, top, ..] = from.0;
        let fit = [1.0 / width, 0.0, -left / width, 0.0, 1.0 / height, -top / height, 0.0, 0.0, 1.0];
        Ok(Self(product(&square, &fit)))
    }

    /// Then everything `scale` times as large, and moved.
    pub(super) fn then(self, scale: f64, by: [f64; 2]) -> Self {
        Self(product(&[scale, 0.0, by[0], 0.0, scale, by[1], 0.0, 0.0, 1.0], &self.0))
    }

    pub(super) fn map(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let depth = g * x + h * y + i;
        [(a * x + b * y + c) / depth, (d * x + e * y + f) / depth]
    }
}

fn product(a: &[f64; 9], b: &[f64; 9]) -> [f64; 9] {
    std::array::from_fn(|at| (0..3).map(|k| a[at / 3 * 3 + k] * b[k * 3 + at % 3]).sum())
}

/// How far each corner moves, in shares of width and height: as `spec` says, or as its seed does.
pub(super) fn corners(spec: &TextSpec) -> [[f64; 2]; 4] {
    if let Some(corners) = spec.corners {
        return corners;
    }
    if spec.perspective == 0.0 {
        return [[0.0; 2]; 4];
    }
    let mut random = Random::new(spec.seed, Use::Corners);
    [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
        .map(|inwards| inwards.map(|side| side * random.unit() * spec.perspective))
}

/// Rounds to 1/256 of a pixel: the last bits, in which the sines of two machines may differ, are in no picture.
pub(super) fn snapped(point: [f64; 2]) -> [f64; 2] {
    point.map(|value| (value * 256.0).round() / 256.0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]
    use super::*;

    fn near(a: [f64; 2], b: [f64; 2]) {
        assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9, "{a:?} and {b:?}");
    }

    const INK: Bounds = Bounds([10.0, 20.0, 110.0, 60.0]);

    #[test]
    fn corners_go_where_they_are_sent() {
        let shares = [[0.1, 0.2], [-0.1, 0.0], [0.0, -0.25], [0.05, 0.1]];
        let view = View::new(INK, shares).unwrap();
        for ((from, to), [dx, dy]) in
            INK.corners().iter().zip([[0.0, 0.0], [100.0, 0.0], [100.0, 40.0], [0.0, 40.0]]).zip(shares)
        {
            near(view.map(*from), [to[0] + dx * 100.0, to[1] + dy * 40.0]);
        }
        let [a, b, c] = [[20.0, 30.0], [50.0, 40.0], [80.0, 50.0]].map(|point| view.map(point));
        assert!(((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])).abs() < 1e-9, "lines stay lines");
        assert!(View::new(INK, [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]).is_err());
    }

    #[test]
    fn an_arc_keeps_the_length_of_the_middle_line_and_turning_all_distances() {
        let mut spec = TextSpec::new("", "");
        spec.curve = 90.0;
        let bend = Bend::new(&spec, INK);
        assert!((bend.degrees(INK) - 90.0).abs() < 1e-9);
        let points: Vec<[f64; 2]> = (0..=1000).map(|at| bend.map([10.0 + f64::from(at) / 10.0, 40.0])).collect();
        let length: f64 = points.windows(2).map(|two| (two[1][0] - two[0][0]).hypot(two[1][1] - two[0][1])).sum();
        assert!((length - 100.0).abs() < 1e-3, "{length}");
        assert!(points[0][1] > points[500][1] + 10.0, "its ends point down");
        near(points[500], [60.0, 40.0]);

        spec.curve = 0.0;
        spec.rotation = 90.0;
        let bend = Bend::new(&spec, INK);
        near(bend.map([110.0, 40.0]), [60.0, -10.0]);
    }

    #[test]
    fn a_short_text_is_bent_less() {
        let mut spec = TextSpec::new("", "");
        spec.curve = -180.0;
        let ink = Bounds([0.0, 0.0, 30.0, 40.0]);
        assert!((Bend::new(&spec, ink).degrees(ink) + (30.0_f64 / 40.0).to_degrees()).abs() < 1e-9);
    }
}
