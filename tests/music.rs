//! Tempo, beats, onsets and key of music whose score is known: clips that a small synthesiser plays here.
//!
//! `MEDIAMILL_MUSIC=1` plays the full set (four times as many, longer clips, and an hour instead of a quarter).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::f64::consts::TAU;

use mediamill::media::key::{Key, KeyFinder, Mode};
use mediamill::media::rhythm::{Rhythm, RhythmFigures};
use mediamill::media::spectrum::{Frames, Spectrum};

const RATE: u32 = 22_050;
const FRAMES: Frames = Frames { size: 1024, hop: 256 };
const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.roll() * end as f64) as usize
    }
}

/// A sound that is played into, and when its notes begin.
struct Tape {
    sound: Vec<f32>,
    onsets: Vec<f64>,
    dice: Dice,
}

#[derive(Clone, Copy, PartialEq)]
enum Drum {
    Kick,
    Snare,
    Hat,
    Ride,
}

impl Tape {
    fn new(seconds: f64, seed: u64) -> Self {
        Self { sound: vec![0.0; (seconds * f64::from(RATE)) as usize], onsets: Vec::new(), dice: Dice(seed) }
    }

    fn part(&mut self, start: f64, length: f64) -> &mut [f32] {
        let at = |seconds: f64| ((seconds.max(0.0) * f64::from(RATE)) as usize).min(self.sound.len());
        let (from, to) = (at(start), at(start + length));
        &mut self.sound[from..to]
    }

    /// A tone with harmonics; one that is plucked dies away, one that is not stays. `bright` is the part of each harmonic
    /// that the next has.
    fn tone(&mut self, start: f64, length: f64, pitch: i32, loud: f32, bright: f32, plucked: bool) {
        let start = start + (self.dice.roll() - 0.5) * 0.008;
        let hertz = 440.0 * (f64::from(pitch - 69) / 12.0).exp2();
        let mut table = [0.0_f32; 256];
        let mut weight = 1.0;
        for harmonic in 1..=8 {
            if hertz * f64::from(harmonic) < 0.45 * f64::from(RATE) {
                for (at, slot) in table.iter_mut().enumerate() {
                    *slot += weight * (TAU * at as f64 * f64::from(harmonic) / 256.0).sin() as f32;
                }
            }
            weight *= bright;
        }
        let step = hertz / f64::from(RATE) * 256.0;
        let (attack, release) = ((0.004 * f64::from(RATE)) as usize, (0.03 * f64::from(RATE)) as usize);
        let fall = if plucked { (-4.0 / f64::from(RATE)).exp() as f32 } else { 1.0 };
        let part = self.part(start, length + 0.03);
        let (mut phase, mut level, count) = (0.0, loud, part.len());
        for (at, sample) in part.iter_mut().enumerate() {
            let edge = (at as f32 / attack as f32).min((count - at) as f32 / release as f32).min(1.0);
            *sample += level * edge * table[phase as usize & 255];
            level *= fall;
            phase += step;
        }
        self.onsets.push(start);
    }

    fn drum(&mut self, start: f64, drum: Drum, loud: f32) {
        let start = start + (self.dice.roll() - 0.5) * 0.006;
        let mut dice = Dice(self.dice.0 | 1);
        let (length, fall) = match drum {
            Drum::Kick => (0.25, 18.0),
            Drum::Snare => (0.2, 22.0),
            Drum::Hat => (0.06, 80.0),
            Drum::Ride => (0.3, 14.0),
        };
        let fall = (-fall / f64::from(RATE)).exp() as f32;
        let (mut level, mut phase, mut before) = (loud, 0.0_f64, 0.0_f32);
        for (at, sample) in self.part(start, length).iter_mut().enumerate() {
            let seconds = at as f64 / f64::from(RATE);
            let noise = dice.roll() as f32 * 2.0 - 1.0;
            let value = match drum {
                Drum::Kick => {
                    phase += TAU * (50.0 + 110.0 * (-seconds * 40.0).exp()) / f64::from(RATE);
                    1.2 * phase.sin() as f32
                }
                Drum::Snare => {
                    phase += TAU * 190.0 / f64::from(RATE);
                    0.5 * noise + 0.4 * phase.sin() as f32
                }
                // The difference of noise from sample to sample is bright.
                Drum::Hat | Drum::Ride => 0.3 * (noise - before),
            };
            before = noise;
            *sample += level * value;
            level *= fall;
        }
        self.onsets.push(start);
    }
}

/// A style: its name, tempi, beats a bar, steps a bar, what each drum plays, what the chords and the bass play.
struct Style {
    name: &'static str,
    bpm: (f64, f64),
    beats: usize,
    drums: &'static [(Drum, &'static str)],
    chords: &'static str,
    bass: &'static str,
    melody: bool,
}

const STYLES: [Style; 8] = [
    Style {
        name: "rock",
        bpm: (100.0, 150.0),
        beats: 4,
        drums: &[(Drum::Kick, "x.....x.x......."), (Drum::Snare, "....x.......x..."), (Drum::Hat, "x.x.x.x.x.x.x.x.")],
        chords: "x...x...x...x...",
        bass: "x.x.x.x.x.x.x.x.",
        melody: true,
    },
    Style {
        name: "ballad",
        bpm: (62.0, 78.0),
        beats: 4,
        drums: &[(Drum::Kick, "x.......x......."), (Drum::Snare, "....x.......x..."), (Drum::Hat, "x.x.x.x.x.x.x.x.")],
        chords: "x.......x.......",
        bass: "x.........x.....",
        melody: true,
    },
    Style {
        name: "reggae",
        bpm: (66.0, 84.0),
        beats: 4,
        drums: &[(Drum::Kick, "x.......x......."), (Drum::Snare, "....x.......x..."), (Drum::Hat, "x.x.x.x.x.x.x.x.")],
        chords: "..x...x...x...x.",
        bass: "x.....x.x...x...",
        melody: false,
    },
    Style {
        name: "drum'n'bass",
        bpm: (160.0, 180.0),
        beats: 4,
        drums: &[(Drum::Kick, "x.........x....."), (Drum::Snare, "....x.......x..."), (Drum::Hat, "x.x.x.x.x.x.x.x.")],
        chords: "x...............",
        bass: "x.........x.....",
        melody: false,
    },
    Style {
        name: "waltz",
        bpm: (90.0, 160.0),
        beats: 3,
        drums: &[(Drum::Kick, "x..........."), (Drum::Hat, "....x...x...")],
        chords: "....x...x...",
        bass: "x...........",
        melody: true,
    },
    Style {
        name: "swing",
        bpm: (110.0, 170.0),
        beats: 4,
        drums: &[(Drum::Ride, "x..x.xx..x.x"), (Drum::Hat, "...x.....x..")],
        chords: "x....x......",
        bass: "x..x..x..x..",
        melody: true,
    },
    Style {
        name: "house",
        bpm: (118.0, 132.0),
        beats: 4,
        drums: &[(Drum::Kick, "x...x...x...x..."), (Drum::Snare, "....x.......x..."), (Drum::Hat, "..x...x...x...x.")],
        chords: "x..x..x...x.....",
        bass: "x.......x.......",
        melody: false,
    },
    Style {
        name: "folk",
        bpm: (84.0, 126.0),
        beats: 4,
        drums: &[],
        chords: "x...x...x...x...",
        bass: "x.......x.......",
        melody: true,
    },
];

/// What was played.
struct Clip {
    name: String,
    sound: Vec<f32>,
    bpm: f64,
    beats: Vec<f64>,
    onsets: Vec<f64>,
    tonic: &'static str,
    mode: Mode,
}

/// Plays one clip of a style in a key (0 to 11 major, 12 to 23 minor).
fn play(style: &Style, key: usize, seconds: f64, seed: u64) -> Clip {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0xd134_2543_de82_ef95));
    for _ in 0..8 {
        dice.roll();
    }
    let (tonic, minor) = ((key % 12) as i32, key >= 12);
    let bpm = style.bpm.0 + dice.roll() * (style.bpm.1 - style.bpm.0);
    let beat = 60.0 / bpm;
    let bar = beat * style.beats as f64;
    let bars = (seconds / bar).floor() as usize;
    let start = 0.2 + dice.roll();
    let mut tape = Tape::new(start + bars as f64 * bar + 0.5, seed * 2 + 3);
    // Roots in semitones above the tonic, and whether the chord is major.
    let progressions: [&[(i32, bool)]; 3] = if minor {
        [
            &[(0, false), (8, true), (5, false), (7, true)],
            &[(0, false), (5, false), (7, true), (0, false)],
            &[(0, false), (3, true), (8, true), (7, true)],
        ]
    } else {
        [
            &[(0, true), (9, false), (5, true), (7, true)],
            &[(0, true), (5, true), (7, true), (0, true)],
            &[(0, true), (7, true), (9, false), (5, true)],
        ]
    };
    let progression = progressions[dice.below(3)];
    let scale: [i32; 7] = if minor { [0, 2, 3, 5, 7, 8, 10] } else { [0, 2, 4, 5, 7, 9, 11] };
    let bright = 0.35 + 0.35 * dice.roll() as f32;
    let plucked = dice.roll() < 0.7;
    let mut place = 4;
    for number in 0..bars {
        let at = start + number as f64 * bar;
        let (root, major) = if number + 1 == bars { (0, !minor) } else { progression[number % progression.len()] };
        let marks = |pattern: &str| -> Vec<f64> {
            let step = bar / pattern.len() as f64;
            pattern
                .chars()
                .enumerate()
                .filter(|(_, mark)| *mark == 'x')
                .map(|(index, _)| at + index as f64 * step)
                .collect()
        };
        for (drum, pattern) in style.drums {
            for time in marks(pattern) {
                let loud = if matches!(drum, Drum::Hat | Drum::Ride) { 0.25 } else { 0.4 };
                tape.drum(time, *drum, loud * (0.8 + 0.4 * dice.roll() as f32));
            }
        }
        for time in marks(style.chords) {
            for tone in [0, if major { 4 } else { 3 }, 7] {
                tape.tone(time, beat * 0.45, 54 + (tonic + root + tone - 6).rem_euclid(12), 0.09, bright, plucked);
            }
        }
        for time in marks(style.bass) {
            tape.tone(time, beat * 0.4, 36 + (tonic + root).rem_euclid(12), 0.22, 0.5, true);
        }
        if style.melody {
            for index in 0..style.beats {
                if dice.roll() < 0.85 {
                    place = (place + dice.below(5) as i32 - 2).clamp(0, 13);
                    let pitch = 66 + (tonic + 6).rem_euclid(12) - 6 + scale[(place % 7) as usize] + 12 * (place / 7);
                    tape.tone(at + index as f64 * beat, beat * 0.8, pitch, 0.12, 0.5, true);
                }
            }
        }
    }
    let mut onsets: Vec<f64> = Vec::new();
    tape.onsets.sort_by(f64::total_cmp);
    for onset in tape.onsets {
        if onsets.last().is_none_or(|last| onset - last > 0.03) {
            onsets.push(onset);
        }
    }
    Clip {
        name: format!("{} in {} {}", style.name, NAMES[key % 12], if minor { "minor" } else { "major" }),
        sound: tape.sound,
        bpm,
        beats: (0..bars * style.beats).map(|index| start + index as f64 * beat).collect(),
        onsets,
        tonic: NAMES[key % 12],
        mode: if minor { Mode::Minor } else { Mode::Major },
    }
}

fn rhythm_of(sound: &[f32]) -> RhythmFigures {
    let mut spectrum = Spectrum::new(FRAMES, 1);
    let mut rhythm = Rhythm::new(RATE, FRAMES);
    // Half a frame of silence at both ends: frame k is then centred at sample k * hop.
    let half = vec![0.0; FRAMES.size / 2];
    for part in [half.as_slice(), sound, half.as_slice()] {
        spectrum.add(part, |power| rhythm.add(power));
    }
    rhythm.finish()
}

fn key_of(sound: &[f32]) -> Option<Key> {
    let mut finder = KeyFinder::new(RATE);
    for block in sound.chunks(4096) {
        finder.add(block);
    }
    finder.finish()
}

/// The F measure of two rows of times that pair off one to one within a distance.
fn f_measure(truth: &[f64], found: &[f64], within: f64) -> f64 {
    let (mut at, mut other, mut pairs) = (0, 0, 0);
    while at < truth.len() && other < found.len() {
        let apart = found[other] - truth[at];
        if apart.abs() <= within {
            (pairs, at, other) = (pairs + 1, at + 1, other + 1);
        } else if apart < 0.0 {
            other += 1;
        } else {
            at += 1;
        }
    }
    2.0 * f64::from(pairs) / (truth.len() + found.len()).max(1) as f64
}

/// What was found of a clip: tempo right, tempo or a multiple right, F of the beats, F of the onsets, key right, how far the
/// tempo is off, and all that in words.
type Row = (bool, bool, f64, f64, bool, f64, String);

#[test]
fn tempo_beats_onsets_and_key_of_played_scores_are_found() {
    let full = std::env::var_os("MEDIAMILL_MUSIC").is_some();
    let (count, seconds) = if full { (96, 24.0) } else { (24, 14.0) };
    let next = std::sync::atomic::AtomicUsize::new(0);
    let judge = || {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if index >= count {
                return rows;
            }
            // Every key comes once in 24 clips, and every style meets other keys each time.
            let clip = play(
                &STYLES[(index + index / 24) % STYLES.len()],
                (index * 7 + index / 24) % 24,
                seconds,
                index as u64,
            );
            let (rhythm, key) = (rhythm_of(&clip.sound), key_of(&clip.sound));
            let tempo = rhythm.tempo.clone();
            let ratio = tempo.as_ref().map_or(0.0, |tempo| tempo.bpm / clip.bpm);
            let near = |by: f64| (ratio / by - 1.0).abs() <= 0.04;
            let first = near(1.0);
            let second = [1.0, 2.0, 3.0, 0.5, 1.0 / 3.0].into_iter().any(near);
            let beats = tempo.map_or(0.0, |tempo| f_measure(&clip.beats, &tempo.beats_s, 0.07));
            let onsets = f_measure(&clip.onsets, &rhythm.onsets_s, 0.05);
            let right = key.as_ref().is_some_and(|key| key.tonic == clip.tonic && key.mode == clip.mode);
            let story = format!(
                "{:28} {:6.2} bpm, ratio {ratio:.4}, beats {beats:.2}, onsets {onsets:.2}, key {}",
                clip.name,
                clip.bpm,
                key.map_or(String::from("none"), |key| format!("{} {}", key.tonic, key.mode.name())),
            );
            rows.push((first, second, beats, onsets, right, (ratio - 1.0).abs(), story));
        }
    };
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let other = scope.spawn(judge);
        let mut rows = judge();
        rows.extend(other.join().unwrap());
        rows
    });
    let stories: String = rows.iter().map(|row| format!("\n{}", row.6)).collect();
    let mean = |figure: &dyn Fn(&Row) -> f64| rows.iter().map(figure).sum::<f64>() / rows.len() as f64;
    let figures = [
        ("tempo within 4 %", mean(&|row| f64::from(row.0)), 0.85),
        ("tempo or a multiple", mean(&|row| f64::from(row.1)), 1.00),
        ("beats", mean(&|row| row.2), 0.92),
        ("onsets", mean(&|row| row.3), 0.97),
        ("key", mean(&|row| f64::from(row.4)), 0.90),
    ];
    for (name, figure, wanted) in figures {
        assert!(figure >= wanted, "{name}: {figure:.3} of {wanted}; {figures:?}{stories}");
    }
    // A tempo that is right is right to a thousandth.
    let mut precise: Vec<f64> = rows.iter().filter(|row| row.0).map(|row| row.5).collect();
    precise.sort_by(f64::total_cmp);
    assert!(precise[precise.len() / 2] < 0.001, "{precise:?}{stories}");
}

#[test]
fn a_metronome_has_the_tempo_it_is_set_to() {
    for bpm in [60.0, 76.0, 92.0, 108.0, 120.0, 138.0, 152.0, 180.0] {
        let mut tape = Tape::new(15.0, 5);
        let mut time = 0.5;
        while time < 14.5 {
            for (at, sample) in tape.part(time, 0.01).iter_mut().enumerate() {
                *sample = 0.8 * (TAU * 1000.0 * at as f64 / f64::from(RATE)).sin() as f32;
            }
            time += 60.0 / bpm;
        }
        let tempo = rhythm_of(&tape.sound).tempo.unwrap();
        assert!((tempo.bpm / bpm - 1.0).abs() < 0.002, "{bpm}: {} or {:?}", tempo.bpm, tempo.alternatives_bpm);
        assert!((0.0..=1.0).contains(&tempo.confidence) && tempo.confidence > 0.3, "{bpm}: {}", tempo.confidence);
    }
}

#[test]
fn what_has_no_beat_has_no_tempo_and_what_has_no_pitch_no_key() {
    let mut dice = Dice(11);
    let seconds = |count: usize| count * RATE as usize;
    let mut click = vec![0.0_f32; seconds(10)];
    click[seconds(5)] = 1.0;
    let tone = |count: usize| -> Vec<f32> {
        (0..seconds(count)).map(|at| 0.5 * (TAU * 440.0 * at as f64 / f64::from(RATE)).sin() as f32).collect()
    };
    let noise: Vec<f32> = (0..seconds(15)).map(|_| 0.3 * (dice.roll() as f32 * 2.0 - 1.0)).collect();
    let odd: Vec<f32> = (0..seconds(3)).map(|at| if at % 7000 == 0 { f32::NAN } else { 0.0 }).collect();
    let cases: [(&str, Vec<f32>, bool); 8] = [
        ("nothing", Vec::new(), false),
        ("one sample", vec![1.0], false),
        ("silence", vec![0.0; seconds(5)], false),
        ("noise", noise.clone(), false),
        ("one click", click, false),
        ("no numbers", odd, false),
        ("a second of noise", noise[..seconds(1)].to_vec(), false),
        ("a held tone", tone(10), true),
    ];
    for (name, sound, pitched) in cases {
        let rhythm = rhythm_of(&sound);
        assert_eq!(rhythm.tempo, None, "{name}");
        assert!(rhythm.onsets_s.iter().all(|one| one.is_finite() && *one >= 0.0), "{name}: {:?}", rhythm.onsets_s);
        let key = key_of(&sound);
        assert_eq!(key.is_some(), pitched, "{name}: {key:?}");
        assert!(key.is_none_or(|key| key.confidence.is_finite() && key.tuning_cents.abs() < 2.0), "{name}");
    }
    assert!(rhythm_of(&vec![0.0; seconds(5)]).onsets_s.is_empty());
    assert!(rhythm_of(&noise).onsets_s.len() < 15, "noise has few onsets: {:?}", rhythm_of(&noise).onsets_s);
}

#[test]
fn a_sound_out_of_tune_keeps_its_key_and_says_by_how_much() {
    let clip = play(&STYLES[7], 14, 12.0, 3);
    let key = key_of(&clip.sound).unwrap();
    assert_eq!((key.tonic, key.mode), (clip.tonic, clip.mode));
    assert!(key.tuning_cents.abs() < 5.0, "{key:?}");
    // Played 30 cents faster and higher: every sample lies at 1.0175 of its place.
    let by = 2_f64.powf(0.3 / 12.0);
    let higher: Vec<f32> = (0..(clip.sound.len() as f64 / by) as usize - 1)
        .map(|at| {
            let place = at as f64 * by;
            let part = place.fract() as f32;
            clip.sound[place as usize] * (1.0 - part) + clip.sound[place as usize + 1] * part
        })
        .collect();
    let key = key_of(&higher).unwrap();
    assert_eq!((key.tonic, key.mode), (clip.tonic, clip.mode));
    assert!((key.tuning_cents - 30.0).abs() < 6.0, "{key:?}");
}

#[test]
fn a_long_sound_keeps_its_tempo_to_a_ten_thousandth() {
    // Frames of a quarter of an hour, or of an hour.
    let count = if std::env::var_os("MEDIAMILL_MUSIC").is_some() { 310_000 } else { 78_000 };
    // The spectra of one bar, over and over: what is asked of the whole is done once at the end.
    let bar: Vec<Vec<f32>> = (0..172)
        .map(|frame| {
            let level = if frame % 43 == 0 {
                0.1
            } else if frame % 43 == 1 {
                0.05
            } else {
                1e-6
            };
            vec![level; FRAMES.size / 2 + 1]
        })
        .collect();
    let mut rhythm = Rhythm::new(RATE, FRAMES);
    for number in 0..count {
        // Only the frames that change are fed with all their bins; the others are silent.
        rhythm.add(if number % 43 < 3 { &bar[number % 172] } else { &[] });
    }
    let tempo = rhythm.finish().tempo.unwrap();
    let wanted = 60.0 * f64::from(RATE) / FRAMES.hop as f64 / 43.0;
    assert!((tempo.bpm / wanted - 1.0).abs() < 1e-4, "{} for {wanted}", tempo.bpm);
}
