//! A test's own CA, and the certificates that it issues.

use birpc::{ClientCertificates, ClientTls, ServerTls};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};

pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().expect("a key"))
    }

    /// The same with a key of another kind.
    pub(crate) fn with_ed25519(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate_for(&PKCS_ED25519).expect("a key"))
    }

    fn with_key(name: &str, key: KeyPair) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).expect("a CA").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a server with these names and addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Issued {
        self.issue(named("server", names), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The same, but expired in 2001.
    pub(crate) fn expired(&self, names: &[&str]) -> Issued {
        let mut params = named("server", names);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub(crate) fn client(&self, name: &str) -> Issued {
        self.issue(named(name, &[]), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Issued {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { pem: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem() }
    }

    /// A client that trusts only this CA.
    pub(crate) fn trusted(&self) -> ClientTls {
        ClientTls::only_ca_pem(&self.pem).expect("a CA")
    }
}

impl Issued {
    /// A self-signed certificate; `openssl req -x509` makes it a CA certificate by default.
    pub(crate) fn by_itself(names: &[&str], is_ca: IsCa) -> Self {
        let mut params = named("alone", names);
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().to_vec(), key: key.serialize_pem() }
    }

    /// A server that presents it.
    pub(crate) fn served(&self) -> ServerTls {
        ServerTls::from_pem(&self.pem, &self.key).expect("a certificate and its key")
    }

    /// A server that presents it, and requests client certificates of a CA.
    pub(crate) fn served_to(&self, clients: &Ca, policy: ClientCertificates) -> ServerTls {
        self.served().client_ca_pem(&clients.pem, policy).expect("a CA")
    }
}

fn named(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names that a certificate can have");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
