//! Hashing passwords: Argon2id, as many at once as there are processors, and the same work for users who do not exist.
//!
//! Who may try, and how often, is `throttle`'s business.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use control_plane_api::access::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use rand::{RngCore as _, rngs::OsRng};
use std::{
    num::NonZero,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Memory of one hash, in KiB: 46 MiB, with one pass and one lane (OWASP ASVS 5, appendix C).
const MEMORY_KIB: u32 = 47_104;
/// Passes over that memory.
const PASSES: u32 = 1;
/// Lanes of that memory.
const LANES: u32 = 1;
/// Passwords waiting to be hashed; beyond it who asks is told to come back.
const WAITING_MAX: usize = 64;

/// Why a password was not hashed or compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PasswordError {
    #[error("a password has {PASSWORD_CHARS_MIN} characters at least")]
    TooShort,
    #[error("a password has {PASSWORD_BYTES_MAX} bytes at most")]
    TooLong,
    #[error("too many passwords are waiting to be checked")]
    Busy,
    #[error("hashing failed: {0}")]
    Hash(String),
}

/// How a password compared with a hash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) equal: bool,
    /// Hashed with other parameters than those of today: to be hashed anew now that it is known.
    pub(crate) outdated: bool,
}

/// Hashes and compares passwords. No Debug.
pub(crate) struct Hasher {
    at_once: Arc<Semaphore>,
    /// Those that hash and those that wait.
    admitted: Arc<Semaphore>,
    /// What the passwords of users who have none are compared with.
    nobodys: OnceLock<String>,
    hashed: AtomicU64,
}

impl Hasher {
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            at_once: Arc::new(Semaphore::new(processors)),
            admitted: Arc::new(Semaphore::new(processors + WAITING_MAX)),
            nobodys: OnceLock::new(),
            hashed: AtomicU64::new(0),
        }
    }

    /// The hash of a new password, as a PHC string.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, PasswordError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordError::TooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        self.run(move || hash(&password)).await
    }

    /// Compares `password` with the hash of a user; without one the same work is done, and nothing is equal.
    pub(crate) async fn compare(
        &self,
        phc: Option<String>,
        password: Zeroizing<String>,
    ) -> Result<Compared, PasswordError> {
        let exists = phc.is_some();
        let phc = match phc {
            Some(phc) => phc,
            None => self.nobodys().await?,
        };
        let compared = self
            .run(move || {
                let parsed = PasswordHash::new(&phc).map_err(failed)?;
                // A longer one cannot have been set; what it costs must say nothing about who it is for.
                let fits = password.len() <= PASSWORD_BYTES_MAX;
                let bytes = password.as_bytes().get(..PASSWORD_BYTES_MAX).unwrap_or(password.as_bytes());
                let equal = argon2()?.verify_password(bytes, &parsed).is_ok();
                let params = Params::try_from(&parsed).map_err(failed)?;
                let outdated = (params.m_cost(), params.t_cost(), params.p_cost()) != (MEMORY_KIB, PASSES, LANES)
                    || parsed.algorithm != Algorithm::Argon2id.ident();
                Ok(Compared { equal: equal && fits, outdated })
            })
            .await?;
        Ok(Compared { equal: compared.equal && exists, ..compared })
    }

    /// Hashes of passwords computed so far, those of users who do not exist included.
    #[cfg(test)]
    fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    async fn nobodys(&self) -> Result<String, PasswordError> {
        if let Some(phc) = self.nobodys.get() {
            return Ok(phc.clone());
        }
        let mut random = [0_u8; 32];
        OsRng.fill_bytes(&mut random);
        let phc = self.run(move || hash(&hex::encode(random))).await?;
        Ok(self.nobodys.get_or_init(|| phc).clone())
    }

    /// Makes the hash that stands for users who have none, so that the first of them costs no more than the next.
    pub(crate) async fn warm(&self) -> Result<(), PasswordError> {
        self.nobodys().await.map(drop)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let permit = self.at_once.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        self.hashed.fetch_add(1, Ordering::Relaxed);
        // Both permits go with the work: a caller that goes away does not make room for one more before it is done.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, admitted));
            done
        });
        done.await.map_err(|error| PasswordError::Hash(error.to_string()))?
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let salt = SaltString::generate(&mut OsRng);
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "correct horse battery";

    fn text(password: &str) -> Zeroizing<String> {
        Zeroizing::new(password.to_owned())
    }

    async fn check(hasher: &Hasher, phc: Option<&str>, password: &str, equal: bool) {
        let before = hasher.hashed();
        let compared = hasher.compare(phc.map(str::to_owned), text(password)).await.unwrap();
        assert_eq!(compared.equal, equal, "{phc:?} {}", password.len());
        assert_eq!(hasher.hashed() - before, 1, "one hash whoever it is");
    }

    #[tokio::test]
    async fn a_user_who_does_not_exist_costs_the_same_hash_as_a_wrong_password() {
        let hasher = Hasher::new();
        hasher.warm().await.unwrap();
        let phc = hasher.hash(text(RIGHT)).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{phc}");
        let nobodys = hasher.nobodys().await.unwrap();
        assert_eq!(nobodys.rsplit_once('$').unwrap().0.len(), phc.rsplit_once('$').unwrap().0.len());
        check(&hasher, Some(&phc), RIGHT, true).await;
        check(&hasher, Some(&phc), "correct horse batterz", false).await;
        check(&hasher, None, RIGHT, false).await;
        check(&hasher, None, &"x".repeat(2_000), false).await;
        check(&hasher, Some(&phc), "", false).await;
    }

    #[tokio::test]
    async fn no_two_hashes_of_a_password_are_alike_and_a_weaker_one_is_outdated() {
        let hasher = Hasher::new();
        assert_ne!(hasher.hash(text(RIGHT)).await.unwrap(), hasher.hash(text(RIGHT)).await.unwrap());
        let params = Params::new(8_192, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let weak = weak.hash_password(RIGHT.as_bytes(), &SaltString::generate(&mut OsRng)).unwrap().to_string();
        let compared = hasher.compare(Some(weak), text(RIGHT)).await.unwrap();
        assert_eq!(compared, Compared { equal: true, outdated: true });
    }

    #[tokio::test]
    async fn a_password_has_bounds() {
        let hasher = Hasher::new();
        assert_eq!(hasher.hash(text("eleven char")).await, Err(PasswordError::TooShort));
        assert_eq!(hasher.hash(text("ä".repeat(11).as_str())).await, Err(PasswordError::TooShort));
        assert_eq!(hasher.hash(text(&"x".repeat(PASSWORD_BYTES_MAX + 1))).await, Err(PasswordError::TooLong));
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        let phc = hasher.hash(text(&longest)).await.unwrap();
        check(&hasher, Some(&phc), &longest, true).await;
        check(&hasher, Some(&phc), &format!("{longest}x"), false).await;
    }

    #[tokio::test]
    async fn more_than_can_wait_are_sent_away() {
        let hasher = Hasher::new();
        let _all =
            hasher.admitted.clone().acquire_many_owned(hasher.admitted.available_permits() as u32).await.unwrap();
        assert_eq!(hasher.compare(Some(String::new()), text(RIGHT)).await, Err(PasswordError::Busy));
    }
}
