//! Who gets a result back, when not, and what makes room for what.

use super::*;
use filters::{Target, originals::Unit};
use protocol::method::Primitive;
use tempfile::TempDir;

const ROOMY: Bounds = Bounds {
    lifetime: Duration::from_secs(3_600),
    memory_bytes_max: 1 << 20,
    disk_bytes_max: 1 << 20,
    principal_bytes_max: 1 << 20,
    results_max: 100,
};

struct World {
    home: TempDir,
    store: Arc<Store>,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("originals")).unwrap();
        Self { home, store }
    }

    fn keep(&self, who: &str, original: &str, bounds: Bounds) -> Option<String> {
        let rest = Rest { unit: Unit::Records, indices: vec![2, 0] };
        self.store.within(bounds).keep(&owner(who, Some("weekly")), &origin(), original, rest)
    }

    fn get(&self, who: &str, id: &str) -> Option<String> {
        self.store.get(&owner(who, Some("weekly")), id).map(|opened| opened.original)
    }

    /// What lies in the files.
    fn files(&self) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.home.path().join("originals")).unwrap();
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

fn owner(who: &str, project: Option<&str>) -> Owner {
    Owner { principal: who.parse().unwrap(), project: project.map(str::to_owned) }
}

fn origin() -> Origin {
    let target = Target::new("slack".parse().unwrap(), "get");
    Origin { primitive: Primitive::Tool("slack_get".to_owned()), target, arguments: None }
}

/// A text of `bytes` bytes that begins with `mark`.
fn text(mark: &str, bytes: usize) -> String {
    format!("{mark}{}", "x".repeat(bytes - mark.len()))
}

#[test]
fn an_id_is_good_for_its_user_in_its_project_and_for_nobody_else() {
    let world = World::new();
    let id = world.keep("ada", "the whole", ROOMY).unwrap();
    let opened = world.store.get(&owner("ada", Some("weekly")), &id).unwrap();
    let rest = Rest { unit: Unit::Records, indices: vec![2, 0] };
    assert_eq!(opened, Opened { original: "the whole".to_owned(), origin: origin(), rest });
    for other in [owner("bob", Some("weekly")), owner("ada", Some("other")), owner("ada", None)] {
        assert!(world.store.get(&other, &id).is_none() && !world.store.holds(&other, &id), "{other:?}");
    }
    assert!(world.get("ada", "unknown").is_none());
    let another = world.keep("ada", "the whole", ROOMY).unwrap();
    assert!(id != another && id.len() == 22, "{id} {another}");
}

#[test]
fn what_is_too_old_is_not_there() {
    let world = World::new();
    let soon = Bounds { lifetime: Duration::from_nanos(1), ..ROOMY };
    let id = world.keep("ada", "the whole", soon).unwrap();
    assert!(world.get("ada", &id).is_none());
    let old = Bounds { memory_bytes_max: 0, ..soon };
    world.keep("ada", "on disk", old).unwrap();
    let gone = world.store.shelf.lock().expire(Instant::now());
    assert_eq!(gone.len(), 1);
    world.store.disk.remove(&gone);
    assert!(world.files().is_empty());
    assert!(world.keep("ada", "not at all", Bounds { lifetime: Duration::ZERO, ..ROOMY }).is_none());
}

#[test]
fn beyond_memory_the_oldest_go_to_disk_and_are_sealed_there() {
    let world = World::new();
    let small = Bounds { memory_bytes_max: 2_500, ..ROOMY };
    let ids: Vec<String> =
        (0..4).map(|n| world.keep("ada", &text(&format!("secret {n}"), 1_000), small).unwrap()).collect();
    let files = world.files();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| !file.windows(6).any(|window| window == b"secret")));
    for (n, id) in ids.iter().enumerate() {
        assert!(world.get("ada", id).unwrap().starts_with(&format!("secret {n}")));
    }
}

#[test]
fn a_changed_file_is_no_result() {
    let world = World::new();
    let id = world.keep("ada", "the whole", Bounds { memory_bytes_max: 0, ..ROOMY }).unwrap();
    assert_eq!(world.get("ada", &id).as_deref(), Some("the whole"));
    let file = std::fs::read_dir(world.home.path().join("originals")).unwrap().next().unwrap().unwrap().path();
    let mut sealed = std::fs::read(&file).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    std::fs::write(&file, sealed).unwrap();
    assert!(world.get("ada", &id).is_none());
}

#[test]
fn beyond_disk_and_count_the_oldest_are_forgotten() {
    let world = World::new();
    let small = Bounds { memory_bytes_max: 0, disk_bytes_max: 2_500, ..ROOMY };
    let ids: Vec<String> = (0..4).map(|_| world.keep("ada", &text("", 1_000), small).unwrap()).collect();
    assert_eq!(ids.iter().map(|id| world.get("ada", id).is_some()).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!(world.files().len(), 2);
    let few = Bounds { results_max: 2, ..ROOMY };
    let world = World::new();
    let ids: Vec<String> = (0..3).map(|_| world.keep("ada", "x", few).unwrap()).collect();
    assert_eq!(ids.iter().map(|id| world.get("ada", id).is_some()).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_user_makes_room_for_their_own_only() {
    let world = World::new();
    let small = Bounds { principal_bytes_max: 2_500, ..ROOMY };
    let of_bob = world.keep("bob", &text("", 1_000), small).unwrap();
    let ids: Vec<String> = (0..3).map(|_| world.keep("ada", &text("", 1_000), small).unwrap()).collect();
    assert_eq!(ids.iter().map(|id| world.get("ada", id).is_some()).collect::<Vec<_>>(), [false, true, true]);
    assert!(world.get("bob", &of_bob).is_some());
    assert!(world.keep("ada", &text("", 3_000), small).is_none(), "there can be no room for it");
}

#[test]
fn what_was_shown_is_no_rest_any_more() {
    let world = World::new();
    let id = world.keep("ada", "the whole", ROOMY).unwrap();
    let ada = owner("ada", Some("weekly"));
    world.store.shown(&owner("bob", Some("weekly")), &id, &[0, 2].into());
    world.store.shown(&ada, &id, &[2, 7].into());
    assert_eq!(world.store.get(&ada, &id).unwrap().rest.indices, [0]);
}

#[test]
fn what_an_earlier_process_left_is_removed() {
    let world = World::new();
    let id = world.keep("ada", "the whole", Bounds { memory_bytes_max: 0, ..ROOMY }).unwrap();
    assert_eq!(world.files().len(), 1);
    let after = Store::open(&world.home.path().join("originals")).unwrap();
    assert!(world.files().is_empty());
    assert!(after.get(&owner("ada", Some("weekly")), &id).is_none());
}
