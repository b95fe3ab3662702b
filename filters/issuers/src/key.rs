//! One public key of an issuer: which algorithms it is for, and whether it made a signature.
//!
//! A key says by its family which algorithms it can be for; a token's header only chooses among those. That is why a
//! public key is never taken for a shared secret, and a curve never for another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use control_plane_api::issuer::{Algorithm, PublicKey};
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

/// A key that can verify.
pub(super) struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of a curve, or an Ed25519 key: the bytes as `ring` takes them.
    Bytes(Vec<u8>),
}

impl Key {
    /// Reads `key`; none when it is not for signatures, not of a family known here, or for none of `accepted`.
    pub(super) fn read(key: &PublicKey, accepted: &[Algorithm]) -> Option<Self> {
        if key.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let (family, material): (&[Algorithm], Material) = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => (
                &[
                    Algorithm::RS256,
                    Algorithm::RS384,
                    Algorithm::RS512,
                    Algorithm::PS256,
                    Algorithm::PS384,
                    Algorithm::PS512,
                ],
                Material::Rsa { n: number(key.n.as_deref()?)?, e: number(key.e.as_deref()?)? },
            ),
            ("EC", Some("P-256")) => (&[Algorithm::ES256], point(key, 32)?),
            ("EC", Some("P-384")) => (&[Algorithm::ES384], point(key, 48)?),
            ("OKP", Some("Ed25519")) => (&[Algorithm::EdDSA], Material::Bytes(bytes(key.x.as_deref()?)?)),
            _ => return None,
        };
        let only = |algorithm: &Algorithm| key.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str());
        let algorithms: Vec<Algorithm> =
            family.iter().copied().filter(|algorithm| accepted.contains(algorithm) && only(algorithm)).collect();
        (!algorithms.is_empty()).then(|| Self { kid: key.kid.clone(), algorithms, material })
    }

    /// Whether it is called `kid`.
    pub(super) fn is_called(&self, kid: &str) -> bool {
        self.kid.as_deref() == Some(kid)
    }

    /// Whether it made `signature` over `message` by `algorithm`, and is for that.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.algorithms.contains(&algorithm) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => rsa(algorithm).is_some_and(|parameters| {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }),
            Material::Bytes(key) => curve(algorithm)
                .is_some_and(|curve| UnparsedPublicKey::new(curve, key).verify(message, signature).is_ok()),
        }
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        _ => return None,
    })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A big-endian number without leading zeros, which some issuers send.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = bytes(text)?;
    Some(bytes.iter().copied().skip_while(|byte| *byte == 0).collect())
}

/// An uncompressed point (SEC 1 §2.3.3).
fn point(key: &PublicKey, size: usize) -> Option<Material> {
    let (x, y) = (bytes(key.x.as_deref()?)?, bytes(key.y.as_deref()?)?);
    (x.len() == size && y.len() == size).then(|| Material::Bytes([&[4], x.as_slice(), y.as_slice()].concat()))
}
