//! A real nats-server, which is killed, stopped and restarted as a test wants.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Names the program. `cargo xtask cluster` sets it.
const PROGRAM: &str = "NATS_SERVER";

/// How long a nats-server may take to listen.
const START: Duration = Duration::from_secs(20);

pub(crate) struct NatsServer {
    child: Child,
    folder: PathBuf,
    config: String,
    /// Where clients connect to, as `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Where other servers connect to, if it is in a cluster.
    pub(crate) cluster: Option<String>,
}

impl NatsServer {
    /// Starts one with ports from the system.
    pub(crate) async fn start() -> Self {
        Self::configured("").await
    }

    /// Starts one with these lines in its configuration.
    pub(crate) async fn configured(lines: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("birpc-nats-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let config = format!("listen: \"127.0.0.1:-1\"\n{lines}\n");
        let (child, address, cluster) = Self::run(&folder, &config).await;
        Self { child, folder, config, address, cluster }
    }

    /// Starts one that is in a cluster with these.
    pub(crate) async fn in_cluster(others: &[&NatsServer]) -> Self {
        let address = |other: &&NatsServer| other.cluster.clone().expect("it is in a cluster");
        let routes: Vec<String> =
            others.iter().map(|other| format!("\"nats://{}\"", address(other))).collect();
        let routes = routes.join(", ");
        Self::configured(&format!("cluster {{ name: test, listen: \"127.0.0.1:-1\", routes: [{routes}] }}"))
            .await
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills it with SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Starts it again, on the same port, after [`NatsServer::kill`].
    pub(crate) async fn restart(&mut self) {
        self.restart_with("").await;
    }

    /// Starts it again with more lines in its configuration.
    pub(crate) async fn restart_with(&mut self, lines: &str) {
        let config = self.config.replace("127.0.0.1:-1", &self.address);
        let (child, address, cluster) = Self::run(&self.folder, &format!("{config}{lines}\n")).await;
        assert_eq!(address, self.address);
        (self.child, self.cluster) = (child, cluster);
    }

    /// Replaces the lines in its configuration, for the next restart.
    pub(crate) fn reconfigure(&mut self, lines: &str) {
        self.config = format!("listen: \"{}\"\n{lines}\n", self.address);
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs");
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().await;
        assert!(kill.expect("a shell").success(), "{name} to {pid}");
    }

    async fn run(folder: &PathBuf, config: &str) -> (Child, String, Option<String>) {
        let file = folder.join("server.conf");
        fs::write(&file, config).expect("the configuration can be written");
        let log = fs::File::create(folder.join("log")).expect("the log can be written");
        let program = std::env::var_os(PROGRAM).unwrap_or_else(|| OsString::from("nats-server"));
        let mut command = Command::new(&program);
        command.arg("--config").arg(&file).arg("--ports_file_dir").arg(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{} cannot be started ({error}): run `cargo xtask cluster`", program.display())
        });
        let ports = folder.join(format!("nats-server_{}.ports", child.id().expect("it runs")));
        let listening = async {
            loop {
                // The file may be there before it is whole.
                let found =
                    fs::read(&ports).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
                if let Some(found) = found {
                    return found;
                }
                if child.try_wait().expect("it can be asked").is_some() {
                    panic!("{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let found = timeout(START, listening).await.expect("it listens");
        let of = |kind: &str| {
            let url = found[kind][0].as_str()?;
            Some(url.rsplit('/').next().unwrap_or(url).to_owned())
        };
        (child, of("nats").expect("the address for clients"), of("cluster"))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
