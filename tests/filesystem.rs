//! Folders as resources: files are read and written below them, and nothing leads out.

#![expect(clippy::unwrap_used, reason = "a test whose step fails where it must not has failed")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mediamill::resilience::FaultClass;
use mediamill::resources::filesystem::Folder;
use mediamill::resources::secret::Secrets;
use mediamill::resources::settings::{ResourceKind, ResourceSpec, register};
use mediamill::resources::{Health, Lease, Manager, Owner};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

fn manager(settings: Value) -> Manager {
    let kind = ResourceKind::Filesystem;
    let spec = ResourceSpec { name: "files".to_owned(), kind, pool: kind.pool(), settings };
    assert_eq!(kind.check(&spec.settings), Ok(()));
    let manager = Manager::new();
    register(&manager, &spec, &|_| None, &Secrets::default()).unwrap();
    manager
}

async fn lease(manager: &Manager) -> Lease<Folder> {
    manager.acquire("files", &Owner::new("test")).await.unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_are_written_whole_and_read_listed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let base = home.path().join("made/for/it");
    let manager = manager(json!({ "base_path": base }));
    let folder = lease(&manager).await;
    folder.write("a/b/c.txt", "one").await.unwrap();
    folder.write("a/b/c.txt", "two").await.unwrap();
    assert_eq!(folder.read("a/./b//c.txt").await.unwrap(), b"two");
    assert_eq!(names(&base.join("a/b")), ["c.txt"]);
    assert!(folder.exists("a/b/c.txt").await.unwrap() && folder.exists("a").await.unwrap());
    assert!(!folder.exists("a/x/y").await.unwrap());
    let listed = folder.list("a/b", 10).await.unwrap();
    assert_eq!((listed[0].path.as_path(), listed[0].size), (Path::new("c.txt"), Some(3)));
    assert_eq!(folder.list("", 10).await.unwrap()[0].size, None);
    assert!(folder.remove("a/b/c.txt").await.unwrap());
    assert!(!folder.remove("a/b/c.txt").await.unwrap());
    assert!(folder.remove("a/b").await.unwrap());
    let missing = folder.read("a/b").await.unwrap_err();
    assert_eq!((missing.class, missing.cause.as_str()), (FaultClass::Input, "not-found"));
    assert_eq!(folder.read("a").await.unwrap_err().cause, "path");
}

#[tokio::test]
async fn nothing_leads_out_and_trying_breaks_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (base, outside) = (home.path().join("base"), home.path().join("outside"));
    fs::create_dir_all(base.join("in")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(outside.join("secret"), base.join("file")).unwrap();
    symlink(&outside, base.join("folder")).unwrap();
    symlink("../../outside", base.join("in/up")).unwrap();
    symlink("in", base.join("round")).unwrap();
    let manager = manager(json!({ "base_path": base }));
    let folder = lease(&manager).await;
    let absolute = outside.join("secret");
    let paths = [
        "",
        "..",
        "../outside/secret",
        "in/../../outside/secret",
        absolute.to_str().unwrap(),
        "folder/secret",
        "in/up/secret",
        "round/x",
    ];
    for path in paths {
        let tried = [
            folder.read(path).await.map(drop),
            folder.exists(path).await.map(drop),
            folder.write(path, "mine").await,
            folder.remove(path).await.map(drop),
        ];
        for found in tried {
            let fault = found.unwrap_err();
            assert_eq!((fault.class, fault.cause.as_str()), (FaultClass::Input, "path"), "{path}: {fault}");
        }
    }
    assert_eq!(folder.list("folder", 9).await.unwrap_err().cause, "path");
    assert_eq!(folder.read("file").await.unwrap_err().cause, "path");
    // A link itself may go; what it leads to stays.
    assert!(folder.remove("file").await.unwrap());
    assert_eq!(names(&outside), ["secret"]);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    // Writing over a link replaces the link.
    symlink(outside.join("secret"), base.join("over")).unwrap();
    folder.write("over", "mine").await.unwrap();
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(folder.read("over").await.unwrap(), b"mine");
    drop(folder);
    assert_eq!(manager.check("files").await.health, Health::Healthy);
    assert_eq!(lease(&manager).await.read("over").await.unwrap(), b"mine");
}

#[tokio::test]
async fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let (base, outside) = (home.path().join("base"), home.path().join("outside"));
    fs::create_dir_all(base.join("room")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("x"), "secret").unwrap();
    symlink(&outside, base.join("link")).unwrap();
    let manager = manager(json!({ "base_path": base }));
    let folder = lease(&manager).await;
    let done = Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (done, room, link) = (Arc::clone(&done), base.join("room"), base.join("link"));
        move || {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &room, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        }
    });
    let (mut refused, mut written) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while refused < 100 || written < 100 {
        assert!(Instant::now() < deadline, "{refused} refused, {written} written");
        match folder.write("room/x", "mine").await {
            Ok(()) => written += 1,
            Err(fault) if fault.cause == "path" => refused += 1,
            // It was a link when it was opened, and a folder when it was looked at.
            Err(fault) => assert_eq!(fault.class, FaultClass::Input, "{fault}"),
        }
        if let Ok(content) = folder.read("room/x").await {
            assert_eq!(content, b"mine");
        }
    }
    done.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    assert_eq!(fs::read(outside.join("x")).unwrap(), b"secret");
    assert_eq!(names(&outside), ["x"]);
}

#[tokio::test]
async fn temporary_files_go_with_the_lease_unless_they_are_to_stay() {
    let home = tempfile::tempdir().unwrap();
    let temp = home.path().join("temp");
    for auto_cleanup in [true, false] {
        let manager = manager(json!({ "base_path": home.path(), "temp_dir": temp, "auto_cleanup": auto_cleanup }));
        let folder = lease(&manager).await;
        let (a, b) = (folder.create_temp().await.unwrap(), folder.create_temp().await.unwrap());
        assert!(a != b && a.starts_with(&temp) && b.is_file());
        fs::write(&a, "content").unwrap();
        fs::remove_file(&b).unwrap();
        drop(folder);
        manager.close().await;
        let deadline = Instant::now() + Duration::from_secs(60);
        while auto_cleanup && a.exists() {
            assert!(Instant::now() < deadline, "it stays");
            tokio::task::yield_now().await;
        }
        assert_eq!(a.exists(), !auto_cleanup);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    let manager = manager(json!({ "base_path": home.path().join("file/below") }));
    let report = manager.check("files").await;
    assert_eq!(report.health, Health::Unhealthy);
    assert!(report.details.contains("cannot open the folder") && report.hint.is_some(), "{report:?}");
    let fault = manager.acquire::<Folder>("files", &Owner::new("test")).await.unwrap_err().fault;
    assert_eq!((fault.class, fault.resource.as_deref()), (FaultClass::Dependency, Some("files")));
    assert!(ResourceKind::Filesystem.check(&json!({ "base_path": "" })).is_err());
    assert!(ResourceKind::Filesystem.check(&json!({ "path": "x" })).is_err());
}
