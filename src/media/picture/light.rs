//! Linear light: the transfer function of sRGB (IEC 61966-2-1) both ways.

/// The light, 0 to 1, of a level of 0 to 1.
fn light(level: f64) -> f64 {
    if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

/// The level of 0 to 1 of a light.
pub(super) fn level(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// The light of each level of samples of `levels` levels (256 or 65,536); where `linear` is false, the level itself,
/// between 0 and 1.
pub(super) fn lights(levels: usize, linear: bool) -> Vec<f32> {
    let most = (levels - 1) as f64;
    let of_level = |sample: usize| {
        let level = sample as f64 / most;
        if linear { light(level) as f32 } else { level as f32 }
    };
    (0..levels).map(of_level).collect()
}

/// Levels by light, the other way.
pub(super) struct Levels {
    /// The level for each 65,535th part of the light.
    table: Vec<f32>,
    linear: bool,
}

/// The parts that the table of [`Levels`] has: one is less than a twentieth of a level of 8 bits even in the dark.
const PARTS: f32 = 65_535.0;

impl Levels {
    /// For samples that came by [`lights`].
    pub(super) fn new(linear: bool) -> Self {
        let parts = if linear { PARTS as usize + 1 } else { 0 };
        Self { table: (0..parts).map(|part| level(part as f64 / f64::from(PARTS)) as f32).collect(), linear }
    }

    /// The level of 0 to 1 of a light, which may be beyond both.
    pub(super) fn of(&self, light: f32) -> f32 {
        let light = light.clamp(0.0, 1.0);
        if !self.linear {
            return light;
        }
        let place = light * PARTS;
        let (below, share) = (place as usize, place.fract());
        let above = (below + 1).min(self.table.len() - 1);
        self.table[below] * (1.0 - share) + self.table[above] * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back_from_its_light() {
        let levels = Levels::new(true);
        for (sample, light) in lights(256, true).iter().enumerate() {
            assert!((levels.of(*light) * 255.0 - sample as f32).abs() < 0.01, "{sample}");
        }
    }

    #[test]
    fn half_of_the_light_is_level_188() {
        assert_eq!((Levels::new(true).of(0.5) * 255.0).round(), 188.0);
        assert_eq!((Levels::new(false).of(0.5) * 254.0).round(), 127.0);
    }
}
