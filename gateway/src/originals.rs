//! The whole of results that were shortened, kept for a time: in memory first, beyond that on disk, and nowhere in the clear.
//!
//! XChaCha20-Poly1305 under a key that lives as long as the process; whose it is and its id are authenticated with it. An
//! id is good for the user and the project it was given to; what anybody else asks for by it is not there, exactly as
//! what never was, what is too old, and what had to make room. Deliberately unknown here: what a result is made of.

mod disk;
mod shelf;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    AeadCore as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, OsRng, Payload},
};
use control_plane_api::limits::Limits;
use disk::Disk;
use filters::originals::{Origin, Originals, Owner, Rest};
use parking_lot::Mutex;
use rand::RngCore as _;
use shelf::{Entry, Place, Shelf};
use std::{
    collections::BTreeSet,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Random bytes of an id.
const ID_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// Time between two looks for what is too old.
const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Time a result is kept.
    pub lifetime: Duration,
    /// Bytes in memory.
    pub memory_bytes_max: u64,
    /// Bytes on disk.
    pub disk_bytes_max: u64,
    /// Bytes of one user, wherever they are.
    pub principal_bytes_max: u64,
    /// Results.
    pub results_max: usize,
}

impl Bounds {
    /// As `limits` say.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        Self {
            lifetime: Duration::from_millis(limits.originals_lifetime_ms),
            memory_bytes_max: limits.originals_memory_bytes_max,
            disk_bytes_max: limits.originals_disk_bytes_max,
            principal_bytes_max: limits.originals_principal_bytes_max,
            results_max: usize::try_from(limits.originals_max).unwrap_or(usize::MAX),
        }
    }
}

/// A result, opened for who may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The result as the server sent it.
    pub original: String,
    /// Which call it answered.
    pub origin: Origin,
    /// What of it was not shown yet.
    pub rest: Rest,
}

/// Where originals are. One per process.
pub struct Store {
    cipher: XChaCha20Poly1305,
    shelf: Mutex<Shelf>,
    disk: Disk,
}

impl Store {
    /// An empty one, which uses `folder` and removes what an earlier process left there.
    ///
    /// # Errors
    /// The folder cannot be emptied or made.
    pub fn open(folder: &Path) -> io::Result<Arc<Self>> {
        let cipher = XChaCha20Poly1305::new(&XChaCha20Poly1305::generate_key(&mut OsRng));
        Ok(Arc::new(Self { cipher, shelf: Mutex::default(), disk: Disk::open(folder)? }))
    }

    /// Forgets what is too old, as long as the store lives.
    pub fn sweep(self: &Arc<Self>) {
        let store = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut pause = tokio::time::interval(SWEEP_EVERY);
            loop {
                pause.tick().await;
                let Some(store) = store.upgrade() else { return };
                let old = store.shelf.lock().expire(Instant::now());
                store.disk.remove(&old);
            }
        });
    }

    /// This store within `bounds`, as a filter needs it.
    #[must_use]
    pub fn within(self: &Arc<Self>, bounds: Bounds) -> Arc<dyn Originals> {
        Arc::new(Within { store: self.clone(), bounds })
    }

    /// Whether `owner` may open `id` now.
    #[must_use]
    pub fn holds(&self, owner: &Owner, id: &str) -> bool {
        self.shelf.lock().get(owner, id, Instant::now()).is_some()
    }

    /// What `owner` was given `id` for. May wait for the disk.
    #[must_use]
    pub fn get(&self, owner: &Owner, id: &str) -> Option<Opened> {
        let entry = self.shelf.lock().get(owner, id, Instant::now())?;
        let sealed = match &entry.place {
            Place::Memory(sealed) => sealed.to_vec(),
            Place::Disk(number) => self.disk.read(*number)?,
        };
        let original = String::from_utf8(self.unseal(owner, id, &sealed)?).ok()?;
        Some(Opened { original, origin: entry.origin, rest: entry.rest })
    }

    /// Notes that the records of these indices were shown.
    pub fn shown(&self, owner: &Owner, id: &str, indices: &BTreeSet<usize>) {
        self.shelf.lock().shown(owner, id, indices);
    }

    /// Puts `entry` there under `id`, and makes room for it; whether it is there.
    fn put(&self, id: &str, entry: Entry, bounds: &Bounds) -> bool {
        let Some(room) = self.shelf.lock().put(id, entry, bounds, Instant::now()) else {
            return false;
        };
        self.disk.remove(&room.forgotten);
        for (moving, sealed) in room.to_disk {
            let number = self.disk.write(&sealed);
            let gone = self.shelf.lock().moved(&moving, number, bounds);
            self.disk.remove(&gone);
        }
        self.shelf.lock().has(id)
    }

    fn seal(&self, owner: &Owner, id: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed = self.cipher.encrypt(&nonce, Payload { msg: plain, aad: &bound(owner, id) }).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    fn unseal(&self, owner: &Owner, id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: sealed, aad: &bound(owner, id) };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
    }
}

/// Unambiguous: neither ids nor names of users hold a zero byte, and a project is told from none.
fn bound(owner: &Owner, id: &str) -> Vec<u8> {
    let project = owner.project.as_deref().map_or(String::new(), |project| format!("+{project}"));
    [id, owner.principal.as_str(), &project].join("\0").into_bytes()
}

/// See [`Store::within`].
struct Within {
    store: Arc<Store>,
    bounds: Bounds,
}

impl Originals for Within {
    fn keep(&self, owner: &Owner, origin: &Origin, original: &str, rest: Rest) -> Option<String> {
        let Bounds { lifetime, .. } = self.bounds;
        if lifetime.is_zero() {
            return None;
        }
        let mut random = [0_u8; ID_BYTES];
        OsRng.fill_bytes(&mut random);
        let id = BASE64_URL_SAFE_NO_PAD.encode(random);
        let sealed = self.store.seal(owner, &id, original.as_bytes())?;
        let entry = Entry {
            owner: owner.clone(),
            origin: origin.clone(),
            rest,
            bytes: sealed.len() as u64,
            expires: Instant::now() + lifetime,
            place: Place::Memory(sealed.into()),
        };
        self.store.put(&id, entry, &self.bounds).then_some(id)
    }
}

#[cfg(test)]
mod tests;
