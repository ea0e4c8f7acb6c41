#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;

use super::*;
use crate::pipeline::load::parse;
use crate::steps::catalog::Catalog;

/// The generator of a pipeline with this `[generate]`.
fn generator(text: &str, seed: u64) -> Arc<Generator> {
    let step = "\n[[step]]\nid = \"x\"\nuses = \"noop\"\n";
    let (plan, found) = parse("p.toml", &format!("{text}{step}"), &Catalog::registered());
    let plan = plan.unwrap_or_else(|| panic!("{}", found.to_text(false)));
    Arc::new(Generator::new(plan.generate.unwrap(), seed).unwrap())
}

fn values(generator: &Arc<Generator>, name: &str) -> Vec<Value> {
    (0..generator.len() as u32).map(|place| generator.item(place).value(name).unwrap()).collect()
}

#[test]
fn a_value_keeps_its_type_and_a_template_is_made_of_others() {
    let generator = generator(
        "[generate]\ncount = 20\n[generate.values]\nsize = { from = 24, to = 48 }\nnoise = { from = 2, to = 8.0 }\n\
         fixed = \"as it is\"\non = true\nnumber = { from = 7, to = 7 }\n\
         title = { template = \"No. {item.number} of {item.stem}, {{{item.index}}}\" }\n\
         whole = { template = \"{item.title}!\" }\n",
        1,
    );
    let item = generator.item(4);
    assert!(values(&generator, "size").iter().all(|size| (24..=48).contains(&size.as_i64().unwrap())));
    assert!(values(&generator, "noise").iter().all(|noise| noise.is_f64()));
    assert_eq!(item.value("on"), Ok(Value::Bool(true)));
    assert_eq!(item.value("index"), Ok(Value::from(5)));
    assert_eq!(item.value("whole"), Ok(Value::from("No. 7 of 000005, {5}!")));
    assert!(item.value("zebra").is_err());
}

#[test]
fn choices_are_spread_evenly_over_a_hundred_thousand_items() {
    let generator = generator(
        "[generate]\ncount = 100000\n[generate.values]\ncolour = { one_of = [\"a\", \"b\", \"c\", \"d\"] }\n\
         size = { from = 1, to = 10 }\n",
        3,
    );
    for (name, many) in [("colour", 4), ("size", 10)] {
        let mut counts: BTreeMap<String, f64> = BTreeMap::new();
        for value in values(&generator, name) {
            *counts.entry(value.to_string()).or_default() += 1.0;
        }
        assert_eq!(counts.len(), many, "{counts:?}");
        let even = 100_000.0 / many as f64;
        assert!(counts.values().all(|count| (count / even - 1.0).abs() < 0.03), "{counts:?}");
    }
}

#[test]
fn no_value_hangs_on_how_many_items_or_values_there_are() {
    let few = generator("[generate]\ncount = 10\n[generate.values]\na = { from = 1, to = 1000000 }\n", 5);
    let more = generator(
        "[generate]\ncount = 9999\n[generate.values]\nb = { from = 1, to = 9 }\na = { from = 1, to = 1000000 }\n",
        5,
    );
    assert_eq!(values(&few, "a")[..], values(&more, "a")[..10]);
    assert_eq!(values(&few, "seed")[..], values(&more, "seed")[..10]);
    let other = generator("[generate]\ncount = 10\n[generate.values]\na = { from = 1, to = 1000000 }\n", 6);
    assert_ne!(values(&few, "a"), values(&other, "a"));
}

#[test]
fn seeds_differ_and_are_held_exactly_by_a_float() {
    let generator = generator("[generate]\ncount = 10000\n", 0);
    let mut seeds: Vec<u64> = values(&generator, "seed").iter().map(|seed| seed.as_u64().unwrap()).collect();
    assert!(seeds.iter().all(|seed| *seed < 1 << 53));
    assert!(seeds.iter().any(|seed| *seed > 1 << 52));
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 10_000);
}

#[test]
fn a_spec_has_its_own_values_over_the_common_ones() {
    let generator = generator(
        "[generate]\ncount = 100\nvalues = { noise = 0, paper = \"white\" }\n\
         [[generate.specs]]\nname = \"noisy\"\nshare = 1\nvalues = { noise = { from = 2.0, to = 8.0 } }\n\
         [[generate.specs]]\nname = \"clean\"\nshare = 3\n",
        0,
    );
    let specs = values(&generator, "spec");
    assert_eq!(specs.iter().filter(|spec| *spec == "clean").count(), 75);
    for (spec, noise) in specs.iter().zip(values(&generator, "noise")) {
        assert_eq!(noise == 0, *spec == "clean", "{spec} {noise}");
    }
    assert!(values(&generator, "paper").iter().all(|paper| paper == "white"));
}

#[test]
fn lines_are_taken_by_chance_or_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.txt");
    std::fs::write(&path, "a\nb\nc\n").unwrap();
    let file = path.display();
    let generator = generator(
        &format!(
            "[generate]\ncount = 3000\nvalues.any = {{ lines = \"{file}\" }}\n\
             values.next = {{ lines = \"{file}\", order = \"cycle\" }}\n\
             [[generate.specs]]\nname = \"x\"\nshare = 0.5\nvalues.own = 1\n\
             [[generate.specs]]\nname = \"y\"\nshare = 0.5\nvalues.own = {{ lines = \"{file}\", order = \"cycle\" }}\n"
        ),
        0,
    );
    assert_eq!(values(&generator, "next")[..7], ["a", "b", "c", "a", "b", "c", "a"]);
    let any = values(&generator, "any");
    assert!(["a", "b", "c"].iter().all(|line| any.iter().filter(|value| *value == line).count().abs_diff(1000) < 130));
    // Counted over the items of the spec: none of the lines is left out.
    let own: Vec<Value> = values(&generator, "own").into_iter().filter(Value::is_string).collect();
    assert_eq!((own.len(), &own[..4]), (1500, &["a", "b", "c", "a"].map(Value::from)[..]));
}

#[test]
fn words_are_a_row_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corpus.txt");
    std::fs::write(&path, "one two three\nfour five six seven\n").unwrap();
    let text = "one two three four five six seven";
    let generator = generator(
        &format!("[generate]\ncount = 2000\nvalues.row = {{ words = \"{}\", from = 2, to = 7 }}\n", path.display()),
        0,
    );
    let rows: Vec<String> = values(&generator, "row").iter().map(|row| row.as_str().unwrap().to_owned()).collect();
    assert!(rows.iter().all(|row| text.contains(row.as_str()) && (2..=7).contains(&row.split(' ').count())));
    for many in 2..=7 {
        let share = rows.iter().filter(|row| row.split(' ').count() == many).count();
        assert!(share.abs_diff(333) < 90, "{many} words: {share}");
    }
    assert!(rows.iter().any(|row| row.ends_with("seven") && row.len() < 10), "the last words are taken too");
}

#[test]
fn every_text_that_will_not_do_is_told_at_once() {
    let text = "[generate]\ncount = 1\nvalues = { a = { lines = \"/nowhere/a\" }, b = { words = \"/nowhere/b\", from = 1, to = 2 } }\n\
                [[step]]\nid = \"x\"\nuses = \"noop\"\n";
    let (plan, _) = parse("p.toml", text, &Catalog::registered());
    let told = Generator::new(plan.unwrap().generate.unwrap(), 0).unwrap_err();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn an_item_is_found_by_its_number_however_it_is_written() {
    let generator = generator("[generate]\ncount = 42\n", 0);
    assert_eq!((generator.place("000042"), generator.place("42"), generator.place("43")), (Some(41), Some(41), None));
    assert_eq!((generator.place("0"), generator.place("+1"), generator.place("")), (None, None, None));
    assert_eq!(Generator::name(41), "000042");
    assert_eq!(Generator::name(1_233_999), "1234000");
}
