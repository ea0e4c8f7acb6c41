//! A tool that behaves badly on purpose: what the tests run in the place of ffmpeg and its kind. Its first argument says
//! how.
#![expect(clippy::print_stderr, clippy::print_stdout, clippy::exit, reason = "a command line tool")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn main() {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if let Err(error) = behave(&arguments) {
        eprintln!("hostile_tool: {error}");
        std::process::exit(1);
    }
}

fn behave(arguments: &[std::ffi::OsString]) -> std::io::Result<()> {
    let how = arguments.first().and_then(|how| how.to_str()).unwrap_or_default().to_owned();
    let path = |place: usize| Path::new(&arguments[place]);
    let number = |place: usize| -> u64 {
        arguments.get(place).and_then(|text| text.to_str()).and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    match how.as_str() {
        // copy IN OUT [MS]: the content with a word in front; waits in the middle.
        "copy" => copy(path(1), path(2), number(3)),
        // join A B OUT
        "join" => {
            let mut whole = std::fs::read(path(1))?;
            whole.extend(std::fs::read(path(2))?);
            File::create(path(3))?.write_all(&whole)
        }
        // sleep MS [PIDFILE]
        "sleep" => {
            note_pid(arguments.get(2))?;
            rest(number(1));
            Ok(())
        }
        // trap FILE: on SIGTERM writes the file and ends with 0; else sleeps for long.
        "trap" => {
            Err(shell("trap 'echo got > \"$1\"; exit 0' TERM; : > \"$1.ready\"; while :; do sleep 0.05; done", path(1)))
        }
        // ignore-term PIDFILE
        "ignore-term" => Err(shell("trap '' TERM HUP INT; exec \"$0\" sleep 600000 \"$1\"", path(1))),
        // grandchild IN OUT PIDFILE: copies, and leaves a daemon in a session of its own that holds the pipes.
        "grandchild" => {
            Command::new(std::env::current_exe()?).arg("daemon").arg(path(3)).spawn()?;
            while !path(3).exists() {
                rest(1);
            }
            copy(path(1), path(2), 0)
        }
        "daemon" => {
            let _ = rustix::process::setsid();
            note_pid(arguments.get(1))?;
            Err(shell("trap '' TERM HUP INT; exec \"$0\" sleep 600000", Path::new("")))
        }
        // forks N DEPTH: N processes, each of which starts one, which starts one, ... A brake for the machine's sake: no
        // more than DEPTH of them in a row, and each ends by itself.
        "forks" => {
            for _ in 0..number(1) {
                if number(2) > 0 {
                    let depth = (number(2) - 1).to_string();
                    Command::new(std::env::current_exe()?).args(["forks", "1", &depth]).stdin(Stdio::null()).spawn()?;
                }
            }
            rest(15_000);
            Ok(())
        }
        // flood BYTES IN OUT: half to each stream.
        "flood" => {
            let block = vec![b'x'; 1 << 16];
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            for n in 0..number(1).div_ceil(1 << 16) {
                if n % 2 == 0 { out.write_all(&block)? } else { err.write_all(&block)? }
            }
            copy(path(2), path(3), 0)
        }
        // close-pipes MS: closes its streams and lingers.
        "close-pipes" => {
            let null = OpenOptions::new().write(true).open("/dev/null")?;
            rustix::stdio::dup2_stdout(&null)?;
            rustix::stdio::dup2_stderr(&null)?;
            rest(number(1));
            Ok(())
        }
        // fill-disk FILE: writes until there is no room.
        "fill-disk" => {
            let mut file = File::create(path(1))?;
            loop {
                file.write_all(&[7; 1 << 16])?;
            }
        }
        // die SIGNAL
        "die" => Err(shell(&format!("kill -{} $$; sleep 5", number(1)), Path::new(""))),
        // half-then-die IN OUT SIGNAL: writes half its output first.
        "half-then-die" => {
            let content = std::fs::read(path(1))?;
            std::fs::write(path(2), &content[..content.len() / 2])?;
            Err(shell(&format!("kill -{} $$; sleep 5", number(3)), Path::new("")))
        }
        // nothing: says that all is well.
        "nothing" => Ok(()),
        // empty OUT
        "empty" => File::create(path(1)).map(drop),
        // garbage OUT
        "garbage" => {
            std::fs::write(path(1), b"RIFF\xff\xff\xff\xffWAVEthis is no sound at all, whatever it begins with")
        }
        // count FILE IN OUT: notes the call, copies.
        "count" => {
            note_call(path(1))?;
            copy(path(2), path(3), 0)
        }
        // fail FILE [CODE]: notes the call, fails.
        "fail" => {
            note_call(path(1))?;
            eprintln!("something is wrong, and it says nothing of what");
            std::process::exit(if number(2) == 0 { 1 } else { number(2) as i32 })
        }
        // flaky FILE N IN OUT: notes the call; all but the calls after the Nth are ended by a signal.
        "flaky" => {
            note_call(path(1))?;
            let calls = std::fs::read(path(1))?.iter().filter(|byte| **byte == b'\n').count() as u64;
            if calls > number(2) { copy(path(3), path(4), 0) } else { Err(shell("kill -9 $$; sleep 5", Path::new(""))) }
        }
        // say TEXT IN OUT
        "say" => {
            println!("{}", arguments[1].to_string_lossy());
            copy(path(2), path(3), 0)
        }
        // write OUT TEXT...: each text on a line of its own.
        "write" => {
            let mut file = File::create(path(1))?;
            arguments[2..].iter().try_for_each(|text| writeln!(file, "{}", text.to_string_lossy()))
        }
        // outside FILE IN OUT: tries to write where it must not.
        "outside" => {
            let tried = std::fs::write(path(1), "x");
            eprintln!("writing outside: {tried:?}");
            copy(path(2), path(3), 0)
        }
        other => Err(std::io::Error::other(format!("no behaviour is called '{other}'"))),
    }
}

/// Two writes, with a wait between them.
fn copy(from: &Path, to: &Path, wait: u64) -> std::io::Result<()> {
    let content = std::fs::read(from)?;
    let mut file = File::create(to)?;
    file.write_all(b"copy of ")?;
    let (first, second) = content.split_at(content.len() / 2);
    file.write_all(first)?;
    rest(wait);
    file.write_all(second)
}

fn rest(ms: u64) {
    if ms > 0 {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

fn note_pid(file: Option<&std::ffi::OsString>) -> std::io::Result<()> {
    match file {
        Some(file) if !file.is_empty() => std::fs::write(file, format!("{}\n", std::process::id())),
        _ => Ok(()),
    }
}

fn note_call(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(b"call\n")
}

/// Becomes a shell with this script; `$0` is this program, `$1` is `argument`.
fn shell(script: &str, argument: &Path) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    let this = std::env::current_exe().unwrap_or_default();
    Command::new("/bin/sh").arg("-c").arg(script).arg(this).arg(argument).exec()
}
