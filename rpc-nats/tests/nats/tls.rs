//! TLS to NATS, and keys.

use std::fs;
use std::path::PathBuf;

use birpc_nats::{ConnectError, Nats};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::access::works;
use crate::server::NatsServer;

/// A CA, and certificates that it has signed, in a folder.
struct Certificates {
    folder: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("birpc-nats-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
        fs::write(folder.join("ca.pem"), ca.pem()).expect("it can be written");
        Self { folder, ca }
    }

    /// The paths of a certificate and its key.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("a name");
        let certificate = params.signed_by(&key, &self.ca).expect("a certificate");
        let path = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        fs::write(path("pem"), certificate.pem()).expect("it can be written");
        fs::write(path("key"), key.serialize_pem()).expect("it can be written");
        (path("pem"), path("key"))
    }

    fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn tls_is_with_the_certificates_that_are_trusted_and_presented() {
    let (ours, theirs) = (Certificates::new("ours"), Certificates::new("theirs"));
    let (certificate, key) = ours.sign("server");
    let lines = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        certificate,
        key,
        ours.ca()
    );
    let server = NatsServer::configured(&lines).await;
    let address = server.address.replace("127.0.0.1", "localhost");
    let (certificate, key) = ours.sign("node");
    let builder = |scheme: &str| {
        Nats::builder(format!("{scheme}://{address}")).add_client_certificate(&certificate, &key)
    };
    works(builder("tls").add_root_certificates(ours.ca())).await;
    // The server asks for it.
    works(builder("nats").add_root_certificates(ours.ca())).await;
    for refused in [
        builder("tls"),
        builder("tls").add_root_certificates(theirs.ca()),
        Nats::builder(format!("tls://{address}")).add_root_certificates(ours.ca()),
        Nats::builder(server.url())
            .add_root_certificates(ours.ca())
            .add_client_certificate(&certificate, &key),
    ] {
        let error = refused.connect().await.expect_err("the certificates are wrong");
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    }
    let missing = builder("tls").add_root_certificates("no/such/file").connect().await;
    let error = missing.expect_err("the file is missing");
    assert!(error.to_string().contains("no/such/file"), "{error}");
    let plain = NatsServer::start().await;
    let error = Nats::builder(plain.url()).require_tls().connect().await.expect_err("the server has no TLS");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[cfg(feature = "nkeys")]
#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_key_must_be_one_that_the_server_knows() {
    use crate::access::is_refused;

    // From NATS' documentation.
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    let server =
        NatsServer::configured(&format!("authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}")).await;
    let builder = || Nats::builder(server.url());
    works(builder().nkey(SEED)).await;
    is_refused(builder(), "authorization violation").await;
    let other = NatsServer::configured("authorization { user: ada, password: secret }").await;
    is_refused(Nats::builder(other.url()).nkey(SEED), "authorization violation").await;
    for bad in [builder().nkey("SU"), builder().nkey(""), builder().credentials("no credentials")] {
        let error = bad.connect().await.expect_err("it is no key");
        assert!(matches!(error, ConnectError::Credentials(_)), "{error}");
    }
}
