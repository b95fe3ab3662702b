//! What happens on a terminal: colours, questions, Ctrl-C, the pager, the notice of a newer version.

#![cfg(target_os = "linux")]

use crate::{
    stub::{PATIENCE, Reply, Stub},
    world::World,
};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

/// A program with a terminal of its own.
struct Session {
    terminal: File,
    child: Child,
    screen: Arc<(Mutex<String>, Condvar)>,
}

impl Session {
    fn start(world: &World, args: &[&str], env: &[(&str, &str)]) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&main).unwrap();
        unlockpt(&main).unwrap();
        let name = ptsname(&main, Vec::new()).unwrap().into_string().unwrap();
        let side = File::options().read(true).write(true).open(&name).unwrap();
        tcsetwinsize(&side, Winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        // Makes the terminal the one from which Ctrl-C comes.
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_mcpctl")]).args(args).current_dir(world.work()).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", world.dir.path().join("home")).env("TERM", "xterm");
        command.envs(env.iter().copied());
        let end = |file: &File| Stdio::from(file.try_clone().unwrap());
        let child = command.stdin(end(&side)).stdout(end(&side)).stderr(end(&side)).spawn().unwrap();
        let terminal = File::from(main);
        let screen: Arc<(Mutex<String>, Condvar)> = Arc::default();
        let (mut reader, shown) = (terminal.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error once the last program let go of the terminal.
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
                shown.1.notify_all();
            }
            shown.0.lock().unwrap().push('\u{4}');
            shown.1.notify_all();
        });
        Self { terminal, child, screen }
    }

    /// Waits until `text` is on the screen.
    fn see(&self, text: &str) -> String {
        let screen = self.screen.0.lock().unwrap();
        let (screen, timeout) =
            self.screen.1.wait_timeout_while(screen, PATIENCE, |screen| !screen.contains(text)).unwrap();
        assert!(!timeout.timed_out(), "`{text}` is not in {screen:?}");
        screen.clone()
    }

    fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// The exit code, and everything that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let shown = self.see("\u{4}");
        (code, shown)
    }

    /// Waits until what is typed is not shown: the question stands there a moment before.
    fn hides(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.echoes() {
            assert!(Instant::now() < deadline, "what is typed is shown");
            thread::yield_now();
        }
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

fn projects(count: usize) -> Stub {
    let rows: Vec<String> =
        (0..count).map(|n| format!(r#"{{"name":"project-{n}","revision":1,"spec":{{}}}}"#)).collect();
    let list = format!("[{}]", rows.join(","));
    Stub::start(move |seen, _| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/api/v1/projects") => Reply::json(&list),
        ("GET", path) if path.starts_with("/api/v1/projects/") => Reply::json(r#"{"name":"w","revision":3,"spec":{}}"#),
        ("GET", _) => Reply::json("[]"),
        _ => Reply::status(204),
    })
}

#[test]
fn ctrl_c_at_a_hidden_question_gives_the_terminal_back() {
    let world = World::new();
    let mut session = Session::start(&world, &["credentials", "set", "--store", "file"], &[]);
    session.see("token (not shown): ");
    session.hides();
    session.type_in("half-a-token\u{3}");
    let (watched, _) = (session.terminal.try_clone().unwrap(), ());
    let (code, shown) = session.end();
    assert_eq!(code, Some(130), "{shown}");
    assert!(tcgetattr(&watched).unwrap().local_modes.contains(LocalModes::ECHO), "the echo is back");
    assert!(!shown.contains("half-a-token") && !world.home().join("credentials.json").exists(), "{shown}");
}

#[test]
fn ctrl_c_while_waiting_is_130() {
    let stub = Stub::start(|_, _| Reply::json("[]").hanging());
    let world = World::connected(&stub.url);
    let mut session = Session::start(&world, &["project", "list"], &[]);
    stub.wait_for(|seen| seen.path == "/api/v1/projects");
    session.type_in("\u{3}");
    assert_eq!(session.end().0, Some(130));
}

#[test]
fn destruction_is_asked_about_and_no_answer_means_no() {
    let stub = projects(1);
    let world = World::connected(&stub.url);
    let answered = |line: &str| {
        let mut session = Session::start(&world, &["project", "delete", "w"], &[]);
        session.see("deleting project `w`? [y/N] ");
        session.type_in(line);
        session.end()
    };
    let (code, shown) = answered("\r");
    assert!(code == Some(1) && shown.contains("cancelled; nothing was changed"), "{shown}");
    assert!(stub.seen().iter().all(|seen| seen.method == "GET"));
    let (code, shown) = answered("y\r");
    assert!(code == Some(0) && shown.contains("project/w deleted"), "{shown}");
    let (code, _) = Session::start(&world, &["project", "delete", "w", "--yes"], &[]).end();
    assert_eq!(code, Some(0));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    // A word of state is coloured wherever it stands.
    let stub = Stub::start(|_, _| Reply::json(r#"[{"name": "ready", "revision": 1, "spec": {"profiles": []}}]"#));
    let world = World::connected(&stub.url);
    let coloured = |args: &[&str], env: &[(&str, &str)]| {
        let line = [&["project", "list"], args].concat();
        Session::start(&world, &line, env).end().1.contains("\u{1b}[")
    };
    assert!(coloured(&[], &[]));
    assert!(!coloured(&["--no-color"], &[]) && !coloured(&["--color", "never"], &[]));
    assert!(
        !coloured(&[], &[("NO_COLOR", "1")])
            && !coloured(&[], &[("CLICOLOR", "0")])
            && !coloured(&[], &[("TERM", "dumb")])
    );
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    let piped = |env: &[(&str, &str)], args: &[&str]| {
        let line = [&["project", "list"], args].concat();
        crate::world::Ran::of(world.command(&line).envs(env.iter().copied())).out.contains("\u{1b}[")
    };
    assert!(!piped(&[], &[]) && piped(&[("CLICOLOR_FORCE", "1")], &[]) && piped(&[], &["--color=always"]));
}

#[test]
fn what_is_longer_than_the_screen_is_paged() {
    let stub = projects(100);
    let world = World::connected(&stub.url);
    let pager = [("PAGER", "cat; echo SEEN BY THE PAGER")];
    let paged = |args: &[&str], env: &[(&str, &str)]| {
        let line = [&["project", "list"], args].concat();
        let (code, shown) = Session::start(&world, &line, env).end();
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains("project-99"), "{shown}");
        shown.contains("SEEN BY THE PAGER")
    };
    assert!(paged(&[], &pager));
    assert!(!paged(&["--no-pager"], &pager));
    assert!(!paged(&["-o", "json"], &pager));
    assert!(!paged(&[], &[("PAGER", "no-such-program")]), "it is shown all the same");
    world.run(&["config", "set", "pager", "off"]).succeeds();
    assert!(!paged(&[], &pager));
    let short = projects(3);
    let world = World::connected(&short.url);
    assert!(!Session::start(&world, &["project", "list"], &pager).end().1.contains("SEEN BY THE PAGER"));
}

#[test]
fn a_newer_version_is_told_once_a_day_to_who_wants_that() {
    let releases = Stub::start(|_, _| Reply::json(r#"{"version":"99.1.0"}"#));
    let stub = projects(1);
    let told = |world: &World, env: &[(&str, &str)], args: &[&str]| {
        let line = [&["project", "list"], args].concat();
        let (code, shown) = Session::start(world, &line, env).end();
        assert_eq!(code, Some(0), "{shown}");
        shown.contains("mcpctl 99.1.0 is published")
    };
    let world = World::connected(&stub.url);
    world.private("config.yaml", &format!("update-url: {}\n", releases.url));
    assert!(!told(&world, &[], &[]), "nobody asked for it");
    world.private("config.yaml", &format!("update-url: {}\nupdate-check: true\n", releases.url));
    assert!(!told(&world, &[("CI", "true")], &[]) && !told(&world, &[("MCPCTL_NO_UPDATE_CHECK", "1")], &[]));
    assert!(!told(&world, &[], &["--quiet"]));
    assert!(releases.seen().is_empty());
    assert!(told(&world, &[], &[]));
    assert!(!told(&world, &[], &[]), "once a day");
    assert_eq!(releases.seen().len(), 1);
}
