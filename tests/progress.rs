//! A long sound tells how far it is, and the journal keeps that.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

mod support;

use mediamill::events::EventKind;
use mediamill::media::encode::wav::WavBits;
use mediamill::media::encode::{Coding, SoundWriter};
use support::Bench;

#[test]
fn a_long_sound_tells_how_much_of_it_is_done() {
    let bench =
        Bench::new("name = \"long\"\n\n[[step]]\nid = \"look\"\nuses = \"audio.analyze\"\nout.json = \"a.json\"\n");
    let path = bench.input("long.wav", "");
    let mut sound = SoundWriter::create(&path, 48_000, 2, Coding::Wav(WavBits::Int16)).unwrap();
    let seconds = 15;
    let second: Vec<f32> = (0..96_000).map(|at| ((at / 2) as f32 * 0.03).sin() * 0.5).collect();
    for _ in 0..seconds {
        sound.write(&second).unwrap();
    }
    sound.finish().unwrap();
    bench.run().expect(0);

    let journal = bench.journal();
    let told: Vec<_> = journal
        .kinds()
        .filter_map(|kind| match kind {
            EventKind::AttemptProgressed { item: 0, step: 0, progress } => Some(*progress),
            _ => None,
        })
        .collect();
    assert!(!told.is_empty() && told.len() <= 101, "{}", told.len());
    assert!(told.iter().all(|progress| progress.of == Some(seconds * 1000) && progress.done <= seconds * 1000));
    assert!(told.is_sorted_by_key(|progress| progress.done));
}
