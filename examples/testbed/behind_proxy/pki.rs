//! A CA and a certificate for localhost, for a single run.

use std::error::Error;
use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Writes `cert.pem`, `key.pem` and `both.pem`, which contains both. Returns the CA as PEM.
pub(crate) fn write(folder: &Path) -> Result<String, Box<dyn Error>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate()?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?.pem();
    fs::write(folder.join("cert.pem"), &certificate)?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    fs::write(folder.join("both.pem"), certificate + &key.serialize_pem())?;
    Ok(authority)
}
