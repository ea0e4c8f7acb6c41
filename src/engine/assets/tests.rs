//! What is found of a pool before anything runs.

#![expect(clippy::unwrap_used, reason = "a test may")]

use super::*;
use crate::pipeline::load::parse;
use crate::steps::catalog::Catalog;

fn found(pool: &str) -> AssetPool {
    let text = format!("[pools.a]\n{pool}\n[[step]]\nid = \"draw\"\nrun = [\"sh\", \"{{pools.a}}\"]\n");
    let (plan, found) = parse("test", &text, &Catalog::registered());
    let plan = plan.unwrap_or_else(|| panic!("{}", found.to_text(false)));
    AssetPool::find_all(&plan.pools).unwrap().remove(0)
}

#[test]
fn draws_do_not_depend_on_where_the_folder_of_a_glob_lies() {
    let lots = |glob: &str| {
        let root = tempfile::tempdir().unwrap();
        for path in ["a/one.ttf", "b/two.ttf"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let dir = root.path().join(glob);
        let pool = found(&format!("kind = \"files\"\ndirs = [{:?}]", dir.to_str().unwrap()));
        pool.assets.iter().map(|asset| asset.lot).collect::<Vec<_>>()
    };
    for glob in ["*/*.ttf", "[ab]/*", ""] {
        let (here, there) = (lots(glob), lots(glob));
        assert_eq!((here.len(), &here), (2, &there), "{glob}");
        assert_ne!(here[0], here[1]);
    }
}

#[test]
fn a_folder_with_a_share_and_no_file_is_told() {
    let root = tempfile::tempdir().unwrap();
    let dir = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    for name in ["good", "empty"] {
        std::fs::create_dir(dir(name)).unwrap();
    }
    std::fs::write(root.path().join("good/a"), "x").unwrap();
    let weights = format!("{{ {:?} = 7, {:?} = 3 }}", dir("good"), dir("empty"));
    let pool = found(&format!("kind = \"files\"\ndir_weights = {weights}"));
    assert_eq!(pool.problems.len(), 1, "{:?}", pool.problems);
    assert!(pool.problems[0].contains(&dir("empty")) && pool.problems[0].contains("share"), "{:?}", pool.problems);
}

#[test]
fn what_cannot_be_read_covers_a_text_only_beside_a_font_that_does() {
    let root = tempfile::tempdir().unwrap();
    let fonts = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/ocr/fonts");
    let font = std::fs::read_dir(fonts).unwrap().map(|entry| entry.unwrap().path());
    let font = font.filter(|path| path.extension().is_some_and(|extension| extension == "ttf")).min().unwrap();
    std::fs::copy(font, root.path().join("good.ttf")).unwrap();
    std::fs::write(root.path().join("broken.ttf"), "no font").unwrap();
    let pool =
        found(&format!("kind = \"fonts\"\ndirs = [{:?}]\ncovers = \"{{item.stem}}\"", root.path().to_str().unwrap()));
    let covers = |text: &str| pool.assets.iter().map(|asset| asset.covers(text)).collect::<Vec<_>>();
    assert_eq!((covers("abc"), pool.has_font_for("abc")), (vec![true, true], true));
    assert_eq!((covers("a漢"), pool.has_font_for("a漢")), (vec![true, false], false));
    assert_eq!(pool.assets.iter().filter_map(|asset| asset.lacks("a漢")).collect::<Vec<_>>(), ["漢"]);
}
