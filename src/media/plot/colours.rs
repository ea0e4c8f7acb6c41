//! Maps from a level to a colour.

/// A map from a level to a colour; all grow lighter in about even steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// Black over purple and orange to pale yellow.
    #[default]
    Inferno,
    /// Black over purple and pink to cream.
    Magma,
    /// Violet over blue and green to yellow: for eyes that do not tell red from green.
    Viridis,
    /// Black to white.
    Grey,
    /// White to black: for paper.
    Paper,
}

impl Colours {
    /// The colours of so many even levels, from the quietest on.
    #[must_use]
    pub fn levels(self, count: usize) -> Vec<[u8; 3]> {
        let stops = self.stops();
        let last = count.saturating_sub(1).max(1) as f32;
        (0..count)
            .map(|level| {
                let place = level as f32 / last * (stops.len() - 1) as f32;
                let low = (place as usize).min(stops.len() - 2);
                let part = place - low as f32;
                std::array::from_fn(|channel| {
                    let (from, to) = (f32::from(stops[low][channel]), f32::from(stops[low + 1][channel]));
                    (from + (to - from) * part).round() as u8
                })
            })
            .collect()
    }

    fn stops(self) -> &'static [[u8; 3]] {
        match self {
            // After the maps of these names (S. van der Walt and N. Smith, CC0), in nine colours each.
            Self::Inferno => &[
                [0, 0, 4],
                [31, 12, 72],
                [85, 15, 109],
                [136, 34, 106],
                [186, 54, 85],
                [227, 89, 51],
                [249, 140, 10],
                [249, 201, 50],
                [252, 255, 164],
            ],
            Self::Magma => &[
                [0, 0, 4],
                [28, 16, 68],
                [79, 18, 123],
                [129, 37, 129],
                [181, 54, 122],
                [229, 80, 100],
                [251, 135, 97],
                [254, 194, 135],
                [252, 253, 191],
            ],
            Self::Viridis => &[
                [68, 1, 84],
                [71, 44, 122],
                [59, 81, 139],
                [44, 113, 142],
                [33, 144, 141],
                [39, 173, 129],
                [92, 200, 99],
                [170, 220, 50],
                [253, 231, 37],
            ],
            Self::Grey => &[[0, 0, 0], [255, 255, 255]],
            Self::Paper => &[[255, 255, 255], [0, 0, 0]],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn louder_is_lighter_and_on_paper_darker() {
        let light = |[red, green, blue]: [u8; 3]| 3 * u32::from(red) + 6 * u32::from(green) + u32::from(blue);
        for colours in [Colours::Inferno, Colours::Magma, Colours::Viridis, Colours::Grey, Colours::Paper] {
            let mut steps: Vec<u32> = colours.levels(64).into_iter().map(light).collect();
            if colours == Colours::Paper {
                steps.reverse();
            }
            assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{colours:?} {steps:?}");
        }
        assert_eq!(Colours::Grey.levels(1), [[0, 0, 0]]);
    }
}
