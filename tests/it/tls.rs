//! `wss://` on both sides, client certificates, and all the ways in which a TLS handshake fails.

mod pki;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use birpc::{
    Client, ClientCertificates, ClientTls, ConnectError, Context, ErrorObject, Event, Grant, Initiator,
    Reconnect, ReconnectCause, Refusal, Router, ServeError, Server, ServerBuilder, ServerTls, TlsError,
    TlsProblem,
};
use pki::{Ca, Issued};
use rcgen::{BasicConstraints, IsCa};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{NoParams, bounded};

/// The names in a server's certificate on this machine.
const HERE: &[&str] = &["localhost", "127.0.0.1"];

/// Serves methods that call the caller back, and one that returns the connection's certificates.
fn router() -> Router {
    Router::new()
        .method("twice", |cx: Context, (text,): (String,)| async move {
            let once: String = cx.peer().call("shout", (text,)).await.map_err(ErrorObject::from)?;
            Ok::<_, ErrorObject>(format!("{once}{once}"))
        })
        .method("length", |_: Context, (text,): (String,)| async move { Ok::<_, ErrorObject>(text.len()) })
        .method("certificates", |cx: Context, _: NoParams| async move {
            let shown = cx.peer().get::<Shown>().expect("every connection is granted it");
            Ok::<_, ErrorObject>(shown.0.clone())
        })
}

/// The certificates that `authorize` saw.
struct Shown(Vec<Vec<u8>>);

/// Runs a server. Returns its port.
async fn serve(builder: ServerBuilder) -> u16 {
    let server = builder
        .authorize(|request| async move {
            Ok::<_, Refusal>(Grant::new().with(Shown(request.peer_certificates().to_vec())))
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = server.local_addr().expect("it is bound").port();
    tokio::spawn(server.serve(router()));
    port
}

async fn serve_tls(tls: ServerTls) -> u16 {
    serve(Server::builder().tls(tls)).await
}

/// Connects to `localhost`, and serves `shout`.
async fn connect(port: u16, tls: ClientTls) -> Result<Client, ConnectError> {
    let shout = |_: Context, (text,): (String,)| async move { Ok::<_, ErrorObject>(text.to_uppercase()) };
    let builder = Client::builder().tls(tls).serve(Router::new().method("shout", shout));
    bounded(builder.connect(&format!("wss://localhost:{port}/"))).await
}

/// The reason why the TLS handshake failed, and the text for users.
async fn problem(port: u16, tls: ClientTls) -> (TlsProblem, String) {
    match connect(port, tls).await {
        Err(error @ ConnectError::Tls { .. }) => {
            let text = error.to_string();
            let ConnectError::Tls { problem, .. } = error else { unreachable!("it was matched") };
            (problem, text)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_go_both_ways_by_name_and_by_address() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(HERE).served()).await;
    let client = connect(port, ca.trusted()).await.expect("TLS");
    assert_eq!(client.peer().call::<String>("twice", ("ab",)).await.expect("a reply"), "ABAB");
    assert_eq!(client.subprotocol(), Some("birpc.v1"));
    let shown: Vec<Vec<u8>> = client.peer().call("certificates", ()).await.expect("a reply");
    assert!(shown.is_empty(), "none was asked for");

    let by_address = Client::builder().tls(ca.trusted());
    let by_address = bounded(by_address.connect(&format!("wss://127.0.0.1:{port}/"))).await.expect("TLS");
    assert_eq!(by_address.peer().call::<usize>("length", ("abc",)).await.expect("a reply"), 3);
}

/// Presents a certificate that can be exchanged while the server runs.
#[derive(Debug)]
struct Renewable(Mutex<Arc<CertifiedKey>>);

impl Renewable {
    fn renew(&self, issued: &Issued) {
        *self.0.lock().expect("nothing panics under the lock") = certified(issued);
    }
}

impl rustls::server::ResolvesServerCert for Renewable {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.lock().expect("nothing panics under the lock").clone())
    }
}

fn certified(issued: &Issued) -> Arc<CertifiedKey> {
    let (chain, key) = der(issued);
    let provider = rustls::crypto::ring::default_provider();
    Arc::new(CertifiedKey::from_der(chain, key, &provider).expect("a certificate and its key"))
}

#[tokio::test]
async fn a_client_comes_back_when_an_expired_certificate_is_renewed() {
    let (ca, stranger) = (Ca::new("ca"), Ca::new("stranger"));
    let shown = Arc::new(Renewable(Mutex::new(certified(&ca.server(HERE)))));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_no_client_auth()
        .with_cert_resolver(shown.clone());
    // A resumed session presents no certificate.
    (config.send_tls13_tickets, config.session_storage) =
        (0, Arc::new(rustls::server::NoServerSessionStorage {}));
    let server = Server::builder().tls(ServerTls::from_config(Arc::new(config))).bind("127.0.0.1:0");
    let server = server.await.expect("a free port");
    let (port, handle) = (server.local_addr().expect("it is bound").port(), server.handle());
    tokio::spawn(server.serve(router()));
    let failures = crate::support::Record::default();
    let record = failures.clone();
    let reconnect = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(20)).when(
        move |cause, default| {
            if let ReconnectCause::Failed(ConnectError::Tls { problem, .. }) = cause {
                record.push(problem.clone());
            }
            default
        },
    );
    let client = Client::builder().tls(ca.trusted()).reconnect(reconnect);
    let client = client.connect(&format!("wss://localhost:{port}/")).await.expect("TLS");
    let mut events = client.events();
    assert_eq!(events.next().await, Some(Event::Open));
    for (wrong, problem) in
        [(ca.expired(HERE), TlsProblem::Expired), (stranger.server(HERE), TlsProblem::UnknownCa)]
    {
        shown.renew(&wrong);
        for peer in handle.peers().list() {
            peer.close(1011, "").expect("it may be sent");
        }
        assert!(matches!(bounded(events.next()).await, Some(Event::Lost(_))));
        bounded(async {
            while !failures.take().contains(&problem) {
                tokio::time::sleep(Duration::from_millis(1)).await; // until it has met the certificate
            }
        })
        .await;
        shown.renew(&ca.server(HERE));
        assert_eq!(bounded(events.next()).await, Some(Event::Open));
    }
}

#[tokio::test]
async fn an_address_may_be_dialled_beside_the_name_of_the_certificate() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(&["rpc.localhost"]).served()).await;
    let client = Client::builder()
        .tls(ca.trusted())
        .dial(move |to| async move {
            assert_eq!((&*to.host, to.port, to.secure), ("rpc.localhost", 443, true));
            TcpStream::connect(("127.0.0.1", port)).await
        })
        .connect("wss://rpc.localhost/");
    let client = bounded(client).await.expect("TLS");
    assert_eq!(client.peer().call::<usize>("length", ("abc",)).await.expect("a reply"), 3);
}

#[tokio::test]
async fn a_stream_that_ends_without_close_notify_is_told_in_few_words() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(HERE).served()).await;
    let (cut, cuts) = tokio::sync::oneshot::channel();
    let cuts = Arc::new(Mutex::new(Some(cuts)));
    let dial = move |_| {
        let cuts = cuts.lock().expect("nothing panics under the lock").take().expect("it is dialled once");
        async move {
            let mut far = TcpStream::connect(("127.0.0.1", port)).await?;
            let (near, mut middle) = tokio::io::duplex(1 << 16);
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut middle, &mut far) => {}
                    _ = cuts => {}
                }
            });
            Ok(near)
        }
    };
    let client = Client::builder().tls(ca.trusted()).dial(dial).connect("wss://localhost/");
    let client = bounded(client).await.expect("TLS");
    cut.send(()).expect("it is carried");
    let reason = bounded(client.closed()).await;
    assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network));
    assert!(reason.reason.contains("close_notify") && !reason.reason.contains("http"), "{reason}");
}

#[tokio::test]
async fn large_messages_pass_and_the_close_is_clean() {
    let ca = Ca::new("ca");
    let client = connect(serve_tls(ca.server(HERE).served()).await, ca.trusted()).await.expect("TLS");
    let large = "x".repeat(900 << 10);
    let calls = (0..4).map(|_| client.peer().call::<usize>("length", (&large,)));
    for length in bounded(futures_util::future::join_all(calls)).await {
        assert_eq!(length.expect("a reply"), large.len());
    }
    let twice = bounded(client.peer().call::<String>("twice", ("x".repeat(400 << 10),))).await;
    assert_eq!(twice.expect("a reply").len(), 800 << 10);

    client.close(4000, "done").expect("a code that may be sent");
    let reason = bounded(client.closed()).await;
    assert_eq!((reason.code, reason.clean, reason.initiator), (4000, true, Initiator::Local));
}

#[tokio::test]
async fn ready_configs_are_used_as_they_are() {
    let (ca, ready) = (Ca::new("ca"), Arc::new(rustls::crypto::ring::default_provider()));
    let issued = ca.server(HERE);
    let (chain, key) = der(&issued);
    let server = rustls::ServerConfig::builder_with_provider(ready.clone())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("ring has TLS 1.2")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der_of(&ca.pem)).expect("a CA");
    let client = rustls::ClientConfig::builder_with_provider(ready)
        .with_safe_default_protocol_versions()
        .expect("ring has both")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = ServerTls::from_config(Arc::new(server));
    let refused = tls.clone().client_ca_pem(&ca.pem, ClientCertificates::Required);
    assert!(matches!(refused, Err(TlsError::ReadyConfig)), "{refused:?}");
    let client = connect(serve_tls(tls).await, ClientTls::from_config(Arc::new(client))).await.expect("TLS");
    assert_eq!(client.peer().call::<String>("twice", ("a",)).await.expect("a reply"), "AA");
}

fn der(issued: &Issued) -> (Vec<rustls::pki_types::CertificateDer<'static>>, PrivateKey) {
    use rustls::pki_types::pem::PemObject;
    (vec![der_of(&issued.pem)], PrivateKey::from_pem_slice(issued.key.as_bytes()).expect("a key"))
}

type PrivateKey = rustls::pki_types::PrivateKeyDer<'static>;

fn der_of(pem: &str) -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_is_named() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let port = serve_tls(ca.server(HERE).served()).await;
    let same_names = [Ca::new("ca").trusted(), Ca::with_ed25519("ca").trusted()];
    let others = [other.trusted(), ClientTls::webpki_roots(), ClientTls::default()];
    for tls in same_names.into_iter().chain(others) {
        let (found, text) = problem(port, tls).await;
        assert_eq!(found, TlsProblem::UnknownCa);
        assert!(text.contains("does not trust") && text.contains("add_ca_pem"), "{text}");
    }
    let unset = bounded(Client::connect(&format!("wss://localhost:{port}/"))).await;
    assert!(matches!(unset, Err(ConnectError::Tls { problem: TlsProblem::UnknownCa, .. })), "{unset:?}");
    let added = ClientTls::default().add_ca_pem(&ca.pem).expect("a CA");
    connect(port, added).await.expect("this CA is trusted beside the others");

    let (found, text) = problem(serve_tls(ca.expired(HERE).served()).await, ca.trusted()).await;
    assert_eq!(found, TlsProblem::Expired);
    assert!(text.contains("expired") && text.contains("renew"), "{text}");

    let elsewhere = ca.server(&["rpc.example", "192.0.2.1"]);
    let (found, text) = problem(serve_tls(elsewhere.served()).await, ca.trusted()).await;
    assert_eq!(found, TlsProblem::WrongName { names: vec!["rpc.example".into(), "192.0.2.1".into()] });
    assert!(text.contains("rpc.example, 192.0.2.1"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_trusted_unless_it_is_a_ca() {
    let alone = Issued::by_itself(HERE, IsCa::ExplicitNoCa);
    let trusting = ClientTls::only_ca_pem(&alone.pem).expect("a certificate");
    connect(serve_tls(alone.served()).await, trusting).await.expect("TLS");

    let alone = Issued::by_itself(HERE, IsCa::Ca(BasicConstraints::Unconstrained));
    let trusting = ClientTls::only_ca_pem(&alone.pem).expect("a CA");
    let (found, text) = problem(serve_tls(alone.served()).await, trusting).await;
    assert_eq!(found, TlsProblem::IsCa);
    assert!(text.contains("CA:FALSE"), "{text}");
}

#[tokio::test]
async fn a_required_client_certificate_reaches_authorize() {
    let (ca, clients) = (Ca::new("ca"), Ca::new("clients"));
    let tls = ca.server(HERE).served_to(&clients, ClientCertificates::Required);
    let port = serve_tls(tls).await;

    let ada = clients.client("ada");
    let identified = ca.trusted().identity_pem(&ada.pem, &ada.key).expect("a certificate and its key");
    for _ in 0..2 {
        // The second session may be resumed, and still has the certificate.
        let client = connect(port, identified.clone()).await.expect("TLS");
        let shown: Vec<Vec<u8>> = client.peer().call("certificates", ()).await.expect("a reply");
        assert_eq!(shown, [ada.der.as_slice()]);
    }

    let (found, text) = problem(port, ca.trusted()).await;
    assert_eq!(found, TlsProblem::CertificateRequired);
    assert!(text.contains("identity_pem"), "{text}");

    let stranger = ca.client("ada");
    let stranger = ca.trusted().identity_pem(&stranger.pem, &stranger.key).expect("a certificate");
    let (found, text) = problem(port, stranger).await;
    assert!(matches!(found, TlsProblem::CertificateRefused(_)), "{text}");
}

#[tokio::test]
async fn an_optional_client_certificate_may_be_missing() {
    let (ca, clients) = (Ca::new("ca"), Ca::new("clients"));
    let port = serve_tls(ca.server(HERE).served_to(&clients, ClientCertificates::Optional)).await;
    let ada = clients.client("ada");
    let identified = ca.trusted().identity_pem(&ada.pem, &ada.key).expect("a certificate and its key");
    for (tls, expected) in [(ca.trusted(), 0), (identified, 1)] {
        let client = connect(port, tls).await.expect("TLS");
        let shown: Vec<Vec<u8>> = client.peer().call("certificates", ()).await.expect("a reply");
        assert_eq!(shown.len(), expected);
    }
}

#[tokio::test]
async fn a_side_without_tls_is_told() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(HERE).served()).await;
    let plain = bounded(Client::connect(&format!("ws://127.0.0.1:{port}/"))).await;
    let Err(ConnectError::Refused { status: 400, body, .. }) = plain else { panic!("{plain:?}") };
    assert!(body.contains("wss://"), "{body}");

    let (found, text) = problem(serve(Server::builder()).await, ca.trusted()).await;
    assert_eq!(found, TlsProblem::NotTls);
    assert!(text.contains("use ws://"), "{text}");
}

#[tokio::test]
async fn garbage_ends_its_own_connection_only() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(HERE).served()).await;
    for garbage in [&[0_u8; 64][..], &[22, 3, 1, 0xff, 0xff, 1, 2, 3, 4, 5], b"\x16\x03\x01\x00\x04abcd"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        stream.write_all(garbage).await.expect("the server reads");
        let mut answer = Vec::new();
        bounded(stream.read_to_end(&mut answer)).await.expect("the end");
        assert!(matches!(answer.first(), None | Some(21)), "an alert (RFC 8446 §5.1): {answer:?}");
    }
    connect(port, ca.trusted()).await.expect("the server serves on");
}

#[tokio::test]
async fn half_a_tls_handshake_has_the_deadline_and_counts() {
    let ca = Ca::new("ca");
    let tls = ca.server(HERE).served();
    let port = serve(Server::builder().tls(tls).limits(|limits| {
        limits.handshake_timeout = Duration::from_millis(300);
        limits.max_handshakes = 1;
    }))
    .await;
    // The first bytes of a record of 256 bytes, and nothing at all.
    for half in [&[22_u8, 3, 1, 1, 0, 1][..], &[]] {
        let mut slow = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        slow.write_all(half).await.expect("the server reads");
        let tls = ca.trusted();
        let second = tokio::spawn(async move { connect(port, tls).await });
        assert_eq!(bounded(slow.read(&mut [0])).await.expect("the end"), 0, "the deadline is over");
        second.await.expect("no panic").expect("it waited, and the place is free");
    }
}

/// A client that resumes its sessions, and reports how its last handshake went.
struct Returning {
    config: Arc<rustls::ClientConfig>,
}

impl Returning {
    fn new(ca: &Ca) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der_of(&ca.pem)).expect("a CA");
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("ring has both")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config: Arc::new(config) }
    }

    /// Connects. Returns the server's certificate, and whether the session was resumed.
    async fn visit(&self, port: u16) -> (Vec<u8>, bool) {
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let mut session = rustls::ClientConnection::new(self.config.clone(), name).expect("a good config");
        let mut stream =
            TcpStream::connect(("127.0.0.1", port)).await.expect("it listens").into_std().expect("one");
        stream.set_nonblocking(false).expect("it can block");
        bounded(tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut tls = rustls::Stream::new(&mut session, &mut stream);
            // Any answer will do: the tickets of TLS 1.3 come before it.
            tls.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
            let _ = tls.read(&mut [0; 4096]).expect("it answers");
            let kind = session.handshake_kind().expect("the handshake is done");
            let shown = session.peer_certificates().expect("it showed one")[0].to_vec();
            (shown, kind == rustls::HandshakeKind::Resumed)
        }))
        .await
        .expect("no panic")
    }
}

#[tokio::test]
async fn any_number_of_clients_resume_their_sessions() {
    let ca = Ca::new("ca");
    let port = serve_tls(ca.server(HERE).served()).await;
    let clients: Vec<_> = (0..200).map(|_| Returning::new(&ca)).collect();
    for expected in [false, true] {
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(client.visit(port).await.1, expected, "client {number}");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_while_the_server_runs() {
    let ca = Ca::new("ca");
    let (old, new) = (ca.server(HERE), ca.server(HERE));
    let tls = old.served();
    let port = serve_tls(tls.clone()).await;
    let client = connect(port, ca.trusted()).await.expect("TLS");
    let returning = Returning::new(&ca);
    assert_eq!(returning.visit(port).await, (old.der.clone(), false));

    tls.reload_pem(&new.pem, &old.key).expect_err("another's key");
    tls.reload_pem("", "").expect_err("nothing");
    assert_eq!(Returning::new(&ca).visit(port).await.0, old.der, "what cannot be used changes nothing");
    tls.reload_pem(&new.pem, &new.key).expect("a certificate and its key");
    assert_eq!(Returning::new(&ca).visit(port).await, (new.der, false));
    assert!(returning.visit(port).await.1, "sessions go on");
    assert_eq!(client.peer().call::<usize>("length", ("abc",)).await, Ok(3), "connections go on");

    let ready =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has both")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    let refused = ServerTls::from_config(Arc::new(ready)).reload_pem(&old.pem, &old.key);
    assert!(matches!(refused, Err(TlsError::ReadyConfig)), "{refused:?}");
}

#[tokio::test]
async fn an_acceptor_with_tls_of_its_own_is_refused() {
    let tls = Ca::new("ca").server(HERE).served();
    let mounted = Server::builder().tls(tls).mount(Router::new());
    let Err(error @ ServeError::TlsMounted) = mounted else { panic!("{mounted:?}") };
    assert!(error.to_string().contains("behind_tls"), "{error}");
}

/// The TCP connection ends without the end of TLS, and the error says so.
#[tokio::test]
async fn an_end_without_close_notify_is_told_plainly() {
    let ca = Ca::new("ca");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::builder().tls(ca.server(HERE).served()).on_disconnect(move |_, reason| {
        tell.send(reason).expect("the test listens");
        async {}
    });
    let port = serve(server).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let between = listener.local_addr().expect("it is bound").port();
    let (cut, to_cut) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("a client");
        let mut far = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            _ = to_cut => {}
        }
    });
    let client = connect(between, ca.trusted()).await.expect("TLS");
    cut.send(()).expect("it runs");
    for reason in [bounded(client.closed()).await, bounded(told.recv()).await.expect("it ends")] {
        assert_eq!((reason.code, reason.initiator), (1006, Initiator::Network));
        assert!(!reason.reason.contains("http"), "{reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_said() {
    let (ca, other) = (Ca::new("ca"), Ca::new("other"));
    let (one, two) = (ca.server(HERE), other.server(HERE));
    let mismatch = ServerTls::from_pem(&one.pem, &two.key).expect_err("another's key").to_string();
    assert!(mismatch.contains("the server's certificate with the server's key"), "{mismatch}");
    let swapped = ServerTls::from_pem(&one.key, &one.pem).expect_err("swapped").to_string();
    assert!(swapped.contains("the server's certificate has no certificate"), "{swapped}");
    let missing = ServerTls::from_pem_files("no/chain.pem", "no/key.pem").expect_err("no file");
    assert!(matches!(missing, TlsError::Read { .. }), "{missing}");
    let no_ca = ClientTls::only_ca_pem("nothing").expect_err("no PEM").to_string();
    assert!(no_ca.contains("the CA has no certificate"), "{no_ca}");
    let mismatch = ca.trusted().identity_pem(&one.pem, &two.key).expect_err("another's key");
    assert!(matches!(mismatch, TlsError::Unusable { .. }), "{mismatch}");
    let secret = format!("{:?} {:?}", one.served(), ca.trusted());
    assert!(secret.starts_with("ServerTls") && !secret.contains("PRIVATE"), "{secret}");
}
