//! A proxy with its own configuration in its own folder.

use std::error::Error;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::checks::SOON;
use crate::testbed::signal;
use crate::{http, pki};

/// How long a connection through a proxy may be silent.
pub(crate) const IDLE: Duration = Duration::from_secs(2);
/// How often a proxy checks the server's health, in milliseconds.
const CHECK: &str = "200";

/// The product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
    Apache,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        match name {
            "nginx" => Ok(Self::Nginx),
            "haproxy" => Ok(Self::Haproxy),
            "caddy" => Ok(Self::Caddy),
            "apache" => Ok(Self::Apache),
            other => Err(format!("there is no proxy `{other}`").into()),
        }
    }

    /// Whether connections survive a reload of the configuration.
    pub(crate) fn keeps_connections(self) -> bool {
        self != Self::Caddy
    }

    /// Whether it cuts connections that are silent for too long.
    pub(crate) fn cuts_idle(self) -> bool {
        self != Self::Caddy
    }
}

/// A running proxy. Dropping this kills it.
pub(crate) struct Proxy {
    pub(crate) kind: Kind,
    /// Its address for plain HTTP.
    pub(crate) http: SocketAddr,
    https: SocketAddr,
    /// The CA of its certificate, as PEM.
    pub(crate) ca: String,
    program: String,
    folder: PathBuf,
    process: Child,
    keep_log: bool,
}

impl Proxy {
    /// Starts `program` in front of `upstream`, with `template` for its configuration.
    pub(crate) async fn start(
        kind: Kind,
        program: &str,
        template: &str,
        upstream: SocketAddr,
    ) -> Result<Self, Box<dyn Error>> {
        let template = fs::read_to_string(template)?;
        let folder =
            std::env::temp_dir().join(format!("birpc-proxy-{}-{}", std::process::id(), upstream.port()));
        fs::create_dir_all(&folder)?;
        let ca = pki::write(&folder)?;
        // These ports are free now. Another process may take one before the proxy does.
        let [http, https, admin] = [free()?, free()?, free()?];
        let config = fill(&template, &folder, [http, https, admin, upstream]);
        fs::write(folder.join("config"), config)?;
        let process = spawn(kind, program, &folder)?;
        let mut proxy =
            Self { kind, http, https, ca, program: program.into(), folder, process, keep_log: false };
        if let Err(error) = tokio::time::timeout(SOON, proxy.serves()).await {
            proxy.keep_log();
            return Err(format!("the proxy does not serve: {error}").into());
        }
        Ok(proxy)
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.http)
    }

    pub(crate) fn secure_url(&self) -> String {
        format!("wss://localhost:{}/", self.https.port())
    }

    /// Changes the port for TLS and makes the proxy reload its configuration. Returns when it serves on the
    /// new port.
    pub(crate) async fn reload(&mut self) -> Result<(), Box<dyn Error>> {
        let moved = free()?;
        let config = self.folder.join("config");
        let [old, new] = [self.https, moved].map(|address| format!(":{}", address.port()));
        fs::write(&config, fs::read_to_string(&config)?.replace(&old, &new))?;
        self.https = moved;
        self.read_config(&config).await?;
        tokio::time::timeout(SOON, self.serves()).await.map_err(|_| "the proxy did not reload".into())
    }

    async fn read_config(&self, config: &Path) -> Result<(), Box<dyn Error>> {
        match self.kind {
            Kind::Nginx => signal(&self.process, "HUP").await,
            Kind::Haproxy | Kind::Apache => {
                let name = if self.kind == Kind::Apache { "USR1" } else { "USR2" };
                signal(&self.process, name).await
            }
            Kind::Caddy => {
                let mut reload = Command::new(&self.program);
                reload.args(["reload", "--force", "--adapter", "caddyfile", "--config"]).arg(config);
                let output = reload.output().await?;
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.success() { Ok(()) } else { Err(why.into()) }
            }
        }
    }

    /// Keeps the folder with its logs, and prints its path.
    pub(crate) fn keep_log(&mut self) {
        self.keep_log = true;
        eprintln!("the proxy's configuration and logs are in {}", self.folder.display());
    }

    /// Waits until a WebSocket can be opened through it, also with TLS.
    async fn serves(&self) {
        while http::upgrade(self.http, "localhost", None).await.ok() != Some(101)
            || tokio::net::TcpStream::connect(self.https).await.is_err()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Stopped by signal, so that its child processes end with it.
        if let Some(id) = self.process.id() {
            let _ = std::process::Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status();
            for _ in 0..100 {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if !self.keep_log {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// An address whose port is free now.
fn free() -> Result<SocketAddr, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn fill(template: &str, folder: &Path, [http, https, admin, upstream]: [SocketAddr; 4]) -> String {
    let file = |name: &str| folder.join(name).display().to_string();
    let values = [
        ("dir", folder.display().to_string()),
        ("http", http.to_string()),
        ("https", https.to_string()),
        ("admin", admin.to_string()),
        ("upstream", upstream.to_string()),
        ("site", format!("https://localhost:{}", https.port())),
        ("plain_site", format!("http://:{}", http.port())),
        ("cert", file("cert.pem")),
        ("key", file("key.pem")),
        ("pem", file("both.pem")),
        ("idle", IDLE.as_secs().to_string()),
        ("check", CHECK.into()),
    ];
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn spawn(kind: Kind, program: &str, folder: &Path) -> Result<Child, Box<dyn Error>> {
    let config = folder.join("config");
    let mut command = Command::new(program);
    match kind {
        Kind::Nginx => command.arg("-p").arg(folder).arg("-c").arg(config),
        Kind::Haproxy => command.args(["-W", "-db", "-f"]).arg(config),
        Kind::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(config),
        Kind::Apache => command.args(["-D", "FOREGROUND", "-f"]).arg(config),
    };
    // Caddy keeps its state in these folders.
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(variable, folder);
    }
    let log = File::create(folder.join("log"))?;
    command.stdout(log.try_clone()?).stderr(log).current_dir(folder).kill_on_drop(true);
    Ok(command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?)
}
