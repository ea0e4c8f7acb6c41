//! The steps on text: what they write and report, and whose fault it is when they do not.

#![expect(clippy::unwrap_used, reason = "a test whose fixtures are missing has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use mediamill::resilience::{Fault, FaultClass};
use mediamill::steps::builtin::{Job, Values};
use mediamill::steps::register::find;
use serde_json::{Value, json};

const FONT: &str = "pipelines/ocr/fonts/NotoSans-Regular.ttf";

fn root(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

fn job(inputs: Vec<PathBuf>, picture: PathBuf, label: PathBuf) -> Job {
    let outputs = IndexMap::from([("picture".to_owned(), picture), ("label".to_owned(), label)]);
    Job { inputs, outputs, watch: None }
}

fn render(with: Value, folder: &Path) -> Result<Values, Fault> {
    let job = job(Vec::new(), folder.join("a.png"), folder.join("a.json"));
    (find("text.render").unwrap().run)(with, &job)
}

#[test]
fn a_picture_is_rendered_without_an_input_and_redrawn_from_its_label() {
    let folder = tempfile::tempdir().unwrap();
    let with = json!({
        "text": "Two lines\nof text", "font": root(FONT), "seed": 7, "noise": 5, "blur": 0.6, "rotation": -3.1,
        "background": root("pipelines/ocr/backgrounds/paper/old.jpg"),
    });
    let values = render(with, folder.path()).unwrap();
    assert_eq!((&values["lines"], &values["words"], &values["family"]), (&json!(2), &json!(4), &json!("Noto Sans")));
    let (picture, label) = (folder.path().join("a.png"), folder.path().join("a.json"));
    let again = job(vec![label.clone()], folder.path().join("b.png"), folder.path().join("b.json"));
    assert_eq!((find("text.redraw").unwrap().run)(json!({}), &again).unwrap(), values);
    assert_eq!(fs::read(picture).unwrap(), fs::read(folder.path().join("b.png")).unwrap());
    assert_eq!(fs::read(label).unwrap(), fs::read(folder.path().join("b.json")).unwrap());
}

#[test]
fn fonts_and_backgrounds_are_blamed_for_their_own_faults_only() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.ttf");
    fs::write(&broken, b"no font").unwrap();
    let broken = broken.to_str().unwrap();
    let fault = render(json!({ "text": "a", "font": broken }), folder.path()).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Asset, "font"));
    assert_eq!(fault.message, "it is no font (TTF, OTF or TTC)");
    assert_eq!(fault.asset.as_ref().unwrap().as_path(), Path::new(broken));

    let fault = render(json!({ "text": "a", "font": root(FONT), "background": broken }), folder.path()).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Asset, "background"));

    let fault = render(json!({ "text": "a漢", "font": root(FONT) }), folder.path()).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Asset, "unsuited"), "the engine draws another");
    let fault = render(json!({ "text": " ", "font": root(FONT) }), folder.path()).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "text"));
    let to = job(Vec::new(), folder.path().join("a.jpg"), folder.path().join("a.json"));
    let fault = (find("text.render").unwrap().run)(json!({ "text": "a", "font": root(FONT) }), &to).unwrap_err();
    assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "outputs"));
    assert_eq!(fault.message, "the picture is a PNG, and its name ends in .jpg");
}

#[test]
fn parameters_that_cannot_be_are_told_before_anything_runs() {
    let check = find("text.render").unwrap().check;
    assert_eq!(check(json!({ "text": "a", "font": "a.ttf", "color": "#abc" })), Ok(()));
    assert_eq!(check(json!({ "text": "a", "font": "a.ttf", "color": "navy" })), Ok(()));
    for (with, word) in [
        (json!({ "text": "a" }), "font"),
        (json!({ "text": "a", "font": "f", "colour": "#abc" }), "colour"),
        (json!({ "text": "a", "font": "f", "color": "blurple" }), "#rrggbb"),
        (json!({ "text": "a", "font": "f", "blur": 31 }), "blur"),
        (json!({ "text": "a", "font": "f", "missing": "fallback" }), "fallback"),
    ] {
        let wrong = check(with).unwrap_err();
        assert!(wrong.contains(word), "{wrong}");
    }
}
